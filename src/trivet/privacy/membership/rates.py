"""How many members an attack finds while it accuses at most a given share of the non-members."""

import math

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.auditing.bounds import lower, upper
from trivet.privacy.membership.results import RateAtFpr

__all__ = ["allowed_accusations", "proportion_interval", "rate_at"]


def proportion_interval(count: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval of Clopper and Pearson 1934 for a proportion.

    Parameters
    ----------
    count, trials
        Successes and trials, 0 <= count <= trials, trials at least 1.
    level
        In (0, 1).
    """
    tail = (1 - level) / 2
    return float(lower(count, trials, tail)), float(upper(count, trials, tail))


def allowed_accusations(fpr: float, non_members: int) -> int:
    """Return how many of the non-members may be accused at a false positive rate."""
    # 0.29 * 100 is a little less than 29.
    return math.floor(fpr * non_members + 1e-9)


def rate_at(
    fpr: float, members: NDArray[np.float64], non_members: NDArray[np.float64], *, level: float = 0.95
) -> RateAtFpr:
    """Return the true positive rate at a false positive rate, read off the rows themselves.

    With ``k = floor(fpr * q)`` accusations allowed, the threshold is the (k+1)-th highest score of a
    non-member, and whoever lies above it is called a member. So the realised rate never exceeds the
    one asked for, also where scores tie; nothing is interpolated.

    Parameters
    ----------
    fpr
        In (0, 1).
    members, non_members
        Scores, shapes (p,) and (q,), each at least 1.
    level
        Level of the intervals, in (0, 1). They hold for the threshold as it stands.

    Returns
    -------
    RateAtFpr
        Without a rate, and with the reason, where q < 1 / fpr: not one accusation is allowed then.
    """
    p, q = len(members), len(non_members)
    allowed = allowed_accusations(fpr, q)
    if allowed == 0:
        needed = math.ceil(1 / fpr - 1e-9)
        reason = f"{q} non-members are too few for a false positive rate of {fpr:.4g}: {needed} are needed"
        return RateAtFpr(fpr, allowed, reason=reason)
    threshold = float(np.partition(non_members, q - allowed - 1)[q - allowed - 1])
    found, accused = int((members > threshold).sum()), int((non_members > threshold).sum())
    tpr_low, tpr_high = proportion_interval(found, p, level=level)
    realised_low, realised_high = proportion_interval(accused, q, level=level)
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
