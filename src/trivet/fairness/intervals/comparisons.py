"""Confidence intervals for the ratio of two groups' rates, such as disparate impact."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, ndtr

from trivet.estimate import Estimate
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.intervals.shares import (
    Floats,
    Limits,
    bounds_of,
    checked_shares,
    is_large,
    share_limits,
)
from trivet.paired import normal_quantile, share_of

__all__ = [
    "TestResult",
    "difference_interval",
    "difference_intervals",
    "difference_limits",
    "equality_test",
    "p_values",
    "ratio_interval",
    "ratio_intervals",
    "ratio_limits",
    "recovered_difference",
    "recovered_ratio",
]

#: libm's, as numpy's differs in the last bit from processor to processor.
_exp = np.frompyfunc(math.exp, 1, 1)


@dataclass(frozen=True)
class TestResult:
    """The p-value of a test, None with a reason where there is nothing to test."""

    #: Keeps pytest from collecting this class.
    __test__ = False

    p_value: float | None
    method: str
    reason: str | None = None


def ratio_interval(x0: int, n0: int, x1: int, n1: int, *, level: float = 0.95) -> Estimate:
    """Return an interval of the protected group's share over the privileged group's, (x0/n0) / (x1/n1).

    Where more than 30 succeed and more than 30 fail in each group this is the log interval of D. Katz,
    J. Baptista, S. P. Azen and M. C. Pike (Biometrics 34, 1978). Else it is put together from the exact
    intervals of the two shares (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934) as A. Donner and G. Y.
    Zou derive (Statistical Methods in Medical Research 21, 2012), which also holds where nobody succeeds.

    Parameters
    ----------
    x0, n0
        Successes and trials of the protected group, 0 <= x0 <= n0.
    x1, n1
        Those of the privileged group.
    level
        Confidence level, in (0, 1).

    Returns
    -------
    Estimate
        Without an estimate and an upper bound where nobody in the privileged group succeeds; without any
        figure where nobody in either group does, for 0/0 is unknown, or where a group has no trial.

    Raises
    ------
    DataError, UsageError
        If there are more successes than trials, or a negative number; if the level is out of range.
    """
    return ratio_intervals([x0], [n0], [x1], [n1], level=level)[0]


def ratio_intervals(
    x0: ArrayLike, n0: ArrayLike, x1: ArrayLike, n1: ArrayLike, *, level: float = 0.95
) -> tuple[Estimate, ...]:
    """Return what `ratio_interval` does for many pairs of groups at once, of shape (pairs,)."""
    (x0, n0), (x1, n1) = checked_shares(x0, n0), checked_shares(x1, n1)
    x0, n0, x1, n1 = np.broadcast_arrays(x0, n0, x1, n1)
    estimates = _ratio(share_of(x0, n0), share_of(x1, n1))
    columns = (np.ravel(values).tolist() for values in (x0, n0, x1, n1))
    reasons = [_reason(*row) for row in zip(*columns, strict=True)]
    names = "Katz log", "hybrid exact (Clopper-Pearson)"
    low, high, large = ratio_limits(x0, n0, x1, n1, level=level)
    # Any ratio from 0 up is then possible, and an end of 0 would look as if something had been measured.
    limits = Limits(np.where((x0 == 0) & (x1 == 0), np.nan, low), high, large)
    return bounds_of(estimates, limits, level=level, names=names, reasons=reasons)


def ratio_limits(
    x0: ArrayLike, n0: ArrayLike, x1: ArrayLike, n1: ArrayLike, *, level: float = 0.95
) -> Limits:
    """Return the ends that `ratio_interval` has, infinite where there is none, for arrays that broadcast."""
    (x0, n0), (x1, n1) = checked_shares(x0, n0), checked_shares(x1, n1)
    large = is_large(x0, n0, level=level) & is_large(x1, n1, level=level)
    x0, n0, x1, n1, large = np.broadcast_arrays(x0, n0, x1, n1, large)
    low, high = np.full(large.shape, np.nan), np.full(large.shape, np.nan)
    low[large], high[large] = _katz_limits(x0[large], n0[large], x1[large], n1[large], level)
    few = ~large
    low[few], high[few] = hybrid_limits(x0[few], n0[few], x1[few], n1[few], level)
    return Limits(low, high, large)


def _katz_limits(
    x0: NDArray[np.int64], n0: NDArray[np.int64], x1: NDArray[np.int64], n1: NDArray[np.int64], level: float
) -> tuple[Floats, Floats]:
    """Return the ends of Katz's interval, of groups that all have a success."""
    estimate = share_of(x0, n0) / share_of(x1, n1)
    spread = normal_quantile(level) * np.sqrt((1 / x0 - 1 / n0) + (1 / x1 - 1 / n1))
    low, high = estimate * _exp(-spread), estimate * _exp(spread)
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def hybrid_limits(
    x0: NDArray[np.int64], n0: NDArray[np.int64], x1: NDArray[np.int64], n1: NDArray[np.int64], level: float
) -> tuple[Floats, Floats]:
    """Return the ends that follow from the exact ends of each share, for groups that broadcast."""
    shares, lows, highs = [], [], []
    for x, n in ((x0, n0), (x1, n1)):
        ends = share_limits(x, n, level=level, large=np.zeros(x.shape, dtype=np.bool_))
        shares.append(share_of(x, n))
        lows.append(ends.low)
        highs.append(ends.high)
    share, low, high = (np.stack(np.broadcast_arrays(*pair)) for pair in (shares, lows, highs))
    return recovered_ratio(share, low, high)


