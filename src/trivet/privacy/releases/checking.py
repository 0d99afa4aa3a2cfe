"""Check of a table before a release: how its rows are read, what of them is lost, and which options help.

It is for the owner of the table and charges nothing. Its figures are exact and must stay with the owner.
"""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from trivet.errors import DataError
from trivet.privacy.releases.surveying import (
    ColumnSurvey,
    Holds,
    Lines,
    better_reading,
    plain_examples,
    survey_columns,
    unit_note,
)
from trivet.privacy.releases.where import EVERY_ROW, Selection, select_rows
from trivet.result import Table as ResultTable
from trivet.tables.cell_kinds import CellKind
from trivet.tables.csv_lines import LineNote
from trivet.tables.dates import moment_sql
from trivet.tables.numbers import number_sql
from trivet.tables.opening import Column, Kind, Table, find_column, open_table
from trivet.tables.settings import AS_USUAL, Reading
from trivet.wording import one_line, quote

__all__ = ["CellCount", "CheckFinding", "ColumnCheck", "Reading", "TableCheck", "check_table", "require_read"]


@dataclass(frozen=True, kw_only=True)
class CellCount:
    """Cells of one kind in a column of a CSV file.

    Attributes
    ----------
    kind : Their kind in words, such as ``numbers with a decimal comma``.
    cells : Number of them.
    example : The first of them, 80 characters at most; None where they are empty.
    """

    kind: str
    cells: int
    example: str | None


@dataclass(frozen=True, kw_only=True)
class ColumnCheck:
    """One column as its owner may see it.

    Attributes
    ----------
    name, type : Its name, and its type; ``a CSV cell`` of a CSV file.
    holds : ``numbers``, ``dates``, ``truth values``, ``text``, ``nothing`` or ``something else``, what most
        of its cells are.
    cells : Kinds of cells, most frequent first; empty where the column has a type.
    missing : Rows in which it is missing as a release would read it, where numbers or dates are expected as
        `holds` says; None where not all rows can be read.
    distinct : Number of different values; None where there are more than were counted, and where `holds` is
        ``something else``.
    """

    name: str
    type: str
    holds: Holds
    cells: tuple[CellCount, ...]
    missing: int | None
    distinct: int | None


@dataclass(frozen=True, kw_only=True)
class CheckFinding:
    """Rows or cells that need an option, or are lost to a release.

    Attributes
    ----------
    column : Name of the column; None where lines are meant.
    problem : The problem in words.
    remedy : The way out in words.
    rows : Number of rows or lines; None where it is unknown.
    lines : Numbers of the first lines, from 1; empty where a column is meant.
    """

    column: str | None
    problem: str
    remedy: str
    rows: int | None
    lines: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """All of it in two sentences."""
        where = "" if self.column is None else f"{one_line(self.column)}: "
        lines = ", ".join(f"{number:,}" for number in self.lines)
        first = f" (first in {lines})" if lines else ""
        return f"{where}{self.problem}{first}. {self.remedy[0].upper()}{self.remedy[1:]}."


@dataclass(frozen=True, kw_only=True, repr=False)
class TableCheck(
    ResultTable,
    head=("reads_as_is", "table", "rows", "selected", "options", "command"),
    rows="columns",
    columns=("name", "holds", "missing", "distinct"),
):
    """A table as a release would read it; for its owner alone, not private.

    Attributes
    ----------
    reads_as_is : Whether a release reads the file as it is, with nothing lost: there are no findings.
    table : Name of the table without its folder.
    rows, selected : Number of rows, and of those that the condition selects; None where they cannot be read.
    encoding, delimiter : Of a CSV file, as they were read; None of other files.
    line_ends : Of a CSV file: ``LF``, ``CRLF`` or ``both``; None of other files.
    columns : The columns that were named, or all.
    findings : Rows and cells that need an option, or are lost.
    notes : Other remarks.
    options : Options that read the table correctly; empty where none is needed.
    command : The next command to type; a second check, once the table is corrected, where no option helps.
    """

    reads_as_is: bool
    table: str
    rows: int | None
    selected: int | None
    encoding: str | None
    delimiter: str | None
    line_ends: str | None
    columns: tuple[ColumnCheck, ...]
    findings: tuple[CheckFinding, ...]
    notes: tuple[str, ...]
    options: tuple[str, ...]
    command: str


