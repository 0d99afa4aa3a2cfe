"""Codes of the combinations of several columns' values: only combinations that occur take memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["combined_codes"]

Codes = NDArray[np.int64]


def combined_codes(columns: Sequence[tuple[NDArray[np.integer], int]]) -> tuple[Codes, Codes]:
    """Give each combination of codes that occurs a number, in the order of the first column, then the next.

    Columns are joined one after the other, so that no number is larger than the combinations so far times
    the values of one column: numbers of values whose product is beyond any array cause no overflow.
    """
    first, _ = columns[0]
    known, codes = np.unique(first, return_inverse=True)
    kinds = known.astype(np.int64).reshape(-1, 1)
    codes = codes.astype(np.int64).ravel()
    for own, size in columns[1:]:
        mixed, codes = np.unique(codes * max(size, 1) + own, return_inverse=True)
        before, last = np.divmod(mixed, max(size, 1))
        kinds = np.column_stack([kinds[before], last])
        codes = codes.astype(np.int64).ravel()
    return codes, kinds
