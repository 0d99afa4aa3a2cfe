"""Audit of predictions, from counts, and from rows where they are given."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from threadpoolctl import threadpool_limits

from trivet.errors import DataError, UsageError
from trivet.fairness.auditing.band import worst_verdict
from trivet.fairness.auditing.cautions import caution_counts, caution_proxies, caution_rows
from trivet.fairness.auditing.features import TellingColumns, explain_by_feature, telling_columns
from trivet.fairness.auditing.group_names import constant_columns
from trivet.fairness.auditing.groups import (
    audit_attribute,
    audit_scores,
    choose_reference,
    most_disparate_group,
    named_values,
)
from trivet.fairness.auditing.results import (
    AttributeAudit,
    Caution,
    FairnessAudit,
    GroupAudit,
    GroupMeasure,
    OverallRates,
)
from trivet.fairness.auditing.rows import Predicted
from trivet.fairness.auditing.settings import USUAL_CUT, Favourable, ReferenceName, TableOptions
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.design import EVERY_ROW, UNIT, Design, Scale
from trivet.fairness.counting.design import score_range as typed_scale
from trivet.fairness.counting.group_counts import counts_at_cut
from trivet.fairness.intervals.linearised import Sample, design_sentence
from trivet.fairness.intervals.shares import holm
from trivet.fairness.law.suppression import suppressed
from trivet.fairness.measures.registry import SELECTION, Measure, measures_named
from trivet.fairness.measures.sides import pooled, shares_by_group
from trivet.fairness.metrics.group_rates import (
    accuracies,
    base_rates,
    false_positive_rates,
    selection_rates,
    true_positive_rates,
)
from trivet.settings import Seed, require
from trivet.verdict import DISPARATE
from trivet.wording import listed, one_line, quote

__all__ = ["LAW", "audit_counts", "audit_predictions", "family_size", "parts_of"]

LAW: Final = (
    (
        "United States, employment: it is unlawful to use different cut-off scores, or to adjust scores, in "
        "employment-related tests by race, color, religion, sex or national origin (Civil Rights Act of "
        "1991, section 106; 42 U.S.C. 2000e-2(l))."
    ),
    (
        "United States, employment: a selection rate below four fifths of that of the group with the highest "
        "is generally taken as evidence of adverse impact; this rule is of employment only (29 CFR "
        "1607.4(D)). Here groups are held against the reference group, which need not be that one."
    ),
    (
        "United States, credit: a creditor may not consider race, color, religion, national origin or sex "
        "in any aspect of a credit transaction, except as the law provides (12 CFR 1002.6(b)(9))."
    ),
    (
        "European Union, insurance: sex may make no difference to premiums and benefits (Directive "
        "2004/113/EC, Article 5(1), after case C-236/09, Test-Achats)."
    ),
)


def overall_rates(counts: GroupCounts, *, level: float) -> OverallRates:
    """Measure all rows, whatever their group."""
    everyone = pooled(counts)
    return OverallRates(
        rows=counts.rows,
        positives=int(counts.table[:, 1].sum()),
        selected=int(counts.table[..., 1].sum()),
        accuracy=shares_by_group(accuracies, everyone, level=level)[0],
        base_rate=shares_by_group(base_rates, everyone, level=level)[0],
        selection_rate=shares_by_group(selection_rates, everyone, level=level)[0],
        true_positive_rate=shares_by_group(true_positive_rates, everyone, level=level)[0],
        false_positive_rate=shares_by_group(false_positive_rates, everyone, level=level)[0],
    )


#: The cells of the whole table that one group has, and those of the reference group.
Comparison = tuple[frozenset[int], frozenset[int]]


@dataclass(frozen=True, eq=False)
class Part:
    """Counts by one sensitive column or by several together."""

    counts: GroupCounts
    reference: int | None
    why: str
    comparisons: tuple[Comparison | None, ...]


def parts_of(
    counts: GroupCounts,
    privileged: Mapping[str, str],
    *,
    references: GroupCounts | None = None,
    how: ReferenceName | None = None,
) -> tuple[Part, ...]:
    """Return the counts by each column that has two groups or more, then by all columns together."""
    columns = counts.columns
    asked = [*((column,) for column in columns if len(columns) > 1), columns]
    divided = [(counts.over(*names), (references or counts).over(*names)) for names in asked]
    return tuple(
        _part(own, known, counts, privileged, how)
        for own, known in divided
        if len(own.groups) > 1 or own.columns == columns
    )


def family_size(parts: Iterable[Part]) -> int:
    """Return how many different comparisons of groups are made, at least 1."""
    return max(1, len({each for part in parts for each in part.comparisons if each is not None}))


#: A comparison by one metric.
_Tested = tuple[str, Comparison]
_Group = TypeVar("_Group", GroupAudit, GroupMeasure)


def adjusted(attributes: Sequence[AttributeAudit], parts: Sequence[Part]) -> tuple[AttributeAudit, ...]:
    """Return the attributes with p-values that are adjusted by Holm's method over the whole audit."""
    paired = list(zip(attributes, parts, strict=True))
    family = {
        tested: p_value
        for attribute, part in paired
        for one in attribute.measures
        for tested, p_value in _p_values(one.metric, one.groups, part)
    }
    found = dict(zip(family, holm(list(family.values())), strict=True))
    # Selection rates that the audit is not about are a family of their own.
    beside = {
        tested: p_value
        for attribute, part in paired
        for tested, p_value in _p_values(SELECTION, attribute.groups, part)
    }
    found = dict(zip(beside, holm(list(beside.values())), strict=True)) | found
    return tuple(
        replace(
            attribute,
            groups=_with_adjusted(SELECTION, attribute.groups, part, found),
            measures=tuple(
                replace(one, groups=_with_adjusted(one.metric, one.groups, part, found))
                for one in attribute.measures
            ),
        )
        for attribute, part in paired
    )


