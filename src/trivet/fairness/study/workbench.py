"""Shared inputs of the study's models: the split, the baseline's scores, the clusters, the metric."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.counting.arrays import binary_counts
from trivet.fairness.metrics.clusters import Clusters, cluster_rows
from trivet.fairness.metrics.comparisons import accuracy
from trivet.fairness.mitigation.thresholds import apply_thresholds
from trivet.fairness.mitigation.thresholds_classifier import GroupThresholds
from trivet.fairness.results import ModelFairness, ThresholdFit, Thresholds
from trivet.fairness.settings import FairnessSettings
from trivet.fairness.study.logistic import logistic, scores_of
from trivet.fairness.study.measurement import measure, measured_impact
from trivet.fairness.study.sample import Sample, split_sample, standardise

__all__ = ["Workbench", "clusters_of", "fit_of_thresholds", "fitted_thresholds", "set_up"]


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
