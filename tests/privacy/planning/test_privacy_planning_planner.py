"""Plans: the published table, what is recommended, vectors, groups, shares, and the way back."""

import json
import math
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from trivet.errors import UsageError
from trivet.privacy import required_scale
from trivet.privacy.planning import Plan, PlanSettings, QuerySettings, Spending, plan_queries, spending_of

BUDGET = {"epsilon": 0.1, "delta": 1e-5}
# The table of 92 counting queries, to the printed digit.
FACTS = {
    "basic": 920.0,
    "advanced": 462.3,
    "zcdp": 461.3,
    "optimal_bound": 380.8,
    "rdp": 321.7,
    "optimal_exact": 293.1,
    "pld": 292.9,
}


def count(queries=92, **more):
    return QuerySettings(count=queries, sensitivity=1.0, **more)


def planned(*queries, **more):
    return plan_queries(PlanSettings(queries=queries or (count(),), **{**BUDGET, **more}))


def rows_of(plan, mechanism="laplace"):
    return {row.method: row for row in plan.rows if row.mechanism == mechanism and row.applicable}


@pytest.fixture(scope="module")
def study():
    return plan_queries(PlanSettings(value=500, threshold=505, queries=(count(),), **BUDGET), curves=True)


def test_the_table_of_ninety_two_queries(study):
    rows = rows_of(study)
    for method, scale in FACTS.items():
        assert rows[method].scale == pytest.approx(scale, abs=0.05)
        assert rows[method].epsilon_per_query == pytest.approx(1 / rows[method].scale, rel=1e-12)
    gaussian = rows_of(study, "gaussian")["gaussian"]
    assert gaussian.scale == pytest.approx(294.9, abs=0.05)
    assert gaussian.epsilon_per_query is None
    assert (study.best_mechanism, study.best_method) == ("gaussian", "gaussian")
    assert study.rows[study.best] == gaussian
    assert "Gaussian" in study.why
    assert "294.9" in study.why
    assert "414.2" in study.why


def test_integer_noise_of_sensitivity_one_needs_what_the_optimum_needs(study):
    rows = rows_of(study, "discrete-laplace")
    assert rows["pld"].scale == rows["optimal_exact"].scale
    for method in ("basic", "advanced", "zcdp", "optimal_bound", "optimal_exact"):
        # Its epsilons are cut to four digits, which can be typed.
        same = rows_of(study)[method].scale
        assert same <= rows[method].scale <= same * (1 + 1e-3)
        assert len(str(rows[method].epsilon_per_query).lstrip("0.")) <= 4
        assert rows[method].exceedance < rows_of(study)[method].exceedance


def test_every_theorem_of_every_mechanism_has_a_row(study):
    for mechanism, methods in (
        ("laplace", set(FACTS)),
        ("discrete-laplace", set(FACTS)),
        ("gaussian", {"gaussian"}),
    ):
        assert {row.method for row in study.rows if row.mechanism == mechanism} == methods
    for row in study.rows:
        assert row.applicable == (row.reason == "") == (row.scale is not None)


def test_a_plan_is_json_without_nan_and_back(study):
    adapter = TypeAdapter(Plan)
    text = adapter.dump_json(study)
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} in the plan"))
    assert adapter.validate_json(text) == study
    spending = spending_of(PlanSettings(mechanism="laplace", queries=(count(scale=920.0),), **BUDGET))
    back = TypeAdapter(Spending)
    assert back.validate_json(back.dump_json(spending)) == spending


def test_curves_pass_through_the_plan(study):
    curves = study.curves
    assert curves.repeats_are == "queries"
    assert (curves.repeats[0], curves.repeats[-1], curves.planned) == (1, 184, 92)
    assert list(curves.repeats) == sorted(set(curves.repeats))
    here = curves.repeats.index(92)
    drawn = {(curve.mechanism, curve.method): curve for curve in curves.composition}
    assert set(drawn) == {(row.mechanism, row.method) for row in study.rows if row.applicable}
    for key in (("laplace", "pld"), ("discrete-laplace", "optimal_exact"), ("gaussian", "gaussian")):
        curve = drawn[key].epsilon
        assert curve[here] == pytest.approx(0.1, rel=1e-3 if key[0] == "discrete-laplace" else 1e-6)
        assert all(a < b for a, b in pairwise(curve))
    assert (curves.epsilons[0], curves.epsilons[20], curves.epsilons[-1]) == pytest.approx((0.0, 0.1, 0.2))
    for curve in curves.deltas:
        proven = [delta for delta in curve.delta if delta is not None]
        assert proven == sorted(proven, reverse=True)
        if curve.method in ("pld", "gaussian") and curve.mechanism != "discrete-laplace":
            assert curve.delta[20] == pytest.approx(1e-5, rel=1e-5)
    assert planned().curves is None


