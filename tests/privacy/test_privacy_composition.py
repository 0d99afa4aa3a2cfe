"""Composition theorems against brute force, against each other and against the facts."""

import math
from itertools import chain, combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trivet.errors import UsageError
from trivet.privacy import (
    THEOREMS,
    PlanSettings,
    QuerySettings,
    accountants,
    advanced_pays_from,
    plan_queries,
    required_scale,
    spent_epsilon,
)

STUDY = {"epsilon": 0.1, "delta": 1e-5, "queries": 92, "sensitivity": 1.0}

# method, epsilon per query, scale, tolerance of the scale: half a unit of the printed digit.
FACTS = [
    ("basic", 0.0010870, 920.0, 1e-9),
    ("advanced", 0.0021633, 462.3, 0.05),
    ("zcdp", 0.0021680, 461.3, 0.05),
    ("optimal_bound", 0.0026258, 380.8, 0.05),
    ("rdp", 0.00311, 321.7, 0.05),
    ("optimal_exact", 0.0034115, 293.1, 0.05),
    ("pld", 0.0034142, 292.9, 0.05),
    ("gaussian", None, 294.9, 0.05),
]

LAPLACE = [theorem.method for theorem in THEOREMS if theorem.mechanism == "laplace"]


def studied(*, epsilon, delta, queries, sensitivity):
    """The rows of a plan, of continuous noise."""
    asked = QuerySettings(count=queries, sensitivity=sensitivity)
    plan = plan_queries(PlanSettings(epsilon=epsilon, delta=delta, queries=(asked,)))
    return [row for row in plan.rows if row.mechanism != "discrete-laplace"]


def test_every_theorem_has_a_row_of_facts():
    assert [theorem.method for theorem in THEOREMS] == [row[0] for row in FACTS]


@pytest.mark.parametrize(("method", "epsilon_per_query", "scale", "tolerance"), FACTS)
def test_the_table_of_ninety_two_queries(method, epsilon_per_query, scale, tolerance):
    row = next(row for row in studied(**STUDY) if row.method == method)
    assert row.scale == pytest.approx(scale, abs=tolerance)
    if epsilon_per_query is None:
        assert row.epsilon_per_query is None
        assert row.standard_deviation == row.scale
    else:
        # The printed digit, and for the PLD its discretisation.
        assert row.epsilon_per_query == pytest.approx(
            epsilon_per_query, rel=6e-5 if method != "rdp" else 1e-3
        )
        assert row.epsilon_per_query == pytest.approx(1 / row.scale, rel=1e-12)
        assert row.scale == pytest.approx(required_scale(method, **STUDY), rel=1e-9)
        assert row.standard_deviation == pytest.approx(math.sqrt(2) * row.scale, rel=1e-12)


def test_the_gaussian_needs_less_noise_than_any_laplace_in_the_study():
    rows = {row.method: row for row in studied(**STUDY)}
    assert rows["gaussian"].standard_deviation == min(row.standard_deviation for row in rows.values())
    assert rows["pld"].standard_deviation == pytest.approx(414.2, abs=0.05)
    assert rows["basic"].standard_deviation == pytest.approx(1301, abs=0.5)


def outcomes(epsilon, queries):
    """Every outcome of k randomised responses with its probability on both neighbours."""
    keep = 1 / (1 + math.exp(-epsilon))
    for flips in product((0, 1), repeat=queries):
        lies = sum(flips)
        yield (
            keep ** (queries - lies) * (1 - keep) ** lies,
            keep**lies * (1 - keep) ** (queries - lies),
        )


