"""The same columns as a table of every engine, and what their counts are by brute force."""

import csv
from collections import Counter

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet

from trivet.fairness.counting.naming import name_of

ENGINES = (
    "pandas",
    "pandas on arrow",
    "polars",
    "lazy polars",
    "arrow",
    "relation",
    "csv",
    "parquet",
    "duckdb",
)

HOSTILE = (
    "a",
    "'",
    '"',
    "`; DROP TABLE kept; --",
    "x\ny",
    "x\r\ny",
    "\x00",
    "\x1b[31m",
    "é,ü",
    "NULL",
    "nan",
    "01",
    "1.0",
    "\\",
    "{}",
    "$1",
    "%s",
    "a.b",
    "\u202e",
    "😀",
    "TRUE",
)
#: A column whose name is a number may have lost its header, and no engine takes a NUL.
HOSTILE_NAMES = tuple(name for name in HOSTILE if name not in ("nan", "01", "1.0", "\x00"))


def table_of(engine, columns, folder):
    """The columns, lists of Python values by name, as a table of one engine."""
    if engine == "csv":
        return csv_of(columns, folder / "table.csv")
    if engine == "pandas":
        return pd.DataFrame(columns)
    arrow = pa.table(columns)
    made = {
        "pandas on arrow": lambda: arrow.to_pandas(types_mapper=pd.ArrowDtype),
        "polars": lambda: pl.from_arrow(arrow),
        "lazy polars": lambda: pl.from_arrow(arrow).lazy(),
        "arrow": lambda: arrow,
        "relation": lambda: duckdb.connect().from_arrow(arrow),
        "parquet": lambda: parquet_of(arrow, folder / "table.parquet"),
        "duckdb": lambda: database_of(arrow, folder / "table.duckdb"),
    }
    return made[engine]()


def parquet_of(arrow, path):
    pyarrow.parquet.write_table(arrow, path)
    return path


def database_of(arrow, path):
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.register("given", arrow)
        connection.execute("CREATE TABLE kept AS SELECT * FROM given")
    return f"{path}:kept"


def csv_of(columns, path):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def plain(counts):
    """Counts as values that compare."""
    return counts.columns, counts.groups, counts.classes, counts.table.tolist()


def by_hand(labels, predictions, *sensitive, positive=None):
    """The count of each group, label and prediction by name, row by row."""

    def called(value):
        name = name_of(value)
        return name if positive is None else name == positive

    rows = zip(labels, predictions, zip(*sensitive, strict=True), strict=True)
    return Counter((tuple(map(name_of, group)), called(y), called(p)) for y, p, group in rows)


def by_name(counts, *, positive=None):
    """The counts that are not zero, as `by_hand` gives them."""
    classes = counts.classes if positive is None else (False, True)
    return {
        (counts.groups[g], classes[y], classes[p]): int(counts.table[g, y, p])
        for g, y, p in np.argwhere(counts.table)
    }
