"""How far noise carries an answer: closed forms against SciPy over twelve decades of scale."""

import math

import numpy as np
import pytest
from scipy import stats

from trivet.errors import UsageError
from trivet.privacy.planning.deltas import spread

DECADES = [10.0**power for power in range(-6, 7)]


@pytest.mark.parametrize("scale", DECADES)
@pytest.mark.parametrize(
    ("mechanism", "law"), [("laplace", stats.laplace), ("gaussian", stats.norm)], ids=["laplace", "gaussian"]
)
def test_continuous_noise_agrees_with_scipy(mechanism, law, scale):
    oracle = law(scale=scale)
    for multiple in (-30.0, -2.0, 0.0, 0.3, 5.0, 30.0):
        found = spread(mechanism, scale=scale, value=0.0, threshold=multiple * scale)
        assert found.exceedance == pytest.approx(oracle.sf(multiple * scale), rel=1e-12)
    assert found.standard_deviation == pytest.approx(oracle.std(), rel=1e-12)
    # E|X| of a symmetric law is the integral of its two tails.
    assert found.mean_absolute_error == pytest.approx(2 * law.expect(lambda x: max(x, 0.0)) * scale, rel=1e-7)
    assert 2 * oracle.sf(found.error_bound_95) == pytest.approx(0.05, rel=1e-12)


@pytest.mark.parametrize("scale", [10.0**power for power in range(-6, 4)] + [0.3, 0.7, 2.5])
def test_integer_noise_agrees_with_scipy_and_with_sums(scale):
    found = spread("discrete-laplace", scale=scale, value=0.0, threshold=2.0)
    a = math.exp(-1 / scale)
    far = max(40, math.ceil(40 * scale))
    points = np.arange(1, far)
    weights = (1 - a if scale < 1 else -math.expm1(-1 / scale)) / (1 + a) * a**points
    variance = 2 * math.fsum((weights * points**2).tolist())
    # The sum is cut at forty scales, where e^-40 of it is left times the square of the distance.
    assert found.standard_deviation**2 == pytest.approx(variance, rel=1e-11, abs=1e-300)
    assert found.mean_absolute_error == pytest.approx(2 * math.fsum((weights * points).tolist()), rel=1e-12)
    assert found.exceedance == pytest.approx(math.fsum(weights[2:].tolist()), rel=1e-12)
    if scale > 1e-2:
        oracle = stats.dlaplace(1 / scale)
        assert found.standard_deviation == pytest.approx(oracle.std(), rel=1e-12)


@pytest.mark.parametrize("scale", [*DECADES, 0.2, 0.3, 0.5, 0.9, 1.7, 12.3])
def test_the_integer_bound_is_the_first_that_holds(scale):
    bound = spread("discrete-laplace", scale=scale).error_bound_95
    assert bound == int(bound)
    weight = 2 / (1 + math.exp(-1 / scale))
    assert weight * math.exp(-(bound + 1) / scale) <= 0.05
    assert bound == 0 or weight * math.exp(-bound / scale) > 0.05


@pytest.mark.parametrize("scale", [1e-99, 1e-12, 1e12, 1e99])
@pytest.mark.parametrize("mechanism", ["laplace", "discrete-laplace", "gaussian"])
def test_extreme_scales_overflow_nowhere(mechanism, scale):
    for threshold in (-1e300, -1.0, 0.0, 1.0, 1e300):
        found = spread(mechanism, scale=scale, value=0.0, threshold=threshold)
        assert 0.0 <= found.exceedance <= 1.0
        assert all(
            0.0 <= number < math.inf
            for number in (found.standard_deviation, found.mean_absolute_error, found.error_bound_95)
        )


def test_large_integer_noise_is_nearly_continuous():
    integer, continuous = (spread(name, scale=1e6) for name in ("discrete-laplace", "laplace"))
    assert integer.standard_deviation == pytest.approx(continuous.standard_deviation, rel=1e-9)
    assert integer.error_bound_95 == pytest.approx(continuous.error_bound_95, rel=1e-6)


def test_no_threshold_has_no_exceedance_and_no_noise_is_refused():
    assert spread("laplace", scale=1.0).exceedance is None
    with pytest.raises(UsageError, match=r"scale is .*; expected a finite number above 0"):
        spread("laplace", scale=0.0)
