"""Tables: every kind of file, what is refused, and that a connection reads its own file only."""

import hashlib
import math

import duckdb
import numpy as np
import polars as pl
import pytest
from tables_to_ask import exact, write_table

from trivet.errors import DataError, UsageError
from trivet.tables.opening import Column, Kind, find_column, fingerprint, kind_of, open_table
from trivet.tables.settings import Reading

TYPES = {"age": "INTEGER", "name": "VARCHAR", "hours-per-week": "DOUBLE"}
ROWS = [("30", "Ann", "40.5"), (None, "x, y", "nan"), ("50", 'q"q', None)]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".duckdb"])
def test_every_kind_of_file_gives_the_same_answers(tmp_path, suffix):
    table = write_table(tmp_path / f"people{suffix}", TYPES, ROWS)
    assert exact(table, query="count")[0] == (3,)
    (total,), prepared = exact(table, query="sum", column="age", bounds=(0, 90), missing="drop")
    assert total * prepared.grid == 80
    (total,), prepared = exact(table, query="sum", column="hours-per-week", bounds=(0, 99), missing="10")
    assert total * prepared.grid == pytest.approx(60.5, abs=3 * prepared.grid)
    asked = {"query": "histogram", "column": "name", "categories": ("x, y", 'q"q', "Ann", "")}
    assert exact(table, **asked)[0] == (1, 1, 1, 0)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".duckdb"])
def test_a_table_without_rows_answers_nought(tmp_path, suffix):
    table = write_table(tmp_path / f"nobody{suffix}", TYPES, [])
    assert exact(table, query="count")[0] == (0,)
    for query, noughts in (("sum", (0,)), ("mean", (0, 0))):
        assert exact(table, query=query, column="age", bounds=(0, 9), missing="drop")[0] == noughts
    assert exact(table, query="histogram", column="name", categories=("a",))[0] == (0,)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_alone_decides_on_delimiter_and_names(tmp_path, delimiter):
    table = tmp_path / "t.csv"
    lines = [["age", '"a, ""b"""'], ["30", "x"], ["many", ""], ["", "y"]]
    table.write_text("\ufeff" + "\r\n".join(map(delimiter.join, lines)), encoding="utf-8")
    with open_table(table) as opened:
        assert [column.name for column in opened.columns] == ["age", 'a, "b"']
        assert {column.kind for column in opened.columns} == {Kind.CELL}
    (total,), prepared = exact(table, query="sum", column="age", bounds=(0, 90), missing="drop")
    assert total * prepared.grid == 30
    assert exact(table, query="count", where='"a, ""b""" = \'y\'')[0] == (1,)


@pytest.mark.parametrize(
    "name", ["sa?.csv", "s[ab]*.csv", "it's.csv", "a,b.csv", "ü.csv", "{x}.csv", "a=1.csv"]
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_path_means_one_file(tmp_path, name, suffix):
    folder = tmp_path / "a=2"
    folder.mkdir()
    for decoy, value in (("sa1", "1"), ("sb", "2"), ("x", "3"), ("a", "4")):
        write_table(folder / f"{decoy}{suffix}", {"v": "INTEGER"}, [(value,)])
    plain = write_table(folder / f"plain{suffix}", {"v": "INTEGER"}, [("7",)])
    table = plain.rename(folder / name.replace(".csv", suffix))
    (total,), prepared = exact(table, query="sum", column="v", bounds=(0, 9), missing="drop")
    assert total * prepared.grid == 7
    with open_table(table) as opened:
        assert [column.name for column in opened.columns] == ["v"]
        assert opened.name == table.name


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".duckdb"])
def test_the_connection_reads_nothing_else_and_cannot_be_unlocked(tmp_path, suffix):
    secret = tmp_path / "secret.csv"
    secret.write_text("x\n1\n", encoding="utf-8")
    with open_table(write_table(tmp_path / f"t{suffix}", TYPES, ROWS)) as opened:
        for statement in (
            f"SELECT * FROM read_csv('{secret}')",
            f"ATTACH '{tmp_path / 'other.duckdb'}'",
            f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
            "INSTALL httpfs",
            "SET enable_external_access = true",
            "SET threads = 64",
        ):
            with pytest.raises(DataError):
                opened.rows(statement)