def _p_values(
    metric: str, groups: Sequence[GroupAudit] | Sequence[GroupMeasure], part: Part
) -> Iterator[tuple[_Tested, float | None]]:
    for group, comparison in zip(groups, part.comparisons, strict=True):
        if comparison is not None:
            yield (metric, comparison), group.p_value


def _with_adjusted(
    metric: str, groups: Sequence[_Group], part: Part, found: Mapping[_Tested, float | None]
) -> tuple[_Group, ...]:
    return tuple(
        group if comparison is None else replace(group, p_adjusted=found[metric, comparison])
        for group, comparison in zip(groups, part.comparisons, strict=True)
    )


def _part(
    counts: GroupCounts,
    references: GroupCounts,
    whole: GroupCounts,
    privileged: Mapping[str, str],
    how: ReferenceName | None,
) -> Part:
    # A place is one among groups in a certain order, which these two need not share.
    place, why = choose_reference(references, privileged, how)
    reference = None
    if place is not None:
        values = references.groups[place]
        if values not in counts.groups:
            raise UsageError(f"no row is of the reference group, {one_line(', '.join(values))}.")
        reference = counts.groups.index(values)
    cells: dict[tuple[str, ...], list[int]] = {group: [] for group in counts.groups}
    chosen = [whole.columns.index(name) for name in counts.columns]
    for cell, own in enumerate(whole.groups):
        cells[tuple(own[column] for column in chosen)].append(cell)
    sets = [frozenset(cells[group]) for group in counts.groups]
    against = frozenset[int]().union(*sets) if reference is None else sets[reference]
    compared = tuple(None if i == reference else (own, against) for i, own in enumerate(sets))
    return Part(counts, reference, why, compared)


LIMITS: Final = (
    "The figures are of the rows audited: who is missing from them, whether the labels are themselves fair, "
    "and what a decision does to people are not in a table. Intervals are of sampling. Metrics of groups can "
    "contradict each other, and no value of one is a legal finding."
)


