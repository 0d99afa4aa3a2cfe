"""Groups that a verdict is about, and the distance from parity of the farthest of them."""

from collections.abc import Iterable, Mapping, Sequence

from trivet.estimate import Estimate
from trivet.fairness.auditing.results import REFERENCE, GroupAudit
from trivet.fairness.counting.counts import SMALLEST_SHARE
from trivet.verdict import DISPARATE, UNSETTLED, rank

__all__ = [
    "frontier",
    "left_aside",
    "parity",
    "parity_of",
    "that_count",
    "verdict_on",
    "worst_of",
    "worst_verdict",
]


def parity(disparate_impact: float) -> float:
    """Return the smaller of a ratio of rates and its inverse, in [0, 1]: 1 where they are equal."""
    return min(disparate_impact, 1 / disparate_impact) if disparate_impact > 0 else 0.0


def frontier(models: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """Return the models that no other dominates."""
    return tuple(
        name
        for name, own in models.items()
        if not any(other[0] >= own[0] and other[1] >= own[1] and other != own for other in models.values())
    )


def worst_verdict(verdicts: Iterable[str]) -> str:
    """Return the worst of some verdicts."""
    return max(verdicts, key=lambda word: rank(word) or 0, default=UNSETTLED)


def that_count(groups: Sequence[GroupAudit]) -> tuple[GroupAudit, ...]:
    """Return the groups that a verdict is about, without the reference group."""
    # They have two percent of the rows (29 CFR 1607.4(D); Questions and Answers on the Uniform Guidelines,
    # 11), or are shown to be disparate; where no group is so large all of them count.
    total = sum(group.rows for group in groups)
    others = tuple(group for group in groups if group.verdict != REFERENCE)
    large = [group.rows >= SMALLEST_SHARE * total for group in others]
    if not any(large):
        return others
    return tuple(
        group for group, enough in zip(others, large, strict=True) if enough or group.verdict == DISPARATE
    )


def left_aside(groups: Sequence[GroupAudit]) -> tuple[GroupAudit, ...]:
    """Return the groups that are too small to count, and that have rows."""
    counted = that_count(groups)
    return tuple(
        group for group in groups if group.rows and group.verdict != REFERENCE and group not in counted
    )


def verdict_on(groups: Sequence[GroupAudit]) -> str:
    """Return the worst verdict of the groups that count."""
    return worst_verdict(group.verdict for group in that_count(groups))


def parity_of(impact: Estimate | None) -> float | None:
    """Return the smaller of a ratio of rates and its inverse, in [0, 1]; None where the ratio is unknown."""
    if impact is None or (impact.value is None and impact.low is None):
        return None
    # A rate over 0 is beyond every bound.
    return parity(impact.value or 0.0)


def worst_of(groups: Sequence[GroupAudit]) -> GroupAudit | None:
    """Return the group farthest from parity of those that count: parity 0, then unknown, then the rest."""

    def order(group: GroupAudit) -> tuple[float, int]:
        own = parity_of(group.disparate_impact)
        return -0.5 if own is None else -1.0 if own == 0 else own, -group.rows

    return min((group for group in that_count(groups) if group.rows), key=order, default=None)
