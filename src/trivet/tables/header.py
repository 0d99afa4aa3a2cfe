"""Header of a CSV file: names of columns, delimiter and encoding, from the first line alone."""

import codecs
import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trivet.errors import DataError
from trivet.tables.names import MOST_COLUMNS, Named, is_number, tidy_names
from trivet.tables.settings import ENCODINGS, Reading
from trivet.wording import quote

__all__ = ["LONGEST_HEADER", "Header", "read_header", "refuse_utf_32"]

#: A longer first line is not accepted as a header.
LONGEST_HEADER: Final = 2**20
_DELIMITERS: Final = ",;\t|"
#: Marks at the beginning of a file, and what they say of it.
_MARKS: Final = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """Names, delimiter, encoding as Python calls it, lines before the first row, and where that begins.

    `named` is there unless the header was read strictly.
    """

    names: tuple[str, ...]
    delimiter: str
    encoding: str
    lines: int
    end: int
    named: Named | None = None


def read_header(
    path: Path, reading: Reading | None = None, *, strict: bool = True, called: str | None = None
) -> Header:
    """Read the first line of a CSV file, and the second where Excel's ``sep=;`` is the first.

    Without a reading only UTF-8 is taken. Unless it is `strict`, names are those of `tidy_names`.
    """
    name = quote(called or path.name)
    try:
        with path.open("rb") as stream:
            # Only what ends at a line's end is decoded: the rest is rows.
            start = stream.read(2 * LONGEST_HEADER)
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}.") from error
    if not start.strip():
        raise DataError(f"{name} is empty; expected a line with the names of the columns, and rows.")
    refuse_utf_32(start, name)
    encoding, end = _encoding(start, reading)
    line, end = _line(start, end, encoding, name, options=reading is not None)
    lines, delimiter = 1, ""
    if separator := _SEPARATOR.fullmatch(line):
        delimiter = separator[1]
        if delimiter not in _DELIMITERS:
            raise DataError(
                f"the first line of {name} says that the delimiter is {quote(delimiter)}; expected a comma, "
                "a semicolon, a tab or a vertical bar."
            )
        line, end = _line(start, end, encoding, name, options=reading is not None)
        lines = 2
    outside = re.sub(r'"[^"]*"', "", line)
    delimiter = delimiter or max(_delimiters(called or path.name), key=outside.count)
    written = _written(line, delimiter, name)
    if strict:
        return Header(_strict(written, name), delimiter, encoding, lines, end)
    named = tidy_names(written, name)
    return Header(named.names, delimiter, encoding, lines, end, named)


def refuse_utf_32(start: bytes, name: str) -> None:
    """Raise a DataError where a file begins with the mark of UTF-32, which begins with that of UTF-16."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DataError(f"{name} is UTF-32, which is not read; convert it, as with iconv -f utf-32 -t utf-8.")


def _delimiters(name: str) -> str:
    """Return the delimiters that there are, first the one that wins where others are as frequent."""
    return "\t,;|" if re.search(r"\.(tsv|tab)\b", name, re.IGNORECASE) else _DELIMITERS


def _encoding(start: bytes, reading: Reading | None) -> tuple[str, int]:
    """Return the encoding of a file, and the length of the mark that it begins with, which decides."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark) and (reading is not None or encoding == "utf-8"):
            return encoding, len(mark)
    asked = "utf-8" if reading is None else reading.encoding
    return "utf-16-le" if asked == "utf-16" else asked, 0


def _line(start: bytes, begin: int, encoding: str, name: str, *, options: bool) -> tuple[str, int]:
    """Return the line that begins at a place, and where the next one does."""
    wide = encoding.startswith("utf-16")
    feed = "\n".encode(encoding)
    at = start.find(feed, begin)
    while wide and at >= 0 and (at - begin) % 2:
        at = start.find(feed, at + 1)
    line = start[begin:] if at < 0 else start[begin:at]
    # The first line of a file of old Macs is all of it.
    if "\r" in line[:LONGEST_HEADER].decode(encoding, errors="replace").removesuffix("\r"):
        raise DataError(f"the lines of {name} end in carriage returns alone; convert them to line feeds.")
    if len(line) >= LONGEST_HEADER:
        raise DataError(f"the first line of {name} is not a header; expected the names of the columns.")
    if not wide and b"\0" in line:
        way = "give --encoding utf-16, or convert the file" if options else "convert the file"
        raise DataError(f"the first line of {name} has NUL characters, as UTF-16 does; {way}.")
    try:
        text = line.decode(encoding)
    except UnicodeDecodeError as error:
        said = "UTF-16" if wide else "UTF-8"
        way = ENCODINGS if options and not wide else "convert the file"
        raise DataError(f"the first line of {name} is not valid {said}; {way}.") from error
    return text.removesuffix("\r"), len(start) if at < 0 else at + len(feed)


def _written(line: str, delimiter: str, name: str) -> tuple[str, ...]:
    """Return the names as they are written."""
    try:
        names = tuple(next(csv.reader([line], delimiter=delimiter, strict=True), ()))
    except csv.Error as error:
        raise DataError(
            f"the quotation marks in the first line of {name} do not match; expected the names of the "
            "columns on one line, each quotation mark closed. Put a name of several lines on one."
        ) from error
    if not any(names):
        raise DataError(f"the first line of {name} is not a header; expected the names of the columns.")
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{name} has {len(names):,} columns; at most {MOST_COLUMNS:,} are read.")
    return names


def _strict(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Return the names, of which each is there, differs from the others, and none a number."""
    if "" in names:
        raise DataError(
            f"the first line of {name} is not a header; expected the names of the columns, each with one "
            "character or more."
        )
    if any(map(is_number, names)):
        # Without quoting it: a file without a header begins with a row.
        raise DataError(
            f"the first line of {name} has a number where the name of a column is expected; it "
            "may be a row. Add a line with the names of the columns, none of them a number alone."
        )
    repeated, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise DataError(f"{name} has more than one column {quote(repeated)}; rename one.")
    return names
