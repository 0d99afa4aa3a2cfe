"""Parser of conditions such as ``age >= 40 and not sex in ('x', 'y')``: from text to a tree.

::

    condition   = conjunction {"or" conjunction}
    conjunction = negation {"and" negation}
    negation    = "not" negation | "(" condition ")" | comparison
    comparison  = operand (operator operand | ["not"] "in" "(" literal {"," literal} ")") | column
    operator    = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="
    operand     = column | ("year" | "month" | "day") "(" column ")" | literal
    column      = bare | '"' name '"'
    literal     = number | "'" text "'" | "true" | "false"

There is no arithmetic, so a bare column may hold dashes and dots: ``hours-per-week``. Quotation marks
are doubled within quotation marks.

A column of dates is compared with a text such as ``'2024-06-01'`` or ``'2024-06-01 12:30:00'``, in UTC;
``year(visited)`` with a number, ``month(visited)`` with ``'2024-06'``, ``day(visited)`` with a date. A cell
of a CSV file is compared as a date within ``day(...)``, and as text without.
"""

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from trivet.errors import UsageError
from trivet.privacy.releases.keys import is_unicode
from trivet.tables.dates import DATED, PARTS, is_not_as_written, moment_sql, parse_moment, part_sql
from trivet.tables.numbers import number_sql
from trivet.tables.opening import Column, Kind, find_column
from trivet.wording import one_line, quote

__all__ = ["EVERY_ROW", "Selection", "number_sql", "parse_where", "select_rows"]

#: Characters shown on both sides of the place that an error marks.
_SHOWN_BEFORE, _SHOWN_AFTER = 24, 30

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?(?![\w.]))
      | (?P<text>'(?:[^']|'')*')
      | (?P<name>"(?:[^"]|"")+")
      | (?P<word>[^\W\d][\w.-]*)
      | (?P<operator><=|>=|!=|<>|==|=|<|>)
      | (?P<mark>[(),])""",
    re.VERBOSE,
)
_KEYWORDS: Final = frozenset({"and", "or", "not", "in", "true", "false"})


@dataclass(frozen=True)
class Token:
    """One word, value or sign."""

    kind: str
    text: str
    at: int


def misplaced(text: str, at: int, complaint: str) -> UsageError:
    """Return an error that says what is wrong, and marks the place in the condition."""
    before = text[max(0, at - _SHOWN_BEFORE) : at]
    shown = one_line(f"{before}▸{text[at : at + _SHOWN_AFTER]}")
    return UsageError(f"the condition, at character {at + 1}: {complaint}: {shown}")


def tokens_of(text: str) -> tuple[Token, ...]:
    """Split a condition into tokens; the last is of kind ``end``."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            complaint = {
                "'": "this text has no closing quotation mark",
                '"': "this column has no name or no closing quotation mark",
            }.get(text[at], "this cannot be read")
            raise misplaced(text, at, complaint)
        kind, part = str(match.lastgroup), match.group()
        if kind == "word" and part.lower() in _KEYWORDS:
            kind, part = part.lower(), part.lower()
        if kind != "space":
            found.append(Token(kind, part, at))
        at = match.end()
    found.append(Token("end", "", len(text)))
    return tuple(found)


MOST_CHARACTERS: Final = 4096
DEEPEST: Final = 32

_SAME: Final = {"==": "=", "<>": "!="}


@dataclass(frozen=True)
class Named:
    """A column by its name, where it stands, and the part of its dates that is meant, if one is."""

    name: str
    at: int
    part: str | None = None


@dataclass(frozen=True)
class Literal:
    """A number, a text or a truth value, and where it stands."""

    value: str | bool | int | float
    at: int


@dataclass(frozen=True)
class Comparison:
    """Two operands and one of ``= != < <= > >=``; a column alone is compared with true where it stands."""

    left: Named | Literal
    operator: str
    right: Named | Literal


@dataclass(frozen=True)
class Membership:
    """A column and the values that it may have."""

    column: Named
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class Negation:
    """Negated condition."""

    condition: "Condition"


@dataclass(frozen=True)
class Joined:
    """Conditions joined by ``and``, where each must hold, or by ``or``, where one must."""

    word: str
    conditions: tuple["Condition", ...]


