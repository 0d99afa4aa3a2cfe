"""Groups, quantiles, proportions, variances, persons and Gaussian noise: answers, prices and receipts."""

import math
import time
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from tables_to_ask import write_table

from trivet.errors import UsageError
from trivet.privacy import laplace
from trivet.privacy.releases.answers import threshold_of
from trivet.privacy.releases.ledger import create_ledger
from trivet.privacy.releases.noise import calibrate, calibrate_choice, calibrate_gaussian
from trivet.privacy.releases.question import prepare
from trivet.privacy.releases.releasing import release, release_plan
from trivet.privacy.releases.settings import AskedQuestion, Question, ReleaseSettings
from trivet.tables.opening import Column, Kind

REGIONS = tuple("abcdefghij")
#: Person 0 has 40 rows, the others two each, of which one has no age.
ROWS = [("0", "80", "a", "true")] * 40 + [
    (str(person), None if person == 7 else str(20 + person % 50), REGIONS[person % 10], str(person % 4 == 0))
    for person in range(1, 501)
    for _ in range(2)
]
AGES = [int(row[1]) for row in ROWS if row[1] is not None]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    path = tmp_path_factory.mktemp("people") / "people.parquet"
    return write_table(path, {"who": "VARCHAR", "age": "BIGINT", "region": "VARCHAR", "ok": "BOOLEAN"}, ROWS)


@pytest.fixture
def ledger(tmp_path):
    return create_ledger(tmp_path / "ledger", epsilon="1000000", delta="0.01", accounting="pld")


@pytest.fixture
def by_person(tmp_path):
    return create_ledger(tmp_path / "persons", epsilon="1000000", delta="0.01", accounting="pld", unit="who")


AGE = {"column": "age", "bounds": (0, 100), "missing": "drop"}
TOWNS = {"query": "count", "by": "region", "private_keys": True}
#: Noise of it is nothing.
PLENTY = {"epsilon": "100000"}


def test_answers_without_noise_to_speak_of_are_those_of_numpy(people, ledger):
    assert release(people, query="variance", ledger=ledger, **AGE, **PLENTY).value == pytest.approx(
        np.var(AGES), rel=1e-4
    )
    for at in (0.1, 0.5, 0.9):
        found = release(people, query="quantile", at=at, ledger=ledger, **AGE, **PLENTY).value
        assert found in (np.quantile(AGES, at, method="lower"), np.quantile(AGES, at, method="higher"))
    assert release(people, query="median", ledger=ledger, **AGE, **PLENTY).value == np.median(AGES)
    share = sum(row[3].lower() == "true" for row in ROWS) / len(ROWS)
    for of in ("ok", "ok = true", "not ok = false"):
        found = release(people, query="proportion", of=of, ledger=ledger, **PLENTY).value
        assert found == pytest.approx(share, rel=1e-9)


def test_groups_have_the_answers_of_their_rows(people, ledger):
    for query, of in (("mean", np.mean), ("variance", np.var), ("median", np.median)):
        answer = release(people, query=query, by="region", keys=REGIONS, ledger=ledger, **AGE, **PLENTY)
        for cell in answer.cells:
            ages = [int(row[1]) for row in ROWS if row[2] == cell.key and row[1] is not None]
            assert cell.value == pytest.approx(of(ages), rel=1e-6, abs=1)
    counts = release(people, query="count", by="region", keys=("a", "nowhere"), ledger=ledger, **PLENTY)
    assert [(cell.key, cell.value) for cell in counts.cells] == [("a", 140), ("nowhere", 0)]


