"""Losses against closed forms and other libraries, and probabilities of tests against theorems."""

import itertools
import math

import numpy as np
import pytest
from dp_accounting import get_epsilon_gaussian
from scipy import integrate, stats

from trivet.privacy import audit_code
from trivet.privacy.code.densities import (
    CONTINUOUS,
    gaussian_of_scales,
    grid_of_quantiles,
    hockey_stick,
    recognised,
    shift_loss,
)
from trivet.privacy.code.judging import judge
from trivet.privacy.code.pairs import Part
from trivet.privacy.code.tape import Call
from trivet.privacy.code.tested import Test as NoiseTest
from trivet.privacy.code.tested import log_probability

ROWS = [0.5, 1.0, 0.25]


def part(kind, amount, **facts):
    return Part(kind, amount, "here", (0,), facts=facts)


@pytest.mark.parametrize("family", ["laplace", "logistic", "cauchy"])
@pytest.mark.parametrize("shift", [0.1, 1.0, 3.0])
def test_the_largest_log_ratio_is_that_of_the_densities(family, shift):
    known = CONTINUOUS[family]
    grid = np.linspace(-300, 300, 600_001)
    ratio = np.abs(known.logpdf(grid) - known.logpdf(grid - shift)).max()
    assert shift_loss(Call(family, ""), np.array([shift])) == pytest.approx(ratio, rel=1e-4)


def test_integer_noise_costs_whole_steps_and_everything_between():
    call = Call("discrete_laplace", "", 0.5)
    assert shift_loss(call, np.array([0.0, 2.0, 0.5])).tolist() == [0.0, 1.0, math.inf]


@pytest.mark.parametrize("shift", [0.5, 2.0])
@pytest.mark.parametrize("epsilon", [0.1, 1.0])
def test_the_delta_of_shifted_noise_is_the_known_one(shift, epsilon):
    gaussian = stats.norm.cdf(shift / 2 - epsilon / shift) - math.exp(epsilon) * stats.norm.cdf(
        -shift / 2 - epsilon / shift
    )  # Balle and Wang 2018, theorem 8
    assert hockey_stick("normal", shift, 1.0, epsilon) == pytest.approx(gaussian, abs=1e-8)
    laplace = max(0.0, 1 - math.exp((epsilon - shift) / 2))
    assert hockey_stick("laplace", shift, 1.0, epsilon) == pytest.approx(laplace, abs=1e-6)
    assert hockey_stick("gamma", shift, 1.0, epsilon) is None


@pytest.mark.parametrize("ratio", [0.8, 1.25])
@pytest.mark.parametrize("distance", [0.0, 0.7])
def test_the_delta_of_gaussians_of_two_scales_in_one_dimension_is_the_integral(distance, ratio):
    expected = hockey_stick("normal", distance, ratio, 0.5)
    assert gaussian_of_scales(distance, 1, ratio, 0.5) == pytest.approx(expected, abs=1e-7)


def test_the_delta_of_gaussians_of_two_scales_grows_to_one_with_their_number():
    deltas = [gaussian_of_scales(0.0, count, 1.1, 1.0) for count in (1, 10, 100, 1_000)]
    assert deltas == sorted(deltas)
    assert deltas[-1] > 0.9


def test_the_delta_of_gaussians_of_two_scales_in_two_dimensions_is_the_integral():
    ratio, epsilon, distance = 1.3, 0.4, 0.5

    grid = np.linspace(-10, 10, 2_001)
    x, y = np.meshgrid(grid, grid)
    p = np.exp(-(x**2 + y**2) / 2) / (2 * np.pi)
    q = np.exp(-((x - distance) ** 2 + y**2) / ratio**2 / 2) / (2 * np.pi * ratio**2)
    growth = math.exp(epsilon)
    both = [
        np.maximum(one - growth * two, 0).sum() * (grid[1] - grid[0]) ** 2 for one, two in ((p, q), (q, p))
    ]
    assert gaussian_of_scales(distance, 2, ratio, epsilon) == pytest.approx(max(both), rel=1e-4)


