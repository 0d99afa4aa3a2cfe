"""Rows of a CSV file of which each line is one row, whatever its bytes.

A quoted cell that may go on over lines lets one quotation mark join thousands of rows, so that one
person's line moves a count by all of them. Here a line ends at its line feed, what stands on one
line decides on no other, and no line is an error:

- a quotation mark that is not closed on its line, or closed before the end of its cell, is a character,
  and so are all others of the line;
- bytes that are not UTF-8 become the replacement character;
- a short line lacks its last cells; a longer one with anything but empty cells at the end is a row of
  missing values, and so is a line of more than a mebibyte;
- an empty line does not count as a row, unless the table has one column, of which it is a missing value.
"""

import csv
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

from trivet.tables.opening import LONGEST_HEADER

__all__ = ["read_cells"]

LONGEST_LINE: Final = 2**20
_BLOCK: Final = 2**22


def read_cells(path: Path, *, width: int, delimiter: str, places: Sequence[int]) -> Generator[list[str]]:
    """Yield for some rows at a time the cells of each column in `places`, joined by line feeds."""
    for lines in _lines(path):
        rows = _rows(lines, width, delimiter)
        if rows:
            yield ["\n".join([row[place] for row in rows]) for place in places]


def _lines(path: Path) -> Generator[list[bytes]]:
    """Yield the lines below the header, many at a time; of a line that is too long only its beginning."""
    with path.open("rb") as stream:
        stream.readline(LONGEST_HEADER)
        rest = b""
        while block := stream.read(_BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            rest = rest[: LONGEST_LINE + 1]
            yield lines
        if rest:
            yield [rest]


def _rows(lines: list[bytes], width: int, delimiter: str) -> list[list[str]]:
    try:
        texts = b"\n".join(lines).decode().split("\n") if lines else []
    except UnicodeDecodeError:
        texts = [line.decode(errors="replace") for line in lines]
    rows: list[list[str]] = []
    for line, text in zip(lines, texts, strict=True):
        if len(line) > LONGEST_LINE:
            rows.append([""] * width)
            continue
        # All of them: whether the last line of a file has an end of its own must not tell.
        shown = text.rstrip("\r")
        if not shown and width > 1:
            continue
        cells = _unquoted(shown, delimiter) if '"' in shown else shown.split(delimiter)
        rows.append(cells if len(cells) == width else _fitted(cells, width))
    return rows


def _unquoted(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return line.split(delimiter)


def _fitted(cells: list[str], width: int) -> list[str]:
    if any(cells[width:]):
        return [""] * width
    return cells[:width] + [""] * (width - len(cells))