def test_a_mean_of_ten_groups_costs_one_charge_and_its_noise_is_the_receipt_s(people, ledger):
    asked = {"query": "sum", "by": "region", "keys": REGIONS, "ledger": ledger, "epsilon": "1", **AGE}
    exact = {
        region: sum(int(row[1]) for row in ROWS if row[2] == region and row[1] is not None)
        for region in REGIONS
    }
    noises = []
    for _ in range(40):
        answer = release(people, **asked)
        (noise,) = answer.receipt.noise
        noises += [cell.value - exact[cell.key] for cell in answer.cells]
    assert ledger.state().spent_epsilon == "40"
    # One row is in one region: the scale is that of one sum.
    assert (noise.scale, noise.sensitivity) == (100.0, 100.0)
    edges = stats.laplace.ppf(np.arange(1, 10) / 10, scale=noise.scale)
    seen = np.bincount(np.searchsorted(edges, noises), minlength=10)
    assert stats.chisquare(seen).pvalue > 1e-6
    mean = release(people, query="mean", by="region", keys=REGIONS, ledger=ledger, epsilon="1", **AGE)
    assert len(mean.receipt.noise) == 2
    assert ledger.state().spent_epsilon == "41"


def test_a_person_counts_for_as_many_rows_as_were_said(people, by_person):
    counted = release(people, query="count", max_rows=3, ledger=by_person, **PLENTY)
    assert counted.value == 3 + 2 * 500
    assert (counted.receipt.unit, counted.receipt.max_rows) == ("one who", 3)
    assert counted.receipt.noise[0].sensitivity == 3
    units = release(people, query="units", ledger=by_person, **PLENTY)
    assert (units.value, units.receipt.noise[0].sensitivity) == (501, 1)
    # The first has 3,200 years, the others twice their own.
    asked = {"column": "age", "bounds": (0, 150), "bounds_of": "unit", "missing": "drop"}
    total = release(people, query="sum", ledger=by_person, **asked, **PLENTY)
    assert total.value == 150 + sum(2 * (20 + person % 50) for person in range(1, 501) if person != 7)
    assert total.receipt.noise[0].sensitivity == 150


def test_how_many_rows_a_person_has_can_be_asked_for_a_price(people, by_person):
    asked = {"bounds_of": "unit", "bounds": (1, 50), "ledger": by_person, **PLENTY}
    quantiles = release(people, query="quantile", at=(0.5, 1.0), **asked)
    # All that is not below the largest is a quantile at 1.
    middle, most = (cell.value for cell in quantiles.cells)
    assert (middle, most >= 40) == (2, True)
    assert release(people, query="mean", **asked).value == pytest.approx((40 + 2 * 500) / 501, rel=1e-6)
    assert quantiles.receipt.asked.startswith(
        "quantile of rows of one unit at 0.5, 1 in [1, 50] for each unit"
    )
    with pytest.raises(UsageError, match="never missing"):
        release(people, query="mean", missing="drop", **asked)
    with pytest.raises(UsageError, match="is of a column"):
        release(people, query="mean", bounds=(1, 50), max_rows=2, ledger=by_person, **PLENTY)


def test_what_is_about_units_needs_a_ledger_of_units_and_the_other_way_round(people, ledger, by_person):
    for asked in ({"query": "units"}, {"query": "count", "max_rows": 2}, {"query": "count", "unit": "who"}):
        with pytest.raises(UsageError, match="this ledger protects one row"):
            release(people, ledger=ledger, **asked, **PLENTY)
    for asked, said in (
        ({"query": "count"}, "how many rows of one who may count is open"),
        ({"query": "count", "max_rows": 2, "max_groups": 2}, "--max-groups goes with"),
        ({"query": "units", "by": "region", "keys": ("a",)}, "in how many groups one who may count is open"),
        ({"query": "units", "max_rows": 2}, "leave --max-rows out"),
        ({"query": "count", "max_rows": 2, "unit": "region"}, "the table has the column 'who'"),
    ):
        with pytest.raises(UsageError, match=said):
            release(people, ledger=by_person, **asked, **PLENTY)
    assert ledger.state().entries == by_person.state().entries == ()