@pytest.mark.parametrize("family", CONTINUOUS)
def test_an_inverse_transform_is_recognised_by_its_quantiles(family):
    points = grid_of_quantiles()
    values = np.outer(CONTINUOUS[family].ppf(points), [1.5, 1.5]) + 3
    found = recognised(values)
    assert found is not None
    assert (found[0], found[1].tolist()) == (family, pytest.approx([1.5, 1.5]))
    assert recognised(values[::-1]) is not None
    assert recognised(values**3) is None


def test_an_argmax_with_gumbel_noise_is_softmax():
    scores = np.array([1.0, 2.0, 0.5, -1.0])
    for winner in range(4):
        tests = [
            NoiseTest(scores[winner] - scores[other], ((winner, 1.0), (other, -1.0)))
            for other in range(4)
            if other != winner
        ]
        expected = scores[winner] - np.log(np.exp(scores).sum())
        assert log_probability(tests, ["gumbel"] * 4) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("family", ["laplace", "normal", "exponential", "gumbel", "logistic", "uniform"])
def test_every_order_of_equal_draws_is_as_likely(family):
    chain = [NoiseTest(0.0, ((i + 1, 1.0), (i, -1.0))) for i in range(3)]
    assert log_probability(chain, [family] * 4) == pytest.approx(-math.log(24), abs=1e-3)


def test_a_difference_of_laplace_draws_has_its_known_tail():
    # P(X - Y >= t) = (2 + t) exp(-t) / 4.
    for t in (0.0, 1.0, 5.0):
        found = log_probability([NoiseTest(-t, ((0, 1.0), (1, -1.0)))], ["laplace"] * 2)
        assert found == pytest.approx(math.log((2 + t) * math.exp(-t) / 4), abs=1e-4)


def test_tests_that_are_not_followed_have_no_probability():
    ring = [NoiseTest(0.0, ((a, 1.0), (b, -1.0))) for a, b in itertools.combinations(range(3), 2)]
    assert log_probability(ring, ["laplace"] * 3) is None
    assert log_probability([NoiseTest(0.0, ((0, 1.0), (1, 1.0), (2, 1.0)))], ["laplace"] * 3) is None
    assert log_probability([NoiseTest(0.0, ((0, 1.0),))], ["geometric"]) is None
    assert log_probability([NoiseTest(-1.0, ())], []) == -math.inf
    assert (
        log_probability([NoiseTest(-1.0, ((0, 1.0),)), NoiseTest(0.5, ((0, -1.0),))], ["normal"]) == -math.inf
    )


def test_pure_losses_add_up_and_gaussians_need_a_delta():
    pure = [part("laplace", 0.5), part("pure", 0.25)]
    assert judge(pure, epsilon=0.75, delta=0.0).outcome == "within"
    assert judge(pure, epsilon=0.74, delta=0.0).outcome == "exceeds"
    assert judge([part("gaussian", 0.01)], epsilon=9.0, delta=0.0).outcome == "exceeds"


@pytest.mark.parametrize("mu", [0.25, 1.0])
def test_gaussians_add_up_in_l2_norm_with_the_exact_delta(mu):
    parts = [part("gaussian", mu**2 / 4)] * 4
    needed = judge(parts, epsilon=100.0, delta=1e-5).epsilon
    assert needed == pytest.approx(get_epsilon_gaussian(1 / mu, 1e-5), rel=1e-9)


def test_laplace_and_gaussian_losses_are_convolved():
    parts = [part("laplace", 0.3)] * 2 + [part("gaussian", 0.09)]

    def delta_of(epsilon):
        x = np.random.default_rng(1).laplace(size=(2, 400_000))
        losses = (np.abs(x + 0.3) - np.abs(x)).sum(axis=0)
        total = losses + np.random.default_rng(2).normal(0.045, 0.3, 400_000)
        return np.maximum(0, 1 - np.exp(epsilon - total)).mean()

    needed = judge(parts, epsilon=100.0, delta=0.05).epsilon
    assert delta_of(needed) == pytest.approx(0.05, abs=2e-3)


