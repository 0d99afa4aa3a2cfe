"""How far one row moves an exact answer: brute force over neighbours, on the grid that is charged for."""

import math
from fractions import Fraction

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables_to_ask import exact, write_table

from trivet.errors import UsageError
from trivet.privacy import Adjacency
from trivet.privacy.releases.question import prepare
from trivet.privacy.releases.settings import Question
from trivet.tables.opening import Column, Kind

FLOATS = [None, "nan", "inf", "-1e300", "-0.0", "0.1", "12.25"]
TEXTS = [None, "a", "b", "c", ""]


def changes(table, neighbour, **question):
    one, prepared = exact(table, **question)
    other, _ = exact(neighbour, **question)
    return [abs(a - b) for a, b in zip(one, other, strict=True)], prepared


@pytest.mark.parametrize("bounds", [(-1.5, 10.0), pytest.param((0.1, 0.3), marks=pytest.mark.slow)])
@pytest.mark.parametrize("missing", ["drop", "lower"])
@pytest.mark.parametrize("query", ["sum", "mean"])
def test_no_row_moves_a_sum_further_than_its_sensitivity(tmp_path, bounds, missing, query):
    missing = "drop" if missing == "drop" else str(bounds[0])
    rows = [(value,) for value in FLOATS]
    whole = write_table(tmp_path / "whole.parquet", {"x": "DOUBLE"}, rows)
    largest = {Adjacency.ADD_REMOVE: 0, Adjacency.REPLACE_ONE: 0}
    allowed = {}
    asked = {"query": query, "column": "x", "bounds": bounds, "missing": missing}
    for i, value in enumerate(FLOATS):
        others = [row for j, row in enumerate(rows) if j != i]
        removed = write_table(tmp_path / "removed.parquet", {"x": "DOUBLE"}, others)
        moved, prepared = changes(whole, removed, adjacency=Adjacency.ADD_REMOVE, **asked)
        for each, part in zip(moved, prepared.parts, strict=True):
            assert each <= part.moves.l1
        largest[Adjacency.ADD_REMOVE] = max(largest[Adjacency.ADD_REMOVE], moved[0])
        allowed[Adjacency.ADD_REMOVE] = prepared.parts[0].moves.l1
        for other in ("1e300", "-inf", None):
            replaced = write_table(tmp_path / "replaced.parquet", {"x": "DOUBLE"}, [*others, (other,)])
            moved, prepared = changes(whole, replaced, adjacency=Adjacency.REPLACE_ONE, **asked)
            for each, part in zip(moved, prepared.parts, strict=True):
                assert each <= part.moves.l1, (value, other)
            largest[Adjacency.REPLACE_ONE] = max(largest[Adjacency.REPLACE_ONE], moved[0])
            allowed[Adjacency.REPLACE_ONE] = prepared.parts[0].moves.l1
    # The sensitivity is reached, so no noise is wasted.
    assert largest == allowed


def test_integers_are_added_as_they_are(tmp_path):
    rows = [("5",), ("-9223372036854775808",), ("9223372036854775807",), (None,), ("100",)]
    table = write_table(tmp_path / "t.parquet", {"x": "BIGINT"}, rows)
    asked = {"query": "sum", "column": "x", "bounds": (-10, 50)}
    assert exact(table, missing="drop", **asked)[0] == (5 - 10 + 50 + 50,)
    (total,), prepared = exact(table, missing="7", **asked)
    assert (total, prepared.grid) == (5 - 10 + 50 + 50 + 7, 1.0)
    (centred, rows), prepared = exact(table, missing="drop", **asked | {"query": "mean"})
    assert (centred + prepared.centre * rows, rows) == (95, 4)


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT", "DECIMAL(10, 3)"])
def test_a_sum_of_floats_is_the_exact_sum_of_rounded_values_in_any_order(tmp_path, kind):
    values = ["0.1", "0.25", "99.999", "-3", "1000", "17.5"]
    asked = {"query": "sum", "column": "x", "bounds": (0, 100), "missing": "drop"}
    totals = set()
    for order in (values, values[::-1], sorted(values)):
        table = write_table(tmp_path / "t.parquet", {"x": kind}, [(value,) for value in order])
        (total,), prepared = exact(table, **asked)
        totals.add(total)
    step = Fraction(prepared.grid)
    expected = sum(round(max(Fraction(0), min(Fraction(100), Fraction(v))) / step) for v in values)
    assert totals == {expected}
    # 100 / 2^20 and no coarser; a power of two.
    assert prepared.grid == 2.0**-14
    assert math.log2(100 / prepared.grid) > 20


bound = st.floats(-1e200, 1e200, allow_nan=False)


@given(lower=bound, upper=bound, kind=st.sampled_from([Kind.INTEGER, Kind.FLOAT]))
def test_the_grid_keeps_the_bounds_and_its_integers_small(lower, upper, kind):
    if kind is Kind.INTEGER:
        lower, upper = float(round(lower)), float(round(upper))
    question = Question(query="sum", column="x", bounds=(lower, upper), missing="drop")
    column = Column("x", kind, kind.value, '"x"')
    try:
        prepared = prepare(question, (column,), adjacency=Adjacency.ADD_REMOVE)
    except UsageError:
        return
    assert math.frexp(prepared.grid)[0] == 0.5
    assert max(abs(prepared.lower), abs(prepared.upper)) <= 2**36
    # The bounds move by half a step at most.
    for given_, used in ((lower, prepared.lower), (upper, prepared.upper)):
        assert abs(Fraction(given_) - used * Fraction(prepared.grid)) <= Fraction(prepared.grid) / 2
    assert 1 <= prepared.parts[0].moves.l1 == max(abs(prepared.lower), abs(prepared.upper))


