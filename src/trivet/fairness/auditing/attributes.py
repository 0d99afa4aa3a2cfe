"""Disparities between the groups of one sensitive column, or of several combined."""

import math
from collections.abc import Sequence

from trivet.fairness.auditing.band import left_aside, that_count, verdict_on
from trivet.fairness.auditing.groups import audit_groups
from trivet.fairness.auditing.results import (
    DISPARATE,
    IN_BAND,
    UNSETTLED,
    AttributeAudit,
    GroupAudit,
    ScoreAudit,
)
from trivet.fairness.counting.counts import SMALLEST_SHARE, GroupCounts
from trivet.fairness.explaining.by_class import decompose_counts
from trivet.fairness.intervals.results import Bounds
from trivet.fairness.metrics.measure import measure_groups
from trivet.wording import one_line

__all__ = ["attribute_name", "audit_attribute", "farthest"]

#: Groups that are named of those left aside.
_SHOWN = 3


def audit_attribute(
    counts: GroupCounts,
    reference: int,
    why: str,
    *,
    four_fifths: float,
    level: float,
    seed: int,
    scores: Sequence[ScoreAudit] | None = None,
    comparisons: int | None = None,
) -> AttributeAudit:
    """Compare each group of an attribute with the reference group."""
    groups = audit_groups(
        counts, reference, four_fifths=four_fifths, level=level, scores=scores, comparisons=comparisons
    )
    names = counts.names
    worst = farthest(groups)
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
        verdict=verdict_on(groups),
        reason=_reason(groups, names[reference], four_fifths=four_fifths, level=level, holding=comparisons),
    )


def attribute_name(columns: Sequence[str]) -> str:
    """Return what an attribute is called: its column, or its columns joined by "x"."""
    return " x ".join(columns)


def farthest(groups: Sequence[GroupAudit]) -> int | None:
    """Return the place of the group that is shown to be treated most unlike the reference group.

    That is the one of which the end of the interval that is nearest to 1 is farthest from it, as a factor:
    a handful of rows shows little, whatever its estimate. Where no interval leaves 1 out it is the one
    with the farthest estimate, among groups with at least two percent of the rows if there are such.
    """
    total = sum(group.rows for group in groups)
    ranked = {
        place: (
            _shown_distance(group.disparate_impact),
            group.rows >= SMALLEST_SHARE * total,
            _distance(group.disparate_impact.estimate),
        )
        for place, group in enumerate(groups)
        if group.disparate_impact is not None and group.disparate_impact.estimate is not None
    }
    return max(ranked, key=ranked.__getitem__, default=None)


def _shown_distance(impact: Bounds) -> float:
    """Return how far from 1 a ratio is at least, as a logarithm; 0 where its interval holds 1."""
    if impact.high is not None and impact.high < 1:
        return _distance(impact.high)
    return _distance(impact.low) if impact.low is not None and impact.low > 1 else 0.0


def _distance(ratio: float) -> float:
    return abs(math.log(ratio)) if ratio > 0 else math.inf


def _reason(
    groups: Sequence[GroupAudit], reference: str, *, four_fifths: float, level: float, holding: int | None
) -> str:
    """Say in one sentence what the verdict rests on: the worst group, and the interval that holds for all."""
    compared, aside = that_count(groups), left_aside(groups)
    verdict = verdict_on(groups)
    concerned = [group for group in compared if group.verdict == verdict]
    shown = concerned[farthest(concerned) or 0]
    impact, name, other = shown.disparate_impact, one_line(shown.group), one_line(reference)
    if impact is None or shown.rows == 0 or (impact.estimate is None and shown.simultaneous_low is None):
        if not any(group.selected for group in groups):
            return "Nobody is selected, so that no ratio of selection rates is known."
        why = "there is no row of it" if shown.rows == 0 else (impact.reason if impact else None)
        return f"How often {name} is selected against {other} is not known: {why}."
    band = f"the band from {four_fifths:g} to {1 / four_fifths:g}"
    number = holding or len(compared)
    ends = _between(shown.simultaneous_low, shown.simultaneous_high)
    held = f"{ends} at {100 * level:g}%" + (f" for all {number} comparisons at once" if number > 1 else "")
    conclusion = {
        DISPARATE: f"which lies outside {band}",
        UNSETTLED: f"which reaches across an end of {band}, so these rows do not settle it",
        IN_BAND: f"which lies within {band}" + (", as all others that count do" if len(compared) > 1 else ""),
    }[verdict]
    times = "more often than" if impact.estimate is None else f"{impact.estimate:.3f} times as often as"
    return f"{name} is selected {times} {other} ({held}), {conclusion}.{_of_small(aside)}"


def _of_small(aside: Sequence[GroupAudit]) -> str:
    """Name the groups that are too small for the verdict."""
    if not aside:
        return ""
    few = sorted(aside, key=lambda group: -group.rows)
    named = [f"{one_line(group.group)} ({group.rows:,} {_rows(group.rows)})" for group in few[:_SHOWN]]
    more = f" and {len(few) - _SHOWN} more" if len(few) > _SHOWN else ""
    return f" Left aside, with less than two percent of the rows: {', '.join(named)}{more}."


def _rows(number: int) -> str:
    return "row" if number == 1 else "rows"


def _between(low: float | None, high: float | None) -> str:
    if high is None:
        return f"{low or 0:.3f} times or more"
    return f"{low or 0:.3f} to {high:.3f}"
