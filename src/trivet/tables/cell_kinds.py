"""Kinds of a CSV file's cells, counted by column, and of its lines; for its owner's eyes.

A cell's kind is that of its shape, in which each digit is a 0: a column has few shapes, however many values.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from trivet.tables.csv_lines import read_cells
from trivet.tables.header import Header

__all__ = ["ROWS_A_VALUE", "CellKind", "is_identifier", "survey"]


class CellKind(StrEnum):
    """Kind of a cell, in words."""

    EMPTY = "empty"
    WHOLE = "whole numbers"
    POINT = "numbers with a decimal point"
    POINT_OR_GROUP = "numbers with a point before three digits"
    COMMA = "numbers with a decimal comma"
    COMMA_OR_GROUP = "numbers with a comma before three digits"
    COMMA_GROUPS = "numbers with commas between thousands"
    POINT_GROUPS = "numbers with points between thousands"
    SPACE_GROUPS = "numbers with spaces between thousands"
    APOSTROPHE_GROUPS = "numbers with apostrophes between thousands"
    ODD_GROUPS = "numbers with marks at odd places"
    SIGNED = "numbers with a sign of currency or percent"
    OTHER_MINUS = "numbers in brackets or with another minus"
    ISO = "dates such as 2024-06-01"
    DAY_FIRST = "dates with the day first"
    MONTH_FIRST = "dates with the month first"
    EITHER_FIRST = "dates with the day or the month first"
    OTHER_DATE = "dates with a short year or a month in words"
    TRUTH = "true or false"
    MARK = "marks of a missing value"
    TEXT = "texts"


_SPACE: Final = "[ \u00a0\u2009\u202f]"
_CLOCK: Final = r"([ T]00?:00(:00([.]0+)?)?( ?(Z|[+-]00(:?00)?))?)?"
_NUMBER: Final = r"(0{1,3}([.,'\u2019 \u00a0]000)+|0+)([.,]0+)?"
_MONTH: Final = (
    r"(?i:(jan|feb|m[aäá]r|a[pv]r|ma[iyj]|ju[nlil]|aug|ao[uû]|sep|o[ck]t|nov|de[czs])[a-zà-ÿ]{0,7})"
)
_SIGN: Final = r"([$€£¥%]|EUR|USD|GBP|CHF|JPY|CNY|SEK|NOK|DKK|PLN|CZK|INR|AUD|CAD|kr\.?|zł|Fr\.?)"
#: In this order: what fits an earlier one is not of a later.
_SHAPES: Final = {
    CellKind.WHOLE: r"[+-]?0+",
    CellKind.POINT_OR_GROUP: r"[+-]?0{1,3}[.]000",
    CellKind.POINT: r"[+-]?(0+[.]?0*|[.]0+)([eE][+-]?0+)?",
    CellKind.COMMA_OR_GROUP: r"[+-]?0{1,3},000",
    CellKind.COMMA: rf"[+-]?(0+|0{{1,3}}(([.]000)+|({_SPACE}000)+|(['\u2019]000)+))?,0+([eE][+-]?0+)?",
    CellKind.COMMA_GROUPS: r"[+-]?0{1,3}(,000)+([.]0*)?",
    CellKind.POINT_GROUPS: r"[+-]?0{1,3}([.]000)+",
    CellKind.SPACE_GROUPS: rf"[+-]?0{{1,3}}({_SPACE}000)+([.]0*)?",
    CellKind.APOSTROPHE_GROUPS: r"[+-]?0{1,3}(['\u2019]000)+([.]0*)?",
    CellKind.ODD_GROUPS: r"[+-]?0[0.]*,0+|[+-]?0[0,]*[.]0+",
    CellKind.SIGNED: rf"[+-]?{_SIGN} ?[+-]?{_NUMBER}|[+-]?{_NUMBER} ?{_SIGN}",
    CellKind.OTHER_MINUS: rf"\({_NUMBER}\)|[\u2212\u2013] ?{_NUMBER}|{_NUMBER} ?-",
    CellKind.ISO: rf"0000-00?-00?{_CLOCK}",
    CellKind.EITHER_FIRST: rf"00?[./-]00?[./-]0000{_CLOCK}",
    CellKind.OTHER_DATE: (
        rf"(00?[.]00?[.]00|00?/00?/00|00?[ .-]{{1,2}}{_MONTH}[ .-]{{1,2}}(00)?00|{_MONTH} 00?,? 0000){_CLOCK}"
    ),
}
_PATTERN: Final = re.compile("|".join(f"(?P<{kind.name}>{shape})" for kind, shape in _SHAPES.items()))
_WORDS: Final = {
    **dict.fromkeys(("true", "false"), CellKind.TRUTH),
    **dict.fromkeys(("na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", ".", "?"), CellKind.MARK),
}
#: No number and no date is longer.
_LONGEST: Final = 60
_DIGITS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_BLANKS: Final = " \t\u00a0"
#: Different values that are counted of a column, of all together, and of one named like an identifier.
_VALUES, _ALL_VALUES, _IDENTIFIERS = 1_000, 1_000_000, 100_000
_NAMED: Final = re.compile(
    r"(?i:(^|[\W_])(id|uid|uuid|person|patient|user|customer|client|member|subject|employee|student|pupil"
    r"|household|respondent|participant)([\W_]|$))|[a-z](Id|ID)$"
)
_EXAMPLE: Final = 80
_MONTHS: Final = 12
_LINES: Final = 5


#: Rows a value from which on a column named like an identifier may be one of persons with several rows.
ROWS_A_VALUE: Final = 1.1


def is_identifier(name: str) -> bool:
    """Return True for a name such as patient_id, whose values may say whose row each is."""
    return _NAMED.search(name) is not None


@lru_cache(maxsize=100_000)
def _kind_of(shape: str) -> CellKind:
    shape = shape.strip(_BLANKS)
    if not shape:
        return CellKind.EMPTY
    if "0" not in shape:
        return _WORDS.get(shape.lower(), CellKind.TEXT)
    match = _PATTERN.fullmatch(shape) if len(shape) <= _LONGEST else None
    return CellKind.TEXT if match is None else CellKind[str(match.lastgroup)]


class _Column:
    """Kinds of a column's cells so far."""

    def __init__(self, most: int) -> None:
        self.kinds = Counter[CellKind]()
        self.examples: dict[CellKind, str] = {}
        self.blanks = 0
        self.values: set[str] = set()
        self.looked_at = 0
        self._most = most
        self._full = False

    def add(self, text: str) -> None:
        """Count the cells of a text, one a line."""
        shapes = text.encode().translate(_DIGITS).decode().split("\n")
        counted = Counter(shapes)
        kinds = {shape: _kind_of(shape) for shape in counted}
        for shape, count in counted.items():
            self.kinds[kinds[shape]] += count
            self.blanks += count * (shape != shape.strip(_BLANKS) and kinds[shape] is CellKind.TEXT)
        new = set(kinds.values()) - self.examples.keys() - {CellKind.EMPTY}
        dated = {shape for shape, kind in kinds.items() if kind is CellKind.EITHER_FIRST}
        if self._full and not new and not dated:
            return
        cells = text.split("\n")
        for kind in new:
            self.examples[kind] = cells[next(i for i, each in enumerate(shapes) if kinds[each] is kind)][
                :_EXAMPLE
            ]
        if dated:
            self._add_dates([cell for cell, shape in zip(cells, shapes, strict=True) if shape in dated])
        if not self._full:
            self.values.update(cells)
            self.values.discard("")
            self.looked_at += len(cells) - counted[""]
            self._full = len(self.values) > self._most

    def _add_dates(self, cells: Sequence[str]) -> None:
        """Count dates of which one number is above 12, or between points, as having the day first or not."""
        for cell in cells:
            first, mark, second = re.findall(r"\d+|\D", cell.strip(_BLANKS), re.ASCII)[:3]
            kind = CellKind.EITHER_FIRST
            if int(second) <= _MONTHS and (int(first) > _MONTHS or mark == "."):
                kind = CellKind.DAY_FIRST
            elif int(first) <= _MONTHS < int(second):
                kind = CellKind.MONTH_FIRST
            if kind is not CellKind.EITHER_FIRST:
                self.kinds[CellKind.EITHER_FIRST] -= 1
                self.kinds[kind] += 1
                self.examples.setdefault(kind, cell[:_EXAMPLE])

    def document(self) -> dict[str, Any]:
        """Return what was counted as JSON has it."""
        return {
            "kinds": {kind.name: count for kind, count in self.kinds.items() if count},
            "examples": {kind.name: example for kind, example in self.examples.items()},
            "blanks": self.blanks,
            "values": len(self.values),
            "looked_at": self.looked_at,
            "all": not self._full,
        }


def survey(path: Path, header: Header, places: Sequence[int]) -> dict[str, Any]:
    """Return the kinds of cells of each column in `places`, and findings about lines with the first numbers.

    Of different values no more are counted than there is memory for: ``all`` is false where there are more.
    """
    most = max(100, min(_VALUES, _ALL_VALUES // len(header.names)))
    named = [place for place in places if is_identifier(header.names[place])][:10]
    columns = [_Column(_IDENTIFIERS if place in named else most) for place in places]
    lines: defaultdict[str, list[int]] = defaultdict(list)
    counts = Counter[str]()

    def note(what: str, number: int) -> None:
        counts[what] += 1
        if counts[what] <= _LINES:
            lines[what].append(number)

    for block in read_cells(path, header, places=places, note=note):
        for column, text in zip(columns, block, strict=True):
            column.add(text)
    return {
        "columns": [column.document() for column in columns],
        "named": named,
        "lines": {what: [count, lines[what]] for what, count in counts.items()},
    }
