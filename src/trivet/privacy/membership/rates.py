"""True positive rate of an attack at a bounded false positive rate."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, norm, rankdata

from trivet.errors import DataError
from trivet.estimate import Estimate, known
from trivet.privacy.mechanism.bounds import lower, upper
from trivet.privacy.membership.results import AttackResult, RateAtFpr, RocPoints
from trivet.settings import Share, require

__all__ = [
    "POINTS",
    "attack_result",
    "auroc",
    "checked_scores",
    "delong_variance",
    "effective_rows",
    "placements",
    "proportion",
    "proportion_interval",
    "rate_at",
    "without_rate",
]


EXACT = "Clopper-Pearson"
DELONG = "DeLong"


def proportion(count: int, trials: int, *, level: float, units: NDArray[np.int64] | None = None) -> Estimate:
    """Return a proportion with the interval of Clopper and Pearson, of rows in units by `effective_rows`."""
    low, high = proportion_interval(count, trials, level=level, effective=effective_rows(units))
    return Estimate(count / trials, low, high, level, EXACT)


def without_rate(fpr: float, allowed: int, reason: str, *, level: float) -> RateAtFpr:
    """Return what stands for a rate that cannot be measured."""
    missing = Estimate(None, None, None, level, EXACT, reason)
    return RateAtFpr(fpr, allowed, None, None, None, missing, missing)


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
    """Return how many independent rows the rows of units are worth at least; None stays None."""
    # (sum of the sizes)^2 / sum of their squares, where all rows of a unit are found together or not at all.
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
    """Return the true positive rate at a false positive rate, read off the rows without interpolation."""
    # The threshold is the (floor(fpr * q) + 1)-th highest score of a non-member, and whoever lies above it is
    # called a member: the realised rate never exceeds the requested one, also where scores tie.
    p, q = len(members), len(non_members)
    allowed = allowed_accusations(fpr, q)
    if allowed == 0:
        needed = math.ceil(1 / fpr - 1e-9)
        reason = f"{q} non-members are too few for a false positive rate of {fpr:.4g}: {needed} are needed"
        return without_rate(fpr, allowed, reason, level=level)
    threshold = float(np.partition(non_members, q - allowed - 1)[q - allowed - 1])
    found, accused = int((members > threshold).sum()), int((non_members > threshold).sum())
    ours, theirs = units or (None, None)
    return RateAtFpr(
        fpr=fpr,
        allowed=allowed,
        true_positives=found,
        false_positives=accused,
        threshold=threshold,
        tpr=proportion(found, p, level=level, units=ours),
        realised_fpr=proportion(accused, q, level=level, units=theirs),
    )


def auroc(
    members: NDArray[np.float64],
    non_members: NDArray[np.float64],
    *,
    level: float = 0.95,
    units: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Estimate:
    """Return the probability that a member outscores a non-member, ties counted half, with an interval."""
    # The normal interval of DeLong, DeLong and Clarke-Pearson 1988, cut to [0, 1]. Where all members stand on
    # one side its variance is 0, and the interval is Clopper and Pearson's for min(members, non-members)
    # pairs in one order: no AUROC varies more than the share in so many pairs (Birnbaum and Klose 1957).
    value, variance = delong_variance(members, non_members, units=units)
    fewest = min(map(len, (members, non_members) if units is None else map(np.unique, units)))
    if fewest < 2:  # noqa: PLR2004 - one row has no variance
        reason = f"one {'row' if units is None else 'unit'} on a side has no variance"
        return Estimate(value, None, None, level, DELONG, reason)
    if value in {0.0, 1.0}:
        tail, right = (1 - level) / 2, fewest if value else 0
        low, high = float(lower(right, fewest, tail)), float(upper(right, fewest, tail))
        return Estimate(value, low, high, level, EXACT)
    if variance == 0:
        return Estimate(value, None, None, level, DELONG, "all scores are equal")
    reach = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance)
    return Estimate(value, max(value - reach, 0.0), min(value + reach, 1.0), level, DELONG)


def delong_variance(
    members: NDArray[np.float64],
    non_members: NDArray[np.float64],
    *,
    units: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> tuple[float, float]:
    """Return the AUROC and its DeLong variance, 0 where a side has one row or unit only."""
    # O(n log n) by midranks (Sun and Xu 2014, Algorithm 2); with units it is Obuchowski's (1997), in which
    # the rows of a unit count as one sum. No unit is on both sides, so the sides have no covariance.
    beaten, beating = placements(members, non_members)
    sides = ((beaten, None), (beating, None)) if units is None else ((beaten, units[0]), (beating, units[1]))
    return float(beaten.mean()), sum(_variance_of_mean(shares, owners) for shares, owners in sides)


def placements(
    members: NDArray[np.float64], non_members: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of non-members that each member outscores, and of members above each non-member."""
    p, q = len(members), len(non_members)
    both = rankdata(np.concatenate([members, non_members]))
    return (both[:p] - rankdata(members)) / q, 1 - (both[p:] - rankdata(non_members)) / p


