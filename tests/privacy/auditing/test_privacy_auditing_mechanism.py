"""Audits of mechanisms with known guarantees: what is caught, what is not, and how often wrongly."""

import math
import sys

import numpy as np
import pytest
from many_places import OneOfMany
from pydantic import TypeAdapter
from specimen_mechanisms import (
    above_threshold,
    histogram,
    integer_laplace,
    noisy_maximum,
    noisy_vector,
    randomised_response,
    seeded,
)

from trivet.errors import UsageError
from trivet.privacy import accountants, laplace
from trivet.privacy.mechanism.audit import audit_answers, audit_mechanism
from trivet.privacy.mechanism.bounds import epsilon_bounds, lower, upper
from trivet.privacy.mechanism.results import MechanismAudit
from trivet.verdict import CONSISTENT

SEEDS = range(100)
ERROR_RATE = 0.05


def flagged(draw):
    """Count audits of a correct mechanism, at its exact epsilon, that call it a violation."""
    return sum(draw(np.random.default_rng(seed)).verdict == "violates" for seed in SEEDS)


@pytest.mark.slow
def test_a_hundred_audits_of_integer_laplace_noise_at_its_epsilon():
    def draw(generator):
        sides = [laplace.perturb_integer(v, scale=1.0, generator=generator, size=4000) for v in (0, 1)]
        return audit_answers(*sides, epsilon=1.0, error_rate=ERROR_RATE)

    assert flagged(draw) <= ERROR_RATE * len(SEEDS)


@pytest.mark.slow
def test_a_hundred_audits_of_randomised_response_at_its_epsilon():
    def draw(generator):
        lies = generator.random((2, 4000)) >= 0.75
        return audit_answers(lies[0], ~lies[1], epsilon=math.log(3), error_rate=ERROR_RATE)

    assert flagged(draw) <= ERROR_RATE * len(SEEDS)


@pytest.mark.slow
def test_a_hundred_audits_of_a_gaussian_at_its_epsilon_and_delta():
    delta = 0.05
    epsilon = accountants.gaussian(1.0, 1, delta)

    def draw(generator):
        # On a grid of 2^-20, where no bit tells; rounding is post-processing of a real number.
        noise = generator.normal(0, 1, (2, 2000))
        sides = np.round((noise + np.array([[0], [1]])) * 2**20) / 2**20
        return audit_answers(*sides, epsilon=epsilon, delta=delta, error_rate=ERROR_RATE)

    assert flagged(draw) <= ERROR_RATE * len(SEEDS)


def test_half_the_gaussian_noise_violates_its_epsilon_and_delta():
    delta = 0.01
    epsilon = accountants.gaussian(1.0, 1, delta)
    generator = np.random.default_rng(3)
    sides = [np.round(generator.normal(value, 0.5, 20_000) * 2**20) / 2**20 for value in (0, 1)]
    audit = audit_answers(*sides, epsilon=epsilon, delta=delta)
    assert audit.verdict == "violates"
    assert audit.epsilon_lower < accountants.gaussian(0.5, 1, delta)


@pytest.mark.slow
def test_events_fitted_to_chance_are_not_believed():
    # Every answer is rare and says nothing: sets of "values of A alone" mean nothing on fresh answers.
    def draw(generator):
        return audit_answers(*generator.integers(0, 3000, (2, 2000)), epsilon=0.2, error_rate=ERROR_RATE)

    assert flagged(draw) <= ERROR_RATE * len(SEEDS)


def test_only_fresh_answers_count():
    # In the first half the sides differ in every answer, in the other half in none.
    coin = [0, 1] * 500
    audit = audit_answers([0] * 1000 + coin, [1] * 1000 + coin, epsilon=0.1)
    assert audit.verdict == "consistent"
    assert (audit.best.p_count, audit.best.q_count) == (500, 500)
    assert (audit.proposing_trials, audit.choosing_trials, audit.testing_trials) == (500, 500, 1000)


