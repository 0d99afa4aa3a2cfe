"""The one-run bound against the theorem written out, another library's answers, and trainings that leak."""

import math

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import binom

from trivet.errors import DataError, UsageError
from trivet.privacy.accountants import gaussian
from trivet.privacy.membership.one_run import (
    FEWEST_GUESSES,
    one_run_audit,
    one_run_epsilon,
    one_run_gaussian,
    one_run_probability,
)
from trivet.privacy.membership.results import CanaryAudit


def by_hand(m, r, v, epsilon, delta):
    """The theorem's right side from binomial coefficients alone."""
    q = math.exp(epsilon) / (1 + math.exp(epsilon))
    mass = [math.comb(r, w) * q**w * (1 - q) ** (r - w) for w in range(r + 1)]

    def f(at):
        return math.fsum(mass[max(at, 0) :])

    steps = [(f(v - i) - f(v)) / i for i in range(1, v + 1)]
    return min(1.0, f(v) + 2 * m * delta * max(steps, default=0.0))


@given(st.data())
def test_the_probability_is_that_of_the_theorem(data):
    m = data.draw(st.integers(1, 60))
    r = data.draw(st.integers(1, m))
    v = data.draw(st.integers(0, r))
    epsilon = data.draw(st.floats(0, 5))
    delta = data.draw(st.sampled_from([0.0, 1e-5, 1e-3, 1 / 120]))
    probability = one_run_probability(m, r, v, epsilon=epsilon, delta=delta)
    assert probability == pytest.approx(by_hand(m, r, v, epsilon, delta), rel=1e-9, abs=1e-14)


@given(st.integers(10, 60), st.data())
def test_the_bound_is_where_the_theorem_stops_refuting(m, data):
    r = data.draw(st.integers(1, m))
    v = data.draw(st.integers(0, r))
    delta = data.draw(st.sampled_from([0.0, 1e-4, 1 / 120]))
    level = data.draw(st.sampled_from([0.9, 0.95, 0.99]))
    epsilon = one_run_epsilon(m, r, v, delta=delta, level=level)
    if epsilon == 0:
        assert by_hand(m, r, v, 0.0, delta) >= 1 - level - 1e-12
    else:
        assert by_hand(m, r, v, epsilon, delta) == pytest.approx(1 - level, rel=1e-7)
        # All smaller ones are refuted too, which a crossing alone would not say.
        assert all(by_hand(m, r, v, share * epsilon, delta) < 1 - level for share in np.linspace(0, 0.99, 12))


@pytest.mark.parametrize(
    ("canaries", "guesses", "correct", "delta", "level", "epsilon"),
    [
        # jax-privacy 2.0.0, CanaryScoreAuditor.epsilon_one_run with an explicit threshold. It takes no
        # delta of 0; 1e-12 moves the bound in the tenth digit.
        (1000, 100, 100, 1e-12, 0.95, 3.49296534342162),
        (1000, 100, 90, 1e-12, 0.95, 1.6308231922772645),
        (1000, 500, 320, 1e-5, 0.95, 0.41806852163872327),
        (1000, 200, 180, 1e-5, 0.95, 1.796285070718516),
        (5000, 1500, 1200, 1e-5, 0.99, 1.2320806963917756),
        (10000, 400, 390, 1e-6, 0.95, 3.122203848578846),
        (100, 40, 20, 1e-5, 0.95, 0.0),
    ],
)
def test_jax_privacy_gives_the_same_bound(canaries, guesses, correct, delta, level, epsilon):
    bound = one_run_epsilon(canaries, guesses, correct, delta=delta, level=level)
    # Its search stops within 1e-6.
    assert bound == pytest.approx(epsilon, abs=1e-6)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_a_hundred_right_guesses_of_a_hundred(level):
    # q^100 = 1 - level.
    q = (1 - level) ** (1 / 100)
    audit = one_run_audit(np.arange(100), np.arange(100) >= 50, level=level, guesses=100)
    assert (audit.correct, audit.guesses, audit.tried) == (100, 100, 1)
    assert audit.epsilon_lower == pytest.approx(math.log(q / (1 - q)), rel=1e-9)
    assert audit.ceiling == audit.epsilon_lower


