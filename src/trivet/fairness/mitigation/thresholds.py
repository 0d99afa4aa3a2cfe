"""Group thresholds: the exact cut-offs of the highest accuracy under a band on disparate impact."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.fairness.columns import (
    PRIVILEGED,
    PROTECTED,
    binary_column,
    require_same_length,
    require_two_groups,
    score_column,
)
from trivet.fairness.mitigation.group_thresholds import ratio_thresholds
from trivet.fairness.mitigation.thresholds_cuts import CutPlace
from trivet.fairness.results import Thresholds

__all__ = ["apply_thresholds", "exact_thresholds"]


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
        Label, score and group of each row, shape (rows,). Take rows that the scoring model was not fitted
        on: on its own training rows it looks better, and fairer or less fair, than it is.
    four_fifths
        t, in (0, 1].
    cut_at
        As in `ratio_thresholds`. With ``"scores"`` a threshold is always finite, and the last bits of a score
        decide on those who tie at it.

    Returns
    -------
    Thresholds
        As in `ratio_thresholds`. Among equally accurate pairs it is the one that selects the fewest
        privileged, then the fewest protected rows.

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
