"""Rates of each group, compared with the reference group."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from trivet.errors import UsageError
from trivet.estimate import Estimate
from trivet.fairness.auditing.band import left_aside, that_count, verdict_on
from trivet.fairness.auditing.results import REFERENCE, AttributeAudit, GroupAudit, ScoreAudit
from trivet.fairness.auditing.rows import Predicted
from trivet.fairness.counting.counts import SMALLEST_SHARE, GroupCounts, most_favoured
from trivet.fairness.counting.naming import name_of
from trivet.fairness.explain.classes import decompose_counts
from trivet.fairness.intervals.comparisons import difference_intervals, equality_test, ratio_intervals
from trivet.fairness.intervals.power import smallest_disparate
from trivet.fairness.intervals.shares import area_interval, holm, share_intervals, simultaneous_level
from trivet.fairness.metrics.comparisons import band_ends, group_sizes, selected
from trivet.fairness.metrics.group_rates import (
    GroupRate,
    accuracies,
    base_rates,
    false_positive_rates,
    positive_predictive_values,
    selection_rates,
    true_positive_rates,
)
from trivet.fairness.metrics.measure import measure_groups
from trivet.fairness.metrics.results import GroupAuc
from trivet.fairness.metrics.scores import group_aucs, group_calibration
from trivet.settings import parts_of
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED
from trivet.wording import one_line, quote

__all__ = [
    "area_bounds",
    "audit_attribute",
    "audit_groups",
    "audit_scores",
    "find_reference",
    "judged",
    "most_disparate_group",
    "named_values",
]

#: Probability with which the smallest detectable disparity would have been found.
POWER: Final = 0.8
#: Of more groups than these power is computed at fewer points, which takes no time.
FEW: Final = 30
_RATES: Final = (
    selection_rates,
    base_rates,
    true_positive_rates,
    false_positive_rates,
    positive_predictive_values,
    accuracies,
)


def audit_groups(
    counts: GroupCounts,
    reference: int,
    *,
    four_fifths: float,
    level: float,
    scores: Sequence[ScoreAudit] | None,
    comparisons: int | None = None,
) -> tuple[GroupAudit, ...]:
    """Measure each group, and compare it with the reference group."""
    rows, chosen = group_sizes(counts.table), selected(counts.table)
    rates = {rate.name: _bounded(rate, counts, level=level) for rate in _RATES}
    against = chosen, rows, chosen[reference], rows[reference]
    others = [place for place in range(len(rows)) if place != reference]
    together = simultaneous_level(level, comparisons or max(1, len(others)))
    impacts = ratio_intervals(*against, level=level)
    wide = ratio_intervals(*against, level=together)
    differences = difference_intervals(*against, level=level)
    x, n = chosen.tolist(), rows.tolist()
    tests = {place: equality_test(x[place], n[place], x[reference], n[reference]) for place in others}
    adjusted = dict(zip(others, holm([tests[place].p_value for place in others]), strict=True))
    return tuple(
        GroupAudit(
            group=name,
            rows=int(rows[place]),
            positives=int(counts.table[place, 1].sum()),
            selected=int(chosen[place]),
            **{name: bounds[place] for name, bounds in rates.items()},
            disparate_impact=impacts[place] if place != reference else None,
            simultaneous_low=wide[place].low if place != reference else None,
            simultaneous_high=wide[place].high if place != reference else None,
            difference=differences[place] if place != reference else None,
            p_value=tests[place].p_value if place != reference else None,
            p_adjusted=adjusted[place] if place != reference else None,
            test=tests[place].method if place != reference else None,
            smallest_detectable=None
            if place == reference
            else _detectable(
                n[place],
                x[reference],
                n[reference],
                four_fifths=four_fifths,
                level=together,
                exact=len(others) <= FEW,
            ),
            scores=None if scores is None else scores[place],
            verdict=REFERENCE if place == reference else judged(wide[place], four_fifths=four_fifths),
        )
        for place, name in enumerate(counts.names)
    )


def judged(impact: Estimate, *, four_fifths: float) -> str:
    """Return the verdict: where the whole interval lies, seen from the band [t, 1/t]."""
    low, high = band_ends(four_fifths)
    if impact.value is None and impact.low is None:
        return UNSETTLED
    if (impact.high is not None and impact.high < low) or (impact.low is not None and impact.low > high):
        return DISPARATE
    if impact.low is not None and impact.high is not None and impact.low >= low and impact.high <= high:
        return IN_BAND
    return UNSETTLED


def _bounded(rate: GroupRate, counts: GroupCounts, *, level: float) -> tuple[Estimate, ...]:
    """Return one share of each group with its interval, or why there is none."""
    bounds, names = share_intervals(*rate.fractions(counts.table), level=level), counts.names
    return tuple(
        each
        if each.value is not None
        else replace(each, reason=rate.reason(counts.table, place, names) or each.reason)
        for place, each in enumerate(bounds)
    )


def _detectable(
    rows: int, selected_there: int, rows_there: int, *, four_fifths: float, level: float, exact: bool
) -> float | None:
    """Return the largest disparate impact that would have been called disparate, if there is one."""
    if selected_there == 0:
        return None
    return smallest_disparate(
        rows,
        rows_there,
        selected_there / rows_there,
        four_fifths=four_fifths,
        level=level,
        power=POWER,
        exact=exact,
    ).ratio


def named_values(columns: tuple[str, ...], privileged: str | None) -> Mapping[str, str]:
    """Return the privileged value of each sensitive column, as typed: ``V`` or ``V,V``."""
    if privileged is None:
        return {}
    text = str(privileged)
    values = (text,) if len(columns) == 1 else parts_of(text)
    if len(values) != len(columns):
        raise UsageError(
            f"the privileged group needs a value for each sensitive column, {one_line(', '.join(columns))}; "
            f"found {len(values)}: {quote(text)}. Give them in that order, with commas between."
        )
    return dict(zip(columns, values, strict=True))


def find_reference(counts: GroupCounts, privileged: Mapping[str, str]) -> tuple[int, str]:
    """Return the place of the reference group, and why it is this one."""
    if privileged:
        missing = [column for column in counts.columns if column not in privileged]
        if missing:
            raise UsageError(
                f"the privileged group needs a value for each sensitive column; {quote(missing[0])} has none."
            )
        wanted = tuple(name_of(privileged[column]) or "" for column in counts.columns)
        if wanted not in counts.groups:
            known = one_line("; ".join(counts.names), limit=200)
            raise UsageError(
                f"no row has the privileged value {quote(', '.join(wanted))} in "
                f"{one_line(', '.join(counts.columns))}; there are {known}."
            )
        return counts.groups.index(wanted), "it was named as privileged"
    return most_favoured(counts.table.sum(axis=(1, 2)), counts.table[:, 1].sum(axis=1))


def audit_scores(predicted: Predicted, counts: GroupCounts, *, level: float) -> tuple[ScoreAudit, ...]:
    """Measure the scores of each group."""
    if predicted.scores is None:
        return ()
    groups = predicted.codes(counts.columns, counts.groups)
    labels = predicted.rows.labels[predicted.places]
    found = group_aucs(labels, predicted.scores, groups, names=counts.names)
    areas = (
        [area_bounds(area, level) for area in found if area.metric == metric]
        for metric in ("auc", "bpsn_auc", "bnsp_auc")
    )
    calibrations = group_calibration(labels, predicted.scores, groups, names=counts.names, level=level)
    return tuple(ScoreAudit(*each) for each in zip(*areas, calibrations, strict=True))


def area_bounds(area: GroupAuc, level: float) -> Estimate:
    """Return an area with its interval, or why there is none."""
    if area.value is None:
        return Estimate(None, None, None, level, "none", area.reason)
    return area_interval(area.value, area.positives, area.negatives, area.standard_error, level=level)


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
    worst = most_disparate_group(groups)
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
        name=" x ".join(counts.columns),
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


def most_disparate_group(groups: Sequence[GroupAudit]) -> int | None:
    """Return the group shown to be most unlike the reference, by the nearer end of its interval."""
    # A handful of rows shows little, whatever its estimate. Where no interval leaves 1 out, estimates decide,
    # among groups with at least two percent of the rows if there are such.
    total = sum(group.rows for group in groups)
    ranked = {
        place: (
            _shown_distance(group.disparate_impact),
            group.rows >= SMALLEST_SHARE * total,
            _distance(group.disparate_impact.value),
        )
        for place, group in enumerate(groups)
        if group.disparate_impact is not None and group.disparate_impact.value is not None
    }
    return max(ranked, key=ranked.__getitem__, default=None)


def _shown_distance(impact: Estimate) -> float:
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
    shown = concerned[most_disparate_group(concerned) or 0]
    impact, name, other = shown.disparate_impact, one_line(shown.group), one_line(reference)
    if impact is None or shown.rows == 0 or (impact.value is None and shown.simultaneous_low is None):
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
    times = "more often than" if impact.value is None else f"{impact.value:.3f} times as often as"
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
