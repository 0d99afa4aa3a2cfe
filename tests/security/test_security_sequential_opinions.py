from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.security.detection import lead_probability
from trivet.security.scanning.results import DetectorResult
from trivet.security.scanning.sequential import (
    INVERSION,
    MARGIN,
    agreement_probability,
    inversion_opinion,
    margin_opinion,
    margin_scores,
)


def pair(first, second, *, agree):
    return DetectorResult(INVERSION, 3, -1.0, first), DetectorResult(MARGIN, 3 if agree else 4, 1.0, second)


@pytest.mark.parametrize("classes", [3, 10, 100])
def test_under_the_null_the_joint_p_value_is_uniform(classes):
    rng = np.random.default_rng(0)
    draws = 20_000
    agree = rng.random(draws) < 1 / classes
    values = np.array(
        [
            agreement_probability(*pair(a, b, agree=bool(same)), classes=classes)
            for a, b, same in zip(rng.random(draws), rng.random(draws), agree, strict=True)
        ]
    )
    for level in (0.01, 0.05, 0.2, 0.5):
        assert np.mean(values <= level) == pytest.approx(level, abs=4 * np.sqrt(level / draws))


@given(st.floats(1e-6, 1), st.floats(1e-6, 1), st.integers(3, 200))
def test_agreement_is_evidence(first, second, classes):
    same = agreement_probability(*pair(first, second, agree=True), classes=classes)
    different = agreement_probability(*pair(first, second, agree=False), classes=classes)
    assert 0 < same <= different <= 1 + 1e-12


@given(st.floats(1e-6, 1), st.floats(0, 1), st.integers(3, 200))
def test_one_method_is_enough_where_the_other_names_another_label(strong, share, classes):
    weak = strong + share * (1 - strong)
    found = agreement_probability(*pair(strong, weak, agree=False), classes=classes)
    alone = agreement_probability(*pair(strong, 1.0, agree=False), classes=classes)
    assert found <= alone + 1e-12
    # No more than the smaller of two p-values costs, and what agreement could have given.
    assert alone <= 2 * strong + 1 / classes + 1e-12


@pytest.mark.parametrize("known", [(0.02, 0.9), (0.9, 0.02)])
def test_the_smaller_p_value_counts_where_the_labels_differ(known):
    found = agreement_probability(*pair(*known, agree=False), classes=1_000)
    assert found == pytest.approx(1 - 0.98**2, rel=0.05)


def test_where_the_labels_differ_the_lead_over_the_runner_up_counts():
    """One label needs a fourth of what the others do, which themselves spread widely."""
    norms = [6.4, 24.3, 29.6, 32.4, 36.5, 38.0, 41.9, 48.6, 57.7, 65.6]
    inversion, scores = inversion_opinion(norms, labels=range(10), classes=10)
    margin, _ = margin_opinion(np.linspace(20, 30, 10))
    assert inversion.label == 0 != margin.label
    assert inversion.lead_p_value < inversion.p_value
    ordered = np.sort(scores)
    assert inversion.lead_p_value == lead_probability(ordered[1] - ordered[0], 10)
    found = agreement_probability(inversion, margin, classes=10)
    assert found < agreement_probability(replace(inversion, lead_p_value=None), margin, classes=10)


@pytest.mark.parametrize("labels", [5, 10, 43])
def test_the_null_of_the_lead_is_calibrated(labels):
    draws = np.sort(np.random.default_rng(3).standard_normal((4_000, labels)), axis=1)
    centre = np.median(draws, axis=1)
    spread = 1.4826 * np.median(np.abs(draws - centre[:, None]), axis=1)
    values = [lead_probability(lead, labels) for lead in (draws[:, 1] - draws[:, 0]) / spread]
    for level in (0.01, 0.05, 0.2, 0.5):
        assert np.mean(np.array(values) <= level) == pytest.approx(level, abs=4 * np.sqrt(level / 4_000))


def test_an_opinion_without_a_score_adds_nothing():
    silent = DetectorResult(MARGIN, None, None, None)
    assert agreement_probability(DetectorResult(INVERSION, 1, -5.0, 0.02), silent, classes=10) == 0.02
    assert agreement_probability(DetectorResult(INVERSION, None, None, None), silent, classes=10) is None


def test_margins_are_scored_as_they_are_negative_ones_too():
    scores = margin_scores([-3.0, -2.0, -1.0, 0.0, 40.0])
    assert scores.tolist() == pytest.approx([-2 / 1.4826, -1 / 1.4826, 0, 1 / 1.4826, 41 / 1.4826])


@pytest.mark.parametrize("margins", [[5.0, 5.0, 5.0, 5.0], [0.0, 0.0, 0.0], [1.0, 9.0]])
def test_margins_that_do_not_spread_have_no_score(margins):
    opinion, scores = margin_opinion(margins)
    assert scores is None
    assert (opinion.label, opinion.score, opinion.p_value) == (None, None, None)


@pytest.mark.parametrize("norms", [[7.0, 7.0, 7.0, 7.0], [0.0, 0.0, 0.0], [1.0, 90.0]])
def test_norms_that_do_not_spread_have_no_score(norms):
    opinion, scores = inversion_opinion(norms, labels=range(len(norms)), classes=len(norms))
    assert scores is None
    assert (opinion.label, opinion.score, opinion.p_value) == (None, None, None)


def test_the_smallest_norm_is_named_by_its_label():
    norms = [90, 110, 8, 100, 95, 105, 120, 80, 99]
    opinion, scores = inversion_opinion(norms, labels=[10, 11, 42, 13, 14, 15, 16, 17, 18], classes=9)
    assert opinion.label == 42
    assert opinion.score == scores.min() < -5
    assert opinion.p_value < 0.02


def test_scores_of_a_part_come_from_the_random_references_only():
    references = np.array([False, True, True, True, True, True])
    norms = [10.0, 90.0, 100.0, 110.0, 95.0, 105.0]
    opinion, scores = inversion_opinion(norms, labels=range(6), classes=60, references=references)
    logs = np.log([90.0, 100.0, 110.0, 95.0, 105.0])
    mad = np.median(np.abs(logs - np.median(logs)))
    assert scores[0] == pytest.approx((np.log(10) - np.median(logs)) / (1.4826 * mad))
    assert (
        opinion.p_value
        > inversion_opinion([10.0, 90.0, 100.0, 110.0, 95.0, 105.0], labels=range(6), classes=6)[0].p_value
        / 60
    )


def test_the_null_of_a_part_is_calibrated():
    """Draw clean norms for 60 labels, set 6 aside, compare with 14 others: p-values are uniform."""
    rng = np.random.default_rng(5)
    values = []
    for _ in range(1_500):
        norms = np.exp(rng.standard_normal(60) * 0.3 + 4)
        order = np.argsort(norms)
        drawn = rng.choice(order[6:], 14, replace=False)
        labels = np.concatenate([order[:6], drawn])
        references = np.arange(20) >= 6
        values.append(
            inversion_opinion(norms[labels], labels=labels, classes=60, references=references)[0].p_value
        )
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(values) <= level) == pytest.approx(level, abs=4 * np.sqrt(level / 1_500))
