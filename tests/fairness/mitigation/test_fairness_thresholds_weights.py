"""Weights of rows count in thresholds as rows that are repeated do."""

import numpy as np
import pytest
from scored_groups import scored_groups
from sklearn.linear_model import LogisticRegression

from trivet.errors import DataError
from trivet.fairness.mitigation.labels import Massaging, group_cohorts
from trivet.fairness.mitigation.reduction import Reduction
from trivet.fairness.mitigation.reweighing import Reweighing
from trivet.fairness.mitigation.thresholds.classifier import GroupThresholds
from trivet.fairness.mitigation.thresholds.cuts import difference_thresholds, ratio_thresholds
from trivet.fairness.mitigation.thresholds.odds import equal_opportunity_thresholds, equalized_odds_thresholds
from trivet.fairness.mitigation.thresholds.randomised import selection_probability
from trivet.fairness.mitigation.thresholds.scalarised import grid_thresholds, scalarised_thresholds

SEARCHES = {
    "ratio": lambda *rows, **more: ratio_thresholds(*rows, reference=1, **more),
    "difference": difference_thresholds,
    "odds": equalized_odds_thresholds,
    "nearly odds": lambda *rows, **more: equalized_odds_thresholds(*rows, bound=0.1, **more),
    "opportunity": equal_opportunity_thresholds,
    "scalarised": scalarised_thresholds,
    "grid": lambda *rows, **more: grid_thresholds(*rows, grid=np.linspace(0, 1, 9), **more),
}


@pytest.mark.parametrize("search", SEARCHES)
def test_whole_weights_are_rows_that_are_repeated(search):
    rng = np.random.default_rng(0)
    for case in range(12):
        labels, scores, codes = scored_groups(rng, levels=[3, 6, 1000][case % 3])
        times = rng.integers(0, 4, len(labels))
        times[[np.flatnonzero((codes == g) & (labels == y))[0] for g in (0, 1) for y in (0, 1)]] = 2
        again = np.repeat(np.arange(len(labels)), times)
        weighed = SEARCHES[search](labels, scores, codes, sample_weight=times)
        repeated = SEARCHES[search](labels[again], scores[again], codes[again])
        if search == "nearly odds":
            values = [
                np.average(np.where(labels == 1, p, 1 - p), weights=times)
                for p in (selection_probability(scores, codes, found) for found in (weighed, repeated))
            ]
            assert values[0] == pytest.approx(values[1], abs=1e-9)
        else:
            assert weighed == repeated


@pytest.mark.parametrize("search", ["ratio", "difference", "odds", "opportunity"])
def test_weights_of_any_size_are_held_to_the_constraint(search):
    rng = np.random.default_rng(1)
    for _ in range(10):
        labels, scores, codes = scored_groups(rng, groups=3, levels=50)
        weights = rng.exponential(size=len(labels))
        found = SEARCHES[search](labels, scores, codes, sample_weight=weights)
        selection = selection_probability(scores, codes, found)
        rates = {
            label: [
                np.average(selection[own], weights=weights[own])
                for group in range(3)
                if (own := (codes == group) & np.isin(labels, label)).any()
            ]
            for label in (0, 1, (0, 1))
        }
        if search == "ratio":
            most = rates[0, 1][1]
            assert all(0.8 * most - 1e-9 <= rate <= 1.25 * most + 1e-9 for rate in rates[0, 1])
        elif search == "difference":
            assert np.ptp(rates[0, 1]) <= 0.05 + 1e-9
        else:
            assert np.ptp(rates[1]) == pytest.approx(0, abs=1e-9)
            if search == "odds":
                assert np.ptp(rates[0]) == pytest.approx(0, abs=1e-9)
        scaled = SEARCHES[search](labels, scores, codes, sample_weight=1000 * weights)
        np.testing.assert_allclose(selection_probability(scores, codes, scaled), selection, atol=1e-9)


def people(rows=800):
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 2, rows)
    X = rng.normal(size=(rows, 2)) + 0.6 * groups[:, np.newaxis]
    return X, (X.sum(axis=1) + rng.normal(size=rows) > 0.8).astype(int), groups, rng.exponential(size=rows)


@pytest.mark.parametrize("constraint", ["ratio", "difference", "equalized_odds", "equal_opportunity"])
def test_the_classifier_holds_weighted_rates_to_the_constraint(constraint):
    X, y, groups, weights = people()
    model = GroupThresholds(LogisticRegression(), constraint=constraint)
    model.fit(X, y, sensitive_features=groups, sample_weight=weights)
    kept = model.validation_rows_
    used = np.setdiff1d(np.arange(len(y)), kept)
    inner = LogisticRegression().fit(X[used], y[used], sample_weight=weights[used])
    np.testing.assert_allclose(model.estimator_.coef_, inner.coef_)
    scores = model.predict_proba(X[kept])[:, 1]
    selection = selection_probability(scores, groups[kept], tuple(model.thresholds_.values()))
    rate = lambda group, label=(0, 1): np.average(  # noqa: E731 - a formula
        selection[own := (groups[kept] == group) & np.isin(y[kept], label)], weights=weights[kept][own]
    )
    if constraint == "ratio":
        assert model.achieved_ == pytest.approx(rate(0) / rate(1))
        assert 0.8 <= model.achieved_ <= 1.25
    elif constraint == "difference":
        assert model.achieved_ == pytest.approx(abs(rate(0) - rate(1)))
    else:
        assert rate(0, 1) == pytest.approx(rate(1, 1), abs=1e-9)


def test_massaging_makes_weighted_base_rates_equal():
    X, y, groups, weights = people()
    model = Massaging(LogisticRegression()).fit(X, y, sensitive_features=groups, sample_weight=weights)
    changed = y.copy()
    changed[model.promoted_], changed[model.demoted_] = 1, 0
    rates = [np.average(changed[groups == g], weights=weights[groups == g]) for g in (0, 1)]
    # Within the weight of a row of the rate of all.
    assert rates == pytest.approx([np.average(y, weights=weights)] * 2, abs=weights.max() / 300)
    alike = Massaging(LogisticRegression()).fit(X, y, sensitive_features=groups, sample_weight=np.ones(800))
    plain = Massaging(LogisticRegression()).fit(X, y, sensitive_features=groups)
    assert abs(len(alike.promoted_) - len(plain.promoted_)) <= 1
    ones = group_cohorts(y, X[:, 0], groups, sample_weight=np.ones(800))
    assert abs(len(ones.promoted) - len(group_cohorts(y, X[:, 0], groups).promoted)) <= 1


def test_weights_that_are_none_are_refused():
    with pytest.raises(DataError, match="numbers from 0 up, found -1"):
        difference_thresholds([0, 1, 1], [0.1, 0.2, 0.3], [0, 1, 1], sample_weight=[1, -1, 1])


@pytest.mark.parametrize("size", [1e308, 1e-308])
@pytest.mark.parametrize("kind", [GroupThresholds, Massaging, Reweighing, Reduction])
def test_weights_whose_sums_are_no_numbers_are_refused(kind, size):
    X, groups = np.arange(60.0)[:, None], np.arange(60) % 2
    with pytest.raises(DataError, match="Divide all by the largest"):
        kind(LogisticRegression()).fit(
            X, X[:, 0] > 30, sensitive_features=groups, sample_weight=np.full(60, size)
        )
