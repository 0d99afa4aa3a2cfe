"""Columns of a table as a check sees them, and the reading of a CSV file that fits its cells."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Literal

from trivet.errors import DataError
from trivet.tables.cell_kinds import ROWS_A_VALUE, CellKind, is_identifier
from trivet.tables.csv_lines import LineNote
from trivet.tables.opening import Column, Kind, Table
from trivet.tables.settings import Reading
from trivet.wording import quote

__all__ = [
    "ColumnSurvey",
    "Holds",
    "Lines",
    "better_reading",
    "plain_examples",
    "survey_columns",
    "unit_note",
]

Holds = Literal["numbers", "dates", "truth values", "text", "nothing", "something else"]
Lines = dict[LineNote, tuple[int, tuple[int, ...]]]

_NUMBERS: Final = (
    *(CellKind.WHOLE, CellKind.POINT, CellKind.POINT_OR_GROUP, CellKind.COMMA, CellKind.COMMA_OR_GROUP),
    *(CellKind.COMMA_GROUPS, CellKind.POINT_GROUPS, CellKind.SPACE_GROUPS, CellKind.APOSTROPHE_GROUPS),
    *(CellKind.ODD_GROUPS, CellKind.SIGNED, CellKind.OTHER_MINUS),
)
_DATES: Final = (
    *(CellKind.ISO, CellKind.DAY_FIRST, CellKind.MONTH_FIRST, CellKind.EITHER_FIRST),
    CellKind.OTHER_DATE,
)
_HOLDS: Final[Mapping[Kind, Holds]] = {
    **dict.fromkeys((Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT), "numbers"),
    **dict.fromkeys((Kind.DATE, Kind.TIMESTAMP), "dates"),
    Kind.TEXT: "text",
    Kind.BOOLEAN: "truth values",
}
_KINDS: Final[Mapping[Holds, Sequence[CellKind]]] = {
    "numbers": _NUMBERS,
    "dates": _DATES,
    "truth values": (CellKind.TRUTH,),
}
#: Different values of a column with a type that are counted.
_VALUES: Final = 1_000


@dataclass(frozen=True)
class ColumnSurvey:
    """A column, kinds of its cells with an example each, and its different values."""

    column: Column
    holds: Holds
    kinds: Counter[CellKind]
    examples: Mapping[CellKind, str]
    blanks: int
    distinct: int | None
    #: Rows a value, of a column that is named like an identifier.
    repeats: float | None

    def of(self, column: Column) -> "ColumnSurvey":
        """Return the same of a column that is read in another way."""
        return replace(self, column=column)

    @property
    def remedy(self) -> str:
        """The way out where no option reads what is lost."""
        if self.kinds[CellKind.SIGNED]:
            return "they count as missing; take the signs out of the cells"
        if self.kinds[CellKind.ODD_GROUPS]:
            return "they count as missing; write them without marks between thousands"
        if self.kinds[CellKind.OTHER_MINUS]:
            return "they count as missing; write a hyphen before the number"
        if self.kinds[CellKind.OTHER_DATE]:
            return "they count as missing; write them as 2024-06-01"
        if self.kinds[CellKind.EITHER_FIRST] and self.holds == "dates":
            return "give --date-format dmy or mdy, whichever is meant"
        return "they count as missing; write them as the others"


def survey_columns(opened: Table, chosen: Sequence[Column]) -> tuple[list[ColumnSurvey], Lines]:
    """Survey some columns, and the lines of a CSV file."""
    if opened.delimiter is None:
        return [_typed(opened, column) for column in chosen], {}
    found = opened.survey(chosen)
    lines = {LineNote(what): (count, tuple(first)) for what, (count, first) in found["lines"].items()}
    in_order = [place for place, column in enumerate(opened.columns) if column in chosen]
    documents = dict(zip(in_order, found["columns"], strict=True))
    surveyed: list[ColumnSurvey] = []
    for column in chosen:
        place = opened.columns.index(column)
        document = documents[place]
        kinds = Counter({CellKind[name]: count for name, count in document["kinds"].items()})
        values, looked_at = document["values"], document["looked_at"]
        surveyed.append(
            ColumnSurvey(
                column=column,
                holds=_holds(kinds),
                kinds=kinds,
                examples={CellKind[name]: text for name, text in document["examples"].items()},
                blanks=document["blanks"],
                distinct=values if document["all"] else None,
                repeats=looked_at / values if values and place in found["named"] else None,
            )
        )
    return surveyed, lines


def _holds(kinds: Counter[CellKind]) -> Holds:
    """Return what at least half of the cells are, of those that are neither empty nor a mark of it."""
    whole = kinds.total() - kinds[CellKind.EMPTY] - kinds[CellKind.MARK]
    if not whole:
        return "nothing"
    for name, some in _KINDS.items():
        if 2 * sum(kinds[kind] for kind in some) >= whole:
            return name
    return "text"


def _typed(opened: Table, column: Column) -> ColumnSurvey:
    holds = _HOLDS.get(column.kind, "something else")
    distinct = repeats = None
    if holds != "something else":
        # The limit ends the search where there are more; names are quoted by `open_table`.
        values = f"(SELECT DISTINCT {column.sql} FROM rows_asked LIMIT {_VALUES + 2})"  # noqa: S608
        about = "NULL, NULL"
        if is_identifier(column.name):
            about = f"count({column.sql}), approx_count_distinct({column.sql}) FROM rows_asked"
        sql = f"SELECT (SELECT count(value) FROM {values} AS found(value)), {about}"  # noqa: S608
        # Where rows cannot be read, counting them says so.
        with suppress(DataError):
            ((counted, filled, about),) = opened.added_up(sql, (), (column,))
            distinct = counted if counted <= _VALUES else None
            repeats = filled / (distinct or about) if filled else None
    return ColumnSurvey(column, holds, Counter(), {}, 0, distinct, repeats)


def unit_note(surveyed: ColumnSurvey) -> str | None:
    """Return a note on a column that may say whose row each is."""
    repeats, name = surveyed.repeats, surveyed.column.name
    if repeats is None or repeats < ROWS_A_VALUE:
        return None
    return (
        f"{quote(name)} may say whose row each is, with about {repeats:.1f} rows a value: a row is then no "
        f"person. Where it does, --unit {quote(name)} protects all rows of each"
    )


def plain_examples(surveyed: ColumnSurvey, reading: Reading) -> str:
    """Return an example of a cell that cannot be read as a number or a date."""
    known = {CellKind.EMPTY, CellKind.MARK, CellKind.WHOLE, *_READ[reading.decimal]}
    if surveyed.holds == "dates":
        known = {CellKind.EMPTY, CellKind.MARK, CellKind.ISO, *_FIRST.get(reading.date_format, ())}
    others = [kind for kind, _ in surveyed.kinds.most_common() if kind not in known]
    return f", such as {quote(surveyed.examples[others[0]])}" if others else ""


#: Kinds that each decimal mark reads, and each order of a date.
_READ: Final = {
    "point": (CellKind.POINT, CellKind.POINT_OR_GROUP),
    "comma": (CellKind.COMMA, CellKind.COMMA_OR_GROUP, CellKind.POINT_GROUPS, CellKind.POINT_OR_GROUP),
}
_FIRST: Final = {
    "dmy": (CellKind.DAY_FIRST, CellKind.EITHER_FIRST),
    "mdy": (CellKind.MONTH_FIRST, CellKind.EITHER_FIRST),
}


def better_reading(
    reading: Reading, surveyed: Sequence[ColumnSurvey], lines: Lines, delimiter: str | None
) -> tuple[Reading, list[str]]:
    """Return the reading that the cells speak for, and notes on what they leave open."""
    numbers, dates = Counter[CellKind](), Counter[CellKind]()
    for each in surveyed:
        if each.holds == "numbers":
            numbers += each.kinds
        if each.holds == "dates":
            dates += each.kinds
    wanted, notes = _marks(reading, numbers, delimiter)
    first, second = dates[CellKind.DAY_FIRST], dates[CellKind.MONTH_FIRST]
    if first or second:
        wanted = replace(wanted, date_format="dmy" if first >= second else "mdy")
    if LineNote.NOT_TEXT in lines and wanted.encoding == "utf-8":
        wanted = replace(wanted, encoding="latin-1")
    notes += _notes(surveyed)
    return wanted, notes


def _marks(reading: Reading, numbers: Counter[CellKind], delimiter: str | None) -> tuple[Reading, list[str]]:
    certain = numbers[CellKind.COMMA] + numbers[CellKind.POINT_GROUPS]
    groups, either = numbers[CellKind.COMMA_GROUPS], numbers[CellKind.COMMA_OR_GROUP]
    comma = reading if reading.decimal == "comma" else replace(reading, decimal="comma", thousands=None)
    if certain > groups:
        return comma, []
    if groups or (either and reading.decimal == "point" and reading.thousands != "comma"):
        if not groups:
            note = (
                "a comma before three digits may be a decimal comma or stand between thousands, which only "
                "you know: give --decimal comma or --thousands comma"
            )
            return (comma if delimiter == ";" else replace(reading, thousands="comma")), [note]
        return replace(reading, decimal="point", thousands="comma"), []
    if numbers[CellKind.POINT] and reading.decimal == "comma" and not either:
        return replace(reading, decimal="point", thousands=None), []
    for kind, mark in ((CellKind.SPACE_GROUPS, "space"), (CellKind.APOSTROPHE_GROUPS, "apostrophe")):
        if numbers[kind] and reading.decimal == "point":
            return replace(reading, thousands=mark), []
    return reading, []


def _notes(surveyed: Sequence[ColumnSurvey]) -> list[str]:
    notes: list[str] = []
    for each in surveyed:
        name, column = each.column.name, each.column
        if name != name.strip():
            notes.append(f"the name {quote(name)} has blanks, which are part of it")
        if each.holds == "something else":
            notes.append(f"{quote(name)} is {quote(column.type)}, which no question takes")
    dates = [
        each.column for each in surveyed if each.holds == "dates" and not each.kinds[CellKind.OTHER_DATE]
    ]
    if dates:
        name, others = dates[0].name, f" and {len(dates) - 1:,} more" if len(dates) > 1 else ""
        zone = " in UTC" if any(column.type.endswith("TIME ZONE") for column in dates) else ""
        notes.append(
            f"{quote(name)}{others} {'hold' if others else 'holds'} dates, read{zone} by their parts: "
            f"--where \"month({name}) = '2024-06'\", or --query histogram --column 'month({name})' "
            "--categories 2024-01..2024-12"
        )
    return notes
