"""Comparison of groups by one metric: intervals, tests and the verdict of each group."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from trivet.estimate import Estimate
from trivet.fairness.auditing.band import below_four_fifths, difference_ends, judged_between, parity
from trivet.fairness.auditing.results import COMPARED, REFERENCE, GroupMeasure
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.intervals.comparisons import TestResult, recovered_difference, recovered_ratio
from trivet.fairness.intervals.power import smallest_disparate
from trivet.fairness.intervals.shares import Floats, finite
from trivet.fairness.measures.registry import NO_LABELS, Measure
from trivet.fairness.measures.sides import Sides, pooled, shares_by_group, unknown
from trivet.fairness.metrics.comparisons import band_ends
from trivet.fairness.metrics.group_rates import GroupRate

__all__ = ["compare_groups", "metric_by_group"]

#: Probability with which the smallest detectable disparity would have been found.
POWER: Final = 0.8
#: Of more groups than these power is computed at fewer points, which takes no time.
FEW: Final = 30
_NO_RATE: Final = "it compares several rates and is none itself"
#: A ratio, a difference, and the rate that they are of, of one group.
_Compared = tuple[Estimate, Estimate, str | None]


def compare_groups(
    sides: Sides,
    measure: Measure,
    *,
    four_fifths: float,
    level: float,
    together: float,
    difference_band: float | None = None,
) -> tuple[GroupMeasure, ...]:
    """Measure each group, and compare it with the reference.

    Parameters
    ----------
    sides
        The groups, and what they are compared with.
    measure
        The metric.
    four_fifths
        Lower end t of the band [t, 1/t] of ratios.
    level, together
        Confidence level of each interval alone, and that at which all of the audit hold at once.
    difference_band
        The largest difference that counts as parity, where the verdict rests on differences; None for ratios.
    """
    counts, others = sides.counts, sides.others
    rates = metric_by_group(measure, counts, level=level)
    by_difference = difference_band is not None
    own = _compared(sides, measure, level=level, by_difference=by_difference)
    wide = own if together == level else _compared(sides, measure, level=together)
    lowest, highest = band_ends(four_fifths)
    if difference_band is not None:
        lowest, highest = difference_ends(difference_band)
    has_test = measure.is_share or measure.combine == "worst"
    tests = [sides.tests(rate) for rate in measure.rates] if has_test else []
    among = None
    if len(measure.rates) == 1 and (counts.labelled or not measure.needs_labels):
        among = measure.rates[0].fractions(counts.table)[1].tolist()
    sizes = counts.table.sum(axis=(1, 2)).tolist()
    found: list[GroupMeasure] = []
    for place, name in enumerate(counts.names):
        group = GroupMeasure(
            group=name,
            rows=sizes[place],
            among=None if among is None else among[place],
            rate=rates[place],
            **dict.fromkeys(COMPARED),
            verdict=REFERENCE,
        )
        if place in own:
            (ratio, difference, worst), (ratio_wide, difference_wide, _) = own[place], wide[place]
            judging = ratio_wide if difference_band is None else difference_wide
            test = _test(measure, [each[place] for each in tests])
            group = replace(
                group,
                ratio=ratio,
                simultaneous_low=ratio_wide.low,
                simultaneous_high=ratio_wide.high,
                difference=difference,
                difference_low=difference_wide.low,
                difference_high=difference_wide.high,
                p_value=test.p_value,
                p_adjusted=test.p_value,
                test=None if test.p_value is None else test.method,
                smallest_detectable=None
                if difference_band is not None
                else _detectable(sides, measure, place, four_fifths, together, exact=len(others) <= FEW),
                below_four_fifths=below_four_fifths(ratio, four_fifths),
                worst=worst,
                verdict=judged_between(judging.low, judging.high, lowest, highest),
            )
        found.append(group)
    return tuple(found)


def metric_by_group(measure: Measure, counts: GroupCounts, *, level: float) -> tuple[Estimate, ...]:
    """Return the metric of each group with its interval, or why it has none."""
    if measure.needs_labels and not counts.labelled:
        return (unknown(level, NO_LABELS),) * len(counts.groups)
    if measure.combine == "worst":
        return (unknown(level, f"{measure.title} has no value of one group: {_NO_RATE}"),) * len(
            counts.groups
        )
    tied = _are_tied(counts)
    each_level = 1 - (1 - level) / len(measure.rates) if tied else level
    shares = [shares_by_group(rate, counts, level=each_level) for rate in measure.rates]
    if measure.is_share:
        return shares[0]
    return tuple(_mean(measure, each, level=level, tied=tied) for each in zip(*shares, strict=True))


def _are_tied(counts: GroupCounts) -> bool:
    """Tell whether shares of different rows vary together, as in the clusters of a survey."""
    return counts.weights is not None and counts.weights.squares is None


def _mean(measure: Measure, shares: Sequence[Estimate], *, level: float, tied: bool) -> Estimate:
    """Return the mean of shares of different rows, of each the function that the metric is.

    The distances of its ends are the roots of the sums of squares of those of the shares (G. Y. Zou, W.
    Huang, X. Zhang, Computational Statistics and Data Analysis 53, 2009); where shares are tied, of which the
    intervals then hold together, the means of those.
    """
    missing = next((each for each in shares if each.value is None), None)
    if missing is not None:
        return replace(missing, low=None, high=None)
    change = measure.change or (lambda share: share)
    values, low, high = (
        np.array([np.nan if end is None else change(end) for end in ends], dtype=np.float64)
        for ends in zip(*((each.value, each.low, each.high) for each in shares), strict=True)
    )
    value, many = float(values.mean()), len(values)
    together = np.sum if tied else np.linalg.norm
    down, up = (float(together(reach)) / many for reach in (values - low, high - values))
    method = shares[0].method if many == 1 else f"recovered from {shares[0].method}"
    reason = next((each.reason for each in shares if each.reason), None)
    low, high = finite(max(value - down, 0.0)), finite(min(value + up, 1.0))
    return Estimate(value, low, high, level, method, reason)


def _compared(
    sides: Sides, measure: Measure, *, level: float, by_difference: bool = False
) -> dict[int, _Compared]:
    """Return how each group but the reference compares with it, by its place."""
    if measure.needs_labels and not sides.counts.labelled:
        nothing = unknown(level, NO_LABELS)
        return dict.fromkeys(sides.others, (nothing, nothing, None))
    if measure.combine == "worst":
        # All of the intervals that the worst is made of hold at once at the level.
        each_level = 1 - (1 - level) / len(measure.rates)
        made = [(rate.title, _of_share(sides, rate, level=each_level)) for rate in measure.rates]
        return {
            place: _worst(
                [(title, *found[place]) for title, found in made], level=level, by_difference=by_difference
            )
            for place in sides.others
        }
    if measure.is_share:
        found = _of_share(sides, measure.rates[0], level=level)
        return {place: (*found[place], None) for place in sides.others}
    tied = _are_tied(sides.counts)
    each_level = 1 - (1 - level) / 2 if tied else level
    rates = metric_by_group(measure, sides.counts, level=each_level)
    # A group is a part of all rows, so that their figures vary together; as if they did not, is wider.
    reference = (
        metric_by_group(measure, pooled(sides.counts), level=each_level)[0]
        if sides.reference is None
        else rates[sides.reference]
    )
    return {place: _recovered(rates[place], reference, level=level, tied=tied) for place in sides.others}


def _of_share(sides: Sides, rate: GroupRate, *, level: float) -> dict[int, tuple[Estimate, Estimate]]:
    """Return the ratio and the difference of one share, of each group but the reference, by its place."""
    ratios, differences = sides.ratios(rate, level=level), sides.differences(rate, level=level)
    rates = shares_by_group(rate, sides.counts, level=level)
    against = None if sides.reference is None else rates[sides.reference]
    return {
        place: (
            _explained(ratios[place], rates[place], against),
            _explained(differences[place], rates[place], against),
        )
        for place in sides.others
    }


def _explained(compared: Estimate, own: Estimate, reference: Estimate | None) -> Estimate:
    """Say of what has no figure which of the two groups has no rate, and why."""
    missing = next((each for each in (own, reference) if each is not None and each.value is None), None)
    return compared if missing is None else replace(compared, reason=missing.reason)


def _recovered(own: Estimate, reference: Estimate, *, level: float, tied: bool) -> _Compared:
    """Compare two figures by their own intervals, which hold together where the figures are tied."""
    for each in (own, reference):
        if each.value is None:
            nothing = unknown(level, each.reason or "it is undefined")
            return nothing, nothing, None

    def pair(name: str) -> Floats:
        ends = (getattr(own, name), getattr(reference, name))
        return np.array([np.nan if end is None else end for end in ends], dtype=np.float64)

    values, low, high = pair("value"), pair("low"), pair("high")
    method = f"recovered from {own.method.removeprefix('recovered from ')}"
    made = (_boxed_difference, _boxed_ratio) if tied else (recovered_difference, recovered_ratio)
    left, right = (finite(float(end)) for end in made[0](values, low, high))
    unsure = own.reason or reference.reason
    difference = Estimate(float(values[1] - values[0]), left, right, level, method, unsure)
    down, up = (finite(float(end)) for end in made[1](values, low, high))
    if values[1] > 0:
        return Estimate(float(values[0] / values[1]), down, up, level, method, unsure), difference, None
    if values[0] > 0:
        reason = "that of the reference is 0: the ratio has no upper bound"
        return Estimate(None, down, None, level, method, reason), difference, None
    return unknown(level, "both are 0, and 0/0 is unknown"), difference, None


def _boxed_difference(_: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the second figure minus the first, wherever the two lie between their ends."""
    return low[1] - high[0], high[1] - low[0]


