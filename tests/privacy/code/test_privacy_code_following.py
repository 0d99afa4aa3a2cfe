"""Noise is followed through the ways in which code uses it, and what is not followed is called so."""

import builtins
import json
import math
import os
import random
import secrets

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from trivet.errors import UsageError
from trivet.privacy import audit_code, claims

DATA = [0.1, 0.5, 0.7, 0.3, 0.2]
#: Enough where every neighbour shows the same.
FEW = {"runs": 1, "neighbours": 8}
rng = np.random.default_rng(5)


def total(rows):
    return float(np.clip(np.nan_to_num(rows), 0, 1).sum())


def in_place(rows):
    histogram = np.zeros(3)
    histogram[0] = len(rows)
    histogram += rng.laplace(size=3)
    return histogram


def into_one_cell(rows):
    histogram = np.zeros(3)
    histogram[0] += len(rows) + rng.laplace()
    return histogram


def as_json(rows):
    return json.dumps({"count": len(rows) + rng.laplace()})


def started_with_noise(rows):
    found = rng.laplace()
    for value in np.clip(np.nan_to_num(rows), 0, 1):
        found += value
    return found


def a_column(rows):
    return pd.Series({"a": len(rows), "b": 0.0}) + rng.laplace(size=2)


def said_in_four_ways(rows):
    noisy = len(rows) + rng.laplace()
    return noisy, noisy + 0, 2 * noisy, (noisy - 3) ** 2


def drawn_until_positive(rows):
    noisy = len(rows) + rng.laplace()
    while noisy < 0:
        noisy = len(rows) + rng.laplace()
    return noisy


def set_into_noise(rows):
    noisy = np.zeros(3) + rng.laplace(size=3)
    noisy[1] = len(rows) + rng.laplace()
    noisy[2] = 7.0
    return noisy


def by_scipy(rows):
    return scipy.stats.laplace(scale=1.0).rvs() + len(rows)


def by_scipy_discrete(rows):
    return len(rows) + scipy.stats.dlaplace.rvs(1.0)


def by_math(rows):
    u = random.random() - 0.5
    return len(rows) - math.copysign(1, u) * math.log(1 - 2 * abs(u))


def of_a_seeded_state(rows):
    return np.random.RandomState(3).laplace(len(rows), 1.0)


def of_a_holder(rows):
    return HOLDER.add(len(rows))


class Holder:
    def __init__(self):
        self.rng = np.random.default_rng(2)

    def add(self, value):
        return value + self.rng.laplace()


HOLDER = Holder()


QUICK = [
    in_place,
    into_one_cell,
    as_json,
    a_column,
    drawn_until_positive,
    set_into_noise,
    by_scipy,
    by_math,
    of_a_holder,
    lambda rows: (len(rows) + np.random.laplace(0, 1, 1))[0],  # noqa: NPY002 - whose code does so
    lambda rows: max(0, len(rows) + rng.laplace(), 1),
    lambda rows: np.concatenate([len(rows) + rng.laplace(size=1), rng.laplace(size=2)]).reshape(3, 1).T,
]
MORE = [
    started_with_noise,
    by_scipy_discrete,
    of_a_seeded_state,
    lambda rows: f"{len(rows) + rng.laplace():.2f}",
    lambda rows: np.round(len(rows) + rng.laplace(), 1),
    lambda rows: int(len(rows) + rng.laplace()),
    lambda rows: sum([len(rows) + rng.laplace()]),
    lambda rows: np.exp(np.array([len(rows)]) + rng.laplace(size=1)),
    lambda rows: np.where(True, len(rows) + rng.laplace(), 0),
    lambda rows: np.array([len(rows), 0.0])[::-1] + rng.laplace(size=2),
    lambda rows: np.stack([np.array([len(rows)]) + rng.laplace(size=1), rng.laplace(size=1)]).sum(axis=1),
    lambda rows: 2 * (total(rows) + random.expovariate(1.0) - random.expovariate(1.0)) / 3,
    lambda rows: np.add(np.array([len(rows)]), rng.laplace(size=1), out=np.zeros(1)),
]


@pytest.mark.parametrize(
    "release",
    [*QUICK, *(pytest.param(release, marks=pytest.mark.slow) for release in MORE)],
    ids=lambda release: release.__name__,
)
def test_what_is_spent_is_exact_however_noise_is_used(release):
    found = audit_code(release, DATA, epsilon=1, **FEW)
    assert found.verdict == "consistent", found.reason
    assert found.epsilon_seen == pytest.approx(1, rel=1e-6)
    assert audit_code(release, DATA, epsilon=0.99, **FEW).verdict == "violates"


def test_the_same_noisy_value_is_paid_for_once():
    assert audit_code(said_in_four_ways, DATA, epsilon=1, **FEW).epsilon_seen == pytest.approx(1)


def test_noise_that_is_used_twice_cancels_out():
    def release(rows):
        noise = rng.laplace()
        return len(rows) + noise, 2 * len(rows) + noise

    found = audit_code(release, DATA, epsilon=5, **FEW)
    assert found.verdict == "violates"
    assert "cancels out" in found.reason


def test_gaussians_that_are_shared_are_separated_by_algebra():
    def release(rows):
        one, two = rng.normal(size=2)
        return len(rows) + one + two, one - two

    # The sum has variance 2, and the difference is independent of it.
    found = audit_code(release, DATA, epsilon=4, delta=1e-5, **FEW)
    plain = audit_code(lambda rows: len(rows) + rng.normal(scale=2**0.5), DATA, epsilon=4, delta=1e-5, **FEW)
    assert found.verdict == plain.verdict == "consistent"
    assert found.epsilon_seen == pytest.approx(plain.epsilon_seen)


