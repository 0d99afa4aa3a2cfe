"""Theorems on answers of different noise: against enumeration, quadrature and the equal case."""

import itertools
import math

import numpy as np
import pytest
from dp_accounting.pld.privacy_loss_distribution import from_laplace_mechanism
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from trivet.errors import UsageError
from trivet.privacy import THEOREMS, accountants
from trivet.privacy.accountants import ROUNDING
from trivet.privacy.adjacency import OutOfReachError
from trivet.privacy.planning.deltas import deltas_at

METHODS = {theorem.method: theorem.spend for theorem in THEOREMS}
LAPLACE = [theorem.method for theorem in THEOREMS if theorem.mechanism == "laplace"]

groups = st.lists(st.tuples(st.floats(2.0, 200.0), st.integers(1, 5)), min_size=1, max_size=3)


def split(answers):
    return [scale for scale, _ in answers], [count for _, count in answers]


def responses(epsilons):
    """Every outcome of randomised responses with its probability on both neighbours."""
    for lies in itertools.product((False, True), repeat=len(epsilons)):
        keep = [1 / (1 + math.exp(-e)) for e in epsilons]
        p = math.prod(1 - k if lie else k for k, lie in zip(keep, lies, strict=True))
        q = math.prod(k if lie else 1 - k for k, lie in zip(keep, lies, strict=True))
        yield p, q


def divergence(outcomes, epsilon):
    return math.fsum(max(0.0, p - math.exp(epsilon) * q) for p, q in outcomes)


@pytest.mark.parametrize("epsilons", [(0.3, 0.5), (0.1, 0.2, 0.9), (0.05, 0.3, 0.3, 1.0, 2.0)])
@pytest.mark.parametrize("delta", [1e-6, 1e-3, 0.1])
def test_optimal_exact_is_the_worst_randomised_response(epsilons, delta):
    outcomes = list(responses(epsilons))
    total = accountants.optimal_exact([1 / e for e in epsilons], [1] * len(epsilons), delta)
    if divergence(outcomes, 0.0) <= delta:
        assert total == 0.0
    else:
        assert divergence(outcomes, total) == pytest.approx(delta, rel=1e-9)
    for epsilon in (0.0, 0.1, 0.7):
        (left,) = deltas_at(
            "optimal_exact", np.array([1 / e for e in epsilons]), np.ones(len(epsilons), int), [epsilon]
        )
        assert left == pytest.approx(divergence(outcomes, epsilon), rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("epsilons", [(0.3, 0.5), (0.1, 0.2, 0.9), (0.05, 0.3, 0.3, 1.0, 2.0)])
@pytest.mark.parametrize("method", ["basic", "advanced", "zcdp", "optimal_bound"])
def test_no_bound_on_different_answers_promises_more_than_enumeration(method, epsilons):
    outcomes = list(responses(epsilons))
    scales, counts = [1 / e for e in epsilons], [1] * len(epsilons)
    for delta in (1e-6, 1e-3, 0.1):
        total = METHODS[method](scales, counts, delta)
        assert divergence(outcomes, total) <= delta
    for epsilon, left in zip(
        (0.5, 2.0, 5.0), deltas_at(method, np.array(scales), np.array(counts), (0.5, 2.0, 5.0)), strict=True
    ):
        assert left is None or divergence(outcomes, epsilon) <= left * (1 + 1e-12)


def two_laplace_answers(first, second, epsilon):
    """Divergence of two Laplace answers, by integration over the loss of the first."""

    def one(at):
        if at >= second:
            return 0.0
        return 1 - math.exp((at - second) / 2) if at > -second else 1 - math.exp(at)

    inner = integrate.quad(
        lambda x: 0.5 * math.exp(-x) * one(epsilon - (first - 2 * x)),
        0,
        first,
        points=[p for p in ((first - epsilon + k * second) / 2 for k in (-1, 1)) if 0 < p < first],
    )[0]
    return inner + one(epsilon - first) / 2 + one(epsilon + first) * math.exp(-first) / 2


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.5), (1.0, 0.3), (0.02, 2.0)])
def test_pld_of_different_answers_is_the_integral(first, second):
    for epsilon in (0.0, first / 2, (first + second) / 2):
        exact = two_laplace_answers(first, second, epsilon)
        (left,) = deltas_at("pld", np.array([1 / first, 1 / second]), np.array([1, 1]), [epsilon])
        assert exact * (1 - 1e-9) <= left <= exact * (1 + 1e-3)
        assert accountants.pld([1 / first, 1 / second], [1, 1], exact) == pytest.approx(
            epsilon, abs=2e-3 * (first + second)
        )


