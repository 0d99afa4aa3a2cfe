"""Pair of group thresholds with the smallest disparity plus error (equation 25), over all pairs."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import (
    PRIVILEGED,
    PROTECTED,
    binary_column,
    require_same_length,
    require_two_groups,
    score_column,
)
from trivet.fairness.metrics.comparisons import ROUNDING, accuracy, disparate_impact
from trivet.fairness.mitigation.thresholds.cuts import CutPlace, cuts_by_group, ratio_thresholds

__all__ = [
    "Thresholds",
    "apply_thresholds",
    "exact_thresholds",
    "grid_thresholds",
    "scalarised_objective",
    "scalarised_thresholds",
]


@dataclass(frozen=True)
class Thresholds:
    """The score a member of each group must reach to be predicted positive."""

    protected: float
    privileged: float


def scalarised_thresholds(
    y_true: ArrayLike,
    scores: ArrayLike,
    sensitive: ArrayLike,
    *,
    penalty: float = 0.2,
    sample_weight: ArrayLike | None = None,
) -> Thresholds:
    """Return the pair of thresholds with the smallest |1 - DI| + penalty (1 - accuracy)."""
    # Let a cut of the privileged group select s' of its n' rows, and one of the protected group s of its n
    # rows, c of them right. Below parity the objective falls with theta s + c, above it grows with theta s -
    # c, where theta = n' N / (n s' penalty) for N rows in all. Where theta >= 1 the best cut on either side
    # is that next to parity, since one more selected row moves c by one at most. Elsewhere it is a vertex of
    # the upper hull of the points (s, c) on that side. The side below parity gains points as s' grows, the
    # side above as s' falls, so that one hull of each grows from end to end: O(n log n) in all. Of pairs
    # whose objectives are the same it is the one with the fewest privileged rows, then the one below parity,
    # then the nearest to it.
    if not 0 <= penalty < np.inf:
        raise UsageError(f"the penalty should be finite and not negative, found {penalty}.")
    groups = binary_column(sensitive, "sensitive")
    require_two_groups(groups)
    cuts = cuts_by_group(y_true, scores, groups, sample_weight=sample_weight)
    protected, privileged = cuts[PROTECTED], cuts[PRIVILEGED]
    total = protected.rows + privileged.rows

    # The cut of the privileged group that selects nobody leaves DI undefined.
    rival = privileged.selected[1:]
    shares = rival * protected.rows
    if shares.dtype.kind == "i":
        low, high = shares // privileged.rows, -(-shares // privileged.rows)
    else:
        low, high = shares / privileged.rows * (1 + ROUNDING), shares / privileged.rows * (1 - ROUNDING)
    below = np.searchsorted(protected.selected, low, side="right") - 1
    above = np.searchsorted(protected.selected, high, side="left")
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
    x: NDArray[Any], y: NDArray[Any], ends: NDArray[np.int64], theta: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return for each end the last place up to it, inclusive, where theta x + y is largest."""
    # `x` increases, `y` never changes by more than `x` does, and `ends` do not decrease.
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


def scalarised_objective(counts: NDArray[Any], *, penalty: float = 0.2) -> NDArray[np.float64]:
    """Return |1 - DI| + penalty (1 - accuracy), the objective of equation 25.

    Parameters
    ----------
    counts
        Shape (..., 2, 2, 2), indexed [group, label, prediction].
    penalty
        lambda, not negative.

    Returns
    -------
    numpy.ndarray
        Shape (...); infinite where no privileged row is selected, for DI is then unbounded or unknown.
    """
    gap = np.abs(1 - disparate_impact(counts))
    return np.where(np.isnan(gap), np.inf, gap) + penalty * (1 - accuracy(counts))


