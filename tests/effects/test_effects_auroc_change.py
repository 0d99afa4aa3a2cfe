"""The change of an AUROC on the same rows: DeLong's variance, its coverage, and where it ends."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from trivet.effects.auroc_change import auroc_change, auroc_influence, mean_auroc_change
from trivet.errors import DataError
from trivet.privacy.membership.auroc import auroc, delong_variance


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


def halves(generator, pairs, n):
    inside = np.empty((2 * pairs, n), dtype=bool)
    for pair in range(pairs):
        inside[2 * pair] = generator.permutation(n) < n // 2
        inside[2 * pair + 1] = ~inside[2 * pair]
    return inside


def several(generator, *, pairs, n, shift, spread):
    """Scores with a part of the row's own, one of the training's, and members above others."""
    inside = halves(generator, pairs, n)
    own = generator.normal(size=n)
    strength = generator.normal(0, spread, size=(2 * pairs, 1))
    noise = generator.normal(size=(2, 2 * pairs, n))
    before = own + noise[0] + 0.3 * inside
    after = own + noise[1] + (0.3 + shift + strength) * inside
    return before, after, inside


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_the_mean_change_is_covered_whether_or_not_trainings_differ(spread):
    generator = np.random.default_rng(1)
    held = sum(
        found.low <= 0 <= found.high
        for _ in range(300)
        for found in [
            mean_auroc_change(*several(generator, pairs=5, n=80, shift=0.0, spread=spread), level=0.95)
        ]
    )
    assert held / 300 >= 0.93


def test_a_change_in_every_model_is_found():
    generator = np.random.default_rng(2)
    before, after, inside = several(generator, pairs=6, n=400, shift=0.6, spread=0.0)
    found = mean_auroc_change(before, after, inside, level=0.95)
    # A row's score has variance 2, so that of a difference of two rows has 4.
    assert found.low < norm.cdf(0.9 / 2) - norm.cdf(0.3 / 2) < found.high
    assert found.low > 0


def test_only_the_rows_asked_for_count():
    generator = np.random.default_rng(3)
    before, after, inside = several(generator, pairs=4, n=100, shift=0.5, spread=0.0)
    chosen = np.arange(100) < 50
    part = mean_auroc_change(before, after, inside, level=0.9, rows=chosen)
    alone = mean_auroc_change(before[:, :50], after[:, :50], inside[:, :50], level=0.9)
    assert part == alone


def test_the_same_scores_change_nothing():
    generator = np.random.default_rng(4)
    before, _, inside = several(generator, pairs=4, n=60, shift=0.0, spread=0.0)
    found = mean_auroc_change(before, before.copy(), inside, level=0.95)
    assert (found.change, found.low, found.high) == (0.0, 0.0, 0.0)


def test_too_few_models_or_one_kind_of_rows_are_refused():
    generator = np.random.default_rng(5)
    before, after, inside = several(generator, pairs=3, n=60, shift=0.0, spread=0.0)
    with pytest.raises(DataError, match="3 pairs of models or more, found 4"):
        mean_auroc_change(before[:4], after[:4], inside[:4], level=0.95)
    with pytest.raises(DataError, match="none of one kind"):
        mean_auroc_change(before, after, np.ones_like(inside), level=0.95)
