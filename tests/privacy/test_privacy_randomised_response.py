"""Losses of randomised responses against exact ones, in fifty digits, down to deltas of 1e-14."""

import random
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import binomial, exp, log, mp, mpf

from trivet.privacy import accountants
from trivet.privacy.planning.deltas import deltas_at
from trivet.privacy.releases.charges import Charge, fits_pld, spent_pld


@pytest.fixture(autouse=True)
def fifty_digits():
    with mp.workdps(50):
        yield


def exact_epsilon(outcomes, delta):
    """Total epsilon of {loss: probability}, by the sets of the largest losses."""
    p = q = best = mpf(0)
    for loss in sorted(outcomes, reverse=True):
        p += outcomes[loss]
        q += outcomes[loss] * exp(-loss)
        if p > delta:
            best = max(best, log((p - delta) / q))
    return best


def exact_delta(outcomes, epsilon):
    return sum(p * (1 - exp(epsilon - loss)) for loss, p in outcomes.items() if loss > epsilon)


def equal(epsilon, count):
    e = mpf(epsilon)
    truth = exp(e) / (1 + exp(e))
    return {
        (count - 2 * lies) * e: binomial(count, lies) * truth ** (count - lies) * (1 - truth) ** lies
        for lies in range(count + 1)
    }


def different(thousandths):
    """Losses of answers whose epsilons are whole thousandths."""
    found = {0: mpf(1)}
    for each in thousandths:
        truth = exp(mpf(each) / 1000) / (1 + exp(mpf(each) / 1000))
        following = defaultdict(mpf)
        for loss, p in found.items():
            following[loss + each] += p * truth
            following[loss - each] += p * (1 - truth)
        found = following
    return {mpf(loss) / 1000: p for loss, p in found.items()}


def charges(epsilon, count):
    return [Charge(Fraction(epsilon) * count, Fraction(0), count)]


@pytest.mark.parametrize("delta", ["1e-6", "1e-10", "1e-12", "1e-13", "1e-14", "1e-40"])
@pytest.mark.parametrize(
    ("epsilon", "count"), [("0.1", 200), ("0.01", 1500), ("0.001", 300), ("0.7", 40), ("3", 7), ("9", 1)]
)
def test_a_ledger_never_says_less_than_equal_answers_spend(epsilon, count, delta):
    exact = exact_epsilon(equal(epsilon, count), mpf(delta))
    budget = Charge(Fraction(100), Fraction(delta))
    spent = spent_pld(charges(epsilon, count), budget)
    assert exact <= mpf(spent) <= exact * (1 + mpf("1e-8")) + mpf("1e-9")
    for part, fits in (("0.99999", False), ("1.00001", True)):
        near = Charge(Fraction(str(exact * mpf(part))), Fraction(delta))
        assert fits_pld(charges(epsilon, count), near) is fits or exact == 0


@pytest.mark.parametrize(
    ("answers", "largest", "seed"),
    [
        (45, 60, 0),
        *(
            pytest.param(*row, seed, marks=pytest.mark.slow)
            for row in [(30, 300), (24, 900)]
            for seed in range(3)
        ),
    ],
)
def test_a_ledger_never_says_less_than_different_answers_spend(answers, largest, seed):
    thousandths = random.Random(seed).sample(range(1, largest + 1), answers)
    outcomes = different(thousandths)
    spent = [Charge(Fraction(each, 1000), Fraction(0)) for each in thousandths]
    for delta in ("1e-3", "1e-8", "1e-14"):
        exact = exact_epsilon(outcomes, mpf(delta))
        found = spent_pld(spent, Charge(Fraction(100), Fraction(delta)))
        assert exact <= mpf(found) <= exact * (1 + mpf("3e-4"))
        assert not fits_pld(spent, Charge(Fraction(str(exact * mpf("0.9999999"))), Fraction(delta)))


@settings(max_examples=15)
@given(
    thousandths=st.lists(st.integers(1, 2000), min_size=1, max_size=9),
    delta=st.sampled_from(["0.01", "1e-5", "1e-9", "1e-14"]),
)
def test_few_different_answers_are_enumerated(thousandths, delta):
    exact = exact_epsilon(different(thousandths), mpf(delta))
    found = accountants.optimal_exact(
        [1000 / each for each in thousandths], [1] * len(thousandths), float(delta)
    )
    assert exact - mpf("1e-15") <= mpf(found) <= exact * (1 + mpf("1e-9")) + mpf("1e-12")


def test_the_delta_that_is_left_is_never_too_small():
    thousandths = random.Random(7).sample(range(1, 200), 40)
    outcomes = different(thousandths)
    at = [0.0, 0.5, 1.5, 2.5]
    ratios = np.array([1000 / each for each in thousandths])
    for epsilon, found in zip(at, deltas_at("optimal_exact", ratios, np.ones(40, int), at), strict=True):
        exact = exact_delta(outcomes, mpf(epsilon))
        assert exact <= mpf(found) <= exact * (1 + mpf("1e-3"))


def test_many_equal_answers_of_several_kinds_are_bounded_from_both_sides():
    scales, counts = [1 / 0.01, 1 / 0.011, 1 / 0.012], [400, 400, 400]
    found = accountants.optimal_exact(scales, counts, 1e-9)
    below = accountants.optimal_exact(scales[0], 1200, 1e-9)
    above = accountants.optimal_exact(scales[2], 1200, 1e-9)
    assert below < found < above
    assert found == pytest.approx(accountants.optimal_exact(1 / 0.011, 1200, 1e-9), rel=0.01)


def test_charges_of_a_delta_leave_less_of_the_budget_s():
    spent = [Charge(Fraction("0.1"), Fraction("1e-8"))] * 50
    budget = Charge(Fraction(100), Fraction("1e-6"))
    rest = 1 - (1 - mpf("1e-6")) / (1 - mpf("1e-8")) ** 50
    exact = exact_epsilon(equal("0.1", 50), rest)
    assert exact <= mpf(spent_pld(spent, budget)) <= exact * (1 + mpf("1e-9"))
