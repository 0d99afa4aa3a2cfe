"""The published privacy exercises, and how far the published noise is from a sound plan for the same queries.

The sound answer itself is `plan_queries` for the study's queries, as for anybody's.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated, Final

from annotated_types import Ge, Gt, Interval, Lt

from trivet.estimate import Columns
from trivet.privacy import laplace
from trivet.privacy.adjacency import (
    Adjacency,
    Guarantee,
    changed_records,
    count_sensitivity,
    group_privacy,
    histogram_sensitivity,
)
from trivet.privacy.planning.results import Plan, PlannedRow, budget_verdict
from trivet.privacy.planning.settings import (
    LARGEST,
    LARGEST_EPSILON,
    MOST_ANSWERS,
    PlanSettings,
    QuerySettings,
)

__all__ = ["PrivacySettings", "PublishedPrivacy", "publish_privacy", "study_plan"]

#: The PLD accountant rounds privacy losses up to a grid; scales differ by less than this for it.
ACCOUNTANT_TOLERANCE: Final = 0.005


@dataclass(frozen=True, kw_only=True)
class IncomeSettings:
    """Two income statistics, in currency units, each with the noise that the exercise fixes."""

    average_sensitivity: Annotated[float, Gt(0), Lt(math.inf)] = 5_000.0
    average_true: Annotated[float, Gt(-math.inf), Lt(math.inf)] = 40_000.0
    average_noise: Annotated[float, Gt(-math.inf), Lt(math.inf)] = 2_000.0
    total_sensitivity: Annotated[float, Gt(0), Lt(math.inf)] = 50_000.0
    total_true: Annotated[float, Gt(-math.inf), Lt(math.inf)] = 20_000_000.0
    total_noise: Annotated[float, Gt(-math.inf), Lt(math.inf)] = 5_000.0


@dataclass(frozen=True, kw_only=True)
class CountingSettings:
    """A count that is released `queries` times and compared with a threshold."""

    sensitivity: Annotated[float, Gt(0), Lt(LARGEST)] = 1.0
    true_value: Annotated[int, Ge(0)] = 500
    threshold: Annotated[float, Gt(-math.inf), Lt(math.inf)] = 505.0
    queries: Annotated[int, Interval(ge=1, le=MOST_ANSWERS)] = 92
    population: Annotated[int, Ge(1)] = 500
    change_fraction: Annotated[float, Interval(ge=0, le=1)] = 0.01


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """End points of the study's curves: integer thresholds, and evenly spaced epsilons."""

    tail_from: int = 480
    tail_to: int = 520
    epsilon_from: Annotated[float, Gt(0), Lt(math.inf)] = 0.02
    epsilon_to: Annotated[float, Gt(0), Lt(math.inf)] = 1.0
    epsilon_points: Annotated[int, Interval(ge=2, le=10_000)] = 50

    def __post_init__(self) -> None:
        if self.tail_from >= self.tail_to:
            raise ValueError(
                f"tail_from must be below tail_to, but {self.tail_from} is not below {self.tail_to}."
            )
        if self.epsilon_from >= self.epsilon_to:
            raise ValueError(
                "epsilon_from must be below epsilon_to, "
                f"but {self.epsilon_from!r} is not below {self.epsilon_to!r}."
            )


@dataclass(frozen=True, kw_only=True)
class PrivacySettings:
    """The privacy study's budget and its two exercises."""

    epsilon: Annotated[float, Interval(gt=0, le=LARGEST_EPSILON)] = 0.1
    delta: Annotated[float, Interval(gt=0, lt=1)] = 1e-5
    income: IncomeSettings = field(default_factory=IncomeSettings)
    counting: CountingSettings = field(default_factory=CountingSettings)
    sweep: SweepSettings = field(default_factory=SweepSettings)


@dataclass(frozen=True)
class IncomeQuery:
    """One noisy income statistic, with every intermediate quantity."""

    epsilon: float
    sensitivity: float
    true_value: float
    noise_sample: float
    scale: float
    noisy_value: float


@dataclass(frozen=True)
class IncomeScenario:
    """Average and total income, each under the whole budget and under half of it."""

    average: IncomeQuery
    total: IncomeQuery
    average_split: IncomeQuery
    total_split: IncomeQuery


@dataclass(frozen=True)
class CountingCase:
    """One row of the counting exercise."""

    epsilon: float
    delta: float
    sensitivity: float
    scale: float
    exceedance: float


@dataclass(frozen=True)
class CountingScenario:
    """A count of `true_value`, released with Laplace noise and compared with `threshold`."""

    true_value: float
    threshold: float
    queries: int
    population: int
    change_fraction: float
    base: CountingCase
    sequential: CountingCase
    unbounded: CountingCase


@dataclass(frozen=True)
class TailCurves(Columns):
    """P(noisy > t) for each case of the counting exercise; `planned` is at the plan's scale."""

    thresholds: tuple[float, ...]
    base: tuple[float, ...]
    sequential: tuple[float, ...]
    unbounded: tuple[float, ...]
    planned: tuple[float, ...]


