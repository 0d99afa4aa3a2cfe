"""Whether labels, scores and groups of rows are what a metric of scores needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError
from trivet.fairness.columns import binary_column, require_same_length, score_column

__all__ = ["ScoredRows", "scored_rows"]


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Label, score and group of each row, of shape (rows,), and the names of the groups."""

    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    groups: NDArray[np.int64]
    names: tuple[str, ...]


def scored_rows(y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike, names: Sequence[str]) -> ScoredRows:
    """Check the columns."""
    labels, values = binary_column(y_true, "y_true"), score_column(scores, "scores")
    places = np.asarray(groups)
    if places.ndim != 1 or places.dtype.kind not in "iu":
        raise DataError(
            "groups should be one column of whole numbers, the place of each row's group in names, found "
            f"{places.dtype} of shape {places.shape}. numpy.unique with return_inverse makes such places."
        )
    require_same_length(y_true=labels, scores=values, groups=places)
    if places.min() < 0 or places.max() >= len(names):
        raise DataError(
            f"groups should be places from 0 to {len(names) - 1}, found {places.min()} to {places.max()}. "
            "Give a name for each group."
        )
    return ScoredRows(labels, values, places.astype(np.int64), tuple(names))
