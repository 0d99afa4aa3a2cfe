"""Rows held out from fitting, on which the thresholds are chosen."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from trivet.errors import DataError, UsageError
from trivet.fairness.mitigation.row_lots import require_seed
from trivet.fairness.mitigation.sensitive import Group, named
from trivet.wording import one_line

__all__ = ["ThresholdsOnTrainingRows", "part_of", "require_rows", "require_share_and_seed", "validation_rows"]


class ThresholdsOnTrainingRows(UserWarning):
    """Thresholds are fitted on rows that the classifier was fitted on, whose scores flatter it."""


def validation_rows(
    groups: NDArray[np.int64], labels: NDArray[np.int64], *, share: float, seed: int
) -> NDArray[np.bool_]:
    """Draw a share of the rows from every group and label.

    All rows are put in random order, then by group and label, and taken at equal distances. So the share
    of each combination is right to within a row, and no combination is too small for the split.
    """
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    order = shuffled[np.lexsort((labels[shuffled], groups[shuffled]))]
    steps = np.floor(np.arange(len(groups) + 1) * share + 0.5)
    kept = np.zeros(len(groups), dtype=bool)
    kept[order[np.diff(steps) > 0]] = True
    return kept


def require_rows(
    groups: NDArray[np.int64], labels: NDArray[np.int64], values: Sequence[Group], *, both_labels: bool
) -> None:
    """Raise a DataError unless the rows for the thresholds are of every group, with both labels if needed."""
    cells = np.bincount(2 * groups + labels, minlength=2 * len(values)).reshape(-1, 2)
    least = cells.min(axis=1) if both_labels else cells.sum(axis=1)
    if not least.all():
        lacking = [value for value, rows in zip(values, least, strict=True) if not rows]
        needed = "rows of both labels" if both_labels else "rows"
        raise DataError(
            f"thresholds need {needed} in every group, found too few in {named(lacking)} among the "
            f"{len(groups)} rows for them. Give more rows, raise validation, or merge small groups."
        )


def require_share_and_seed(share: object, seed: object) -> None:
    """Raise a UsageError unless they can divide rows; a share of None divides none."""
    if share is not None and not (isinstance(share, Real) and 0 < float(share) < 1):
        raise UsageError(
            f"validation should be a share above 0 and below 1, or None, found {one_line(repr(share))}."
        )
    require_seed(seed)


def part_of(value: Any, rows: NDArray[np.int64], *, size: int) -> Any:
    """Return the entries for some rows of what has `size` entries, one a row; anything else as it is.

    Of a mapping, such as one of names to columns, this goes for each of its values.
    """
    if isinstance(value, Mapping):
        return {name: part_of(entry, rows, size=size) for name, entry in value.items()}
    if isinstance(value, str | bytes):
        return value
    length = value.shape[0] if getattr(value, "shape", ()) else len(value) if hasattr(value, "__len__") else 0
    return _safe_indexing(value, rows) if length == size else value