def test_the_unit_of_a_ledger_may_be_called_otherwise_in_a_table_that_does_not_have_its_column(
    tmp_path, by_person
):
    table = write_table(tmp_path / "t.parquet", {"person": "VARCHAR"}, [("a",), ("a",), ("b",)])
    asked = {"query": "units", "ledger": by_person, **PLENTY}
    assert release(table, unit="person", **asked).value == 2
    with pytest.raises(UsageError, match="no column 'whom'"):
        release(table, unit="whom", **asked)


def test_groups_from_the_data_are_shown_by_the_noisy_number_of_their_units(tmp_path, ledger):
    rows = [("big",)] * 1000 + [("small",)] * 2 + [(f"only {i}",) for i in range(200)]
    table = write_table(tmp_path / "t.parquet", {"town": "VARCHAR"}, rows)
    asked = {"query": "count", "by": "town", "private_keys": True, "ledger": ledger}
    answer = release(table, epsilon="1", delta="1e-6", **asked)
    assert [cell.key for cell in answer.cells] == ["big"]
    threshold = answer.receipt.noise[0].threshold
    assert (
        laplace.discrete_tail(threshold - 2, scale=1.0)
        <= 1e-6
        < laplace.discrete_tail(threshold - 3, scale=1.0)
    )
    with pytest.raises(UsageError, match="cost an epsilon and a delta"):
        release(table, rho="0.1", **asked)
    with pytest.raises(UsageError, match="spends no delta"):
        release(table, query="count", epsilon="1", delta="1e-6", ledger=ledger)
    state = ledger.state()
    assert (state.spent_epsilon, state.spent_delta) == ("1", "0.000001")


@pytest.mark.parametrize("most", [1, 3])
def test_a_group_of_one_unit_is_shown_less_often_than_delta(most):
    columns = (Column("town", Kind.TEXT, "VARCHAR", '"town"'), Column("who", Kind.TEXT, "VARCHAR", '"who"'))
    question = Question(query="units", by="town", private_keys=True, max_groups=most)
    prepared = prepare(question, columns, adjacency="add-remove", unit="who")
    measurement = calibrate(sensitivity=prepared.parts[0].moves.l1, epsilon=Fraction(1), vector=True)
    threshold = threshold_of(prepared, measurement, Fraction(1, 20))
    shown = np.array(measurement.add([1] * 40_000)) >= threshold
    assert most * shown.mean() <= 0.05 + 4 * most * math.sqrt(0.05 / most / 40_000)
    assert most * shown.mean() > 0.05 / 4


