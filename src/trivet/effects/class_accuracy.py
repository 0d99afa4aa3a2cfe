"""Change in the worst class's accuracy, and in the spread between classes, caused by a remedy."""

import numpy as np
from numpy.typing import NDArray

from trivet.effects.change import Change, unmeasured
from trivet.wording import one_line

__all__ = ["class_changes"]

DRAWS = 10_000
#: Jeffreys' prior: where no image of a class changed, that alone does not prove that none would.
PRIOR = 0.5


def class_changes(
    labels: NDArray[np.int64],
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
    *,
    classes: int,
    level: float,
    seed: int,
    names: tuple[str, ...] | None = None,
) -> tuple[Change, Change]:
    """Return the changes of the lowest accuracy of a class, and of the highest minus the lowest.

    Each class has four kinds of images: right without and with the remedy, only without, only with, never.
    The intervals hold the middle of draws of their shares from the posterior under Jeffreys' prior, class by
    class.
    """
    kinds = 2 * (~before).astype(np.int64) + ~after  # both right, only before, only after, neither
    counts = np.bincount(4 * labels + kinds, minlength=4 * classes).reshape(classes, 4)
    there = np.flatnonzero(counts.sum(axis=1))
    if len(there) < 2:  # noqa: PLR2004 - a spread is between two classes or more
        reason = f"the images are of {len(there)} class, and two or more are compared"
        return unmeasured(reason), unmeasured(reason)
    counts = counts[there]
    generator = np.random.default_rng(seed)
    drawn = np.stack([generator.dirichlet(row + PRIOR, size=DRAWS) for row in counts], axis=1)
    found = counts / counts.sum(axis=1, keepdims=True)
    called = [str(label) if names is None else one_line(names[label]) for label in there]
    worst, spread = _figures(found), _figures(drawn)
    lowest_before, lowest_after = (called[int(_accuracies(found)[time].argmin())] for time in (0, 1))
    same = lowest_before == lowest_after
    note = (
        f"It is class {lowest_before} both times."
        if same
        else f"It is class {lowest_before} without it and class {lowest_after} with it."
    )
    return (
        _change(worst[0], spread[0], level=level, note=note),
        _change(worst[1], spread[1], level=level, note=""),
    )


def _accuracies(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return accuracies without and with the remedy, shape (2, ..., classes), of shares (..., classes, 4)."""
    return np.stack([shares[..., 0] + shares[..., 1], shares[..., 0] + shares[..., 2]])


def _figures(shares: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest accuracy and the spread, each of shape (2, ...)."""
    accuracies = _accuracies(shares)
    lowest = accuracies.min(axis=-1)
    return lowest, accuracies.max(axis=-1) - lowest


def _change(found: NDArray[np.float64], drawn: NDArray[np.float64], *, level: float, note: str) -> Change:
    before, after = found.tolist()
    low, high = np.quantile(drawn[1] - drawn[0], [(1 - level) / 2, (1 + level) / 2]).tolist()
    change = after - before
    return Change(before, after, change, min(low, change), max(high, change), note=note)
