"""RMIA against every pair of rows written out, and on rows whose answer is known."""

import numpy as np
import pytest

from trivet.errors import DataError, UsageError
from trivet.privacy.membership.attacks import rmia_scores


def shadow_probabilities(seed, shadows=8, n=40):
    rng = np.random.default_rng(seed)
    inside = rng.random((shadows, n)).argsort(axis=0) < rng.integers(1, shadows, n)
    # Few different values, so that ratios tie.
    values = rng.integers(1, 10, (shadows, n)) / 10
    return rng.integers(0, 11, n) / 10, values, inside


def by_pairs(target, shadows, inside, population, *, online, gamma, a):
    def ratio(i):
        out = np.mean(shadows[~inside[:, i], i])
        average = (np.mean(shadows[inside[:, i], i]) + out) / 2 if online else ((1 + a) * out + 1 - a) / 2
        return max(target[i], 1e-15) / average

    ratios = [ratio(i) for i in range(len(target))]
    # As products: quotients of equal ratios may round apart.
    return [
        np.mean([ratios[x] >= gamma * ratios[z] for z in population if z != x]) for x in range(len(target))
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("gamma", [1.0, 2.0])
@pytest.mark.parametrize("a", [0.0, 0.3, 1.0])
def test_scores_are_those_of_every_pair(seed, online, gamma, a):
    target, shadows, inside = shadow_probabilities(seed)
    # Halves and tenths: keep rows a hair apart out of the comparison of two summation orders.
    target = target + np.linspace(0, 1e-3, len(target)) * (target < 1)
    population = np.random.default_rng(seed).choice(len(target), 15, replace=False)
    scores = rmia_scores(target, shadows, inside, population, online=online, gamma=gamma, offline_a=a)
    expected = by_pairs(target, shadows, inside, population, online=online, gamma=gamma, a=a)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("gamma", "expected"), [(1.0, [1.0, 0.5, 0.0, 1.0]), (2.0, [0.5, 0.5, 0.0, 2 / 3])])
def test_known_ratios_are_counted_without_the_row_itself(gamma, expected):
    # p(x) is one half everywhere, so the ratios are 1.8, 1, 0.4 and 2; the population is the first three.
    target = np.array([0.9, 0.5, 0.2, 1.0])
    shadows = np.full((2, 4), 0.5)
    inside = np.array([[True] * 4, [False] * 4])
    scores = rmia_scores(target, shadows, inside, [0, 1, 2], online=True, gamma=gamma)
    np.testing.assert_allclose(scores, expected)


def test_a_row_that_ties_with_the_population_dominates_it_at_gamma_one_only():
    target, shadows = np.full(4, 0.5), np.full((2, 4), 0.5)
    inside = np.array([[True] * 4, [False] * 4])
    assert rmia_scores(target, shadows, inside, [0, 1], gamma=1.0).tolist() == [1.0] * 4
    assert rmia_scores(target, shadows, inside, [0, 1], gamma=2.0).tolist() == [0.0] * 4


def test_probabilities_of_nought_give_scores():
    target, shadows = np.array([0.0, 1.0, 0.5]), np.zeros((2, 3))
    inside = np.array([[True] * 3, [False] * 3])
    scores = rmia_scores(target, shadows, inside, [0, 1, 2], online=True)
    assert scores.tolist() == [0.0, 1.0, 0.5]


def test_offline_needs_no_model_trained_on_a_row():
    target, shadows, _ = shadow_probabilities(0)
    without = np.zeros(shadows.shape, dtype=bool)
    assert np.isfinite(rmia_scores(target, shadows, without, [0, 1, 2])).all()
    with pytest.raises(DataError, match="trained with each row; row 0 has 0"):
        rmia_scores(target, shadows, without, [0, 1, 2], online=True)
    with pytest.raises(DataError, match="trained without each row"):
        rmia_scores(target, shadows, ~without, [0, 1, 2])


@pytest.mark.parametrize("population", [[0], [], [0, 40], [-1, 2], [0.5, 1.5], [1, 2, 1], [[1, 2]]])
def test_a_population_that_is_none_is_refused(population):
    with pytest.raises(DataError, match="population"):
        rmia_scores(*shadow_probabilities(0), population)


def test_settings_and_values_out_of_range_are_refused():
    target, shadows, inside = shadow_probabilities(0)
    for gamma in (0.5, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="gamma"):
            rmia_scores(target, shadows, inside, [0, 1], gamma=gamma)
    for a in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match=r"offline_a is .*; expected 0 to 1"):
            rmia_scores(target, shadows, inside, [0, 1], offline_a=a)
    with pytest.raises(DataError, match="not logits"):
        rmia_scores(target + 1, shadows, inside, [0, 1])
