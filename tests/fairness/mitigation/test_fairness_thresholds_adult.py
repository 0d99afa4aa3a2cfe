"""Group thresholds on Adult, against the published search and against Fairlearn."""

import json
from itertools import product

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from trivet.datasets import load_adult
from trivet.datasets.adult import adult_sample
from trivet.fairness import (
    accuracy,
    binary_counts,
    demographic_parity_difference,
    disparate_impact,
)
from trivet.fairness.mitigation.thresholds.classifier import GroupThresholds, ThresholdsOnTrainingRows
from trivet.fairness.mitigation.thresholds.cuts import difference_thresholds, ratio_thresholds
from trivet.fairness.mitigation.thresholds.odds import equalized_odds_thresholds
from trivet.fairness.mitigation.thresholds.randomised import apply_group_thresholds, selection_probability
from trivet.study.fairness import logistic_scores, split_sample, standardise
from trivet.study.fairness_results import FairnessSettings

SETTINGS = FairnessSettings()


@pytest.fixture(scope="module")
def parts():
    """The training and the test rows of the study."""
    return standardise(*split_sample(adult_sample(load_adult()), size=SETTINGS.test_size, seed=SETTINGS.seed))


@pytest.fixture(scope="module")
def columns(parts):
    """Labels, scores of the study's baseline and groups of the training rows."""
    with threadpool_limits(1):
        (scores,) = logistic_scores(parts[0])
    return parts[0].labels, scores, parts[0].sensitive


class Stored(ClassifierMixin, BaseEstimator):
    """A classifier whose only feature is the score."""

    def fit(self, _features, labels):
        self.classes_ = np.unique(labels)
        return self

    def predict_proba(self, features):
        return np.column_stack([1 - features[:, 0], features[:, 0]])


def fairlearn_optimiser(labels, scores, groups, constraints):
    postprocessing = pytest.importorskip("fairlearn.postprocessing")
    features = scores[:, np.newaxis]
    optimiser = postprocessing.ThresholdOptimizer(
        estimator=Stored().fit(features, labels),
        constraints=constraints,
        objective="accuracy_score",
        grid_size=1000,
        prefit=True,
        predict_method="predict_proba",
    )
    return optimiser.fit(features, labels, sensitive_features=groups)


def test_the_grid_reproduces_the_published_thresholds(parts, reference):
    expected = json.loads((reference / "expected.json").read_text())["fairness"]["group_thresholds"]
    train, test = parts
    model = GroupThresholds(
        LogisticRegression(max_iter=1000),
        constraint="scalarised",
        grid=np.linspace(0.1, 0.9, 33),
        penalty=0.2,
        validation=None,
    )
    with threadpool_limits(1):
        with pytest.warns(ThresholdsOnTrainingRows):
            model.fit(train.features, train.labels, sensitive_features=train.sensitive)
        found = model.score(test.features, test.labels, sensitive_features=test.sensitive)
    assert model.privileged_ == 1
    assert model.thresholds_[0] == pytest.approx(expected["threshold_protected"], abs=1e-9)
    assert model.thresholds_[1] == pytest.approx(expected["threshold_privileged"], abs=1e-9)
    assert found == pytest.approx(expected["accuracy"], abs=1e-9)


# Fairlearn draws lots between two thresholds of a group: each of them alone is a rule of our kind.
def test_no_rule_in_fairlearns_solution_is_more_accurate_at_its_own_bound(columns):
    labels, scores, groups = columns
    optimiser = fairlearn_optimiser(*columns, "demographic_parity")
    drawn = optimiser.interpolated_thresholder_.interpolation_dict
    rules = [[drawn[group]["operation0"], drawn[group]["operation1"]] for group in (0, 1)]
    for pair in product(*rules):
        predictions = np.zeros(len(labels), dtype=int)
        for group, rule in enumerate(pair):
            predictions[groups == group] = rule(scores[groups == group])
        theirs = binary_counts(labels, predictions, groups)
        difference = float(abs(demographic_parity_difference(theirs)))
        ratio = float(disparate_impact(theirs))
        for found in (
            difference_thresholds(*columns, bound=difference),
            ratio_thresholds(*columns, reference=1, bound=min(ratio, 1 / ratio)),
        ):
            ours = binary_counts(labels, apply_group_thresholds(scores, groups, found), groups)
            assert accuracy(ours) >= accuracy(theirs)


def test_equalized_odds_are_expected_to_be_as_accurate_as_fairlearns_on_its_grid(columns):
    labels, scores, groups = columns
    optimiser = fairlearn_optimiser(*columns, "equalized_odds")
    theirs = optimiser._pmf_predict(scores[:, np.newaxis], sensitive_features=groups)[:, 1]
    ours = selection_probability(scores, groups, equalized_odds_thresholds(*columns))
    expected = [np.where(labels == 1, drawn, 1 - drawn).mean() for drawn in (ours, theirs)]
    assert expected[0] >= expected[1]


def test_what_is_drawn_stays_near_the_same_error_rates(columns):
    labels, scores, groups = columns
    found = equalized_odds_thresholds(*columns)
    counts = binary_counts(labels, apply_group_thresholds(scores, groups, found), groups)
    rates = counts[..., 1] / counts.sum(axis=-1)
    # Five standard deviations of the rate of the smallest of the four, at its most variable.
    assert np.ptp(rates, axis=0).max() < 5 * 0.5 / np.sqrt(counts.sum(axis=-1).min())