def check_table(
    table: str | Path,
    *,
    columns: Sequence[str] = (),
    where: str | None = None,
    reading: Reading | None = None,
) -> TableCheck:
    """Read all rows of a table as a release would, for its owner, and say what is lost.

    No ledger is needed and nothing is charged. The result has exact figures of the rows: it is not private
    and must not be published.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE.
    columns
        Names of columns to look at; all where empty.
    where
        Condition on rows, as in `trivet.privacy.releases.where`.
    reading
        How the cells of a CSV file are read; None reads decimal points, UTF-8 and ISO dates.

    Returns
    -------
    TableCheck
        Kinds of cells, missing ones, findings, and the options and command that follow.

    Raises
    ------
    UsageError
        If a column or the condition does not fit the table.
    DataError
        If the file cannot be opened, or changes while it is read.
    """
    reading = reading or AS_USUAL
    with open_table(table, by_line=True, reading=reading) as opened:
        chosen = tuple(find_column(opened.columns, each) for each in columns) or opened.columns
        selection = EVERY_ROW if where is None else select_rows(where, opened.columns)
        looked = _look(table, opened, chosen, selection, reading)
        opened.require_unchanged()
    surveyed, lines, found = looked.columns, looked.lines, looked.found
    findings, wanted, notes = looked.findings, looked.wanted, looked.notes
    notes += [note for each in surveyed if (note := unit_note(each)) is not None]
    return TableCheck(
        reads_as_is=not findings,
        table=opened.name,
        rows=found.rows,
        selected=None if where is None else found.selected,
        encoding=opened.request.get("encoding"),
        delimiter=opened.delimiter,
        line_ends=None if opened.delimiter is None else _line_ends(lines, found.rows),
        columns=tuple(_column(each, found) for each in surveyed),
        findings=tuple(findings),
        notes=(*_line_notes(lines), *notes),
        options=wanted.options,
        command=_command(
            table,
            surveyed if columns else (),
            where,
            wanted,
            mend=bool(looked.doubtful) and wanted == reading,
        ),
    )


def require_read(
    table: str | Path, opened: Table, columns: Sequence[Column], reading: Reading | None
) -> None:
    """Refuse a table of which a question would read lines or cells otherwise than they seem to be meant."""
    chosen = tuple(column for column in opened.columns if column.sql in {each.sql for each in columns})
    looked = _look(table, opened, chosen, EVERY_ROW, reading or AS_USUAL)
    found = looked.doubtful
    if found:
        more = f" {len(found) - 1} more by `trivet privacy check`." if len(found) > 1 else ""
        raise DataError(
            f"{quote(opened.name)} may not be read as it is meant, so nothing was charged: {found[0].words}"
            f"{more} This is for the owner of the table alone, since it depends on the rows; --no-check "
            "releases it as it is read."
        )


@dataclass(frozen=True)
class _Looked:
    """A table as it was read, the reading that its cells speak for, and what is lost without it."""

    columns: list[ColumnSurvey]
    lines: Lines
    found: "_Measured"
    wanted: Reading
    findings: list[CheckFinding]
    notes: list[str]

    @property
    def doubtful(self) -> list[CheckFinding]:
        """Findings that a release is not charged for: all but words among numbers, which `missing` is for."""
        words = {
            each.column.name: each.kinds[CellKind.TEXT]
            for each in self.columns
            if each.holds in ("numbers", "dates")
        }
        return [each for each in self.findings if each.column is None or each.rows != words.get(each.column)]


def _look(
    table: str | Path, opened: Table, chosen: Sequence[Column], selection: Selection, reading: Reading
) -> _Looked:
    surveyed, lines = survey_columns(opened, chosen)
    found = _measured(opened, surveyed, selection)
    wanted, notes = better_reading(reading, surveyed, lines, opened.delimiter)
    better = found
    if wanted != reading:
        with open_table(table, by_line=True, reading=wanted) as again:
            chosen = tuple(find_column(again.columns, each.column.name) for each in surveyed)
            columns_again = [each.of(column) for each, column in zip(surveyed, chosen, strict=True)]
            better = _measured(again, columns_again, EVERY_ROW)
    findings = [
        *_unreadable(found),
        *_lost(surveyed, found, better, reading, wanted),
        *_of_lines(lines, wanted),
    ]
    return _Looked(surveyed, lines, found, wanted, findings, notes)