def test_without_a_delta_only_pure_methods_apply_and_the_rest_says_why():
    plan = planned(delta=0.0)
    assert {(row.mechanism, row.method) for row in plan.rows if row.applicable} == {
        ("laplace", "basic"),
        ("discrete-laplace", "basic"),
    }
    assert {row.reason for row in plan.rows if not row.applicable} == {"needs delta > 0"}
    assert rows_of(plan)["basic"].scale == pytest.approx(920.0, rel=1e-12)


def test_the_crudest_theorem_wins_for_few_queries_and_the_plan_says_so():
    plan = planned(count(5))
    assert rows_of(plan)["advanced"].scale > rows_of(plan)["basic"].scale
    told = next(remark for remark in plan.remarks if "more noise than basic" in remark)
    assert "Advanced composition and zCDP" in told
    assert "from k = 24 on" in told
    assert not any(
        "more noise than basic" in remark
        for remark in planned(count(24), delta=1e-5).remarks
        if "Advanced" in remark
    )


def test_a_plan_says_where_another_error_would_choose_otherwise():
    plan = planned(count(5))
    assert plan.best_mechanism == "gaussian"
    laplace, gaussian = rows_of(plan)["pld"], plan.rows[plan.best]
    assert laplace.mean_absolute_error < gaussian.mean_absolute_error
    assert any("mean absolute error" in remark for remark in plan.remarks)


@settings(max_examples=4)
@given(
    epsilon=st.floats(0.05, 3.0),
    delta=st.sampled_from([0.0, 1e-9, 1e-6, 1e-3]),
    queries=st.integers(1, 60),
    sensitivity=st.sampled_from([1.0, 2.0, 2.5]),
)
def test_the_recommended_row_is_beaten_by_none(epsilon, delta, queries, sensitivity):
    line = QuerySettings(count=queries, sensitivity=sensitivity)
    plan = planned(line, epsilon=epsilon, delta=delta)
    best = plan.rows[plan.best]
    usable = [row for row in plan.rows if row.applicable]
    assert best.standard_deviation == min(row.standard_deviation for row in usable)
    uneven = [row for row in plan.rows if row.mechanism == "discrete-laplace" and "integer" in row.reason]
    assert len(uneven) == (7 if sensitivity == 2.5 else 0)


@settings(max_examples=3)
@given(epsilon=st.floats(0.05, 2.0), delta=st.floats(1e-9, 1e-3), queries=st.integers(1, 40))
def test_noise_falls_in_epsilon_and_rises_with_the_queries(epsilon, delta, queries):
    here = planned(count(queries), epsilon=epsilon, delta=delta)
    looser = planned(count(queries), epsilon=epsilon * 1.3, delta=delta)
    more = planned(count(queries + 3), epsilon=epsilon, delta=delta)
    for row, less_noise, more_noise in zip(here.rows, looser.rows, more.rows, strict=True):
        if row.applicable:
            # Integer noise has epsilons of four digits, so that close budgets may share them.
            assert less_noise.scale <= row.scale <= more_noise.scale
            if row.mechanism != "discrete-laplace":
                assert less_noise.scale < row.scale < more_noise.scale


