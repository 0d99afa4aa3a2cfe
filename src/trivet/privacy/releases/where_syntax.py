r"""Parser of conditions such as ``age >= 40 and not sex in ('x', 'y')``: from text to a tree.

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
from dataclasses import dataclass
from typing import Final

from trivet.errors import UsageError
from trivet.privacy.releases.where_tokens import Token, is_unicode, misplaced, tokens_of
from trivet.wording import quoted

__all__ = [
    "AllOf",
    "AnyOf",
    "Comparison",
    "Condition",
    "Literal",
    "Membership",
    "Named",
    "Negation",
    "parse_where",
]

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
class AllOf:
    """Conditions of which each must hold."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True)
class AnyOf:
    """Conditions of which one must hold."""

    conditions: tuple["Condition", ...]


Condition = Comparison | Membership | Negation | AllOf | AnyOf


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
        parts = [self._conjunction(depth)]
        while self._take("or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._wrong("expected and, or, or the end")

    def _conjunction(self, depth: int) -> Condition:
        parts = [self._negation(depth)]
        while self._take("and"):
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

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
        found = "the end" if token.kind == "end" else quoted(token.text)
        return misplaced(self._text, token.at, f"{complaint}, found {found}")
