"""Columns as a few values each: categories as they are, numbers in bins, rare values together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.search.results import Condition
from trivet.tables.features import Features
from trivet.wording import one_line

__all__ = ["BinnedColumn", "bin_columns"]

#: A column of numbers with no more values than these is taken value by value.
FEW_NUMBERS: Final = 6
#: Bins of other numbers.
MOST_BINS: Final = 4
#: Values of a column of texts; the rarer ones are taken together.
MOST_VALUES: Final = 15
#: Significant digits of the edge of a bin, which is what its name says.
DIGITS: Final = 4
MISSING: Final = "missing"
OTHERS: Final = "another value"


@dataclass(frozen=True, eq=False)
class BinnedColumn:
    """A column, what its values are called, and the place of each row's value among them, shape (rows,)."""

    name: str
    conditions: tuple[Condition, ...]
    codes: NDArray[np.uint8]


def bin_columns(features: Features, fewest: int) -> tuple[BinnedColumn, ...]:
    """Divide every column into a few values; a text that fewer than `fewest` rows have is a rare one."""
    return tuple(
        _numbers(name, values) if known is None else _texts(name, values, known, fewest)
        for name, values, known in zip(features.names, features.values.T, features.categories, strict=True)
    )


def _texts(name: str, values: NDArray[np.float64], known: Sequence[str], fewest: int) -> BinnedColumn:
    places = values.astype(np.int64)
    rows = np.bincount(places, minlength=len(known))
    # The most frequent first; of equally frequent ones the first by name.
    order = np.argsort(-rows, kind="stable").tolist()
    kept = sorted(place for place in order[:MOST_VALUES] if rows[place] >= fewest)
    if len(known) - len(kept) == 1:
        # One value alone needs no other name.
        kept = list(range(len(known)))
    table = np.full(len(known), len(kept), dtype=np.uint8)
    table[kept] = np.arange(len(kept))
    names = [known[place] for place in kept]
    texts = [f"= {each}" if each else f"is {MISSING}" for each in names]
    if len(kept) < len(known):
        texts.append(f"is {OTHERS}")
    return BinnedColumn(name, _conditions(name, texts), table[places])


def _numbers(name: str, values: NDArray[np.float64]) -> BinnedColumn:
    missing = np.isnan(values)
    present = values[~missing]
    distinct = np.unique(present)
    if len(distinct) <= FEW_NUMBERS:
        texts = [f"= {each:.10g}" for each in distinct.tolist()]
        codes = np.searchsorted(distinct, values)
    else:
        edges = _edges(present)
        texts = _ranges([f"{edge:.10g}" for edge in edges.tolist()])
        codes = np.searchsorted(edges, values, side="right")
    codes[missing] = len(texts)
    if missing.any():
        texts.append(f"is {MISSING}")
    return BinnedColumn(name, _conditions(name, texts), codes.astype(np.uint8))


def _edges(present: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return quartiles, rounded as they are written; the lowest value begins no bin of its own below it."""
    low, high = present.min(), present.max()
    shares = np.arange(1, MOST_BINS) / MOST_BINS
    edges = np.quantile(present, shares, method="inverted_cdf")
    if (edges == low).all():
        # Nearly all rows have the lowest value, such as 0: the others are divided.
        others = present[present > low]
        edges = np.array([others.min(), np.quantile(others, 0.5, method="inverted_cdf")])
    rounded = np.unique([float(f"{each:.{DIGITS}g}") for each in edges.tolist()])
    return rounded[(rounded > low) & (rounded <= high)]


def _ranges(edges: Sequence[str]) -> list[str]:
    if not edges:
        return ["is a number"]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"< {edges[0]}", *between, f">= {edges[-1]}"]


def _conditions(name: str, texts: Sequence[str]) -> tuple[Condition, ...]:
    return tuple(Condition(name, f"{one_line(name)} {one_line(text)}") for text in texts)