def audit_predictions(
    table: Any,
    y_true: Any,
    y_pred: Any,
    sensitive: Any,
    *,
    positive: object = None,
    scored: bool = False,
    cut: float | str | None = None,
    score_range: str | None = None,
    favourable: Favourable = TableOptions.favourable,
    privileged: str | Mapping[str, str] | None = None,
    four_fifths: float = TableOptions.four_fifths,
    level: float = TableOptions.level,
    seed: int = 0,
    data: str = "the table",
    metric: Sequence[str] = (),
    reference: ReferenceName | None = None,
    difference_band: float | None = None,
    suppress: int | None = None,
    **amounts: Any,
) -> FairnessAudit:
    """Audit the predictions in a table of any size, from its counts alone."""
    measures_named(metric)
    scale = typed_scale(score_range, favourable)
    if not scored and cut is None and (scale != UNIT):
        raise UsageError("the score range and which scores are favourable go with a score; leave them out.")
    counts, placed = counts_at_cut(
        table,
        y_true,
        y_pred,
        sensitive,
        positive=positive,
        cut=USUAL_CUT if scored and cut is None else cut,
        scale=scale,
        **amounts,
    )
    found = audit_counts(
        counts,
        privileged=privileged,
        data=data,
        label=y_true if isinstance(y_true, str) else "the label" if counts.labelled else "",
        prediction=y_pred if isinstance(y_pred, str) else "the prediction",
        cut=None if placed is None else placed.score,
        scale=scale,
        design=Design(**{role: _named(each, role) for role, each in amounts.items() if each is not None}),
        four_fifths=four_fifths,
        level=level,
        seed=seed,
        metric=metric,
        reference=reference,
        difference_band=difference_band,
    )
    return found if suppress is None else suppressed(found, suppress, counts)


def _named(column: Any, role: str) -> str:
    return column if isinstance(column, str) else role


def audit_counts(
    counts: GroupCounts,
    *,
    privileged: str | Mapping[str, str] | None = None,
    data: str = "the table",
    label: str = "the label",
    prediction: str = "the prediction",
    cut: float | None = None,
    scale: Scale = UNIT,
    design: Design = EVERY_ROW,
    four_fifths: float = TableOptions.four_fifths,
    level: float = TableOptions.level,
    seed: int = 0,
    predicted: Predicted | None = None,
    cautions: tuple[Caution, ...] = (),
    references: GroupCounts | None = None,
    metric: Sequence[str] = (),
    reference: ReferenceName | None = None,
    difference_band: float | None = None,
) -> FairnessAudit:
    """Audit counts of group x label x prediction; see `audit_predictions`.

    Parameters
    ----------
    counts
        With two classes.
    privileged, cut, four_fifths, level, seed, data
        As for `audit_predictions`.
    label, prediction
        What these are called.
    scale, design
        Where scores lie, and what a row stands for.
    predicted
        Rows for the measurements of columns and scores: those counted or a sample of them.
    cautions
        Cautions to add to those that are found here.
    references
        Counts of the same groups by which the reference groups are found; by default `counts`.
    metric
        Names of `trivet.fairness.measures.registry.MEASURES` that the verdict is about; by default that of
        selection rates.
    reference
        What groups are compared with: ``favoured``, ``most-selected``, ``largest`` or ``population``.
    difference_band
        The largest difference that counts as parity, where the verdict rests on differences; by default it
        rests on ratios.
    """
    TableOptions.require(
        four_fifths=four_fifths, level=level, reference=reference, difference_band=difference_band
    )
    measures = measures_named(metric)
    if reference is not None and privileged:
        raise UsageError("privileged names the group that the others are compared with; leave reference out.")
    require(Seed, seed=seed)
    if len(counts.classes) != 2:  # noqa: PLR2004 - positive and negative
        raise UsageError(
            f"an audit needs a positive and a negative class, found {len(counts.classes)}. Take one against "
            "the rest."
        )
    if not counts.rows:
        raise DataError("the counts are all 0, so there is nothing to audit; check that they are the ones.")
    if isinstance(privileged, Mapping):
        named = privileged
    else:
        TableOptions.require(privileged=privileged)
        named = named_values(counts.columns, privileged)
    cautions = (*_sensitive_sides(counts, label=label, prediction=prediction), *cautions)
    constant = constant_columns(counts.columns, counts.groups, named)
    cautions = (*(Caution("columns", note) for note in constant), *cautions)
    columns, counts = counts.columns, varying(counts)
    # More threads only get in each other's way on so few rows, and sum in another order.
    parts = parts_of(counts, named, references=references, how=reference)
    comparisons = family_size(parts)
    with threadpool_limits(1):
        telling = None if predicted is None else telling_columns(predicted, seed=seed)
        attributes = tuple(
            _attribute(
                part,
                predicted,
                telling,
                measures=measures,
                four_fifths=four_fifths,
                level=level,
                seed=seed,
                comparisons=comparisons,
                difference_band=difference_band,
            )
            for part in parts
        )
        attributes = adjusted(attributes, parts)
        of_rows = ()
        if predicted is not None and telling is not None:
            of_rows = caution_rows(predicted, telling, level=level, clustered=design.cluster is not None)
    if predicted is not None and reference == "population":
        cautions += (Caution("not looked at", _NOT_BY_COLUMN),)
    if counts.weights is not None:
        message = design_sentence(Sample.of(counts), counts.weights.weight)
        cautions = (Caution("weights", message), *cautions)
    worst = worst_verdict(attribute.verdict for attribute in attributes)
    shown, *others = (attribute for attribute in attributes if attribute.verdict == worst)
    also = f" Also disparate by {listed([one_line(one.name) for one in others])}." if others else ""
    negative, positive = counts.classes
    return FairnessAudit(
        data=data,
        rows=counts.rows,
        label=label,
        positive=positive,
        negative=negative,
        prediction=prediction,
        cut=cut,
        four_fifths=four_fifths,
        level=level,
        attributes=attributes,
        cautions=(
            *cautions,
            *of_rows,
            *caution_proxies(attributes),
            *caution_counts(counts, attributes, cut=cut),
        ),
        law=LAW,
        verdict=worst,
        reason=f"{shown.reason}{also if worst == DISPARATE else ''}",
        limits=LIMITS,
        overall=overall_rates(counts, level=level),
        folded=counts.folded,
        labelled=counts.labelled,
        score_range=None if cut is None else (scale.low, scale.high),
        favourable=scale.favourable,
        weight=design.weight,
        strata=design.strata,
        cluster=design.cluster,
        count=design.count or design.total,
        other_metrics=tuple(
            measure.title for measure in measures if measure.name != SELECTION or difference_band is not None
        ),
        constant=tuple(name for name in columns if name not in counts.columns),
    )


