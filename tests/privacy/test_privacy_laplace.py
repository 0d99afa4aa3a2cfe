"""The Laplace primitives against SciPy, direct summation and their own symmetries."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trivet.errors import UsageError
from trivet.privacy import laplace

scales = st.floats(min_value=1e-6, max_value=1e6)
excesses = st.floats(min_value=-1e6, max_value=1e6)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 10.0, 920.0, 1e6])
@pytest.mark.parametrize("multiple", [-600.0, -30.0, -1.0, -1e-9, 0.0, 1e-9, 0.5, 1.0, 30.0, 600.0])
def test_tail_and_cdf_agree_with_scipy(scale, multiple):
    t = 500.0 + multiple * scale
    exact = (t - 500.0) / scale
    assert laplace.tail(t, location=500.0, scale=scale) == pytest.approx(stats.laplace.sf(exact), rel=1e-12)
    assert laplace.cdf(t, location=500.0, scale=scale) == pytest.approx(stats.laplace.cdf(exact), rel=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1.0, 1e12, 1e300])
def test_extreme_scales_and_thresholds_stay_probabilities(scale):
    for t in (-math.inf, -1e300, -1.0, 0.0, 1.0, 1e300, math.inf):
        for probability in (
            laplace.tail(t, scale=scale),
            laplace.cdf(t, scale=scale),
            laplace.discrete_tail(t, scale=scale),
            laplace.discrete_cdf(t, scale=scale),
        ):
            assert 0.0 <= probability <= 1.0


@given(scale=scales, excess=excesses)
def test_tail_is_symmetric_about_the_true_answer(scale, excess):
    above = laplace.tail(excess, scale=scale)
    below = laplace.cdf(-excess, scale=scale)
    assert above == below


@given(scale=scales, excess=excesses, step=st.floats(min_value=0.0, max_value=1e3))
def test_tail_never_rises_with_the_threshold(scale, excess, step):
    assert laplace.tail(excess + step, scale=scale) <= laplace.tail(excess, scale=scale)


@given(
    sensitivity=st.floats(1e-3, 1e3),
    epsilon=st.floats(1e-3, 1e3),
    factor=st.floats(1.01, 100.0),
)
def test_scale_falls_in_epsilon_and_rises_in_sensitivity(sensitivity, epsilon, factor):
    here = laplace.scale(sensitivity=sensitivity, epsilon=epsilon)
    assert laplace.scale(sensitivity=sensitivity, epsilon=epsilon * factor) < here
    assert laplace.scale(sensitivity=sensitivity * factor, epsilon=epsilon) > here


@pytest.mark.parametrize("scale", [0.3, 1.0, 10.0])
@pytest.mark.parametrize("threshold", [-15.0, -2.5, -1.0, 0.0, 0.4, 3.0, 20.0])
def test_discrete_tail_equals_the_sum_of_its_weights(scale, threshold):
    a = math.exp(-1 / scale)
    weights = {x: (1 - a) / (1 + a) * a ** abs(x) for x in range(-1000, 1001)}
    summed = math.fsum(weight for x, weight in weights.items() if x > threshold)
    assert laplace.discrete_tail(threshold, scale=scale) == pytest.approx(summed, rel=1e-12)
    assert laplace.discrete_cdf(threshold, scale=scale) == pytest.approx(1 - summed, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("scale", [1.0, 10.0, 920.0])
def test_discrete_tail_agrees_with_scipy(scale):
    oracle = stats.dlaplace(1 / scale)
    for t in range(-40, 41):
        assert laplace.discrete_tail(500 + t, location=500, scale=scale) == pytest.approx(
            oracle.sf(t), rel=1e-9
        )


def test_discrete_tail_differs_from_the_continuous_one_where_the_facts_say_so():
    assert laplace.discrete_tail(520, location=500, scale=10.0) == pytest.approx(0.0643, abs=5e-5)
    assert laplace.tail(520, location=500, scale=10.0) == pytest.approx(0.0677, abs=5e-5)


@given(scale=st.floats(0.1, 1e4), excess=st.integers(-1000, 1000))
def test_discrete_tail_is_symmetric(scale, excess):
    above = laplace.discrete_tail(excess, scale=scale)
    assert above == pytest.approx(laplace.discrete_cdf(-excess - 1, scale=scale), rel=1e-12)


def test_perturbed_integers_follow_the_discrete_tail():
    answers = laplace.perturb_integer(500, scale=10.0, generator=np.random.default_rng(0), size=50_000)
    assert answers.dtype == np.int64
    for t in (480, 499, 500, 505, 520):
        share = float(np.mean(answers > t))
        assert share == pytest.approx(laplace.discrete_tail(t, location=500, scale=10.0), abs=0.01)


def test_the_same_generator_state_gives_the_same_answers():
    draw = laplace.perturb_integer
    first, second = (draw(500, scale=3.0, generator=np.random.default_rng(7), size=20) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_a_scale_or_epsilon_that_is_not_positive_is_refused_by_name(bad):
    with pytest.raises(UsageError, match=r"scale is .*; expected a finite number above 0"):
        laplace.tail(0.0, scale=bad)
    with pytest.raises(UsageError, match=r"epsilon is .*; expected a finite number above 0"):
        laplace.scale(sensitivity=1.0, epsilon=bad)
    with pytest.raises(UsageError, match=r"sensitivity is .*; expected a finite number above 0"):
        laplace.scale(sensitivity=bad, epsilon=1.0)
