"""Confidence intervals for the ratio of two groups' rates, such as disparate impact."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError
from trivet.fairness.intervals.results import Bounds
from trivet.fairness.intervals.shares import (
    Floats,
    Limits,
    bounds_of,
    checked_shares,
    is_large,
    normal_quantile,
    share_limits,
    share_of,
)
from trivet.fairness.metrics.comparisons import group_sizes, selected
from trivet.fairness.results import Interval

__all__ = ["katz_interval", "ratio_interval", "ratio_intervals", "ratio_limits"]

#: libm's, as numpy's differs in the last bit from processor to processor.
_exp = np.frompyfunc(math.exp, 1, 1)


def ratio_interval(x0: int, n0: int, x1: int, n1: int, *, level: float = 0.95) -> Bounds:
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
    Bounds
        Without an estimate and an upper bound where nobody in the privileged group succeeds; without any
        figure where nobody in either group does, for 0/0 is unknown, or where a group has no trial.

    Raises
    ------
    DataError
        If there are more successes than trials, or a negative number.
    UsageError
        If the level is not between 0 and 1.
    """
    return ratio_intervals([x0], [n0], [x1], [n1], level=level)[0]


def ratio_intervals(
    x0: ArrayLike, n0: ArrayLike, x1: ArrayLike, n1: ArrayLike, *, level: float = 0.95
) -> tuple[Bounds, ...]:
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
    low[few], high[few] = _hybrid_limits(x0[few], n0[few], x1[few], n1[few], level)
    return Limits(low, high, large)


def katz_interval(counts: NDArray[np.int64], *, level: float = 0.95) -> Interval:
    """Return Katz's log interval of disparate impact, however few rows there are.

    The logarithm of a ratio of two independent shares x0/n0 and x1/n1 is near normal with variance
    (1/x0 - 1/n0) + (1/x1 - 1/n1) (D. Katz, J. Baptista, S. P. Azen, M. C. Pike, Biometrics 34, 1978).

    Parameters
    ----------
    counts
        Shape (2, 2, 2), indexed [group, label, prediction].
    level
        Confidence level, in (0, 1).

    Raises
    ------
    DataError
        If a group has no selected row, where the logarithm is undefined.
    """
    (x0, x1), (n0, n1) = selected(counts), group_sizes(counts)
    if x0 == 0 or x1 == 0:
        raise DataError(
            f"the log interval of disparate impact needs a selected row in each group, found {x0} protected "
            f"and {x1} privileged ones. Use more rows, or a lower cut."
        )
    low, high = _katz_limits(x0, n0, x1, n1, level)
    estimate = float(share_of(x0, n0) / share_of(x1, n1))
    return Interval(estimate=estimate, low=float(low), high=float(high), level=level, method="Katz log")


def _katz_limits(
    x0: NDArray[np.int64], n0: NDArray[np.int64], x1: NDArray[np.int64], n1: NDArray[np.int64], level: float
) -> tuple[Floats, Floats]:
    """Return the ends of Katz's interval, of groups that all have a success."""
    estimate = share_of(x0, n0) / share_of(x1, n1)
    spread = normal_quantile(level) * np.sqrt((1 / x0 - 1 / n0) + (1 / x1 - 1 / n1))
    low, high = estimate * _exp(-spread), estimate * _exp(spread)
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def _hybrid_limits(
    x0: NDArray[np.int64], n0: NDArray[np.int64], x1: NDArray[np.int64], n1: NDArray[np.int64], level: float
) -> tuple[Floats, Floats]:
    """Return the ends that follow from the exact ends of each share."""
    few = np.zeros(x0.shape, dtype=np.bool_)
    limits0 = share_limits(x0, n0, level=level, large=few)
    limits1 = share_limits(x1, n1, level=level, large=few)
    share0, share1 = share_of(x0, n0), share_of(x1, n1)
    # The upper end of a ratio is the lower end of the ratio the other way round.
    low = _hybrid_low(share0, limits0.low, share1, limits1.high)
    other = _hybrid_low(share1, limits1.low, share0, limits0.high)
    return low, np.divide(1, other, out=np.where(np.isnan(other), np.nan, np.inf), where=other > 0)


def _hybrid_low(share0: Floats, low0: Floats, share1: Floats, high1: Floats) -> Floats:
    """Return the lower end of share0 / share1: their L, with a root of the denominator multiplied out.

    With A the product of the shares and a, b = l(2 share - l) of the two limits l, it is
    (A - sqrt(A^2 - a b)) / b = a / (A + sqrt(A^2 - a b)).
    """
    product = share0 * share1
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
