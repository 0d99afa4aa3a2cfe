"""Rows of one unit taken together: its score, its group, and whether it was in training."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["first_rows", "population_rows", "unit_groups", "unit_scores"]


def unit_scores(scores: NDArray[np.float64], units: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean score of each unit's rows, shape (units,).

    A mean, since a sum grows with the number of rows whether a unit is inside or not, and the largest score
    is higher by chance where there are more.
    """
    return np.bincount(units, scores) / np.bincount(units)


def first_rows(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each unit's first row, shape (units,)."""
    return np.unique(units, return_index=True)[1]


def unit_groups(
    groups: Mapping[str, NDArray[np.str_]], units: NDArray[np.int64]
) -> dict[str, NDArray[np.str_]]:
    """Return each unit's group: that of most of its rows, of equally many the first in the order of text."""
    found: dict[str, NDArray[np.str_]] = {}
    for column, values in groups.items():
        names, codes = np.unique(values, return_inverse=True)
        pairs, counts = np.unique(units * len(names) + codes, return_counts=True)
        owners = pairs // len(names)
        order = np.lexsort((pairs, -counts, owners))
        first = order[np.unique(owners[order], return_index=True)[1]]
        found[column] = names[pairs[first] % len(names)]
    return found


def population_rows(
    units: NDArray[np.int64], most: int, *, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw units, two or more, and return all their rows: at most `most`, or those of two units."""
    sizes = np.bincount(units)
    order = generator.permutation(len(sizes))
    kept = max(2, int(np.searchsorted(np.cumsum(sizes[order]), most, side="right")))
    chosen = np.zeros(len(sizes), dtype=np.bool_)
    chosen[order[:kept]] = True
    return np.flatnonzero(chosen[units])
