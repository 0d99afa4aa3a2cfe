"""How alike are the groups of one sensitive column, or of several together?"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from trivet.fairness.auditing.groups import audit_groups
from trivet.fairness.auditing.results import (
    DISPARATE,
    IN_BAND,
    REFERENCE,
    UNSETTLED,
    AttributeAudit,
    GroupAudit,
    ScoreAudit,
)
from trivet.fairness.counting.counted import GroupCounts
from trivet.fairness.explaining.by_class import decompose_counts
from trivet.fairness.intervals.results import Bounds
from trivet.fairness.metrics.measuring import measure_groups
from trivet.wording import one_line

__all__ = ["attribute_name", "audit_attribute", "farthest", "impact_in_words", "worst_verdict"]

_FROM_BEST: Final = (IN_BAND, UNSETTLED, DISPARATE)


def audit_attribute(
    counts: GroupCounts,
    reference: int,
    why: str,
    *,
    four_fifths: float,
    level: float,
    seed: int,
    scores: Sequence[ScoreAudit] | None = None,
) -> AttributeAudit:
    """Compare each group of an attribute with the reference group.

    Parameters
    ----------
    counts
        By the attribute, with two classes.
    reference, why
        Place of the reference group, and why it is this one.
    four_fifths
        Lower end t of the band [t, 1/t].
    level
        Confidence level of every interval, in (0, 1).
    seed
        Of the bootstrap of the decomposition.
    scores
        What the scores of each group are worth, if there are scores.

    Returns
    -------
    AttributeAudit
        Without what other columns explain.
    """
    groups = audit_groups(counts, reference, four_fifths=four_fifths, level=level, scores=scores)
    names = counts.names
    worst = farthest([group.disparate_impact for group in groups])
    by_class = None
    if worst is not None:
        by_class = decompose_counts(
            counts.table[[worst, reference]],
            group=names[worst],
            reference=names[reference],
            level=level,
            seed=seed,
        )
    return AttributeAudit(
        columns=counts.columns,
        name=attribute_name(counts.columns),
        reference=names[reference],
        reference_why=why,
        groups=groups,
        metrics=measure_groups(counts, reference=reference),
        most_disparate=None if worst is None else names[worst],
        by_class=by_class,
        by_feature=None,
        proxies=None,
        verdict=worst_verdict(group.verdict for group in groups if group.verdict != REFERENCE),
        reason=_reason(groups, names[reference], four_fifths=four_fifths, level=level),
    )


def attribute_name(columns: Sequence[str]) -> str:
    """Return what an attribute is called: its column, or its columns joined by "x"."""
    return " x ".join(columns)


def worst_verdict(verdicts: Iterable[str]) -> str:
    """Return the worst of some verdicts."""
    return max(verdicts, key=_FROM_BEST.index, default=UNSETTLED)


def farthest(impacts: Sequence[Bounds | None]) -> int | None:
    """Return the place of the disparate impact that is farthest from 1 as a factor, if any is known."""
    distances = {
        place: abs(math.log(impact.estimate)) if impact.estimate > 0 else math.inf
        for place, impact in enumerate(impacts)
        if impact is not None and impact.estimate is not None
    }
    return max(distances, key=distances.__getitem__, default=None)


def impact_in_words(group: str, reference: str, impact: Bounds) -> str:
    """Say how often one group is selected for each time that another is."""
    name, other = one_line(group), one_line(reference)
    if impact.estimate is None:
        return f"how often {name} is selected against {other} is not known: {impact.reason}"
    return f"{name} is selected {impact.estimate:.3f} times as often as {other}"


def _reason(groups: Sequence[GroupAudit], reference: str, *, four_fifths: float, level: float) -> str:
    """Say in one sentence what the verdict rests on: the worst group, and the interval that holds for all."""
    verdict = worst_verdict(group.verdict for group in groups if group.verdict != REFERENCE)
    concerned = [group for group in groups if group.verdict == verdict]
    place = farthest([group.disparate_impact for group in concerned])
    shown = concerned[place or 0]
    assert shown.disparate_impact is not None
    band = f"the band from {four_fifths:g} to {1 / four_fifths:g}"
    compared = sum(group.verdict != REFERENCE for group in groups)
    ends = _between(shown.simultaneous_low, shown.simultaneous_high)
    held = f"{ends} at {level:.0%}" + (f" for all {compared} groups at once" if compared > 1 else "")
    conclusion = {
        DISPARATE: f"which lies outside {band}",
        UNSETTLED: f"which reaches across an end of {band}, so these rows do not settle it",
        IN_BAND: f"which lies within {band}" + (", as all others do" if compared > 1 else ""),
    }[verdict]
    return f"{impact_in_words(shown.group, reference, shown.disparate_impact)} ({held}), {conclusion}."


def _between(low: float | None, high: float | None) -> str:
    if high is None:
        return f"{low or 0:.3f} or more"
    return f"{low or 0:.3f} to {high:.3f}"
