"""What given noise spends, and what is refused."""

import math

import pytest
from scipy.stats import norm

from trivet.errors import UsageError
from trivet.privacy import spent_epsilon
from trivet.privacy.planning import PlanSettings, QuerySettings, spending_of


def spend(*scales, mechanism="laplace", sensitivity=1.0, count=92, **more):
    queries = tuple(QuerySettings(count=count, sensitivity=sensitivity, scale=scale) for scale in scales)
    return spending_of(PlanSettings(queries=queries, mechanism=mechanism, **{"delta": 1e-5, **more}))


def test_the_published_scale_spends_a_third_of_its_budget():
    spending = spend(920.0, epsilon=0.1)
    spent = {row.method: row for row in spending.rows}
    assert spent["basic"].epsilon == pytest.approx(0.1, rel=1e-12)
    assert spent["basic"].delta == 0.0
    assert spent["pld"].epsilon == pytest.approx(0.0282, abs=5e-5)
    assert spending.best_method == "pld"
    assert spending.rows[spending.best] == spent["pld"]
    assert "0.02822" in spending.why
    for method, row in spent.items():
        same = spent_epsilon(method, scale=920.0, sensitivity=1.0, queries=92, delta=1e-5)
        assert row.epsilon == pytest.approx(same, rel=1e-12)


def test_a_delta_is_given_where_the_theorem_has_one():
    at = {row.method: row.delta for row in spend(920.0, epsilon=0.02822).rows}
    assert at["pld"] == pytest.approx(1e-5, rel=2e-3)
    assert at["basic"] is None
    assert all(row.delta is None for row in spend(920.0).rows)


def test_group_and_different_noise_are_accounted_for():
    assert spend(920.0, group=5).rows[0].epsilon == pytest.approx(0.5, rel=1e-12)
    both = spend(920.0, 460.0)
    assert both.answers == 184
    assert both.rows[0].epsilon == pytest.approx(0.3, rel=1e-12)


def test_pure_privacy_spends_no_delta():
    spending = spend(920.0, delta=0.0)
    assert [row.method for row in spending.rows if row.applicable] == ["basic"]
    assert spending.best_method == "basic"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spend(920.0, mechanism="all"), "depends on the mechanism; name it"),
        (lambda: spend(None), "query 1 has none"),
        (lambda: spend(0.0), "scale is 0.0; expected above 0"),
        (lambda: spend(9.0, sensitivity=0.5, mechanism="discrete-laplace"), "integer sensitivity, not 0.5"),
        (lambda: spend(9.0, mechanism="gaussian", delta=0.0), "needs delta > 0"),
        (lambda: spend(9.0, epsilon=-1.0), "epsilon is -1.0; expected above 0"),
    ],
)
def test_what_cannot_be_asked_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_the_delta_at_an_epsilon_needs_no_delta():
    """The Gaussian's against Balle and Wang's formula; theorems on delta say theirs, the epsilon is open."""
    found = spend(300.0, mechanism="gaussian", delta=0.0, epsilon=0.1)
    sigma = 300 / math.sqrt(92)
    exact = norm.cdf(0.5 / sigma - 0.1 * sigma) - math.exp(0.1) * norm.cdf(-0.5 / sigma - 0.1 * sigma)
    assert found.rows[0].delta == pytest.approx(exact, rel=1e-9)
    assert found.rows[0].epsilon is None
    assert "keeps epsilon 0.1 at a delta of" in found.why
    laplace = spend(920.0, delta=0.0, epsilon=0.0282)
    with_delta = {row.method: row.delta for row in spend(920.0, epsilon=0.0282).rows}
    assert {row.method: row.delta for row in laplace.rows} == with_delta
    assert laplace.rows[laplace.best].delta == min(row.delta for row in laplace.rows if row.delta is not None)
