"""Differences beyond a critical value as results: rates, gaps with intervals, p-values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from trivet.estimate import Estimate
from trivet.fairness.intervals.comparisons import difference_limits
from trivet.fairness.intervals.shares import share_interval
from trivet.fairness.search.bitsets import Words, sizes
from trivet.fairness.search.exact import detectable_gaps
from trivet.fairness.search.rates import Rate
from trivet.fairness.search.results import Condition, Detectable, Subgroup, description_of
from trivet.fairness.search.tree import NONE, Groups, Places, chunks_of, words_of

__all__ = [
    "SIZES",
    "Difference",
    "choose_differences",
    "conditions_of",
    "described",
    "detectable",
    "excludes_zero",
]

Counts = NDArray[np.int64]

#: Shares of the rows that detectable gaps are summed up for.
SIZES = (0.001, 0.01, 0.05, 0.2)


def conditions_of(members: Places, conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """Return the conditions of one subgroup."""
    return tuple(conditions[place] for place in members.tolist() if place != NONE)


def excludes_zero(x: Counts, n: Counts, all_x: int, all_n: int, critical: float) -> NDArray[np.bool_]:
    """Return which intervals of gaps, at a critical value, lie on one side of zero."""
    low, high, _ = difference_limits(all_x - x, all_n - n, x, n, level=_level(critical))
    return (low > 0) | (high < 0)


def described(
    conditions: tuple[Condition, ...],
    metric: str,
    counts: tuple[int, int, int, int],
    *,
    z: float,
    p_adjusted: float,
    critical: float,
    level: float,
    stands_for: int = 0,
) -> Subgroup:
    """Return a subgroup with its rates; `counts` are its x and n, and those of all rows."""
    x, n, all_x, all_n = counts
    low, high, large = difference_limits([all_x - x], [all_n - n], [x], [n], level=_level(critical))
    method = "Newcombe hybrid score" if large[0] else "hybrid exact (Clopper-Pearson)"
    rate = share_interval(x, n, level=level)
    rest = share_interval(all_x - x, all_n - n, level=level)
    return Subgroup(
        description=description_of(conditions),
        conditions=conditions,
        metric=metric,
        rows=n,
        share=n / all_n,
        rate=rate,
        rest=rest,
        gap=Estimate(
            x / n - (all_x - x) / (all_n - n),
            float(low[0]),
            float(high[0]),
            level,
            f"{method}, at {critical:.3f} standard errors for all subgroups at once",
        ),
        z=z,
        p_adjusted=p_adjusted,
        stands_for=stands_for,
    )


def detectable(metric: str, n: Counts, all_x: int, all_n: int, critical: float) -> tuple[Detectable, ...]:
    """Sum up which gaps of one rate would have been found in the subgroups of each size."""
    if all_x in (0, all_n) or not len(n):
        return ()
    gaps = detectable_gaps(n, all_x, all_n, critical)
    # A subgroup of nearly all rows leaves as few for the rest.
    share = np.minimum(n, all_n - n) / all_n
    found: list[Detectable] = []
    for size in SIZES:
        own = gaps[share >= size]
        if len(own):
            found.append(Detectable(metric, size, len(own), _known(np.median(own)), _known(own.max())))
    return tuple(found)


def _known(gap: float) -> float | None:
    return float(gap) if np.isfinite(gap) else None


def _level(critical: float) -> float:
    """Return the level whose normal quantile is a critical value."""
    return float(1 - 2 * ndtr(-critical))


#: Subgroups of each rate that are listed.
SHOWN: Final = 20
#: The strongest differences of each rate; the weaker ones are counted only.
MOST_LOOKED_AT: Final = 300


@dataclass(frozen=True)
class Difference:
    """A subgroup by its place, a rate by its place, and how far its difference is out."""

    group: int
    rate: int
    z: float


@dataclass(frozen=True)
class Chosen:
    """Differences to list, each with those that it explains."""

    listed: tuple[Difference, ...]
    explained: tuple[tuple[Difference, ...], ...]


def choose_differences(
    found: Sequence[Difference],
    words: Words,
    groups: Groups,
    masks: Words,
    rates: Sequence[Rate],
    *,
    critical: float,
    shown: int = SHOWN,
) -> Chosen:
    """Choose the strongest differences of each rate, without those that a chosen one explains.

    A difference is explained by one that is chosen before it where it does not stand, beyond the same
    critical value, among rows that are alike in that subgroup: the test of N. Mantel and W. Haenszel (J. of
    the National Cancer Institute 22, 1959), with the rows of that subgroup and all others as the strata.
    """
    lengths = groups.lengths
    listed: list[Difference] = []
    explained: list[tuple[Difference, ...]] = []
    for place, rate in enumerate(rates):
        # Of equal ones, which can be the same rows, the shortest and first conjunction.
        own = sorted(
            (each for each in found if each.rate == place),
            key=lambda each: (-abs(each.z), int(lengths[each.group]), *groups.members[each.group].tolist()),
        )
        left = own[:MOST_LOOKED_AT]
        count = 0
        while left and count < shown:
            best, *left = left
            count += 1
            listed.append(best)
            gone: list[Difference] = []
            if left:
                still = _stands(best, left, words, groups, masks, rate, critical)
                gone = [each for each, stays in zip(left, still.tolist(), strict=True) if not stays]
                left = [each for each, stays in zip(left, still.tolist(), strict=True) if stays]
            explained.append(tuple(gone))
    order = sorted(range(len(listed)), key=lambda place: -abs(listed[place].z))
    return Chosen(tuple(listed[place] for place in order), tuple(explained[place] for place in order))


def _stands(
    best: Difference,
    others: Sequence[Difference],
    words: Words,
    groups: Groups,
    masks: Words,
    rate: Rate,
    critical: float,
) -> NDArray[np.bool_]:
    """Return which differences stand with membership of the best one's subgroup held fixed."""
    inside = words_of(words, groups.members[best.group])
    members = groups.members[[each.group for each in others]]
    within = np.stack(
        [np.concatenate([sizes(each) for each in chunks_of(words, members, mask & inside)]) for mask in masks]
    )
    everywhere = np.stack(
        [np.concatenate([sizes(each) for each in chunks_of(words, members, mask)]) for mask in masks]
    )
    of_best, of_all = sizes(masks & inside), sizes(masks)
    over, variance = np.zeros(len(others)), np.zeros(len(others))
    for sums, whole in ((within, of_best), (everywhere - within, of_all - of_best)):
        x, n = rate.selects @ sums, (rate.among @ sums).astype(np.float64)
        all_x, all_n = float(rate.selects @ whole), float(rate.among @ whole)
        if all_n > 1:
            over += x - n * all_x / all_n
            variance += n * (all_n - n) * all_x * (all_n - all_x) / (all_n**2 * (all_n - 1))
    # A subgroup that is the best one, or the rest of it, has no variance left.
    return np.abs(over) > critical * np.sqrt(np.maximum(variance, 1e-12))
