import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score

from trivet.errors import DataError, UsageError
from trivet.fairness.metrics.results import GroupAuc, GroupCalibration
from trivet.fairness.metrics.scores import group_aucs, group_calibration


def sides(labels, scores, own):
    """Scores of the positives and of the negatives behind each of the three areas of a group."""
    positives, negatives = labels == 1, labels == 0
    return {
        "auc": (scores[positives & own], scores[negatives & own]),
        "bpsn_auc": (scores[positives & ~own], scores[negatives & own]),
        "bnsp_auc": (scores[positives & own], scores[negatives & ~own]),
    }


def random_rows(rng, levels):
    rows = int(rng.integers(8, 60))
    labels, groups = rng.integers(0, 2, rows), rng.integers(0, 3, rows)
    return labels, rng.integers(0, levels, rows) / levels, groups


@pytest.mark.parametrize("levels", [2, 5, 10**6])
def test_areas_are_those_of_scikit_learn_and_errors_those_of_delong(levels):
    rng = np.random.default_rng(levels)
    compared = 0
    for _ in range(20):
        labels, scores, groups = random_rows(rng, levels)
        for area in group_aucs(labels, scores, groups, names="ABC"):
            high, low = sides(labels, scores, groups == "ABC".index(area.group))[area.metric]
            assert (area.positives, area.negatives) == (len(high), len(low))
            if min(len(high), len(low)) == 0:
                assert area.value is None
                assert area.reason
                continue
            truth = [1] * len(high) + [0] * len(low)
            expected = roc_auc_score(truth, np.concatenate([high, low]))
            assert area.value == pytest.approx(expected, abs=1e-12)
            if min(len(high), len(low)) == 1:
                assert area.standard_error is None
                assert area.reason.endswith("label, and a standard error needs two")
                continue
            # Structural components of DeLong et al. (1988), pair by pair.
            wins = (high[:, np.newaxis] > low) + 0.5 * (high[:, np.newaxis] == low)
            variance = wins.mean(axis=1).var(ddof=1) / len(high) + wins.mean(axis=0).var(ddof=1) / len(low)
            assert area.standard_error == pytest.approx(math.sqrt(variance), abs=1e-12)
            assert area.reason is None
            compared += 1
    assert compared > 100


@given(st.integers(0, 10_000))
def test_only_the_order_of_scores_counts(seed):
    labels, scores, groups = random_rows(np.random.default_rng(seed), 7)
    found = group_aucs(labels, scores, groups, names="ABC")
    order = np.random.default_rng(seed).permutation(len(labels))
    assert group_aucs(labels[order], np.exp(3 * scores)[order], groups[order], names="ABC") == found


@given(st.integers(0, 10_000))
def test_turned_scores_give_the_complement(seed):
    labels, scores, groups = random_rows(np.random.default_rng(seed), 7)
    pairs = zip(
        group_aucs(labels, scores, groups, names="ABC"),
        group_aucs(labels, -scores, groups, names="ABC"),
        strict=True,
    )
    for one, other in pairs:
        if one.value is not None:
            assert one.value + other.value == pytest.approx(1)


def test_the_standard_error_is_what_samples_vary_by():
    rng = np.random.default_rng(0)
    labels, groups = np.repeat([0, 1], [300, 200]), np.zeros(500, dtype=int)
    areas = [group_aucs(labels, rng.normal(labels, 1), groups, names=["all"])[0] for _ in range(1000)]
    values, errors = [a.value for a in areas], [a.standard_error for a in areas]
    # The AUC of two normals a standard deviation apart is Phi(1/sqrt 2).
    assert np.mean(values) == pytest.approx(0.7602, abs=0.003)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.08)


def test_scores_of_one_group_that_are_too_high_show_across_groups_only():
    labels = np.array([0, 0, 1, 1] * 2)
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
    found = {(a.group, a.metric): a.value for a in group_aucs(labels, scores, [0] * 4 + [1] * 4, names="AB")}
    assert found["A", "auc"] == found["B", "auc"] == 1
    assert found["B", "bpsn_auc"] == 0
    assert found["B", "bnsp_auc"] == 1


def test_what_is_missing_is_said():
    found = group_aucs([1, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], names=["A", "B", "C"])
    reasons = {(a.group, a.metric): a.reason for a in found}
    assert reasons["A", "auc"] == "no row of A has a negative label"
    assert (
        reasons["A", "bnsp_auc"] == "one row outside A has a negative label, and a standard error needs two"
    )
    assert reasons["B", "bpsn_auc"] == "one row of B has a negative label, and a standard error needs two"
    assert reasons["C", "auc"] == "no row of C has a positive label"
    adapter = TypeAdapter(tuple[GroupAuc, ...])
    assert adapter.validate_json(adapter.dump_json(found)) == found


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([0, 2], r"places from 0 to 1, found 0 to 2"),
        ([-1, 0], r"found -1 to 0"),
        ([0.0, 1.0], r"whole numbers, .* found float64 of shape \(2,\)"),
        (["A", "B"], r"found <U1 of shape"),
        ([0], r"lengths y_true 2, scores 2, groups 1"),
    ],
)
def test_groups_have_to_be_places(groups, message):
    with pytest.raises(DataError, match=message):
        group_aucs([0, 1], [0.1, 0.2], groups, names="AB")


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
            bounds = part.observed.low, part.observed.value, part.observed.high
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
    assert [part.observed.value for part in found.bins] == pytest.approx(observed.tolist())
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
        ([0.1, 0.5], {"bins": 0}, UsageError, "bins is 0; expected 1 or more"),
        ([0.1, 0.5], {"level": 1.0}, UsageError, "level"),
    ],
)
def test_unusable_input_is_refused(scores, settings, error, message):
    with pytest.raises(error, match=message):
        group_calibration([0, 1], scores, [0, 0], names=["all"], **settings)
