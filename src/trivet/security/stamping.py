"""What does the suspected trigger do to held-out images: a strip to look at."""

import numpy as np
import torch
from numpy.typing import NDArray

from trivet.security.evaluation import Scorer, predict
from trivet.security.scanning import Scan
from trivet.security.strip import Strip

__all__ = ["strip_of"]


def strip_of(
    scan: Scan, score: Scorer, *, repaired: Scorer | None = None, count: int = 8, seed: int = 0
) -> Strip | None:
    """Stamp some held-out images with the suspected label's trigger and classify them.

    Neither the search for the trigger nor a repair has seen these images. They are drawn at random,
    from as many classes as there are, and never from the suspected one.

    Parameters
    ----------
    scan
        Whose trigger and images to use.
    score
        The scanned network under the contract that the scan used: ``scan.contract.bind(model)``.
    repaired
        The repaired network in the same way.
    count
        Images at most.
    seed
        Draws the images.

    Returns
    -------
    Strip or None
        None where no label is suspected.
    """
    target = scan.result.suspected_label
    if target is None:
        return None
    images = scan.held_out.take(_varied(scan.held_out.labels, target, count, seed))
    trigger = scan.trigger(target)
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


def _varied(labels: NDArray[np.int64], target: int, count: int, seed: int) -> NDArray[np.int64]:
    """Draw rows of other classes than `target`: one of each class in turn, in the order of classes."""
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(labels != target))
    turn = np.empty(len(drawn), dtype=np.int64)  # how many of its class were drawn before
    for label in np.unique(labels[drawn]):
        own = labels[drawn] == label
        turn[own] = np.arange(own.sum())
    chosen = drawn[np.argsort(turn, kind="stable")[:count]]
    return chosen[np.argsort(labels[chosen], kind="stable")]
