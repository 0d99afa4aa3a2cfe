"""Quantiles of amounts by group, their differences and ratios, with intervals.

The interval of one quantile is of order statistics and holds whatever the distribution (H. A. David, H. N.
Nagaraja, Order Statistics, 2003, section 7.1). Weighted ones invert an interval of the share below the
quantile (R. S. Woodruff, JASA 47, 1952). Comparisons of two groups are put together from the intervals of
both (G. Y. Zou, A. Donner, Statistics in Medicine 27, 2008), of ratios on the scale of logarithms.
"""

import math
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrik, betaincinv, stdtrit

from trivet.estimate import Estimate

__all__ = ["SHARES", "quantile", "quantile_difference", "quantile_ratio", "weighted_quantile"]

Floats = NDArray[np.float64]

#: Quantiles that are shown.
SHARES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
#: Of fewer rows all places are looked at, of more only those around the end.
_ALL: Final = 100
_FEW: Final = "there are too few rows for an end on either side"
_NOT_POSITIVE: Final = "a quantile is not above 0, so that a ratio says nothing"


def quantile(ordered: Floats, share: float, *, level: float) -> Estimate:
    """Return a quantile of values in order, with an interval of order statistics."""
    rows, tail = len(ordered), (1 - level) / 2
    # Of the order statistics 1 to n the l-th is an end where P(X < l) is at most the tail.
    low = _place(tail, rows, share, side="right")
    high = _place(1 - tail, rows, share, side="left") + 1
    value = float(np.quantile(ordered, share))
    return Estimate(
        value,
        float(ordered[low - 1]) if low >= 1 else None,
        float(ordered[high - 1]) if high <= rows else None,
        level,
        "order statistics",
        None if low >= 1 and high <= rows else _FEW,
    )


def _place(level: float, rows: int, share: float, *, side: Literal["left", "right"]) -> int:
    """Return how many of P(X <= k), k = 0 to rows - 1, are below a level; at most it, on the right side."""
    near, around = bdtrik(level, rows, share), 4
    start = 0 if np.isnan(near) or rows < _ALL else max(0, int(near) - around)
    stop = rows if rows < _ALL else min(rows, start + 3 * around)
    return start + int(np.searchsorted(bdtr(np.arange(start, stop), rows, share), level, side=side))


def weighted_quantile(
    ordered: Floats, weights: Floats, share: float, *, rows: float, level: float
) -> Estimate:
    """Return a weighted quantile of values in order; `rows` are its effective number of rows."""
    summed = np.cumsum(weights)
    summed = (summed - weights / 2) / summed[-1]

    def at(place: float) -> float:
        return float(np.interp(place, summed, ordered))

    tail, method = (1 - level) / 2, "Woodruff, Korn-Graubard"
    if not rows > 0:
        return Estimate(at(share), None, None, level, method, _FEW)
    x = rows * share
    low = float(betaincinv(x, rows - x + 1, tail))
    high = float(betaincinv(x + 1, rows - x, 1 - tail))
    known = low > summed[0], high < summed[-1]
    return Estimate(
        at(share),
        at(low) if known[0] else None,
        at(high) if known[1] else None,
        level,
        method,
        None if all(known) else _FEW,
    )


def effective_rows(share: float, variance: float, rows: int, freedom: int, *, level: float) -> float:
    """Return the rows of a simple sample in which a share has a variance (Korn and Graubard)."""
    if freedom < 1 or rows < 2:  # noqa: PLR2004 - as a degree of freedom needs
        return 0.0
    if not variance > 0:
        return float(rows)
    further = float(stdtrit(rows - 1, (1 + level) / 2) / stdtrit(freedom, (1 + level) / 2))
    return min(share * (1 - share) / variance * further**2, float(rows))


def quantile_difference(mine: Estimate, theirs: Estimate) -> Estimate:
    """Return the reference group's quantile minus one group's."""
    low, high = _apart(mine, theirs)
    reason = None if low is not None and high is not None else _FEW
    value = theirs.number - mine.number
    return Estimate(value, low, high, mine.level, f"hybrid of {mine.method}", reason)


def quantile_ratio(mine: Estimate, theirs: Estimate) -> Estimate:
    """Return one group's quantile over the reference group's, where both are above 0."""
    if min(mine.number, theirs.number) <= 0:
        return Estimate(None, None, None, mine.level, "none", _NOT_POSITIVE)
    # The reference's logarithm minus one group's is that of the ratio, with its sign turned.
    low, high = _apart(_logarithm(mine), _logarithm(theirs))
    value = mine.number / theirs.number
    ends = None if high is None else math.exp(-high), None if low is None else math.exp(-low)
    return Estimate(value, *ends, mine.level, f"hybrid of {mine.method}", _FEW if None in ends else None)


def _logarithm(estimate: Estimate) -> Estimate:
    low = math.log(estimate.low) if estimate.low is not None and estimate.low > 0 else None
    high = None if estimate.high is None else math.log(estimate.high)
    return Estimate(math.log(estimate.number), low, high, estimate.level, estimate.method)


def _apart(mine: Estimate, theirs: Estimate) -> tuple[float | None, float | None]:
    """Return the ends of the second minus the first, None where an end that is needed is missing."""
    difference = theirs.number - mine.number
    low = high = None
    if theirs.low is not None and mine.high is not None:
        low = difference - math.hypot(theirs.number - theirs.low, mine.high - mine.number)
    if theirs.high is not None and mine.low is not None:
        high = difference + math.hypot(theirs.high - theirs.number, mine.number - mine.low)
    return low, high