@dataclass
class _Measured:
    """Rows, selected ones, and for each column those that have a value and those that a release can read."""

    rows: int | None = None
    selected: int | None = None
    filled: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    said: str = ""

    def count(self, opened: Table, some: Sequence[ColumnSurvey], selection: Selection) -> None:
        """Count all rows, and of some columns what is filled and what is read."""
        counts = ["count(*)", f"count(*) FILTER (WHERE {selection.sql})"]
        counts += [f"count({sql})" for each in some for sql in (each.column.sql, _read_sql(each))]
        sql = f"SELECT {', '.join(counts)} FROM rows_asked"  # noqa: S608 - quoted and bound
        columns = [*selection.columns, *(each.column for each in some)]
        answers = opened.added_up(sql, selection.values, columns)
        found = [sum(int(row[place]) for row in answers) for place in range(len(counts))]
        self.rows, self.selected = found[:2]
        for place, each in enumerate(some, start=1):
            self.filled[each.column.name], self.read[each.column.name] = found[2 * place : 2 * place + 2]


#: Columns of one query.
_AT_ONCE: Final = 100


def _measured(opened: Table, surveyed: Sequence[ColumnSurvey], selection: Selection) -> _Measured:
    """Count rows with the very SQL that a release reads them with; columns that cannot be read one by one."""
    found = _Measured()
    for start in range(0, len(surveyed), _AT_ONCE):
        some = surveyed[start : start + _AT_ONCE]
        try:
            found.count(opened, some, selection)
        except DataError as error:
            found.said = str(error)
            with suppress(DataError):
                found.count(opened, (), selection)
            for each in some:
                try:
                    found.count(opened, (each,), EVERY_ROW)
                except DataError:
                    found.unreadable.append(each.column.name)
    return found


def _read_sql(surveyed: ColumnSurvey) -> str:
    """Return SQL that is NULL where a release would take a value for missing."""
    column = surveyed.column
    match surveyed.holds:
        case "numbers":
            return number_sql(column)
        case "dates":
            return moment_sql(column)
        case "text" if column.kind is not Kind.CELL:
            # A count alone would not look at the texts.
            return f"CASE WHEN octet_length(encode(CAST({column.sql} AS VARCHAR))) >= 0 THEN 1 END"
        case _:
            return column.sql


def _column(surveyed: ColumnSurvey, found: _Measured) -> ColumnCheck:
    column = surveyed.column
    read = found.read.get(column.name)
    cells = [
        CellCount(kind=kind.value, cells=count, example=surveyed.examples.get(kind))
        for kind, count in sorted(surveyed.kinds.items(), key=lambda pair: -pair[1])
    ]
    return ColumnCheck(
        name=column.name,
        type=column.type,
        holds=surveyed.holds,
        cells=tuple(cells),
        missing=None if read is None or found.rows is None else found.rows - read,
        distinct=surveyed.distinct,
    )


def _unreadable(found: _Measured) -> list[CheckFinding]:
    """Say which columns cannot be read: a release would be charged and then fail."""
    remedy = "write the file again from its source; a release of it is charged, and then fails"
    if found.unreadable:
        problem = f"its rows cannot be read: {found.said.rstrip('.')}"
        return [
            CheckFinding(column=name, problem=problem, remedy=remedy, rows=None) for name in found.unreadable
        ]
    if found.said:
        return [CheckFinding(column=None, problem=found.said.rstrip("."), remedy=remedy, rows=None)]
    return []