def _boxed_ratio(_: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the first figure over the second, wherever the two lie between their ends."""
    nothing = np.where(np.isnan(high[0]) | np.isnan(low[1]), np.nan, np.inf)
    return low[0] / high[1], np.divide(high[0], low[1], out=nothing, where=low[1] > 0)


def _worst(
    parts: Sequence[tuple[str, Estimate, Estimate]], *, level: float, by_difference: bool
) -> _Compared:
    """Return the rate that is farthest from parity: the smaller over the larger, and the largest difference.

    Each end is that of the rate at which it is worst, so that the interval holds wherever all of those of
    the rates do.
    """
    method = f"box of {' and '.join(title for title, _, _ in parts)}"
    folded = [_folded(ratio) for _, ratio, _ in parts]
    reasons = [f"{title}: {ratio.reason}" for title, ratio, _ in parts if ratio.reason]
    known = all(value is not None for value, _, _ in folded)
    lows, highs = [low for _, low, _ in folded], [high for _, _, high in folded if high is not None]
    ratio = Estimate(
        value=min(value for value, _, _ in folded if value is not None) if known else None,
        low=None if None in lows else min(low for low in lows if low is not None),
        high=min(highs, default=None),
        level=level,
        method=method,
        reason=None if known else "; ".join(reasons) or None,
    )
    sizes = [_absolute(difference) for _, _, difference in parts]
    missing = [f"{title}: {gap.reason}" for title, _, gap in parts if gap.value is None]
    whole = not missing
    difference = Estimate(
        value=max(value for value, _, _ in sizes if value is not None) if whole else None,
        low=max((low for _, low, _ in sizes if low is not None), default=None),
        high=max(high for _, _, high in sizes if high is not None)
        if all(high is not None for _, _, high in sizes)
        else None,
        level=level,
        method=method,
        reason="; ".join(missing) or None,
    )
    distances = {
        title: size[0] if by_difference else None if value is None else 1 - value
        for (title, _, _), (value, _, _), size in zip(parts, folded, sizes, strict=True)
    }
    farthest = {title: distance for title, distance in distances.items() if distance is not None}
    return ratio, difference, max(farthest, key=farthest.__getitem__, default=None)


def _folded(ratio: Estimate) -> tuple[float | None, float | None, float | None]:
    """Return a ratio with its ends as the smaller rate over the larger one, in [0, 1]."""
    if ratio.value is None and ratio.low is None:
        return None, None, None
    value = parity(ratio.value or 0.0)
    low, high = ratio.low or 0.0, ratio.high
    ends = parity(low), 0.0 if high is None else parity(high)
    return value, min(ends), 1.0 if low <= 1 and (high is None or high >= 1) else max(ends)


def _absolute(difference: Estimate) -> tuple[float | None, float | None, float | None]:
    """Return a difference with its ends without its sign."""
    value, low, high = difference.value, difference.low, difference.high
    if value is None or low is None or high is None:
        return (None if value is None else abs(value)), None, None
    return abs(value), 0.0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high))


def _test(measure: Measure, tests: Sequence[TestResult]) -> TestResult:
    """Put tests of the rates that a metric is made of together: it is the same where all of them are."""
    known = [test.p_value for test in tests if test.p_value is not None]
    if not known:
        return tests[0] if tests else TestResult(None, "none", f"there is no test of {measure.title}")
    methods = " and ".join(dict.fromkeys(test.method for test in tests if test.p_value is not None))
    return TestResult(min(1.0, len(tests) * min(known)), methods)


def _detectable(
    sides: Sides, measure: Measure, place: int, four_fifths: float, level: float, *, exact: bool
) -> float | None:
    """Return the largest ratio that would have been called disparate, if there is one."""
    counts, reference = sides.counts, sides.reference
    if not measure.is_share or reference is None or counts.weights is not None:
        return None
    if measure.needs_labels and not counts.labelled:
        return None
    x, n = (values.tolist() for values in measure.rates[0].fractions(counts.table))
    if x[reference] == 0:
        return None
    return smallest_disparate(
        n[place],
        n[reference],
        x[reference] / n[reference],
        four_fifths=four_fifths,
        level=level,
        power=POWER,
        exact=exact,
    ).ratio
