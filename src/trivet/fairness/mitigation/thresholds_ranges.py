"""Range maximum queries over one sequence, many at once."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["range_argmax"]


def range_argmax(
    values: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return for each range [first, last) the place of its first maximum; anything for an empty one.

    Level j knows the place of the maximum of every 2^j neighbours, and two overlapping blocks of one level
    cover any range. Levels are made one after the other, up to that of the longest range: O(n log n) time
    and O(n) memory.
    """
    level = np.where(first < last, np.log2(np.maximum(last - first, 1)), -1).astype(np.int64)
    places = np.zeros(len(first), dtype=np.int64)
    blocks = np.arange(len(values))
    for j in range(int(level.max(initial=-1)) + 1):
        if j > 0:
            blocks = _earlier_maximum(values, blocks[: -(1 << (j - 1))], blocks[1 << (j - 1) :])
        at = np.flatnonzero(level == j)
        places[at] = _earlier_maximum(values, blocks[first[at]], blocks[last[at] - (1 << j)])
    return places


def _earlier_maximum(
    values: NDArray[np.float64], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return of two places that with the larger value, and the left one of equals."""
    return np.where(values[left] >= values[right], left, right)
