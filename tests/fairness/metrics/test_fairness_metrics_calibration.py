import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from trivet.errors import DataError, UsageError
from trivet.fairness.metrics.calibration import group_calibration
from trivet.fairness.metrics.results import GroupCalibration


@given(st.integers(0, 10_000), st.integers(1, 20))
def test_bins_are_those_of_the_definition(seed, bins):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(5, 80))
    labels, groups = rng.integers(0, 2, rows), rng.integers(0, 2, rows)
    scores = rng.integers(0, 11, rows) / 10
    for found in group_calibration(labels, scores, groups, names="AB", bins=bins):
        own = groups == "AB".index(found.group)
        assert found.rows == own.sum() == sum(part.rows for part in found.bins)
        if not own.any():
            assert found.reason == f"there is no row of {found.group}"
            continue
        error = 0
        for part in found.bins:
            last = part.high == 1
            inside = own & (scores >= part.low) & ((scores < part.high) | last)
            assert (part.rows, part.positives) == (inside.sum(), labels[inside].sum())
            assert part.mean_score == pytest.approx(scores[inside].mean())
            wilson = binomtest(part.positives, part.rows).proportion_ci(0.95, method="wilson")
            bounds = part.observed.low, part.observed.estimate, part.observed.high
            assert bounds == pytest.approx((wilson.low, labels[inside].mean(), wilson.high), abs=1e-12)
            error += inside.sum() * abs(labels[inside].mean() - scores[inside].mean())
        assert found.expected_error == pytest.approx(error / own.sum(), abs=1e-12)
        assert found.in_the_large == pytest.approx(labels[own].mean() - scores[own].mean(), abs=1e-12)


def test_the_curve_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores = rng.random(5000)
    labels = (rng.random(5000) < scores**2).astype(int)
    (found,) = group_calibration(labels, scores, np.zeros(5000, dtype=int), names=["all"])
    observed, predicted = calibration_curve(labels, scores, n_bins=10)
    assert [part.observed.estimate for part in found.bins] == pytest.approx(observed.tolist())
    assert [part.mean_score for part in found.bins] == pytest.approx(predicted.tolist())


def test_right_probabilities_are_calibrated_and_shifted_ones_are_not():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 100_000)
    truth = rng.uniform(0.2, 0.8, 200_000)
    labels = (rng.random(200_000) < truth).astype(int)
    right, low = group_calibration(labels, truth - 0.1 * groups, groups, names="AB")
    # A mean of 1e5 labels varies by 0.0016, the mean distance of ten bins by a few of their 0.005.
    assert abs(right.in_the_large) < 0.006
    assert right.expected_error < 0.012
    assert low.in_the_large == pytest.approx(0.1, abs=0.006)
    assert low.expected_error == pytest.approx(0.1, abs=0.012)


def test_certain_scores_lie_in_the_outer_bins():
    (found,) = group_calibration([0, 1, 1], [0.0, 1.0, 1.0], [0, 0, 0], names=["all"])
    assert [(part.low, part.high, part.rows) for part in found.bins] == [(0.0, 0.1, 1), (0.9, 1.0, 2)]
    assert found.expected_error == found.in_the_large == 0


def test_results_survive_json():
    found = group_calibration([0, 1, 1], [0.2, 0.4, 0.9], [0, 0, 1], names="ABC", level=0.9)
    assert found[2].reason == "there is no row of C"
    assert {part.observed.level for part in found[0].bins} == {0.9}
    adapter = TypeAdapter(tuple[GroupCalibration, ...])
    assert adapter.validate_json(adapter.dump_json(found)) == found


@pytest.mark.parametrize(
    ("scores", "settings", "error", "message"),
    [
        ([0.1, 1.5], {}, DataError, "probabilities from 0 to 1, found 0.1 to 1.5"),
        ([-2.0, 0.5], {}, DataError, "found -2.0 to 0.5"),
        ([0.1, 0.5], {"bins": 0}, UsageError, "one bin or more, found 0"),
        ([0.1, 0.5], {"level": 1.0}, UsageError, "level"),
    ],
)
def test_unusable_input_is_refused(scores, settings, error, message):
    with pytest.raises(error, match=message):
        group_calibration([0, 1], scores, [0, 0], names=["all"], **settings)
