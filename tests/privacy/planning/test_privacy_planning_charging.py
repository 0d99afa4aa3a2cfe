"""What a plan promises, a ledger lets through to the last answer, and not one more."""

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trivet.errors import UsageError
from trivet.privacy import Adjacency, create_ledger
from trivet.privacy.planning import PlanSettings, QuerySettings, plan_queries
from trivet.privacy.releases.charges import Charge, fits_basic, fits_pld, total
from trivet.privacy.releases.ledger import Asked
from trivet.privacy.releases.question import prepare
from trivet.privacy.releases.settings import Question
from trivet.tables.opening import Column, Kind

COUNT = QuerySettings(name="rows", kind="count")
SUM = QuerySettings(name="pay", bounds=(0, 100), share=2)
MEAN = QuerySettings(name="mean pay", sensitivity=1.0, share=0.7)
CELLS = QuerySettings(name="districts", cells=12)


def asked(query, counts):
    return tuple(
        QuerySettings(name=each.name, kind=each.kind, bounds=each.bounds, cells=each.cells, share=each.share,
                      sensitivity=each.sensitivity, count=count)
        for each, count in zip(query, counts, strict=True)
    )  # fmt: skip


def charges_of(plan, epsilons):
    """Charges in the order of the plan; a mean's has two parts."""
    for query, epsilon in zip(plan.queries, epsilons, strict=True):
        parts = 2 if query.name.startswith("mean") else 1
        yield from [Charge(Fraction(epsilon), Fraction(0), parts)] * query.count


def decided(charges, budget, *, pure):
    fits = fits_basic if pure else fits_pld
    return [fits(charges[: number + 1], budget) for number in range(len(charges))]


@pytest.mark.parametrize(
    ("lines", "epsilon", "delta"),
    [
        ([(COUNT, 1)], 1.0, 0.0),
        ([(COUNT, 3)], 0.3, 0.0),
        ([(COUNT, 92)], 0.1, 0.0),
        ([(COUNT, 92)], 0.1, 1e-5),
        ([(COUNT, 1)], 1.0, 1e-14),
        ([(COUNT, 40)], 1.0, 1e-6),
        ([(SUM, 40)], 1.0, 1e-6),
        ([(CELLS, 40)], 1.0, 1e-6),
        ([(COUNT, 7), (SUM, 3), (MEAN, 2)], 0.7, 0.0),
        ([(COUNT, 20), (SUM, 7), (MEAN, 5)], 2.0, 1e-9),
        ([(COUNT, 150), (SUM, 50)], 1.0, 1e-6),
        ([(MEAN, 30), (CELLS, 30)], 5.0, 1e-13),
    ],
)
@pytest.mark.parametrize("adjacency", ["add-remove", "replace-one"])
def test_all_answers_of_a_plan_are_let_through(lines, epsilon, delta, adjacency):
    queries = asked(*zip(*lines, strict=True))
    plan = plan_queries(
        PlanSettings(
            epsilon=epsilon,
            delta=delta,
            queries=queries,
            adjacency=adjacency,
            mechanism="discrete-laplace",
        )
    )
    budget = Charge(Fraction(str(epsilon)), Fraction(str(delta)))
    rows = [
        (row.method, [str(noise.epsilon_per_query) for noise in row.queries])
        for row in plan.rows
        if row.applicable
    ]
    assert plan.release.accounting == ("pld" if delta else "basic")
    rows.append((plan.release.accounting, [query.epsilon for query in plan.release.queries]))
    for method, epsilons in rows:
        assert (
            max(len(text.lstrip("0.").partition("e")[0].replace(".", "").rstrip("0")) for text in epsilons)
            <= 4
        )
        every = list(charges_of(plan, epsilons))
        # Each prefix of a plan is let through; the ends of it are what can fail.
        for order in (every, every[::-1]):
            fits = fits_basic if method == "basic" else fits_pld
            assert all(fits(order[:-back] if back else order, budget) for back in range(min(3, len(order))))
    # A hundredth more for each would be refused: nothing is wasted.
    more = [Charge(charge.epsilon * Fraction("1.01"), charge.delta, 1) for charge in every]
    assert not fits_pld(more, budget)


