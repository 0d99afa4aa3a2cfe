"""Group thresholds by disparity plus error (equation 25): the published grid search."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError
from trivet.fairness.columns import (
    PRIVILEGED,
    PROTECTED,
    binary_column,
    require_same_length,
    require_two_groups,
    score_column,
)
from trivet.fairness.metrics.comparisons import accuracy, disparate_impact
from trivet.fairness.results import Thresholds

__all__ = ["grid_thresholds", "scalarised_objective"]


def scalarised_objective(counts: NDArray[np.int64], *, penalty: float = 0.2) -> NDArray[np.float64]:
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
    tables = [
        _tables(labels[groups == group], values[groups == group], grid) for group in (PROTECTED, PRIVILEGED)
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
    labels: NDArray[np.int64], scores: NDArray[np.float64], grid: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Count one group's rows by label and prediction at each threshold; shape (points, 2, 2)."""
    by_label = []
    for label in (0, 1):
        ranked = np.sort(scores[labels == label])
        rejected = np.searchsorted(ranked, grid, side="left")
        by_label.append(np.stack([rejected, len(ranked) - rejected], axis=-1))
    return np.stack(by_label, axis=-2)
