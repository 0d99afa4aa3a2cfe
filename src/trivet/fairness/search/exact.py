"""Exact tails of a subgroup's count, and the gaps that a critical value lets through."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, gammaln, ndtr, ndtri, ndtri_exp

__all__ = ["detectable_gaps", "exact_quantiles", "score_quantiles"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

#: With a larger variance of the count the normal tail is exact enough: its skewness is below 1/300.
LARGE_VARIANCE: Final = 1e5
#: Terms of a tail that add less than this share of it are left out.
ROUNDING: Final = 1e-9
#: Power of what is called detectable: four times in five.
POWER: Final = 0.8
#: With fewer rows counted a power far out in the tail is that of a binomial count.
FEW: Final = 2000
_STEPS: Final = 20


def score_quantiles(x: Counts, n: Counts, all_x: int, all_n: int) -> Floats:
    """Return the difference from the rest over its deviation if the rates are equal; 0 where that is 0."""
    rate = all_x / max(all_n, 1)
    variance = _variance(n, all_x, all_n)
    return np.divide(x - n * rate, np.sqrt(variance), out=np.zeros(len(x)), where=variance > 0)


def exact_quantiles(x: Counts, n: Counts, all_x: int, all_n: int) -> Floats:
    """Return normal quantiles of the exact one-sided tails, with the sign of the difference from the rest.

    Given how many rows there are and how many are counted, the count of a subgroup whose rate is that of
    the rest is hypergeometric (R. A. Fisher, J. Royal Statistical Society 98, 1935). Where its variance is
    large the normal tail stands for it.
    """
    found = score_quantiles(x, n, all_x, all_n)
    rest = np.flatnonzero((_variance(n, all_x, all_n) <= LARGE_VARIANCE) & (found != 0))
    above = found[rest] > 0
    # Seen from the rows that are not counted, few of them are what many of the others were.
    counted = np.where(above, x[rest], n[rest] - x[rest])
    whole = np.where(above, all_x, all_n - all_x)
    quantiles = -ndtri_exp(_log_upper_tails(counted, n[rest], whole, all_n))
    # Of two values next to the middle the tail can be above one half.
    found[rest] = np.where(above, 1, -1) * np.maximum(quantiles, 0)
    return found


def _variance(n: Counts, all_x: int, all_n: int) -> Floats:
    """Return the variance of a hypergeometric count."""
    rate = all_x / max(all_n, 1)
    return rate * (1 - rate) * n * ((all_n - n) / max(all_n - 1, 1))


def _log_upper_tails(x: Counts, n: Counts, all_x: Counts, all_n: int) -> Floats:
    """Return log P(X >= x) of hypergeometric counts that are above their means."""
    first = _log_choose(n, x) + _log_choose(all_n - n, all_x - x) - _log_choose(np.full_like(n, all_n), all_x)
    total, term = np.ones(len(x)), np.ones(len(x))
    place, left = x.astype(np.float64), np.arange(len(x))
    while len(left):
        at, rows, whole = place[left], n[left], all_x[left]
        term[left] *= (rows - at) * (whole - at) / ((at + 1) * (all_n - rows - whole + at + 1))
        total[left] += term[left]
        place[left] += 1
        left = left[term[left] > ROUNDING * total[left]]
    return np.minimum(first + np.log(total), 0.0)


def _log_choose(n: Counts, k: Counts) -> Floats:
    return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)


def detectable_gaps(n: Counts, all_x: int, all_n: int, critical: float) -> Floats:
    """Return the smallest gaps that subgroups are found with a power of 80 % at, infinite where none is.

    The rest of the rows has the rate of all. Of a rate that is higher and one that is lower by the gap the
    less visible one counts, if it is possible at all. Where few rows are counted, or are not, the power is
    that of a binomial count beyond its critical value; else that of a normal one.
    """
    rate = all_x / max(all_n, 1)
    gaps = np.full((2, len(n)), np.nan)
    # Fewer rows for what the rest does not know for certain itself.
    worth = np.maximum(np.rint(n * (1 - n / max(all_n, 1))), 1)
    for side, share in enumerate((rate, 1 - rate)):
        few = worth * min(rate, 1 - rate) < FEW
        gaps[side, few] = _binomial_gaps(worth[few], share, critical)
        gaps[side, ~few] = _normal_gaps(worth[~few], share, critical)
    # A rate cannot rise above 1 or fall below 0: that side does not count.
    gaps[0, gaps[0] > 1 - rate + ROUNDING] = np.nan
    gaps[1, gaps[1] > rate + ROUNDING] = np.nan
    possible = ~np.isnan(gaps)
    worst = np.where(possible, gaps, -np.inf).max(axis=0)
    return np.where(possible.any(axis=0), worst, np.inf)


def _normal_gaps(worth: Floats, rate: float, critical: float) -> Floats:
    """Solve gap = c s(0) + z s(gap) for a rate that is higher by the gap."""
    null = critical * np.sqrt(rate * (1 - rate) / worth)
    gap = null.copy()
    z = float(ndtri(POWER))
    for _ in range(_STEPS):
        higher = np.minimum(rate + gap, 1.0)
        gap = null + z * np.sqrt(higher * (1 - higher) / worth)
    return gap


def _binomial_gaps(worth: Floats, rate: float, critical: float) -> Floats:
    """Return how much higher a rate has to be for a binomial count to reach its critical value."""
    if rate in (0.0, 1.0) or not len(worth):
        return np.full(len(worth), np.nan)
    alpha = float(ndtr(-critical))
    # The least k with P(X >= k) <= alpha, by halving.
    low, high = np.zeros(len(worth)), worth + 1
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        rare = betainc(np.maximum(middle, 1), worth - middle + 1, rate) <= alpha
        low, high = np.where(rare, low, middle), np.where(rare, middle, high)
    reached = high <= worth
    needed = np.where(
        reached, betaincinv(np.minimum(high, worth), np.maximum(worth - high + 1, 1), POWER), np.nan
    )
    return needed - rate
