"""The five models of the comparison, and the sweep over swaps, exactly as published."""

from collections.abc import Callable

import numpy as np

from trivet.fairness.mitigation.massaging import Cohorts, published_cohorts
from trivet.fairness.mitigation.reweighing import reweighing_weights
from trivet.fairness.mitigation.scalarisation import grid_thresholds
from trivet.fairness.mitigation.thresholds import apply_thresholds
from trivet.fairness.results import PublishedFairness
from trivet.fairness.study.adult import SENSITIVE_COLUMN
from trivet.fairness.study.logistic import logistic_scores
from trivet.fairness.study.sweep import fit_swapped, sweep_of
from trivet.fairness.study.workbench import Workbench, clusters_of, fit_of_thresholds

__all__ = ["published_fairness"]

#: What the report's sentences call each model.
IN_WORDS = {
    "baseline": "the baseline",
    "promotion_demotion": "promotion and demotion",
    "no_gender": "the model without the sensitive feature",
    "reweighed": "the reweighed model",
    "group_thresholds": "the model with group thresholds",
}


def published_fairness(bench: Workbench, announce: Callable[[str], None]) -> PublishedFairness:
    """Fit and measure the published models.

    What is wrong with them is kept: promotion and demotion go the wrong way round, and the thresholds
    are fitted on the rows that the model was trained on.

    Parameters
    ----------
    bench
        The split and the baseline.
    announce
        Called with a few words before each step.
    """
    settings, train, test = bench.settings, bench.train, bench.test

    def cohorts_of(size: int) -> Cohorts:
        return published_cohorts(bench.train_scores, train.sensitive, size, cut=settings.cut)

    announce("promotion and demotion as published, and its sweep")
    swapped = fit_swapped(train, test, cohorts_of, (settings.swaps, *settings.swap_sweep), settings=settings)
    swept = {k: swapped[k] for k in sorted({0, *settings.swap_sweep})}

    announce("no sensitive feature")
    blind_train, blind_test = train.drop(SENSITIVE_COLUMN), test.drop(SENSITIVE_COLUMN)
    _, blind_scores = logistic_scores(blind_train, blind_test, max_iter=settings.max_iter)

    announce("reweighing")
    weights = reweighing_weights(train.labels, train.sensitive)
    _, reweighed_scores = logistic_scores(train, test, weights=weights, max_iter=settings.max_iter)

    announce("group thresholds as published")
    thresholds = grid_thresholds(
        train.labels,
        bench.train_scores,
        train.sensitive,
        grid=np.linspace(settings.grid_low, settings.grid_high, settings.grid_size),
        penalty=settings.penalty,
    )
    models = {
        "baseline": bench.measure(bench.predict(bench.test_scores)),
        "promotion_demotion": bench.measure(swapped[settings.swaps].predictions),
        "no_gender": bench.measure(bench.predict(blind_scores), clusters_of(blind_test, settings)),
        "reweighed": bench.measure(bench.predict(reweighed_scores)),
        "group_thresholds": bench.measure(apply_thresholds(bench.test_scores, test.sensitive, thresholds)),
    }
    by_proxy = sorted(models, key=lambda name: models[name].zemel_proxy)
    by_difference = sorted(models, key=lambda name: abs(models[name].demographic_parity_difference))
    return PublishedFairness(
        **models,
        swaps=settings.swaps,
        thresholds=thresholds,
        thresholds_fit=fit_of_thresholds(train, bench.train_scores, thresholds),
        swap_sweep=sweep_of(swept, test, tolerance=settings.tolerance),
        promotion_widens_gap=models["promotion_demotion"].gap > models["baseline"].gap,
        best_by_gap=IN_WORDS[min(models, key=lambda name: models[name].gap)],
        best_by_proxy=IN_WORDS[by_proxy[0]],
        worst_by_proxy=IN_WORDS[by_proxy[-1]],
        proxy_ranks_alike=by_proxy == by_difference,
    )
