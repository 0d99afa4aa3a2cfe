"""Differences beyond a critical value as results: rates, gaps with intervals, p-values."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from trivet.estimate import Estimate
from trivet.fairness.intervals.comparisons import difference_limits
from trivet.fairness.intervals.shares import share_interval
from trivet.fairness.search.exact import detectable_gaps
from trivet.fairness.search.results import Condition, Detectable, Subgroup, description_of
from trivet.fairness.search.tree import NONE, Places

__all__ = ["SIZES", "conditions_of", "described", "detectable", "excludes_zero"]

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
