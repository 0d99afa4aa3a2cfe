"""Rates of each group, compared with the reference group."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from trivet.fairness.auditing.results import DISPARATE, IN_BAND, REFERENCE, UNSETTLED, GroupAudit, ScoreAudit
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.intervals.differences import difference_intervals
from trivet.fairness.intervals.equality import equality_test
from trivet.fairness.intervals.multiplicity import holm, simultaneous_level
from trivet.fairness.intervals.power import smallest_disparate
from trivet.fairness.intervals.ratios import ratio_intervals
from trivet.fairness.intervals.results import Bounds
from trivet.fairness.intervals.shares import share_intervals
from trivet.fairness.metrics.comparisons import ROUNDING, group_sizes, selected
from trivet.fairness.metrics.group_rates import (
    GroupRate,
    accuracies,
    base_rates,
    false_positive_rates,
    positive_predictive_values,
    selection_rates,
    true_positive_rates,
)

__all__ = ["POWER", "audit_groups", "judged"]

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


def judged(impact: Bounds, *, four_fifths: float) -> str:
    """Return the verdict on a disparate impact with its interval.

    ``disparate`` where the whole interval lies on one side of the band [t, 1/t], ``in band`` where it lies
    inside, ``unsettled`` where it does neither or there is none.
    """
    low, high = four_fifths * (1 - ROUNDING), (1 + ROUNDING) / four_fifths
    if impact.estimate is None and impact.low is None:
        return UNSETTLED
    if (impact.high is not None and impact.high < low) or (impact.low is not None and impact.low > high):
        return DISPARATE
    if impact.low is not None and impact.high is not None and impact.low >= low and impact.high <= high:
        return IN_BAND
    return UNSETTLED


def _bounded(rate: GroupRate, counts: GroupCounts, *, level: float) -> tuple[Bounds, ...]:
    """Return one share of each group with its interval, or why there is none."""
    bounds, names = share_intervals(*rate.fractions(counts.table), level=level), counts.names
    return tuple(
        each
        if each.estimate is not None
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
