"""Pair of group thresholds with the smallest disparity plus error (equation 25), over all pairs."""

from bisect import bisect_right

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import UsageError
from trivet.fairness.columns import PRIVILEGED, PROTECTED, binary_column, require_two_groups
from trivet.fairness.mitigation.thresholds_cuts import cuts_by_group
from trivet.fairness.results import Thresholds

__all__ = ["scalarised_thresholds"]


def scalarised_thresholds(
    y_true: ArrayLike, scores: ArrayLike, sensitive: ArrayLike, *, penalty: float = 0.2
) -> Thresholds:
    """Return the pair of thresholds with the smallest |1 - DI| + penalty (1 - accuracy).

    `grid_thresholds` looks for it on a grid; this is the smallest over all pairs. Let a cut of the
    privileged group select s' of its n' rows, and one of the protected group s of its n rows, c of them
    right. Below parity the objective falls with theta s + c, above it grows with theta s - c, where theta =
    n' N / (n s' penalty) for N rows in all. Where theta >= 1 the best cut on either side is that next to
    parity, since one more selected row moves c by one at most. Elsewhere it is a vertex of the upper convex
    hull of the points (s, c) on that side, found by its slope. The side below parity gains points as s'
    grows, the side above as s' falls, so that one hull of each grows from end to end: O(n log n) in all.

    Parameters
    ----------
    y_true, scores, sensitive
        Label, score and group of each row, shape (rows,).
    penalty
        lambda of equation 25, not negative.

    Returns
    -------
    Thresholds
        Each is half way between two scores of the group (see `ratio_thresholds`), infinity where nobody
        should be selected, or minus infinity where everybody should. A privileged row is always selected,
        for without one DI is unknown. Of pairs whose objectives are the same in floating point it is
        the one that selects the fewest privileged rows, then the one below parity, then the one nearest to
        it.

    Raises
    ------
    DataError
        If the columns differ in length, hold what they should not, or name only one group.
    UsageError
        If the penalty is negative or not finite.
    """
    if not 0 <= penalty < np.inf:
        raise UsageError(f"the penalty should be finite and not negative, found {penalty}.")
    groups = binary_column(sensitive, "sensitive")
    require_two_groups(groups)
    cuts = cuts_by_group(y_true, scores, groups)
    protected, privileged = cuts[PROTECTED], cuts[PRIVILEGED]
    total = protected.rows + privileged.rows

    # The cut of the privileged group that selects nobody leaves DI undefined.
    rival = privileged.selected[1:]
    shares = rival * protected.rows
    below = np.searchsorted(protected.selected, shares // privileged.rows, side="right") - 1
    above = np.searchsorted(protected.selected, -(-shares // privileged.rows), side="left")
    worth = protected.rows * rival * (penalty / (privileged.rows * total))
    theta = np.divide(1, worth, out=np.full(len(worth), np.inf), where=worth > 0)
    highest = len(protected.selected) - 1
    sides = (
        _best_up_to(protected.selected, protected.correct, below, theta),
        # Seen from selecting everybody, the side above parity is the side below.
        highest
        - _best_up_to(
            (protected.rows - protected.selected)[::-1],
            protected.correct[::-1],
            (highest - above)[::-1],
            theta[::-1],
        )[::-1],
    )

    def objective(place: NDArray[np.int64], cut: NDArray[np.int64]) -> NDArray[np.float64]:
        impact = (protected.selected[place] / protected.rows) / (rival / privileged.rows)
        correct = protected.correct[place] + privileged.correct[cut]
        return np.abs(1 - impact) + penalty * (1 - correct / total)

    cut = np.arange(1, len(rival) + 1)
    found = np.stack([objective(place, cut) for place in sides], axis=-1)
    best, side = divmod(int(np.argmin(found)), 2)
    return Thresholds(
        protected=float(protected.threshold[sides[side][best]]),
        privileged=float(privileged.threshold[best + 1]),
    )


def _best_up_to(
    x: NDArray[np.int64], y: NDArray[np.int64], ends: NDArray[np.int64], theta: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return for each end the place up to it, inclusive, where theta x + y is largest.

    `x` increases, `y` never changes by more than `x` does, and `ends` do not decrease. Of equal places it
    is the last.
    """
    places = ends.copy()
    xs, ys = x.tolist(), y.tolist()
    hull: list[int] = []
    falls: list[float] = []  # minus the slope of the hull's edges, which increases
    seen = 0
    searched = np.flatnonzero(theta < 1)
    for query, end, slope in zip(
        searched.tolist(), ends[searched].tolist(), theta[searched].tolist(), strict=True
    ):
        for place in range(seen, end + 1):
            # The middle one of three points goes unless it lies above the line between the others.
            while len(hull) > 1 and (ys[hull[-1]] - ys[hull[-2]]) * (xs[place] - xs[hull[-1]]) <= (
                ys[place] - ys[hull[-1]]
            ) * (xs[hull[-1]] - xs[hull[-2]]):
                hull.pop()
                falls.pop()
            if hull:
                falls.append((ys[hull[-1]] - ys[place]) / (xs[place] - xs[hull[-1]]))
            hull.append(place)
        seen = max(seen, end + 1)
        places[query] = hull[bisect_right(falls, slope)]
    return places
