"""Bits of doubles by hand, Mironov's figures, and the events learnt from them."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.privacy.mechanism.answers import Answers, Sample
from trivet.privacy.mechanism.low_bits import NO_BIT, grid, read_bits, significand

# number, lowest bit, binade, significand
BY_HAND = [
    (1.0, 0, 0, 2**52),
    (-1.0, 0, 0, 2**52),
    (0.75, -2, -1, 3 * 2**51),
    (6.0, 1, 2, 3 * 2**51),
    (1 + 2**-52, -52, 0, 2**52 + 1),
    (0.1, -55, -4, 0x1999999999999A),
    (2.0**-1074, -1074, -1074, 2**52),
    (2.0**1023, 1023, 1023, 2**52),
    (0.0, NO_BIT, -NO_BIT, 0),
    (-0.0, NO_BIT, -NO_BIT, 0),
]


@pytest.mark.parametrize(("number", "lowest", "binade", "integer"), BY_HAND)
def test_doubles_taken_apart(number, lowest, binade, integer):
    bits = read_bits(np.array([number]))
    assert (bits.lowest[0], bits.binade[0], bits.significand[0]) == (lowest, binade, integer)
    assert bits.finite[0]


@given(st.floats(allow_nan=False, allow_infinity=False).filter(bool))
def test_the_lowest_bit_is_the_finest_grid_that_the_number_is_on(number):
    bits = read_bits(np.array([number]))
    step = Fraction(2) ** int(bits.lowest[0])
    assert (Fraction(number) / step).denominator == 1
    assert (Fraction(number) / (2 * step)).denominator == 2
    assert (
        Fraction(2) ** int(bits.binade[0]) <= abs(Fraction(number)) < Fraction(2) ** int(bits.binade[0] + 1)
    )


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_has_no_bits(number):
    bits = read_bits(np.array([number, 1.0]))
    assert bits.finite.tolist() == [False, True]


def test_the_published_shares_of_answers_off_the_grid():
    # Mironov 2012 on NumPy's generator: 15.1 % on 0, and on 1 the rounding leaves none.
    generator, draws = np.random.default_rng(1), 400_000
    off = [
        float(np.mean(read_bits(generator.laplace(value, 1.0, draws)).lowest < -54)) for value in (0.0, 1.0)
    ]
    four_errors = 4 * math.sqrt(0.151 * 0.849 / draws)
    assert off[0] == pytest.approx(0.151, abs=0.0005 + four_errors)
    assert off[1] == 0.0


def events(family, on_a, on_b, input_a=0, input_b=1):
    proposed = list(family(Sample(Answers(on_a), Answers(on_b), input_a, input_b)))
    return {event.words: event for event in proposed}


def test_grids_are_those_that_the_sample_shows():
    found = events(grid, [0.5, 0.75, 1.5], [2.0, 4.0, 0.0])
    assert {words for words in found if words.startswith("answer is a multiple")} == {
        "answer is a multiple of 2^-1",
        "answer is a multiple of 2^1",
        "answer is a multiple of 2^2",
    }
    answers = Answers([0.5, 0.75, 1.5, 3.0, -2.5, math.nan, None, 0.0])
    held = found["answer is a multiple of 2^-1"].holds(answers)
    assert held.tolist() == [True, False, True, True, True, False, False, True]


def test_a_grid_within_a_binade():
    found = events(grid, [1.25, 1.5, 1.0], [2.25, 2.5, 2.0])
    event = found["2^0 <= |answer| < 2^1 and it is not a multiple of 2^-1"]
    assert event.holds(Answers([1.25, 1.5, 2.25, -1.75])).tolist() == [True, False, False, True]


def test_bits_are_read_after_each_input_is_taken_away_too():
    found = events(grid, [0.1 + 0.5, 0.1 + 0.25], [0.3 + 0.5, 0.3 + 0.25], 0.1, 0.3)
    assert {words.split(" is ")[0] for words in found if " <= " not in words} == {
        "answer",
        "(answer - 0.1)",
        "(answer - 0.3)",
    }


def test_trailing_zeros_and_last_bits():
    odd, even = 1 + 2**-52, 1 + 2**-51
    found = events(significand, [odd, even, 0.75], [1.5, odd, 3.0])
    answers = Answers([odd, even, 1 + 3 * 2**-52, 1.5, math.inf])
    assert found["answer has 1 or more trailing zero bits"].holds(answers).tolist() == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert found["answer ends in the bits 11"].holds(answers).tolist() == [False, False, True, False, False]
    assert found["answer ends in the bits 01"].holds(answers).tolist() == [True, False, False, False, False]


@pytest.mark.parametrize("answers", [["x", None], [True, False], [3, 4]])
def test_what_is_no_double_has_no_significand(answers):
    assert events(significand, answers, answers) == {}
