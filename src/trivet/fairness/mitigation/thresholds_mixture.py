"""Predictions by thresholds, and by randomised thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import _safe_indexing

from trivet.errors import DataError
from trivet.fairness.columns import require_same_length, score_column
from trivet.fairness.mitigation.row_lots import lots, marks_of_rows, marks_of_scores, require_seed
from trivet.fairness.mitigation.thresholds_cuts import group_column

__all__ = ["MixedThreshold", "apply_group_thresholds", "selection_probability"]


@dataclass(frozen=True)
class MixedThreshold:
    """A threshold that is drawn by lot for each row.

    Attributes
    ----------
    thresholds
        Scores from which a row is selected, decreasing.
    shares
        How often each is drawn: positive, with the sum 1.
    """

    thresholds: tuple[float, ...]
    shares: tuple[float, ...]


def selection_probability(
    scores: ArrayLike, groups: ArrayLike, thresholds: Sequence[float | MixedThreshold]
) -> NDArray[np.float64]:
    """Return how likely each row is selected: 0 or 1 unless its group's threshold is drawn by lot.

    Within a group a higher score is never selected with a lower probability.

    Parameters
    ----------
    scores, groups
        Score and group of each row, shape (rows,).
    thresholds
        For each group.

    Raises
    ------
    DataError
        If the columns differ in length or hold what they should not, or a group has no threshold.
    """
    values, codes = score_column(scores, "scores"), group_column(groups)
    require_same_length(scores=values, groups=codes)
    if codes.max() >= len(thresholds):
        raise DataError(f"there are thresholds for {len(thresholds)} groups, found group {codes.max()}.")
    probability = np.zeros(len(values))
    for code, threshold in enumerate(thresholds):
        rows = np.flatnonzero(codes == code)
        mixed = threshold if isinstance(threshold, MixedThreshold) else MixedThreshold((threshold,), (1.0,))
        reached = np.concatenate([[0], np.cumsum(mixed.shares[::-1])])
        reached[-1] = 1  # whatever the sum is rounded to
        probability[rows] = reached[np.searchsorted(mixed.thresholds[::-1], values[rows], side="right")]
    return probability


def apply_group_thresholds(
    scores: ArrayLike,
    groups: ArrayLike,
    thresholds: Sequence[float | MixedThreshold],
    *,
    random_state: int = 0,
    features: Any = None,
) -> NDArray[np.int64]:
    """Predict positive every row whose score reaches its group's threshold, drawn by lot where it is mixed.

    A draw depends on `random_state` and on the row's features, and on nothing else of the call: a row's
    prediction does not depend on the batch, and people with the same features draw alike. Over
    people who differ in a feature, even in one that the score does not use, rates are those of
    `selection_probability`, up to the sampling error of independent draws.

    Without features, or where they hold what is neither number, text nor date, a draw depends on the score
    and the group in their place. All who tie at a score then share one draw, and a group in which
    many tie may be far from its rate, in any one draw.

    Parameters
    ----------
    scores, groups, thresholds
        As for `selection_probability`.
    random_state
        Seed of the draws, from 0 to 2^32 - 1.
    features
        Of each row: array, list, sparse matrix or frame of shape (rows, features).

    Returns
    -------
    numpy.ndarray
        Predictions, shape (rows,), 0 or 1.

    Raises
    ------
    DataError
        As `selection_probability` does, and if there are more or fewer rows of features.
    UsageError
        If the seed is out of range.
    """
    require_seed(random_state)
    probability = selection_probability(scores, groups, thresholds)
    open_rows = np.flatnonzero((probability > 0) & (probability < 1))
    drawn = np.zeros(len(probability))
    if len(open_rows):
        drawn[open_rows] = lots(_marks(scores, groups, features, open_rows), random_state)
    return (drawn < probability).astype(np.int64)


def _marks(
    scores: ArrayLike, groups: ArrayLike, features: Any, rows: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Return what tells rows apart: their features, or else their score and group."""
    values, codes = np.asarray(scores), np.asarray(groups).astype(np.int64)
    if features is not None:
        found = features.shape[0] if hasattr(features, "shape") else len(features)
        if found != len(values):
            raise DataError(f"features should have {len(values)} rows, as the scores have, found {found}.")
        marks = marks_of_rows(_safe_indexing(features, rows))
        if marks is not None:
            return marks
    return marks_of_scores(values[rows], codes[rows])
