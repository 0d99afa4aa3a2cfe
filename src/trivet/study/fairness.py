"""The published fairness study on Adult: its five models to the digit, and where they are corrected.

The sound answer is `compare_mitigations` on the published split, as on any table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from trivet.datasets.adult import (
    POSITIVE_CLASS,
    PRIVILEGED_GROUP,
    PROTECTED_GROUP,
    SENSITIVE_COLUMN,
    Sample,
    adult_sample,
    load_adult,
)
from trivet.errors import DataError
from trivet.fairness.auditing.band import judged
from trivet.fairness.auditing.mitigations import Split, compare_mitigations
from trivet.fairness.auditing.results import FairnessComparison
from trivet.fairness.auditing.rows import adult_rows
from trivet.fairness.columns import PRIVILEGED, PROTECTED, binary_column
from trivet.fairness.counting.arrays import binary_counts
from trivet.fairness.intervals.comparisons import difference_interval, ratio_interval
from trivet.fairness.metrics.comparisons import accuracy, disparate_impact, group_sizes, selected
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
from trivet.fairness.mitigation.thresholds.scalarised import Thresholds, apply_thresholds
from trivet.study.fairness_results import (
    ConfusionCounts,
    FairnessCorrection,
    FairnessSettings,
    GroupConfusion,
    GroupRates,
    ModelChange,
    PublishedFairness,
    PublishedModel,
    SwapSweep,
    ThresholdFit,
)

__all__ = [
    "Clusters",
    "SwappedModel",
    "cluster_disparity",
    "cluster_rows",
    "compare_studied",
    "fit_swapped",
    "logistic",
    "logistic_scores",
    "measure",
    "publish_fairness",
    "scores_of",
    "split_sample",
    "standardise",
    "sweep_of",
]


def split_sample(sample: Sample, *, size: float, seed: int) -> tuple[Sample, Sample]:
    """Divide rows at random in two parts, the second with a share `size` of them."""
    first, second = _divided(len(sample), size=size, seed=seed)
    return sample.take(first), sample.take(second)


def _divided(rows: int, *, size: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of two random parts, the second with a share `size` of them."""
    first, second = train_test_split(np.arange(rows), test_size=size, random_state=seed)
    return np.asarray(first), np.asarray(second)


def _split(settings: FairnessSettings, rows: int) -> Split:
    """Return the published training and test rows, and the training rows that set sound thresholds."""
    train, test = _divided(rows, size=settings.test_size, seed=settings.seed)
    _, kept = _divided(len(train), size=settings.validation_size, seed=settings.seed)
    return Split(train, test, np.isin(np.arange(len(train)), kept))


def standardise(fit: Sample, *others: Sample) -> tuple[Sample, ...]:
    """Scale every feature to mean 0 and variance 1 on `fit`, and the others in the same way."""
    scaler = StandardScaler().fit(fit.features)
    return tuple(replace(part, features=scaler.transform(part.features)) for part in (fit, *others))


def logistic(max_iter: int = 1000) -> LogisticRegression:
    """Return the study's classifier, not fitted."""
    return LogisticRegression(max_iter=max_iter)


def scores_of(model: Any, *parts: Sample) -> tuple[NDArray[np.float64], ...]:
    """Return the probability of the positive class that a fitted model gives the rows of each part."""
    return tuple(model.predict_proba(part.features)[:, 1] for part in parts)


def logistic_scores(
    train: Sample, *others: Sample, labels: NDArray[np.int64] | None = None, max_iter: int = 1000
) -> tuple[NDArray[np.float64], ...]:
    """Fit a logistic regression and return the probability of the positive class."""
    target = train.labels if labels is None else labels
    return scores_of(logistic(max_iter).fit(train.features, target), train, *others)


