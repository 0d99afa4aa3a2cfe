"""Audit of predictions of several classes: each against all others, and means over the classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from trivet.estimate import Estimate
from trivet.fairness.auditing.band import that_count, worst_verdict
from trivet.fairness.auditing.results import Caution
from trivet.fairness.auditing.settings import TableOptions
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.intervals.comparisons import recovered_difference, recovered_ratio
from trivet.fairness.intervals.linearised import Sample, design_covariance, design_sentence
from trivet.fairness.intervals.shares import (
    finite,
    share_intervals,
    simultaneous_level,
)
from trivet.fairness.intervals.weighted import weighted_shares
from trivet.fairness.measures.sides import Sides, shares_by_group
from trivet.fairness.metrics.group_rates import (
    GroupRate,
    false_positive_rates,
    positive_predictive_values,
    selection_rates,
    true_positive_rates,
)
from trivet.fairness.outcomes.comparing import (
    attributes_of,
    most_apart,
    reference_of,
    sentence,
    verdict_of,
    worst_of,
)
from trivet.fairness.outcomes.results import ClassRate, MacroRate, MulticlassAttribute, MulticlassAudit
from trivet.wording import one_line

__all__ = ["audit_classes"]

Floats = NDArray[np.float64]

_RATES: Final = (
    selection_rates,
    true_positive_rates,
    false_positive_rates,
    positive_predictive_values,
)
LIMITS: Final = (
    "The verdict is on how often each class is predicted; whether a class is good or bad for a row is not "
    "known."
)
#: A variance that is nothing but rounding.
_NOTHING: Final = 1e-24
#: Axis of the cells of a class: its labels for recall, its predictions for precision.
_MACRO: Final = {"macro_recall": 0, "macro_precision": 1}


def audit_classes(
    counts: GroupCounts, settings: TableOptions, *, data: str, notes: Sequence[str] = ()
) -> MulticlassAudit:
    """Compare each class against all others, and means over the classes, between groups.

    Intervals of the verdict hold for all classes and groups at once (Bonferroni).
    """
    groups = [counts.over(*columns) for columns in attributes_of(counts.columns, counts.groups)]
    comparisons = len(counts.classes) * sum(len(each.groups) - 1 for each in groups)
    attributes = tuple(_attribute(each, counts.columns, settings, comparisons) for each in groups)
    verdict, reason = worst_of(attributes, None)
    return MulticlassAudit(
        data=Path(data).name,
        label=settings.label or "",
        prediction=settings.prediction or "",
        rows=counts.rows,
        classes=counts.classes,
        four_fifths=settings.four_fifths,
        level=settings.level,
        attributes=attributes,
        cautions=tuple(Caution("rows", note) for note in (*notes, *_weighed(counts))),
        verdict=verdict,
        reason=reason,
        limits=LIMITS,
    )


def _weighed(counts: GroupCounts) -> tuple[str, ...]:
    """Say what is weighted, where rows have weights."""
    if counts.weights is None:
        return ()
    return (design_sentence(Sample.of(counts), counts.weights.weight),)


def _attribute(
    counts: GroupCounts, named: tuple[str, ...], settings: TableOptions, comparisons: int
) -> MulticlassAttribute:
    sizes = counts.table.sum(axis=(1, 2))
    reference, why = reference_of(counts.columns, counts.groups, sizes, settings.privileged, named)
    together = simultaneous_level(settings.level, comparisons)
    rates = tuple(
        each
        for label in counts.classes
        for rate in _RATES
        for each in _class_rates(counts.one_versus_rest(label), label, rate, reference, settings, together)
    )
    judged = [each for each in rates if each.metric == selection_rates.name]
    large = {each.group for each in that_count(_sized(judged, counts))}
    verdict = worst_verdict(each.verdict for each in judged if each.group in large)
    return MulticlassAttribute(
        columns=counts.columns,
        name=" x ".join(counts.columns),
        reference=counts.names[reference],
        reference_why=why,
        groups=rates,
        macro=_macro(counts, reference, settings.level),
        verdict=verdict,
        reason=_reason(
            [each for each in judged if each.group in large and each.verdict == verdict],
            counts.names[reference],
            settings,
            comparisons,
        ),
    )


class _Sized:
    """A rate with the rows of its group, as `that_count` looks at it."""

    def __init__(self, rate: ClassRate, rows: int) -> None:
        self.group, self.verdict, self.rows = rate.group, rate.verdict, rows


def _sized(rates: Sequence[ClassRate], counts: GroupCounts) -> list[_Sized]:
    rows = dict(zip(counts.names, counts.table.sum(axis=(1, 2)).tolist(), strict=True))
    return [_Sized(each, rows[each.group]) for each in rates]


def _class_rates(
    counts: GroupCounts,
    label: str,
    rate: GroupRate,
    reference: int,
    settings: TableOptions,
    together: float,
) -> tuple[ClassRate, ...]:
    """Return one rate of a class in each group."""
    level, names, sides = settings.level, counts.names, Sides(counts, reference)
    shares = shares_by_group(rate, counts, level=level)
    differences = sides.differences(rate, level=level)
    ratios, wide = (sides.ratios(rate, level=each) for each in (level, together))
    return tuple(
        ClassRate(
            label=label,
            metric=rate.name,
            group=name,
            rate=shares[k],
            difference=None if k == reference else differences[k],
            ratio=None if k == reference else ratios[k],
            simultaneous_low=None if k == reference else wide[k].low,
            simultaneous_high=None if k == reference else wide[k].high,
            verdict=verdict_of(k, reference, wide[k], four_fifths=settings.four_fifths),
        )
        for k, name in enumerate(names)
    )


def _macro(counts: GroupCounts, reference: int, level: float) -> tuple[MacroRate, ...]:
    """Return accuracy and the means over the classes."""
    found: list[MacroRate] = []
    for metric in ("accuracy", *_MACRO):
        rates, differences, ratios = (
            _weighted_macro(counts, metric, reference, level)
            if counts.weights is not None and counts.weights.squares is None
            else _independent_macro(counts, metric, reference, level)
        )
        found += [
            MacroRate(
                metric,
                name,
                rates[k],
                None if k == reference else differences[k],
                None if k == reference else ratios[k],
            )
            for k, name in enumerate(counts.names)
        ]
    return tuple(found)


def _class_shares(counts: GroupCounts, metric: str, level: float) -> list[tuple[Estimate, ...]]:
    """Return the share of right rows of each group: among all, or among those of each class."""
    size = len(counts.classes)
    if metric == "accuracy":
        cells = [(np.eye(size), np.ones((size, size)))]
    else:
        among = [np.zeros((size, size)) for _ in range(size)]
        for place, each in enumerate(among):
            each.swapaxes(0, _MACRO[metric])[place] = 1
        cells = [(np.eye(size) * each, each) for each in among]
    if counts.weights is not None:
        return [weighted_shares(counts, *pair, level=level) for pair in cells]
    x, n = (np.array([(counts.table * pair[i]).sum(axis=(1, 2)) for pair in cells]) for i in (0, 1))
    return [share_intervals(*pair, level=level) for pair in zip(x, n, strict=True)]


_Three = tuple[list[Estimate], list[Estimate], list[Estimate]]


def _independent_macro(counts: GroupCounts, metric: str, reference: int, level: float) -> _Three:
    """Put the intervals of independent shares together: of their mean, and of two groups' means."""
    classes = _class_shares(counts, metric, level)
    shares, lows, highs = (
        np.array([[getattr(each, end) for each in one] for one in classes], dtype=np.float64)
        for end in ("value", "low", "high")
    )
    value = shares.mean(axis=0)
    low = value - np.sqrt(((shares - lows) ** 2).sum(axis=0)) / len(classes)
    high = value + np.sqrt(((highs - shares) ** 2).sum(axis=0)) / len(classes)
    both = [np.stack([each, np.full_like(each, each[reference])]) for each in (value, low, high)]
    gaps = recovered_difference(*both)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, ends = value / value[reference], recovered_ratio(*both)
    method = "recovered from the classes' intervals"
    return (
        _estimates(value, low, high, level, method),
        _estimates(value[reference] - value, *gaps, level, method),
        _estimates(ratio, *ends, level, method),
    )