Condition = Comparison | Membership | Negation | Joined


def parse_where(text: str) -> Condition:
    """Parse a condition."""
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"the condition has {len(text)} characters; at most {MOST_CHARACTERS} are read.")
    parser = _Parser(text)
    condition = parser.condition(0)
    parser.expect_end()
    return condition


class _Parser:
    """Recursive descent over the tokens; `_next` is the one that is looked at."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._next = 0

    def condition(self, depth: int) -> Condition:
        return self._joined("or", lambda: self._joined("and", lambda: self._negation(depth)))

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._wrong("expected and, or, or the end")

    def _joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._take(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _negation(self, depth: int) -> Condition:
        if depth > DEEPEST:
            raise self._wrong(f"this is nested more than {DEEPEST} deep")
        if self._take("not"):
            return Negation(self._negation(depth + 1))
        if self._take_mark("("):
            inner = self.condition(depth + 1)
            self._expect_mark(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        left = self._operand()
        if self._token.kind == "operator":
            operator = self._advance().text
            return Comparison(left, _SAME.get(operator, operator), self._operand())
        if isinstance(left, Named):
            if self._take("in"):
                return self._membership(left)
            if self._token.kind == "not" and self._tokens[self._next + 1].kind == "in":
                self._next += 2
                return Negation(self._membership(left))
            if self._token.kind in ("and", "or", "end") or self._token.text == ")":
                return Comparison(left, "=", Literal(value=True, at=left.at))
        raise self._wrong("expected a comparison such as = or <" + " or in"[: 6 * isinstance(left, Named)])

    def _membership(self, column: Named) -> Membership:
        self._expect_mark("(")
        values = [self._literal()]
        while self._take_mark(","):
            values.append(self._literal())
        self._expect_mark(")")
        return Membership(column, tuple(values))

    def _operand(self) -> Named | Literal:
        token = self._token
        if token.kind == "word" and token.text.lower() in PARTS and self._tokens[self._next + 1].text == "(":
            self._next += 2
            column = self._column()
            self._expect_mark(")")
            return Named(column.name, token.at, token.text.lower())
        if token.kind in ("word", "name"):
            return self._column()
        if token.kind in ("number", "text", "true", "false"):
            return self._literal()
        raise self._wrong("expected a column or a value")

    def _column(self) -> Named:
        token = self._token
        if token.kind == "word":
            return Named(self._advance().text, token.at)
        if token.kind == "name":
            return Named(self._advance().text[1:-1].replace('""', '"'), token.at)
        raise self._wrong("expected a column")

    def _literal(self) -> Literal:
        token = self._token
        if token.kind == "number":
            self._advance()
            return Literal(self._number(token), token.at)
        if token.kind == "text":
            value = self._advance().text[1:-1].replace("''", "'")
            if not is_unicode(value):
                raise misplaced(self._text, token.at, "this text is not valid Unicode")
            return Literal(value, token.at)
        if token.kind in ("true", "false"):
            return Literal(self._advance().kind == "true", token.at)
        raise self._wrong("expected a number, a text in single quotation marks, true or false")

    def _number(self, token: Token) -> int | float:
        value = float(token.text)
        if not math.isfinite(value):
            raise misplaced(self._text, token.at, "this number is too large")
        if token.text.lstrip("+-").isdecimal() and abs(value) < 2.0**63:
            return int(token.text)
        return value

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _take(self, kind: str) -> bool:
        found = self._token.kind == kind
        self._next += found
        return found

    def _take_mark(self, mark: str) -> bool:
        found = self._token.kind == "mark" and self._token.text == mark
        self._next += found
        return found

    def _expect_mark(self, mark: str) -> None:
        if not self._take_mark(mark):
            raise self._wrong(f"expected {mark}")

    def _wrong(self, complaint: str) -> UsageError:
        token = self._token
        found = "the end" if token.kind == "end" else quote(token.text)
        return misplaced(self._text, token.at, f"{complaint}, found {found}")


#: What a literal or a column is when two sides are compared.
_NUMBER, _TEXT, _BOOLEAN = "a number", "a text", "true or false"
_DATE, _MONTH = "a date", "a month"
_SQL_TYPE: Final = {_TEXT: "VARCHAR", _BOOLEAN: "BOOLEAN", _DATE: "TIMESTAMP", _MONTH: "VARCHAR"}
_OF_KIND: Final = {
    **dict.fromkeys((Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT), _NUMBER),
    **dict.fromkeys((Kind.DATE, Kind.TIMESTAMP), _DATE),
    Kind.TEXT: _TEXT,
    Kind.BOOLEAN: _BOOLEAN,
    Kind.CELL: Kind.CELL,
}
_FORMS: Final = {_DATE: "'2024-06-01' or '2024-06-01 12:30:00'", _MONTH: "'2024-06'"}
_OF_PART: Final = {"year": _NUMBER, "month": _MONTH, "day": _DATE}


@dataclass(frozen=True)
class Selection:
    """A condition as it was understood, its SQL, the values that its marks stand for, and its columns."""

    text: str
    sql: str
    values: tuple[str | bool | int | float, ...]
    columns: tuple[Column, ...]


EVERY_ROW: Final = Selection("", "TRUE", (), ())


def select_rows(where: str, columns: tuple[Column, ...]) -> Selection:
    """Parse a condition, check it against the columns, and turn it into SQL."""
    writer = _Writer(where, columns)
    sql = writer.condition(parse_where(where))
    return Selection(_text(parse_where(where)), sql, tuple(writer.values), tuple(writer.used))


class _Writer:
    def __init__(self, where: str, columns: tuple[Column, ...]) -> None:
        self._where = where
        self._columns = columns
        self.values: list[str | bool | int | float] = []
        self.used: dict[Column, None] = {}

    def condition(self, condition: Condition) -> str:
        match condition:
            case Joined(word, conditions):
                return "(" + f" {word.upper()} ".join(self.condition(each) for each in conditions) + ")"
            case Negation(inner):
                return f"(NOT {self.condition(inner)})"
            case Membership(column, values):
                return self._compared((column, *values), "IN")
            case Comparison():
                return self._compared((condition.left, condition.right), condition.operator)

    def _compared(self, sides: tuple[Named | Literal, ...], operator: str) -> str:
        """Compare two sides, or the first with each of a list."""
        kinds = tuple(self._kind(side) for side in sides)
        if not any(isinstance(side, Named) for side in sides):
            raise self._wrong(sides[0], "two values are compared; one side has to be a column")
        asked = next((kind for kind in kinds if kind in _FORMS), None)
        asked = asked or next((kind for kind in kinds if kind is not Kind.CELL), None)
        if asked is None:
            raise self._wrong(
                sides[1], "two columns of a CSV file have no types to be compared by; use a Parquet file"
            )
        for side, kind in zip(sides, kinds, strict=True):
            is_written = asked in _FORMS and isinstance(side, Literal) and kind == _TEXT
            if kind not in (Kind.CELL, asked) and not is_written:
                alone = side.at == sides[0].at
                complaint = "is not a condition" if alone else f"cannot be compared with {kind}"
                if asked in _FORMS and isinstance(side, Literal) and not alone:
                    complaint += f"; write one such as {_FORMS[asked]}"
                raise self._wrong(side, f"{asked} {complaint}")
        if asked == _BOOLEAN and operator not in ("=", "!=", "IN"):
            raise self._wrong(sides[1], "true and false are compared with = or != only")
        if asked == _TEXT:
            self._refuse_dates_as_text(sides, ordered=operator not in ("=", "!=", "IN"))
        whole = asked == _NUMBER and all(self._is_whole(side) for side in sides)
        first, *others = (self._operand(side, asked, whole=whole) for side in sides)
        compared = f"({', '.join(others)})" if operator == "IN" else others[0]
        return f"COALESCE({first} {'<>' if operator == '!=' else operator} {compared}, FALSE)"

    def _refuse_dates_as_text(self, sides: tuple[Named | Literal, ...], *, ordered: bool) -> None:
        """Refuse a date among texts that are dates in another form, or that have another order."""
        columns = [self._column(side) for side in sides if isinstance(side, Named) and side.part is None]
        literals = [side for side in sides if isinstance(side, Literal)]
        for column, side in itertools.product(columns, literals):
            if is_not_as_written(str(side.value), column, ordered=ordered):
                raise self._wrong(
                    side,
                    f"{quote(column.name)} would be compared as text; for dates write day(COLUMN), and one "
                    "such as '2024-06-01'",
                )

    def _kind(self, side: Named | Literal) -> str:
        if isinstance(side, Literal):
            if isinstance(side.value, bool):
                return _BOOLEAN
            return _TEXT if isinstance(side.value, str) else _NUMBER
        column = self._column(side)
        if side.part is not None:
            if column.kind not in DATED:
                raise self._wrong(side, f"{side.part}() is of dates, and the column is {column.type}")
            return _OF_PART[side.part]
        if column.kind not in _OF_KIND:
            raise self._wrong(side, f"a column of type {column.type} cannot be compared")
        return _OF_KIND[column.kind]

    def _is_whole(self, side: Named | Literal) -> bool:
        if isinstance(side, Literal):
            return isinstance(side.value, int)
        return side.part == "year" or self._column(side).kind is Kind.INTEGER

    def _operand(self, side: Named | Literal, asked: str, *, whole: bool) -> str:
        wanted = _SQL_TYPE.get(asked, "HUGEINT" if whole else "DOUBLE")
        if isinstance(side, Literal):
            self.values.append(self._date(side, asked) if asked in _FORMS else side.value)
            return f"CAST(? AS {wanted})"
        column = self._column(side)
        if side.part is not None:
            return self._part(side.part, column, wanted)
        if wanted == "DOUBLE":
            return number_sql(column)
        if asked == _DATE:
            return moment_sql(column)
        cast = "TRY_CAST" if column.kind is Kind.CELL else "CAST"
        # Character by character, as in a file of any other kind: a column's own collation may take a for A.
        return f"{cast}({column.sql} AS {wanted}){' COLLATE C' * (wanted == _SQL_TYPE[_TEXT])}"

    def _part(self, part: str, column: Column, wanted: str) -> str:
        if part == "day":
            return f"CAST(CAST({moment_sql(column)} AS DATE) AS TIMESTAMP)"
        return f"CAST({part_sql(PARTS[part], column)} AS {wanted})"

    def _date(self, side: Literal, asked: str) -> str:
        """Return the text of a date or a month as SQL writes it; how it is read depends on itself alone."""
        text = str(side.value)
        try:
            return PARTS["month"].parse(text) if asked == _MONTH else parse_moment(text)
        except ValueError as error:
            raise self._wrong(side, f"this is not {asked}; expected one such as {_FORMS[asked]}") from error

    def _column(self, side: Named) -> Column:
        try:
            column = find_column(self._columns, side.name)
        except UsageError as error:
            raise self._wrong(side, str(error).rstrip(".")) from error
        self.used[column] = None
        return column

    def _wrong(self, side: Named | Literal, complaint: str) -> UsageError:
        return misplaced(self._where, side.at, complaint)


def _text(condition: Condition) -> str:
    """Write a condition in one way, whatever the spaces and quotation marks it was typed with."""
    match condition:
        case Joined(word, conditions):
            looser = ("or",) if word == "and" else ()
            return f" {word} ".join(_within(each, *looser) for each in conditions)
        case Negation(inner):
            return f"not {_within(inner, 'and', 'or')}"
        case Membership(column, values):
            return f"{_side(column)} in ({', '.join(map(_side, values))})"
        case Comparison(left, operator, right):
            return f"{_side(left)} {operator} {_side(right)}"


def _within(condition: Condition, *looser: str) -> str:
    text = _text(condition)
    return f"({text})" if isinstance(condition, Joined) and condition.word in looser else text


def _side(side: Named | Literal) -> str:
    if isinstance(side, Named):
        name = '"' + side.name.replace('"', '""') + '"'
        return name if side.part is None else f"{side.part}({name})"
    if isinstance(side.value, bool):
        return str(side.value).lower()
    if isinstance(side.value, str):
        return "'" + side.value.replace("'", "''") + "'"
    return repr(side.value)
