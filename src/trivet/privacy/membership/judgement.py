"""Whether an attack exposes any member at all, or does what guessing would do."""

from collections.abc import Sequence

from scipy.stats import hypergeom, norm

from trivet.privacy.membership.results import (
    EXPOSED,
    NO_EVIDENCE,
    AttackResult,
    GroupExposure,
    RateAtFpr,
)

__all__ = ["area_and_error", "chance", "judge"]


def judge(attacks: Sequence[AttackResult], *, error_rate: float = 0.05) -> tuple[str, str]:
    """Say whether any attack tells members from non-members better than guessing.

    ``exposed`` where the lower bound on an attack's AUROC is above 0.5, or where an attack finds more
    members above the threshold of a false positive rate than a random order of the rows would. The first
    bound is DeLong's; the second test is exact: in a random order the first t + k rows hold at most k
    non-members with a hypergeometric probability. `error_rate` is divided among all tests
    (Bonferroni), so a model that leaks nothing is called exposed with at most that probability, as far
    as DeLong's normal interval holds. On many rows a very small leak is enough: the reason says how large.

    Parameters
    ----------
    attacks
        At least one, on rows whose membership was drawn at random.
    error_rate
        In (0, 1).

    Returns
    -------
    tuple
        The verdict, and the reason in one sentence.
    """
    tests = len(attacks) + sum(rate.tpr is not None for attack in attacks for rate in attack.rates)
    each = error_rate / tests
    best = max(attacks, key=lambda attack: attack.auroc)
    for attack in sorted(attacks, key=lambda attack: -attack.auroc):
        bound = _area_bound(attack, each)
        if bound is not None and bound > 0.5:  # noqa: PLR2004 - guessing
            reason = (
                f"{attack.attack} tells members from non-members: AUROC {attack.auroc:.3f}, at least "
                f"{bound:.3f} with every test corrected for, where guessing gives 0.5."
            )
            return EXPOSED, reason
    for attack in attacks:
        for rate in attack.rates:
            if chance(rate, attack) <= each:
                reason = (
                    f"{attack.attack} finds {rate.tpr:.2%} of the members while it accuses "
                    f"{rate.realised_fpr:.2%} of the others, more than chance allows."
                )
                return EXPOSED, reason
    reason = (
        f"No attack beats guessing measurably: the best, {best.attack}, has an AUROC of {best.auroc:.3f} "
        f"on {best.members} members and {best.non_members} others."
    )
    return NO_EVIDENCE, reason


def area_and_error(measured: GroupExposure | AttackResult) -> tuple[float, float] | None:
    """Return the AUROC and its standard error, read back from the interval; None where it has none."""
    area, low, high = measured.auroc, measured.auroc_low, measured.auroc_high
    if area is None or low is None or high is None:
        return None
    # An end may be cut at 0 or 1; the other one is not then.
    return area, max(area - low, high - area) / float(norm.ppf((1 + measured.level) / 2))


def chance(rate: RateAtFpr, attack: AttackResult) -> float:
    """Return how often a random order of the rows does as well as the attack did at a rate.

    Parameters
    ----------
    rate
        Members found with `RateAtFpr.allowed` accusations; without a figure the answer is 1.
    attack
        The attack it belongs to, for its members and non-members.

    Returns
    -------
    float
        Probability, in [0, 1], of at most `allowed` non-members among the first found + allowed rows.
    """
    if rate.true_positives is None:
        return 1.0
    rows = attack.members + attack.non_members
    first = rate.true_positives + rate.allowed
    return float(hypergeom.cdf(rate.allowed, rows, attack.non_members, first))


def _area_bound(attack: AttackResult, error_rate: float) -> float | None:
    measured = area_and_error(attack)
    return None if measured is None else measured[0] - float(norm.isf(error_rate)) * measured[1]
