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
from trivet.datasets.adult import adult_sample
from trivet.errors import DataError, UsageError
from trivet.fairness import (
    accuracy,
    binary_counts,
    disparate_impact,
    group_cohorts,
    group_counts,
    massaging_cohorts,
    massaging_size,
    published_cohorts,
    swap_labels,
)
from trivet.fairness.auditing.groups import find_reference
from trivet.fairness.mitigation.labels import Massaging
from trivet.fairness.mitigation.thresholds.classifier import GroupThresholds
from trivet.study.fairness import split_sample, standardise


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


def three_groups(sizes=(500, 300, 200), rates=(0.8, 0.5, 0.2), seed=0):
    """Rows of three groups whose first feature is a score."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(["a", "b", "c"], sizes)
    labels = np.concatenate(
        [np.arange(size) < round(size * rate) for size, rate in zip(sizes, rates, strict=True)]
    ).astype(int)
    order = rng.permutation(len(groups))
    return rng.random((len(groups), 1)), labels[order], groups[order]


@pytest.mark.parametrize("privileged", [None, "a", "b"])
def test_each_of_three_groups_goes_to_the_base_rate_of_all_rows(privileged):
    X, y, groups = three_groups()
    model = Massaging(Memory(), privileged=privileged).fit(X, y, sensitive_features=groups)
    changed = model.estimator_.y_
    for group in "abc":
        assert changed[groups == group].mean() == pytest.approx(y.mean(), abs=1 / 200)
    assert changed.sum() == y.sum()
    assert len(model.promoted_) == len(model.demoted_) == model.size_
    for group, label in (("a", 1), ("c", 0)):
        own = np.flatnonzero((groups == group) & (y == label))
        touched = np.isin(own, np.concatenate([model.promoted_, model.demoted_]))
        scores = X[own, 0] if label == 1 else -X[own, 0]
        assert scores[touched].max() < scores[~touched].min()


@given(st.integers(0, 100), st.integers(2, 6))
def test_any_groups_end_within_a_row_of_the_common_rate(seed, number):
    rng = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(number), rng.integers(0, number, 150)])
    labels = (rng.random(len(groups)) < 0.2 + 0.6 * groups / number).astype(int)
    scores = rng.random(len(groups))
    cohorts = group_cohorts(labels, scores, groups)
    changed = swap_labels(labels, cohorts)
    assert changed.sum() == labels.sum()
    for group in range(number):
        own = groups == group
        assert abs(changed[own].sum() - own.sum() * labels.mean()) < 1
    if number == 2:
        size = massaging_size(labels, groups)
        if size:
            pair = massaging_cohorts(labels, scores, groups, size)
            assert cohorts.promoted.tolist() == pair.promoted.tolist()
            assert cohorts.demoted.tolist() == pair.demoted.tolist()


def test_a_number_of_labels_is_divided_by_how_far_each_group_is_from_the_rate():
    X, y, groups = three_groups()
    model = Massaging(Memory(), size=30).fit(X, y, sensitive_features=groups)
    assert [(groups[model.promoted_] == group).sum() for group in "abc"] == [0, 8, 22]
    assert [(groups[model.demoted_] == group).sum() for group in "abc"] == [30, 0, 0]
    same = np.tile([0, 1], 6)
    with pytest.raises(DataError, match="all groups have the same base rate"):
        group_cohorts(same, np.arange(12.0), np.repeat([0, 1, 2], 4), 2)


def test_a_handful_of_rows_is_not_privileged_unless_named():
    X, y, groups = three_groups()
    groups, y = groups.astype(object), y.copy()
    groups[:6], y[:6] = "few", 1
    model = Massaging(Memory()).fit(X, y, sensitive_features=groups)
    assert model.privileged_ == "a"
    thresholds = GroupThresholds(LogisticRegression()).fit(X, y, sensitive_features=groups)
    assert thresholds.privileged_ == "a"
    counts = group_counts(None, y, y, groups)
    assert counts.groups[find_reference(counts, {})[0]] == ("a",)
    assert Massaging(Memory(), privileged="few").fit(X, y, sensitive_features=groups).privileged_ == "few"


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
