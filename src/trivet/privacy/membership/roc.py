"""ROC curve of an attack: AUROC, and rates at few false positives."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.privacy.membership.auroc import auroc
from trivet.privacy.membership.rates import rate_at
from trivet.privacy.membership.results import AttackResult, RocPoints

__all__ = ["POINTS", "RATES", "attack_result", "checked_scores", "curve"]

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
    """Measure an attack by the rows that it scored.

    AUROC with DeLong's interval, see `trivet.privacy.membership.auroc`; TPR at each false positive rate
    with the Clopper-Pearson interval, see `trivet.privacy.membership.rates`.

    Parameters
    ----------
    attack
        Key of the attack.
    scores
        Shape (n,), finite; higher is more surely a member.
    members
        Shape (n,), boolean, with rows of either kind.
    rates
        False positive rates, in (0, 1).
    level
        Level of every interval, in (0, 1).
    units
        Shape (n,), which unit each row belongs to, where rows of one are not independent: the intervals
        respect that, see `auroc` and `rate_at`.

    Raises
    ------
    DataError
        If shapes do not fit, a score is not finite, or members or non-members are missing.
    UsageError
        If a rate or the level is not in (0, 1).
    """
    s, m = checked_scores(scores, members)
    for name, share in [("level", level), *(("false positive rate", rate) for rate in rates)]:
        if not 0 < share < 1:
            raise UsageError(f"A {name} has to lie between 0 and 1; found {share}.")
    inside, outside = s[m], s[~m]
    apart = None if units is None else (units[m], units[~m])
    area = auroc(inside, outside, level=level, units=apart)
    fpr, tpr = curve(inside, outside)
    advantage = float((tpr - fpr).max())
    return AttackResult(
        attack=attack,
        members=len(inside),
        non_members=len(outside),
        auroc=area.value,
        auroc_low=area.low,
        auroc_high=area.high,
        rates=tuple(rate_at(rate, inside, outside, level=level, units=apart) for rate in rates),
        balanced_accuracy=(1 + advantage) / 2,
        advantage=advantage,
        roc=_thinned(fpr, tpr, len(outside)),
        level=level,
        auroc_reason=area.reason,
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