def varying(counts: GroupCounts) -> GroupCounts:
    """Return the counts by the columns that have two values or more: others divide no group."""
    differ = [len(set(values)) > 1 for values in zip(*counts.groups, strict=True)]
    columns = [name for name, differs in zip(counts.columns, differ, strict=True) if differs]
    return counts if len(columns) in {0, len(differ)} else counts.over(*columns)


def _sensitive_sides(counts: GroupCounts, *, label: str, prediction: str) -> Iterator[Caution]:
    """Say that the label, or what is audited, is a sensitive column as well."""
    for what, name in (("label", label), ("prediction", prediction)):
        if name in counts.columns:
            yield Caution("leakage", f"The {what}, {quote(name)}, is a sensitive column as well.")


_NOT_BY_COLUMN: Final = (
    "Against all rows together no difference is divided by column: name a group with --privileged for that."
)


def _attribute(
    part: Part,
    predicted: Predicted | None,
    telling: TellingColumns | None,
    *,
    measures: Sequence[Measure],
    four_fifths: float,
    level: float,
    seed: int,
    comparisons: int,
    difference_band: float | None,
) -> AttributeAudit:
    counts, reference = part.counts, part.reference
    scores = None
    if predicted is not None and predicted.scores is not None:
        scores = audit_scores(predicted, counts, level=level)
    audit = audit_attribute(
        counts,
        reference,
        part.why,
        measures=measures,
        four_fifths=four_fifths,
        level=level,
        seed=seed,
        scores=scores,
        comparisons=comparisons,
        difference_band=difference_band,
    )
    worst = most_disparate_group(audit.groups)
    if counts.weights is not None:
        return audit
    # Several columns combined are predicted by the same columns as each of them.
    if predicted is None or worst is None or reference is None or len(counts.columns) > 1:
        return audit
    # What the models of a comparison were fitted on belongs to what their predictions go with.
    known = telling is not None and not len(predicted.fitted)
    by_feature, proxies = explain_by_feature(
        predicted,
        counts,
        worst,
        reference,
        left_out=telling.names if known and telling is not None else frozenset(),
        level=level,
        seed=seed,
    )
    return replace(audit, by_feature=by_feature, proxies=proxies)