def _lost(
    surveyed: Sequence[ColumnSurvey], found: _Measured, better: _Measured, reading: Reading, wanted: Reading
) -> list[CheckFinding]:
    """Say of each column which cells a release would take for missing, or for another value."""
    findings: list[CheckFinding] = []
    options = " ".join(wanted.options)
    for each in surveyed:
        name = each.column.name
        if each.blanks and each.holds in ("text", "truth values"):
            findings.append(
                CheckFinding(
                    column=name,
                    problem=f"{each.blanks:,} cells begin or end with a blank, which is part of the text",
                    remedy="take the blanks out, or write them in conditions and categories",
                    rows=each.blanks,
                )
            )
        if each.column.kind is not Kind.CELL or name not in found.read:
            continue
        what = {"numbers": "number", "dates": "date"}.get(each.holds)
        if what is None:
            continue
        marks = each.kinds[CellKind.MARK]
        lost, still = (found.filled[name] - marks - by.read[name] for by in (found, better))
        if lost > 0:
            examples = plain_examples(each, reading)
            problem = f"{lost:,} of {found.filled[name]:,} cells cannot be read as a {what}{examples}"
            remedy = each.remedy
            if still < lost and options:
                remedy = f"{options} reads {'them all' if still <= 0 else f'all but {still:,} of them'}"
            findings.append(CheckFinding(column=name, problem=problem, remedy=remedy, rows=lost))
        elif still > 0:
            problem = f"{still:,} cells cannot be read as a {what} with {options}, which other columns need"
            remedy = "write all columns with the same marks"
            findings.append(CheckFinding(column=name, problem=problem, remedy=remedy, rows=still))
        turned = each.kinds[CellKind.POINT_OR_GROUP]
        if turned and (reading.decimal, wanted.decimal) == ("point", "comma"):
            example = quote(each.examples[CellKind.POINT_OR_GROUP])
            problem = f"{turned:,} cells such as {example} have a point that may stand between thousands"
            findings.append(
                CheckFinding(column=name, problem=problem, remedy=f"{options} reads them so", rows=turned)
            )
    return findings


#: What becomes of a line in a release, and the way out.
_LINES: Final = {
    LineNote.NOT_TEXT: ("they become the replacement character", ""),
    LineNote.UNMATCHED: (
        "it is a character like any other",
        "close each quotation mark, or write two for one in a cell",
    ),
    LineNote.CONTINUED: (
        "each of its lines is a row of its own",
        "put the text on one line, or keep the table as Parquet",
    ),
    LineNote.SHORT: ("the last cells are missing", "complete the lines"),
    LineNote.LONG: (
        "all cells of the line are missing",
        "put a cell that holds the delimiter in quotation marks",
    ),
    LineNote.TOO_LONG: ("all cells of the line are missing", "shorten the line"),
    LineNote.NUL: ("they stay in the cell", "convert the file, which may be of another encoding"),
    LineNote.STRAY_RETURN: ("the line goes on after it", "end lines in line feeds"),
    LineNote.HEADER_AGAIN: ("it is a row", "take the line out"),
}


def _of_lines(lines: Lines, wanted: Reading) -> list[CheckFinding]:
    findings: list[CheckFinding] = []
    for what, (becomes, remedy) in _LINES.items():
        if what in lines:
            count, first = lines[what]
            problem = f"{count:,} {'line' if count == 1 else 'lines'} with {what.value}: {becomes}"
            way = remedy or f"{' '.join(wanted.options)} reads them"
            findings.append(CheckFinding(column=None, problem=problem, remedy=way, rows=count, lines=first))
    return findings


def _line_notes(lines: Lines) -> list[str]:
    notes: list[str] = []
    if LineNote.EMPTY in lines:
        notes.append(f"{lines[LineNote.EMPTY][0]:,} empty lines do not count as rows")
    if LineNote.TRAILING in lines:
        notes.append(
            f"{lines[LineNote.TRAILING][0]:,} lines with {LineNote.TRAILING.value}, of which nothing is lost"
        )
    return notes


def _line_ends(lines: Lines, rows: int | None) -> str:
    returns = lines.get(LineNote.RETURN, (0, ()))[0]
    return "LF" if not returns else "CRLF" if returns == rows else "both"


def _command(
    table: str | Path, named: Sequence[ColumnSurvey], where: str | None, wanted: Reading, *, mend: bool
) -> str:
    if mend:
        return one_line(shlex.join(["trivet", "privacy", "check", str(table), *wanted.options]), limit=2_000)
    asked = ["--query", "count"]
    if len(named) == 1 and named[0].holds == "numbers":
        asked = ["--query", "mean", "--column", named[0].column.name, "--bounds", "LOWER,UPPER"]
        asked += ["--missing", "drop"]
    if where is not None:
        asked += ["--where", where]
    words = ["trivet", "privacy", "release", str(table), *wanted.options, *asked]
    words += ["--epsilon", "0.1", "--ledger", "budget.db"]
    return one_line(shlex.join(words), limit=2_000)