def test_an_impossible_outcome_may_be_as_likely_as_delta():
    parts = [Part("unlimited", 0.0, "here", (), "impossible", {"mass": 1e-4})]
    assert judge(parts, epsilon=1.0, delta=1e-3).outcome == "unknown"
    assert judge(parts, epsilon=1.0, delta=1e-5).outcome == "exceeds"
    assert judge(parts, epsilon=1.0, delta=0.0).outcome == "exceeds"


def test_a_randomised_bit_costs_what_its_probabilities_say():
    rng = np.random.default_rng(3)

    def release(rows):
        return bool(rng.random() < (0.9 if rows[0] else 0.3))

    found = audit_code(release, [1], epsilon=9, neighbour=[0])
    assert found.epsilon_seen == pytest.approx(math.log(0.7 / 0.1))


def test_a_choice_costs_the_largest_log_ratio():
    rng = np.random.default_rng(3)

    def release(rows):
        shares = np.array([1.0, 2.0, 4.0 + rows[0]])
        return int(rng.choice(3, p=shares / shares.sum()))

    found = audit_code(release, [0.0], epsilon=9, neighbour=[4.0])
    losses = [abs(math.log((one / 7) / (two / 11))) for one, two in ((1, 1), (2, 2), (4, 8))]
    assert found.epsilon_seen == pytest.approx(max(losses))


def test_a_sparse_vector_costs_its_integral():
    rng = np.random.default_rng(4)
    seen = []

    def release(rows):
        bar = rng.laplace(scale=2.0)
        seen[:] = [
            bool(rows[0] + rng.laplace(scale=4.0) >= bar),
            bool(1.0 - rows[0] + rng.laplace(scale=4.0) >= bar),
        ]
        return list(seen)

    found = audit_code(release, [0.0], epsilon=9, neighbour=[1.0], runs=1)

    def probability(value):
        def integrand(bar):
            over = [stats.laplace.sf(bar - query, scale=4.0) for query in (value, 1.0 - value)]
            each = [p if bit else 1 - p for p, bit in zip(over, seen, strict=True)]
            return stats.laplace.pdf(bar, scale=2.0) * each[0] * each[1]

        return integrate.quad(integrand, -80, 80, limit=400, points=[0, 1])[0]

    expected = abs(math.log(probability(0.0) / probability(1.0)))
    assert found.epsilon_seen == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("family", ["laplace", "normal", "logistic"])
def test_noise_of_another_scale_is_never_within_a_claim_without_a_delta(family):
    # Its log ratio grows without bound in the tails, however near the scales are.
    found = judge([part("scales", 0.5, family=family, ratio=1.005)], epsilon=1, delta=0)
    assert (found.outcome, found.epsilon) == ("exceeds", None)


def test_cauchy_noise_of_another_scale_has_a_bounded_loss():
    shift, ratio = 0.1, 1.05
    grid = np.linspace(-1e4, 1e4, 2_000_001)
    loss = np.abs(stats.cauchy.logpdf(grid) - stats.cauchy.logpdf(grid, loc=shift, scale=ratio)).max()
    found = [
        judge([part("scales", shift, family="cauchy", ratio=ratio)], epsilon=loss * factor, delta=0).outcome
        for factor in (0.9, 1.01)
    ]
    assert found == ["exceeds", "within"]


def test_noise_of_another_scale_within_a_delta_needs_the_claim_at_most():
    one = part("scales", 0.5, family="laplace", ratio=1.005)
    assert judge([one], epsilon=1, delta=1e-6).epsilon == 1
    assert judge([one, one], epsilon=1, delta=1e-6).outcome == "unknown"
    assert judge([one, part("laplace", 0.5)], epsilon=1, delta=1e-6).outcome == "unknown"


def test_a_noisy_mean_whose_scale_is_that_of_the_number_of_rows_violates_its_claim():
    rng = np.random.default_rng(0)
    rows = list(np.linspace(0, 1, 200))
    found = audit_code(
        lambda rows: sum(rows) / len(rows) + rng.laplace(scale=1 / len(rows)),
        rows,
        epsilon=1,
        bounds=(0, 1),
        neighbours=3,
    )
    assert found.verdict == "violates"
    assert "no epsilon bounds the loss" in found.reason
