import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sklearn.metrics import roc_auc_score

from trivet.errors import DataError
from trivet.fairness.metrics.results import GroupAuc
from trivet.fairness.metrics.scored import group_aucs


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
    for _ in range(60):
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
    assert compared > 300


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
