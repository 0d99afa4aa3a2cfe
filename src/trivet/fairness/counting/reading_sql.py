"""Columns of a file as SQL for counting."""

import re
from dataclasses import dataclass
from typing import Final

from trivet.errors import UsageError
from trivet.tables.not_a_number import is_nan
from trivet.tables.opening import Table
from trivet.tables.schema import Column, Kind, find_column
from trivet.wording import quoted

__all__ = ["Score", "fetched", "groupable", "is_time", "scored"]

#: Timestamps without a zone, other than DATE; Python has one type for them.
_TIMES: Final = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
_NESTED: Final = re.compile(r"(STRUCT|MAP|UNION|BLOB|BIT|GEOMETRY|VARIANT)\b.*|.*\]", re.DOTALL)


@dataclass(frozen=True)
class Score:
    """A column of scores in SQL: its number, and when it is missing, unreadable or outside of [0, 1]."""

    number: str
    missing: str
    unreadable: str
    outside: str


def groupable(table: Table, name: str) -> Column:
    """Return a column whose values can be groups or classes."""
    column = find_column(table.columns, name)
    if column.kind is Kind.OTHER and _NESTED.fullmatch(column.type):
        raise UsageError(
            f"the column {quoted(name)} holds {quoted(column.type)}; expected numbers, text, truth values or "
            "dates. Name another column."
        )
    return column


def fetched(column: Column, sql: str) -> str:
    """Return SQL for a value of a column as it is brought into Python."""
    if column.type in _TIMES:
        return f"CAST({sql} AS TIMESTAMP)"
    # Python has no type for some others, or one that needs another library.
    return sql if column.kind is not Kind.OTHER or is_time(column) else f"CAST({sql} AS VARCHAR)"


def is_time(column: Column) -> bool:
    """Return True if a column holds dates, or timestamps without a zone."""
    return column.type == "DATE" or column.type in _TIMES


def scored(table: Table, name: str) -> Score:
    """Return SQL for a column of scores."""
    column = find_column(table.columns, name)
    if column.kind is Kind.CELL:
        cell = f"trim({column.sql}, e' \\t\\r\\n')"
        number = f"TRY_CAST({cell} AS DOUBLE)"
        return Score(
            number,
            f"({column.sql} IS NULL OR {cell} = '' OR {is_nan(number)})",
            f"{number} IS NULL",
            f"{number} NOT BETWEEN 0 AND 1",
        )
    if column.kind not in (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT):
        raise UsageError(
            f"the scores in {quoted(name)} are {column.kind} ({column.type}); expected numbers from 0 to 1."
        )
    number = f"CAST({column.sql} AS DOUBLE)"
    return Score(number, f"({number} IS NULL OR {is_nan(number)})", "false", f"{number} NOT BETWEEN 0 AND 1")
