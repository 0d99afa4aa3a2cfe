"""Mechanisms apart from their bits, over many neighbours: what is found, and how often wrongly."""

import math

import numpy as np
import pytest
from scipy.stats import binom
from specimen_mechanisms import (
    integer_laplace,
    noisy_vector,
    seeded,
    sparse_vector,
    truncated_geometric,
)

from trivet.errors import UsageError
from trivet.privacy.mechanism.answers import coarse_grid
from trivet.privacy.mechanism.audit import audit_answers, audit_mechanism
from trivet.privacy.mechanism.bounds import thinned_bound
from trivet.privacy.mechanism.families import BITS
from trivet.privacy.mechanism.neighbours import neighbour_patterns
from trivet.verdict import CONSISTENT, VIOLATES

CROSSED = ([1] * 5 + [0] * 5, [0] * 5 + [1] * 5)
HALVES = ([1] * 10, [0] * 5 + [2] * 5)


def audited(variant, *, trials, epsilon=1.0, inputs=CROSSED, seed=7, **how):
    mechanism = seeded(sparse_vector, seed, variant=variant, epsilon=epsilon)
    return audit_mechanism(mechanism, epsilon=epsilon, inputs=inputs, trials=trials, logic=True, **how)


@pytest.mark.parametrize(
    ("variant", "verdict"), [(1, CONSISTENT), (2, CONSISTENT), (5, VIOLATES), (6, VIOLATES)]
)
def test_sparse_vector_variants_on_one_pair(variant, verdict):
    assert audited(variant, trials=8000).verdict == verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "verdict"),
    [(1, CONSISTENT), (2, CONSISTENT), (3, VIOLATES), (4, VIOLATES), (5, VIOLATES), (6, VIOLATES)],
)
def test_sparse_vector_variants_over_all_patterns(variant, verdict):
    found = audited(variant, trials=100_000, queries=10)
    assert found.verdict == verdict, found.reason
    assert found.pairs == 8
    if verdict == VIOLATES:
        assert found.pattern in {
            "half below, half above",
            "halves crossed",
            "all above",
            "one above, rest below",
        }


@pytest.mark.slow
def test_sparse_vector_six_is_found_at_a_tenth_of_the_epsilon_more_often_than_not():
    verdicts = [
        audited(6, trials=100_000, epsilon=0.1, inputs=HALVES, seed=seed).verdict for seed in range(3)
    ]
    assert verdicts.count(VIOLATES) >= 2


@pytest.mark.slow
def test_a_geometric_mechanism_with_the_wrong_logarithm_is_found():
    pairs = [(count, count + 1) for count in range(5)]
    verdicts = []
    for logarithm in (math.log2, math.log):
        mechanism = seeded(truncated_geometric, 5, epsilon=0.1, logarithm=logarithm)
        audit = audit_mechanism(mechanism, epsilon=0.1, neighbours=pairs, trials=100_000, logic=True)
        verdicts.append(audit.verdict)
    assert verdicts == [CONSISTENT, VIOLATES]
    assert audit.epsilon_lower < math.log(1 + 2**-3)


def test_the_geometric_specimen_has_the_probabilities_of_its_paper():
    # Balcer and Vadhan 2018, Theorem 4.7: the ratio of neighbours is 1 + 2^-k, and no more.
    generator = np.random.default_rng(0)
    draws = {
        count: np.bincount([truncated_geometric(generator, count, epsilon=0.9) for _ in range(20_000)])
        for count in (2, 3)
    }
    k = math.ceil(math.log2(2 / 0.9))
    ratio = draws[3][4:].sum() / draws[2][4:].sum()
    assert ratio == pytest.approx(1 + 2**-k, rel=0.06)


@pytest.mark.parametrize("epsilon", [0.1, 1.0])
@pytest.mark.parametrize("q", [0.002, 0.05, 0.3])
def test_the_bound_of_fisher_s_test_is_wrong_as_seldom_as_it_says(epsilon, q):
    generator = np.random.default_rng(1)
    trials, repetitions, level = 4000, 300, 0.05
    counts = generator.binomial(trials, [[min(1, q * math.exp(epsilon))], [q]], size=(2, repetitions))
    bounds = [thinned_bound(int(a), int(b), trials, level=level, generator=generator) for a, b in counts.T]
    wrong = sum(bound > epsilon for bound in bounds)
    assert wrong <= binom.ppf(0.999, repetitions, level)


def test_fisher_s_bound_is_the_least_epsilon_that_its_test_keeps():
    generator = np.random.default_rng(2)
    assert thinned_bound(0, 5, 100, level=0.05, generator=generator) == -np.inf
    assert thinned_bound(50, 50, 100, level=0.05, generator=generator) < 0.2
    # Five answers on one side of ten alike come about by chance in 1 of 32, four in 1 of 16.
    uniform = np.sort(np.random.default_rng(3).random(90))
    bound = thinned_bound(90, 0, 10_000, level=0.05, generator=np.random.default_rng(3))
    assert bound == pytest.approx(-math.log(uniform[4]))


def test_noise_of_numpy_is_right_but_for_its_bits():
    generator = np.random.default_rng(2)
    sides = [generator.laplace(value, 1.0, 20_000) for value in (0.0, 1.0)]
    assert audit_answers(*sides, epsilon=1.0).verdict == VIOLATES
    logic = audit_answers(*sides, epsilon=1.0, logic=True)
    assert (logic.verdict, logic.events_tested, logic.logic) == (CONSISTENT, 1, True)
    assert logic.epsilon_lower > 0.8
    assert "bits" in logic.limits
    halved = [generator.laplace(value, 0.5, 20_000) for value in (0.0, 1.0)]
    assert audit_answers(*halved, epsilon=1.0, logic=True).verdict == VIOLATES


