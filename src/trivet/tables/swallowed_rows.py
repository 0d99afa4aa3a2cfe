"""Detection of unbalanced quotation marks that join many rows of a CSV file into one cell."""

from collections.abc import Callable, Sequence
from typing import Final

from trivet.errors import DataError
from trivet.tables.opening import Table
from trivet.wording import quoted

__all__ = ["require_no_swallowed_rows"]

#: Cells that are looked at, of those that have as many delimiters as the lines in them would need.
_LOOKED_AT: Final = 1_000


def require_no_swallowed_rows(table: Table, column: str, is_value: Callable[[str], bool]) -> None:
    """Refuse a CSV file of which a cell holds whole rows between its quotation marks.

    A quotation mark before a cell and one after the same column's cell some lines below make a file
    that is well formed and has fewer rows. Such a cell differs from text of more than one line by its
    delimiters: each line that is whole has all, and the first and the last have those that their
    place leaves. In a column of few values, the cell's value is also compared with these.
    """
    width = len(table.columns)
    if table.delimiter is None or width == 1:
        return
    place = [each.name for each in table.columns].index(column)
    suspects = " OR ".join(_suspect(each.sql, table.delimiter, width) for each in table.columns)
    sql = f"SELECT * FROM {table.source} WHERE {suspects} LIMIT {_LOOKED_AT}"  # noqa: S608 - no text of others
    for row in table.rows(sql):
        for i, cell in enumerate(row):
            lines = (cell or "").split("\n")
            if _has_rows(lines, i, place, table.delimiter, width, is_value):
                name = quoted(table.columns[i].name)
                raise DataError(
                    f"a cell of {name} in {quoted(table.name)} holds {len(lines):,} lines that look like "
                    "rows, between two quotation marks; remove these, or write two for one in a cell."
                )


def _suspect(sql: str, delimiter: str, width: int) -> str:
    # The length of bytes is known without counting characters, and both are single bytes.
    def count(character: str) -> str:
        return f"(strlen({sql}) - strlen(replace({sql}, {character}, '')))"

    breaks, delimiters = count("chr(10)"), count(f"chr({ord(delimiter)})")
    return f"(contains({sql}, chr(10)) AND {delimiters} = {width - 1} * {breaks})"


def _has_rows(
    lines: Sequence[str],
    place: int,
    known: int,
    delimiter: str,
    width: int,
    is_value: Callable[[str], bool],
) -> bool:
    """Return True if the lines of a cell, in the column at `place`, are those of rows."""
    expected = [width - 1 - place, *[width - 1] * (len(lines) - 2), place]
    if len(lines) == 1 or [line.count(delimiter) for line in lines] != expected:
        return False
    if known == place:
        return True
    own = lines[0].split(delimiter)[known - place] if known > place else lines[-1].split(delimiter)[known]
    return is_value(own)
