"""The fairness study on Adult: five models as published, and the same questions answered soundly."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from trivet.datasets import load_adult
from trivet.errors import DataError
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.counting.arrays import binary_counts
from trivet.fairness.intervals.bootstrap import bootstrap_interval
from trivet.fairness.intervals.comparisons import katz_interval, newcombe_interval
from trivet.fairness.metrics.clusters import Clusters, cluster_disparity, cluster_rows
from trivet.fairness.metrics.comparisons import (
    accuracy,
    demographic_parity_difference,
    disparate_impact,
    within_band,
)
from trivet.fairness.metrics.group_rates import (
    base_rates,
    false_positive_rates,
    selection_rates,
    true_positive_rates,
)
from trivet.fairness.mitigation.classifier import unfitted
from trivet.fairness.mitigation.drop_sensitive import DropSensitive
from trivet.fairness.mitigation.labels import Massaging, massaging_size
from trivet.fairness.mitigation.reweighing import Reweighing
from trivet.fairness.mitigation.thresholds.classifier import GroupThresholds
from trivet.fairness.mitigation.thresholds.scalarised import apply_thresholds, exact_thresholds
from trivet.fairness.results import (
    ConfusionCounts,
    CorrectedFairness,
    FairnessStudy,
    GroupConfusion,
    GroupRates,
    ModelChange,
    ModelFairness,
    PublishedFairness,
    SwapSweep,
    ThresholdFit,
    Thresholds,
)
from trivet.fairness.settings import FairnessSettings
from trivet.fairness.study.adult import (
    POSITIVE_CLASS,
    PRIVILEGED_GROUP,
    PROTECTED_GROUP,
    SENSITIVE_COLUMN,
    Sample,
    adult_sample,
    logistic,
    logistic_scores,
    scores_of,
    split_sample,
    standardise,
)

__all__ = ["SwappedModel", "fit_swapped", "measure", "run", "sweep_of"]


def measure(
    test: Sample,
    predictions: NDArray[np.int64],
    clusters: Clusters,
    *,
    baseline: NDArray[np.int64],
    settings: FairnessSettings,
) -> ModelFairness:
    """Measure a model's accuracy and disparities on the test rows."""
    counts = binary_counts(test.labels, predictions, test.sensitive)
    impact = measured_impact(counts)
    return ModelFairness(
        accuracy=float(accuracy(counts)),
        disparate_impact=impact,
        gap=abs(1 - impact),
        in_band=bool(within_band(impact, four_fifths=settings.four_fifths)),
        demographic_parity_difference=float(demographic_parity_difference(counts)),
        zemel_proxy=cluster_disparity(clusters, predictions, test.sensitive),
        counts=GroupConfusion(_confusion(counts[PROTECTED]), _confusion(counts[PRIVILEGED])),
        rates=group_rates(selection_rates(counts)),
        true_positive_rates=group_rates(true_positive_rates(counts)),
        false_positive_rates=group_rates(false_positive_rates(counts)),
        disparate_impact_interval=katz_interval(counts, level=settings.level),
        disparate_impact_bootstrap=bootstrap_interval(
            counts, disparate_impact, replicates=settings.replicates, level=settings.level, seed=settings.seed
        ),
        demographic_parity_interval=newcombe_interval(counts, level=settings.level),
        change=_change(counts, binary_counts(test.labels, baseline, test.sensitive)),
    )


def measured_impact(counts: NDArray[np.int64]) -> float:
    """Return the disparate impact of one table, or say that it is not a number that can be recorded."""
    impact = float(disparate_impact(counts))
    if counts[PRIVILEGED, :, 1].sum() == 0:
        raise DataError(
            "a model selects no row of the privileged group, so its disparate impact is undefined. Ask for "
            "fewer swaps or a lower cut."
        )
    return impact


def group_rates(rates: NDArray[np.float64]) -> GroupRates:
    """Name the two entries of an array of rates."""
    return GroupRates(protected=float(rates[PROTECTED]), privileged=float(rates[PRIVILEGED]))


def _change(counts: NDArray[np.int64], baseline: NDArray[np.int64]) -> ModelChange:
    """Subtract the baseline's figures from a model's."""
    impact, impact_before = measured_impact(counts), measured_impact(baseline)
    rates = selection_rates(counts) - selection_rates(baseline)
    return ModelChange(
        accuracy=float(accuracy(counts) - accuracy(baseline)),
        disparate_impact=impact - impact_before,
        gap=abs(1 - impact) - abs(1 - impact_before),
        protected=float(rates[PROTECTED]),
        privileged=float(rates[PRIVILEGED]),
    )


def _confusion(table: NDArray[np.int64]) -> ConfusionCounts:
    """Name the four cells of one group's table, indexed [label, prediction]."""
    (true_negative, false_positive), (false_negative, true_positive) = table.tolist()
    return ConfusionCounts(
        true_positive=true_positive,
        false_positive=false_positive,
        true_negative=true_negative,
        false_negative=false_negative,
    )


@dataclass(frozen=True)
class SwappedModel:
    """The predictions for the test rows of a model that was fitted on swapped labels."""

    promoted: int
    demoted: int
    predictions: NDArray[np.int64]


def fit_swapped(
    massaging: Massaging,
    train: Sample,
    test: Sample,
    sizes: Iterable[int],
    *,
    baseline: NDArray[np.int64],
    cut: float,
) -> dict[int, SwappedModel]:
    """Fit one model for each number of swaps."""
    models = {0: SwappedModel(promoted=0, demoted=0, predictions=baseline)}
    for size in sorted({*sizes} - {0}):
        sized: Massaging = unfitted(massaging).set_params(size=size)
        fitted = sized.fit(train.features, train.labels, sensitive_features=train.sensitive)
        (scores,) = scores_of(fitted, test)
        models[size] = SwappedModel(
            promoted=len(fitted.promoted_),
            demoted=len(fitted.demoted_),
            predictions=(scores >= cut).astype(np.int64),
        )
    return models


