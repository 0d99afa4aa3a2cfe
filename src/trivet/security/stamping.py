"""Strip of a few held-out images with and without a trigger, for display."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from trivet.datasets.images import ImageSet
from trivet.security.classifier import Scorer
from trivet.security.evaluation import predict
from trivet.security.scanning import Scan
from trivet.security.strip import Strip
from trivet.security.trigger import Trigger

__all__ = ["stamp_images", "strip_of", "varied_rows"]

#: Images of a strip.
STRIP_IMAGES: Final = 8


def strip_of(
    scan: Scan, score: Scorer, *, repaired: Scorer | None = None, count: int = STRIP_IMAGES, seed: int = 0
) -> Strip | None:
    """Stamp some held-out images with the suspected label's trigger and classify them.

    Neither the search for the trigger nor a repair has seen these images.

    Parameters
    ----------
    scan
        Whose trigger and images to use.
    score
        The scanned network under the contract that the scan used: ``scan.contract.bind(model)``.
    repaired
        The repaired network in the same way.
    count, seed
        As for `varied_rows`.

    Returns
    -------
    Strip or None
        None where no label is suspected.
    """
    target = scan.result.suspected_label
    if target is None:
        return None
    rows = varied_rows(scan.held_out.labels, target, count=count, seed=seed)
    return stamp_images(scan.held_out.take(rows), scan.trigger(target), target, score, repaired=repaired)


def varied_rows(
    labels: NDArray[np.int64], target: int, *, count: int = STRIP_IMAGES, seed: int
) -> NDArray[np.int64]:
    """Draw rows of images from as many classes as there are, and never from the target."""
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(labels != target))
    turn = np.empty(len(drawn), dtype=np.int64)  # how many of its class were drawn before
    for label in np.unique(labels[drawn]):
        own = labels[drawn] == label
        turn[own] = np.arange(own.sum())
    chosen = drawn[np.argsort(turn, kind="stable")[:count]]
    return chosen[np.argsort(labels[chosen], kind="stable")]


def stamp_images(
    images: ImageSet, trigger: Trigger, target: int, score: Scorer, *, repaired: Scorer | None = None
) -> Strip:
    """Stamp images with a trigger that aims at `target`, and classify them with and without it."""
    with torch.inference_mode():
        stamped = trigger(torch.from_numpy(images.pixels)).numpy()
    return Strip(
        target=target,
        pixels=images.pixels,
        stamped=stamped,
        labels=images.labels,
        clean_before=predict(score, images),
        stamped_before=predict(score, images, trigger),
        clean_after=None if repaired is None else predict(repaired, images),
        stamped_after=None if repaired is None else predict(repaired, images, trigger),
    )
