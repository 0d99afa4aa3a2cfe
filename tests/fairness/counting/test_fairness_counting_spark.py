"""A Spark table is counted by Spark, and as every other engine counts it."""

import math
import shutil
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from tables_of_every_engine import by_hand, by_name, plain

from trivet.errors import DataError, UsageError
from trivet.fairness.counting.group_counts import group_counts

pyspark = pytest.importorskip("pyspark", reason="pyspark is not installed")
if shutil.which("java") is None:
    pytest.skip("java is not there", allow_module_level=True)

COLUMNS = {
    "y": [0, 1, 1, 0, 1],
    "p": [True, True, False, False, True],
    "text": ["f", "m", "f", " m", "m"],
    "number": [1.0, 2.5, 1.0, 2.5, 10.0],
    "decimal": [Decimal(each) for each in ("1.00", "1.50", "1.00", "1.50", "10.00")],
    "date": [date(2026, 1, 1), date(2025, 1, 1)] + [date(2026, 1, 1)] * 3,
    "score": [0.7, 0.1, 1.0, 0.0, 0.9],
}
SCHEMA = "y INT, p BOOLEAN, text STRING, number DOUBLE, decimal DECIMAL(6, 2), date DATE, score FLOAT"


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession  # noqa: PLC0415 - not there in most places

    folder = tmp_path_factory.mktemp("spark")
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.warehouse.dir", str(folder))
        .config("spark.local.dir", str(folder))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def frame(spark, columns, schema):
    return spark.createDataFrame(list(zip(*columns.values(), strict=True)), schema)


def test_spark_counts_as_polars_does(spark):
    table = frame(spark, COLUMNS, SCHEMA)
    polars = pl.DataFrame(COLUMNS, schema_overrides={"score": pl.Float32, "decimal": pl.Decimal(6, 2)})
    for sensitive in (["text", "number", "score"], ["decimal"], ["date", "p"]):
        counts = group_counts(table, "y", "p", sensitive)
        assert plain(counts) == plain(group_counts(polars, "y", "p", sensitive))
    counts = group_counts(table, "y", "p", ["text", "number"])
    assert by_name(counts.over("text")) == {
        (group, {"0": "0", "1": "1"}[y], {"true": "1", "false": "0"}[p]): count
        for (group, y, p), count in by_hand(COLUMNS["y"], COLUMNS["p"], COLUMNS["text"]).items()
    }
    scored = group_counts(table, "y", "score", "text", cut=0.7)
    assert plain(scored) == plain(group_counts(polars, "y", "score", "text", cut=0.7))


def test_names_may_be_hostile(spark):
    for name in ("a.b", "`; DROP TABLE kept; --", "x\ny", "'\"\\"):
        columns = {name: [0, 1, 1], f"{name}2": [1, 1, 0], f"{name}3": ["x", "y", "x"]}
        counts = group_counts(frame(spark, columns, list(columns)), *columns)
        assert by_name(counts) == by_hand(*columns.values())


@pytest.mark.parametrize(
    ("kind", "changed", "message"),
    [
        (DataError, {"text": [None, "m", "f", "", "m"]}, "'text' in 2. Leave"),
        (DataError, {"number": [math.nan, 1.0, 2.0, None, 1.0]}, "'number' in 2. Leave"),
        (DataError, {"score": [math.nan, 1.0, 0.5, None, 1.0]}, "'score' in 2. Leave"),
        (DataError, {"score": [math.inf, -1.0, 0.5, 2.0, 1.0]}, "3 rows hold one beyond"),
        (DataError, {"text": ["f"] * 5, "number": [1.0] * 5}, "only one group"),
        (UsageError, {"y": [0, 1, 2, 3, 1]}, "have 6 different values"),
    ],
)
def test_what_cannot_be_counted_is_told_as_elsewhere(spark, kind, changed, message):
    table = frame(spark, {**COLUMNS, **changed}, SCHEMA)
    prediction = (
        {"y_pred": "score", "cut": 0.5} if "score" in message or "beyond" in message else {"y_pred": "p"}
    )
    with pytest.raises(kind, match=message):
        group_counts(table, "y", sensitive=["text", "number"], **prediction)


def test_an_unknown_column_and_too_many_groups_are_refused(spark):
    table = spark.range(200_000).selectExpr("id", "id % 2 AS y")
    with pytest.raises(UsageError, match="did you mean 'id'"):
        group_counts(table, "y", "y", "ids")
    with pytest.raises(UsageError, match="two columns of the table have the same name"):
        group_counts(table.selectExpr("id", "y", "y"), "y", "y", "id")
    with pytest.raises(UsageError, match="'id' has 200,000 different values"):
        group_counts(table, "y", "y", "id")
