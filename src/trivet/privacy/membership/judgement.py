"""Verdict on an attack: whether it beats guessing."""

from collections.abc import Iterator, Sequence
from typing import Final

from scipy.stats import hypergeom, norm

from trivet.privacy.auditing.bounds import lower, upper
from trivet.privacy.membership.results import (
    EXPOSED,
    NO_EVIDENCE,
    SLIGHT,
    AttackResult,
    GroupExposure,
    RateAtFpr,
)

__all__ = ["LARGE_AREA", "LARGE_RATIO", "area_and_error", "chance", "judge"]

#: Conventions: from here on an attack is no longer slight. An AUROC above this,
LARGE_AREA: Final = 0.55
#: or members found at more than so many times the rate at which others are accused.
LARGE_RATIO: Final = 2.0
GUESSING: Final = 0.5


def judge(attacks: Sequence[AttackResult], *, error_rate: float = 0.05) -> tuple[str, str]:
    """Say whether any attack tells members from non-members, and whether by much.

    ``exposed`` where an attack is shown to have an AUROC above `LARGE_AREA`, or to find members at more
    than `LARGE_RATIO` times the rate at which it accuses others. ``slight`` where one is shown to beat
    guessing at all: with an AUROC above 0.5, or with more members above a threshold than a random order
    of the rows would leave there. AUROCs are bounded by DeLong's normal interval, rates by
    Clopper-Pearson on both sides; the test against a random order is exact, since its first t + k rows
    hold at most k non-members with a hypergeometric probability. `error_rate` is divided among all
    tests (Bonferroni), so a model that leaks nothing is called either with at most that probability.
    """
    tests = len(attacks) + sum(rate.tpr is not None for attack in attacks for rate in attack.rates)
    each = error_rate / tests
    ranked = sorted(attacks, key=lambda attack: -attack.auroc)
    for verdict, area, ratio in ((EXPOSED, LARGE_AREA, LARGE_RATIO), (SLIGHT, GUESSING, 1.0)):
        reason = next(_evidence(ranked, each, area=area, ratio=ratio), None)
        if reason is not None:
            return verdict, reason
    best = ranked[0]
    reason = (
        f"No attack beats guessing measurably: the best, {best.attack}, has an AUROC of {best.auroc:.3f} "
        f"on {best.members} members and {best.non_members} others."
    )
    return NO_EVIDENCE, reason


def _evidence(
    attacks: Sequence[AttackResult], error_rate: float, *, area: float, ratio: float
) -> Iterator[str]:
    """Yield sentences on attacks that are shown to pass a bound, areas first."""
    for attack in attacks:
        bound = _area_bound(attack, error_rate)
        if bound is not None and bound > area:
            yield (
                f"{attack.attack} tells members from non-members: AUROC {attack.auroc:.3f}, at least "
                f"{bound:.3f} with every test corrected for, where guessing gives {GUESSING:g}."
            )
    for attack in attacks:
        for rate in attack.rates:
            shown = (
                chance(rate, attack) <= error_rate if ratio == 1 else _ratio(rate, attack, error_rate) > ratio
            )
            if shown:
                yield (
                    f"{attack.attack} finds {rate.tpr:.2%} of the members while it accuses "
                    f"{rate.realised_fpr:.2%} of the others, more than chance allows."
                )


def _ratio(rate: RateAtFpr, attack: AttackResult, error_rate: float) -> float:
    """Lower bound on true over false positive rate at a threshold; 0 where there is no figure."""
    if rate.true_positives is None or rate.false_positives is None:
        return 0.0
    found = float(lower(rate.true_positives, attack.members, error_rate / 2))
    return found / float(upper(rate.false_positives, attack.non_members, error_rate / 2))


def area_and_error(measured: GroupExposure | AttackResult) -> tuple[float, float] | None:
    """Return the AUROC and its standard error, read back from the interval; None where it has none."""
    area, low, high = measured.auroc, measured.auroc_low, measured.auroc_high
    if area is None or low is None or high is None:
        return None
    # An end may be cut at 0 or 1; the other one is not then.
    return area, max(area - low, high - area) / float(norm.ppf((1 + measured.level) / 2))


def chance(rate: RateAtFpr, attack: AttackResult) -> float:
    """Return how often a random order of the rows does as well as the attack did at a rate."""
    if rate.true_positives is None:
        return 1.0
    rows = attack.members + attack.non_members
    first = rate.true_positives + rate.allowed
    return float(hypergeom.cdf(rate.allowed, rows, attack.non_members, first))


def _area_bound(attack: AttackResult, error_rate: float) -> float | None:
    measured = area_and_error(attack)
    return None if measured is None else measured[0] - float(norm.isf(error_rate)) * measured[1]