def sweep_of(models: Mapping[int, SwappedModel], test: Sample, *, tolerance: float) -> SwapSweep:
    """Measure each model and find the one whose disparate impact is nearest to 1."""
    counts = [binary_counts(test.labels, model.predictions, test.sensitive) for model in models.values()]
    accuracies = dict(zip(models, (float(accuracy(table)) for table in counts), strict=True))
    impacts = dict(zip(models, (measured_impact(table) for table in counts), strict=True))
    gaps = {k: abs(1 - impact) for k, impact in impacts.items()}
    best = min((k for k in models if accuracies[k] >= accuracies[0] - tolerance), key=gaps.__getitem__)
    return SwapSweep(
        k=tuple(models),
        promoted=tuple(model.promoted for model in models.values()),
        demoted=tuple(model.demoted for model in models.values()),
        accuracy=tuple(accuracies.values()),
        disparate_impact=tuple(impacts.values()),
        gap=tuple(gaps.values()),
        tolerance=tolerance,
        best_k=best,
        best_accuracy=accuracies[best],
        best_gap=gaps[best],
    )


@dataclass(frozen=True)
class Workbench:
    """One split of a table, and the baseline model on it."""

    settings: FairnessSettings
    raw_train: Sample
    raw_test: Sample
    train: Sample
    test: Sample
    baseline: LogisticRegression
    train_scores: NDArray[np.float64]
    test_scores: NDArray[np.float64]
    clusters: Clusters

    def measure(self, predictions: NDArray[np.int64], clusters: Clusters | None = None) -> ModelFairness:
        """Measure predictions for the test rows, by default on the clusters by all features."""
        return measure(
            self.test,
            predictions,
            clusters or self.clusters,
            baseline=self.predict(self.test_scores),
            settings=self.settings,
        )

    def predictions_of(self, mitigation: Any) -> NDArray[np.int64]:
        """Fit a mitigated classifier to the training rows, and predict the test rows from the study's cut."""
        train = self.train
        fitted = mitigation.fit(train.features, train.labels, sensitive_features=train.sensitive)
        (scores,) = scores_of(fitted, self.test)
        return self.predict(scores)

    def predict(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Predict positive from the study's cut."""
        return (scores >= self.settings.cut).astype(np.int64)


def set_up(sample: Sample, settings: FairnessSettings) -> Workbench:
    """Split a table, fit the baseline and cluster the test rows."""
    raw_train, raw_test = split_sample(sample, size=settings.test_size, seed=settings.seed)
    train, test = standardise(raw_train, raw_test)
    baseline = logistic(settings.max_iter).fit(train.features, train.labels)
    train_scores, test_scores = scores_of(baseline, train, test)
    return Workbench(
        settings=settings,
        raw_train=raw_train,
        raw_test=raw_test,
        train=train,
        test=test,
        baseline=baseline,
        train_scores=train_scores,
        test_scores=test_scores,
        clusters=clusters_of(test, settings),
    )


def clusters_of(test: Sample, settings: FairnessSettings) -> Clusters:
    """Cluster test rows by the features that a model sees, with the study's constants."""
    return cluster_rows(
        test.features,
        clusters=settings.clusters,
        limit=settings.cluster_rows,
        starts=settings.cluster_starts,
        seed=settings.seed,
    )


def fitted_thresholds(model: GroupThresholds) -> Thresholds:
    """Return the thresholds of a fitted classifier for the study's two groups."""
    found: Any = model.thresholds_  # floats: no constraint of the study is randomised
    return Thresholds(protected=found[PROTECTED], privileged=found[PRIVILEGED])


def fit_of_thresholds(sample: Sample, scores: NDArray[np.float64], thresholds: Thresholds) -> ThresholdFit:
    """Measure thresholds on the rows that they were fitted on."""
    predictions = apply_thresholds(scores, sample.sensitive, thresholds)
    counts = binary_counts(sample.labels, predictions, sample.sensitive)
    return ThresholdFit(
        rows=len(sample), accuracy=float(accuracy(counts)), disparate_impact=measured_impact(counts)
    )


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


def run(settings: FairnessSettings, *, progress: Callable[[str], None] | None = None) -> FairnessStudy:
    """Fit and measure every model of the study.

    Parameters
    ----------
    settings
        Its constants; ``FairnessSettings()`` holds the published ones.
    progress
        Called with a few words before each step.

    Returns
    -------
    FairnessStudy
        The same for the same settings, on one thread whatever the machine offers.

    Raises
    ------
    DataError
        If the embedded table is damaged, or the settings leave a disparity undefined.
    """
    announce = progress or (lambda _step: None)
    with threadpool_limits(1):
        announce("load Adult and fit the baseline")
        bench = set_up(adult_sample(load_adult()), settings)
        published = published_fairness(bench, announce)
        corrected = corrected_fairness(bench, published, announce)
    train, test = bench.train, bench.test
    groups = np.bincount(test.sensitive, minlength=2).tolist()
    return FairnessStudy(
        dataset="Adult",
        rows=len(train) + len(test),
        train_rows=len(train),
        test_rows=len(test),
        test_protected=groups[PROTECTED],
        test_privileged=groups[PRIVILEGED],
        features=train.names,
        sensitive_feature=SENSITIVE_COLUMN,
        protected_group=PROTECTED_GROUP,
        privileged_group=PRIVILEGED_GROUP,
        positive_class=POSITIVE_CLASS,
        settings=settings,
        published=published,
        corrected=corrected,
    )