@pytest.mark.parametrize("queries", [1, 2, 3])
@pytest.mark.parametrize("epsilon", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("delta", [1e-6, 1e-2, 0.2])
def test_optimal_exact_is_the_definition_over_every_event(queries, epsilon, delta):
    points = list(outcomes(epsilon, queries))
    events = chain.from_iterable(combinations(points, size) for size in range(1, len(points) + 1))
    needed = 0.0
    for event in events:
        p, q = math.fsum(point[0] for point in event), math.fsum(point[1] for point in event)
        if p > delta:
            needed = max(needed, math.log((p - delta) / q))
    assert accountants.optimal_exact(1 / epsilon, queries, delta) == pytest.approx(
        needed, rel=1e-10, abs=1e-12
    )


@pytest.mark.parametrize("queries", [5, 10])
@pytest.mark.parametrize("delta", [1e-8, 1e-3])
def test_optimal_exact_has_the_hockey_stick_divergence_delta(queries, delta):
    total = accountants.optimal_exact(1 / 0.3, queries, delta)
    divergence = math.fsum(max(0.0, p - math.exp(total) * q) for p, q in outcomes(0.3, queries))
    assert divergence == pytest.approx(delta, rel=1e-9)


def test_optimal_exact_without_delta_is_basic_composition():
    assert accountants.optimal_exact(10.0, 7, 0.0) == pytest.approx(0.7, rel=1e-12)


def test_pld_of_one_laplace_answer_has_its_closed_form():
    # For one answer of epsilon e the hockey-stick divergence at E < e is 1 - exp((E - e) / 2).
    delta, epsilon = 1e-3, 0.5
    closed = epsilon + 2 * math.log1p(-delta)
    assert accountants.pld(1 / epsilon, 1, delta) == pytest.approx(closed, rel=1e-3)
    assert accountants.pld(1 / epsilon, 1, delta) >= closed - 1e-12


def test_gaussian_solves_its_equation():
    sigma, queries, delta = 294.94, 92, 1e-5
    epsilon = accountants.gaussian(sigma, queries, delta)
    one = sigma / math.sqrt(queries)
    spent = stats.norm.cdf(0.5 / one - epsilon * one) - math.exp(epsilon) * stats.norm.cdf(
        -0.5 / one - epsilon * one
    )
    assert spent == pytest.approx(delta, rel=1e-6)


budgets = st.fixed_dictionaries(
    {
        "epsilon": st.floats(0.05, 3.0),
        "delta": st.floats(1e-9, 1e-3),
        "queries": st.integers(1, 150),
    }
)


@settings(max_examples=10, deadline=None)
@given(budget=budgets)
def test_no_theorem_beats_pld_by_more_than_its_discretisation(budget):
    tight = required_scale("pld", sensitivity=1.0, **budget)
    for method in LAPLACE:
        assert required_scale(method, sensitivity=1.0, **budget) >= tight * (1 - 2e-3)


@settings(max_examples=25, deadline=None)
@given(budget=budgets)
def test_closed_form_bounds_never_beat_the_exact_optimum(budget):
    exact = required_scale("optimal_exact", sensitivity=1.0, **budget)
    for method in ("basic", "optimal_bound", "advanced"):
        assert required_scale(method, sensitivity=1.0, **budget) >= exact * (1 - 1e-9)


@settings(max_examples=10, deadline=None)
@given(budget=budgets)
@pytest.mark.parametrize("method", [theorem.method for theorem in THEOREMS])
def test_the_required_scale_spends_the_budget_and_no_more(method, budget):
    scale = required_scale(method, sensitivity=1.0, **budget)
    spent = spent_epsilon(
        method, scale=scale, sensitivity=1.0, queries=budget["queries"], delta=budget["delta"]
    )
    assert spent <= budget["epsilon"]
    assert spent == pytest.approx(budget["epsilon"], rel=5e-3)


@pytest.mark.parametrize("method", [theorem.method for theorem in THEOREMS])
def test_scale_falls_in_epsilon_and_rises_in_queries_and_sensitivity(method):
    here = required_scale(method, **STUDY)
    assert required_scale(method, **STUDY | {"epsilon": 0.2}) < here
    assert required_scale(method, **STUDY | {"queries": 184}) > here
    assert required_scale(method, **STUDY | {"sensitivity": 3.0}) == pytest.approx(3 * here, rel=1e-9)


def test_the_published_scale_spends_a_third_of_its_budget():
    spent = spent_epsilon("pld", scale=920.0, sensitivity=1.0, queries=92, delta=1e-5)
    assert spent == pytest.approx(0.0282, abs=5e-5)


def test_advanced_composition_loses_to_basic_for_few_queries():
    first = advanced_pays_from(epsilon=0.1, delta=1e-5)
    assert first == 24
    for queries, wins in ((first - 1, False), (first, True)):
        budget = STUDY | {"queries": queries}
        assert (required_scale("advanced", **budget) < required_scale("basic", **budget)) is wins


@pytest.mark.parametrize(("epsilon", "delta"), [(0.001, 1e-300), (3.0, 0.5), (1e4, 1e-5), (1e6, 1e-9)])
def test_the_first_query_count_that_pays_is_found_at_any_distance(epsilon, delta):
    first = advanced_pays_from(epsilon=epsilon, delta=delta)
    assert accountants.advanced(first / epsilon, first, delta) < epsilon
    assert first == 1 or accountants.advanced((first - 1) / epsilon, first - 1, delta) >= epsilon


@pytest.mark.parametrize("method", [theorem.method for theorem in THEOREMS])
@pytest.mark.parametrize(
    "budget",
    [
        {"epsilon": 1e-3, "delta": 1e-10, "queries": 1},
        {"epsilon": 5.0, "delta": 0.9, "queries": 1},
        {"epsilon": 50.0, "delta": 1e-5, "queries": 10},
        {"epsilon": 1.0, "delta": 1e-6, "queries": 5000},
    ],
)
def test_far_corners_have_an_answer(method, budget):
    scale = required_scale(method, sensitivity=1.0, **budget)
    assert 0 < scale < 1e7


def test_many_queries_of_a_large_epsilon_do_not_overflow():
    assert math.isfinite(accountants.optimal_exact(0.01, 2000, 1e-9))
    assert accountants.advanced(1e-4, 10, 1e-5) == math.inf


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": 0.0}, "epsilon is 0.0; expected a finite number above 0"),
        ({"delta": 0.0}, "delta is 0.0; expected above 0 and below 1"),
        ({"delta": 1.0}, "delta is 1.0; expected above 0 and below 1"),
        ({"queries": 0}, "queries is 0; expected 1 or more"),
        ({"sensitivity": math.nan}, "sensitivity is nan; expected a finite number above 0"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(change, message):
    with pytest.raises(UsageError, match=message):
        required_scale("advanced", **STUDY | change)


def test_an_unknown_theorem_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match=r"'moments'.*basic, advanced, zcdp"):
        required_scale("moments", **STUDY)


def test_a_figure_out_of_numerical_reach_is_refused_by_the_theorem_s_name():
    with pytest.raises(UsageError, match=r"\(PLD\) is out of reach: .* delta of 1e-10 or more\.$"):
        required_scale("pld", **STUDY | {"delta": 1e-13})
    with pytest.raises(UsageError, match=r"optimal, exact is out of reach: .*1,000,000 equal answers"):
        spent_epsilon("optimal_exact", scale=1e4, sensitivity=1.0, queries=10**6 + 1, delta=1e-5)


def test_a_theorem_out_of_reach_has_a_row_with_its_reason():
    rows = {row.method: row for row in studied(**STUDY | {"delta": 1e-12})}
    assert {method for method, row in rows.items() if row.reason} == {"pld"}
    assert "delta of 1e-10 or more" in rows["pld"].reason
    assert rows["pld"].scale is None
    assert rows["optimal_exact"].scale == pytest.approx(
        required_scale("optimal_exact", **STUDY | {"delta": 1e-12})
    )