def test_asking_leaves_a_database_as_it_was(tmp_path):
    table = write_table(tmp_path / "p.duckdb", TYPES, ROWS)
    before = (tmp_path / "p.duckdb").read_bytes()
    exact(table, query="count")
    assert (tmp_path / "p.duckdb").read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["p.duckdb"]


def test_a_view_is_no_table(tmp_path):
    path = tmp_path / "p.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.execute("CREATE VIEW doubled AS SELECT * FROM t UNION ALL SELECT * FROM t")
        connection.execute("CREATE SCHEMA s")
        connection.execute("CREATE TABLE s.t (b INTEGER)")
    with pytest.raises(DataError, match=r"no table 'doubled'; it has main\.t, s\.t\. A view"):
        exact(f"{path}:doubled", query="count")
    with pytest.raises(UsageError, match=r"FILE\.duckdb:TABLE\. It has main\.t, s\.t\."):
        exact(path, query="count")
    with open_table(f"{path}:s.t") as opened:
        assert [column.name for column in opened.columns] == ["b"]
    with open_table(f"{path}:t") as opened:
        assert [column.name for column in opened.columns] == ["a"]


@pytest.mark.parametrize(
    ("name", "content", "kind", "said"),
    [
        ("no.csv", None, DataError, "is not there"),
        ("t.txt", b"a\n1\n", UsageError, "not a table"),
        ("t.csv", b"", DataError, "is empty; expected a line"),
        ("t.csv", b"a,,b\n1,2,3\n", DataError, "not a header"),
        ("t.csv", b"a,b,a\n1,2,3\n", DataError, "more than one column 'a'"),
        ("t.csv", b"\xfd\xfe\n1\n", DataError, "UTF-8; give --encoding latin-1"),
        ("t.parquet", b"secret 12345", DataError, "cannot be read as parquet"),
        ("t.duckdb", b"secret 12345", DataError, "cannot be opened as a DuckDB database"),
        ("http://localhost/t.csv", None, DataError, "is not there"),
        ("s3://bucket/t.parquet", None, DataError, "is not there"),
    ],
)
def test_what_is_no_table_ends_in_one_line(tmp_path, monkeypatch, name, content, kind, said):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(kind, match=said) as refused:
        exact(name, query="count")
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_an_unknown_column_is_answered_with_near_names():
    names = ("age", "hours-per-week", "hours")
    columns = tuple(Column(name, Kind.INTEGER, "INTEGER", f'"{name}"') for name in names)
    with pytest.raises(UsageError, match="no column 'Hours'; did you mean 'hours'"):
        find_column(columns, "Hours")
    with pytest.raises(UsageError, match="it has 'age', 'hours-per-week', 'hours'"):
        find_column(columns, "zzzzzz")


@pytest.mark.parametrize(
    ("duckdb_type", "kind"),
    [
        ("UBIGINT", Kind.INTEGER),
        ("FLOAT", Kind.FLOAT),
        ("DECIMAL(18,3)", Kind.DECIMAL),
        ("ENUM('a', 'b')", Kind.TEXT),
        ("BOOLEAN", Kind.BOOLEAN),
        ("INTEGER[]", Kind.OTHER),
        ("DECIMAL(18,3)[]", Kind.OTHER),
        ("ENUM('a')[]", Kind.OTHER),
        ("UHUGEINT", Kind.OTHER),
        ("STRUCT(a INTEGER)", Kind.OTHER),
        ("DATE", Kind.DATE),
        ("TIMESTAMP", Kind.TIMESTAMP),
        ("TIMESTAMP_S", Kind.TIMESTAMP),
        ("TIMESTAMP_MS", Kind.TIMESTAMP),
        ("TIMESTAMP_NS", Kind.TIMESTAMP),
        ("TIMESTAMP WITH TIME ZONE", Kind.TIMESTAMP),
        ("TIME", Kind.OTHER),
        ("UUID", Kind.TEXT),
    ],
)
def test_kinds_of_types(duckdb_type, kind):
    assert kind_of(duckdb_type) is kind


