"""Error of a file whose rows DuckDB cannot read, in a line that quotes none of them."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import duckdb

from trivet.errors import DataError
from trivet.tables.settings import ENCODINGS
from trivet.wording import quote

__all__ = ["TooManyError", "reading"]

_CSV_LINE: Final = re.compile(r"CSV Error on Line: (\d+)")
_CSV_WIDTH: Final = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
#: What is said of a CSV file where DuckDB says these words.
_COMPLAINTS: Final = {
    "unterminated quote": (
        "{where}has a quotation mark without its second; close it, or write two for one in a cell"
    ),
    # Threads that meet in the middle of a cell can find out before the one that knows the line.
    "Parallel CSV Reader": "its quotation marks do not match; close each, or write two for one in a cell",
    "Invalid unicode": "{where}is not valid UTF-8; {encoding}",
    "state machine": (
        "its lines end in more than one way, or its quotation marks do not match; convert the file"
    ),
}


class TooManyError(DataError):
    """There are more values than there is memory for."""


@contextmanager
def reading(name: str, *, options: bool = False) -> Generator[None]:
    """Turn what DuckDB says of rows that it cannot read into a DataError that quotes none of them."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise TooManyError(
            f"the rows of {quote(name)} need more memory than there is; name fewer columns, or leave "
            "out rows."
        ) from error
    except (duckdb.Error, UnicodeError) as error:
        raise DataError(
            f"{quote(name)} cannot be read: {_complaint(str(error), options=options)}."
        ) from error


def _complaint(said: str, *, options: bool) -> str:
    line = _CSV_LINE.search(said)
    where = f"line {int(line[1]):,} " if line else "a line "
    width = _CSV_WIDTH.search(said)
    if width:
        more = int(width[2]) == int(width[1]) + 1
        return (
            f"{where}has {width[2]} cells where the header has {width[1]} names; a cell with the delimiter "
            f"in it needs quotation marks{', and a column of row numbers a name' if more else ''}"
        )
    for words, complaint in _COMPLAINTS.items():
        if words in said:
            return complaint.format(where=where, encoding=ENCODINGS if options else "convert the file")
    return (
        f"{where}does not fit the other lines of the CSV file"
        if line
        else "it is damaged, or was changed meanwhile"
    )