@pytest.mark.parametrize(
    ("counts", "delta"), [((92,), 1e-10), ((400,), 1e-6), ((1,) * 60, 1e-10), ((1,) * 60, 1e-7)]
)
def test_rounding_never_makes_the_convolution_promise_too_much(counts, delta):
    """Against the same losses, convolved term by term: only positive terms are added."""
    epsilons = np.array([0.2 + 0.01 * (7 * i % 13) for i in range(len(counts))])
    grid = math.sqrt(float(np.sum(epsilons**2 * counts))) / 40
    whole = np.ones(1)
    losses_from = 0
    for epsilon, count in zip(epsilons.tolist(), counts, strict=True):
        one = from_laplace_mechanism(
            1 / epsilon, value_discretization_interval=grid
        )._pmf_remove.to_dense_pmf()
        for _ in range(count):
            whole = np.convolve(whole, one._probs)
            losses_from += one._lower_loss
    at = (losses_from + np.arange(whole.size)) * grid
    composed = None
    for epsilon, count in zip(epsilons.tolist(), counts, strict=True):
        one = from_laplace_mechanism(1 / epsilon, value_discretization_interval=grid).self_compose(count)
        composed = one if composed is None else composed.compose(one)
    found = composed.get_epsilon_for_delta(delta - ROUNDING)
    assert float(np.sum(whole * -np.expm1(np.minimum(0.0, found - at)))) <= delta


@given(answers=groups, delta=st.floats(1e-8, 1e-2))
@settings(max_examples=15)
@pytest.mark.parametrize("method", METHODS)
def test_the_order_and_the_cutting_of_groups_change_nothing(method, answers, delta):
    scales, counts = split(answers)
    whole = METHODS[method](scales, counts, delta)
    assert METHODS[method](scales[::-1], counts[::-1], delta) == pytest.approx(whole, rel=1e-9, abs=1e-12)
    cut = [(scale, 1) for scale, count in answers for _ in range(count)]
    # FFT convolves the same distributions in another order.
    assert METHODS[method](*split(cut), delta) == pytest.approx(whole, rel=1e-6, abs=1e-9)


@given(first=groups, second=groups, delta=st.floats(1e-8, 1e-2))
@settings(max_examples=15)
@pytest.mark.parametrize("method", METHODS)
def test_two_plans_together_never_cost_less_than_either(method, first, second, delta):
    together = METHODS[method](*split(first + second), delta)
    for alone in (first, second):
        assert together >= METHODS[method](*split(alone), delta) * (1 - 5e-4)


@given(answers=groups, delta=st.floats(1e-8, 1e-2))
@settings(max_examples=15)
def test_pld_is_beaten_by_no_more_than_its_discretisation(answers, delta):
    scales, counts = split(answers)
    tight = accountants.pld(scales, counts, delta)
    total = accountants.basic(scales, counts, delta)
    for method in LAPLACE:
        assert METHODS[method](scales, counts, delta) >= tight - 2e-3 * total


@given(answers=groups, delta=st.floats(1e-8, 1e-2))
@settings(max_examples=15)
@pytest.mark.parametrize("method", [method for method in METHODS if method != "basic"])
def test_delta_at_the_spent_epsilon_is_the_delta_that_was_spent(method, answers, delta):
    scales, counts = split(answers)
    spent = METHODS[method](scales, counts, delta)
    if spent == 0 or (
        method != "gaussian" and spent >= accountants.basic(scales, counts, delta) * (1 - 1e-9)
    ):
        return  # less than delta is left there
    (left,) = deltas_at(method, np.array(scales), np.array(counts), [spent])
    assert left == pytest.approx(delta, rel=1e-6)


def test_moving_change_from_one_number_to_another_spreads_the_loss():
    # What planning assumes of groups in vector releases: of two numbers that change by a and b, the pair
    # (a + t, b - t) with a >= b tells more.
    epsilons = [0.0, 0.1, 0.3, 0.6, 0.9]
    for more, less in [((2,), (1, 1)), ((3, 1), (2, 2)), ((4,), (3, 1)), ((3, 3), (2, 2, 2))]:
        left = [
            deltas_at("pld", np.array([4.0 / unit for unit in units]), np.ones(len(units), int), epsilons)
            for units in (more, less)
        ]
        for dominating, dominated in zip(*left, strict=True):
            assert dominating >= dominated * (1 - 1e-3)


def test_what_cannot_be_computed_says_so():
    with pytest.raises(OutOfReachError, match="at most 1,000,000 equal answers"):
        accountants.optimal_exact(1e4, 1_000_001, 1e-5)
    different = [10.0 + i for i in range(10_000)]
    with pytest.raises(OutOfReachError, match="too many answers differ"):
        accountants.optimal_exact(different, [1] * 10_000, 1e-5)
    with pytest.raises(OutOfReachError, match="at most 100,000 answers"):
        accountants.pld(1e4, 100_001, 1e-5)
    with pytest.raises(OutOfReachError, match="delta of 1e-10 or more"):
        accountants.pld(10.0, 5, 1e-13)
    with pytest.raises(UsageError, match="each of 2 scales, not 1"):
        accountants.zcdp([1.0, 2.0], [1], 1e-5)


def test_epsilons_that_differ_by_a_rounding_are_one_group():
    scales = [1 / (0.1 * 3), 1 / 0.3, 1 / (0.1 + 0.2)]
    counts = [40, 40, 40]
    assert accountants.optimal_exact(scales, counts, 1e-5) == pytest.approx(
        accountants.optimal_exact(1 / 0.3, 120, 1e-5), rel=1e-9
    )
