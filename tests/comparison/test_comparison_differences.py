"""Differences of shares and of estimates: the intervals they should have, and how often they hold."""

import math

import pytest
from scipy.stats import binom, norm

from trivet.comparison.judge import (
    Share,
    difference_of_estimates,
    difference_of_shares,
    is_noise,
    is_same,
)
from trivet.estimate import Estimate
from trivet.fairness import difference_interval


def estimate(value, low, high, level):
    return Estimate(value, low, high, level, "")


def test_shares_are_compared_as_two_groups_are():
    found = difference_of_shares(Share(300, 1000), Share(350, 1000), level=0.95)
    bounds = difference_interval(300, 1000, 350, 1000)
    assert (found.value, found.low, found.high) == (bounds.value, bounds.low, bounds.high)
    assert found.value == pytest.approx(0.05)
    assert not is_noise(found)


@pytest.mark.parametrize("share", [0.04, 0.3])
def test_two_shares_that_are_the_same_are_seldom_called_changed(share):
    trials = 40
    chances = binom.pmf(range(trials + 1), trials, share)
    likely = [count for count in range(trials + 1) if chances[count] > 1e-5]
    changed = sum(
        chances[old] * chances[new]
        for old in likely
        for new in likely
        if not is_noise(difference_of_shares(Share(old, trials), Share(new, trials), level=0.95))
    )
    assert changed < 0.05


def test_a_share_of_nothing_has_no_difference():
    assert difference_of_shares(Share(0, 0), Share(1, 2), level=0.95) is None


def test_symmetrical_intervals_give_the_root_of_the_squared_half_widths():
    found = difference_of_estimates(estimate(0.5, 0.2, 0.8, 0.95), estimate(1.5, 1.1, 1.9, 0.95), level=0.95)
    assert found.value == 1.0
    assert found.low == pytest.approx(1.0 - math.hypot(0.3, 0.4))
    assert found.high == pytest.approx(1.0 + math.hypot(0.3, 0.4))


def test_each_end_takes_the_bounds_that_lead_there():
    found = difference_of_estimates(estimate(1.0, 0.9, 1.4, 0.95), estimate(2.0, 1.7, 2.1, 0.95), level=0.95)
    assert found.low == pytest.approx(1.0 - math.hypot(0.3, 0.4))
    assert found.high == pytest.approx(1.0 + math.hypot(0.1, 0.1))


def test_another_level_stretches_the_interval_as_a_normal_one():
    narrow = estimate(0.0, -1.0, 1.0, 0.95)
    found = difference_of_estimates(narrow, narrow, level=0.99)
    assert found.high == pytest.approx(math.sqrt(2) * norm.ppf(0.995) / norm.ppf(0.975))
    mixed = difference_of_estimates(estimate(0, -norm.ppf(0.95), norm.ppf(0.95), 0.9), narrow, level=0.95)
    assert mixed.high == pytest.approx(math.hypot(norm.ppf(0.975), 1.0))


def test_an_end_without_a_bound_never_speaks_for_a_change():
    open_above = estimate(1.0, 0.9, None, 0.95)
    found = difference_of_estimates(estimate(0.5, 0.4, 0.6, 0.95), open_above, level=0.95)
    assert (found.high, is_noise(found)) == (None, False)
    open_below = estimate(1.0, None, 1.1, 0.95)
    assert is_noise(difference_of_estimates(open_below, estimate(0.5, 0.4, 0.6, 0.95), level=0.95))
    assert is_noise(estimate(0.1, None, None, 0.95))


def test_last_bits_are_no_difference():
    assert is_same(0.1 + 0.2, 0.3)
    assert not is_same(0.3, 0.3001)
    assert not is_same(0.0, 1e-6)