@dataclass(frozen=True)
class EpsilonSweep(Columns):
    """Scale and exceedance of a single query as functions of epsilon."""

    epsilon: tuple[float, ...]
    scale: tuple[float, ...]
    exceedance: tuple[float, ...]


@dataclass(frozen=True)
class LaplaceRow(PlannedRow):
    """Laplace noise of the study's one line, which has a scale and is compared with a threshold."""

    scale: float
    exceedance: float


@dataclass(frozen=True)
class PlanCorrection:
    """The published plan beside the plan with the least Laplace noise for the same queries and budget.

    Attributes
    ----------
    laplace : That plan's row.
    spent_epsilon, verdict : What the published sequential scale spends by that theorem, and its verdict.
    noise_ratio, saves_noise : Published scale over the row's; whether that exceeds the accountant's grid.
    advanced_pays_from : Fewest queries at which advanced composition asks for less noise than basic.
    gaussian_ratio, gaussian_better : Deviation of the row over the Gaussian row's, and whether above one.
    count_sensitivity_add_remove, count_sensitivity_replace_one, histogram_sensitivity_replace_one : What one
        record moves under each neighbouring relation.
    group_size, group_epsilon, group_delta : Group privacy of size ceil(p n), for a release as requested.
    discrete_exceedance : The tail of the integer-valued (discrete) Laplace at the base scale.
    """

    laplace: LaplaceRow
    spent_epsilon: float
    verdict: str
    noise_ratio: float
    saves_noise: bool
    advanced_pays_from: int
    gaussian_ratio: float | None
    gaussian_better: bool
    count_sensitivity_add_remove: float
    count_sensitivity_replace_one: float
    histogram_sensitivity_replace_one: float
    group_size: int
    group_epsilon: float
    group_delta: float
    discrete_exceedance: float


@dataclass(frozen=True)
class PublishedPrivacy:
    """The published exercises and curves, and where their plan is corrected."""

    income: IncomeScenario
    counting: CountingScenario
    tail_curves: TailCurves
    epsilon_sweep: EpsilonSweep
    correction: PlanCorrection


def study_plan(settings: PrivacySettings) -> PlanSettings:
    """Return what the study asks of a plan: its counting queries under its budget."""
    counting = settings.counting
    query = QuerySettings(name="count", count=counting.queries, sensitivity=counting.sensitivity)
    return PlanSettings(
        epsilon=settings.epsilon,
        delta=settings.delta,
        value=counting.true_value,
        threshold=counting.threshold,
        queries=(query,),
    )


def publish_privacy(settings: PrivacySettings, plan: Plan) -> PublishedPrivacy:
    """Compute the published exercises of settings and their `study_plan`; nothing in it is random."""
    exercise = _counting(settings.counting, epsilon=settings.epsilon, delta=settings.delta)
    correction = _correct(settings, exercise, plan)
    sweep = settings.sweep
    assert correction.laplace.scale is not None
    return PublishedPrivacy(
        income=_income(settings.income, epsilon=settings.epsilon),
        counting=exercise,
        tail_curves=_tail_curves(
            exercise,
            planned_scale=correction.laplace.scale,
            thresholds=tuple(float(t) for t in range(sweep.tail_from, sweep.tail_to + 1)),
        ),
        epsilon_sweep=_epsilon_sweep(
            settings.counting,
            epsilons=_evenly_spaced(sweep.epsilon_from, sweep.epsilon_to, points=sweep.epsilon_points),
        ),
        correction=correction,
    )


def _correct(settings: PrivacySettings, exercise: CountingScenario, plan: Plan) -> PlanCorrection:
    from trivet.privacy.planning.theorems import advanced_pays_from, spent_epsilon  # noqa: PLC0415 - SciPy is heavy

    rows = [row for row in plan.rows if row.mechanism == "laplace" and row.applicable]
    best = min(rows, key=lambda row: row.scale or math.inf)
    gaussian = next(row for row in plan.rows if row.mechanism == "gaussian")
    assert best.scale is not None
    assert best.standard_deviation is not None
    spent = spent_epsilon(
        best.method,
        scale=exercise.sequential.scale,
        sensitivity=exercise.sequential.sensitivity,
        queries=exercise.queries,
        delta=settings.delta,
    )
    size = changed_records(population=exercise.population, fraction=exercise.change_fraction)
    group = group_privacy(Guarantee(epsilon=settings.epsilon, delta=settings.delta), size=size)
    noise_ratio = exercise.sequential.scale / best.scale
    sigma = gaussian.standard_deviation
    gaussian_ratio = None if sigma is None else best.standard_deviation / sigma
    return PlanCorrection(
        laplace=LaplaceRow(**vars(best)),
        spent_epsilon=spent,
        verdict=budget_verdict(spent, settings.epsilon),
        noise_ratio=noise_ratio,
        saves_noise=noise_ratio > 1 + ACCOUNTANT_TOLERANCE,
        advanced_pays_from=advanced_pays_from(epsilon=settings.epsilon, delta=settings.delta),
        gaussian_ratio=gaussian_ratio,
        gaussian_better=gaussian_ratio is not None and gaussian_ratio > 1,
        count_sensitivity_add_remove=count_sensitivity(Adjacency.ADD_REMOVE),
        count_sensitivity_replace_one=count_sensitivity(Adjacency.REPLACE_ONE),
        histogram_sensitivity_replace_one=histogram_sensitivity(Adjacency.REPLACE_ONE),
        group_size=size,
        group_epsilon=group.epsilon,
        group_delta=group.delta,
        discrete_exceedance=laplace.discrete_tail(
            exercise.threshold, location=settings.counting.true_value, scale=exercise.base.scale
        ),
    )


