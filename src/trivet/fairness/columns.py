"""Validation of columns of labels, predictions, groups and scores."""

from collections.abc import Hashable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError

__all__ = [
    "PRIVILEGED",
    "PROTECTED",
    "Group",
    "binary_column",
    "require_same_length",
    "require_same_order",
    "require_two_groups",
    "score_column",
]

#: A value of the sensitive feature, or one of each where there are several.
Group = Hashable

#: Code of each group in a sensitive column, and its place in tables of counts and of rates.
PROTECTED, PRIVILEGED = 0, 1


def binary_column(values: ArrayLike, name: str) -> NDArray[np.int64]:
    """Return `values` as integers, or say which of them is neither 0 nor 1."""
    array = _column(values, name)
    wrong = (array != 0) & (array != 1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{name} should hold 0 and 1 only, found {array[row]} in row {row} ({wrong.sum()} rows in all). "
            "Code the positive class, or the privileged group, as 1 and the other as 0."
        )
    return array.astype(np.int64)


def score_column(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return `values` as floats, or say which of them is not finite."""
    array = _column(values, name).astype(np.float64)
    wrong = ~np.isfinite(array)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{name} should hold finite numbers, found {array[row]} in row {row} ({wrong.sum()} rows "
            "in all). Leave such rows out, or score them."
        )
    return array


def require_same_length(**columns: NDArray[np.generic]) -> None:
    """Raise a DataError that names every length unless all columns have as many rows."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"the columns should have one entry for each row, found lengths {found}.")


def require_same_order(**columns: Any) -> None:
    """Raise a DataError where two of pandas' columns or frames have one index in different orders."""
    # Rows are taken by place, as scikit-learn takes them. Indexes with other labels say nothing.
    indexed = {
        name: column.index
        for name, column in columns.items()
        if hasattr(getattr(column, "index", None), "equals") and len(column.index)
    }
    # Each with each: between two in order there can be one whose index says nothing.
    for (first, index), (name, other) in combinations(indexed.items(), 2):
        if index.equals(other) or len(index) != len(other):
            continue
        if bool(index.isin(other).all()) and bool(other.isin(index).all()):
            raise DataError(
                f"{name} has the index of {first} in another order, so its rows belong to other rows of it. "
                f"Take {name}.loc[{first}.index], or {name}.to_numpy() where their order is right."
            )


def require_two_groups(sensitive: NDArray[np.int64]) -> None:
    """Raise a DataError unless both the protected and the privileged group have a row."""
    if sensitive.min() == sensitive.max():
        missing = "privileged (1)" if sensitive[0] == PROTECTED else "protected (0)"
        raise DataError(
            f"two groups are compared, found no row of the {missing} one. Check which value of the "
            "sensitive column stands for it."
        )


def _column(values: ArrayLike, name: str) -> NDArray[np.generic]:
    """Return `values` as one column of numbers."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:  # noqa: PLR2004 - a frame of one column
        array = array[:, 0]
    if array.ndim != 1 or array.size == 0:
        raise DataError(f"{name} should be one column with at least one row, found shape {array.shape}.")
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{name} should hold numbers, found values such as {array.tolist()[0]!r}. Compare the column "
            "with the value that counts as 1 first."
        )
    return array
