"""Numbers of a column in SQL: each value by itself, and never an error."""

from collections.abc import Mapping
from typing import Final

from trivet.tables.opening import Column, Kind, is_nan
from trivet.tables.settings import Reading
from trivet.tables.values import literal

__all__ = ["number_sql"]

#: Characters that may stand between groups of three digits.
_BETWEEN: Final[Mapping[str, str]] = {
    "comma": ",",
    "point": ".",
    "space": " \u00a0\u2009\u202f",
    "apostrophe": "'\u2019",
}
#: With a decimal comma these can mean nothing else.
_CLEAR: Final = ("point", "space", "apostrophe")


def number_sql(column: Column) -> str:
    """Return SQL for a column of numbers as DOUBLE, NULL where it is missing or NaN."""
    if column.kind is Kind.CELL:
        number = _cell_sql(column.sql, column.reading)
    else:
        number = f"CAST({column.sql} AS DOUBLE)"
    if column.kind not in (Kind.CELL, Kind.FLOAT):
        return number
    return f"CASE WHEN {is_nan(number)} THEN NULL ELSE {number} END"


def _cell_sql(cell: str, reading: Reading) -> str:
    plain = f"TRY_CAST({cell} AS DOUBLE)"
    if reading.decimal == "point" and reading.thousands is None:
        return plain
    marks = _CLEAR if reading.thousands is None else (reading.thousands,)
    groups = "|".join(rf"\d{{1,3}}([{_BETWEEN[mark]}]\d{{3}})+" for mark in marks)
    mark = "[,]" if reading.decimal == "comma" else "[.]"
    pattern = rf"[+-]?((\d+|{groups})({mark}\d*)?|{mark}\d+)([eE][+-]?\d+)?"
    trimmed = f"trim({cell})"
    # What has no counterpart in the second text is taken out.
    removed = "".join(_BETWEEN[mark] for mark in marks)
    point = (",", ".") if reading.decimal == "comma" else ("", "")
    written = f"translate({trimmed}, {literal(point[0] + removed)}, {literal(point[1])})"
    number = (
        f"CASE WHEN regexp_full_match({trimmed}, {literal(pattern)}) THEN TRY_CAST({written} AS DOUBLE) END"
    )
    return number if reading.decimal == "comma" else f"coalesce({plain}, {number})"
