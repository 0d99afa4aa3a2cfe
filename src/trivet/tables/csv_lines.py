"""Rows of a CSV file of which each line is one row, whatever its bytes.

A quoted cell that may go on over lines lets one quotation mark join thousands of rows, so that one
person's line moves a count by all of them. Here a line ends at its line feed, what stands on one
line decides on no other, and no line is an error:

- a quotation mark that is not closed on its line, or closed before the end of its cell, is a character,
  and so are all others of the line;
- bytes that are not UTF-8 become the replacement character;
- a short line lacks its last cells; a longer one with anything but empty cells at the end is a row of
  missing values, and so is a line of more than a mebibyte;
- UTF-16 is whole characters, and half of one becomes the replacement character too;
- an empty line does not count as a row, unless the table has one column, of which it is a missing value.
"""

import codecs
import csv
from collections.abc import Callable, Generator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from trivet.tables.header import Header

__all__ = ["LineNote", "Note", "header_of", "read_cells", "recoder"]

LONGEST_LINE: Final = 2**20
_BLOCK: Final = 2**22
#: Lines that a cell which goes on over lines is looked for in.
_CELL_LINES: Final = 50


class LineNote(StrEnum):
    """Something to know of a line, which is a line with it."""

    RETURN = "a carriage return before its end"
    EMPTY = "nothing in it"
    TOO_LONG = "more than a mebibyte"
    NOT_TEXT = "bytes that are not of the encoding"
    NUL = "NUL characters"
    STRAY_RETURN = "a carriage return within"
    UNMATCHED = "a quotation mark that lacks its second"
    CONTINUED = "a cell that goes on over lines"
    SHORT = "fewer cells than columns"
    LONG = "more cells than columns"
    TRAILING = "empty cells beyond the last column"
    HEADER_AGAIN = "the names of the header"


#: Takes what there is to know of a line, and its number.
Note = Callable[[LineNote, int], None]


def header_of(request: Mapping[str, Any]) -> Header:
    """Return the header that a request of `trivet.tables.opening` describes."""
    known = {each: request[each] for each in ("delimiter", "encoding", "lines", "end")}
    return Header(names=tuple(request["names"]), **known)


def read_cells(
    path: Path, header: Header, *, places: Sequence[int], note: Note | None = None
) -> Generator[list[str]]:
    """Yield for some rows at a time the cells of each column in `places`, joined by line feeds."""
    number = header.lines + 1
    for lines in _lines(path, header):
        rows = _rows(lines, header, note, number)
        number += len(lines)
        if rows:
            yield ["\n".join([row[place] for row in rows]) for place in places]


def _lines(path: Path, header: Header) -> Generator[list[bytes]]:
    """Yield the lines below the header in UTF-8, many at a time; of one that is too long its beginning."""
    recode = recoder(header.encoding)
    with path.open("rb") as stream:
        stream.seek(header.end)
        rest = b""
        while block := stream.read(_BLOCK):
            *lines, rest = (rest + recode(block)).split(b"\n")
            rest = rest[: LONGEST_LINE + 1]
            yield lines
        if rest := rest + recode(b""):
            yield [rest]


#: Bytes that Windows-1252 leaves open are read as in Latin-1, as browsers do.
_LATIN: Final = "".join(bytes([each]).decode("cp1252", errors="ignore") or chr(each) for each in range(256))


def recoder(encoding: str, *, errors: str = "replace") -> Callable[[bytes], bytes]:
    """Return what turns one block after another into UTF-8; an empty one is the last."""
    if encoding == "utf-8":
        return bytes
    if encoding == "latin-1":
        return lambda block: codecs.charmap_decode(block, "strict", _LATIN)[0].encode()  # pyright: ignore[reportArgumentType] - typeshed knows no text
    # Half of a character takes up two bytes, so that the end of a line stays where it is.
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    return lambda block: decoder.decode(block, final=not block).encode()


def _rows(lines: list[bytes], header: Header, note: Note | None, first: int) -> list[list[str]]:
    width, delimiter = len(header.names), header.delimiter
    try:
        texts = b"\n".join(lines).decode().split("\n") if lines else []
    except UnicodeDecodeError:
        texts = [line.decode(errors="replace") for line in lines]
        _note_bytes(lines, note, first)
    rows: list[list[str]] = []
    for place, (line, text) in enumerate(zip(lines, texts, strict=True)):
        if len(line) > LONGEST_LINE:
            rows.append([""] * width)
            if note:
                note(LineNote.TOO_LONG, first + place)
            continue
        # All of them: whether the last line of a file has an end of its own must not tell.
        shown = text.rstrip("\r")
        if not shown and width > 1:
            if note:
                note(LineNote.EMPTY, first + place)
            continue
        cells = _unquoted(shown, delimiter) if '"' in shown else shown.split(delimiter)
        if note:
            _note_line(note, first + place, texts, place, cells, header)
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


def _note_bytes(lines: Sequence[bytes], note: Note | None, first: int) -> None:
    if note is None:
        return
    for place, line in enumerate(lines):
        try:
            line.decode()
        except UnicodeDecodeError:
            # One that is too long is cut off, maybe within a character.
            if len(line) <= LONGEST_LINE:
                note(LineNote.NOT_TEXT, first + place)


def _note_line(
    note: Note, number: int, texts: Sequence[str], place: int, cells: list[str], header: Header
) -> None:
    """Note of a line what of it is lost, or may be; the lines that follow it tell a cell that goes on."""
    text = texts[place]
    line, width, delimiter = text.rstrip("\r"), len(header.names), header.delimiter
    if len(line) < len(text):
        note(LineNote.RETURN, number)
    if "\0" in line:
        note(LineNote.NUL, number)
    if "\r" in line:
        note(LineNote.STRAY_RETURN, number)
    if '"' in line and not _is_matched(line, delimiter):
        goes_on = _goes_on(texts[place : place + _CELL_LINES], delimiter, width)
        note(LineNote.CONTINUED if goes_on else LineNote.UNMATCHED, number)
    if len(cells) < width:
        note(LineNote.SHORT, number)
    elif len(cells) > width:
        note(LineNote.LONG if any(cells[width:]) else LineNote.TRAILING, number)
    elif cells[0] == header.names[0] and tuple(cells) == header.names:
        note(LineNote.HEADER_AGAIN, number)


def _is_matched(line: str, delimiter: str) -> bool:
    try:
        next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return True


def _goes_on(texts: Sequence[str], delimiter: str, width: int) -> bool:
    """Return True if a row begins on the first line and goes on over others."""
    if width > 1 and texts[0].count(delimiter) == width - 1:
        return False
    reader = csv.reader((f"{text}\n" for text in texts), delimiter=delimiter, strict=True)
    try:
        return len(next(reader)) == width and reader.line_num > 1
    except (csv.Error, StopIteration):
        return False
