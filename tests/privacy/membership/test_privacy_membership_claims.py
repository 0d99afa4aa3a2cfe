"""A claimed epsilon of a training: refuted where it leaks more, kept where it does not, and never idle."""

import math

import numpy as np
import pytest
from audited_models import noisy_rows
from pydantic import TypeAdapter
from scipy.stats import binom
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from trivet.errors import DataError, UsageError
from trivet.privacy.membership.audit import attack_model, audit_model
from trivet.privacy.membership.claims import Tossed, judge_claim, require_refutable
from trivet.privacy.membership.one_run import one_run_audit, one_run_ceiling
from trivet.privacy.membership.results import MembershipAudit

FEW = {"shadows": 8, "workers": 1}


class Histogram(ClassifierMixin, BaseEstimator):
    """Label of each cell of one column by a noisy vote: (epsilon, 0)-private when rows come or go."""

    def __init__(self, epsilon=1.0, cells=600, random_state=0):
        self.epsilon = epsilon
        self.cells = cells
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        noise = np.random.default_rng(self.random_state).laplace(0, 1 / self.epsilon, self.cells)
        votes = np.bincount(self._cells(X), np.where(y == 1, 1, -1), minlength=self.cells)
        self.votes_ = votes + noise
        return self

    def predict_proba(self, X):
        sure = 1 / (1 + np.exp(-self.votes_[self._cells(X)]))
        return np.column_stack([1 - sure, sure])

    def _cells(self, X):
        return (np.asarray(X)[:, 0] * self.cells).astype(int) % self.cells


def sparse_rows(rows=1200, seed=0):
    generator = np.random.default_rng(seed)
    return generator.random((rows, 1)), generator.integers(0, 2, rows)


def test_a_model_that_remembers_violates_a_claim_by_rows_and_by_canaries():
    X, y = noisy_rows(800)
    found = audit_model("tree", X, y, epsilon=0.5, canaries=300, **FEW)
    claim = found.claim
    assert claim.verdict == "violates"
    assert [test.by for test in claim.tests] == ["lira-online", "lira-offline", "rmia", "canaries"]
    assert {test.bound.level for test in claim.tests} == {1 - 0.05 / 4}
    assert claim.epsilon_lower == max(test.bound.epsilon_lower for test in claim.tests) > 0.5
    assert {test.by: test.bound.epsilon_lower > 0.5 for test in claim.tests}["canaries"]
    assert claim.epsilon_lower <= claim.ceiling
    assert "not 0.5" in claim.reason
    adapter = TypeAdapter(MembershipAudit)
    assert adapter.validate_json(adapter.dump_json(found)) == found
    assert audit_model("tree", X, y, **FEW).claim is None


def test_a_private_training_keeps_its_claim_and_too_little_noise_does_not():
    X, y = sparse_rows()
    kept = audit_model(Histogram(1.0), X, y, epsilon=1.0, canaries=400, **FEW).claim
    assert kept.verdict == "consistent"
    assert 0 < kept.epsilon_lower <= 1.0 < kept.ceiling
    broken = audit_model(Histogram(4.0), X, y, epsilon=1.0, canaries=400, **FEW).claim
    assert broken.verdict == "violates"
    assert broken.epsilon_lower < 4.0


@pytest.mark.slow
def test_a_private_training_is_accused_at_most_as_often_as_the_level_says():
    X, y = sparse_rows(400)
    audits = 60
    wrong = sum(
        audit_model(
            Histogram(1.0, cells=200), X, y, epsilon=1.0, shadows=4, workers=1, seed=seed
        ).claim.verdict
        == "violates"
        for seed in range(audits)
    )
    assert wrong <= binom.ppf(0.999, audits, 0.05)


def test_the_coins_of_a_claim_are_fair_and_each_row_s_own():
    X, y = noisy_rows(600)
    inside = np.array(
        [
            attack_model(
                "logistic", X, y, epsilon=0.5, attacks=("rmia",), shadows=4, workers=1, seed=s
            ).members
            for s in range(6)
        ]
    )
    # Halves would have 300 of 600 each time.
    assert len(set(inside.sum(axis=1).tolist())) > 1
    assert abs(inside.mean() - 0.5) < 4 * 0.5 / math.sqrt(inside.size)