@given(lower=bound, upper=bound, kind=st.sampled_from([Kind.INTEGER, Kind.FLOAT]))
def test_the_squares_of_ten_billion_rows_have_room_in_64_bits(lower, upper, kind):
    if kind is Kind.INTEGER:
        lower, upper = float(round(lower)), float(round(upper))
    question = Question(query="variance", column="x", bounds=(lower, upper), missing="drop")
    try:
        prepared = prepare(question, (Column("x", kind, kind.value, '"x"'),), adjacency=Adjacency.ADD_REMOVE)
    except UsageError:
        return
    _, squares, _ = prepared.parts
    assert squares.moves.l1 * 10**10 < 2**63
    assert 0 < squares.grid < 1e200


@pytest.mark.slow
@settings(max_examples=25)
@given(
    texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=8),
    other=st.sampled_from(TEXTS),
    missing=st.sampled_from([None, "drop", "b"]),
)
def test_one_row_moves_a_histogram_by_one_or_two(tmp_path_factory, texts, other, missing):
    folder = tmp_path_factory.mktemp("cells")
    asked = {"query": "histogram", "column": "x", "categories": ("a", "b", "z"), "missing": missing}
    rows = [(text,) for text in texts]
    whole = write_table(folder / "whole.parquet", {"x": "VARCHAR"}, rows)
    for neighbour, adjacency, limit in (
        (rows[1:], Adjacency.ADD_REMOVE, 1),
        ([*rows[1:], (other,)], Adjacency.REPLACE_ONE, 2),
    ):
        near = write_table(folder / "near.parquet", {"x": "VARCHAR"}, neighbour)
        moved, prepared = changes(whole, near, adjacency=adjacency, **asked)
        assert sum(moved) <= prepared.parts[0].moves.l1 == limit
    filled = [text if text is not None or missing != "b" else "b" for text in texts]
    assert exact(whole, **asked)[0] == tuple(filled.count(key) for key in ("a", "b", "z"))


@pytest.mark.parametrize(
    ("kind", "values", "categories", "counts"),
    [
        ("INTEGER", ["1", "2", "2", None], ("2", "01", "7"), (2, 1, 0)),
        ("DOUBLE", ["1", "2", "2.5", "-0.0", "nan", "inf", "2", None], ("2", "-0", "7"), (2, 1, 0)),
        ("DECIMAL(9, 2)", ["1.00", "2.50", "2.00", None], ("1..3",), (1, 1, 0)),
        ("BOOLEAN", ["true", "false", "true", None], ("True", "false"), (2, 1)),
        ("ENUM('x', 'y')", ["x", "y", "x", None], ("x", "nowhere"), (2, 0)),
    ],
)
def test_categories_of_every_type(tmp_path, kind, values, categories, counts):
    table = write_table(tmp_path / "t.duckdb", {"c": kind}, [(value,) for value in values])
    assert exact(table, query="histogram", column="c", categories=categories)[0] == counts


def test_a_missing_value_among_floats_is_a_category_and_a_broken_number_is_none(tmp_path):
    table = write_table(tmp_path / "t.parquet", {"c": "DOUBLE"}, [("1",), ("1.5",), (None,), ("nan",)])
    assert exact(table, query="histogram", column="c", categories=("1", "2"), missing="2")[0] == (1, 2)
    with pytest.raises(
        UsageError, match=r"whole numbers below 2\^53 for categories, but a category is '1.5'"
    ):
        exact(table, query="histogram", column="c", categories=("1.5",))
    with pytest.raises(UsageError, match="give whole ones with --keys"):
        exact(table, query="count", by="c", private_keys=True)


@pytest.mark.parametrize(
    "name", ["steps", "key", "rows_asked", 'a "b"', "x; DROP TABLE people", "{source}", "?", "Straße", "a'b"]
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".duckdb"])
def test_a_column_may_be_called_anything(tmp_path, name, suffix):
    doubled = name.replace('"', '""')
    table = write_table(
        tmp_path / f"t{suffix}", {doubled: "INTEGER", "other": "INTEGER"}, [("1", "7"), ("2", "8")]
    )
    where = f'"{doubled}" = 2'
    (total,), prepared = exact(table, query="sum", column=name, bounds=(0, 9), missing="drop", where=where)
    assert total * prepared.grid == 2
    assert exact(table, query="histogram", column=name, categories=("2", "1"), where=where)[0] == (1, 0)


def test_a_collation_does_not_let_one_row_rename_a_cell(tmp_path):
    path = tmp_path / "t.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t (s VARCHAR COLLATE NOCASE)")
        connection.execute("INSERT INTO t VALUES ('A'), ('a'), ('a')")
    for categories, counts in ((("a",), (2,)), (("A",), (1,)), (("A", "a"), (1, 2))):
        assert exact(f"{path}:t", query="histogram", column="s", categories=categories)[0] == counts
    for where, rows in (
        ("s = 'a'", 2),
        ("s in ('A', 'b')", 1),
        ("s != 'a'", 1),
        ("s < 'a'", 1),
        ("s = s", 3),
    ):
        assert exact(f"{path}:t", query="count", where=where)[0] == (rows,)
