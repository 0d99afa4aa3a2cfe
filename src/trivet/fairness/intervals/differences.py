"""Confidence intervals for the difference of two groups' rates."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.intervals.results import Bounds
from trivet.fairness.intervals.shares import (
    Floats,
    Limits,
    bounds_of,
    checked_shares,
    is_large,
    share_limits,
    share_of,
    wilson_limits,
)
from trivet.fairness.metrics.comparisons import group_sizes, selected
from trivet.fairness.results import Interval

__all__ = ["difference_interval", "difference_intervals", "difference_limits", "newcombe_interval"]

#: libm's, as numpy's differs in the last bit from processor to processor.
_hypot = np.frompyfunc(math.hypot, 2, 1)


def difference_interval(x0: int, n0: int, x1: int, n1: int, *, level: float = 0.95) -> Bounds:
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
    Bounds
        Within [-1, 1]; without an estimate and bounds where a group has no trial.

    Raises
    ------
    DataError
        If there are more successes than trials, or a negative number.
    UsageError
        If the level is not between 0 and 1.
    """
    return difference_intervals([x0], [n0], [x1], [n1], level=level)[0]


def difference_intervals(
    x0: ArrayLike, n0: ArrayLike, x1: ArrayLike, n1: ArrayLike, *, level: float = 0.95
) -> tuple[Bounds, ...]:
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
    low, high = _hybrid(share_of(x, n), limits.low, limits.high)
    return Limits(low, high, large)


def newcombe_interval(counts: NDArray[np.int64], *, level: float = 0.95) -> Interval:
    """Return Newcombe's interval of the demographic parity difference, however few rows there are.

    Parameters
    ----------
    counts
        Shape (2, 2, 2), indexed [group, label, prediction].
    level
        Confidence level, in (0, 1).
    """
    x, n = selected(counts), group_sizes(counts)
    shares = share_of(x, n)
    low, high = _hybrid(shares, *wilson_limits(x, n, level=level))
    return Interval(
        estimate=float(shares[PRIVILEGED] - shares[PROTECTED]),
        low=float(low),
        high=float(high),
        level=level,
        method="Newcombe hybrid score",
    )


def _hybrid(shares: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the privileged share minus the protected one; the first axis is the group."""
    away, towards = shares - low, high - shares
    difference = shares[PRIVILEGED] - shares[PROTECTED]
    with np.errstate(invalid="ignore"):
        down = difference - _hypot(away[PRIVILEGED], towards[PROTECTED])
        up = difference + _hypot(towards[PRIVILEGED], away[PROTECTED])
    return np.asarray(down, dtype=np.float64), np.asarray(up, dtype=np.float64)
