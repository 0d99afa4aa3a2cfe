"""What the columns of a CSV file are called, told by its first line alone."""

import csv
import re
from pathlib import Path
from typing import Final

from trivet.errors import DataError
from trivet.wording import quoted

__all__ = ["read_header"]

#: A header line longer than this is no header.
LONGEST_HEADER: Final = 2**20
_DELIMITERS: Final = ",;\t|"


def read_header(path: Path) -> tuple[tuple[str, ...], str]:
    """Return the names in the first line of a CSV file, and its delimiter; no other line is looked at.

    The delimiter is the one of comma, semicolon, tab and bar that stands there most often outside
    quotation marks.

    Raises
    ------
    DataError
        If the line is no header.
    """
    try:
        # Decoding as a text file would look at the rows that follow.
        with path.open("rb") as stream:
            first = stream.readline(LONGEST_HEADER).decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{quoted(path.name)} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the first line of {quoted(path.name)} is no UTF-8; convert the file.") from error
    outside = re.sub(r'"[^"]*"', "", first)
    delimiter = max(_DELIMITERS, key=outside.count)
    try:
        names = tuple(next(csv.reader([first], delimiter=delimiter), ()))
    except csv.Error:
        names = ()
    if not names or "" in names or len(first) >= LONGEST_HEADER:
        raise DataError(
            f"the first line of {quoted(path.name)} is no header; expected the names of the columns."
        )
    if any(map(_is_number, names)):
        # Without quoting it: a file without a header begins with a row.
        raise DataError(
            f"the first line of {quoted(path.name)} has a number where the name of a column is expected; it "
            "may be a row. Add a line with the names of the columns."
        )
    repeated = [name for i, name in enumerate(names) if name in names[:i]]
    if repeated:
        raise DataError(f"{quoted(path.name)} has more than one column {quoted(repeated[0])}; rename one.")
    return names, delimiter


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