@settings(max_examples=10)
@given(
    counts=st.tuples(st.integers(1, 12), st.integers(0, 8), st.integers(0, 6), st.integers(0, 5)),
    epsilon=st.sampled_from([0.05, 0.3, 1.0, 2.7, 10.0]),
    delta=st.sampled_from([0.0, 1e-14, 1e-9, 1e-5]),
    seed=st.integers(0, 100),
)
def test_no_order_of_the_answers_is_refused(counts, epsilon, delta, seed):
    lines = [(each, count) for each, count in zip((COUNT, SUM, MEAN, CELLS), counts, strict=True) if count]
    plan = plan_queries(
        PlanSettings(
            epsilon=epsilon,
            delta=delta,
            queries=asked(*zip(*lines, strict=True)),
            mechanism="discrete-laplace",
        )
    )
    every = list(charges_of(plan, [query.epsilon for query in plan.release.queries]))
    random.Random(seed).shuffle(every)
    budget = Charge(Fraction(str(epsilon)), Fraction(str(delta)))
    assert all(decided(every, budget, pure=not delta))
    if not delta:
        assert total(every).epsilon <= budget.epsilon


@pytest.mark.parametrize(
    ("delta", "accounting"), [(0.0, "basic"), (1e-6, "pld"), (1e-45, "pld"), (1e-120, "pld")]
)
def test_a_ledger_s_file_takes_the_printed_epsilons_to_the_last(tmp_path, delta, accounting):
    plan = plan_queries(PlanSettings(epsilon=0.1, delta=delta, queries=asked([COUNT, SUM], [30, 10])))
    ledger = create_ledger(
        str(tmp_path / "budget.db"),
        epsilon=plan.release.epsilon,
        delta=plan.release.delta if delta else "0",
        accounting=plan.release.accounting,
    )
    assert plan.release.accounting == accounting

    def charge(query):
        ledger.charge(
            Asked(
                table="t",
                fingerprint="",
                query="count",
                asked="count",
                mechanism="discrete Laplace",
                scales=(1.0,),
                epsilon=query.epsilon or "0",
                delta="0",
                rho=query.rho or "0",
                gaussian=query.rho is not None,
            )
        )

    assert (plan.release.mechanism == "discrete-gaussian") == (delta > 1e-20)
    for query in plan.release.queries:
        for _ in range(query.count):
            charge(query)
    with pytest.raises(UsageError, match="the ledger refuses"):
        charge(plan.release.queries[0])


NUMBERS = Column("pay", Kind.FLOAT, "DOUBLE", '"pay"')
WHOLE = Column("age", Kind.INTEGER, "BIGINT", '"age"')
TEXT = Column("town", Kind.TEXT, "VARCHAR", '"town"')


@pytest.mark.parametrize("adjacency", list(Adjacency))
@pytest.mark.parametrize("where", [None, "age > 3"])
@pytest.mark.parametrize("missing", ["drop", "inside"])
@pytest.mark.parametrize("bounds", [(0, 64), (32, 64), (-64, -32), (-32, 64)])
@pytest.mark.parametrize("column", ["pay", "age"])
def test_a_sum_is_planned_at_the_sensitivity_of_its_release(adjacency, where, missing, bounds, column):
    fate = "drop" if missing == "drop" else str(bounds[0])
    question = Question(query="sum", column=column, bounds=bounds, missing=fate, where=where)
    prepared = prepare(question, (NUMBERS, WHOLE, TEXT), adjacency=adjacency)
    released = prepared.parts[0].moves.l1 * prepared.grid
    every_row = where is None and missing != "drop"
    query = QuerySettings(bounds=bounds, selects=not every_row)
    plan = plan_queries(PlanSettings(epsilon=1.0, adjacency=adjacency.value, queries=(query,)))
    assert plan.queries[0].l1 == released
    # Without a word about the selection a plan never asks for less noise.
    silent = plan_queries(
        PlanSettings(epsilon=1.0, adjacency=adjacency.value, queries=(QuerySettings(bounds=bounds),))
    )
    assert silent.queries[0].l1 >= released


@pytest.mark.parametrize("adjacency", list(Adjacency))
@pytest.mark.parametrize("where", [None, "age > 3"])
@pytest.mark.parametrize("missing", [None, "drop", "a"])
@pytest.mark.parametrize("cells", [1, 2, 5])
def test_counts_and_histograms_are_planned_at_the_sensitivity_of_their_release(
    adjacency, where, missing, cells
):
    columns = (NUMBERS, WHOLE, TEXT)
    question = Question(
        query="histogram", column="town", categories=tuple("abcde"[:cells]), missing=missing, where=where
    )
    (part,) = prepare(question, columns, adjacency=adjacency).parts
    (count,) = prepare(Question(query="count", where=where), columns, adjacency=adjacency).parts
    queries = (QuerySettings(cells=cells), QuerySettings(kind="count"))
    plan = plan_queries(PlanSettings(epsilon=1.0, adjacency=adjacency.value, queries=queries))
    assert [query.l1 for query in plan.queries] == [part.moves.l1, count.moves.l1]