@dataclass(frozen=True)
class Clusters:
    """A sample of rows and the cluster of each.

    Attributes
    ----------
    rows : Indices of the sampled rows, shape (sample,).
    labels : Cluster of each, shape (sample,).
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]


def cluster_rows(
    features: NDArray[np.float64], *, clusters: int = 5, limit: int = 4000, starts: int = 5, seed: int = 0
) -> Clusters:
    """Group a sample of rows by k-means."""
    size = min(limit, len(features))
    if size < clusters:
        raise DataError(f"{clusters} clusters need as many rows, found {size}. Ask for fewer clusters.")
    # The published sample comes from NumPy's legacy generator; a Generator would draw other rows.
    sample = np.random.RandomState(seed).choice(len(features), size=size, replace=False)
    # More threads sum in another order, and labels would vary from machine to machine.
    with threadpool_limits(1):
        model = KMeans(
            n_clusters=clusters,
            random_state=seed,
            n_init=starts,  # pyright: ignore[reportArgumentType] -- typed as its default "auto" alone
        )
        labels = model.fit_predict(features[sample])
    return Clusters(sample, labels.astype(np.int64))


def cluster_disparity(clusters: Clusters, y_pred: ArrayLike, sensitive: ArrayLike) -> float:
    """Mean over clusters of the mean difference of selection rates over pairs, in [0, 0.5]."""
    # Pairs are ordered and equal pairs count: of two groups, half of the absolute difference. A cluster with
    # rows of one group only is left out.
    predictions = binary_column(y_pred, "y_pred")[clusters.rows]
    groups = binary_column(sensitive, "sensitive")[clusters.rows]
    disparities: list[float] = []
    for label in np.unique(clusters.labels):
        members = clusters.labels == label
        present = np.unique(groups[members])
        if len(present) > 1:
            rates = np.array([predictions[members & (groups == group)].mean() for group in present])
            disparities.append(float(np.abs(rates[:, np.newaxis] - rates).mean()))
    if not disparities:
        raise DataError("no cluster holds rows of both groups, so there is nothing to compare.")
    return float(np.mean(disparities))


def measure(
    test: Sample,
    predictions: NDArray[np.int64],
    clusters: Clusters,
    *,
    baseline: NDArray[np.int64],
    settings: FairnessSettings,
) -> PublishedModel:
    """Measure a model's accuracy and disparities on the test rows."""
    counts = binary_counts(test.labels, predictions, test.sensitive)
    impact = measured_impact(counts)
    shares = [int(each) for pair in zip(selected(counts), group_sizes(counts), strict=True) for each in pair]
    interval = ratio_interval(*shares, level=settings.level)
    return PublishedModel(
        accuracy=float(accuracy(counts)),
        disparate_impact=interval,
        gap=abs(1 - impact),
        demographic_parity_difference=difference_interval(*shares, level=settings.level),
        zemel_proxy=cluster_disparity(clusters, predictions, test.sensitive),
        counts=GroupConfusion(_confusion(counts[PROTECTED]), _confusion(counts[PRIVILEGED])),
        rates=group_rates(selection_rates(counts)),
        true_positive_rates=group_rates(true_positive_rates(counts)),
        false_positive_rates=group_rates(false_positive_rates(counts)),
        verdict=judged(interval, four_fifths=settings.four_fifths),
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
    train: Sample
    test: Sample
    baseline: LogisticRegression
    train_scores: NDArray[np.float64]
    test_scores: NDArray[np.float64]
    clusters: Clusters

    def measure(self, predictions: NDArray[np.int64], clusters: Clusters | None = None) -> PublishedModel:
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
    train, test = standardise(*split_sample(sample, size=settings.test_size, seed=settings.seed))
    baseline = logistic(settings.max_iter).fit(train.features, train.labels)
    train_scores, test_scores = scores_of(baseline, train, test)
    return Workbench(
        settings=settings,
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


def _published_thresholds(model: GroupThresholds) -> Thresholds:
    """Return the thresholds of a fitted classifier for the study's two groups."""
    found: Any = model.thresholds_  # floats: the published constraint is not randomised
    return Thresholds(protected=found[PROTECTED], privileged=found[PRIVILEGED])


def _fit_of(sample: Sample, scores: NDArray[np.float64], thresholds: Thresholds) -> ThresholdFit:
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


def _published_models(
    bench: Workbench, announce: Callable[[str], None]
) -> tuple[dict[str, PublishedModel], Thresholds, SwapSweep]:
    """Fit and measure the published models; return them with thresholds and the sweep of swaps."""
    # What is wrong with them is kept: promotion and demotion go the wrong way round, and the thresholds are
    # fitted on the rows that the model was trained on.
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
    models = {
        "baseline": bench.measure(baseline),
        "promotion_demotion": bench.measure(swapped[settings.swaps].predictions),
        "no_gender": bench.measure(blind, clusters_of(test.drop(SENSITIVE_COLUMN), settings)),
        "reweighed": bench.measure(reweighed),
        "group_thresholds": bench.measure(
            group_thresholds.predict(test.features, sensitive_features=test.sensitive)
        ),
    }
    return (
        models,
        _published_thresholds(group_thresholds),
        sweep_of(swept, test, tolerance=settings.tolerance),
    )


def _corrected(
    bench: Workbench, comparison: FairnessComparison, announce: Callable[[str], None]
) -> FairnessCorrection:
    """Answer soundly what the comparison of mitigations does not."""
    settings, train, test = bench.settings, bench.train, bench.test

    announce("massaging in the right direction, and its sweep")
    massaging = Massaging(
        logistic(settings.max_iter), ranker=FrozenEstimator(bench.baseline), privileged=PRIVILEGED
    )
    swaps = massaging_size(train.labels, train.sensitive)
    swept = fit_swapped(
        massaging,
        train,
        test,
        (swaps, *settings.massaging_sweep),
        baseline=bench.predict(bench.test_scores),
        cut=settings.cut,
    )
    labels = binary_counts(train.labels, train.labels, train.sensitive)
    parity = {model.name: model.parity or 0.0 for model in comparison.models}
    validation = _split(bench.settings, len(train) + len(test)).validation
    assert validation is not None

    announce("how well the other features tell the group")
    return FairnessCorrection(
        massaging_swaps=swaps,
        massaging_narrows_gap=parity["massaging"] > parity["baseline"],
        massaging_sweep=sweep_of(swept, test, tolerance=settings.tolerance),
        base_rates=group_rates(base_rates(labels)),
        fit_rows=int((~validation).sum()),
        proxy_auc=_proxy_auc(bench),
    )


def _proxy_auc(bench: Workbench) -> float:
    """Return how well a logistic regression on the other features tells the group of a test row."""
    train, test = bench.train.drop(SENSITIVE_COLUMN), bench.test.drop(SENSITIVE_COLUMN)
    _, scores = logistic_scores(train, test, labels=train.sensitive, max_iter=bench.settings.max_iter)
    return float(roc_auc_score(test.sensitive, scores))


#: Mitigations that answer what the published models were for.
MITIGATIONS: Final = ("drop-sensitive", "reweighing", "massaging", "group-thresholds")


def compare_studied(
    settings: FairnessSettings, *, progress: Callable[[str], None] = lambda _step: None
) -> FairnessComparison:
    """Compare mitigations on Adult as on any table, on the rows that the published models were tested on."""
    rows = adult_rows()
    found = compare_mitigations(
        rows,
        mitigations=MITIGATIONS,
        privileged={SENSITIVE_COLUMN: PRIVILEGED_GROUP},
        repeats=0,
        four_fifths=settings.four_fifths,
        level=settings.level,
        seed=settings.seed,
        split=_split(settings, len(rows)),
        progress=lambda step, _share: progress(step),
    )
    for model in found.models:
        if model.failed:
            raise DataError(f"{model.title} gives no model on Adult: {model.note} Change [fairness].")
    return found


def publish_fairness(
    settings: FairnessSettings,
    comparison: FairnessComparison,
    *,
    progress: Callable[[str], None] = lambda _step: None,
) -> PublishedFairness:
    """Fit and measure the published models, and say where they are corrected, on one thread."""
    with threadpool_limits(1):
        progress("load Adult and fit the baseline")
        bench = set_up(adult_sample(load_adult()), settings)
        models, thresholds, sweep = _published_models(bench, progress)
        correction = _corrected(bench, comparison, progress)
    by_proxy = sorted(models, key=lambda name: models[name].zemel_proxy)
    by_difference = sorted(models, key=lambda name: abs(models[name].demographic_parity_difference.number))
    train, test = bench.train, bench.test
    groups = np.bincount(test.sensitive, minlength=2).tolist()
    return PublishedFairness(
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
        **models,
        swaps=settings.swaps,
        thresholds=GroupRates(protected=thresholds.protected, privileged=thresholds.privileged),
        thresholds_fit=_fit_of(train, bench.train_scores, thresholds),
        swap_sweep=sweep,
        promotion_widens_gap=models["promotion_demotion"].gap > models["baseline"].gap,
        best_by_gap=IN_WORDS[min(models, key=lambda name: models[name].gap)],
        best_by_proxy=IN_WORDS[by_proxy[0]],
        worst_by_proxy=IN_WORDS[by_proxy[-1]],
        proxy_ranks_alike=by_proxy == by_difference,
        correction=correction,
    )
