"""Figures of models that are trained anew on halves of samples, without and with a remedy."""

import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from trivet.effects.intervals import FEWEST_SAMPLES, auroc_influence, change_over_samples
from trivet.effects.noise import impact_of
from trivet.effects.results import Change, Measurement, unmeasured
from trivet.errors import DataError, TrivetError
from trivet.fairness.measures.registry import Measure
from trivet.privacy.membership.attacks import rmia_scores
from trivet.privacy.membership.recipe import recipe_of, train
from trivet.privacy.membership.shadows import model_seed, shadow_halves, signals_of
from trivet.wording import first_line
from trivet.work.worker_pool import WorkerPool

__all__ = [
    "Figure",
    "Found",
    "Rows",
    "Trained",
    "Training",
    "attack_scores",
    "changes_of",
    "divided_rows",
    "figures_of",
    "figures_of_decisions",
    "halves_of",
    "mean_auroc",
    "measure_trainings",
    "train_pairs",
]

#: Figures of a model: two attacks on who was trained on, by scores and by decisions, and those of decisions.
Kind = Literal["scores", "decisions", "accuracy", "impact", "gap"]
NO_RATIO: Final = "on some sample nobody of a group is selected, which leaves no ratio"
NO_RATE: Final = "on some sample a group has no row that the rate is a share of"


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows: features, shape (rows, features), labels 0 and 1, numbers of groups, and weights if any."""

    features: NDArray[np.float64]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Rows":
        """Return the rows with these indices, in this order, or those that are marked."""
        weights = None if self.weights is None else self.weights[rows]
        return Rows(self.features[rows], self.labels[rows], self.groups[rows], weights)


def divided_rows(whole: Rows, *, rows: int, samples: int, seed: int) -> list[Rows]:
    """Draw samples of equal size that share no row."""
    drawn = np.random.default_rng([seed, 2]).permutation(len(whole))
    size = min(rows, len(whole)) // samples
    return [whole.take(np.sort(drawn[turn * size : (turn + 1) * size])) for turn in range(samples)]


@dataclass(frozen=True)
class Figure:
    """A figure of the models of one family, on the rows of a group by its number, or on all.

    `measure` is the metric of a gap: the largest difference of a group from the reference.
    """

    measurement: Measurement
    family: str
    kind: Kind
    group: int | None = None
    measure: Measure | None = None


@dataclass(frozen=True, eq=False)
class Training:
    """A classifier to be trained with a remedy, or without one where `remedy` is None.

    `fixed` are the kinds of figures that the remedy leaves as they are; `slow` says that it fits many models.
    """

    family: str
    remedy: str | None
    estimator: Any
    fixed: frozenset[Kind] = frozenset()
    slow: bool = False


@dataclass(frozen=True, eq=False)
class Trained:
    """Signals of the models on rows, shapes (models, rows)."""

    probability: NDArray[np.float64]
    right: NDArray[np.bool_]


def halves_of(labels: NDArray[np.int64], pairs: int, *, seed: int) -> NDArray[np.bool_]:
    """Draw who trains which model: models 2k and 2k + 1 are trained on the two halves of one division."""
    return shadow_halves(labels, 2 * pairs, generator=np.random.default_rng([seed, 0]))


def train_pairs(
    estimator: Any,
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    inside: NDArray[np.bool_],
    *,
    seed: int,
) -> Trained:
    """Train one model on each half, on one thread, and ask it about every row."""
    recipe = recipe_of(estimator)
    probability = np.empty(inside.shape)
    right = np.empty(inside.shape, dtype=np.bool_)
    for model, half in enumerate(inside):
        fitted = train(recipe, features[half], labels[half], seed=model_seed(seed, model))
        probability[model] = signals_of(fitted, features, labels, 2).probability[0]
        right[model] = fitted.predict(features) == labels
    return Trained(probability, right)


def attack_scores(trained: Trained, inside: NDArray[np.bool_], *, seed: int) -> NDArray[np.float64]:
    """Attack each model by RMIA with all models but itself and the one trained on the other half."""
    models, rows = inside.shape
    population = np.random.default_rng([seed, 1]).permutation(rows)
    scores = np.empty(inside.shape)
    for model in range(models):
        # The other half's model would give the attack away: one fewer of the rest would know a member.
        others = np.arange(models) // 2 != model // 2
        scores[model] = rmia_scores(
            trained.probability[model], trained.probability[others], inside[others], population
        )
    return scores


def mean_auroc(
    scores: NDArray[np.float64], inside: NDArray[np.bool_], rows: NDArray[np.bool_] | None = None
) -> float:
    """Return the mean AUROC of the attacks on several models."""
    chosen = np.ones(scores.shape[1], dtype=np.bool_) if rows is None else rows
    areas = [
        auroc_influence(said[chosen], half[chosen])[0] for said, half in zip(scores, inside, strict=True)
    ]
    return float(np.mean(areas))


def figures_of(
    rows: Rows,
    trained: Trained,
    inside: NDArray[np.bool_],
    figures: Sequence[Figure],
    *,
    reference: int,
    seed: int,
) -> dict[str, float]:
    """Measure models: exposure on all rows, each alike, and the rest on those that it was not trained on."""
    decided = np.where(trained.right, rows.labels, 1 - rows.labels)
    found = figures_of_decisions(rows, decided, ~inside, figures, reference=reference)
    kinds = {each.kind for each in figures}
    attacked = attack_scores(trained, inside, seed=seed) if "scores" in kinds else None
    for each in figures:
        if each.kind in {"scores", "decisions"}:
            scores = attacked if each.kind == "scores" else trained.right.astype(np.float64)
            assert scores is not None
            chosen = None if each.group is None else rows.groups == each.group
            found[each.measurement.name] = mean_auroc(scores, inside, chosen)
    return {each.measurement.name: found[each.measurement.name] for each in figures}


def figures_of_decisions(
    rows: Rows,
    decided: NDArray[np.int64],
    seen: NDArray[np.bool_],
    figures: Sequence[Figure],
    *,
    reference: int,
) -> dict[str, float]:
    """Measure the decisions of some models, shape (models, rows), on the rows that count for each."""
    size = int(rows.groups.max()) + 1
    cells = np.broadcast_to(4 * rows.groups + 2 * rows.labels, decided.shape) + decided
    weights = None if rows.weights is None else np.broadcast_to(rows.weights, decided.shape)[seen]
    counts = np.bincount(cells[seen], weights=weights, minlength=4 * size).reshape(size, 2, 2)
    found: dict[str, float] = {}
    for each in figures:
        if each.kind == "accuracy":
            own = counts if each.group is None else counts[each.group : each.group + 1]
            right, all_rows = own[:, 0, 0].sum() + own[:, 1, 1].sum(), own.sum()
            found[each.measurement.name] = float(right / all_rows) if all_rows else math.nan
        elif each.kind == "impact":
            assert each.group is not None
            found[each.measurement.name] = float(impact_of(counts[[each.group, reference]]))
        elif each.kind == "gap":
            assert each.measure is not None
            found[each.measurement.name] = _gap(counts, each.measure, reference)
    return found


def _gap(counts: NDArray[Any], measure: Measure, reference: int) -> float:
    """Return the largest difference between a group and the reference; NaN where a rate is unknown."""
    there = counts.any(axis=(1, 2))
    rates = np.stack([rate(counts) for rate in measure.rates])
    if measure.combine == "mean":
        rates = rates.mean(axis=0, keepdims=True)
    if measure.change is not None:
        rates = measure.change(rates)
    return float(np.abs(rates[:, there] - rates[:, [reference]]).max())


#: Figures of each training on one sample, by family and remedy: a number, or why there is none.
Found = Mapping[tuple[str, str | None], Mapping[str, float | str]]


def _on_sample(
    rows: Rows, each: Training, figures: Sequence[Figure], *, pairs: int, reference: int, seed: int
) -> Mapping[str, float | str]:
    """Train on one sample, and measure what the remedy may move."""
    moved = [figure for figure in figures if figure.family == each.family and figure.kind not in each.fixed]
    if not moved:
        return {}
    inside = halves_of(rows.labels, pairs, seed=seed)
    try:
        trained = train_pairs(each.estimator, rows.features, rows.labels, inside, seed=seed)
        return figures_of(rows, trained, inside, moved, reference=reference, seed=seed)
    except TrivetError as error:
        return dict.fromkeys([figure.measurement.name for figure in moved], first_line(error).rstrip("."))


def measure_trainings(
    samples: Sequence[Rows],
    trainings: Sequence[Training],
    figures: Sequence[Figure],
    *,
    pairs: int,
    reference: int,
    seed: int,
    salt: tuple[int, ...] = (),
    workers: int = 1,
    is_up: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda _share: None,
) -> list[Found]:
    """Train and measure everything on every sample; the result does not depend on the processes.

    One training after the other is done on all samples, those that fit many models last. What is not done
    when `is_up` says that the time is has no figures.
    """
    seeds = [
        int(np.random.SeedSequence([seed, turn, *salt]).generate_state(1)[0]) for turn in range(len(samples))
    ]
    tasks = {
        (turn, each.family, each.remedy): partial(
            _on_sample, sample, each, figures, pairs=pairs, reference=reference, seed=seeds[turn]
        )
        for each in sorted(trainings, key=lambda each: each.slow)
        for turn, sample in enumerate(samples)
    }
    done: dict[tuple[int, str, str | None], Mapping[str, float | str]] = {}
    if workers == 1:
        for key, task in tasks.items():
            if is_up():
                break
            done[key] = task()
            progress(len(done) / len(tasks))
    else:
        with WorkerPool(min(workers, len(tasks)), initializer=partial(_find_own_code, os.getcwd())) as pool:  # noqa: PTH109
            flying = {pool.submit(task): key for key, task in tasks.items()}
            for future in as_completed(flying):
                try:
                    done[flying[future]] = future.result()
                except BrokenProcessPool as error:
                    raise TrivetError(
                        "a worker process was lost while models were trained for the effects: memory may "
                        "have run out, or the estimator ended it. Try fewer rows in [effects]."
                    ) from error
                progress(len(done) / len(tasks))
                if is_up():
                    break
    return [
        {
            (each.family, each.remedy): {**_left_as_it_was(each, figures, done, turn), **own}
            for each in trainings
            if (own := done.get((turn, each.family, each.remedy))) is not None
            and (not each.fixed or (turn, each.family, None) in done)
        }
        for turn in range(len(samples))
    ]


def _left_as_it_was(
    each: Training,
    figures: Sequence[Figure],
    done: Mapping[tuple[int, str, str | None], Mapping[str, float | str]],
    turn: int,
) -> dict[str, float | str]:
    """Return the figures that a remedy does not move, as they are without it."""
    without = done.get((turn, each.family, None), {})
    fixed = {figure.measurement.name for figure in figures if figure.kind in each.fixed}
    return {name: value for name, value in without.items() if name in fixed}


def _find_own_code(folder: str) -> None:
    """Let modules of the folder be found, behind all that is installed."""
    if folder not in sys.path:
        sys.path.append(folder)


def changes_of(
    found: Sequence[Found],
    trainings: Sequence[Training],
    figures: Sequence[Figure],
    *,
    level: float,
    late: str = "",
    by_construction: str | None = None,
) -> dict[tuple[str, str], Change]:
    """Compare each remedy with the training of its family that has none, figure by figure.

    `late` says why there are too few samples, where there are.
    """
    changes: dict[tuple[str, str], Change] = {}
    for each in trainings:
        if each.remedy is None:
            continue
        whole = [
            sample for sample in found if {(each.family, None), (each.family, each.remedy)} <= sample.keys()
        ]
        for figure in figures:
            if figure.family != each.family:
                continue
            name = figure.measurement.name
            before, after = (
                [sample[each.family, key][name] for sample in whole] for key in (None, each.remedy)
            )
            change = _change(before, after, kind=figure.kind, level=level, late=late)
            if figure.kind in each.fixed and change.reason is None:
                change = replace(change, by_construction=by_construction)
            changes[each.remedy, name] = change
    return changes


def _change(
    before: Sequence[float | str], after: Sequence[float | str], *, kind: Kind, level: float, late: str
) -> Change:
    if len(before) < FEWEST_SAMPLES and late:
        return unmeasured(late)
    for value in (*before, *after):
        if isinstance(value, str):
            return unmeasured(value)
    numbers = [float(value) for value in (*before, *after)]
    if not np.isfinite(numbers).all():
        return unmeasured(NO_RATIO if kind == "impact" else NO_RATE)
    try:
        return change_over_samples(numbers[: len(before)], numbers[len(before) :], level=level)
    except DataError as error:
        return unmeasured(first_line(error).rstrip("."))
