"""Conditions: what they select, held against Python; what they refuse, with the place marked."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables_to_ask import exact, write_table

from trivet.errors import UsageError
from trivet.privacy.releases.where import parse_where, select_rows
from trivet.tables.opening import Column, Kind

TYPES = {"age": "INTEGER", "hours-per-week": "DOUBLE", "name": "VARCHAR", "retired": "BOOLEAN"}
ROWS = [
    ("30", "40", "Ann", "false"),
    ("40", "nan", "O'Neil", "true"),
    (None, "38.5", None, "false"),
    ("67", None, 'say "x"', "true"),
    ("40", "-1", "ann", None),
    ("900719925", "inf", "", "true"),
]
COLUMNS = (
    Column("age", Kind.INTEGER, "INTEGER", '"age"'),
    Column("hours-per-week", Kind.FLOAT, "DOUBLE", '"hours-per-week"'),
    Column("name", Kind.TEXT, "VARCHAR", '"name"'),
    Column("retired", Kind.BOOLEAN, "BOOLEAN", '"retired"'),
    Column("born", Kind.OTHER, "DATE", '"born"'),
)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("where") / "people.parquet", TYPES, ROWS)


def count(table, where):
    return exact(table, query="count", where=where)[0][0]


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("age = 40", 2),
        ("age == 40.0", 2),
        ("40 = age", 2),
        ("age != 40", 3),  # a missing age is not different, it is unknown
        ("age <> 40", 3),
        ("not age = 40", 4),  # but the comparison is false, so its negation is true
        ("age < 40 or age >= 40", 5),
        ("hours-per-week > 39", 2),  # NaN is not above anything
        ("hours-per-week <= 40", 3),
        ('"hours-per-week" > -2 and "hours-per-week" < 0', 1),
        ("name = 'O''Neil'", 1),
        ("name = 'say \"x\"'", 1),
        ("name in ('Ann', 'ann', '')", 3),
        ("name not in ('Ann', 'ann')", 4),
        ("name < 'a'", 3),
        ("retired", 3),
        ("not retired", 3),
        ("retired = false", 2),
        ("NOT (retired OR age = 30)", 2),
        ("age in (30, 67.0)", 2),
        ("retired and age = 40 or name = 'Ann'", 2),
        ("retired and (age = 40 or name = 'Ann')", 1),
        ("age < hours-per-week", 1 + 1),
        ("age = -40 or age = +40 or age = 4e1", 2),
    ],
)
def test_what_a_condition_selects(people, where, rows):
    assert count(people, where) == rows


@pytest.mark.parametrize(
    ("where", "rows"),
    [("age < 40", 1), ("age = '40'", 2), ("name = 'Ann'", 1), ("retired", 3), ("not age < 40", 5)],
)
def test_a_csv_cell_is_what_it_is_compared_with(tmp_path, where, rows):
    assert count(write_table(tmp_path / "people.csv", TYPES, ROWS), where) == rows


def python(tree, row):
    """The same condition, evaluated on a row in Python."""
    match tree[0]:
        case "and":
            return all(python(each, row) for each in tree[1])
        case "or":
            return any(python(each, row) for each in tree[1])
        case "not":
            return not python(tree[1], row)
    operator, value = tree
    held = None if row[0] is None else int(row[0])
    if held is None:
        return False
    return {
        "=": held == value,
        "!=": held != value,
        "<": held < value,
        "<=": held <= value,
        ">": held > value,
        ">=": held >= value,
    }[operator]


def written(tree):
    match tree[0]:
        case "and" | "or":
            return "(" + f" {tree[0]} ".join(written(each) for each in tree[1]) + ")"
        case "not":
            return f"not {written(tree[1])}"
    return f"age {tree[0]} {tree[1]}"


leaves = st.tuples(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.sampled_from([29, 30, 40, 41, 67]))
trees = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3))
        | st.tuples(st.just("not"), inner)
    ),
    max_leaves=8,
)


@given(tree=trees)
def test_any_tree_selects_what_python_selects(people, tree):
    text = written(tree)
    selected = sum(python(tree, row) for row in ROWS)
    understood = select_rows(text, COLUMNS).text
    assert count(people, text) == count(people, understood) == selected
    assert select_rows(understood, COLUMNS).text == understood


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("", "at character 1: expected a column or a value, found the end: ▸"),
        ("age >", "at character 6: expected a column or a value, found the end: age >▸"),
        ("(age > 3", "expected ), found the end: (age > 3▸"),
        ("age > 3)", "found ')': age > 3▸)"),
        ("age = 1; DROP TABLE people", "at character 8: this cannot be read: age = 1▸; DROP TABLE people"),
        ("age = 1 -- ", "this cannot be read"),
        ("age = 1 /* x */", "this cannot be read"),
        ("age = (SELECT 1)", "expected a column or a value, found '('"),
        ("age = pg_sleep(1)", "expected and, or, or the end, found '('"),
        ("read_csv('x') = 1", "expected a comparison such as = or < or in, found '('"),
        ("ag > 3", "at character 1: the table has no column 'ag'; did you mean 'age'?: ▸ag > 3"),
        ("name > 3", "at character 8: a text cannot be compared with a number: name > ▸3"),
        ("age = 'x'", "a number cannot be compared with a text: age = ▸'x'"),
        ("age in (1, 'x')", "a number cannot be compared with a text: age in (1, ▸'x')"),
        ("age", "a number is not a condition: ▸age"),
        ("retired > true", "compared with = or != only"),
        ("1 = 1", "one side has to be a column"),
        ("true", "expected a comparison such as = or <, found the end"),
        ("born = 3", "a column of type DATE cannot be compared"),
        ("age = 1e999", "too large"),
        ("age in ()", "expected a number"),
        ("name = 'x", "no closing quotation mark"),
        ('"age > 3', "no name or no closing quotation mark"),
        ("age > 3 4", "expected and, or, or the end, found '4'"),
        ("age > 40and retired", "cannot be read"),
        ("name = '\udcff'", "Unicode"),
        ("(" * 40 + "age = 1" + ")" * 40, "nested more than 32 deep"),
        ("not " * 40 + "age = 1", "nested more than 32 deep"),
        ("age = 1 or " * 400 + "age = 1", "at most 4096"),
        ("age = \x1b[31m", "this cannot be read"),
    ],
)
def test_what_is_refused_and_where(where, said):
    with pytest.raises(UsageError) as refused:
        select_rows(where, COLUMNS)
    assert said in str(refused.value)
    assert str(refused.value).isprintable()


@given(st.text(max_size=60))
def test_no_text_ends_in_anything_but_a_tree_or_a_complaint(text):
    with contextlib.suppress(UsageError):
        select_rows(text, COLUMNS)


@given(st.text(max_size=40).filter(lambda text: "'" not in text and '"' not in text))
def test_what_is_typed_never_stands_in_the_sql(text):
    where = f"name = '{text}'"
    try:
        selection = select_rows(where, COLUMNS)
    except UsageError:
        return
    assert selection.sql == 'COALESCE(CAST("name" AS VARCHAR) COLLATE C = CAST(? AS VARCHAR), FALSE)'
    assert selection.values == (text,)


def test_the_tree_is_a_value():
    assert parse_where("a = 1 and b = 2") == parse_where("a = 1 and b = 2")


def test_a_condition_as_long_as_allowed_is_answered(people):
    assert count(people, " or ".join(["retired"] * 370)) == 3
    assert count(people, "age in (" + ", ".join(["40"] * 1000) + ")") == 2
