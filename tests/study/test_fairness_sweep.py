import numpy as np
import pytest
from sklearn.base import clone

from trivet.datasets import Sample
from trivet.fairness.mitigation.labels import Massaging
from trivet.study.fairness import SwappedModel, fit_swapped, logistic, standardise, sweep_of

ROWS = 40


@pytest.fixture
def test_rows():
    """Twenty rows of each group, all negative."""
    return Sample(np.zeros((ROWS, 1)), ("x",), np.zeros(ROWS, dtype=np.int64), np.repeat([0, 1], ROWS // 2))


def model(protected, privileged):
    """A model that selects so many rows of each group."""
    predictions = np.zeros(ROWS, dtype=np.int64)
    predictions[:protected] = 1
    predictions[ROWS // 2 : ROWS // 2 + privileged] = 1
    return SwappedModel(1, 1, predictions)


def test_the_best_is_the_nearest_to_parity_within_the_tolerance(test_rows):
    models = {0: model(1, 4), 10: model(2, 4), 20: model(4, 4), 30: model(9, 4)}
    sweep = sweep_of(models, test_rows, tolerance=0.03)
    assert sweep.k == (0, 10, 20, 30)
    assert sweep.disparate_impact == pytest.approx((0.25, 0.5, 1.0, 2.25))
    assert sweep.gap == pytest.approx((0.75, 0.5, 0.0, 1.25))
    assert sweep.accuracy == pytest.approx((35 / 40, 34 / 40, 32 / 40, 27 / 40))
    assert (sweep.best_k, sweep.best_gap) == (10, 0.5)  # 20 is nearer, and costs 0.075
    assert sweep_of(models, test_rows, tolerance=0.08).best_k == 20


def test_no_swap_is_the_best_where_swaps_only_harm(test_rows):
    models = {0: model(3, 4), 10: model(2, 4)}
    assert sweep_of(models, test_rows, tolerance=0.5).best_k == 0


def test_one_model_is_fitted_for_each_size_and_the_baseline_is_none_of_them():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 2))
    labels = (features[:, 0] + rng.normal(size=200) > 0).astype(np.int64)
    (rows,) = standardise(Sample(features, ("a", "b"), labels, rng.integers(0, 2, 200)))
    massaging = Massaging(logistic(), privileged=1)
    baseline = np.full(200, -1)
    models = fit_swapped(massaging, rows, rows, (30, 10, 30), baseline=baseline, cut=0.5)
    assert list(models) == [0, 10, 30]
    assert [(one.promoted, one.demoted) for one in models.values()] == [(0, 0), (10, 10), (30, 30)]
    assert models[0].predictions is baseline
    for size in (10, 30):
        fitted = clone(massaging).set_params(size=size)
        fitted.fit(rows.features, labels, sensitive_features=rows.sensitive)
        np.testing.assert_array_equal(models[size].predictions, fitted.predict(rows.features))