def test_a_fingerprint_is_a_keyed_digest_of_the_bytes_and_how_they_are_read(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a\n\xfc\n")

    def found(key, **reading):
        with open_table(tmp_path / "t.csv", by_line=True, reading=Reading(**reading)) as opened:
            return fingerprint(opened, key=key)

    key = b"k" * 32
    assert found(key) == found(key) == found(key, decimal="comma")
    assert found(key) != found(b"j" * 32)
    assert found(key) != hashlib.sha256(b"a\n\xfc\n").hexdigest()
    assert found(key) != found(key, encoding="latin-1")


def test_rows_come_in_the_order_of_the_file_where_that_is_asked(tmp_path):
    path = tmp_path / "many.parquet"
    duckdb.sql(f"COPY (SELECT range AS number FROM range(600_000)) TO '{path}' (ROW_GROUP_SIZE 20_000)")
    with open_table(path) as opened:
        found = opened.arrays(f"SELECT number FROM {opened.source}", count=1)["number"]
    assert (found == np.arange(600_000)).all()


def test_a_first_line_with_a_number_is_taken_for_a_row_and_not_quoted(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("39,State-gov,Ann\n50,Private,Bob\n", encoding="utf-8")
    with (
        pytest.raises(DataError, match="has a number where the name of a column") as caught,
        open_table(path),
    ):
        pass
    assert "State" not in str(caught.value)
    assert "39" not in str(caught.value)


def test_a_generated_column_is_refused(tmp_path):
    path = tmp_path / "people.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(
            "CREATE TABLE staff (name VARCHAR, b INTEGER GENERATED ALWAYS AS (CAST(name AS INTEGER)))"
        )
        connection.execute("CREATE TABLE plain (name VARCHAR)")
    with pytest.raises(DataError, match="has a generated column, 'b'"), open_table(f"{path}:staff"):
        pass
    with open_table(f"{path}:plain") as opened:
        assert [column.name for column in opened.columns] == ["name"]


def test_an_enumeration_s_values_are_no_part_of_a_message(tmp_path):
    path = tmp_path / "people.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TYPE kind AS ENUM ('common', 'rare')")
        connection.execute("CREATE TABLE staff (kind kind)")
    with open_table(f"{path}:staff") as opened:
        assert opened.columns == (Column("kind", Kind.TEXT, "ENUM", '"kind"'),)


def test_names_with_dots_and_a_schema_called_like_the_database(tmp_path):
    path = tmp_path / "people.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(
            "CREATE SCHEMA people.people; CREATE TABLE people.people.t AS SELECT 1 AS a; "
            "CREATE TABLE people.main.t AS SELECT 2 AS b"
        )
        connection.execute('CREATE TABLE people.main."x.y" AS SELECT 3 AS c')
    for called, column in (("people.t", "a"), ("t", "b"), ("main.t", "b"), ("x.y", "c")):
        with open_table(f"{path}:{called}") as opened:
            assert [each.name for each in opened.columns] == [column]
    with duckdb.connect(path) as connection:
        connection.execute('CREATE SCHEMA "main.x"; CREATE TABLE "main.x".y AS SELECT 4 AS d')
    with (
        pytest.raises(DataError, match=r"two tables of the database are called 'main\.x\.y'"),
        open_table(f"{path}:t"),
    ):
        pass


def test_nan_is_missing_although_the_file_s_statistics_leave_it_out(tmp_path):
    # DuckDB believes a file's least and greatest value, which Polars takes from the numbers alone.
    path = tmp_path / "people.parquet"
    pl.DataFrame({"pay": [1.0, math.nan, 2.0, math.nan]}).write_parquet(path)
    (total,), prepared = exact(path, query="sum", column="pay", bounds=(0, 9), missing="drop")
    assert total * prepared.grid == 3
    total, rows = exact(path, query="mean", column="pay", bounds=(0, 9), missing="drop")[0]
    assert rows == 2
    for where, selected in (("pay > 1.5", 1), ("pay <= 9", 2), ("not pay > 1.5", 3)):
        assert exact(path, query="count", where=where)[0] == (selected,)
