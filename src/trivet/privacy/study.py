"""Privacy study: the published exercises, and the same questions answered soundly."""

import math
from collections.abc import Callable

from trivet.privacy import laplace, scenario
from trivet.privacy.adjacency import (
    Adjacency,
    Guarantee,
    changed_records,
    count_sensitivity,
    group_privacy,
    histogram_sensitivity,
)
from trivet.privacy.composition import advanced_pays_from, compositions, spent_epsilon
from trivet.privacy.planning.planner import plan_queries
from trivet.privacy.planning.results import Plan
from trivet.privacy.planning.settings import PlanSettings
from trivet.privacy.results import (
    Composition,
    CorrectedPrivacy,
    CountingScenario,
    PrivacyStudy,
)
from trivet.privacy.settings import PrivacySettings

__all__ = ["run"]

#: The PLD accountant rounds privacy losses up to a grid; scales differ by less than this for it.
ACCOUNTANT_TOLERANCE = 0.005


def run(settings: PrivacySettings, *, progress: Callable[[str], None] | None = None) -> PrivacyStudy:
    """Run the whole privacy study; nothing in it is random.

    Parameters
    ----------
    settings
        Budget and exercises; the defaults are the published ones.
    progress
        Called with a short text as each part begins.

    Returns
    -------
    PrivacyStudy
        Published exercises, curves, composition table and corrections.

    Raises
    ------
    UsageError
        A setting is out of range.
    """

    def report(part: str) -> None:
        if progress is not None:
            progress(part)

    report("income and counting")
    income = scenario.income(settings.income, epsilon=settings.epsilon)
    counting = scenario.counting(settings.counting, epsilon=settings.epsilon, delta=settings.delta)

    report("composition theorems")
    composition = compositions(
        epsilon=settings.epsilon,
        delta=settings.delta,
        queries=settings.counting.queries,
        sensitivity=settings.counting.sensitivity,
    )
    corrected = _correct(settings, counting=counting, composition=composition)

    report("curves")
    sweep = settings.sweep
    return PrivacyStudy(
        epsilon=settings.epsilon,
        delta=settings.delta,
        income=income,
        counting=counting,
        tail_curves=scenario.tail_curves(
            counting,
            planned_scale=corrected.best_scale,
            thresholds=tuple(float(t) for t in range(sweep.tail_from, sweep.tail_to + 1)),
        ),
        epsilon_sweep=scenario.epsilon_sweep(
            settings.counting,
            epsilons=_evenly_spaced(sweep.epsilon_from, sweep.epsilon_to, points=sweep.epsilon_points),
        ),
        composition=composition,
        corrected=corrected,
        plan=None if settings.plan is None else _planned(settings.plan, report),
    )


def _planned(settings: PlanSettings, report: Callable[[str], None]) -> Plan:
    report("your plan")
    return plan_queries(settings, curves=True)


def _correct(
    settings: PrivacySettings, *, counting: CountingScenario, composition: tuple[Composition, ...]
) -> CorrectedPrivacy:
    scales = {row.method: row.scale for row in composition if row.scale is not None}
    gaussian_sigma = scales.pop("gaussian")
    best_method = min(scales, key=lambda method: scales[method])
    best_scale = scales[best_method]
    group_size = changed_records(population=counting.population, fraction=counting.change_fraction)
    group = group_privacy(Guarantee(epsilon=settings.epsilon, delta=settings.delta), size=group_size)
    noise_ratio = counting.sequential.scale / best_scale
    gaussian_ratio = math.sqrt(2) * best_scale / gaussian_sigma
    return CorrectedPrivacy(
        best_method=best_method,
        best_scale=best_scale,
        advanced_pays_from=advanced_pays_from(epsilon=settings.epsilon, delta=settings.delta),
        noise_ratio=noise_ratio,
        saves_noise=noise_ratio > 1 + ACCOUNTANT_TOLERANCE,
        spent_epsilon=spent_epsilon(
            best_method,
            scale=counting.sequential.scale,
            sensitivity=counting.sequential.sensitivity,
            queries=counting.queries,
            delta=settings.delta,
        ),
        exceedance=laplace.tail(counting.threshold, location=counting.true_value, scale=best_scale),
        gaussian_sigma=gaussian_sigma,
        gaussian_ratio=gaussian_ratio,
        gaussian_better=gaussian_ratio > 1,
        adjacency=Adjacency.ADD_REMOVE.value,
        count_sensitivity_add_remove=count_sensitivity(Adjacency.ADD_REMOVE),
        count_sensitivity_replace_one=count_sensitivity(Adjacency.REPLACE_ONE),
        histogram_sensitivity_replace_one=histogram_sensitivity(Adjacency.REPLACE_ONE),
        group_size=group_size,
        group_epsilon=group.epsilon,
        group_delta=group.delta,
        discrete_exceedance=laplace.discrete_tail(
            counting.threshold, location=settings.counting.true_value, scale=counting.base.scale
        ),
    )


def _evenly_spaced(first: float, last: float, *, points: int) -> tuple[float, ...]:
    steps = points - 1
    return tuple(((steps - i) * first + i * last) / steps for i in range(points))