def grid_thresholds(
    y_true: ArrayLike,
    scores: ArrayLike,
    sensitive: ArrayLike,
    *,
    grid: NDArray[np.float64],
    penalty: float = 0.2,
    sample_weight: ArrayLike | None = None,
) -> Thresholds:
    """Return the pair of grid points with the smallest scalarised objective.

    Parameters
    ----------
    y_true, scores, sensitive
        Label, score and group of each row, shape (rows,).
    grid
        Candidate thresholds of either group, shape (points,).
    penalty
        lambda of equation 25.
    sample_weight
        What each row weighs, shape (rows,); by default 1.

    Returns
    -------
    Thresholds
        The first such pair, with the protected group's threshold in the outer loop.

    Raises
    ------
    DataError
        If the columns differ in length, hold what they should not, or name only one group, or no pair
        selects a privileged row.
    """
    labels, values = binary_column(y_true, "y_true"), score_column(scores, "scores")
    groups = binary_column(sensitive, "sensitive")
    require_same_length(y_true=labels, scores=values, sensitive=groups)
    require_two_groups(groups)
    weights = np.ones(len(labels)) if sample_weight is None else score_column(sample_weight, "sample_weight")
    require_same_length(y_true=labels, sample_weight=weights)
    tables = [
        _tables(labels[groups == group], values[groups == group], weights[groups == group], grid)
        for group in (PROTECTED, PRIVILEGED)
    ]
    points = len(grid)
    shape = (points, points, 2, 2)
    counts = np.stack(
        [np.broadcast_to(tables[0][:, np.newaxis], shape), np.broadcast_to(tables[1], shape)], axis=-3
    )
    objective = scalarised_objective(counts, penalty=penalty)
    best = int(np.argmin(objective))
    if not np.isfinite(objective.flat[best]):
        raise DataError("no threshold of the grid selects a privileged row. Use a grid of lower scores.")
    return Thresholds(protected=float(grid[best // points]), privileged=float(grid[best % points]))


def _tables(
    labels: NDArray[np.int64],
    scores: NDArray[np.float64],
    weights: NDArray[np.float64],
    grid: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Count one group's rows by label and prediction at each threshold; shape (points, 2, 2)."""
    by_label = []
    for label in (0, 1):
        own = np.flatnonzero(labels == label)
        own = own[np.argsort(scores[own], kind="stable")]
        weight = np.concatenate([[0.0], np.cumsum(weights[own])])
        rejected = weight[np.searchsorted(scores[own], grid, side="left")]
        by_label.append(np.stack([rejected, weight[-1] - rejected], axis=-1))
    return np.stack(by_label, axis=-2)


def apply_thresholds(scores: ArrayLike, sensitive: ArrayLike, thresholds: Thresholds) -> NDArray[np.int64]:
    """Predict positive every row whose score reaches the threshold of its group.

    Parameters
    ----------
    scores, sensitive
        Score and group of each row, shape (rows,).
    thresholds
        For each group.

    Returns
    -------
    numpy.ndarray
        Predictions, shape (rows,), 0 or 1.
    """
    values, groups = score_column(scores, "scores"), binary_column(sensitive, "sensitive")
    require_same_length(scores=values, sensitive=groups)
    needed = np.where(groups == PROTECTED, thresholds.protected, thresholds.privileged)
    return (values >= needed).astype(np.int64)


def exact_thresholds(
    y_true: ArrayLike,
    scores: ArrayLike,
    sensitive: ArrayLike,
    *,
    four_fifths: float = 0.8,
    cut_at: CutPlace = "between",
) -> Thresholds:
    """Return the thresholds of the highest accuracy with disparate impact in [t, 1/t].

    It is `ratio_thresholds` for two groups and accuracy, in O(n log n), and no pair of cuts is missed.

    Parameters
    ----------
    y_true, scores, sensitive
        Label, score and group of each row, shape (rows,), that the scoring model was not fitted on.
    four_fifths
        t, in (0, 1].
    cut_at
        ``"between"`` is half way between two scores, ``"scores"`` on the upper one, and always finite.

    Returns
    -------
    Thresholds
        Of equally accurate pairs the one that selects the fewest privileged, then the fewest protected rows;
        infinity where nobody of a group should be selected, minus infinity where everybody should.

    Raises
    ------
    DataError
        If the columns differ in length, hold what they should not, or name only one group.
    UsageError
        If t is out of its range, or `cut_at` is not what it should be.
    """
    labels, values = binary_column(y_true, "y_true"), score_column(scores, "scores")
    groups = binary_column(sensitive, "sensitive")
    require_same_length(y_true=labels, scores=values, sensitive=groups)
    require_two_groups(groups)
    protected, privileged = ratio_thresholds(
        # As they were given: how near they may come without a tie depends on their precision.
        labels,
        scores,
        groups,
        reference=PRIVILEGED,
        bound=four_fifths,
        cut_at=cut_at,
    )
    return Thresholds(protected=protected, privileged=privileged)
