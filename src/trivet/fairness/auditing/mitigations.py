"""Comparison of mitigations on the same test rows, with intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.estimate import Estimate
from trivet.fairness.auditing.band import frontier, parity_of, that_count, verdict_on, worst_of
from trivet.fairness.auditing.fitting import (
    BASELINE,
    ESTIMATORS,
    KEPT,
    ComparisonPlan,
    Fitted,
    Task,
    own_classifier,
    train_all,
    training_spread,
)
from trivet.fairness.auditing.groups import audit_groups, find_reference
from trivet.fairness.auditing.predictions import audit_counts, family_size, overall_rates, parts_of
from trivet.fairness.auditing.results import (
    REFERENCE,
    Caution,
    FairnessComparison,
    GroupOutcome,
    ModelOutcome,
    TrainingSpread,
)
from trivet.fairness.auditing.rows import AuditRows, Predicted
from trivet.fairness.auditing.settings import TableOptions, require_estimator
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.design import Design
from trivet.fairness.intervals.linearised import weighted_mean_interval
from trivet.fairness.intervals.shares import finite
from trivet.fairness.metrics.comparisons import (
    accuracy,
    band_ends,
    demographic_parity_spread,
    equalized_odds_spread,
    ratio_of_rates,
)
from trivet.fairness.metrics.group_rates import selection_rates
from trivet.fairness.mitigation.registry import MITIGATIONS
from trivet.fairness.mitigation.thresholds.classifier import draw_rows
from trivet.paired import paired_difference_interval
from trivet.ratios import is_infinite, ratio_figure
from trivet.settings import Seed, require
from trivet.verdict import IN_BAND
from trivet.wording import listed, one_line, quote
from trivet.work.own_code import name_of

__all__ = [
    "Split",
    "chosen_mitigations",
    "compare_mitigations",
    "comparison_statement",
    "divide_rows",
    "model_outcome",
]

#: A ratio of rates has no largest value.
_UNBOUNDED: Final = float("inf")


def model_outcome(
    unmeasured: ModelOutcome,
    counts: GroupCounts,
    repeats: Sequence[GroupCounts],
    reference: int,
    *,
    change: Estimate | None,
    four_fifths: float,
    level: float,
    comparisons: int | None = None,
) -> ModelOutcome:
    """Measure a model on the test rows."""
    audited = audit_groups(
        counts, reference, four_fifths=four_fifths, level=level, scores=None, comparisons=comparisons
    )
    counted = that_count(audited)
    worst = worst_of(audited)
    impacts = [_impacts(each, reference) for each in repeats]
    spreads = [
        None
        if group.disparate_impact is None
        else _spread(group.disparate_impact.value, [values[i] for values in impacts], level=level)
        for i, group in enumerate(audited)
    ]
    overall = overall_rates(counts, level=level)
    own_accuracy = overall.accuracy
    return replace(
        unmeasured,
        failed=False,
        accuracy=own_accuracy,
        accuracy_training=training_spread(
            own_accuracy.value,
            [float(accuracy(each.amounts)) for each in repeats],
            level=level,
            lowest=0.0,
            highest=1.0,
        ),
        accuracy_change=change,
        group=None if worst is None else worst.group,
        disparate_impact=None if worst is None else worst.disparate_impact,
        disparate_impact_training=None if worst is None else spreads[audited.index(worst)],
        parity=None if worst is None else parity_of(worst.disparate_impact),
        difference=finite(float(demographic_parity_spread(counts.amounts))),
        equalized_odds=finite(float(equalized_odds_spread(counts.amounts))),
        groups=tuple(
            GroupOutcome(
                group=group.group,
                rows=group.rows,
                selection_rate=group.selection_rate,
                disparate_impact=group.disparate_impact,
                training=spread,
                simultaneous_low=group.simultaneous_low,
                simultaneous_high=group.simultaneous_high,
                verdict=group.verdict,
                counts=group in counted,
                difference=group.difference,
            )
            for group, spread in zip(audited, spreads, strict=True)
        ),
        verdict=verdict_on(audited),
        selection_rate=overall.selection_rate,
    )


def _impacts(counts: GroupCounts, reference: int) -> list[float | None]:
    """Return each group's selection rate over the reference group's."""
    rates = selection_rates(counts.amounts)
    return [finite(ratio) for ratio in ratio_of_rates(rates, np.full_like(rates, rates[reference])).tolist()]


def _spread(estimate: float | None, values: Sequence[float | None], *, level: float) -> TrainingSpread:
    return training_spread(estimate, values, level=level, lowest=0.0, highest=_UNBOUNDED)


def comparison_statement(models: Sequence[ModelOutcome], *, four_fifths: float) -> str:
    """Say what the baseline does, which mitigations bring it into the band, and what that costs."""
    baseline, *others = models
    band = f"the band from {four_fifths:g} to {1 / four_fifths:g}"
    measured = [model for model in others if not model.failed]
    inside = [model for model in measured if model.verdict == IN_BAND]
    near = [model for model in measured if model not in inside and _estimates_inside(model, four_fifths)]
    blind = [model for model in measured if _selects_nobody(model)]
    said = [_of_baseline(baseline)]
    if baseline.verdict == IN_BAND:
        said.append(f"That is within {band}, before any mitigation.")
        left = [model for model in measured if model not in (*inside, *near, *blind)]
        if left:
            said.append(f"It is left by {_listed(left)}.")
    else:
        if _estimates_inside(baseline, four_fifths):
            said.append(
                f"That is within {band}, but not with the whole interval: these rows do not settle it."
            )
        said += _reached([model for model in measured if model not in blind], inside, near, band)
    if blind:
        said.append(f"By {_listed(blind)} nobody is selected, so that nothing is known of parity.")
    failed = [model for model in others if model.failed]
    if failed:
        said.append(f"No model came of {_listed(failed)}.")
    aside = [each for each in baseline.groups if each.rows and not each.counts and each.verdict != REFERENCE]
    if aside:
        said.append(_of_small(aside))
    return " ".join(said)


def _reached(
    measured: Sequence[ModelOutcome], inside: Sequence[ModelOutcome], near: Sequence[ModelOutcome], band: str
) -> list[str]:
    """Say which mitigations reach the band with every group, and which only by estimates."""
    said: list[str] = []
    if len(inside) == 1:
        only = inside[0]
        said.append(
            f"Only {only.title} brings every group into {band}, with the whole interval{_cost(only)}."
        )
    elif inside:
        cheapest = max(inside, key=_estimate)
        said.append(f"Every group is brought into {band}, with the whole interval, by {_listed(inside)}.")
        said.append(f"Of these {cheapest.title} is the most accurate{_cost(cheapest)}.")
    elif len(measured) == 1:
        said.append(
            f"{_capital(measured[0].title)} does not bring every group into {band} with the interval."
        )
    elif measured:
        said.append(
            f"None of {len(measured)} mitigations brings every group into {band} with the whole interval."
        )
    if near:
        cheapest = max(near, key=_estimate)
        cost = _cost(cheapest) if len(near) == 1 and not inside else ""
        said.append(
            f"By {_listed(near)} the estimates of all groups come to lie in it, which these rows do not "
            f"settle{cost}."
        )
    return said


def _estimates_inside(model: ModelOutcome, four_fifths: float) -> bool:
    return model.parity is not None and model.parity >= band_ends(four_fifths)[0]


def _selects_nobody(model: ModelOutcome) -> bool:
    return model.selection_rate is not None and model.selection_rate.value == 0


def _of_baseline(model: ModelOutcome) -> str:
    if _selects_nobody(model):
        return (
            f"Without mitigation nobody is selected, at an accuracy of {_estimate(model):.3f}, so that "
            "selection rates cannot be compared."
        )
    impact = model.disparate_impact
    figure = None if impact is None else ratio_figure(impact.value, impact.low)
    if model.group is None or figure is None:
        return "Without mitigation the selection rates cannot be compared."
    farthest = ", the group farthest from parity," if _many(model) else ""
    times = (
        "and of the reference group nobody"
        if is_infinite(figure)
        else f"{figure:.3f} times as often as the reference group"
    )
    return (
        f"Without mitigation {one_line(model.group)}{farthest} is selected {times}, at an accuracy of "
        f"{_estimate(model):.3f}."
    )


def _many(model: ModelOutcome) -> bool:
    """Return True if more than one group is compared with the reference group."""
    return sum(each.disparate_impact is not None for each in model.groups) > 1


def _of_small(aside: Sequence[GroupOutcome]) -> str:
    few = sorted(aside, key=lambda group: -group.rows)
    named = ", ".join(f"{one_line(group.group)} ({group.rows:,})" for group in few[:3])
    more = f" and {len(few) - 3} more" if len(few) > 3 else ""  # noqa: PLR2004 - those named
    return f"Left aside are groups with less than two percent of the test rows: {named}{more}."


def _cost(model: ModelOutcome) -> str:
    """Say how the accuracy changed, and whether the test rows show it."""
    change = model.accuracy_change
    if change is None or change.value is None or change.low is None or change.high is None:
        return ""
    told = f": it changes accuracy by {change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
    return told + (", which may be none" if change.low <= 0 <= change.high else "")


def _estimate(model: ModelOutcome) -> float:
    return model.accuracy.value or 0.0 if model.accuracy is not None else 0.0


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]


def _listed(models: Sequence[ModelOutcome]) -> str:
    return listed([model.title for model in models if model.name != BASELINE])


#: Share of the rows that nothing is fitted on.
TEST_SHARE: Final = 0.3
#: Share of the training rows that thresholds are fitted on.
VALIDATION_SHARE: Final = 0.25
#: With fewer repeats the spread of training says little.
FEWEST_REPEATS: Final = 3
#: Fewer rows of a label than that cannot be divided in training, validation and test rows.
FEWEST_OF_A_LABEL: Final = 10


def chosen_mitigations(names: str | Sequence[str]) -> tuple[str, ...]:
    """Return the mitigations that are meant: ``all``, names with commas between, or a sequence of names."""
    asked = names.split(",") if isinstance(names, str) else list(names)
    asked = [name.strip() for name in asked]
    if asked == ["all"]:
        return tuple(MITIGATIONS)
    for name in asked:
        if name not in MITIGATIONS:
            raise UsageError(
                f"there is no mitigation {quote(name)}; there are all, {', '.join(MITIGATIONS)}."
            )
    return tuple(dict.fromkeys(asked))


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of the training and of the test rows, and which of the training rows set thresholds."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    validation: NDArray[np.bool_]


def compare_mitigations(
    rows: AuditRows,
    *,
    estimator: Any = "logistic",
    mitigations: str | Sequence[str] = TableOptions.mitigate,
    privileged: Mapping[str, str] | None = None,
    repeats: int = TableOptions.repeats,
    four_fifths: float = TableOptions.four_fifths,
    level: float = TableOptions.level,
    seed: int = 0,
    workers: int = 1,
    split: Split | None = None,
    cautions: Sequence[Caution] = (),
    progress: Callable[[str, float | None], object] = lambda _step, _share: None,
) -> FairnessComparison:
    """Fit a classifier without and with each mitigation, and measure all of them on the same test rows.

    The rows are divided once, alike in groups and labels. Each model is trained on all training rows, of
    which a validation part sets thresholds, and its figures have intervals of sampling; `repeats` trainings
    on a share of them drawn anew give the spread of training.

    Parameters
    ----------
    rows
        The table.
    estimator
        ``logistic``, ``boosting``, ``package.module:factory``, or an unfitted scikit-learn classifier. It is
        given the columns as numbers: missing ones filled and marked, texts one-hot, all standardised.
    mitigations
        ``all``, or names of `trivet.fairness.mitigation.registry.MITIGATIONS`.
    privileged
        Value of each sensitive column that is privileged; by default the reference is the group with the
        largest share of positive labels among those with at least two percent of the rows.
    repeats
        Trainings anew; 0 for none.
    four_fifths
        Lower end t of the band [t, 1/t], in (0, 1].
    level
        Confidence level of every interval, in (0, 1).
    seed
        Of everything random.
    workers
        Processes; the result does not depend on it.
    split
        The rows' parts; by default they are drawn by `seed`.
    cautions
        Cautions that the result begins with.
    progress
        Called with what is done, and the share of it that is.

    Raises
    ------
    UsageError
        If there is no such estimator, mitigation or privileged value, or a number is out of range.
    DataError
        If there are too few rows of a label, or the classifier without mitigation cannot be fitted.
    """
    names = chosen_mitigations(mitigations)
    TableOptions.require(repeats=repeats, four_fifths=four_fifths, level=level)
    require(Seed, seed=seed)
    named = estimator if isinstance(estimator, str) else name_of(type(estimator))
    if isinstance(estimator, str):
        require_estimator(estimator)
    classifier = None
    if not isinstance(estimator, str) or estimator not in ESTIMATORS:
        estimator = own_classifier(estimator, seed=seed)
        classifier = one_line(repr(estimator), limit=300)
    _require_labels(rows)
    whole = rows.count(rows.labels, np.arange(len(rows)))
    reference, _ = find_reference(whole, privileged or {})
    parts = split or divide_rows(rows, seed=seed)
    train, test = parts.train, parts.test
    plan = ComparisonPlan(
        rows, train, test, parts.validation, estimator, reference, four_fifths=four_fifths, seed=seed
    )
    step = f"{(1 + len(names)) * (repeats + 1)} models"
    progress(step, 0.0)
    fitted = train_all(
        plan,
        (BASELINE, *names),
        repeats,
        workers=workers,
        progress=lambda share: progress(step, share),
    )
    progress("intervals", None)

    first = fitted[BASELINE, 0]
    if first.predictions is None:
        raise DataError(f"the model without mitigation cannot be fitted: {first.note}")
    counted = rows.count(first.predictions, test)
    comparisons = family_size(parts_of(counted, privileged or {}, references=whole))
    outcomes = [
        _outcome(
            plan,
            fitted,
            name,
            repeats,
            baseline=first,
            four_fifths=four_fifths,
            level=level,
            comparisons=comparisons,
        )
        for name in (BASELINE, *names)
    ]
    progress("audit of the model without mitigation", None)
    audit = audit_counts(
        counted,
        privileged=privileged or {},
        references=whole,
        data=f"{rows.name}, test rows",
        label=rows.label,
        prediction=f"{named} without mitigation",
        cut=None,
        four_fifths=four_fifths,
        level=level,
        seed=seed,
        predicted=Predicted(rows, test, first.predictions, first.scores, train),
        design=Design(weight=rows.weight),
        cautions=(*cautions, *_sampled(rows), *_few_trainings(repeats)),
    )
    if classifier is not None:
        outcomes[0] = replace(outcomes[0], note=f"fits {classifier}")
    models = _with_frontier(outcomes)
    return FairnessComparison(
        baseline=audit,
        estimator=named,
        features=rows.features.names,
        columns=rows.columns,
        reference=whole.names[reference],
        train_rows=len(train),
        test_rows=len(test),
        validation=VALIDATION_SHARE if split is None else float(parts.validation.mean()),
        repeats=repeats,
        kept=KEPT,
        seed=seed,
        models=models,
        statement=comparison_statement(models, four_fifths=four_fifths),
        classifier=classifier,
        weight=rows.weight,
    )


def _few_trainings(repeats: int) -> tuple[Caution, ...]:
    if not 0 < repeats < FEWEST_REPEATS:
        return ()
    many = "1 training" if repeats == 1 else f"{repeats} trainings"
    message = (
        f"Only {many} on other rows: so few say little of how far figures move with the training rows; "
        f"{TableOptions.repeats} are usual."
    )
    return (Caution("few trainings", message),)


def _sampled(rows: AuditRows) -> tuple[Caution, ...]:
    if len(rows) == rows.drawn_from:
        return ()
    return (Caution("rows", f"Models see {len(rows):,} of {rows.drawn_from:,} rows, drawn at random."),)


def _require_labels(rows: AuditRows) -> None:
    fewest = int(np.bincount(rows.labels, minlength=2).min())
    if fewest < FEWEST_OF_A_LABEL:
        raise DataError(
            f"{fewest} of {len(rows)} rows have the rarer label; a comparison needs {FEWEST_OF_A_LABEL} or "
            "more of each. Give more rows, or audit predictions instead."
        )


def divide_rows(rows: AuditRows, *, seed: int) -> Split:
    """Draw the rows of a comparison's parts, alike in groups and labels."""
    test = draw_rows(rows.groups, rows.labels, share=TEST_SHARE, seed=seed)
    train = np.flatnonzero(~test)
    kept = draw_rows(rows.groups[train], rows.labels[train], share=VALIDATION_SHARE, seed=seed)
    return Split(train, np.flatnonzero(test), kept)