def _evenly_spaced(first: float, last: float, *, points: int) -> tuple[float, ...]:
    steps = points - 1
    return tuple(((steps - i) * first + i * last) / steps for i in range(points))


def _income(settings: IncomeSettings, *, epsilon: float) -> IncomeScenario:
    """Average and total income under the whole budget, and each under half of it with its draw rescaled."""
    average, total = (
        _income_query(epsilon=epsilon, sensitivity=sensitivity, true_value=true_value, noise_sample=noise)
        for sensitivity, true_value, noise in (
            (settings.average_sensitivity, settings.average_true, settings.average_noise),
            (settings.total_sensitivity, settings.total_true, settings.total_noise),
        )
    )
    return IncomeScenario(
        average=average,
        total=total,
        average_split=_under(average, epsilon=epsilon / 2),
        total_split=_under(total, epsilon=epsilon / 2),
    )


def _counting(settings: CountingSettings, *, epsilon: float, delta: float) -> CountingScenario:
    """Count once; as one of k queries; as one of k when ceil(p n) records may change (equations 18 to 20)."""
    changed = changed_records(population=settings.population, fraction=settings.change_fraction)
    epsilon_each, delta_each = epsilon / settings.queries, delta / settings.queries

    def case(*, epsilon: float, delta: float, sensitivity: float) -> CountingCase:
        scale = laplace.scale(sensitivity=sensitivity, epsilon=epsilon)
        exceedance = laplace.tail(settings.threshold, location=settings.true_value, scale=scale)
        return CountingCase(
            epsilon=epsilon, delta=delta, sensitivity=sensitivity, scale=scale, exceedance=exceedance
        )

    return CountingScenario(
        true_value=settings.true_value,
        threshold=settings.threshold,
        queries=settings.queries,
        population=settings.population,
        change_fraction=settings.change_fraction,
        base=case(epsilon=epsilon, delta=delta, sensitivity=settings.sensitivity),
        sequential=case(epsilon=epsilon_each, delta=delta_each, sensitivity=settings.sensitivity),
        unbounded=case(epsilon=epsilon_each, delta=delta_each, sensitivity=changed * settings.sensitivity),
    )


def _tail_curves(
    exercise: CountingScenario, *, planned_scale: float, thresholds: tuple[float, ...]
) -> TailCurves:
    """P(noisy > t) for each case of the exercise, and at the scale of the sound plan (equation 17)."""

    def curve(scale: float) -> tuple[float, ...]:
        return tuple(laplace.tail(t, location=exercise.true_value, scale=scale) for t in thresholds)

    return TailCurves(
        thresholds=thresholds,
        base=curve(exercise.base.scale),
        sequential=curve(exercise.sequential.scale),
        unbounded=curve(exercise.unbounded.scale),
        planned=curve(planned_scale),
    )


def _epsilon_sweep(settings: CountingSettings, *, epsilons: tuple[float, ...]) -> EpsilonSweep:
    """Scale and exceedance of one count as epsilon grows, from the formulas."""
    scales = tuple(laplace.scale(sensitivity=settings.sensitivity, epsilon=each) for each in epsilons)
    return EpsilonSweep(
        epsilon=epsilons,
        scale=scales,
        exceedance=tuple(
            laplace.tail(settings.threshold, location=settings.true_value, scale=scale) for scale in scales
        ),
    )


def _income_query(
    *, epsilon: float, sensitivity: float, true_value: float, noise_sample: float
) -> IncomeQuery:
    return IncomeQuery(
        epsilon=epsilon,
        sensitivity=sensitivity,
        true_value=true_value,
        noise_sample=noise_sample,
        scale=laplace.scale(sensitivity=sensitivity, epsilon=epsilon),
        noisy_value=true_value + noise_sample,
    )


def _under(query: IncomeQuery, *, epsilon: float) -> IncomeQuery:
    scale = laplace.scale(sensitivity=query.sensitivity, epsilon=epsilon)
    return _income_query(
        epsilon=epsilon,
        sensitivity=query.sensitivity,
        true_value=query.true_value,
        noise_sample=query.noise_sample * scale / query.scale,
    )
