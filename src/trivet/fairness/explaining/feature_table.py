"""Validation of features for a regression."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.wording import quoted

__all__ = ["feature_table", "names_of"]

_AXES = 2


def feature_table(features: ArrayLike, names: Sequence[str]) -> NDArray[np.float64]:
    """Return features as floats, or say which of them cannot be used."""
    table = np.asarray(features)
    if table.ndim != _AXES or table.dtype.kind not in "biuf":
        raise DataError(
            f"features should be a table of numbers with a row for each row, found shape {table.shape} of "
            f"{table.dtype}. Give each category a column of 0 and 1."
        )
    if len(names) != table.shape[1]:
        raise UsageError(
            f"names should have one entry for each of {table.shape[1]} features, found {len(names)}."
        )
    numbers = table.astype(np.float64)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        column = int(np.argmax(wrong.any(axis=0)))
        raise DataError(
            f"features should be finite, found {numbers[wrong[:, column], column][0]} in column "
            f"{quoted(names[column])} ({wrong[:, column].sum()} rows). Fill such values, or leave those rows "
            "out."
        )
    return numbers


def names_of(columns: Collection[str]) -> frozenset[str]:
    """Return the names of some columns; one name alone is one column, not its letters."""
    return frozenset([columns] if isinstance(columns, str) else columns)
