"""Parser of conditions such as ``age >= 40 and not sex in ('x', 'y')``: from text to a tree.

::

    condition   = conjunction {"or" conjunction}
    conjunction = negation {"and" negation}
    negation    = "not" negation | "(" condition ")" | comparison
    comparison  = operand (operator operand | ["not"] "in" "(" literal {"," literal} ")") | column
    operator    = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="
    operand     = column | literal
    column      = bare | '"' name '"'
    literal     = number | "'" text "'" | "true" | "false"

There is no arithmetic, so a bare column may hold dashes and dots: ``hours-per-week``. Quotation marks
are doubled within quotation marks.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from trivet.errors import UsageError
from trivet.tables.opening import Column, Kind, find_column, is_nan
from trivet.wording import one_line, quote

__all__ = ["EVERY_ROW", "Selection", "is_unicode", "number_sql", "parse_where", "select_rows"]

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


def is_unicode(text: str) -> bool:
    """Return whether text can be written as UTF-8; bytes of a command line that are none cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


MOST_CHARACTERS: Final = 4096
DEEPEST: Final = 32

_SAME: Final = {"==": "=", "<>": "!="}


@dataclass(frozen=True)
class Named:
    """A column by its name, and where it stands."""

    name: str
    at: int


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
        if token.kind == "word":
            return Named(self._advance().text, token.at)
        if token.kind == "name":
            return Named(self._advance().text[1:-1].replace('""', '"'), token.at)
        if token.kind in ("number", "text", "true", "false"):
            return self._literal()
        raise self._wrong("expected a column or a value")

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


_NUMBERS: Final = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
#: What a literal or a column is when two sides are compared.
_NUMBER, _TEXT, _BOOLEAN = "a number", "a text", "true or false"
_SQL_TYPE: Final = {_TEXT: "VARCHAR", _BOOLEAN: "BOOLEAN"}


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


def number_sql(column: Column) -> str:
    """Return SQL for a column of numbers as DOUBLE, NULL where it is missing or NaN."""
    cast = "TRY_CAST" if column.kind is Kind.CELL else "CAST"
    number = f"{cast}({column.sql} AS DOUBLE)"
    if column.kind not in (Kind.CELL, Kind.FLOAT):
        return number
    return f"CASE WHEN {is_nan(number)} THEN NULL ELSE {number} END"


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
        asked = next((kind for kind in kinds if kind is not Kind.CELL), None)
        if asked is None:
            raise self._wrong(
                sides[1], "two columns of a CSV file have no types to be compared by; use a Parquet file"
            )
        for side, kind in zip(sides, kinds, strict=True):
            if kind not in (Kind.CELL, asked):
                alone = side.at == sides[0].at
                complaint = "is not a condition" if alone else f"cannot be compared with {kind}"
                raise self._wrong(side, f"{asked} {complaint}")
        if asked == _BOOLEAN and operator not in ("=", "!=", "IN"):
            raise self._wrong(sides[1], "true and false are compared with = or != only")
        whole = asked == _NUMBER and all(self._is_whole(side) for side in sides)
        first, *others = (self._operand(side, asked, whole=whole) for side in sides)
        compared = f"({', '.join(others)})" if operator == "IN" else others[0]
        return f"COALESCE({first} {'<>' if operator == '!=' else operator} {compared}, FALSE)"

    def _kind(self, side: Named | Literal) -> str:
        if isinstance(side, Literal):
            if isinstance(side.value, bool):
                return _BOOLEAN
            return _TEXT if isinstance(side.value, str) else _NUMBER
        kind = self._column(side).kind
        if kind in _NUMBERS:
            return _NUMBER
        if kind is Kind.OTHER:
            raise self._wrong(side, f"a column of type {self._column(side).type} cannot be compared")
        return {Kind.TEXT: _TEXT, Kind.BOOLEAN: _BOOLEAN}.get(kind, kind)

    def _is_whole(self, side: Named | Literal) -> bool:
        if isinstance(side, Literal):
            return isinstance(side.value, int)
        return self._column(side).kind is Kind.INTEGER

    def _operand(self, side: Named | Literal, asked: str, *, whole: bool) -> str:
        wanted = _SQL_TYPE.get(asked, "HUGEINT" if whole else "DOUBLE")
        if isinstance(side, Literal):
            self.values.append(side.value)
            return f"CAST(? AS {wanted})"
        column = self._column(side)
        if wanted == "DOUBLE":
            return number_sql(column)
        cast = "TRY_CAST" if column.kind is Kind.CELL else "CAST"
        return f"{cast}({column.sql} AS {wanted})"

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
        return '"' + side.name.replace('"', '""') + '"'
    if isinstance(side.value, bool):
        return str(side.value).lower()
    if isinstance(side.value, str):
        return "'" + side.value.replace("'", "''") + "'"
    return repr(side.value)
