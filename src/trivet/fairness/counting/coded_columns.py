"""The columns of a file in the order of its rows: labels, predictions and groups as codes, and scores."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.fairness.counting.assembling import (
    require_few_groups,
    require_no_missing,
    require_rows,
    require_scores,
)
from trivet.fairness.counting.naming import in_order, name_of
from trivet.fairness.counting.of_arrays import factorised
from trivet.fairness.counting.of_files import combinations, distinct
from trivet.fairness.counting.question import MOST_COMBINATIONS
from trivet.fairness.counting.reading_sql import fetched, groupable, is_time, scored
from trivet.tables.opening import Table, open_table
from trivet.tables.schema import Column, Kind
from trivet.tables.swallowed_rows import require_no_swallowed_rows

__all__ = ["CodedColumn", "CodedColumns", "read_columns"]

Codes = NDArray[np.int32]
Scores = NDArray[np.float64]

#: NumPy has a type of its own for these; the values of others are coded by DuckDB.
_OF_NUMPY: Final = (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN)
_WIDER_THAN_NUMPY: Final = ("HUGEINT", "UHUGEINT")


@dataclass(frozen=True, eq=False)
class CodedColumn:
    """A column of few values."""

    codes: Codes
    categories: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class CodedColumns:
    """Columns of a table, row by row.

    Attributes
    ----------
    rows
        How many there are.
    coded
        Labels, predictions and groups by the name of the column.
    scores
        Scores by the name of the column, shape (rows,), in [0, 1].
    """

    rows: int
    coded: dict[str, CodedColumn]
    scores: dict[str, Scores]


def read_columns(
    table: str | Path | Table, *, coded: Sequence[str] = (), scores: Sequence[str] = ()
) -> CodedColumns:
    """Read some columns of a file, and no others, in the order of its rows.

    Values are called as `trivet.fairness.counting.grouping.group_counts` calls them.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE; or such a table that is open.
    coded
        Names of columns of labels, predictions and groups.
    scores
        Names of columns of scores.

    Raises
    ------
    UsageError
        If there is no such column or kind of table, scores are not numbers, or a column to code has more
        than 1,000 values.
    DataError
        If the file cannot be read, there is no row, a value is missing, or a score is not in [0, 1].
    """
    if not coded and not scores:
        raise UsageError("no column is named; name one or more.")
    with open_table(table) as opened:
        columns = {name: groupable(opened, name) for name in coded}
        values = _values(opened, columns)
        sql = [_code(columns[name], values[name]) for name in columns]
        # DuckDB has no second name for a column that is read twice.
        sql += [scored(opened, name).number for name in dict.fromkeys(scores)]
        listed = ", ".join(f"{each} AS c{i}" for i, each in enumerate(sql))
        found = opened.arrays(f"SELECT {listed} FROM {opened.source}", count=len(sql))  # noqa: S608 - names are quoted
        rows = len(found["c0"])
        require_rows(rows)
        read = {
            name: _coded(found.pop(f"c{i}"), name, columns[name], values[name])
            for i, name in enumerate(columns)
        }
        numbers = {
            name: _checked(opened, name, found.pop(f"c{len(columns) + i}"))
            for i, name in enumerate(dict.fromkeys(scores))
        }
        opened.require_unchanged()
    return CodedColumns(rows, read, numbers)


def _values(table: Table, columns: dict[str, Column]) -> dict[str, list[object]]:
    """Return the values that each column has, once no row is without one."""
    if not columns:
        return {}
    found = combinations(table, list(columns.values()), limit=MOST_COMBINATIONS)
    if found is None:
        for name in columns:
            require_few_groups(distinct(table, [name]), [name])
        raise UsageError(
            f"the columns have more than {MOST_COMBINATIONS:,} combinations of values; name fewer, or bin "
            "one."
        )
    require_rows(len(found))
    missing = Counter[str]()
    for kind, count in found:
        missing.update(
            {name: count for name, value in zip(columns, kind, strict=True) if name_of(value) is None}
        )
    require_no_missing(dict(missing), sum(count for _, count in found))
    values = {name: list(dict.fromkeys(kind[i] for kind, _ in found)) for i, name in enumerate(columns)}
    for name, known in values.items():
        require_few_groups(len(known), [name])
    first, named = next(iter(columns)), {name_of(value) for value in next(iter(values.values()))}
    require_no_swallowed_rows(table, first, lambda text: name_of(text) in named)
    return values


def _is_of_numpy(column: Column) -> bool:
    return is_time(column) or (column.kind in _OF_NUMPY and column.type not in _WIDER_THAN_NUMPY)


def _code(column: Column, values: Sequence[object]) -> str:
    """Return SQL for a column's values, or for their places among `values` where NumPy has no such type."""
    if _is_of_numpy(column):
        return fetched(column, column.sql)
    listed = ", ".join("'" + _text(value).replace("'", "''") + "'" for value in values)
    return f"enum_code(CAST(CAST({column.sql} AS VARCHAR) AS ENUM ({listed})))"


def _coded(found: Any, name: str, column: Column, values: Sequence[object]) -> CodedColumn:
    if _is_of_numpy(column):
        places, known = factorised(np.asarray(found), name)
        names = [name_of(each) for each in known]
    else:
        places, names = found, [name_of(value) for value in values]
    present = {name_of(value) for value in values}
    categories = tuple(each for (each,) in in_order((called,) for called in present if called is not None))
    code = {called: i for i, called in enumerate(categories)}
    # One that was not there before is of a file that changed meanwhile, which `read_columns` refuses.
    codes = np.array([code.get(called or "", -1) for called in names], dtype=np.int32)[places]
    return CodedColumn(codes, categories)


def _checked(table: Table, name: str, found: Any) -> Scores:
    """Return scores, or say how many are missing, no number, or beyond [0, 1]."""
    numbers = np.asarray(np.ma.filled(found, np.nan), dtype=np.float64)
    if not bool(((numbers >= 0) & (numbers <= 1)).all()):
        score = scored(table, name)
        sql = ", ".join(
            f"count(*) FILTER ({condition})"
            for condition in (score.missing, f"NOT {score.missing} AND {score.unreadable}", score.outside)
        )
        ((missing, unreadable, outside),) = table.rows(
            f"SELECT {sql} FROM {table.source}"  # noqa: S608 - as above
        )
        require_no_missing({name: missing} if missing else {}, len(numbers))
        require_scores(name, outside=outside, unreadable=unreadable)
    return numbers


def _text(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)
