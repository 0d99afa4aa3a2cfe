from datetime import date
from decimal import Decimal

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables_of_every_engine import HOSTILE, table_of

from trivet.fairness.counting.files import read_columns
from trivet.fairness.counting.group_counts import group_counts
from trivet.fairness.counting.naming import in_order, name_of

FILES = ("csv", "parquet", "duckdb")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("coded")


def values_of(column):
    """The name of each row's value."""
    assert column.codes.dtype == np.int32
    return [column.categories[code] for code in column.codes]


@settings(max_examples=settings().max_examples // 3)  # an example is many queries
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-5, 300),
            st.booleans(),
            st.sampled_from(HOSTILE),
            st.sampled_from([0.1, -0.0, 2.0, 1e16, 1e-5]),
            st.floats(0, 1),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_each_row_keeps_its_value_and_its_place(folder, rows):
    names = ["whole", "truth", "text", "number", "score"]
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    for engine in FILES:
        read = read_columns(table_of(engine, columns, folder), coded=names[:4], scores=["score"])
        assert read.rows == len(rows)
        assert read.scores["score"].tolist() == columns["score"]
        for name in names[:4]:
            expected = [name_of(value) for value in columns[name]]
            assert values_of(read.coded[name]) == expected, (engine, name)
            assert read.coded[name].categories == tuple(
                each for (each,) in in_order((value,) for value in expected)
            )


def test_typed_columns_are_coded_as_they_are_counted(tmp_path):
    frame = pl.DataFrame(
        {
            "y": [0, 1, 1],
            "decimal": [Decimal("1.00"), Decimal("1.50"), Decimal("1.00")],
            "date": [date(2026, 1, 31), date(2025, 1, 1), date(2026, 1, 31)],
            "level": ["low", "high", "low"],
            "single": [0.1, 2.0, 0.1],
            "wide": [2**100, 1, 2**100],
        },
        schema_overrides={
            "y": pl.UInt8,
            "decimal": pl.Decimal(6, 2),
            "level": pl.Enum(["low", "high"]),
            "single": pl.Float32,
            "wide": pl.Decimal(38, 0),
        },
    )
    frame.write_parquet(tmp_path / "typed.parquet")
    with duckdb.connect(str(tmp_path / "typed.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT * REPLACE (wide::HUGEINT AS wide, date::TIMESTAMP_NS AS date) "
            f"FROM '{tmp_path / 'typed.parquet'}'"
        )
    for table in (tmp_path / "typed.parquet", f"{tmp_path / 'typed.duckdb'}:t"):
        read = read_columns(table, coded=frame.columns)
        for name in frame.columns[1:]:
            assert read.coded[name].categories == group_counts(table, "y", "y", name).names
            codes = read.coded[name].codes
            assert codes[0] == codes[2] != codes[1]
        assert read.coded["date"].categories == ("2025-01-01", "2026-01-31")


def test_times_with_a_zone_and_identifiers_are_groups(tmp_path):
    path = tmp_path / "t.parquet"
    duckdb.sql(
        "SELECT range % 2 AS y, TIMESTAMPTZ '2024-06-01 00:00:00+02' + INTERVAL (range % 2) DAY AS zoned, "
        "CAST('00000000-0000-0000-0000-00000000000' || range % 2 AS UUID) AS id FROM range(4)"
    ).write_parquet(str(path))
    for name, first in (("zoned", "2024-05-31 22:00:00+00"), ("id", "00000000-0000-0000-0000-000000000000")):
        names = read_columns(path, coded=(name,)).coded[name].categories
        assert len(names) == 2
        assert names == group_counts(path, "y", "y", name).names
        assert names[0] == first or name == "zoned"  # which is written in the zone of the machine


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_large_file_keeps_its_order(tmp_path, kind):
    path = tmp_path / f"large.{kind}"
    rows = (
        "SELECT hash(range) % 2 AS y, hash(range * 3) % 7 AS s, (hash(range * 5) % 1000) / 1000 AS score "
        "FROM range(600000) ORDER BY range"
    )
    duckdb.sql(f"COPY (SELECT y, 'group ' || s AS s, score FROM ({rows})) TO '{path}' (FORMAT {kind})")
    read = read_columns(path, coded=["y", "s"], scores=["score"])
    found = duckdb.sql(rows).fetchnumpy()
    assert (read.coded["y"].codes == found["y"]).all()
    assert read.coded["s"].categories == tuple(f"group {i}" for i in range(7))
    assert (read.coded["s"].codes == found["s"]).all()
    assert (read.scores["score"] == found["score"]).all()


def test_a_column_may_be_read_as_codes_and_as_scores(tmp_path):
    table = table_of("csv", {"y": [0, 1, 1], "s": [0.5, 1.0, 0.5]}, tmp_path)
    read = read_columns(table, coded=["s", "s"], scores=["s", "s"])
    assert values_of(read.coded["s"]) == ["0.5", "1", "0.5"]
    assert read.scores["s"].tolist() == [0.5, 1.0, 0.5]


def test_times_finer_than_a_microsecond_are_coded_as_they_are_counted(tmp_path):
    start = 1_577_836_800_000_000_000
    times = pa.array([start + 500, start + 1_500, start + 700] * 4, pa.timestamp("ns"))
    path = tmp_path / "times.parquet"
    pq.write_table(pa.table({"y": [0, 1, 1] * 4, "seen": times}), path)
    counts = group_counts(path, "y", "y", "seen")
    seen = read_columns(path, coded=["seen"]).coded["seen"]
    assert seen.categories == tuple(group for (group,) in counts.groups)
    assert np.bincount(seen.codes).tolist() == counts.table.sum(axis=(1, 2)).tolist()
