"""Comparison of mitigations on the same test rows, with intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.auditing.estimators import ESTIMATORS
from trivet.fairness.auditing.fitting import BASELINE, Fitted, Plan
from trivet.fairness.auditing.frontier import frontier
from trivet.fairness.auditing.outcomes import model_outcome
from trivet.fairness.auditing.parts import family_size, parts_of
from trivet.fairness.auditing.predictions import LOWEST_BAND, audit_counts
from trivet.fairness.auditing.reference_group import find_reference
from trivet.fairness.auditing.results import Caution, FairnessComparison, ModelOutcome
from trivet.fairness.auditing.rows import AuditRows, Predicted
from trivet.fairness.auditing.statements import comparison_statement
from trivet.fairness.auditing.training import Task, train_all
from trivet.fairness.auditing.training_spread import KEPT
from trivet.fairness.intervals.paired import paired_difference_interval
from trivet.fairness.intervals.results import Bounds
from trivet.fairness.mitigation.registry import MITIGATIONS
from trivet.wording import quoted

__all__ = ["chosen_mitigations", "compare_mitigations"]

#: Share of the rows that nothing is fitted on.
TEST_SHARE: Final = 0.3
#: Share of the training rows that thresholds are fitted on.
VALIDATION_SHARE: Final = 0.25
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
                f"there is no mitigation {quoted(name)}; there are all, {', '.join(MITIGATIONS)}."
            )
    return tuple(dict.fromkeys(asked))


def compare_mitigations(
    rows: AuditRows,
    *,
    estimator: str = "logistic",
    mitigations: str | Sequence[str] = "all",
    privileged: Mapping[str, str] | None = None,
    repeats: int = 10,
    four_fifths: float = 0.8,
    level: float = 0.95,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[str, float | None], object] = lambda _step, _share: None,
) -> FairnessComparison:
    """Fit a classifier without and with each mitigation, and measure all of them on the same test rows.

    The rows are divided once, by `seed`, into training and test rows, alike in groups and labels. Each model
    is trained on all training rows, and its figures have the intervals of sampling: other test rows, the
    model being what it is. It is trained `repeats` times more on a share of the training rows drawn anew,
    and what its figures do on the same test rows is the spread of training. Thresholds are fitted on a
    validation part of the training rows.

    Parameters
    ----------
    rows
        The table.
    estimator
        ``logistic`` or ``boosting``.
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
        Processes.
    progress
        Called with what is done, and the share of it that is.

    Returns
    -------
    FairnessComparison
        The same for the same input, whatever the number of workers.

    Raises
    ------
    UsageError
        If there is no such estimator, mitigation or privileged value, or a number is out of range.
    DataError
        If there are too few rows of a label, or the classifier without mitigation cannot be fitted.
    """
    names = chosen_mitigations(mitigations)
    _require(estimator, repeats, four_fifths, level, seed)
    _require_labels(rows)
    whole = rows.count(rows.labels, np.arange(len(rows)))
    reference, _ = find_reference(whole, privileged or {})
    cells = 2 * rows.groups + rows.labels
    train, test = _parts(cells, np.arange(len(rows)), TEST_SHARE, seed=seed)
    _, kept = _parts(cells, train, VALIDATION_SHARE, seed=seed)
    plan = Plan(
        rows, train, test, np.isin(train, kept), estimator, reference, four_fifths=four_fifths, seed=seed
    )
    tasks: list[Task] = [(name, repeat) for repeat in range(repeats + 1) for name in (BASELINE, *names)]
    step = f"{len(tasks)} models"
    progress(step, 0.0)
    fitted = train_all(plan, tasks, workers=workers, progress=lambda share: progress(step, share))
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
        prediction=f"{estimator} without mitigation",
        cut=None,
        four_fifths=four_fifths,
        level=level,
        seed=seed,
        predicted=Predicted(rows, test, first.predictions, first.scores, train),
        cautions=_sampled(rows),
    )
    models = _with_frontier(outcomes)
    return FairnessComparison(
        baseline=audit,
        estimator=estimator,
        features=rows.features.names,
        columns=rows.columns,
        reference=whole.names[reference],
        train_rows=len(train),
        test_rows=len(test),
        validation=VALIDATION_SHARE,
        repeats=repeats,
        kept=KEPT,
        seed=seed,
        models=models,
        statement=comparison_statement(models, four_fifths=four_fifths),
    )


def _require(estimator: str, repeats: int, four_fifths: float, level: float, seed: int) -> None:
    if estimator not in ESTIMATORS:
        raise UsageError(f"there is no estimator {quoted(estimator)}; there are {', '.join(ESTIMATORS)}.")
    if repeats < 0:
        raise UsageError(f"the repeats should be 0 or more, found {repeats}.")
    if not LOWEST_BAND <= four_fifths <= 1 or not 0 < level < 1:
        raise UsageError(
            f"the band begins in [{LOWEST_BAND}, 1] and the level lies in (0, 1), found {four_fifths:g} and "
            f"{level:g}."
        )
    if not 0 <= seed < 2**32:
        raise UsageError(f"the seed is {seed}; expected 0 to {2**32 - 1}.")


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


def _parts(
    cells: NDArray[np.int64], places: NDArray[np.int64], share: float, *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide places at random in two, in each cell of group and label alike.

    Within a cell the rows are shuffled and the first ones go to the second part; the fraction of a row
    that is over goes on to the next cell, so that a cell of one row is in either part as its share says.
    """
    shuffled = np.random.default_rng(seed).permutation(places)
    ordered = shuffled[np.argsort(cells[shuffled], kind="stable")]
    # Every time the running share passes a whole number, the row goes to the second part.
    passed = np.floor(np.arange(1, len(ordered) + 1) * share + 0.5).astype(np.int64)
    second = np.diff(passed, prepend=0) > 0
    return np.sort(ordered[~second]), np.sort(ordered[second])


def _outcome(
    plan: Plan,
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
    )


def _change(plan: Plan, own: Fitted, baseline: Fitted, *, level: float) -> Bounds:
    """Return the accuracy of a model minus that of the baseline, on the same rows."""
    labels = plan.rows.labels[plan.test]
    right, right_before = own.predictions == labels, baseline.predictions == labels
    cells = np.bincount(2 * (1 - right) + (1 - right_before), minlength=4).tolist()
    return paired_difference_interval(*cells, level=level)


def _with_frontier(outcomes: Sequence[ModelOutcome]) -> tuple[ModelOutcome, ...]:
    """Mark the models that no other betters in both accuracy and parity."""
    placed = {
        outcome.name: (outcome.accuracy.estimate, outcome.parity)
        for outcome in outcomes
        if outcome.accuracy is not None
        and outcome.accuracy.estimate is not None
        and outcome.parity is not None
    }
    best = frontier(placed)
    return tuple(replace(outcome, on_frontier=outcome.name in best) for outcome in outcomes)
