"""Numbers of a column in SQL: each value by itself, and never an error."""

from collections.abc import Mapping
from typing import Final

from trivet.tables.opening import Column, Kind, Table, is_nan
from trivet.tables.settings import Reading
from trivet.tables.values import literal
from trivet.wording import rows_hold

__all__ = ["cell_sql", "has_percent_signs", "number_sql", "why_unreadable"]

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
        number = cell_sql(column.sql, column.reading)
    else:
        number = f"CAST({column.sql} AS DOUBLE)"
    if column.kind not in (Kind.CELL, Kind.FLOAT):
        return number
    return f"CASE WHEN {is_nan(number)} THEN NULL ELSE {number} END"


def cell_sql(cell: str, reading: Reading, *, percent: bool = False) -> str:
    """Return SQL for a cell as DOUBLE, NULL where it is none; `percent` is of those with the sign."""
    if percent:
        shown = f"trim({cell})"
        # The exponent makes 12.3% the number nearest to 0.123, which a division need not.
        number = _number_sql(f"rtrim(left({shown}, -1))", reading, power="e-2")
        return f"CASE WHEN suffix({shown}, '%') THEN {number} END"
    return _number_sql(cell, reading)


def _number_sql(cell: str, reading: Reading, *, power: str = "") -> str:
    scaled = f" || '{power}'" if power else ""
    plain = f"TRY_CAST({cell}{scaled} AS DOUBLE)"
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
    written = f"translate({trimmed}, {literal(point[0] + removed)}, {literal(point[1])}){scaled}"
    number = (
        f"CASE WHEN regexp_full_match({trimmed}, {literal(pattern)}) THEN TRY_CAST({written} AS DOUBLE) END"
    )
    return number if reading.decimal == "comma" else f"coalesce({plain}, {number})"


def has_percent_signs(table: Table, column: Column) -> bool:
    """Return True if a cell of a column has a percent sign at its end; one without it is then unreadable."""
    # Any one decides: where some have the sign and some have not, one sort is unreadable, and refused.
    cell = f"trim({column.sql})"
    sql = f"SELECT suffix({cell}, '%') FROM {table.source} WHERE {cell} <> '' LIMIT 1"  # noqa: S608 - quoted
    return any(found for (found,) in table.rows(sql))


_POINT: Final = "leave out --decimal comma"
_BLANKS: Final = r" '\x{00a0}\x{202f}"
#: How a number that is not read may be written, looked at in this order: a cell that shows it, all such
#: cells, what they have, and the way in.
_WRITTEN: Final = (
    (
        r"[+-]?\d*[.,]?\d+ ?%",
        r"[+-]?\d*[.,]?\d+ ?%",
        "a percent sign",
        "leave the sign out (it is read of scores, where every cell has it)",
    ),
    (
        rf"[+-]?(\d[\d.{_BLANKS}]*)?,(\d{{1,2}}|\d{{4,}}) ?%?|[+-]?0*,\d+ ?%?",
        rf"[+-]?(\d[\d.{_BLANKS}]*)?,\d+ ?%?",
        "a decimal comma",
        "give --decimal comma",
    ),
    (
        r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?",
        r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?",
        "commas between its thousands",
        "give --thousands comma, or --decimal comma where these are decimal commas",
    ),
    (
        rf"[+-]?(\d[\d,{_BLANKS}]*)?\.\d+ ?%?",
        rf"[+-]?(\d[\d,{_BLANKS}]*)?\.\d+ ?%?",
        "a decimal point",
        _POINT,
    ),
    (r"[+-]?[$€£] ?[\d.,]+|[\d.,]+ ?[$€£]", r".*[$€£].*", "a sign of currency", "leave out the sign"),
)


def why_unreadable(table: Table, column: Column, unreadable: str, *, percent: bool = False) -> str | None:
    """Return how cells that are not read as numbers are written, and what to do; None if unknown.

    With `percent` those with its sign are read, and no others.
    """
    cell = f"trim({column.sql})"
    known = f" AND suffix({cell}, '%')" if percent else ""
    # Of a sign that is read it is something else that keeps a cell from being read.
    written = _WRITTEN[1:] if percent else _WRITTEN
    counted = ", ".join(
        f"count(*) FILTER (WHERE regexp_full_match({cell}, {literal(pattern)}){known})"
        for shown, every, *_ in written
        for pattern in (shown, every)
    )
    sql = f"SELECT {counted}, count(*) FROM {table.source} WHERE {cell} <> '' AND {unreadable}"  # noqa: S608 - quoted
    ((*found, every),) = table.rows(sql)
    for shown, rows, (*_, what, way) in zip(found[::2], found[1::2], written, strict=True):
        if shown and (_POINT not in way or column.reading.decimal == "comma"):
            return f"{rows_hold(rows)} a number with {what}; {way}"
    if percent:
        return (
            f"{rows_hold(every)} no number with a percent sign, as others do; write all of them with it, or "
            "none"
        )
    return None