@pytest.mark.parametrize("epsilon", ["1", "0.013", "1e-4", "1e-9", "1e-16"])
@pytest.mark.parametrize("delta", [Fraction(1, 3), Fraction(1, 10**6), Fraction(1, 10**90)])
def test_the_threshold_is_the_least_one_whatever_the_noise(epsilon, delta):
    columns = (Column("region", Kind.TEXT, "VARCHAR", '"region"'),)
    prepared = prepare(Question(**TOWNS), columns, adjacency="add-remove")
    measurement = calibrate(sensitivity=1, epsilon=Fraction(epsilon), vector=True)
    begun = time.process_time()
    threshold = threshold_of(prepared, measurement, delta)
    assert time.process_time() - begun < 1
    assert laplace.discrete_tail(threshold - 2, scale=measurement.scale) <= delta
    # A part in 10^12 less is too low, or one step where the noise is small.
    lower = threshold - max(1, threshold // 10**12)
    assert lower < 2 or laplace.discrete_tail(lower - 2, scale=measurement.scale) > float(delta) * (1 - 1e-8)


def test_gaussian_noise_has_the_distribution_of_its_receipt(people, ledger):
    counts = release(people, query="count", by="region", keys=REGIONS, ledger=ledger, rho="0.005")
    (noise,) = counts.receipt.noise
    assert noise.mechanism == "discrete Gaussian"
    assert noise.scale == pytest.approx(10.0, rel=1e-6)
    assert noise.proven <= 0.005
    measurement = calibrate_gaussian(squared=1, rho=Fraction(5, 1000))
    drawn = measurement.add([0] * 4_000)
    assert stats.kstest(drawn, "norm", args=(0, 10)).pvalue > 1e-6


def test_a_quantile_is_chosen_by_the_exponential_mechanism():
    # With two candidates, permute-and-flip takes the worse one with probability exp(-gap / scale) / 2.
    measurement = calibrate_choice(sensitivity=1, epsilon=Fraction(1))
    assert measurement.scale == pytest.approx(2.0)
    chosen = np.array([measurement.add((0, -3))[0] for _ in range(4_000)])
    expected = math.exp(-3 / 2) / 2
    assert chosen.mean() == pytest.approx(expected, abs=5 * math.sqrt(expected / 4_000))


def test_counts_become_whole_and_non_negative_and_keep_their_sum(people, ledger):
    asked = {"query": "histogram", "column": "region", "categories": (*REGIONS, "x", "y", "z")}
    answer = release(people, ledger=ledger, epsilon="0.01", non_negative=True, **asked)
    values = [cell.value for cell in answer.cells]
    assert min(values) >= 0
    assert all(isinstance(value, int) for value in values)
    assert answer.receipt.afterwards == "non-negative"
    assert (
        release(
            people, query="count", where="age > 1000", ledger=ledger, epsilon="0.001", non_negative=True
        ).value
        >= 0
    )


def two_hundred_questions():
    kinds = [
        AskedQuestion(query="count", where="age > 30"),
        AskedQuestion(query="mean", by="region", keys=REGIONS, share=2, **AGE),
        AskedQuestion(query="histogram", column="region", categories=REGIONS),
        AskedQuestion(query="sum", share=3, **AGE),
        AskedQuestion(query="median", **AGE),
    ]
    return tuple(kinds[i % 5] for i in range(200))


@pytest.mark.parametrize(
    ("budget", "spent", "limit", "count"),
    [
        ({"epsilon": "1", "delta": "1e-6", "accounting": "pld"}, "spent_pld", 1.0, 200),
        ({"rho": "0.05"}, "spent_rho", 0.05, 40),
        ({"epsilon": "1"}, "spent_epsilon", 1.0, 40),
    ],
)
def test_many_questions_spend_the_budget_and_no_more(tmp_path, people, budget, spent, limit, count):
    ledger = create_ledger(tmp_path / "plan", **budget)
    settings = ReleaseSettings(queries=two_hundred_questions()[:count])
    planned = release_plan(people, settings, ledger=ledger, charge=False)
    assert ledger.state().entries == ()
    done = release_plan(people, settings, ledger=ledger)
    assert done.planned == planned.planned
    assert len(done.releases) == len({each.receipt.entry for each in done.releases}) == count
    state = ledger.state()
    assert float(getattr(state, spent)) == pytest.approx(done.spent, abs=1e-12)
    assert limit - 1e-6 < done.spent <= limit
    with pytest.raises(UsageError, match="too small for these questions"):
        release_plan(people, settings, ledger=ledger)
    assert len(ledger.state().entries) == count


def test_a_plan_is_charged_all_or_nothing(tmp_path, people):
    ledger = create_ledger(tmp_path / "plan", epsilon="1")
    settings = ReleaseSettings(epsilon=2.0, queries=two_hundred_questions()[:5])
    with pytest.raises(UsageError, match=r"refuses .* for 5 answers"):
        release_plan(people, settings, ledger=ledger)
    assert ledger.state().entries == ()
    answered = release_plan(
        people, ReleaseSettings(epsilon=0.5, queries=two_hundred_questions()[:5]), ledger=ledger
    )
    assert answered.spent == pytest.approx(0.5, abs=1e-9)
    wrong = AskedQuestion(query="sum", name="total", column="age", missing="drop")
    with pytest.raises(UsageError, match="total: a sum needs bounds"):
        release_plan(people, ReleaseSettings(queries=(wrong,)), ledger=ledger)
    with pytest.raises(UsageError, match="has a budget of an epsilon"):
        release_plan(people, ReleaseSettings(rho=0.5, queries=settings.queries), ledger=ledger)


def test_a_plan_of_one_part_has_what_that_part_has_left(tmp_path, people):
    ledger = create_ledger(tmp_path / "plan", epsilon="1", unit="who", parted_by="region")
    release(people, query="units", within="a", epsilon="1", ledger=ledger)
    release(people, query="units", within="b", epsilon="0.25", ledger=ledger)
    settings = ReleaseSettings(queries=(AskedQuestion(query="units", within="b"),))
    (planned,) = release_plan(people, settings, ledger=ledger, charge=False).planned
    assert float(planned.epsilon) == pytest.approx(0.75, abs=1e-9)
    (answered,) = release_plan(people, settings, ledger=ledger).releases
    assert answered.receipt.epsilon == planned.epsilon
    with pytest.raises(UsageError, match="too small for these questions"):
        release_plan(people, settings, ledger=ledger, charge=False)


def plan_of(people, ledger, *queries, **settings):
    asked = ReleaseSettings(queries=tuple(AskedQuestion(**each) for each in queries), **settings)
    return release_plan(people, asked, ledger=ledger, charge=False).planned


@pytest.mark.parametrize(
    ("budget", "shares", "prices"),
    [
        ({"epsilon": "0.4"}, (1, 1), ["0.2", "0.2"]),
        ({"epsilon": "0.4"}, (1, 3), ["0.1", "0.3"]),
        ({"epsilon": "0.4"}, (1, 1, 1), ["0.133333333333"] * 3),
        ({"rho": "0.5"}, (1, 1), ["0.25", "0.25"]),
        ({"epsilon": "0.000001"}, (1, 3), ["0.00000025", "0.00000075"]),
    ],
)
def test_a_price_that_is_a_short_decimal_is_that_decimal(tmp_path, people, budget, shares, prices):
    ledger = create_ledger(tmp_path / "plan", **budget)
    found = plan_of(people, ledger, *({"query": "count", "share": share} for share in shares))
    assert [each.rho if "rho" in budget else each.epsilon for each in found] == prices


@pytest.mark.parametrize("accounting", ["basic", "pld"])
def test_the_delta_of_a_plan_is_what_was_asked_and_no_more_than_there_is(tmp_path, people, accounting):
    ledger = create_ledger(tmp_path / "plan", epsilon="1", delta="1e-6", accounting=accounting)
    groups, rows = plan_of(people, ledger, TOWNS | {"delta": 1e-6}, {"query": "count"})
    # Gaussian noise would need some delta as well.
    assert (float(groups.delta), rows.rho) == (1e-6, "0")
    with pytest.raises(UsageError, match="more delta than the budget has"):
        plan_of(people, ledger, TOWNS | {"delta": 1.1e-6})
    with pytest.raises(UsageError, match="a delta"):
        plan_of(people, ledger, TOWNS)
    if accounting == "pld":
        with pytest.raises(UsageError, match="too little of the budget's delta"):
            plan_of(people, ledger, TOWNS | {"delta": 1e-6}, {"query": "count"}, noise="gaussian")


@pytest.mark.parametrize("shares", [(1e-50, 1.0), (1.0, 1e50), (1e-28, 1.0)])
@pytest.mark.parametrize("budget", [{"epsilon": "1"}, {"rho": "1"}])
def test_a_share_of_nothing_is_refused(tmp_path, people, shares, budget):
    ledger = create_ledger(tmp_path / "plan", **budget)
    with pytest.raises(UsageError, match="too small"):
        plan_of(people, ledger, *({"query": "count", "share": share} for share in shares))
