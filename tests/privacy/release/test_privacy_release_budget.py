"""Sums of charges, and what their privacy loss distribution proves, against the exact optimum."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trivet.privacy import accountants
from trivet.privacy.releases.charges import Charge, fits_basic, fits_pld, left_pld, spent_pld, total

NOUGHT = Fraction(0)


def charges(epsilon, count, parts=1):
    return [Charge(Fraction(epsilon), NOUGHT, parts)] * count


@pytest.mark.parametrize(
    ("epsilon", "count"), [("0.1", 50), ("0.01", 92), ("0.01", 500), ("1", 10), ("3", 2)]
)
def test_equal_charges_spend_the_optimum_of_randomised_response(epsilon, count):
    budget = Charge(Fraction(100), Fraction(1, 10**6))
    exact = accountants.optimal_exact(float(1 / Fraction(epsilon)), count, 1e-6)
    spent = spent_pld(charges(epsilon, count), budget)
    assert exact <= spent == pytest.approx(exact, rel=1e-6)


def test_parts_are_composed_like_answers_of_their_own():
    budget = Charge(Fraction(100), Fraction(1, 10**6))
    assert spent_pld(charges("0.2", 25, parts=2), budget) == spent_pld(charges("0.1", 50), budget)


def test_continuous_noise_of_the_same_scale_would_have_looked_cheaper():
    # A count has integer noise, whose losses are plus and minus epsilon only.
    budget = Charge(Fraction(100), Fraction(1, 10**6))
    assert spent_pld(charges("0.1", 50), budget) > accountants.pld(10.0, 50, 1e-6) * 1.001


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.decimals("0.001", "2", places=3),
            st.sampled_from(["0", "0", "1e-9", "1e-7"]),
            st.sampled_from([1, 2]),
        ),
        max_size=12,
    ),
    st.sampled_from(["1e-5", "1e-8"]),
)
def test_the_distribution_never_claims_more_than_the_sum_and_left_is_what_still_fits(drawn, delta):
    spent = [Charge(Fraction(epsilon), Fraction(each), parts) for epsilon, each, parts in drawn]
    budget = Charge(Fraction(5), Fraction(delta))
    by_pld = spent_pld(spent, budget)
    if total(spent).delta <= budget.delta:
        assert 0 <= by_pld <= float(total(spent).epsilon)
    if fits_basic(spent, budget):
        assert fits_pld(spent, budget)
    left = left_pld(spent, budget)
    if fits_pld(spent, budget):
        assert left >= math.nextafter(float(budget.epsilon - total(spent).epsilon), 0)
        assert fits_pld([*spent, Charge(Fraction(left), NOUGHT)], budget)
        if left < 5 * (1 - 2e-6):
            assert not fits_pld([*spent, Charge(Fraction(left) + Fraction(1, 10**4), NOUGHT)], budget)


def test_a_delta_that_is_overspent_leaves_nothing():
    budget = Charge(Fraction(5), Fraction(1, 10**6))
    overspent = [Charge(Fraction(1), Fraction(1, 10**5))]
    assert not fits_basic(overspent, budget)
    assert not fits_pld(overspent, budget)
    assert left_pld(overspent, budget) == 0


def test_nothing_spent_is_nothing():
    budget = Charge(Fraction(5), Fraction(1, 10**6))
    assert spent_pld([], budget) == 0
    assert left_pld([], budget) == pytest.approx(5, abs=1e-5)


def test_an_epsilon_that_promises_nothing_can_be_looked_at():
    budget = Charge(Fraction(10**11), Fraction(1, 10**9))
    assert 0 <= left_pld([Charge(Fraction(2 * 10**6), NOUGHT)], budget) <= 10**11
