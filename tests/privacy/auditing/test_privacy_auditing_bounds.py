"""Bounds on epsilon against SciPy's, closed forms, and their coverage by enumeration."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trivet.privacy.mechanism.bounds import (
    ceiling,
    epsilon_bounds,
    fewest_trials,
    lower,
    upper,
    visible_count,
)


@pytest.mark.parametrize("level", [0.025, 0.05 / 14, 1e-6])
@pytest.mark.parametrize(("count", "trials"), [(0, 10), (1, 10), (7, 10), (10, 10), (3, 50_000)])
def test_clopper_pearson_is_that_of_scipy(count, trials, level):
    interval = stats.binomtest(count, trials).proportion_ci(1 - 2 * level, method="exact")
    root = 1e-11  # SciPy looks for a root, to 2e-12
    assert lower(count, trials, level) == pytest.approx(interval.low, rel=0, abs=root)
    assert upper(count, trials, level) == pytest.approx(interval.high, rel=0, abs=root)


@given(p=st.floats(0.01, 0.99), trials=st.integers(1, 60), level=st.floats(1e-4, 0.2))
def test_each_bound_fails_no_more_often_than_its_level(p, trials, level):
    counts = np.arange(trials + 1)
    weights = stats.binom.pmf(counts, trials, p)
    assert weights[lower(counts, trials, level) > p].sum() <= level * (1 + 1e-9)
    assert weights[upper(counts, trials, level) < p].sum() <= level * (1 + 1e-9)


@pytest.mark.parametrize("epsilon", [0.1, 1.0, math.log(3), 3.0])
@pytest.mark.parametrize("trials", [20, 150])
def test_the_bound_on_epsilon_holds_on_the_boundary(epsilon, trials):
    # Randomised response at exactly its epsilon, every pair of counts with its probability.
    p = 1 / (1 + math.exp(-epsilon))
    counts, level = np.arange(trials + 1), 0.025
    weights = np.outer(stats.binom.pmf(counts, trials, p), stats.binom.pmf(counts, trials, 1 - p))
    shown = epsilon_bounds(counts[:, None], counts[None, :], trials, level=level, delta=0.0)
    assert weights[shown > epsilon].sum() <= 2 * level


def test_the_bound_is_the_logarithm_of_its_parts():
    level, delta = 0.01, 0.1
    p, q = stats.beta.ppf(level, 60, 41), stats.beta.ppf(1 - level, 6, 95)
    assert epsilon_bounds(60, 5, 100, level=level, delta=delta) == pytest.approx(math.log((p - delta) / q))


def test_what_delta_explains_shows_nothing():
    assert epsilon_bounds(10, 0, 1000, level=0.01, delta=0.02) == -math.inf
    assert epsilon_bounds(0, 0, 1000, level=0.01, delta=0.0) == -math.inf


@pytest.mark.parametrize("trials", [1, 100, 50_000])
def test_the_ceiling_has_a_closed_form(trials):
    level = 0.005
    always = level ** (1 / trials)
    never = -math.expm1(math.log(level) / trials)
    assert ceiling(trials, level=level, delta=0.0) == pytest.approx(
        max(0, math.log(always / never)), rel=1e-9
    )


@pytest.mark.parametrize(("epsilon", "delta"), [(0.1, 0.0), (1.0, 0.0), (1.0, 0.5), (8.0, 1e-5)])
def test_the_fewest_trials_are_enough_and_one_less_is_not(epsilon, delta):
    few = fewest_trials(epsilon, level=0.005, delta=delta, most=10**6)
    assert ceiling(few, level=0.005, delta=delta) > epsilon
    assert few == 1 or ceiling(few - 1, level=0.005, delta=delta) <= epsilon


def test_no_number_of_trials_up_to_the_most_may_be_enough():
    assert fewest_trials(20.0, level=0.005, delta=0.0, most=10**6) is None


@pytest.mark.parametrize(("epsilon", "delta"), [(0.1, 0.0), (1.0, 0.01), (5.0, 0.0)])
def test_the_visible_count_violates_and_one_less_does_not(epsilon, delta):
    trials, level = 5000, 0.005
    count = visible_count(trials, epsilon=epsilon, level=level, delta=delta)
    assert epsilon_bounds(count, 0, trials, level=level, delta=delta) > epsilon
    assert epsilon_bounds(count - 1, 0, trials, level=level, delta=delta) <= epsilon


def test_too_large_an_epsilon_is_visible_nowhere():
    assert visible_count(1000, epsilon=9.0, level=0.005, delta=0.0) is None
