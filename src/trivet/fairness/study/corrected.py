"""The study's questions answered soundly: massaging that helps, thresholds on rows not yet seen."""

from collections.abc import Callable

from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score

from trivet.fairness.columns import PRIVILEGED
from trivet.fairness.counting.arrays import binary_counts
from trivet.fairness.metrics.comparisons import demographic_parity_difference, within_band
from trivet.fairness.metrics.group_rates import base_rates
from trivet.fairness.mitigation.massaged import Massaging
from trivet.fairness.mitigation.massaging import massaging_size
from trivet.fairness.mitigation.thresholds import apply_thresholds, exact_thresholds
from trivet.fairness.results import (
    CorrectedFairness,
    ModelFairness,
    PublishedFairness,
    ThresholdFit,
    Thresholds,
)
from trivet.fairness.study.adult import SENSITIVE_COLUMN
from trivet.fairness.study.logistic import logistic, logistic_scores, scores_of
from trivet.fairness.study.measurement import group_rates
from trivet.fairness.study.sample import split_sample, standardise
from trivet.fairness.study.sweep import fit_swapped, sweep_of
from trivet.fairness.study.workbench import Workbench, clusters_of, fit_of_thresholds

__all__ = ["corrected_fairness", "proxy_auc"]


def corrected_fairness(
    bench: Workbench, published: PublishedFairness, announce: Callable[[str], None]
) -> CorrectedFairness:
    """Fit and measure the corrected models, and say which of all models reach parity."""
    settings, train, test = bench.settings, bench.train, bench.test

    announce("massaging in the right direction, and its sweep")
    ranker = FrozenEstimator(bench.baseline)
    massaged = Massaging(logistic(settings.max_iter), ranker=ranker, privileged=PRIVILEGED)
    swaps = massaging_size(train.labels, train.sensitive)
    sizes = (swaps, *settings.massaging_sweep)
    baseline = bench.predict(bench.test_scores)
    swept = fit_swapped(massaged, train, test, sizes, baseline=baseline, cut=settings.cut)
    massaging = bench.measure(swept[swaps].predictions)

    announce("exact group thresholds on a validation split")
    group_thresholds, thresholds, thresholds_fit, fit_rows = _validated_thresholds(bench)

    def whole_in_band(model: ModelFairness) -> bool:
        interval = model.disparate_impact_interval
        return bool(within_band((interval.low, interval.high), four_fifths=settings.four_fifths).all())

    announce("how well the other features tell the group")
    labels = binary_counts(train.labels, train.labels, train.sensitive)
    models = {
        "published.baseline": published.baseline,
        "published.promotion_demotion": published.promotion_demotion,
        "published.no_gender": published.no_gender,
        "published.reweighed": published.reweighed,
        "published.group_thresholds": published.group_thresholds,
        "corrected.massaging": massaging,
        "corrected.group_thresholds": group_thresholds,
    }
    return CorrectedFairness(
        massaging=massaging,
        massaging_swaps=swaps,
        massaging_narrows_gap=massaging.gap < published.baseline.gap,
        massaging_sweep=sweep_of(swept, test, tolerance=settings.tolerance),
        group_thresholds=group_thresholds,
        thresholds=thresholds,
        thresholds_fit=thresholds_fit,
        fit_rows=fit_rows,
        validation_rows=thresholds_fit.rows,
        base_rates=group_rates(base_rates(labels)),
        base_rate_difference=float(demographic_parity_difference(labels)),
        proxy_auc=proxy_auc(bench),
        four_fifths=tuple(name for name, model in models.items() if model.in_band),
        four_fifths_interval=tuple(name for name, model in models.items() if whole_in_band(model)),
    )


def proxy_auc(bench: Workbench) -> float:
    """Return how well a logistic regression on the other features tells the group of a test row."""
    train, test = bench.train.drop(SENSITIVE_COLUMN), bench.test.drop(SENSITIVE_COLUMN)
    _, scores = logistic_scores(train, test, labels=train.sensitive, max_iter=bench.settings.max_iter)
    return float(roc_auc_score(test.sensitive, scores))


def _validated_thresholds(bench: Workbench) -> tuple[ModelFairness, Thresholds, ThresholdFit, int]:
    """Fit a model on one part of the training rows and its thresholds on the other."""
    settings = bench.settings
    parts = split_sample(bench.raw_train, size=settings.validation_size, seed=settings.seed)
    fit, validation, test = standardise(*parts, bench.raw_test)
    classifier = logistic(settings.max_iter).fit(fit.features, fit.labels)
    scores, test_scores = scores_of(classifier, validation, test)
    # On scores, as they are printed; half way between them they would be as good.
    thresholds = exact_thresholds(
        validation.labels,
        scores,
        validation.sensitive,
        four_fifths=settings.four_fifths,
        cut_at="scores",
    )
    predictions = apply_thresholds(test_scores, test.sensitive, thresholds)
    model = bench.measure(predictions, clusters_of(test, settings))
    return model, thresholds, fit_of_thresholds(validation, scores, thresholds), len(fit)
