"""``trivet privacy check``: how a release would read a table, for its owner, before anything is charged."""

import csv
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.markup import escape

from trivet.cli.options import Json, command
from trivet.cli.terminal import figures_table, marked, print_json, results_console
from trivet.errors import UsageError
from trivet.tables.settings import Reading
from trivet.wording import one_line

__all__ = ["check", "listed"]

if TYPE_CHECKING:
    from rich.console import Console

    from trivet.privacy.releases.checking import ColumnCheck, TableCheck

#: Kinds of cells and columns shown on the terminal; --json has all.
SHOWN_KINDS = 3
SHOWN_COLUMNS = 100
#: Longer findings and notes are cut on the terminal.
SHOWN_CHARACTERS = 400


@command
def check(
    table: str,
    /,
    *,
    column: str | None = None,
    where: str | None = None,
    reading: Reading,
    json: Json = False,
) -> int:
    """Read all of a table as a release would, and say what is lost and which options help.

    For the owner of the table: nothing is charged, no ledger is needed, and the figures are exact, so they
    are not private and must not be published. Exit code 1 where something needs an option or is lost.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE.
    column
        Columns to look at, A,B,C; all by default.
    where
        Condition whose rows are counted, such as "age >= 40".
    """
    from trivet.privacy.releases.checking import check_table  # noqa: PLC0415 - loads NumPy

    found = check_table(table, columns=listed("column", column), where=where, reading=reading)
    if json:
        print_json(asdict(found))
    else:
        _print_check(found, results_console())
    return int(not found.reads_as_is)


def listed(option: str, text: str | None) -> tuple[str, ...]:
    """Split at commas; a name that holds one stands in double quotation marks."""
    try:
        return () if text is None else tuple(next(csv.reader([text], skipinitialspace=True), ()))
    except csv.Error as error:
        raise UsageError(f"--{option} is {one_line(text)}; expected A,B,C on one line.") from error


def _print_check(found: "TableCheck", console: "Console") -> None:
    rows = "rows that cannot all be read" if found.rows is None else f"{found.rows:,} rows"
    facts = [f"{one_line(found.table)}: {rows}, columns shown: {len(found.columns):,}"]
    if found.selected is not None:
        facts.append(f"{found.selected:,} rows are selected by --where")
    if found.delimiter is not None:
        facts.append(f"{found.encoding}, delimiter {found.delimiter!r}, lines end in {found.line_ends}")
    console.print(escape("; ".join(facts)))
    console.print("For the owner of the table: these figures are exact, not private; do not publish them.")
    console.print()
    _print_columns(found.columns, console)
    console.print()
    for finding in found.findings:
        console.print(marked("bad", one_line(finding.words, limit=SHOWN_CHARACTERS)))
    for note in found.notes:
        console.print(marked("note", one_line(note, limit=SHOWN_CHARACTERS)))
    if found.reads_as_is:
        console.print(marked("good", "A release reads all of it as it is."))
    console.print("Bounds and categories must not come from the data, so none are shown.")
    again = found.command.startswith("trivet privacy check")
    console.print(escape(f"next{', once it is corrected' * again}: {found.command}"))


def _print_columns(columns: "tuple[ColumnCheck, ...]", console: "Console") -> None:
    table = figures_table("column", "cells", "distinct", "missing", names=2)
    for each in columns[:SHOWN_COLUMNS]:
        kinds = [f"{one.cells:,} {one.kind}" for one in each.cells[:SHOWN_KINDS]]
        kinds += [f"{len(each.cells) - SHOWN_KINDS} more kinds"] * (len(each.cells) > SHOWN_KINDS)
        table.add_row(
            escape(one_line(each.name)),
            escape(", ".join(kinds) or one_line(each.type)),
            _distinct(each),
            "?" if each.missing is None else f"{each.missing:,}",
        )
    console.print(table)
    if len(columns) > SHOWN_COLUMNS:
        console.print(f"{len(columns) - SHOWN_COLUMNS:,} more columns are in --json")


def _distinct(column: "ColumnCheck") -> str:
    if column.holds == "something else":
        return "-"
    return "many" if column.distinct is None else f"{column.distinct:,}"
