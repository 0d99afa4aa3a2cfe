"""Gaussian and Laplace answers in one budget, and zero-concentrated privacy, against other computations."""

import math

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent
from dp_accounting.pld.privacy_loss_distribution import from_gaussian_mechanism, from_randomized_response
from dp_accounting.rdp import RdpAccountant
from hypothesis import given
from hypothesis import strategies as st
from mpmath import exp, log, log1p, mp, mpf, ncdf

from trivet.privacy import accountants
from trivet.privacy.accountants import WholeLoss, epsilon_of_rho, rho_of_epsilon, whatever_noise


@pytest.mark.parametrize(("epsilon", "answers", "mu"), [(0.1, 40, 0.3), (0.5, 3, 0.1), (0.02, 200, 1.0)])
def test_both_losses_together_are_those_of_a_convolution(epsilon, answers, mu):
    pure = from_randomized_response(2 / (1 + math.exp(epsilon)), 2, value_discretization_interval=1e-5)
    both = pure.self_compose(answers).compose(
        from_gaussian_mechanism(1 / mu, value_discretization_interval=1e-5)
    )
    found = whatever_noise([1 / epsilon], [answers], 1e-5, mu=mu)
    assert found == pytest.approx(both.get_epsilon_for_delta(1e-5), rel=2e-4)


def test_without_gaussian_noise_it_is_optimal_composition():
    exact = accountants.optimal_exact([10.0, 4.0], [30, 5], 1e-6)
    assert WholeLoss.of([10.0, 4.0], [30, 5], mu=0.0).epsilon(1e-6) == pytest.approx(exact, rel=1e-9)


def test_without_laplace_noise_it_is_the_gaussian_s_own_curve():
    assert whatever_noise([], [], 1e-6, mu=0.2) == accountants.gaussian(5.0, 1, 1e-6)
    assert WholeLoss.nothing(mu=0.2).epsilon(1e-6) == pytest.approx(
        accountants.gaussian(5.0, 1, 1e-6), rel=1e-8
    )


@pytest.mark.parametrize("sigma", [1e-3, 0.3, 4.0, 4e4, 6e7, 1e9])
@pytest.mark.parametrize("delta", [1e-28, 1e-15, 1e-11, 1e-5, 0.3])
def test_the_epsilon_of_gaussian_noise_is_never_below_the_true_one(sigma, delta):
    # Balle and Wang 2018, Theorem 8, in 60 digits: double precision loses the difference of its terms.
    def left(epsilon):
        with mp.workdps(60):
            e, s = mpf(epsilon), 1 / mpf(sigma)
            return float((ncdf(s / 2 - e / s) - exp(e) * ncdf(-s / 2 - e / s)) / mpf(delta))

    found = accountants.gaussian(sigma, 1, delta)
    assert left(found) <= 1
    if found:
        # What it loses is a part in 1e13 of the larger term.
        assert left(found * (1 - 1e-9)) > 1 - 1e-13 / delta


def test_one_more_answer_is_composed_as_if_it_had_been_there():
    before = WholeLoss.of([10.0], [20], mu=0.4)
    after = WholeLoss.of([10.0, 5.0], [20, 1], mu=0.4)
    assert before.epsilon(1e-6, more=0.2) == pytest.approx(after.epsilon(1e-6), rel=1e-9)


@given(
    epsilon=st.floats(0.01, 1.0), answers=st.integers(1, 60), mu=st.floats(0.01, 2.0), at=st.floats(0.0, 5.0)
)
def test_no_delta_is_below_that_of_either_kind_alone(epsilon, answers, mu, at):
    both = WholeLoss.of([1 / epsilon], [answers], mu=mu).delta(at)
    assert both >= WholeLoss.of([1 / epsilon], [answers], mu=0.0).delta(at) * (1 - 1e-9)
    assert both >= WholeLoss.nothing(mu=mu).delta(at) * (1 - 1e-9)
    assert both <= 1 + 1e-9


@pytest.mark.parametrize("delta", [1e-10, 1e-6, 1e-2])
@pytest.mark.parametrize("rho", [1e-6, 0.005, 0.05, 1.0, 10.0])
def test_the_conversion_of_rho_is_that_of_another_accountant(rho, delta):
    orders = 1 + np.geomspace(1e-3, 1e7, 40_000)
    accountant = RdpAccountant(orders)
    accountant.compose(GaussianDpEvent(1 / math.sqrt(2 * rho)))
    other = accountant.get_epsilon(delta)
    assert epsilon_of_rho(rho, delta) == pytest.approx(other, rel=1e-4, abs=1e-12)
    # The Gaussian's own curve asks for less than what only its rho proves.
    assert accountants.gaussian(1 / math.sqrt(2 * rho), 1, delta) <= epsilon_of_rho(rho, delta)


@pytest.mark.parametrize(("rho", "delta"), [(4.4e-8, 2e-5), (2e-12, 5e-28), (1e-18, 7e-13), (1e-25, 6e-16)])
def test_the_conversion_of_a_tiny_rho_is_never_below_the_least_of_all_orders(rho, delta):
    def at(above):
        return (1 + above) * rho - (log(delta) + above * log1p(1 / above) + log1p(above)) / above

    with mp.workdps(40):
        low, high = mpf(-5), mpf(40)
        for _ in range(120):
            left, right = low + (high - low) / 3, high - (high - low) / 3
            low, high = (low, right) if at(exp(left)) < at(exp(right)) else (left, high)
        least = at(exp(low))
        assert least <= mpf(epsilon_of_rho(rho, delta)) <= least * (1 + mpf(10) ** -9)


@given(epsilon=st.floats(0.01, 20.0), delta=st.sampled_from([1e-9, 1e-6, 1e-3]))
def test_rho_and_epsilon_are_inverses(epsilon, delta):
    assert epsilon_of_rho(rho_of_epsilon(epsilon, delta), delta) == pytest.approx(epsilon, rel=1e-9)


@pytest.mark.parametrize("sigma", [2.1, 3.0, 10.0, 100.5])
@pytest.mark.parametrize("moved", [1, 2, 7])
def test_discrete_gaussian_noise_is_as_private_as_the_gaussian_of_a_variance_of_four_less(sigma, moved):
    # Its exact delta: Canonne, Kamath and Steinke 2020, Theorem 7, summed over all whole numbers.
    numbers = np.arange(-int(40 * sigma) - moved, int(40 * sigma) + moved + 1)
    weights = np.exp(-(numbers**2) / (2 * sigma**2))
    here = weights / weights.sum()
    there = np.exp(-((numbers - moved) ** 2) / (2 * sigma**2)) / weights.sum()
    mu = moved / math.sqrt(sigma**2 - 4)
    for epsilon in np.linspace(0, 3 * mu, 13):
        exact = np.maximum(0, there - math.exp(epsilon) * here).sum()
        assert exact <= WholeLoss.nothing(mu=mu).delta(float(epsilon)) + 1e-14
