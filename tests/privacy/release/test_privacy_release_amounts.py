"""Decimal text: read, summed and written without rounding."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import UsageError
from trivet.privacy.releases.amounts import (
    as_text,
    exact,
    in_short,
    require_delta,
    require_epsilon,
    rounded,
    written,
)


def test_fifty_tenths_are_five_where_floats_are_not():
    assert as_text(sum((exact("0.1") for _ in range(50)), Fraction(0))) == "5"
    assert sum([0.1] * 50) != 5


@given(st.decimals(min_value=0, max_value=10**9, places=12))
def test_text_comes_back_as_the_same_number(number):
    text = format(number, "f")
    assert exact(as_text(exact(text))) == Fraction(number)


@given(st.integers(0, 10**6), st.integers(0, 30), st.integers(1, 64))
def test_shares_of_a_decimal_are_decimals(digits, places, halvings):
    value = Fraction(digits, 10**places) / 2**halvings
    assert Fraction(Decimal(as_text(value))) == value


def test_a_third_is_rounded_in_the_direction_that_is_safe():
    assert as_text(Fraction(1, 3)) == "0." + "3" * 19 + "4"
    assert as_text(Fraction(1, 3), upwards=False) == "0." + "3" * 20


@given(st.floats(1e-300, 1e30), st.integers(1, 12))
def test_a_rounded_figure_is_on_the_safe_side_by_less_than_its_last_digit(number, digits):
    low, high = (exact(rounded(number, digits, upwards=up)) for up in (False, True))
    assert low <= Fraction(number) <= high <= low * (1 + Fraction(10) ** (1 - digits))


def test_what_is_written_in_short_is_read_as_the_same_number():
    for text in ("0.4", "0.000001", "1e-45", "2.5e-120", "100", "1234567890123"):
        assert exact(in_short(Decimal(text))) == Fraction(text)
    assert [in_short(Decimal(each)) for each in ("1e-45", "1E-6", "100.0")] == ["1e-45", "0.000001", "100"]
    assert [rounded(Fraction(0), 6, upwards=True), rounded(float("inf"), 6, upwards=True)] == ["0", "inf"]


@pytest.mark.parametrize(("amount", "value"), [("0.1", "0.1"), (0.1, "0.1"), (" 1e-5 ", "1e-5"), (2, "2")])
def test_an_amount_is_kept_as_written(amount, value):
    assert written(amount) == value
    assert require_epsilon(amount) == Fraction(value)


@pytest.mark.parametrize(
    "amount", ["0", "-1", "nan", "inf", "1e999", "1_0", "٣", "", "0x1", float("nan"), "1/3"]
)
def test_what_is_no_positive_decimal_is_refused(amount):
    with pytest.raises(UsageError, match="epsilon must be a positive decimal"):
        require_epsilon(amount)


@pytest.mark.parametrize("amount", ["1", "-0.1", "nan", "1e3"])
def test_a_delta_outside_its_range_is_refused(amount):
    with pytest.raises(UsageError, match="delta must be a decimal"):
        require_delta(amount)
    assert require_delta("0") == 0