def _weighted_macro(counts: GroupCounts, metric: str, reference: int, level: float) -> _Three:
    """Linearise the means over the classes of weighted counts."""
    size = len(counts.classes)
    sums = counts.amounts
    scores = np.zeros((len(sums), *sums.shape))
    value = np.full(len(sums), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        for group, table in enumerate(sums):
            if metric == "accuracy":
                value[group] = np.trace(table) / table.sum()
                scores[group, group] = (np.eye(size) - value[group]) / table.sum()
                continue
            axis = 1 - _MACRO[metric]
            totals = table.sum(axis=axis)
            shares = np.diagonal(table) / totals
            value[group] = shares.mean()
            one = np.diag(1 / totals) - np.expand_dims(shares / totals, axis)
            scores[group, group] = one / size
    scores = np.where(np.isnan(value)[:, None, None, None], 0.0, scores)
    covariance = design_covariance(counts, scores)
    freedom = Sample.of(counts).freedom
    t = float(stdtrit(freedom, (1 + level) / 2)) if freedom > 0 else np.nan
    # Where all rows agree no variance tells how certain that is.
    own = np.where(np.diag(covariance) > _NOTHING, np.diag(covariance), np.nan)
    other = covariance[:, reference]
    error = t * np.sqrt(own)
    difference = value[reference] - value
    gap = t * np.sqrt(np.maximum(own + own[reference] - 2 * other, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = value / value[reference]
        relative = own / value**2 + own[reference] / value[reference] ** 2
        reach = t * np.sqrt(np.maximum(relative - 2 * other / (value * value[reference]), 0))
    method = "linearised t"
    return (
        _estimates(value, np.maximum(value - error, 0), np.minimum(value + error, 1), level, method),
        _estimates(difference, difference - gap, difference + gap, level, method),
        _estimates(ratio, ratio * np.exp(-reach), ratio * np.exp(reach), level, method),
    )


def _estimates(values: Floats, low: Floats, high: Floats, level: float, method: str) -> list[Estimate]:
    def reason(value: float, end: float) -> str | None:
        if np.isnan(value):
            return "a group has no row with one of the classes"
        unsure = "its sampling units do not differ, or are too few, so that its error is unknown"
        return unsure if np.isnan(end) else None

    return [
        Estimate(finite(value), finite(left), finite(right), level, method, reason(value, left))
        for value, left, right in zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
    ]


def _reason(rates: Sequence[ClassRate], reference: str, settings: TableOptions, comparisons: int) -> str:
    """Say what the verdict rests on: the class and group shown to be farthest from the reference group."""
    known = [each for each in rates if each.ratio is not None and each.ratio.value]
    if not known:
        return f"No class has a ratio of selection rates against {one_line(reference)}."
    far = most_apart(known, lambda each: each.ratio)
    assert far.ratio is not None
    return (
        f"{one_line(far.label)} is predicted {far.ratio.value:.3f} times as often for {one_line(far.group)} "
        f"as for {one_line(reference)} "
    ) + sentence(far, settings, comparisons)
