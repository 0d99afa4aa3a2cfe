"""True positive rate of an attack at a bounded false positive rate."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from trivet.privacy.auditing.bounds import lower, upper
from trivet.privacy.membership.results import RateAtFpr

__all__ = ["allowed_accusations", "effective_rows", "proportion_interval", "rate_at"]


def proportion_interval(
    count: int, trials: int, *, level: float = 0.95, effective: float | None = None
) -> tuple[float, float]:
    """Return the two-sided interval of Clopper and Pearson 1934 for a proportion."""
    tail = (1 - level) / 2
    if effective is not None:  # dependent trials, worth so many independent ones: Korn and Graubard 1998
        k = count * effective / trials
        low = float(beta.ppf(tail, k, effective - k + 1)) if count else 0.0
        return low, float(beta.isf(tail, k + 1, effective - k)) if count < trials else 1.0
    return float(lower(count, trials, tail)), float(upper(count, trials, tail))


def allowed_accusations(fpr: float, non_members: int) -> int:
    """Return how many of the non-members may be accused at a false positive rate."""
    # 0.29 * 100 is a little less than 29.
    return math.floor(fpr * non_members + 1e-9)


def effective_rows(units: NDArray[np.int64] | None) -> float | None:
    """Return how many independent rows the rows of so many units are worth at least; None stays None.

    That many, (sum of the sizes)^2 / sum of their squares, where all rows of a unit are always found
    together or not at all.
    """
    if units is None:
        return None
    sizes = np.unique(units, return_counts=True)[1].astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def rate_at(
    fpr: float,
    members: NDArray[np.float64],
    non_members: NDArray[np.float64],
    *,
    level: float = 0.95,
    units: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> RateAtFpr:
    """Return the true positive rate at a false positive rate, read off the rows themselves.

    With ``k = floor(fpr * q)`` accusations allowed, the threshold is the (k+1)-th highest score of a
    non-member, and whoever lies above it is called a member. So the realised rate never exceeds the
    requested one, also where scores tie; nothing is interpolated.
    """
    p, q = len(members), len(non_members)
    allowed = allowed_accusations(fpr, q)
    if allowed == 0:
        needed = math.ceil(1 / fpr - 1e-9)
        reason = f"{q} non-members are too few for a false positive rate of {fpr:.4g}: {needed} are needed"
        return RateAtFpr(fpr, allowed, reason=reason)
    threshold = float(np.partition(non_members, q - allowed - 1)[q - allowed - 1])
    found, accused = int((members > threshold).sum()), int((non_members > threshold).sum())
    worth_p, worth_q = (None, None) if units is None else map(effective_rows, units)
    tpr_low, tpr_high = proportion_interval(found, p, level=level, effective=worth_p)
    realised_low, realised_high = proportion_interval(accused, q, level=level, effective=worth_q)
    return RateAtFpr(
        fpr=fpr,
        allowed=allowed,
        true_positives=found,
        false_positives=accused,
        threshold=threshold,
        tpr=found / p,
        tpr_low=tpr_low,
        tpr_high=tpr_high,
        realised_fpr=accused / q,
        realised_fpr_low=realised_low,
        realised_fpr_high=realised_high,
    )