def test_correlated_gaussians_cost_what_their_covariance_says():
    covariance = np.array([[2.0, 1.0], [1.0, 2.0]])

    def release(rows):
        return rng.multivariate_normal([len(rows), 0.0], covariance)

    mu = np.linalg.inv(covariance)[0, 0] ** 0.5
    alike = audit_code(lambda rows: len(rows) + rng.normal(scale=1 / mu), DATA, epsilon=9, delta=1e-5, **FEW)
    found = audit_code(release, DATA, epsilon=9, delta=1e-5, **FEW)
    assert found.epsilon_seen == pytest.approx(alike.epsilon_seen)


@pytest.mark.parametrize(
    "release",
    [
        lambda rows: len(rows) + float(rng.random()),
        lambda rows: len(rows) + rng.integers(0, 10),
        lambda rows: len(rows) + secrets.randbelow(10),
        lambda rows: len(rows) + rng.gamma(2.0),
        lambda rows: len(rows) + np.sort(rng.laplace(size=3))[1],
        lambda rows: [rows[0], random.sample(range(3), 2), rng.laplace()],
        lambda rows: int(np.argsort(np.array([len(rows), 5.0, 6.0]) + rng.laplace(scale=0.5, size=3))[-1]),
    ],
)
def test_what_is_not_followed_is_unknown_and_never_fine(release):
    found = audit_code(release, DATA, epsilon=0.9, runs=2, neighbours=8)
    assert found.verdict == "unknown"
    assert found.epsilon_seen is None
    assert found.not_followed
    assert "not followed" in found.reason or "Not everything" in found.reason


@pytest.mark.slow
def test_code_without_noise_is_unknown_where_no_number_of_runs_refutes_the_claim():
    found = audit_code(len, DATA, epsilon=9)
    assert (found.verdict, found.calls) == ("unknown", ())
    assert "no noise was drawn" in found.reason
    assert audit_code(len, DATA, epsilon=1).verdict == "violates"


def test_a_raw_number_beside_a_noisy_one_is_found():
    found = audit_code(lambda rows: (len(rows) + rng.laplace(), max(rows)), DATA, epsilon=1, **FEW)
    assert found.verdict == "violates"
    assert {finding.kind for finding in found.findings} == {"answer"}


def test_an_error_on_a_neighbour_is_no_verdict():
    def release(rows):
        if len(rows) < len(DATA):
            raise ValueError("too few rows")
        return len(rows) + rng.laplace()

    found = audit_code(release, DATA, epsilon=1, neighbours=10, bounds=(0.0, 1.0))
    assert found.verdict == "consistent"
    assert found.failed > 0
    assert any("too few rows" in note for note in found.notes)


def test_an_error_on_the_data_is_an_error_of_use():
    with pytest.raises(UsageError, match=r"failed on the data: ZeroDivisionError: .* It was given a list\."):
        audit_code(lambda rows: len(rows) / 0, DATA, epsilon=1)


def test_claims_of_a_call_are_held_against_what_is_seen():
    @claims(sensitivity=0.5, epsilon=2.0)
    def noisy(value):
        return value + rng.laplace(scale=1.0)

    found = audit_code(lambda rows: noisy(len(rows)), DATA, epsilon=1)
    (finding,) = (each for each in found.findings if each.violates)
    assert (finding.kind, finding.claimed, finding.seen) == ("sensitivity", 0.5, 1.0)
    assert found.calls[0].claimed == 0.5
    assert found.calls[0].spent == 1.0


def test_a_claimed_epsilon_is_that_of_its_own_noise():
    def release(rows):
        with claims(epsilon=0.5):
            one = len(rows) + rng.laplace(scale=2.0)
        with claims(epsilon=0.4):
            return one, len(rows) + rng.laplace(scale=2.0)

    found = audit_code(release, DATA, epsilon=1)
    (finding,) = found.findings
    assert finding.claimed == 0.4
    assert finding.seen == pytest.approx(0.5)


def test_sensitivity_is_in_the_units_in_which_noise_is_added():
    def release(rows):
        with claims(sensitivity=1):
            return 100 * (len(rows) + rng.laplace()) + 7

    found = audit_code(release, DATA, epsilon=1)
    assert (found.verdict, found.calls[0].scale, found.calls[0].seen) == ("consistent", 1.0, 1.0)


def test_everything_is_put_back():
    names = [
        (np.random, "laplace"),
        (np.random, "default_rng"),
        (np.random, "Generator"),
        (random, "gauss"),
        (random.Random, "random"),
        (random.SystemRandom, "random"),
        (math, "log"),
        (os, "urandom"),
        (builtins, "__import__"),
        (json.JSONEncoder, "default"),
        (scipy.stats.rv_continuous, "rvs"),
    ]
    before = [getattr(owner, name) for owner, name in names]
    own = rng
    with pytest.raises(UsageError):
        audit_code(lambda rows: [rng.laplace(), {}[rows]], DATA, epsilon=1)
    audit_code(by_math, DATA, epsilon=1)
    assert [getattr(owner, name) for owner, name in names] == before
    assert rng is own
    assert type(rng) is np.random.Generator
    assert type(HOLDER.rng) is np.random.Generator
    assert "random" not in vars(random.SystemRandom) or callable(random.SystemRandom.random)


def test_noise_is_the_codes_own():
    """A recorded run draws the numbers that the code draws by itself."""
    answers = []

    def release(rows):
        answers.append(float(len(rows) + np.random.default_rng(8).laplace(scale=3.0)))
        return answers[-1]

    audit_code(release, DATA, epsilon=1, runs=1, neighbours=1)
    assert answers[0] == pytest.approx(len(DATA) + np.random.default_rng(8).laplace(scale=3.0))
    assert set(answers) == {answers[0]}  # the noisy value is frozen