def _outcome(
    plan: ComparisonPlan,
    fitted: Mapping[Task, Fitted],
    name: str,
    repeats: int,
    *,
    baseline: Fitted,
    four_fifths: float,
    level: float,
    comparisons: int,
) -> ModelOutcome:
    own = fitted[name, 0]
    described = _described(name, own)
    if own.predictions is None:
        return described
    again = [fitted[name, repeat].predictions for repeat in range(1, repeats + 1)]
    lost = sum(each is None for each in again)
    if lost:
        # What is left of them would be the repeats that went well.
        described = replace(described, note=f"{described.note}; {lost} of {repeats} repeats gave no model")
        again = []
    return model_outcome(
        described,
        plan.rows.count(own.predictions, plan.test),
        [plan.rows.count(each, plan.test) for each in again if each is not None],
        plan.reference,
        change=None if name == BASELINE else _change(plan, own, baseline, level=level),
        four_fifths=four_fifths,
        level=level,
        comparisons=comparisons,
    )


def _described(name: str, own: Fitted) -> ModelOutcome:
    """Return what is known of a model before it is measured."""
    if name == BASELINE:
        return ModelOutcome(name, "without mitigation", BASELINE, "", False, own.note, True)  # noqa: FBT003
    entry = MITIGATIONS[name]
    return ModelOutcome(
        name=name,
        title=entry.title,
        kind=entry.kind,
        source=entry.source,
        needs_group=entry.needs_group_at_prediction,
        note=own.note,
        failed=own.predictions is None,
        thresholds=own.thresholds,
    )


def _change(plan: ComparisonPlan, own: Fitted, baseline: Fitted, *, level: float) -> Estimate:
    """Return the accuracy of a model minus that of the baseline, on the same rows."""
    labels = plan.rows.labels[plan.test]
    right, right_before = own.predictions == labels, baseline.predictions == labels
    if plan.rows.weights is not None:
        changes = right.astype(np.float64) - right_before
        return weighted_mean_interval(changes, plan.rows.weights[plan.test], level=level)
    cells = np.bincount(2 * (1 - right) + (1 - right_before), minlength=4).tolist()
    return paired_difference_interval(*cells, level=level)


def _with_frontier(outcomes: Sequence[ModelOutcome]) -> tuple[ModelOutcome, ...]:
    """Mark the models that no other betters in both accuracy and parity."""
    placed = {
        outcome.name: (outcome.accuracy.value, outcome.parity)
        for outcome in outcomes
        if outcome.accuracy is not None and outcome.accuracy.value is not None and outcome.parity is not None
    }
    best = frontier(placed)
    return tuple(replace(outcome, on_frontier=outcome.name in best) for outcome in outcomes)
