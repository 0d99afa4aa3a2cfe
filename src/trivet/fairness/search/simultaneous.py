"""Critical value of many studentised differences together, by a multiplier bootstrap over blocks of rows.

The influence of a row i on the difference between the rate p of a subgroup, a share a of the rows, and the
rate q of the rest is psi_i = 1[i in it] (y_i - p) / a - 1[i not in it] (y_i - q) / (1 - a). With independent
standard normal multipliers, one for all rows of a block, the sum of the blocks' influences over its
deviation is standard normal for each subgroup, and correlated between subgroups as the differences are
(V. Chernozhukov, D. Chetverikov, K. Kato, Annals of Statistics 41, 2013). The largest of them in absolute
value has the distribution of the largest difference if no subgroup differs.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from trivet.fairness.search.bitsets import Blocks, Words, sizes
from trivet.fairness.search.rates import Rate, Rates
from trivet.fairness.search.tree import Groups, Places, chunks_of, over_batches

__all__ = ["DRAWS", "Compared", "compare_groups", "count_groups"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

DRAWS: Final = 2000


@dataclass(frozen=True, eq=False)
class Compared:
    """Counts of subgroups, and what the largest of their differences would be by chance.

    Attributes
    ----------
    x, n : Rows counted, and rows among which, by rate and subgroup: shape (rates, groups).
    all_x, all_n : Those of all rows, shape (rates,).
    tested : Which subgroups have enough rows of that kind, and so does the rest; shape as `x`.
    maxima : Largest studentised differences by chance, in rising order, shape (draws,).
    """

    x: NDArray[np.int64]
    n: NDArray[np.int64]
    all_x: NDArray[np.int64]
    all_n: NDArray[np.int64]
    tested: NDArray[np.bool_]
    maxima: Floats

    @property
    def comparisons(self) -> int:
        """Differences that are compared with the critical value."""
        return int(self.tested.sum())

    def counts(self, rate: int, group: int) -> tuple[int, int, int, int]:
        """Return x and n of one subgroup, and those of all rows."""
        found = self.x[rate, group], self.n[rate, group], self.all_x[rate], self.all_n[rate]
        x, n, all_x, all_n = map(int, found)
        return x, n, all_x, all_n

    def bonferroni(self, level: float) -> float:
        """Return the critical value that Bonferroni's inequality gives."""
        return float(-ndtri((1 - level) / 2 / max(self.comparisons, 1)))

    def critical(self, level: float) -> float:
        """Return the value that the largest difference stays below with this probability."""
        draws = len(self.maxima)
        # As among draws + 1 exchangeable values; Bonferroni's holds as well.
        place = math.ceil(level * (draws + 1)) - 1
        bonferroni = self.bonferroni(level)
        known = place < draws and self.comparisons > 0
        return min(float(self.maxima[place]), bonferroni) if known else bonferroni

    def adjusted(self, z: float) -> float:
        """Return the p-value of one difference for all of them at once."""
        larger = len(self.maxima) - int(np.searchsorted(self.maxima, abs(z)))
        by_chance = (larger + 1) / (len(self.maxima) + 1)
        # The draws say nothing of p-values below one in their number, Bonferroni's inequality does.
        return min(1.0, by_chance, self.comparisons * 2 * float(ndtr(-abs(z))))


