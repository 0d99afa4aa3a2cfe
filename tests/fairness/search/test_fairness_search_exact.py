"""Tails are Fisher's, and detectable gaps have the power that they are named for."""

import numpy as np
import pytest
from scipy.stats import binom, hypergeom, norm

from trivet.fairness.search.exact import detectable_gaps, exact_quantiles, score_quantiles


@pytest.mark.parametrize(("all_n", "all_x"), [(200, 60), (5_000, 40), (5_000, 4_970), (100_000, 30_000)])
def test_quantiles_are_those_of_the_hypergeometric_tail(all_n, all_x):
    generator = np.random.default_rng(all_n)
    n = generator.integers(30, all_n // 2, 60)
    x = np.clip(generator.hypergeometric(all_x, all_n - all_x, n) + generator.integers(-9, 10, 60), 0, n)
    x = np.clip(x, n - (all_n - all_x), np.minimum(n, all_x))
    z = exact_quantiles(x, n, all_x, all_n)
    upper, lower = hypergeom.sf(x - 1, all_n, all_x, n), hypergeom.cdf(x, all_n, all_x, n)
    above = x > n * all_x / all_n
    wanted = np.where(above, norm.isf(np.minimum(upper, 0.5)), -norm.isf(np.minimum(lower, 0.5)))
    assert z == pytest.approx(wanted, rel=1e-5, abs=1e-7)
    assert (np.sign(z) * np.sign(score_quantiles(x, n, all_x, all_n)) >= 0).all()


def test_far_tails_do_not_vanish():
    z = exact_quantiles(np.array([900, 0]), np.array([1000, 1000]), 30_000, 100_000)
    assert z[0] > 40
    assert z[1] < -20


def test_a_rate_near_zero_has_a_thicker_tail_than_the_normal_one():
    n, all_x, all_n = np.array([100]), 100, 100_000
    assert score_quantiles(np.array([2]), n, all_x, all_n)[0] > 5
    assert exact_quantiles(np.array([2]), n, all_x, all_n)[0] < 3


@pytest.mark.parametrize(("rows", "rate"), [(60, 0.4), (400, 0.02), (400, 0.9), (5_000, 0.3), (50_000, 0.01)])
def test_a_gap_at_the_limit_is_found_four_times_in_five(rows, rate):
    all_n, critical = 10_000_000, 4.2
    all_x = round(rate * all_n)
    gap = float(detectable_gaps(np.array([rows]), all_x, all_n, critical)[0])
    # The less visible side that is possible.
    x = np.arange(rows + 1)
    found = np.abs(exact_quantiles(x, np.full(rows + 1, rows), all_x, all_n)) > critical
    powers = [binom.pmf(x, rows, other)[found].sum() for other in (rate + gap, rate - gap) if 0 <= other <= 1]
    assert min(powers) == pytest.approx(0.8, abs=0.03)


def test_gaps_that_no_rate_can_have_are_not_detectable():
    assert np.isinf(detectable_gaps(np.array([30]), 0, 1000, 4.5)).all()
    larger = detectable_gaps(np.array([100, 1_000, 10_000]), 30_000, 100_000, 4.5)
    assert (np.diff(larger) < 0).all()