def test_randomised_response_is_measured():
    audit = audit_mechanism(
        seeded(randomised_response, 3, epsilon=math.log(3)), epsilon=math.log(2), trials=100_000
    )
    assert audit.verdict == "violates"
    # At 50,000 tests the bound lies within 5 % of the truth.
    assert 0.95 * math.log(3) < audit.epsilon_lower < math.log(3)
    assert audit.best.description in {"answer is True", "answer is False"}


def test_a_finding_carries_its_own_arithmetic():
    audit = audit_mechanism(seeded(integer_laplace, 1), epsilon=0.5, delta=0.01, trials=4000)
    assert audit.level == ERROR_RATE / (2 * audit.events_tested)
    assert audit.findings == tuple(sorted(audit.findings, key=lambda f: -f.epsilon_lower))
    for finding in audit.findings:
        counts = (finding.p_count, finding.q_count)
        assert finding.p.low == float(lower(finding.p_count, 2000, audit.level))
        assert finding.q.high == float(upper(finding.q_count, 2000, audit.level))
        bound = epsilon_bounds(*counts, 2000, level=audit.level, delta=0.01)
        assert finding.epsilon_lower == max(0.0, bound)
        assert finding.p.value == finding.p_count / 2000
    assert audit.epsilon_lower == audit.best.epsilon_lower < audit.ceiling


@pytest.mark.parametrize("swap", [False, True])
def test_both_directions_are_looked_at(swap):
    inputs = (1, 0) if swap else (0, 1)
    generator = np.random.default_rng(5)
    audit = audit_mechanism(
        lambda value: bool(value) and bool(generator.random() < 0.1), epsilon=1.0, inputs=inputs, trials=4000
    )
    assert audit.verdict == "violates"
    assert audit.best.direction == ("A against B" if swap else "B against A")
    assert audit.best.q_count == 0 < audit.best.q.high


# mechanism, inputs, settings of the right one, of the wrong one
SIBLINGS = [
    (above_threshold, ([0, 1, 0], [1, 0, 1]), {"fresh_noise": True}, {"fresh_noise": False}),
    (noisy_maximum, ([1, 1, 1, 1, 1], [2, 2, 2, 2, 2]), {"value": False}, {"value": True}),
    (histogram, ("aabc", "aab"), {"drop_empty": False}, {"drop_empty": True}),
    (noisy_vector, ([1, 2], [1, 3]), {"fresh_noise": True}, {"fresh_noise": False}),
    (integer_laplace, (0, 1), {"scale": 1.0}, {"scale": 0.5}),
]


@pytest.mark.parametrize(
    ("mechanism", "inputs", "right", "wrong"), SIBLINGS, ids=[row[0].__name__ for row in SIBLINGS]
)
def test_a_mistake_is_caught_and_its_correct_sibling_is_not(mechanism, inputs, right, wrong):
    verdicts = [
        audit_mechanism(seeded(mechanism, 11, **how), epsilon=1.0, inputs=inputs, trials=8000).verdict
        for how in (right, wrong)
    ]
    assert verdicts == ["consistent", "violates"]


def test_small_leaks_of_many_numbers_are_added_up():
    # One record moves ten counts, up and down in turn: 0.5 each is epsilon 5, of which no two show above 1.
    inputs = ([0, 1] * 5, [1, 0] * 5)
    audits = [
        audit_mechanism(
            seeded(noisy_vector, 4, fresh_noise=True, scale=scale), epsilon=1.0, inputs=inputs, trials=10_000
        )
        for scale in (10.0, 2.0)
    ]
    assert [audit.verdict for audit in audits] == ["consistent", "violates"]
    assert audits[1].best.family == "likelihood"
    assert [f.epsilon_lower > 1 for f in audits[1].findings].count(True) == 1


