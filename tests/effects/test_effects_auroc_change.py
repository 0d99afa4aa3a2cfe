"""The change of an AUROC on the same rows: DeLong's variance, its coverage, and where it ends."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, ttest_1samp, ttest_rel

from trivet.effects.intervals import auroc_change, auroc_influence, change_over_samples, mean_over_samples
from trivet.effects.trainings import mean_auroc
from trivet.errors import DataError
from trivet.privacy.membership.rates import auroc, delong_variance


def rows(seed, n=60):
    generator = np.random.default_rng(seed)
    inside = np.arange(n) % 3 == 0
    common = generator.normal(size=n)
    before = common + generator.normal(size=n) + 0.4 * inside
    after = common + generator.normal(size=n) + 0.8 * inside
    return np.round(before, 1), np.round(after, 1), inside


def placements(scores, inside):
    """By pairs, as DeLong, DeLong and Clarke-Pearson write it."""
    members, others = scores[inside][:, None], scores[~inside][None, :]
    wins = (members > others) + 0.5 * (members == others)
    return wins.mean(axis=1), wins.mean(axis=0)


@given(st.integers(0, 50))
def test_the_influences_have_delongs_variance(seed):
    before, _, inside = rows(seed)
    value, influence = auroc_influence(before, inside)
    expected, variance = delong_variance(before[inside], before[~inside])
    n = len(before)
    found = sum(np.var(influence[side], ddof=1) * side.sum() / n**2 for side in (inside, ~inside))
    assert value == pytest.approx(expected, abs=1e-12)
    assert found == pytest.approx(variance, abs=1e-12)
    assert influence[inside].sum() == pytest.approx(0, abs=1e-9)


@given(st.integers(0, 50))
def test_the_interval_is_delongs_for_two_correlated_aurocs(seed):
    before, after, inside = rows(seed)
    (m1, o1), (m2, o2) = placements(before, inside), placements(after, inside)
    variance = np.var(m2 - m1, ddof=1) / len(m1) + np.var(o2 - o1, ddof=1) / len(o1)
    found = auroc_change(before, after, inside, level=0.95)
    assert found.before == pytest.approx(m1.mean())
    assert found.change == pytest.approx(m2.mean() - m1.mean())
    reach = 1.959963984540054 * np.sqrt(variance)
    assert (found.low, found.high) == pytest.approx((found.change - reach, found.change + reach))


def test_scores_in_the_same_order_change_nothing():
    before, _, inside = rows(1)
    found = auroc_change(before, np.exp(before), inside, level=0.95)
    assert (found.change, found.low, found.high) == (0.0, 0.0, 0.0)


def test_perfect_separation_is_not_taken_for_certainty():
    inside = np.arange(40) < 20
    before, after = np.arange(40.0), -np.arange(40.0)
    found = auroc_change(before, after, inside, level=0.95)
    assert (found.before, found.after, found.change) == (0.0, 1.0, 1.0)
    area = auroc(after[inside], after[~inside])
    assert found.low == pytest.approx(1 - math.sqrt(2) * (1 - area.low))
    assert found.low < 0.8
    assert found.high == 1.0


def test_equal_scores_without_any_order_are_not_measured():
    before, _, inside = rows(1)
    flat = np.zeros(len(before))
    assert auroc_change(np.where(inside, 1.0, 0.0), flat, inside, level=0.95).reason == "all scores are equal"


def test_the_paired_interval_covers_the_change():
    """Normal scores: the AUROC is Phi(shift / sqrt(2)) of each, so the change is known."""
    generator = np.random.default_rng(0)
    inside = np.arange(160) < 80
    for same in (True, False):
        truth = 0.0 if same else norm.cdf(0.9 / math.sqrt(2)) - norm.cdf(0.35 / math.sqrt(2))
        held = 0
        for _ in range(400):
            common = generator.normal(size=160)
            before, after = (
                np.sqrt(0.5) * common + np.sqrt(0.5) * generator.normal(size=160) + shift * inside
                for shift in ((0.35, 0.35) if same else (0.35, 0.9))
            )
            found = auroc_change(before, after, inside, level=0.95)
            held += found.low <= truth <= found.high
        assert 0.92 <= held / 400 <= 0.98


def test_the_mean_over_models_counts_the_rows_asked_for():
    generator = np.random.default_rng(3)
    scores = generator.normal(size=(4, 100))
    inside = generator.random((4, 100)) < 0.5
    chosen = np.arange(100) < 40
    areas = [
        auroc(row[half & chosen], row[~half & chosen]).value for row, half in zip(scores, inside, strict=True)
    ]
    assert mean_auroc(scores, inside, chosen) == pytest.approx(np.mean(areas))
    assert mean_auroc(scores[:, :40], inside[:, :40]) == pytest.approx(np.mean(areas))


def test_the_interval_over_samples_is_students_and_covers():
    before, after = [0.50, 0.52, 0.51, 0.53], [0.53, 0.54, 0.56, 0.55]
    found = change_over_samples(before, after, level=0.9)
    expected = ttest_rel(after, before).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.before, found.after, found.change) == pytest.approx((0.515, 0.545, 0.03))
    generator = np.random.default_rng(4)
    held = 0
    for _ in range(1_000):
        own, noise = generator.normal(0.5, 0.05, size=6), generator.normal(0.02, 0.01, size=6)
        drawn = change_over_samples(own, own + noise, level=0.95)
        held += drawn.low <= 0.02 <= drawn.high
    assert 0.93 <= held / 1_000 <= 0.97


def test_the_mean_over_samples_has_students_interval_within_its_range():
    figures = [0.97, 0.99, 1.0, 0.98]
    found = mean_over_samples(figures, level=0.9, least=0.0, most=1.0)
    expected = t_interval(figures, 0.9)
    assert (found.value, found.low) == pytest.approx((0.985, expected[0]))
    assert found.high == min(expected[1], 1.0)


def t_interval(figures, level):
    found = ttest_1samp(figures, 0.0).confidence_interval(level)
    return found.low, found.high


def test_the_same_figures_on_every_sample_change_nothing():
    found = change_over_samples([0.5, 0.6, 0.7], [0.5, 0.6, 0.7], level=0.95)
    assert (found.change, found.low, found.high) == (0.0, 0.0, 0.0)


def test_too_few_samples_or_one_kind_of_rows_are_refused():
    with pytest.raises(DataError, match="3 samples or more, found 2"):
        change_over_samples([0.5, 0.5], [0.5, 0.6], level=0.95)
    with pytest.raises(DataError, match="none of one kind"):
        mean_auroc(np.zeros((2, 9)), np.ones((2, 9), dtype=bool))
