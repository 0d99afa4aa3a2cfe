"""Audit of predictions, from counts, and from rows where they are given."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from trivet.errors import UsageError
from trivet.fairness.auditing.band import worst_verdict
from trivet.fairness.auditing.features import (
    LEAKING_AUC,
    LEAKING_SHARE,
    TellingColumns,
    explain_by_feature,
    telling_columns,
)
from trivet.fairness.auditing.groups import (
    area_bounds,
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
from trivet.fairness.counting.tabulate import nearest
from trivet.fairness.intervals.linearised import Sample, design_sentence
from trivet.fairness.intervals.shares import LARGE, holm, share_interval
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
from trivet.fairness.metrics.scores import group_aucs
from trivet.settings import Seed, require
from trivet.wording import one_line, quote

__all__ = ["LAW", "audit_counts", "audit_predictions", "caution_counts", "family_size", "parts_of"]

#: From here on it is said that the other columns tell the group.
TELLING_AUC: Final = 0.7
#: Share of test rows with a twin among the training rows from which on it is said.
MANY_TWINS: Final = 0.01
SHOWN: Final = 5
#: How missing values are often written, in lower case.
_AS_MISSING: Final = frozenset(
    {"na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", "-1", "unknown", "missing"}
)


def caution_counts(
    counts: GroupCounts, attributes: Sequence[AttributeAudit], *, cut: float | None = None
) -> tuple[Caution, ...]:
    """Say what the counts give reason to say: nobody selected, predictions that are labels, small groups."""
    found = [*_folded(counts), *_all_alike(counts, cut)]
    blind = len(found) > bool(counts.folded)
    found += _reversed_predictions(counts)
    if not blind and counts.table[:, 0, 1].sum() == counts.table[:, 1, 0].sum() == 0:
        found.append(
            Caution("leakage", "Every prediction is the label: check that the prediction's column is not it.")
        )
    for attribute in () if blind else attributes:
        small = [
            group.group
            for group in attribute.groups
            if min(group.selected, group.rows - group.selected) <= LARGE
        ]
        if small:
            found.append(
                Caution(
                    "small group",
                    f"{one_line(attribute.name)}: {_listed(small)} with no more than {LARGE} rows selected, "
                    "or not selected; what is said of them is of few rows, and its intervals are wide.",
                )
            )
    return tuple(found)


def _folded(counts: GroupCounts) -> Iterator[Caution]:
    """Name the values that count as negative together, and those that may be meant as positive or missing."""
    positive = counts.classes[1]
    doubtful, told = False, []
    for side in ("label", "prediction"):
        values = [each for each in counts.folded if each.side == side]
        marks = {
            each.value: f", nearly {quote(positive)}"
            if nearest(positive, [each.value])
            else ", as a missing value is often written"
            if each.value.casefold() in _AS_MISSING
            else ""
            for each in values
        }
        doubtful = doubtful or any(marks.values())
        # Doubtful ones are always among those shown.
        values.sort(key=lambda each: (not marks[each.value], -each.rows))
        named = [f"{quote(each.value)} ({each.rows:,} rows{marks[each.value]})" for each in values[:SHOWN]]
        if more := values[SHOWN:]:
            named.append(f"{len(more)} more ({sum(each.rows for each in more):,} rows)")
        if named:
            told.append(f"of the {side} {', '.join(named)}")
    if told:
        ask = " Check that these are meant as negative." if doubtful else ""
        message = f"Counted as not {quote(positive)} are {'; '.join(told)}.{ask}"
        yield Caution("spelling" if doubtful else "folded values", message)


def _reversed_predictions(counts: GroupCounts) -> Iterator[Caution]:
    """Say that rows with a negative label are selected more often than those with a positive one."""
    (true_negatives, false_positives), (misses, hits) = counts.table.sum(axis=0).tolist()
    found = share_interval(hits, hits + misses)
    false = share_interval(false_positives, false_positives + true_negatives)
    if found.high is None or false.low is None or found.high >= false.low:
        return
    yield Caution(
        "reversed",
        f"The predictions run the other way: {found.value:.3f} of the rows with a positive label are "
        f"selected, and {false.value:.3f} of those with a negative one. Check which value is positive.",
    )


def _all_alike(counts: GroupCounts, cut: float | None) -> Iterator[Caution]:
    """Say that nobody is selected, or everybody."""
    by_label = counts.table.sum(axis=0)
    chosen, rows, positives = int(by_label[:, 1].sum()), counts.rows, int(by_label[1].sum())
    base = f", while {positives:,} of {rows:,} rows ({positives / max(rows, 1):.1%}) have a positive label"
    base = base if counts.labelled else ""
    if rows and chosen == 0:
        what = "The predictions select nobody" if cut is None else f"No score reaches the cut of {_cut(cut)}"
        yield Caution(
            "nobody selected",
            f"{what}{base}. A ratio of selection rates is then unknown, and a difference of 0 says "
            "nothing. Where positives are rare take a lower cut, and audit that.",
        )
    elif rows and chosen == rows:
        what = (
            "The predictions select everybody"
            if cut is None
            else f"Every score reaches the cut of {_cut(cut)}"
        )
        yield Caution(
            "everybody selected",
            f"{what}{base}. Groups are then treated alike whatever the model knows.",
        )


def _cut(cut: float) -> str:
    """Write a cut; one just above a score, where a quantile is the highest of them, with all its digits."""
    return f"{cut:g}" if float(f"{cut:g}") == cut else repr(float(cut))


def caution_proxies(attributes: Sequence[AttributeAudit]) -> tuple[Caution, ...]:
    """Say of each attribute whether the other columns tell the group."""
    return tuple(
        Caution("proxies", f"{one_line(attribute.name)}: {attribute.proxies.statement}")
        for attribute in attributes
        if attribute.proxies is not None
        and attribute.proxies.auc is not None
        and attribute.proxies.auc >= TELLING_AUC
    )


def caution_rows(predicted: Predicted, telling: TellingColumns, *, level: float) -> tuple[Caution, ...]:
    """Say what the rows give reason to say: columns that tell too much, scores turned round, twins."""
    rows = predicted.rows
    found = [*_telling(telling, fitted=len(predicted.fitted) > 0), *_reversed_scores(predicted, level=level)]
    if len(predicted.fitted):
        filled = np.nan_to_num(rows.features.values, nan=-np.inf)
        values = np.column_stack([filled, rows.labels.astype(np.float64)])
        twins = _twins(values, predicted.places, predicted.fitted)
        if twins >= MANY_TWINS and twins > 2 * _twins_by_chance(values[predicted.fitted]):
            found.append(
                Caution(
                    "leakage",
                    f"{twins:.1%} of the test rows are equal to a training row in every column and in the "
                    "label, more than such columns would bring by chance: if these are the same people, the "
                    "figures flatter the model.",
                )
            )
    if rows.label in rows.columns:
        found.append(Caution("leakage", f"The label, {quote(rows.label)}, is a sensitive column as well."))
    return tuple(found)


def _telling(telling: TellingColumns, *, fitted: bool) -> Iterator[Caution]:
    """Say which columns tell the label or the prediction, or are a number of each row."""
    left = (
        "It is among the features of the models; --ignore it."
        if fitted
        else "It is left out of what columns explain; --ignore it."
    )
    if telling.label:
        names = _alone(telling.label)
        yield Caution(
            "leakage",
            f"{names} the label almost always (an area under the ROC curve of {LEAKING_AUC} or more, or "
            f"{LEAKING_SHARE:.0%} of the errors of a guess taken away): check whether that is known before "
            f"the decision. {left}",
        )
    if telling.prediction:
        names = _alone(telling.prediction)
        yield Caution(
            "tells the prediction",
            f"{names} the prediction almost always (an area under the ROC curve of {LEAKING_AUC} or more): "
            f"is it this model's score, or made from it? {left}",
        )
    if telling.keys:
        yield Caution("key", f"{_listed(telling.keys)}: a value of its own in every row. {left}")


def _reversed_scores(predicted: Predicted, *, level: float) -> Iterator[Caution]:
    """Say that a positive label comes with lower scores, over all rows or within groups."""
    if predicted.scores is None:
        return
    labels = predicted.rows.labels[predicted.places]
    everyone = np.zeros(len(labels), dtype=np.int64)
    groups = predicted.rows.groups[predicted.places]
    names = tuple(", ".join(values) for values in predicted.rows.values)
    for codes, called in ((everyone, ("all rows",)), (groups, names)):
        below = [
            (area.group, bounds)
            for area in group_aucs(labels, predicted.scores, codes, names=called)
            if area.metric == "auc"
            and (bounds := area_bounds(area, level)).high is not None
            and (bounds.high or 0.0) < 0.5  # noqa: PLR2004 - chance
        ]
        if below:
            told = ", ".join(
                f"{one_line(name)} {bounds.value:.3f} ({bounds.low:.3f} to {bounds.high:.3f})"
                for name, bounds in below[:SHOWN]
            )
            more = f" and {len(below) - SHOWN} more" if len(below) > SHOWN else ""
            yield Caution(
                "reversed",
                f"The scores run the other way: rows with a positive label have the lower ones. Areas under "
                f"the ROC curve: {told}{more}. If a high score is for the negative class, audit 1 - score.",
            )
            return


def _twins(values: NDArray[np.float64], places: NDArray[np.int64], fitted: NDArray[np.int64]) -> float:
    """Return the share of some rows that are equal to one of others in all columns."""
    _, codes = np.unique(values, axis=0, return_inverse=True)
    return float(np.isin(codes.ravel()[places], codes.ravel()[fitted]).mean())


def _twins_by_chance(values: NDArray[np.float64]) -> float:
    """Return the share of rows that would have a twin if columns were independent of each other."""
    equal = 1.0
    for column in values.T:
        _, counts = np.unique(column, return_counts=True)
        equal *= float(((counts / len(column)) ** 2).sum())
    return 1 - (1 - equal) ** len(values)


def _alone(names: Sequence[str]) -> str:
    return f"{_listed(names)} alone {'tells' if len(names) == 1 else 'tell'}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(quote(name) for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


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
        What is to be known first, beside what is found here.
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
    named = privileged if isinstance(privileged, Mapping) else named_values(counts.columns, privileged)
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
            of_rows = caution_rows(predicted, telling, level=level)
    if predicted is not None and reference == "population":
        cautions += (Caution("not looked at", _NOT_BY_COLUMN),)
    if counts.weights is not None:
        message = design_sentence(Sample.of(counts), counts.weights.weight)
        cautions = (Caution("weights", message), *cautions)
    worst = worst_verdict(attribute.verdict for attribute in attributes)
    shown = next(attribute for attribute in attributes if attribute.verdict == worst)
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
        reason=shown.reason,
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
    )


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
