"""A strip to look at: what a trigger does to a few images that nothing was fitted to."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.datasets.images import ImageSet
from trivet.security.classifier import Scorer
from trivet.security.evaluation import predict
from trivet.security.scan_results import Strip
from trivet.security.scanning import Scan
from trivet.security.trigger import Trigger

__all__ = ["strip_of", "varied_rows"]

#: Images of a strip.
STRIP_IMAGES: Final = 8


def strip_of(
    scan: Scan, score: Scorer, *, repaired: Scorer | None = None, count: int = STRIP_IMAGES, seed: int = 0
) -> tuple[Strip, NDArray[np.float32]] | None:
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
    tuple of Strip and ndarray, or None
        The predictions, and the images without the trigger, shape (n, channels, height, width), float32
        in [0, 1]. None where no label is suspected.
    """
    target = scan.result.suspected_label
    if target is None:
        return None
    rows = varied_rows(scan.held_out.labels, target, count=count, seed=seed)
    images, trigger = scan.held_out.take(rows), scan.trigger(target)
    clean_before, stamped_before = _said(score, images, trigger)
    clean_after, stamped_after = (None, None) if repaired is None else _said(repaired, images, trigger)
    strip = Strip(
        target=target,
        labels=tuple(map(int, images.labels)),
        clean_before=clean_before,
        stamped_before=stamped_before,
        clean_after=clean_after,
        stamped_after=stamped_after,
        images=len(images),
        sent_before=stamped_before.count(target),
        sent_after=None if stamped_after is None else stamped_after.count(target),
    )
    return strip, images.pixels


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


def _said(score: Scorer, images: ImageSet, trigger: Trigger) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the predicted classes without and with the trigger."""
    clean, stamped = predict(score, images), predict(score, images, trigger)
    return tuple(map(int, clean)), tuple(map(int, stamped))