def _variance_of_mean(shares: NDArray[np.float64], owners: NDArray[np.int64] | None) -> float:
    """Return the estimated variance of a mean of rows that are independent between units; 0 for one unit."""
    apart = shares - shares.mean()
    sums = apart if owners is None else np.bincount(np.unique(owners, return_inverse=True)[1], apart)
    count = len(sums)
    return 0.0 if count == 1 else count / (count - 1) * float(sums @ sums) / len(shares) ** 2


#: The false positive rates at which membership attacks are compared (Carlini et al. 2022, Section III).
RATES = (0.001, 0.01)

#: More points show nothing more in a figure.
POINTS = 200


def attack_result(
    attack: str,
    scores: ArrayLike,
    members: ArrayLike,
    *,
    rates: Sequence[float] = RATES,
    level: float = 0.95,
    units: NDArray[np.int64] | None = None,
) -> AttackResult:
    """Measure an attack by the scores of its rows; intervals respect `units`, shape (n,)."""
    s, m = checked_scores(scores, members)
    require(Share, level=level)
    for rate in rates:
        require(Share, rate=rate)
    inside, outside = s[m], s[~m]
    apart = None if units is None else (units[m], units[~m])
    fpr, tpr = curve(inside, outside)
    advantage = float((tpr - fpr).max())
    return AttackResult(
        attack=attack,
        members=len(inside),
        non_members=len(outside),
        auroc=known(auroc(inside, outside, level=level, units=apart)),
        rates=tuple(rate_at(rate, inside, outside, level=level, units=apart) for rate in rates),
        balanced_accuracy=(1 + advantage) / 2,
        advantage=advantage,
        roc=_thinned(fpr, tpr, len(outside)),
    )


def checked_scores(scores: ArrayLike, members: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the arrays; raise DataError where they do not fit or a kind of row is missing."""
    s, m = np.asarray(scores, dtype=np.float64), np.asarray(members)
    if s.ndim != 1 or m.shape != s.shape or m.dtype != np.bool_:
        raise DataError(
            f"Attack scores need one boolean a row that says who was a member; found shapes {s.shape} and "
            f"{m.shape} of {m.dtype}."
        )
    if not np.isfinite(s).all():
        raise DataError("An attack's score is not finite. Leave the row out, or clip the score.")
    if m.all() or not m.any():
        raise DataError(
            f"An attack is measured on members and non-members; found {int(m.sum())} and {int((~m).sum())}."
        )
    return s, m


def curve(
    members: NDArray[np.float64], non_members: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return FPR and TPR at every threshold, from (0, 0) to (1, 1); equal scores make one point."""
    both = np.concatenate([members, non_members])
    order = np.argsort(-both, kind="stable")
    last_of_score = np.flatnonzero(np.append(np.diff(both[order]) != 0, True))
    found = np.cumsum(order < len(members))[last_of_score]
    accused = last_of_score + 1 - found
    return (
        np.concatenate([[0.0], accused / len(non_members)]),
        np.concatenate([[0.0], found / len(members)]),
    )


def _thinned(fpr: NDArray[np.float64], tpr: NDArray[np.float64], non_members: int) -> RocPoints:
    """Keep the highest point at no false positive, the last one, and real points between."""
    wanted = np.concatenate([[0.0], np.geomspace(1 / non_members, 1.0, POINTS - 1)])
    # A step beyond rounding, so that the k-th of q non-members is found by k / q.
    kept = np.unique(np.searchsorted(fpr, wanted * (1 + 1e-12), side="right") - 1)
    return RocPoints(tuple(fpr[kept].tolist()), tuple(tpr[kept].tolist()))