def recovered_ratio(
    shares: Floats, low: Floats, high: Floats, correlation: float | Floats = 0.0
) -> tuple[Floats, Floats]:
    """Return the ends of the first of two estimates over the second, from the ends of each.

    The first axis is the group, protected first; figures are 0 or more, and no correlation is above 0 (A.
    Donner, G. Y. Zou, Statistical Methods in Medical Research 21, 2012). An end is infinite where nothing
    bounds the ratio.
    """
    (share0, share1), (low0, low1), (high0, high1) = shares, low, high
    # The upper end of a ratio is the lower end of the ratio the other way round.
    down = _hybrid_low(share0, low0, share1, high1, correlation)
    other = _hybrid_low(share1, low1, share0, high0, correlation)
    return down, np.divide(1, other, out=np.where(np.isnan(other), np.nan, np.inf), where=other > 0)


def _hybrid_low(
    share0: Floats, low0: Floats, share1: Floats, high1: Floats, correlation: float | Floats
) -> Floats:
    """Return the lower end of share0 / share1: their L, with a root of the denominator multiplied out."""
    # With A the product of the shares and a, b = l(2 share - l) of the two limits l, it is (A - sqrt(A^2 - a
    # b)) / b = a / (A + sqrt(A^2 - a b)).
    product = share0 * share1 - correlation * (share0 - low0) * (high1 - share1)
    a, b = low0 * (2 * share0 - low0), high1 * (2 * share1 - high1)
    # a b is at most A^2 but for rounding.
    denominator = product + np.sqrt(np.maximum(product**2 - a * b, 0))
    return np.divide(a, denominator, out=np.where(np.isnan(denominator), np.nan, 0.0), where=denominator > 0)


def _ratio(share0: Floats, share1: Floats) -> Floats:
    """Divide shares; NaN where both are 0, infinite where only the second is."""
    without = np.where(share0 > 0, np.inf, np.nan)
    return np.divide(share0, share1, out=without, where=share1 != 0)


def _reason(x0: int, n0: int, x1: int, n1: int) -> str | None:
    """Say why an interval lacks something."""
    if n0 == 0 or n1 == 0:
        return "a group has no row to take a share of"
    if x1 > 0:
        return None
    if x0 == 0:
        return "both shares are 0, and 0/0 is unknown"
    return "the privileged group's share is 0: the ratio has no upper bound"


#: libm's, as numpy's differs in the last bit from processor to processor.
_hypot = np.frompyfunc(math.hypot, 2, 1)


def difference_interval(x0: int, n0: int, x1: int, n1: int, *, level: float = 0.95) -> Estimate:
    """Return an interval of the privileged group's share minus the protected group's, x1/n1 - x0/n0.

    Each end takes the bounds of the two shares that lead away from the estimate. Where more than 30
    succeed and more than 30 fail in each group these are Wilson's (R. G. Newcombe, Statistics in
    Medicine 17, 1998, pages 873 to 890, method 10). Else they are the exact ones of Clopper and Pearson
    (the general construction is that of G. Y. Zou and A. Donner, Statistics in Medicine 27, 2008), since
    Wilson's cover too rarely where few succeed.

    Parameters
    ----------
    x0, n0
        Successes and trials of the protected group, 0 <= x0 <= n0.
    x1, n1
        Those of the privileged group.
    level
        Confidence level, in (0, 1).

    Returns
    -------
    Estimate
        Within [-1, 1]; without an estimate and bounds where a group has no trial.

    Raises
    ------
    DataError, UsageError
        If there are more successes than trials, or a negative number; if the level is out of range.
    """
    return difference_intervals([x0], [n0], [x1], [n1], level=level)[0]


def difference_intervals(
    x0: ArrayLike, n0: ArrayLike, x1: ArrayLike, n1: ArrayLike, *, level: float = 0.95
) -> tuple[Estimate, ...]:
    """Return what `difference_interval` does for many pairs of groups at once, of shape (pairs,)."""
    (x0, n0), (x1, n1) = checked_shares(x0, n0), checked_shares(x1, n1)
    reasons = [
        "a group has no row to take a share of" if 0 in trials else None
        for trials in zip(*np.broadcast_arrays(n0, n1), strict=True)
    ]
    names = "Newcombe hybrid score", "hybrid exact (Clopper-Pearson)"
    limits = difference_limits(x0, n0, x1, n1, level=level)
    return bounds_of(share_of(x1, n1) - share_of(x0, n0), limits, level=level, names=names, reasons=reasons)