def test_one_event_at_the_whole_error_rate_shows_more_than_one_of_each_family():
    generator = np.random.default_rng(4)
    sides = [[integer_laplace(generator, value) for _ in range(20_000)] for value in (0, 1)]
    each = audit_answers(*sides, epsilon=1.0)
    one = audit_answers(*sides, epsilon=1.0, logic=True)
    assert each.epsilon_lower < one.epsilon_lower <= 1.0
    assert one.best.test == "Fisher"


@pytest.mark.slow
def test_a_hundred_audits_of_the_logic_of_integer_laplace_noise():
    flagged = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        success = -math.expm1(-1.0)
        on_a, on_b = generator.geometric(success, (2, 4000)) - generator.geometric(success, (2, 4000))
        audit = audit_answers(on_a, on_b + 1, epsilon=1.0, logic=True)
        flagged += audit.verdict == VIOLATES
    assert flagged <= binom.ppf(0.999, 100, 0.05)


@pytest.mark.slow
def test_a_mechanism_is_not_accused_for_having_many_neighbours():
    mechanism = seeded(noisy_vector, 4, fresh_noise=True, scale=8.0)
    audit = audit_mechanism(mechanism, epsilon=1.0, queries=8, trials=16_000, logic=True)
    assert audit.verdict == CONSISTENT
    assert audit.pairs == 8
    assert audit.epsilon_lower > 0.3


def test_the_pair_that_shows_most_is_tested_on_fresh_answers():
    calls = []
    mechanism = seeded(integer_laplace, 6)

    def counted(value):
        calls.append(value)
        return mechanism(value * (value > 2))  # neighbours 0, 1 and 1, 2 are the same to it

    pairs = [(0, 1), (1, 2), (3, 4)]
    audit = audit_mechanism(counted, epsilon=0.5, neighbours=pairs, trials=4000)
    assert (audit.input_a, audit.input_b, audit.verdict) == ("3", "4", VIOLATES)
    # Half of the answers search on each pair; the other half is drawn for the chosen one.
    assert [calls.count(value) for value in (0, 1, 3)] == [2000, 4000, 4000]
    assert audit.trials == 4000


def test_one_pair_of_many_is_audited_as_the_pair_alone():
    alone, listed = (
        audit_mechanism(seeded(integer_laplace, 1), epsilon=1.0, trials=2000, **how)
        for how in ({"inputs": (0, 1)}, {"neighbours": [(0, 1)]})
    )
    assert alone == listed


@pytest.mark.parametrize("queries", [1, 2, 3, 10])
def test_patterns_are_neighbours_and_differ(queries):
    patterns = neighbour_patterns(queries)
    assert all(max(abs(x - y) for x, y in zip(a, b, strict=True)) == 1 for a, b in patterns.values())
    assert all(len(a) == len(b) == queries for a, b in patterns.values())
    assert len({repr(pair) for pair in patterns.values()}) == len(patterns)
    assert len(patterns) == (8 if queries > 3 else len(patterns))


def test_answers_are_rounded_by_the_spread_of_their_place():
    generator = np.random.default_rng(5)
    sample = [(float(x), {"wide": float(1000 * x), "n": 3}, None) for x in generator.normal(size=500)]
    rounded = coarse_grid(sample)
    out = rounded((0.123456789, {"wide": 123.456789, "n": 3}, None))
    assert out[1]["n"] == 3
    assert out[2] is None
    assert (out[0] * 2**14).is_integer()
    assert abs(out[0] - 0.123456789) < 0.01
    assert abs(out[1]["wide"] - 123.456789) < 3
    assert rounded((math.inf, {"wide": 5.0, "new": 0.1}, "x"))[0] == math.inf
    # Neither the sign of zero nor a bit of the input is left.
    assert str(rounded((-1e-9, {}, None))[0]) == "0.0"
    same = coarse_grid([1.5, 1.5])
    assert same(1.5) == 1.5
    assert same(1 / 3) == pytest.approx(1 / 3, rel=2**-9)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"queries": 0}, "queries is 0; expected 1 to 64"),
        ({"queries": 3, "neighbours": [(0, 1)]}, "give one of them"),
        ({"neighbours": []}, "pairs of inputs, one or more"),
        ({"neighbours": [(0, 1, 2)]}, "pairs of inputs, one or more"),
    ],
)
def test_neighbours_that_are_none_are_refused(how, message):
    with pytest.raises(UsageError, match=message):
        audit_mechanism(lambda value: value, epsilon=1.0, trials=1000, **how)


def test_who_is_found_by_bits_alone_hears_of_the_way_to_test_the_rest():
    draw = np.random.default_rng(0)
    on_a, on_b = (list(centre + draw.laplace(size=8_000)) for centre in (0.0, 1.0))
    found = audit_answers(on_a, on_b, epsilon=1.5)
    assert found.verdict == VIOLATES
    assert {each.family for each in found.findings if each.epsilon_lower > 1.5} <= BITS
    assert "--logic tests the rest" in found.limits
    doubled = audit_answers(on_a, [3 + each for each in on_b], epsilon=1.5)
    assert doubled.verdict == VIOLATES
    assert "--logic" not in doubled.limits
