"""AUROC, the probability that a member outscores a non-member, with DeLong's interval."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from trivet.privacy.auditing.bounds import lower, upper

__all__ = ["Area", "auroc", "delong_variance"]


@dataclass(frozen=True)
class Area:
    """An AUROC, in [0, 1], and its interval; None with a reason where it has none."""

    value: float
    low: float | None
    high: float | None
    reason: str | None = None


def auroc(
    members: NDArray[np.float64],
    non_members: NDArray[np.float64],
    *,
    level: float = 0.95,
    units: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Area:
    """Return the probability that a member outscores a non-member, ties counted half, with an interval.

    The interval is the normal one of DeLong, DeLong and Clarke-Pearson 1988, cut to [0, 1]. Their
    variance is 0 where all members stand on one side of all non-members, which so many rows do not
    prove. There the interval is that of Clopper and Pearson for min(members, non-members) pairs that are
    all in one order: no AUROC has a larger variance than the share in so many pairs (Birnbaum and Klose
    1957).
    """
    value, variance = delong_variance(members, non_members, units=units)
    fewest = min(map(len, (members, non_members) if units is None else map(np.unique, units)))
    if fewest < 2:  # noqa: PLR2004 - one row has no variance
        return Area(value, None, None, f"one {'row' if units is None else 'unit'} on a side has no variance")
    if value in {0.0, 1.0}:
        tail, right = (1 - level) / 2, fewest if value else 0
        return Area(value, float(lower(right, fewest, tail)), float(upper(right, fewest, tail)))
    if variance == 0:
        return Area(value, None, None, "all scores are equal")
    reach = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance)
    return Area(value, max(value - reach, 0.0), min(value + reach, 1.0))


def delong_variance(
    members: NDArray[np.float64],
    non_members: NDArray[np.float64],
    *,
    units: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> tuple[float, float]:
    """Return the AUROC and DeLong's variance of it, 0 where a side has one row or unit only.

    In O(n log n) by midranks (Sun and Xu 2014, Algorithm 2); with units the variance is that of Obuchowski
    1997, in which the rows of a unit count as one sum. No unit is on both sides, so its covariance is none.
    """
    p, q = len(members), len(non_members)
    both = rankdata(np.concatenate([members, non_members]))
    # The share of the other side that each row outscores, ties half.
    beaten = (both[:p] - rankdata(members)) / q
    beating = 1 - (both[p:] - rankdata(non_members)) / p
    sides = ((beaten, None), (beating, None)) if units is None else ((beaten, units[0]), (beating, units[1]))
    return float(beaten.mean()), sum(_variance_of_mean(shares, owners) for shares, owners in sides)


def _variance_of_mean(shares: NDArray[np.float64], owners: NDArray[np.int64] | None) -> float:
    """Return the estimated variance of a mean of rows that are independent between units; 0 for one unit."""
    apart = shares - shares.mean()
    sums = apart if owners is None else np.bincount(np.unique(owners, return_inverse=True)[1], apart)
    count = len(sums)
    return 0.0 if count == 1 else count / (count - 1) * float(sums @ sums) / len(shares) ** 2