def difference_limits(
    x0: ArrayLike, n0: ArrayLike, x1: ArrayLike, n1: ArrayLike, *, level: float = 0.95
) -> Limits:
    """Return the ends that `difference_interval` has, for arrays of any shapes that broadcast."""
    (x0, n0), (x1, n1) = checked_shares(x0, n0), checked_shares(x1, n1)
    large = is_large(x0, n0, level=level) & is_large(x1, n1, level=level)
    x, n = np.stack(np.broadcast_arrays(x0, x1)), np.stack(np.broadcast_arrays(n0, n1))
    limits = share_limits(x, n, level=level, large=np.broadcast_to(large, x.shape))
    low, high = recovered_difference(share_of(x, n), limits.low, limits.high)
    return Limits(low, high, large)


def recovered_difference(
    shares: Floats, low: Floats, high: Floats, correlation: float | Floats = 0.0
) -> tuple[Floats, Floats]:
    """Return the ends of the privileged estimate minus the protected one, from the ends of each.

    The first axis is the group, protected first (G. Y. Zou, A. Donner, Statistics in Medicine 27, 2008).
    """
    away, towards = shares - low, high - shares
    difference = shares[PRIVILEGED] - shares[PROTECTED]
    with np.errstate(invalid="ignore"):
        down = _joined(away[PRIVILEGED], towards[PROTECTED], correlation)
        up = _joined(towards[PRIVILEGED], away[PROTECTED], correlation)
        return difference - down, difference + up


def _joined(one: Floats, other: Floats, correlation: float | Floats) -> Floats:
    if np.ndim(correlation) == 0:
        return np.asarray(_hypot(one, other), dtype=np.float64)
    return np.sqrt(one**2 + other**2 - 2 * correlation * one * other)


#: Relative; rounding must not decide which of two equally likely tables is the less likely one.
ROUNDING = 1e-7


def equality_test(x0: int, n0: int, x1: int, n1: int) -> TestResult:
    """Test whether two groups have the same share of successes, against any difference."""
    # The score test where counts are large (K. Pearson's chi-square without a correction); else the exact
    # test of R. A. Fisher (J. Royal Statistical Society 98, 1935), conservative as the exact intervals are.
    (x0s, n0s), (x1s, n1s) = checked_shares([x0], [n0]), checked_shares([x1], [n1])
    large = bool(is_large(x0s, n0s)[0] and is_large(x1s, n1s)[0])
    method = "score test" if large else "Fisher exact"
    if min(n0, n1) == 0:
        return TestResult(None, method, "a group has no row to take a share of")
    return TestResult(float(p_values(x0s, n0, x1s, n1)[0, 0]), method)


def p_values(x0: NDArray[np.int64], n0: int, x1: NDArray[np.int64], n1: int) -> NDArray[np.float64]:
    """Return the p-value that `equality_test` has for each pair of successes."""
    large = is_large(x0, np.asarray(n0))[:, None] & is_large(x1, np.asarray(n1))
    found = np.where(large, _score(x0[:, None], n0, x1, n1), np.nan)
    totals = x0[:, None] + x1
    first, second = np.nonzero(~large)
    # Tables with the same margins are looked up in one distribution.
    order = np.argsort(totals[first, second], kind="stable")
    first, second = first[order], second[order]
    margins, starts = np.unique(totals[first, second], return_index=True)
    for total, rows in zip(margins.tolist(), np.split(np.arange(len(order)), starts[1:]), strict=False):
        found[first[rows], second[rows]] = _fisher(x0[first[rows]], n0, n1, total)
    return found


def _score(x0: NDArray[np.int64], n0: int, x1: NDArray[np.int64], n1: int) -> NDArray[np.float64]:
    """Return two-sided p-values of the difference over its deviation at equal shares."""
    pooled = (x0 + x1) / (n0 + n1)
    deviation = np.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    difference = np.abs(x1 / n1 - x0 / n0)
    z = np.divide(difference, deviation, out=np.zeros(deviation.shape), where=deviation > 0)
    return 2 * ndtr(-z)


def _fisher(x0: NDArray[np.int64], n0: int, n1: int, total: int) -> NDArray[np.float64]:
    """Return two-sided p-values of protected successes, given all successes."""
    low, high = max(0, total - n1), min(n0, total)
    support = np.arange(low, high + 1)
    weights = -(
        gammaln(support + 1)
        + gammaln(n0 - support + 1)
        + gammaln(total - support + 1)
        + gammaln(n1 - total + support + 1)
    )
    likely = np.exp(weights - weights.max())
    likely /= likely.sum()
    ordered = np.sort(likely)
    up_to = np.concatenate([[0.0], np.cumsum(ordered)])
    own = likely[x0 - low]
    return np.minimum(up_to[np.searchsorted(ordered, own * (1 + ROUNDING), side="right")], 1)
