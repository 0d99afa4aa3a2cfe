"""A column of times as names of looks whose order is that of time: its values, or periods of its dates."""

from dataclasses import replace
from typing import Final

from trivet.errors import DataError, UsageError
from trivet.tables.dates import DATED, PARTS, moment_sql, part_sql
from trivet.tables.opening import Column, Kind, Table
from trivet.tables.values import literal
from trivet.wording import quote

__all__ = ["timed"]

#: Kinds of columns whose values have the order of time as they are.
_IN_ORDER: Final = (Kind.DATE, Kind.TIMESTAMP, Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT)
#: Forms of texts that are in order where all have the same one: numbers, then what begins with the year.
_FORMS: Final = (
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
    *(rf"\d{{4}}{mark}\d{{2}}" for mark in "-/."),
    *(rf"\d{{4}}{mark}\d{{2}}{mark}\d{{2}}" for mark in "/."),
    *(rf"\d{{4}}{mark}[{letter}]\d" for mark in ("", "-", " ", "/") for letter in ("Qq", "Hh")),
    *(rf"\d{{4}}{mark}[Ww]\d{{2}}" for mark in ("", "-", " ", "/")),
)
#: What does not begin with the year: a day and a month, or a month alone, which passes for a number.
_DAY: Final = r"\d{1,2}[./-]\d{1,2}[./-]\d{4}.*"
_SHORT: Final = r"\d{1,2}[./-]\d{1,2}[./-]\d{2}(\D.*)?"
_MONTH: Final = r"(0?[1-9]|1[0-2])[./-](19|20)\d{2}"


def timed(table: Table, column: Column, period: str) -> Column:
    """Return a column whose values, as texts or numbers, are looks in the order of time.

    Raises
    ------
    UsageError, DataError
        The column has no dates for a period, or values whose order in time is not known.
    """
    if period == "value" and column.kind in _IN_ORDER:
        return column
    if period != "value" and column.kind not in DATED:
        raise UsageError(f"the column {quote(column.name)} holds {column.kind}; expected dates.")
    moment = moment_sql(column)
    if column.kind not in (Kind.DATE, Kind.TIMESTAMP):
        text = f"trim(CAST({column.sql} AS VARCHAR), e' \\t\\r\\n')"
        undated = f"{text} <> '' AND ({moment}) IS NULL"
        known, without, months, *formed = _counts(
            table, f"{text} <> ''", undated, *(_has(text, form) for form in (_MONTH, *_FORMS))
        )
        if known and months == known:
            raise _refusal(table, column, text, undated, period)
        if period == "value" and known in formed:
            return column
        if without:
            raise _refusal(table, column, text, undated, period)
    if period == "value":
        # A midnight is a day, which stands before its hours.
        day = literal(PARTS["day"].form)
        sql = (
            f"CASE WHEN {moment} = date_trunc('day', {moment}) THEN strftime({moment}, {day}) "
            f"ELSE CAST({moment} AS VARCHAR) END"
        )
    elif period == "quarter":
        sql = f"{part_sql(PARTS['year'], column)} || '-Q' || CAST(quarter({moment}) AS VARCHAR)"
    else:
        sql = part_sql(PARTS[period], column)
    return replace(column, kind=Kind.TEXT, type="VARCHAR", sql=f"({sql})", derived=True)


def _refusal(table: Table, column: Column, text: str, undated: str, period: str) -> DataError:
    """Return an error that says what the cells hold whose order is not known, and the way in."""
    rows, days, short, months = _counts(
        table, undated, *(f"{undated} AND {_has(text, form)}" for form in (_DAY, _SHORT, _MONTH))
    )
    ((example,),) = table.rows(f"SELECT min({text}) FROM {table.source} WHERE {undated}")  # noqa: S608 - quoted
    of = f"{quote(column.name)}, such as {quote(example)},"
    hold = f"1 row of {of} holds" if rows == 1 else f"{rows:,} rows of {of} hold"
    form = column.reading.date_format
    if form != "iso" and days:
        return DataError(f"{hold} no date as --date-format {form} reads it; give what is meant, dmy or mdy.")
    if days:
        return DataError(
            f"{hold} no ISO date; give --date-format dmy (day first) or mdy (month first), as is meant."
        )
    if short:
        return DataError(f"{hold} no ISO date; write the year with four digits.")
    if months:
        return DataError(f"{hold} no ISO date; write a month as 2025-03, and leave --period out.")
    if period != "value":
        return DataError(
            f"{hold} no ISO date; expected dates such as 2025-03-01. Leave --period out for other values."
        )
    return DataError(
        f"{hold} no ISO date, number or month such as 2025-03, so that their order in time is not known; "
        "write them as one of these, or name several tables, a look each, in their order."
    )


def _has(text: str, form: str) -> str:
    return f"regexp_full_match({text}, {literal(form)})"


def _counts(table: Table, *conditions: str) -> list[int]:
    counted = ", ".join(f"count(*) FILTER (WHERE {each})" for each in conditions)
    ((*found,),) = table.rows(f"SELECT {counted} FROM {table.source}")  # noqa: S608 - names are quoted
    return [int(each) for each in found]
