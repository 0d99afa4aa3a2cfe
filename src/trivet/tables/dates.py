"""Dates of a column in SQL, each value by itself and never an error, and texts of dates in Python.

A moment with a time zone is read in UTC, whatever the zone of the machine. Years from 1 to 9999 are dates;
anything else, and infinity, is missing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from trivet.tables.opening import Column, Kind
from trivet.tables.settings import Reading
from trivet.tables.values import literal

__all__ = ["DATED", "PARTS", "Part", "is_not_as_written", "moment_sql", "parse_moment", "part_sql"]

#: Kinds of columns that dates can be read from.
DATED: Final = (Kind.DATE, Kind.TIMESTAMP, Kind.CELL, Kind.TEXT)
_ZONED: Final = "TIMESTAMP WITH TIME ZONE"
_DAY: Final = r"\d{4}-\d{1,2}-\d{1,2}"
_CLOCK: Final = r"[ T]\d{1,2}:\d{2}(:\d{2}([.]\d{1,9})?)?"
_ZONE: Final = r" ?(Z|[+-]\d{2}(:?\d{2})?)"
#: Where year, month and day stand in a text that does not begin with the year.
_PLACES: Final = {"dmy": r"\3-\2-\1", "mdy": r"\3-\1-\2"}


def moment_sql(column: Column) -> str:
    """Return SQL for a column as TIMESTAMP, of a date its midnight; NULL where it is missing or no date."""
    if column.type == _ZONED:
        moment = f"make_timestamp(epoch_us({column.sql}))"
    elif column.kind in (Kind.DATE, Kind.TIMESTAMP):
        moment = f"TRY_CAST({column.sql} AS TIMESTAMP)"
    else:
        moment = _written_sql(f"CAST({column.sql} AS VARCHAR)", column.reading)
    least, beyond = "TIMESTAMP '0001-01-01 00:00:00'", "TIMESTAMP '10000-01-01 00:00:00'"
    return f"CASE WHEN {moment} >= {least} AND {moment} < {beyond} THEN {moment} END"


def _written_sql(text: str, reading: Reading) -> str:
    text = f"trim({text})"
    if reading.date_format in _PLACES:
        day = literal(r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})")
        text = f"regexp_replace({text}, {day}, {literal(_PLACES[reading.date_format])})"
    plain, zoned = literal(f"{_DAY}({_CLOCK})?"), literal(f"{_DAY}{_CLOCK}{_ZONE}")
    # A cast to TIMESTAMP leaves a zone unread.
    return (
        f"CASE WHEN regexp_full_match({text}, {plain}) THEN TRY_CAST({text} AS TIMESTAMP) "
        f"WHEN regexp_full_match({text}, {zoned}) "
        f"THEN make_timestamp(epoch_us(TRY_CAST({text} AS {_ZONED}))) END"
    )


@dataclass(frozen=True)
class Part:
    """Part of a date that is kept: its form in Python and SQL, such as ``%Y-%m``, and an example."""

    name: str
    form: str
    example: str

    def parse(self, text: str) -> str:
        """Return a text in this form as SQL writes it; a ValueError says that it is another."""
        if not re.fullmatch(re.sub("[0-9]", r"\\d", self.example), text, re.ASCII):
            raise ValueError("not of this form")
        return self._written(datetime.strptime(text, self.form).date())  # noqa: DTZ007 - a date alone

    def after(self, text: str) -> str:
        """Return the next one; a ValueError says that the last is reached."""
        start = datetime.strptime(text, self.form).date()  # noqa: DTZ007 - a date alone
        try:
            if self.name == "day":
                return self._written(start + timedelta(days=1))
            months = start.month if self.name == "month" else 12
            return self._written(date(start.year + months // 12, months % 12 + 1, 1))
        except OverflowError as error:
            raise ValueError("no date") from error

    def _written(self, day: date) -> str:
        return day.isoformat()[: len(self.example)]


PARTS: Final[Mapping[str, Part]] = {
    part.name: part
    for part in (
        Part("year", "%Y", "2024"),
        Part("month", "%Y-%m", "2024-06"),
        Part("day", "%Y-%m-%d", "2024-06-01"),
    )
}


def part_sql(part: Part, column: Column) -> str:
    """Return SQL for a part of a column's dates as text, NULL where there is no date."""
    return f"strftime({moment_sql(column)}, {literal(part.form)})"


_MOMENT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?) ?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)


#: A date that does not begin with the year.
_OTHERWISE: Final = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{4}(?!\d).*", re.ASCII)


def is_not_as_written(text: str, column: Column, *, ordered: bool = False) -> bool:
    """Tell a date that a column's texts cannot be compared with, since they are in another form or order."""
    if column.kind not in (Kind.CELL, Kind.TEXT):
        return False
    if column.reading.date_format in _PLACES and _MOMENT.fullmatch(text):
        return True
    return ordered and _OTHERWISE.fullmatch(text) is not None


def parse_moment(text: str) -> str:
    """Return an ISO date, or date and time, as SQL writes it, in UTC; a ValueError says that it is none."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError("not of this form")
    day, clock, zone = match.groups()
    moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone or ''}")
    try:
        return (moment.astimezone(UTC) if zone else moment).replace(tzinfo=None).isoformat(" ")
    except OverflowError as error:
        raise ValueError("beyond the years 1 to 9999") from error
