"""Names of the columns of a CSV file, and its delimiter: from its first line alone."""

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Final

from trivet.errors import DataError
from trivet.wording import quoted

__all__ = ["LONGEST_HEADER", "read_header"]

#: A longer first line is not accepted as a header.
LONGEST_HEADER: Final = 2**20
MOST_COLUMNS: Final = 10_000
_DELIMITERS: Final = ",;\t|"


def read_header(path: Path) -> tuple[tuple[str, ...], str]:
    """Return the names in the first line of a CSV file, and its delimiter; no other line is looked at.

    The delimiter is the one of comma, semicolon, tab and bar that stands there most often outside
    quotation marks.
    """
    name = quoted(path.name)
    try:
        # Decoding as a text file would look at the rows that follow.
        with path.open("rb") as stream:
            first = stream.readline(LONGEST_HEADER)
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}.") from error
    if len(first) >= LONGEST_HEADER:
        raise DataError(f"the first line of {name} is not a header; expected the names of the columns.")
    try:
        line = first.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(f"the first line of {name} is not valid UTF-8; convert the file.") from error
    if "\r" in line:
        raise DataError(f"the lines of {name} end in carriage returns alone; convert them to line feeds.")
    outside = re.sub(r'"[^"]*"', "", line)
    delimiter = max(_DELIMITERS, key=outside.count)
    try:
        names = tuple(next(csv.reader([line], delimiter=delimiter, strict=True), ()))
    except csv.Error as error:
        raise DataError(
            f"the quotation marks in the first line of {name} do not match; expected the names of the "
            "columns on one line, each quotation mark closed."
        ) from error
    if not names or "" in names:
        raise DataError(f"the first line of {name} is not a header; expected the names of the columns.")
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{name} has {len(names):,} columns; at most {MOST_COLUMNS:,} are read.")
    if any(map(_is_number, names)):
        # Without quoting it: a file without a header begins with a row.
        raise DataError(
            f"the first line of {name} has a number where the name of a column is expected; it "
            "may be a row. Add a line with the names of the columns."
        )
    repeated, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise DataError(f"{name} has more than one column {quoted(repeated)}; rename one.")
    return names, delimiter


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
