import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitigated_classifiers import unequal_rows
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier
from sklearn.tree import DecisionTreeClassifier

from trivet.datasets import load_adult
from trivet.errors import DataError, UsageError
from trivet.fairness import (
    accuracy,
    binary_counts,
    disparate_impact,
    massaging_cohorts,
    massaging_size,
    published_cohorts,
    swap_labels,
)
from trivet.fairness.mitigation.massaged import Massaging
from trivet.fairness.study.adult import adult_sample
from trivet.fairness.study.sample import split_sample, standardise


class Memory(ClassifierMixin, BaseEstimator):
    """Remembers the labels that it was fitted on, and scores a row by its first feature."""

    def fit(self, X, y):  # noqa: ARG002
        self.classes_, self.y_ = np.unique(y), np.asarray(y)
        return self

    def predict(self, X):  # noqa: ARG002
        return self.y_

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])


def fitted(rows, **options):
    return Massaging(Memory(), **options).fit(rows.X, rows.y, sensitive_features=rows.groups)


def scored(rows=120, seed=0):
    """Rows whose first feature is a score in [0, 1]."""
    given_rows = unequal_rows(rows, seed)
    features = np.column_stack([np.random.default_rng(seed).random(rows), given_rows.X])
    return type(given_rows)(features, given_rows.y, given_rows.groups)


@given(st.integers(0, 200))
def test_labels_are_those_of_the_functions(seed):
    rows = scored(seed=seed)
    sensitive = (rows.groups == "m").astype(int)
    size = massaging_size(rows.y, sensitive)
    cohorts = massaging_cohorts(rows.y, rows.X[:, 0], sensitive, size)
    model = fitted(rows, privileged="m")
    assert (model.size_, model.privileged_) == (size, "m")
    assert model.promoted_.tolist() == cohorts.promoted.tolist()
    assert model.demoted_.tolist() == cohorts.demoted.tolist()
    assert model.estimator_.y_.tolist() == swap_labels(rows.y, cohorts).tolist()
    assert model.ranker_.y_.tolist() == rows.y.tolist()


def test_the_published_direction_is_that_of_the_study():
    rows = scored()
    sensitive = (rows.groups == "m").astype(int)
    cohorts = published_cohorts(rows.X[:, 0], sensitive, 7, cut=0.4)
    model = fitted(rows, direction="published", size=7, privileged="m", cut=0.4)
    assert model.promoted_.tolist() == cohorts.promoted.tolist()
    assert model.demoted_.tolist() == cohorts.demoted.tolist()
    assert model.estimator_.y_.tolist() == swap_labels(rows.y, cohorts).tolist()


def test_all_but_the_privileged_group_are_taken_together():
    rows = scored()
    other = np.where((rows.groups == "w") & (np.arange(len(rows.y)) % 3 == 0), "x", rows.groups)
    three = type(rows)(rows.X, rows.y, other)
    model = fitted(three, privileged="m")
    assert model.groups_ == ("m", "w", "x")
    assert model.promoted_.tolist() == fitted(rows, privileged="m").promoted_.tolist()
    labels = model.estimator_.y_
    assert labels[other == "m"].mean() == pytest.approx(labels[other != "m"].mean(), abs=1 / 30)


def test_the_group_with_the_highest_base_rate_is_privileged_by_default():
    rows = scored()
    assert fitted(rows).privileged_ == "m"
    assert fitted(type(rows)(rows.X, 1 - rows.y, rows.groups)).privileged_ == "w"
    even = type(rows)(rows.X[:4], np.array([0, 1, 0, 1]), np.array(["a", "a", "b", "b"]))
    assert fitted(even).privileged_ == "b"
    assert fitted(even).size_ == 0


def test_labels_of_any_two_values_are_swapped():
    rows = scored()
    texts = np.array(["no", "yes"])[rows.y]
    model = fitted(type(rows)(rows.X, texts, rows.groups))
    assert model.classes_.tolist() == ["no", "yes"]
    assert (model.estimator_.y_ == np.array(["no", "yes"])[fitted(rows).estimator_.y_]).all()


def test_a_frozen_ranker_is_not_fitted_again():
    rows = unequal_rows()
    ranker = LogisticRegression().fit(rows.X, rows.y)
    coefficients = ranker.coef_.copy()
    frozen = Massaging(LogisticRegression(), ranker=FrozenEstimator(ranker), size=10)
    plain = Massaging(LogisticRegression(), size=10)
    for model in (frozen, plain):
        model.fit(rows.X, rows.y, sensitive_features=rows.groups)
    assert frozen.ranker_.estimator is ranker
    np.testing.assert_array_equal(ranker.coef_, coefficients)
    np.testing.assert_array_equal(frozen.promoted_, plain.promoted_)
    np.testing.assert_array_equal(frozen.estimator_.coef_, plain.estimator_.coef_)


def test_another_ranker_may_only_have_a_decision_function():
    rows = unequal_rows()
    ranker = RidgeClassifier().fit(rows.X, rows.y)
    sensitive = (rows.groups == "m").astype(int)
    cohorts = massaging_cohorts(rows.y, ranker.decision_function(rows.X), sensitive, 10)
    model = Massaging(DecisionTreeClassifier(max_depth=2), ranker=RidgeClassifier(), size=10)
    model.fit(rows.X, rows.y, sensitive_features=rows.groups)
    assert model.promoted_.tolist() == cohorts.promoted.tolist()
    assert isinstance(model.ranker_, RidgeClassifier)


def test_adult_in_the_right_direction():
    train, test = standardise(*split_sample(adult_sample(load_adult()), size=0.3, seed=0))
    model = Massaging(LogisticRegression(max_iter=1000))
    model.fit(train.features, train.labels, sensitive_features=train.sensitive)
    counts = binary_counts(test.labels, model.predict(test.features), test.sensitive)
    assert (model.size_, model.privileged_) == (1485, 1)
    assert float(disparate_impact(counts)) == pytest.approx(0.944, abs=5e-4)
    assert float(accuracy(counts)) == pytest.approx(0.796, abs=5e-4)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"direction": "both"}, UsageError, 'direction should be "protected" or "published", found \'both\''),
        ({"size": -1}, UsageError, 'a whole number from 0 up or "equal base rates", found -1'),
        ({"size": 1.5}, UsageError, "found 1.5"),
        ({"size": True}, UsageError, "found True"),
        ({"size": 10_000}, DataError, "massaging 10000 labels .* Ask for fewer swaps"),
        ({"privileged": "z"}, UsageError, "one of the groups 'm', 'w', found 'z'"),
        (
            {"direction": "published", "ranker": Perceptron()},
            UsageError,
            "goes by probabilities, and Perceptron gives none",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(options, kind, message):
    rows = unequal_rows()
    with pytest.raises(kind, match=message):
        Massaging(LogisticRegression(), **options).fit(rows.X, rows.y, sensitive_features=rows.groups)


def test_a_ranker_of_other_labels_is_refused():
    rows = unequal_rows()
    ranker = FrozenEstimator(LogisticRegression().fit(rows.X, rows.y + 1))
    with pytest.raises(DataError, match=r"should tell \[0 1\] apart, found that it was fitted on \[1 2\]"):
        Massaging(LogisticRegression(), ranker=ranker).fit(rows.X, rows.y, sensitive_features=rows.groups)
