"""The noise: its distribution against the closed form, its proof, and its reach."""

import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trivet.errors import TrivetError, UsageError
from trivet.privacy import laplace
from trivet.privacy.releases import noise
from trivet.privacy.releases.noise import calibrate, half_width

#: Draws cannot be seeded. A correct build fails a test at this level once in 10^9 runs, by a chi-square
#: whose cells hold 1,000 answers and more, so all tests together less than once in 10^6.
LEVEL = 1e-9
ANSWERS = 20_000
CELLS = 12


def cells(scale):
    """Ends of about equally likely cells of integers, and the probability of each."""
    ends = []
    for share in range(1, CELLS):
        end = next(
            x for x in range(-10_000, 10_000) if laplace.discrete_cdf(x, scale=scale) >= share / CELLS - 1e-12
        )
        if end not in ends:
            ends.append(end)
    return ends, probabilities(ends, scale=scale)


def probabilities(ends, *, scale):
    cumulative = [0.0, *(laplace.discrete_cdf(end, scale=scale) for end in ends), 1.0]
    return [high - low for low, high in pairwise(cumulative)]


def p_value(answers, *, scale):
    ends, expected = cells(scale)
    counts = Counter(sum(answer > end for end in ends) for answer in answers)
    observed = [counts[cell] for cell in range(len(expected))]
    return stats.chisquare(observed, [len(answers) * each for each in expected]).pvalue


@pytest.mark.parametrize("scale", [1, *(pytest.param(each, marks=pytest.mark.slow) for each in (10, 40))])
def test_twenty_thousand_answers_are_discrete_laplace(scale):
    measurement = calibrate(sensitivity=1, epsilon=Fraction(1, scale))
    answers = [measurement.add((500,))[0] - 500 for _ in range(ANSWERS)]
    assert p_value(answers, scale=scale) > LEVEL


def test_the_cells_of_a_vector_are_discrete_laplace():
    measurement = calibrate(sensitivity=2, epsilon=Fraction(1, 5), vector=True)
    answers = measurement.add((0,) * ANSWERS)
    assert measurement.scale == pytest.approx(10, rel=1e-15)
    assert p_value(answers, scale=10) > LEVEL
    # Neighbours in the vector are independent: the signs of pairs are as likely equal as not.
    pairs = [(a > 0) == (b > 0) for a, b in zip(answers[::2], answers[1::2], strict=True) if a and b]
    assert stats.binomtest(sum(pairs), len(pairs)).pvalue > LEVEL


@pytest.mark.parametrize("wrong", [pytest.param(0.9, marks=pytest.mark.slow), 1.1])
def test_a_scale_that_is_a_tenth_off_is_seen(wrong):
    mutant = calibrate(sensitivity=1, epsilon=Fraction(1, 10) / Fraction(str(wrong)))
    answers = [mutant.add((0,))[0] for _ in range(3 * ANSWERS // 2)]
    assert p_value(answers, scale=10) < LEVEL
    # Of 20,000 answers the test misses such a mutant less than once in 10^6 runs, and of these more rarely.
    ends, expected = cells(10)
    drawn = probabilities(ends, scale=10 * wrong)
    distance = sum((p - q) ** 2 / q for p, q in zip(drawn, expected, strict=True))
    limit = stats.chi2.isf(LEVEL, len(expected) - 1)
    assert stats.ncx2.cdf(limit, len(expected) - 1, ANSWERS * distance) < 1e-6


@given(
    sensitivity=st.integers(1, 2**36),
    epsilon=st.fractions(min_value=Fraction(1, 10**5), max_value=1000, max_denominator=10**9),
)
def test_opendp_proves_no_more_than_was_charged_and_the_scale_is_not_wasted(sensitivity, epsilon):
    measurement = calibrate(sensitivity=sensitivity, epsilon=epsilon)
    assert Fraction(measurement.proven) <= epsilon
    assert measurement.scale == pytest.approx(float(sensitivity / epsilon), rel=1e-13)
    assert measurement.proven == pytest.approx(float(epsilon), rel=1e-13)


def test_a_scale_one_step_too_small_would_have_been_charged_too_little():
    # 1 / 0.7 in floating point is such a scale: the map exceeds 0.7.
    assert Fraction(noise._laplace(1 / 0.7, vector=False).map(1)) > Fraction(7, 10)
    assert calibrate(sensitivity=1, epsilon=Fraction(7, 10)).scale > 1 / 0.7


def test_a_library_that_proves_too_much_is_refused(monkeypatch):
    def loose(scale, *, vector):
        return SimpleNamespace(map=lambda distance: 2.0 * distance)

    monkeypatch.setattr(noise, "_laplace", loose)
    with pytest.raises(TrivetError, match="nothing was released"):
        calibrate(sensitivity=1, epsilon=Fraction(1))


@pytest.mark.parametrize(("epsilon", "size"), [(Fraction(1, 10**30), "small"), (Fraction(10**8), "large")])
def test_noise_of_no_sensible_size_is_refused(epsilon, size):
    with pytest.raises(UsageError, match=f"epsilon is too {size}"):
        calibrate(sensitivity=1, epsilon=epsilon)


@pytest.mark.parametrize("exact", [2**63 - 1, 2**63, 2**100, -(2**100)])
def test_an_answer_at_the_end_of_the_integers_stays_within_them(exact):
    noisy = calibrate(sensitivity=1, epsilon=Fraction(1)).add((exact,))[0]
    assert -(2**63) <= noisy < 2**63
    assert abs(noisy) > 2**62


@given(scale=st.floats(0.05, 1e9), probability=st.sampled_from([0.05, 0.025]))
def test_the_half_width_is_the_smallest(scale, probability):
    t = half_width(scale, probability=probability)
    assert 2 * laplace.discrete_tail(t, scale=scale) <= probability
    assert t == 0 or 2 * laplace.discrete_tail(t - 1, scale=scale) > probability


def test_the_half_width_is_three_scales():
    # ln 20 = 2.9957 scales for continuous noise; the discrete one differs by less than a step.
    assert half_width(1e6, probability=0.05) == pytest.approx(math.log(20) * 1e6, abs=1)
