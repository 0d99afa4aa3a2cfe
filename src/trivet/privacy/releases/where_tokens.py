"""Tokens of a condition, and the position of an error in it."""

import re
from dataclasses import dataclass
from typing import Final

from trivet.errors import UsageError
from trivet.wording import one_line

__all__ = ["Token", "is_unicode", "misplaced", "tokens_of"]

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
