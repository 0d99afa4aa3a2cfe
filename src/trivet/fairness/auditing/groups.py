"""Rates of each group, compared with the reference."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.estimate import Estimate
from trivet.fairness.auditing.band import most_unlike, worst_verdict
from trivet.fairness.auditing.results import (
    NAMED,
    AttributeAudit,
    GroupAudit,
    MetricAudit,
    ScoreAudit,
)
from trivet.fairness.auditing.rows import Predicted
from trivet.fairness.auditing.settings import ReferenceName
from trivet.fairness.counting.counts import GroupCounts, most_favoured
from trivet.fairness.counting.naming import group_name, name_of
from trivet.fairness.explain.classes import decompose_counts
from trivet.fairness.intervals.shares import area_interval
from trivet.fairness.measures.judging import attribute_reason, audit_metric
from trivet.fairness.measures.registry import MEASURES, SELECTION, Measure
from trivet.fairness.measures.sides import Sides, shares_by_group
from trivet.fairness.metrics.comparisons import Disparity, selected
from trivet.fairness.metrics.measure import METRICS, measure_groups
from trivet.fairness.metrics.results import GroupAuc
from trivet.fairness.metrics.scores import group_aucs, group_calibration
from trivet.fairness.shaping import with_values
from trivet.settings import parts_of
from trivet.wording import one_line, quote

__all__ = [
    "area_bounds",
    "audit_attribute",
    "audit_groups",
    "audit_scores",
    "choose_reference",
    "find_reference",
    "largest_group",
    "most_disparate_group",
    "named_group",
    "named_values",
]

_RATES: Final = (
    "selection_rate",
    "base_rate",
    "true_positive_rate",
    "false_positive_rate",
    "positive_predictive_value",
    "accuracy",
    "false_negative_rate",
)


def audit_groups(
    counts: GroupCounts,
    reference: int | None,
    *,
    four_fifths: float,
    level: float,
    scores: Sequence[ScoreAudit] | None,
    comparisons: int | None = None,
    selection: MetricAudit | None = None,
) -> tuple[GroupAudit, ...]:
    """Measure each group, and compare how often it is selected with how often the reference is."""
    if selection is None:
        sides = Sides(counts, reference)
        selection = audit_metric(
            sides, MEASURES[SELECTION], four_fifths=four_fifths, level=level, comparisons=comparisons
        )
    rates = {name: shares_by_group(MEASURES[name].rates[0], counts, level=level) for name in _RATES}
    positives, chosen = counts.table[:, 1].sum(axis=1).tolist(), selected(counts.table).tolist()
    return tuple(
        GroupAudit(
            group=group.group,
            rows=group.rows,
            positives=positives[place],
            selected=chosen[place],
            **{name: bounds[place] for name, bounds in rates.items()},
            disparate_impact=group.ratio,
            simultaneous_low=group.simultaneous_low,
            simultaneous_high=group.simultaneous_high,
            difference=group.difference,
            p_value=group.p_value,
            p_adjusted=group.p_adjusted,
            test=group.test,
            smallest_detectable=group.smallest_detectable,
            scores=None if scores is None else scores[place],
            verdict=group.verdict,
            below_four_fifths=group.below_four_fifths,
        )
        for place, group in enumerate(selection.groups)
    )


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


def named_group(
    columns: Sequence[str], groups: Sequence[tuple[str, ...]], privileged: Mapping[str, str]
) -> tuple[int, str]:
    """Return the place of the privileged group, and why it is the reference."""
    wanted = tuple(name_of(privileged[column]) or "" for column in columns)
    if wanted not in groups:
        known = one_line("; ".join(map(group_name, groups)), limit=200)
        raise UsageError(
            f"no row has the privileged value {quote(', '.join(wanted))} in {one_line(', '.join(columns))}; "
            f"there are {known}."
        )
    return groups.index(wanted), NAMED


def largest_group(groups: Sequence[tuple[str, ...]], sizes: NDArray[Any]) -> tuple[int, str]:
    """Return the place of the largest group that can be a yardstick, and why it is the reference."""
    known = with_values(groups)
    return int(np.where(known | ~known.any(), sizes, -1).argmax()), "it is the largest group"


def find_reference(counts: GroupCounts, privileged: Mapping[str, str]) -> tuple[int, str]:
    """Return the place of the reference group, and why it is this one."""
    if privileged:
        missing = [column for column in counts.columns if column not in privileged]
        if missing:
            raise UsageError(
                f"the privileged group needs a value for each sensitive column; {quote(missing[0])} has none."
            )
        return named_group(counts.columns, counts.groups, privileged)
    sizes, positives = counts.amounts.sum(axis=(1, 2)), counts.amounts[:, 1].sum(axis=1)
    return most_favoured(sizes, positives, known=with_values(counts.groups))


def choose_reference(
    counts: GroupCounts, privileged: Mapping[str, str], how: ReferenceName | None
) -> tuple[int | None, str]:
    """Return the place of the reference group, None for all rows together, and why it is this one.

    Without a choice it is the named group, else that with the largest share of positive labels; where there
    are none that which is selected most often.
    """
    how = how or ("favoured" if counts.labelled or privileged else "most-selected")
    if how == "population":
        return None, "groups are compared with all rows together"
    sizes = counts.amounts.sum(axis=(1, 2))
    if how == "largest":
        return largest_group(counts.groups, sizes)
    if how == "most-selected":
        return most_favoured(
            sizes, selected(counts.amounts), of="selected rows", known=with_values(counts.groups)
        )
    return find_reference(counts, privileged)


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


def audit_attribute(
    counts: GroupCounts,
    reference: int | None,
    why: str,
    *,
    measures: Sequence[Measure] = (MEASURES[SELECTION],),
    four_fifths: float,
    level: float,
    seed: int,
    scores: Sequence[ScoreAudit] | None = None,
    comparisons: int | None = None,
    difference_band: float | None = None,
) -> AttributeAudit:
    """Compare each group of an attribute with the reference, which is all rows where it is None.

    `comparisons` are those of one metric over the whole audit. The verdict is of `measures`. Where selection
    rates are none of these, their intervals hold for the comparisons of selection rates alone.
    """
    sides = Sides(counts, reference)
    each = comparisons or max(1, len(sides.others))

    def audited(measure: Measure, number: int) -> MetricAudit:
        return audit_metric(
            sides,
            measure,
            four_fifths=four_fifths,
            level=level,
            comparisons=number,
            difference_band=difference_band,
        )

    # Metrics that are unknown without labels are not compared.
    known = sum(counts.labelled or not measure.needs_labels for measure in measures)
    found = tuple(audited(measure, each * max(1, known)) for measure in measures)
    selection = next((one for one in found if one.metric == SELECTION), None)
    groups = audit_groups(
        counts,
        reference,
        four_fifths=four_fifths,
        level=level,
        scores=scores,
        selection=selection or audited(MEASURES[SELECTION], each),
    )
    names = counts.names
    worst = most_disparate_group(groups)
    by_class = None
    # The parts add up to a difference of rates without weights, which is another one.
    if worst is not None and counts.labelled and counts.weights is None:
        others = counts.table.sum(axis=0) - counts.table[worst]
        beside = others if reference is None else counts.table[reference]
        by_class = decompose_counts(
            np.stack([counts.table[worst], beside]),
            group=names[worst],
            reference=_OTHERS if reference is None else names[reference],
            level=level,
            seed=seed,
        )
    return AttributeAudit(
        columns=counts.columns,
        name=" x ".join(counts.columns),
        reference=sides.reference_name,
        reference_why=why,
        groups=groups,
        metrics=measure_groups(
            counts,
            reference=reference or 0,
            metrics=[
                metric
                for metric in METRICS.values()
                if reference is not None or not isinstance(metric, Disparity)
            ],
        ),
        most_disparate=None if worst is None else names[worst],
        by_class=by_class,
        by_feature=None,
        proxies=None,
        verdict=worst_verdict(one.verdict for one in found),
        reason=attribute_reason(found),
        measures=found,
    )


_OTHERS: Final = "the rest"


def most_disparate_group(groups: Sequence[GroupAudit]) -> int | None:
    """Return the group that is shown to be most unlike the reference, by its disparate impact."""
    return most_unlike([group.disparate_impact for group in groups], [group.rows for group in groups])