mixed = st.lists(
    st.builds(
        QuerySettings,
        count=st.integers(1, 6),
        sensitivity=st.integers(1, 9).map(float),
        share=st.sampled_from([0.1, 0.3, 1.0, 2.5]),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=4)
@given(queries=mixed, epsilon=st.floats(0.05, 2.0), delta=st.floats(1e-9, 1e-3))
def test_what_is_planned_spends_the_budget_and_never_more(queries, epsilon, delta):
    plan = planned(*queries, epsilon=epsilon, delta=delta)
    for row in plan.rows:
        if not row.applicable:
            continue
        given_noise = tuple(
            QuerySettings(count=query.count, sensitivity=query.sensitivity, scale=noise.scale)
            for query, noise in zip(queries, row.queries, strict=True)
        )
        spending = spending_of(
            PlanSettings(delta=delta, epsilon=epsilon, mechanism=row.mechanism, queries=given_noise)
        )
        spent = next(found for found in spending.rows if found.method == row.method)
        assert spent.epsilon <= epsilon
        close = 1e-3 if row.mechanism == "discrete-laplace" else 1e-6
        assert spent.epsilon == pytest.approx(epsilon, rel=close)
        assert spent.delta is None or spent.delta <= delta * (1 + 1e-6)


@given(
    shares=st.lists(
        st.sampled_from([0.1, 0.2, 0.1 + 0.2, 0.3, 0.7, 1 / 3, 1e-3, 7.0]), min_size=1, max_size=8
    )
)
def test_shares_that_round_neither_overspend_nor_fail(shares):
    plan = planned(*(QuerySettings(sensitivity=3.0, share=share) for share in shares), delta=0.0)
    epsilons = [noise.epsilon_per_query for noise in rows_of(plan)["basic"].queries]
    # What a ledger of the answers would add up, one by one and each in its own rounding.
    left = 0.1
    for noise in rows_of(plan)["basic"].queries:
        left -= 3.0 / noise.scale
    assert 0 <= left < 1e-13
    assert math.fsum(epsilons) == pytest.approx(0.1, rel=1e-12)
    for epsilon, share in zip(epsilons, shares, strict=True):
        assert epsilon == pytest.approx(0.1 * share / math.fsum(shares), rel=1e-12)


def test_equal_lines_are_one_line_asked_more_often():
    whole, cut = planned(count(92)), planned(count(40), count(52))
    for row, other in zip(whole.rows, cut.rows, strict=True):
        assert row.applicable == other.applicable
        if row.applicable:
            close = 1e-3 if row.mechanism == "discrete-laplace" else 1e-6
            assert [noise.scale for noise in other.queries] == pytest.approx([row.scale] * 2, rel=close)
            assert other.typical_deviation == pytest.approx(row.standard_deviation, rel=close)
            assert other.scale is None


def test_a_vector_costs_what_one_record_touches():
    vector = planned(QuerySettings(name="ages", cells=92))
    one = planned(count(1))
    for row, other in zip(vector.rows, one.rows, strict=True):
        assert row.scale == other.scale
    (asked,) = vector.queries
    assert (asked.cells, asked.touches, asked.l1, asked.l2) == (92, 1, 1.0, 1.0)
    assert "92 numbers for the price of 1 single query" in asked.note
    assert any(asked.note in remark for remark in vector.remarks)
    # Somebody in every cell is as if every cell were asked alone: one record moves 92 numbers.
    everywhere, single = planned(QuerySettings(cells=92, touches=92)), planned(count(92))
    assert everywhere.queries[0].l2 == pytest.approx(math.sqrt(92))
    for row, other in zip(everywhere.rows, single.rows, strict=True):
        assert row.applicable == other.applicable
        # Integer noise is accounted for as a ledger does, to which 92 cells are one answer.
        if row.applicable and row.mechanism != "discrete-laplace":
            assert row.scale == pytest.approx(other.scale, rel=1e-6)


@pytest.mark.parametrize(
    ("query", "adjacency", "l1", "l2"),
    [
        ({"cells": 50, "touches": 4}, "add-remove", 4.0, 2.0),
        ({"cells": 50, "touches": 4}, "replace-one", 8.0, math.sqrt(8)),
        ({"cells": 50}, "replace-one", 2.0, math.sqrt(2)),
        ({"cells": 1}, "replace-one", 1.0, 1.0),  # a single count: nowhere else to go
        ({"kind": "count"}, "replace-one", 1.0, 1.0),
        ({"bounds": (-20.0, 50.0)}, "add-remove", 50.0, 50.0),
        ({"bounds": (-60.0, 50.0), "kind": "sum"}, "add-remove", 60.0, 60.0),
        ({"bounds": (-20.0, 50.0)}, "replace-one", 70.0, 70.0),
        ({"bounds": (20.0, 50.0)}, "replace-one", 50.0, 50.0),
        ({"bounds": (20.0, 50.0), "selects": False}, "replace-one", 30.0, 30.0),
        ({"bounds": (-50.0, -20.0), "selects": False}, "add-remove", 50.0, 50.0),
        ({"sensitivity": 3.0}, "replace-one", 3.0, 3.0),
    ],
)
def test_sensitivities_follow_the_adjacency_and_the_group(query, adjacency, l1, l2):
    for group in (1, 7):
        plan = planned(QuerySettings(**query), adjacency=adjacency, group=group, delta=0.0)
        assert plan.queries[0].l1 == pytest.approx(group * l1)
        assert plan.queries[0].l2 == pytest.approx(group * l2)


def test_groups_multiply_the_noise_and_the_generic_conversion_is_told():
    one, five = planned(), planned(group=5)
    for row, other in zip(one.rows, five.rows, strict=True):
        if row.applicable:
            assert other.scale == pytest.approx(5 * row.scale, rel=1e-9 if row.method != "pld" else 1e-3)
    assert one.release is not None
    assert five.release is None
    assert one.group_conversion is None
    found = five.group_conversion
    assert (found.size, found.epsilon) == (5, pytest.approx(0.5))
    assert found.delta == pytest.approx(5 * math.exp(4 * 0.1) * 1e-5, rel=1e-12)


def test_what_cannot_be_computed_is_a_row_with_its_reason():
    rows = planned(delta=1e-12, mechanism="laplace").rows
    (row,) = (row for row in rows if not row.applicable)
    assert row.method == "pld"
    assert "delta of 1e-10 or more" in row.reason
    assert row.queries == ()


@pytest.mark.parametrize("method", [*FACTS, "gaussian"])
def test_one_query_is_planned_as_composition_plans_it(method):
    mechanism = "gaussian" if method == "gaussian" else "laplace"
    scale = rows_of(planned(count(30)), mechanism)[method].scale
    assert scale == pytest.approx(required_scale(method, queries=30, sensitivity=1.0, **BUDGET), rel=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": None}, "needs a budget"),
        ({"epsilon": 0.0}, "epsilon is 0.0; expected above 0 and at most 1000"),
        ({"epsilon": 1e7}, "epsilon is 10000000.0; expected above 0 and at most 1000"),
        ({"delta": 1.0}, "delta is 1.0; expected 0 or more and below 1"),
        ({"delta": math.nan}, "delta is nan; expected 0 or more and below 1"),
        ({"group": 0}, "group is 0; expected 1 to 1000000000"),
        ({"value": math.inf, "threshold": 1.0}, "value is inf; expected a finite number"),
        ({"queries": (count(10**9), count(1))}, "at most 1,000,000,000 answers"),
        ({"delta": 0.0, "mechanism": "gaussian"}, "no plan is possible with Gaussian noise: needs delta > 0"),
        ({"epsilon": 1e-320, "delta": 0.0}, "beyond floating point"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(change, message):
    with pytest.raises(UsageError, match=message):
        plan_queries(PlanSettings(**{"queries": (count(),), **BUDGET, **change}))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"sensitivity": 0.0}, "sensitivity is 0.0; expected above 0 and below 1e"),
        ({"sensitivity": 1e200}, r"sensitivity is 1e\+200; expected above 0 and below 1e"),
        ({"sensitivity": 1.0, "count": 0}, "count is 0; expected 1 to 1000000000"),
        ({"sensitivity": 1.0, "share": 0.0}, "share is 0.0; expected above 0"),
        ({"sensitivity": 1.0, "scale": math.inf}, "scale is inf; expected above 0"),
    ],
)
def test_numbers_of_a_query_out_of_range_are_refused_by_name(query, message):
    with pytest.raises(UsageError, match=message):
        QuerySettings(**query)


def test_a_group_that_is_too_large_for_the_sensitivity_is_refused():
    with pytest.raises(UsageError, match=r"sensitivity is 1e\+100; expected above 0 and below 1e\+100"):
        planned(QuerySettings(sensitivity=1e99), group=10)


def test_results_and_settings_import_nothing_heavy():
    code = (
        "import sys; from trivet.privacy.planning import Plan, PlanSettings, Spending;"
        "print([m for m in ('numpy', 'scipy', 'dp_accounting', 'pydantic') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