def test_half_of_the_guesses_right_shows_nothing():
    audit = one_run_audit(np.arange(100), np.arange(100) % 2 == 0, guesses=100)
    assert (audit.correct, audit.epsilon_lower, audit.expected_by_chance) == (50, 0.0, 50.0)
    assert "guessing may reach" in audit.reason


def test_the_highest_are_guessed_in_the_lowest_out_and_the_rest_is_left():
    scores = np.array([9.0, 8.0, 7.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    included = np.array([True, False, True, True, False, False, True, False])
    for guesses, correct in [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (6, 4), (8, 6)]:
        audit = one_run_audit(scores, included, guesses=guesses)
        assert (audit.guesses, audit.correct) == (guesses, correct)
    assert audit.included == 4


@pytest.mark.slow
@pytest.mark.parametrize("guesses", [None, 200])
def test_guessing_shows_a_leak_at_most_as_often_as_the_level_says(guesses):
    rng = np.random.default_rng(0)
    repetitions = 400
    shown = sum(
        one_run_audit(rng.normal(size=200), rng.random(200) < 0.5, guesses=guesses).epsilon_lower > 0
        for _ in range(repetitions)
    )
    assert shown <= binom.ppf(0.999, repetitions, 0.05)


@pytest.mark.parametrize(
    ("epsilon", "guesses"),
    [
        (2.0, None),
        (0.5, 300),
        pytest.param(0.5, None, marks=pytest.mark.slow),
        pytest.param(2.0, 300, marks=pytest.mark.slow),
    ],
)
def test_a_training_that_is_private_is_not_accused_more_often_than_the_level_allows(epsilon, guesses):
    # Randomised response tells each coin truly with e^eps / (1 + e^eps): the theorem's worst case.
    rng = np.random.default_rng(1)
    repetitions, m, wrong, bounds = 150, 300, 0, []
    for _ in range(repetitions):
        coins = rng.random(m) < 0.5
        told = coins ^ (rng.random(m) > 1 / (1 + math.exp(-epsilon)))
        bounds.append(one_run_audit(told + rng.random(m) / 2, coins, guesses=guesses).epsilon_lower)
        wrong += bounds[-1] > epsilon
    assert wrong <= binom.ppf(0.999, repetitions, 0.05)
    # And the bound is no idle one: the error of a logit of 300 coins, times the normal quantile of a level
    # corrected for five numbers of guesses, 2.33, and something for the skewness.
    q = 1 / (1 + math.exp(-epsilon))
    assert np.median(bounds) > epsilon - 3 / math.sqrt(m * q * (1 - q))


def test_several_numbers_of_guesses_cost_confidence():
    rng = np.random.default_rng(2)
    coins = rng.random(320) < 0.5
    scores = coins * 1.0 + rng.normal(size=320)
    audit = one_run_audit(scores, coins)
    assert audit.tried == 6  # 320, 160, 80, 40, 20, 10
    corrected = 1 - 0.05 / 6
    assert audit.epsilon_lower == one_run_epsilon(320, audit.guesses, audit.correct, level=corrected)
    assert audit.ceiling == one_run_epsilon(320, audit.guesses, audit.guesses, level=corrected)
    others = [one_run_audit(scores, coins, guesses=r, level=corrected) for r in (320, 160, 80, 40, 20, 10)]
    assert audit.epsilon_lower == max(other.epsilon_lower for other in others) > 0


def test_the_order_of_the_canaries_says_nothing_where_scores_tie():
    coins = np.arange(400) < 200
    shown = [one_run_audit(np.zeros(400), coins, seed=seed, guesses=400).epsilon_lower for seed in range(100)]
    assert sum(bound > 0 for bound in shown) <= binom.ppf(0.999, 100, 0.05)


def test_delta_weakens_the_bound():
    bounds = [one_run_epsilon(1000, 200, 180, delta=delta) for delta in (0.0, 1e-6, 1e-5, 1e-4, 5e-4)]
    assert bounds == sorted(bounds, reverse=True)
    assert len(set(bounds)) == len(bounds)


def test_few_canaries_are_all_guessed_about():
    audit = one_run_audit([3.0, 2.0, 1.0], [True, True, False])
    assert FEWEST_GUESSES > 3
    assert (audit.guesses, audit.tried) == (3, 1)


def test_the_same_call_gives_the_same_result_and_it_survives_json():
    rng = np.random.default_rng(3)
    scores, coins = rng.integers(0, 4, 50), rng.random(50) < 0.5
    audit = one_run_audit(scores, coins, delta=1e-5)
    assert audit == one_run_audit(scores, coins, delta=1e-5)
    adapter = pydantic.TypeAdapter(CanaryAudit)
    assert adapter.validate_json(adapter.dump_json(audit)) == audit


@pytest.mark.parametrize(
    ("scores", "included", "message"),
    [
        ([1.0], [True, False], "found shapes"),
        ([1.0], [1], "of int64"),
        ([], np.array([], dtype=bool), "found shapes"),
        ([math.inf], [True], "not finite"),
    ],
)
def test_canaries_that_do_not_fit_are_refused(scores, included, message):
    with pytest.raises(DataError, match=message):
        one_run_audit(scores, included)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"delta": 0.3}, "delta is 0.3; with so many canaries a bare claim is tested from 0 to 0.25"),
        ({"delta": -1e-5}, "delta"),
        ({"delta": math.nan}, "delta"),
        ({"level": 1.0}, "level"),
        ({"guesses": 0}, "1 to 2"),
        ({"guesses": 3}, "1 to 2"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        one_run_audit([1.0, 0.0], [True, False], **settings)
    with pytest.raises(UsageError, match="in this order"):
        one_run_epsilon(10, 5, 6)


@given(st.integers(20, 300), st.floats(0.2, 4), st.data())
def test_what_independent_gaussian_answers_often_reach_does_not_refute_them(m, ratio, data):
    correct = data.draw(st.integers(m // 2, m))
    likely = binom.sf(correct - 1, m, ndtr(ratio / 2))  # each guess is right with this probability
    bound = one_run_gaussian(m, m, correct, delta=1e-5, level=0.95)
    if likely > 0.05:
        assert bound <= gaussian(1 / ratio, 1, 1e-5) * (1 + 1e-6)


@pytest.mark.slow
def test_a_gaussian_bound_holds_as_often_as_it_says():
    generator, ratio, m, trials = np.random.default_rng(4), 1.5, 400, 300
    truth, wrong = gaussian(1 / ratio, 1, 1e-5), 0
    for _ in range(trials):
        coins = generator.random(m) < 0.5
        scores = ratio * coins + generator.normal(size=m)
        found = one_run_audit(scores, coins, delta=1e-5, guesses=100, level=0.9, claim="gaussian")
        wrong += found.epsilon_lower > truth
    assert binom.sf(wrong - 1, trials, 0.1) > 0.001


@pytest.mark.parametrize("epsilon", [1.0, 2.0, 4.0])
def test_a_gaussian_claim_is_refuted_further_than_its_epsilon_alone(epsilon):
    ratio = brentq(lambda ratio: gaussian(1 / ratio, 1, 1e-5) - epsilon, 0.05, 5)
    generator = np.random.default_rng(1)
    coins = generator.random(5000) < 0.5
    scores = ratio * coins + generator.normal(size=5000)
    bare = one_run_audit(scores, coins, delta=1e-5)
    whole = one_run_audit(scores, coins, delta=1e-5, claim="gaussian")
    assert bare.epsilon_lower * 1.2 < whole.epsilon_lower < epsilon
    assert whole.ceiling > bare.ceiling


def test_five_thousand_canaries_show_more_than_half_of_a_gaussian_s_epsilon_of_four():
    # The recursion of the paper shows 2.2 at the level of a whole ladder of guesses.
    ratio = brentq(lambda ratio: gaussian(1 / ratio, 1, 1e-5) - 4.0, 0.05, 5)
    shown = []
    for seed in range(5):
        generator = np.random.default_rng(seed)
        coins = generator.random(5000) < 0.5
        scores = ratio * coins + generator.normal(size=5000)
        shown.append(one_run_audit(scores, coins, delta=1e-5, claim="gaussian").epsilon_lower)
    assert 2.2 <= np.median(shown) < 4


def test_a_gaussian_claim_needs_a_delta():
    with pytest.raises(UsageError, match="a gaussian claim is tested between 0 and 1"):
        one_run_audit([1.0, 0.0], np.array([True, False]), claim="gaussian")
    with pytest.raises(UsageError, match="expected one of: epsilon-delta, gaussian"):
        one_run_audit([1.0, 0.0], np.array([True, False]), claim="pure")