def test_noise_of_numpy_is_caught_by_its_bits():
    generator = np.random.default_rng(2)
    sides = [generator.laplace(value, 1.0, 20_000) for value in (0.0, 1.0)]
    audit = audit_answers(*sides, epsilon=1.0)
    assert audit.verdict == "violates"
    assert audit.best.family == "grid"
    assert audit.best.q_count == 0
    others = [f.epsilon_lower for f in audit.findings if f.family in {"thresholds", "intervals"}]
    assert len(others) == 2
    assert max(others) < 1


@pytest.mark.parametrize("inputs", [(1, 2), (3, 4), (-1, 0), (0.1, 1.1)])
def test_bits_betray_other_neighbours_too(inputs):
    generator = np.random.default_rng(4)
    sides = [generator.laplace(value, 1.0, 40_000) for value in inputs]
    audit = audit_answers(*sides, epsilon=1.0, inputs=inputs)
    assert (audit.verdict, audit.best.family) == ("violates", "grid")


def test_a_shifted_grid_is_seen_once_the_input_is_taken_away():
    generator = np.random.default_rng(6)
    sides = [np.round(generator.laplace(0, 1, 4000) * 2**40) / 2**40 + value for value in (0.1, 0.4)]
    audit = audit_answers(*sides, epsilon=1.0, inputs=(0.1, 0.4))
    assert audit.verdict == "violates"
    assert audit.best.description.startswith("(answer - 0.")


@pytest.mark.parametrize("odd", [None, math.nan, math.inf, "failed", (1, 2)])
def test_a_rare_answer_of_another_kind_is_an_event(odd):
    generator = np.random.default_rng(8)

    def mechanism(value):
        return odd if value == 1 and generator.random() < 0.05 else integer_laplace(generator, value)

    audit = audit_mechanism(mechanism, epsilon=1.0, trials=4000)
    assert audit.verdict == "violates"
    form = next(finding for finding in audit.findings if finding.family == "form")
    assert form.q_count == 0
    assert form.epsilon_lower > 1


def test_a_constant_is_consistent_and_said_to_be_one():
    audit = audit_mechanism(lambda _value: 3, epsilon=1.0, trials=1000)
    assert (audit.verdict, audit.epsilon_lower) == ("consistent", 0.0)
    assert "no noise is added" in audit.limits


def test_answers_of_which_no_two_are_alike_leave_nothing_to_count():
    names = iter(range(10**6))
    audit = audit_mechanism(lambda _value: f"token {next(names)}", epsilon=1.0, trials=1000)
    assert (audit.verdict, audit.best, audit.events_tested) == ("consistent", None, 0)
    assert audit.reason.startswith("No answer came up twice")


def test_an_answer_without_noise_violates_as_far_as_can_be_shown():
    audit = audit_mechanism(lambda value: value, epsilon=1.0, trials=1000)
    assert audit.verdict == "violates"
    assert audit.epsilon_lower == pytest.approx(audit.ceiling, rel=1e-12)
    assert "no noise is added" in audit.limits


def test_the_smallest_visible_frequency_is_what_it_says():
    generator = np.random.default_rng(9)
    audit = audit_answers(*generator.integers(0, 2, (2, 4000)), epsilon=1.0)
    count = round(audit.visible_probability * audit.testing_trials)
    shown = [
        epsilon_bounds(k, 0, audit.testing_trials, level=audit.level, delta=0.0) > 1.0
        for k in (count - 1, count)
    ]
    assert shown == [False, True]


def test_a_result_survives_json_and_a_seeded_mechanism_gives_it_again():
    first, second = (audit_mechanism(seeded(integer_laplace, 1), epsilon=1.0, trials=2000) for _ in range(2))
    assert first == second
    adapter = TypeAdapter(MechanismAudit)
    assert adapter.validate_json(adapter.dump_json(first)) == first


def test_the_seed_orders_the_calls_and_touches_no_other_randomness():
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - it is the global state that is looked at
    orders = []
    for seed in (0, 0, 1):
        calls = []
        audit_mechanism(lambda v, c=calls: c.append(v) or v, epsilon=1.0, trials=400, seed=seed)
        orders.append(calls)
    assert orders[0] == orders[1] != orders[2]
    assert sum(orders[0]) == 400
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_what_drifts_from_call_to_call_is_no_difference():
    calls = iter(range(10**6))
    audit = audit_mechanism(lambda _value: next(calls), epsilon=0.5, trials=4000)
    assert audit.verdict == "consistent"