def count_groups(
    words: Words, groups: Groups, masks: Words, rates: Rates, *, workers: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return counts and rows among which, by rate and subgroup; the last column is of all rows."""

    def counted(batch: Places) -> NDArray[np.int64]:
        return np.stack(
            [np.concatenate([sizes(each) for each in chunks_of(words, batch, mask)]) for mask in masks]
        )

    parts = over_batches(groups.members, counted, workers)
    sums = np.concatenate([*parts, sizes(masks)[:, None]], axis=1)
    return _weighted(rates, sums, "selects"), _weighted(rates, sums, "among")


def compare_groups(
    words: Words,
    groups: Groups,
    masks: Words,
    rates: Rates,
    blocks: Blocks,
    *,
    fewest: int,
    seed: int,
    draws: int = DRAWS,
    workers: int = 1,
) -> Compared:
    """Compare each subgroup with the rest of the rows, of which each has `fewest` or more.

    `words` and `masks` are in the order of `blocks`, which has to be a random one.
    """
    whole = blocks.count(masks).astype(np.float64)
    totals = sizes(masks)
    multipliers = np.random.default_rng(seed).standard_normal((blocks.blocks, draws), dtype=np.float32)
    all_x = np.array([each.selects @ totals for each in rates.rates])
    all_n = np.array([each.among @ totals for each in rates.rates])

    def compared(batch: Places) -> tuple[NDArray[np.int64], Singles]:
        counts = np.stack(
            [np.concatenate([blocks.count(each) for each in chunks_of(words, batch, mask)]) for mask in masks]
        )
        sums = counts.sum(axis=2, dtype=np.int64)
        largest = np.zeros(draws, dtype=np.float32)
        for rate, x, n in zip(rates.rates, all_x.tolist(), all_n.tolist(), strict=True):
            tested = _tested(rate.among @ sums, n, fewest)
            if x in (0, n) or not tested.any():
                continue
            influences = _influences(rate, counts[:, tested], whole, x, n)
            drawn = influences @ multipliers
            np.maximum(largest, drawn.max(axis=0), out=largest)
            np.maximum(largest, -drawn.min(axis=0), out=largest)
        return sums, largest

    parts = over_batches(groups.members, compared, workers)
    sums = np.concatenate([part for part, _ in parts], axis=1)
    n = _weighted(rates, sums, "among")
    maxima = np.maximum.reduce([part for _, part in parts])
    return Compared(
        x=_weighted(rates, sums, "selects"),
        n=n,
        all_x=all_x,
        all_n=all_n,
        tested=_tested(n, all_n[:, None], fewest) & ((all_x > 0) & (all_x < all_n))[:, None],
        maxima=np.sort(maxima.astype(np.float64)),
    )


def _tested(n: NDArray[np.int64], all_n: NDArray[np.int64] | int, fewest: int) -> NDArray[np.bool_]:
    return (n >= fewest) & (all_n - n >= fewest)


def _weighted(rates: Rates, sums: NDArray[np.int64], side: str) -> NDArray[np.int64]:
    return np.stack([getattr(rate, side) @ sums for rate in rates.rates])


def _influences(
    rate: Rate, counts: NDArray[np.unsignedinteger], whole: Floats, all_x: int, all_n: int
) -> Singles:
    """Return the blocks' influences on each difference over their root sum of squares, (groups, blocks)."""
    x, n = _combined(rate.selects, counts), _combined(rate.among, counts)
    some_x, some_n = x.sum(axis=1, dtype=np.float64), n.sum(axis=1, dtype=np.float64)
    share = some_n / all_n
    own, rest = some_x / some_n, (all_x - some_x) / (all_n - some_n)
    # Rates of 0 and 1 have no spread of their own; then it is that of equal rates.
    bare = np.isin(own, (0, 1)) & np.isin(rest, (0, 1))
    own, rest = (np.where(bare, all_x / all_n, each) for each in (own, rest))
    # Times a (1 - a), which the deviation divides out again.
    found = x
    found -= _column((1 - share) * own + share * rest) * n
    found -= _column(share) * (rate.selects @ whole).astype(np.float32)
    found += _column(share * rest) * (rate.among @ whole).astype(np.float32)
    # Blocks are not quite equal in size; what they add up to is nothing but rounding.
    deviation = np.sqrt(np.einsum("gb,gb->g", found, found))
    found *= _column(np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0))
    return found


def _column(values: NDArray[np.floating]) -> Singles:
    return values.astype(np.float32)[:, None]


def _combined(weights: NDArray[np.int64], counts: NDArray[np.unsignedinteger]) -> Singles:
    """Add up sets, shape (sets, groups, blocks), each as often as its weight says."""
    found = np.zeros(counts.shape[1:], dtype=np.float32)
    for weight, count in zip(weights.tolist(), counts, strict=True):
        if weight:
            found += np.float32(weight) * count
    return found
