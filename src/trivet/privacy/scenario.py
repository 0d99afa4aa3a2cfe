"""Two exercises of the study, income and counting, with every intermediate quantity."""

from trivet.privacy import laplace
from trivet.privacy.adjacency import changed_records
from trivet.privacy.results import (
    CountingCase,
    CountingScenario,
    EpsilonSweep,
    IncomeQuery,
    IncomeScenario,
    TailCurves,
)
from trivet.privacy.settings import CountingSettings, IncomeSettings

__all__ = ["counting", "epsilon_sweep", "income", "tail_curves"]


def income(settings: IncomeSettings, *, epsilon: float) -> IncomeScenario:
    """Average and total income under the whole budget, and each under half of it.

    The exercise fixes the noise of the whole budget; under half of it the same draw of the standard
    Laplace is larger by the ratio of the scales.
    """
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


def counting(settings: CountingSettings, *, epsilon: float, delta: float) -> CountingScenario:
    """Count once; as one of k queries; as one of k queries when ceil(p n) records may change.

    Equations 18 to 20 of the study: the budget is split evenly, and what the published exercise calls
    unbounded adjacency multiplies the sensitivity.
    """
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


def tail_curves(
    exercise: CountingScenario, *, planned_scale: float, thresholds: tuple[float, ...]
) -> TailCurves:
    """P(noisy > t) for each case of the exercise, and at `planned_scale` (equation 17)."""

    def curve(scale: float) -> tuple[float, ...]:
        return tuple(laplace.tail(t, location=exercise.true_value, scale=scale) for t in thresholds)

    return TailCurves(
        thresholds=thresholds,
        base=curve(exercise.base.scale),
        sequential=curve(exercise.sequential.scale),
        unbounded=curve(exercise.unbounded.scale),
        planned=curve(planned_scale),
    )


def epsilon_sweep(settings: CountingSettings, *, epsilons: tuple[float, ...]) -> EpsilonSweep:
    """Scale and exceedance of one count as epsilon grows.

    The curve is analytic. Asking real data at every epsilon would spend the sum of them.
    """
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
