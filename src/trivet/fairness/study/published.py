"""The five models of the comparison, and the sweep over swaps, exactly as published."""

from collections.abc import Callable

import numpy as np
from sklearn.frozen import FrozenEstimator

from trivet.fairness.columns import PRIVILEGED
from trivet.fairness.mitigation.drop_sensitive import DropSensitive
from trivet.fairness.mitigation.massaged import Massaging
from trivet.fairness.mitigation.reweighing import Reweighing
from trivet.fairness.mitigation.thresholds_classifier import GroupThresholds
from trivet.fairness.results import PublishedFairness
from trivet.fairness.study.adult import SENSITIVE_COLUMN
from trivet.fairness.study.logistic import logistic
from trivet.fairness.study.sweep import fit_swapped, sweep_of
from trivet.fairness.study.workbench import Workbench, clusters_of, fit_of_thresholds, fitted_thresholds

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
    """
    settings, train, test = bench.settings, bench.train, bench.test

    classifier = logistic(settings.max_iter)

    announce("promotion and demotion as published, and its sweep")
    promotion_demotion = Massaging(
        classifier,
        direction="published",
        ranker=FrozenEstimator(bench.baseline),
        privileged=PRIVILEGED,
        cut=settings.cut,
    )
    sizes = (settings.swaps, *settings.swap_sweep)
    baseline = bench.predict(bench.test_scores)
    swapped = fit_swapped(promotion_demotion, train, test, sizes, baseline=baseline, cut=settings.cut)
    swept = {k: swapped[k] for k in sorted({0, *settings.swap_sweep})}

    announce("no sensitive feature")
    gender = train.names.index(SENSITIVE_COLUMN)
    blind = bench.predictions_of(DropSensitive(classifier, columns=gender, proxy_folds=0))

    announce("reweighing")
    reweighed = bench.predictions_of(Reweighing(classifier))

    announce("group thresholds as published")
    group_thresholds = GroupThresholds(
        bench.baseline,
        constraint="scalarised",
        penalty=settings.penalty,
        grid=np.linspace(settings.grid_low, settings.grid_high, settings.grid_size),
        prefit=True,
        privileged=PRIVILEGED,
    ).fit(train.features, train.labels, sensitive_features=train.sensitive)
    thresholds = fitted_thresholds(group_thresholds)
    models = {
        "baseline": bench.measure(baseline),
        "promotion_demotion": bench.measure(swapped[settings.swaps].predictions),
        "no_gender": bench.measure(blind, clusters_of(test.drop(SENSITIVE_COLUMN), settings)),
        "reweighed": bench.measure(reweighed),
        "group_thresholds": bench.measure(
            group_thresholds.predict(test.features, sensitive_features=test.sensitive)
        ),
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
