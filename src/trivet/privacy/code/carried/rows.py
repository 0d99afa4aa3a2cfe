"""Rows of numbers with noise in them: sparse matrices over all draws, and the forms of numbers."""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from trivet.privacy.code.tape import Floats, Whole

__all__ = [
    "COLUMNS",
    "Form",
    "as_array",
    "as_flat",
    "as_float",
    "as_whole",
    "compact",
    "expand",
    "like",
    "no_rows",
    "rows_of_draws",
    "same",
    "stacked",
]

#: Columns of every matrix of rows: more than draws will ever be. It costs nothing, being sparse.
COLUMNS: Final = 2**50
Form = Callable[[NDArray[Any]], Any]


def as_float(flat: NDArray[Any]) -> Any:
    """Return the only number."""
    return flat[0].item()


def as_array(shape: tuple[int, ...]) -> Form:
    """Return what makes an array of a shape."""
    return lambda flat: flat.reshape(shape)


def rows_of_draws(coefficients: Floats, columns: Whole) -> Any:
    """Return rows of one draw each, with a factor."""
    count = len(columns)
    ends = np.arange(count + 1, dtype=np.int64)
    data = np.array(coefficients, dtype=np.float64)
    return sparse.csr_array((data, columns.astype(np.int64), ends), shape=(count, COLUMNS))


def compact(*matrices: Any) -> tuple[list[Any], Whole]:
    """Return matrices of the columns that occur in any, and these columns: work is in their number."""
    columns, places = np.unique(np.concatenate([each.indices for each in matrices]), return_inverse=True)
    parts = np.split(places, np.cumsum([each.nnz for each in matrices])[:-1])
    small = [
        sparse.csr_array((each.data, part, each.indptr), shape=(each.shape[0], len(columns)))
        for each, part in zip(matrices, parts, strict=True)
    ]
    return small, columns


def expand(small: Any, columns: Whole) -> Any:
    """Put the columns of `compact` back."""
    small = sparse.csr_array(small)
    small.sum_duplicates()
    small.eliminate_zeros()
    wide = columns[small.indices].astype(np.int64)
    return sparse.csr_array((small.data, wide, small.indptr), shape=(small.shape[0], COLUMNS))


def same(value: Any) -> Any:
    """Return the value."""
    return value


def as_whole(flat: NDArray[Any]) -> Any:
    """Return the only number, as a whole number where it is finite."""
    value = flat[0].item()
    return int(value) if math.isfinite(value) else value


def like(column: Any) -> Form:
    """Return what makes a pandas column with the labels of another."""
    return lambda flat: type(column)(flat, index=column.index, name=column.name)


def as_flat(value: Any, shape: tuple[int, ...]) -> Floats:
    """Return the numbers of a value that is spread to a shape, one after the other."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), shape).reshape(-1)


def no_rows(count: int) -> Any:
    """Return rows without noise."""
    return sparse.csr_array((count, COLUMNS), dtype=np.float64)


def stacked(matrices: list[Any]) -> Any:
    """Return the rows of several matrices, one below the other."""
    return sparse.vstack(matrices, format="csr")