def test_units_are_tossed_as_a_whole():
    X, y = noisy_rows(600)
    unit = np.arange(600) // 3
    found = attack_model("tree", X, y, unit=unit, epsilon=0.3, **FEW)
    assert all(len(set(found.members[unit == each].tolist())) == 1 for each in range(200))
    assert {test.bound.canaries for test in found.result.claim.tests} == {200}


def test_a_trained_target_is_tested_on_the_rows_that_its_owner_tossed():
    X, y = noisy_rows(800)
    generator = np.random.default_rng(3)
    tossed = np.arange(800) < 400
    members = np.where(tossed, generator.random(800) < 0.5, np.arange(800) < 600)
    target = DecisionTreeClassifier(random_state=0).fit(X[members], y[members])
    asked = {"target": target, "members": members, "epsilon": 0.5}
    found = audit_model("tree", X, y, tossed=tossed, **asked, **FEW).claim
    assert found.verdict == "violates"
    assert {test.bound.canaries for test in found.tests} == {400}
    assert "the audited model" in found.limits
    # Nobody says that a coin decided on the members: only planted rows are left, in another training.
    with pytest.raises(UsageError, match="set canaries, leave out members"):
        audit_model("tree", X, y, **asked, **FEW)
    planted = audit_model("tree", X, y, canaries=300, **asked, **FEW).claim
    assert [test.by for test in planted.tests] == ["canaries"]
    assert "the audited model" not in planted.limits


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epsilon": 0.0}, UsageError, "epsilon is 0.0; expected a finite number above 0"),
        ({"epsilon": math.nan}, UsageError, "epsilon is nan"),
        ({"epsilon": 9.0}, UsageError, "400 rows tossed by a coin show an epsilon of 4.* at most, and 9 is"),
        ({"epsilon": 1.0, "delta": -0.1}, UsageError, "delta is -0.1"),
        ({"epsilon": 1.0, "delta": 0.4}, UsageError, "an epsilon of 0 at most"),
        ({"epsilon": 1.0, "claim": "gaussian"}, UsageError, "a gaussian claim is tested between 0 and 1"),
        ({"epsilon": 1.0, "tossed": np.ones(400, dtype=bool)}, UsageError, "trivet tosses for all others"),
        ({"members": np.arange(400) < 200, "tossed": np.ones(400)}, DataError, "one boolean for each of the"),
    ],
)
def test_a_claim_that_cannot_be_tested_is_refused_before_a_model_is_trained(change, error, message):
    X, y = noisy_rows(400)
    with pytest.raises(error, match=message) as caught:
        audit_model(LogisticRegression(penalty="fails if it is trained"), X, y, **{**FEW, **change})
    assert "\n" not in str(caught.value)


def test_a_bare_claim_with_a_delta_is_tested_on_as_many_rows_as_it_allows():
    generator = np.random.default_rng(0)
    coins = generator.random(3000) < 0.5
    tossed = Tossed("rmia", coins + generator.normal(size=3000) / 8, coins)
    claim = judge_claim(1.0, 1e-3, "epsilon-delta", [tossed], seed=0, of_model=True)
    assert claim.tests[0].bound.canaries == 500
    assert claim.verdict == "violates"
    whole = judge_claim(1.0, 1e-3, "gaussian", [tossed], seed=0, of_model=True)
    assert whole.tests[0].bound.canaries == 3000


@pytest.mark.parametrize("claim", ["epsilon-delta", "gaussian"])
def test_the_ceiling_is_what_a_perfect_guesser_reaches(claim):
    coins = np.arange(500) < 250
    found = one_run_audit(coins.astype(float), coins, delta=1e-5, claim=claim, level=0.9)
    most = one_run_ceiling(500, delta=1e-5, level=0.9, claim=claim)
    assert found.epsilon_lower == most
    require_refutable(0.9 * most, 1e-5, claim, [500])
    with pytest.raises(UsageError, match="so that no training could fail"):
        require_refutable(most, 1e-5, claim, [500])
