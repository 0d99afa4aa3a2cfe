"""Databases: macros and types of their own, journals, and names that collide."""

import duckdb
import pytest

from trivet.errors import DataError
from trivet.fairness import group_counts
from trivet.privacy import create_ledger, release
from trivet.tables.opening import open_table

MACROS = [
    "least(a, b) AS a",
    "sum(x) AS 777",
    "own.trim(x) AS x",
    "names() AS TABLE SELECT 1 AS x",
    "nothing_of_ours(x) AS x",
]


def database(path, *statements):
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE SCHEMA own; CREATE TABLE people AS SELECT range::INTEGER AS age FROM range(10)"
        )
        connection.execute("INSERT INTO people VALUES (1_000_000_000)")
        for statement in statements:
            connection.execute(statement)
    return f"{path}:people"


@pytest.mark.parametrize("macro", MACROS)
def test_a_database_with_a_macro_is_refused_before_anything_is_charged(tmp_path, macro):
    table = database(tmp_path / "shop.duckdb", f"CREATE MACRO {macro}")
    ledger = create_ledger(tmp_path / "ledger", epsilon="10")
    with pytest.raises(
        DataError, match=r"^'shop\.duckdb' holds a function of its own, '\w+', which"
    ) as refused:
        release(table, query="sum", column="age", bounds=(0, 1), missing="drop", epsilon="1", ledger=ledger)
    assert "\n" not in str(refused.value)
    assert ledger.state().entries == ()
    with pytest.raises(DataError, match="holds a function of its own"):
        group_counts(table, "age", "age", "age")


def test_a_type_that_may_stand_for_another_is_refused_and_an_enumeration_is_not(tmp_path):
    with open_table(database(tmp_path / "a.duckdb", "CREATE TYPE kind AS ENUM ('a', 'b')")) as opened:
        assert opened.rows(f"SELECT count(*) FROM {opened.source}") == [[11]]
    table = database(tmp_path / "b.duckdb", "CREATE TYPE money AS DECIMAL(9, 2)")
    with pytest.raises(DataError, match="holds a type of its own, 'money'"), open_table(table):
        pass


def test_functions_are_looked_up_beside_the_file_and_never_in_it(tmp_path):
    with open_table(database(tmp_path / "a.duckdb")) as opened:
        assert opened.rows("SELECT current_database(), current_schema()") == [["memory", "main"]]
        (found,) = opened.rows("SELECT count(*) FROM duckdb_databases() WHERE readonly AND NOT internal")
        assert found == [1]


def test_changes_that_are_not_in_the_file_yet_are_not_overlooked(tmp_path):
    table = database(tmp_path / "a.duckdb")
    (tmp_path / "a.duckdb.wal").write_bytes(b"")
    with pytest.raises(DataError, match=r"has changes that are still in 'a\.duckdb\.wal'"), open_table(table):
        pass


def test_a_dotted_name_that_means_two_tables_is_refused(tmp_path):
    table = database(
        tmp_path / "a.duckdb", "CREATE TABLE own.t AS SELECT 1 AS a", 'CREATE TABLE "own.t" AS SELECT 2 AS b'
    )
    with (
        pytest.raises(DataError, match=r"two tables of the database are called 'own\.t'"),
        open_table(table.replace("people", "own.t")),
    ):
        pass


def test_an_unknown_collation_is_refused_before_the_charge_or_does_no_harm(tmp_path):
    table = database(
        tmp_path / "a.duckdb", "CREATE TABLE de (s VARCHAR COLLATE de)", "INSERT INTO de VALUES ('a')"
    )
    ledger = create_ledger(tmp_path / "ledger", epsilon="100000")
    answer = release(
        table.replace("people", "de"), query="count", where="s = 'a'", epsilon="1000", ledger=ledger
    )
    assert answer.value == 1