def test_a_mechanism_cannot_change_its_input():
    def mechanism(records):
        records.append(1)
        return len(records)

    audit = audit_mechanism(mechanism, epsilon=1.0, inputs=([1, 2], [1]), trials=400)
    assert audit.examples_a == ("3", "3", "3")


def test_what_a_mechanism_prints_is_not_a_result(capsys):
    audit_mechanism(lambda value: sys.stdout.write("noise") * value, epsilon=1.0, trials=400)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "noise" in captured.err


def raising(_value):
    raise ValueError("no budget\nleft")


def leaving(_value):
    raise SystemExit("bye")


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        (raising, r"failed on the input [01]: ValueError: no budget\.$"),
        (leaving, r"failed on the input [01]: SystemExit: bye\.$"),
        (lambda _a, _b: 0, r"cannot be called with one input: .*missing a required argument: '_b'"),
        (lambda: 0, r"cannot be called with one input: .*too many positional arguments"),
        (lambda _value: None, r"returned None in every call; .*`return`\?"),
        (lambda _value: object(), r"returned a value of type object on the input"),
        (lambda _value: [1, {2: lambda: 0}], r"returned a value of type function on the input"),
    ],
)
def test_a_mechanism_that_cannot_be_audited(mechanism, message):
    with pytest.raises(UsageError, match=message) as caught:
        audit_mechanism(mechanism, epsilon=1.0, trials=400)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": 0.0}, "epsilon is 0.0; expected a finite number above 0"),
        ({"epsilon": math.nan}, "epsilon is nan; expected a finite number above 0"),
        ({"delta": 1.0}, "delta is 1.0; expected 0 or more and below 1"),
        ({"delta": -0.1}, "delta is -0.1; expected 0 or more and below 1"),
        ({"error_rate": 0.0}, "error_rate is 0.0; expected above 0 and below 1"),
        ({"seed": -1}, "seed is -1; expected 0 to 4294967295"),
        ({"trials": 399}, "399 trials are too few: .* no fewer than 400 can show a violation"),
        ({"epsilon": 8.0, "trials": 10_000}, "10000 trials are too few: at epsilon 8.0"),
        ({"epsilon": 20.0}, "a violation of epsilon 20.0 does not show in 5000000 trials"),
        ({"trials": 5_000_001}, "trials is 5000001; expected at most 5000000"),
    ],
)
def test_numbers_out_of_range_are_refused_before_the_first_call(change, message):
    with pytest.raises(UsageError, match=message):
        audit_mechanism(raising, **{"epsilon": 1.0, "trials": 1000, **change})


def test_the_named_minimum_is_enough_to_convict():
    with pytest.raises(UsageError, match="no fewer than") as caught:
        audit_mechanism(lambda value: value, epsilon=6.0, trials=1000)
    fewest = int(str(caught.value).split("no fewer than ")[1].split()[0])
    assert audit_mechanism(lambda value: value, epsilon=6.0, trials=fewest).verdict == "violates"


def test_sides_of_different_length_are_refused():
    with pytest.raises(UsageError, match="3 answers on one input and 2 on the other"):
        audit_answers([1, 2, 3], [1, 2], epsilon=1.0)


@pytest.mark.slow
@pytest.mark.parametrize("keys", [60, 130, 200])
def test_a_mechanism_with_more_places_than_are_looked_at_is_not_accused_of_them(keys):
    """What an answer has at a place must not depend on which places the other answers have."""
    verdicts = [
        audit_mechanism(OneOfMany(keys, seed), epsilon=1.0, trials=20_000, seed=seed).verdict
        for seed in range(6)
    ]
    assert verdicts == [CONSISTENT] * 6
