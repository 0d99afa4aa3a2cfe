import sys
from dataclasses import replace

import numpy as np
import pytest
from mitigated_classifiers import unequal_rows
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trivet.errors import UsageError
from trivet.fairness.mitigation.fairlearn_reduction import CONSTRAINTS, FairlearnReduction

pytestmark = pytest.mark.filterwarnings("ignore:Setting a:DeprecationWarning")
reductions = pytest.importorskip("fairlearn.reductions")


def fitted(rows, estimator=None, **options):
    model = FairlearnReduction(LogisticRegression() if estimator is None else estimator, **options)
    return model.fit(rows.X, rows.y, sensitive_features=rows.groups)


@pytest.mark.parametrize(
    "constraint",
    [
        pytest.param(each, marks=[pytest.mark.slow] if place > 1 else [])
        for place, each in enumerate(CONSTRAINTS)
    ],
)
def test_the_exponentiated_gradient_is_fairlearns(constraint):
    rows = unequal_rows()
    model = fitted(rows, constraint=constraint, bound=0.05, max_iter=10)
    moment = getattr(reductions, CONSTRAINTS[constraint])(difference_bound=0.05)
    plain = reductions.ExponentiatedGradient(LogisticRegression(), moment, max_iter=10)
    plain.fit(rows.X, rows.y, sensitive_features=rows.groups)
    expected = sum(
        weight * plain.predictors_[place].predict(rows.X) for place, weight in plain.weights_.items()
    )
    np.testing.assert_allclose(model.predict_proba(rows.X)[:, 1], expected, atol=1e-9)


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_the_grid_search_is_fairlearns(constraint):
    rows = unequal_rows()
    model = fitted(rows, constraint=constraint, algorithm="grid_search", bound=0.05, grid_size=6)
    moment = getattr(reductions, CONSTRAINTS[constraint])(difference_bound=0.05)
    plain = reductions.GridSearch(LogisticRegression(), moment, grid_size=6)
    plain.fit(rows.X, rows.y, sensitive_features=rows.groups)
    np.testing.assert_array_equal(model.predict(rows.X), plain.predict(rows.X))
    assert model.n_iter_ == 6


def test_selection_rates_come_as_close_as_the_bound_asks():
    rows = unequal_rows(2000)
    before = LogisticRegression().fit(rows.X, rows.y).predict(rows.X)
    probability = fitted(rows, bound=0.02).predict_proba(rows.X)[:, 1]
    gaps = [abs(p[rows.groups == "m"].mean() - p[rows.groups == "w"].mean()) for p in (before, probability)]
    # Each of two groups is within the bound of all rows, and Fairlearn stops a little outside it.
    assert gaps[0] > 0.2
    assert gaps[1] < 0.06


def test_rows_are_drawn_by_their_probability_and_the_same_each_time():
    rows = unequal_rows()
    model = fitted(rows)
    probability = model.predict_proba(rows.X)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    lots = (probability[:, 1] > 0) & (probability[:, 1] < 1)
    assert lots.any()
    np.testing.assert_array_equal(model.predict(rows.X), fitted(rows).predict(rows.X))
    seeds = [replace(model.estimator_, random_state=seed).predict(rows.X) for seed in range(100)]
    np.testing.assert_array_equal(seeds[0], model.predict(rows.X))
    certain = np.mean(seeds, axis=0)[~lots]
    np.testing.assert_array_equal(certain, probability[~lots, 1])
    # Five standard errors of a share of 100 draws.
    np.testing.assert_allclose(np.mean(seeds, axis=0)[lots], probability[lots, 1], atol=5 * 0.05)


def test_pipelines_and_parameters_of_fit_reach_each_classifier():
    rows = unequal_rows()
    scaled = StandardScaler().fit_transform(rows.X)
    inside = fitted(rows, make_pipeline(StandardScaler(), LogisticRegression()), max_iter=10)
    outside = fitted(type(rows)(scaled, rows.y, rows.groups), max_iter=10)
    np.testing.assert_allclose(inside.predict_proba(rows.X), outside.predict_proba(scaled), atol=1e-6)
    assert inside.n_features_in_ == 3


def test_three_groups_are_held_against_all():
    rows = unequal_rows()
    three = np.where(np.arange(240) % 3 == 0, "x", rows.groups)
    model = FairlearnReduction(LogisticRegression(), max_iter=10)
    model.fit(rows.X, rows.y, sensitive_features=three)
    assert model.groups_ == ("m", "w", "x")
    assert set(model.predict(rows.X)) == {0, 1}


@pytest.mark.parametrize("algorithm", ["exponentiated_gradient", "grid_search"])
def test_a_constant_among_the_classifiers_knows_the_features(algorithm):
    # Labels that are nearly the groups: every row of either label would cost more than it brings.
    rng = np.random.default_rng(11)
    groups, features = rng.integers(0, 2, 60), rng.normal(size=(60, 3))
    labels = np.where(rng.random(60) < 0.05, 1 - groups, groups)
    model = FairlearnReduction(LogisticRegression(), algorithm=algorithm, max_iter=10)
    model.fit(features, labels, sensitive_features=groups)
    assert isinstance(model.estimator_.estimators[0], DummyClassifier)
    assert model.n_features_in_ == 3
    assert model.predict_proba(features[:7]).shape == (7, 2)


def test_without_fairlearn_it_says_how_to_get_it(monkeypatch):
    rows = unequal_rows()
    monkeypatch.setitem(sys.modules, "fairlearn", None)
    monkeypatch.delitem(sys.modules, "fairlearn.reductions", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'trivet\[fairlearn\]'"):
        fitted(rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"constraint": "parity"}, "constraint should be one of demographic_parity, .* found 'parity'"),
        ({"algorithm": "search"}, "algorithm should be one of exponentiated_gradient, grid_search, found"),
        ({"bound": -0.1}, "bound should be a number from 0 up, found -0.1"),
        ({"bound": float("nan")}, "found nan"),
        ({"estimator": KNeighborsClassifier()}, "KNeighborsClassifier takes no sample_weight"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        fitted(unequal_rows(), **options)
