"""Syntax of a requirement: a measurement, a sign and a constant."""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from trivet.errors import UsageError
from trivet.wording import quoted

__all__ = ["ORDERING", "SIGNS", "Requirement", "parse_requirements"]

SIGNS: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType(
    {
        "==": operator.eq,
        "!=": operator.ne,
        "<=": operator.le,
        ">=": operator.ge,
        "<": operator.lt,
        ">": operator.gt,
    }
)
#: Signs that ask for numbers.
ORDERING: Final = frozenset({"<=", ">=", "<", ">"})

_REQUIREMENT = re.compile(
    r"\s*(?P<path>[^\s<>=!\[]+(?:\[[^\]]*\][^\s<>=!\[]*)*)\s*(?P<sign>==|!=|<=|>=|<|>)\s*(?P<value>.+?)\s*"
)
_TEXT = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class Requirement:
    """One comparison of a measurement with a constant.

    Attributes
    ----------
    text
        As it was written, without the spaces around it.
    path
        A place in the record or a short name, with ``.low`` or ``.high`` where a bound is meant.
    sign
        A key of `SIGNS`.
    value
        A finite number, a text, or true or false.
    """

    text: str
    path: str
    sign: str
    value: float | str | bool


def parse_requirements(texts: Sequence[str]) -> tuple[Requirement, ...]:
    """Read comparisons such as ``security.verdict == "no evidence"``.

    Raises
    ------
    UsageError
        If some text is not a measurement, a sign and a constant; all such are named.
    """
    requirements: list[Requirement] = []
    wrong: list[str] = []
    for text in texts:
        match = _REQUIREMENT.fullmatch(text)
        value = None if match is None else _constant(match["value"])
        if match is None or value is None or (match["sign"] in ORDERING and not is_number(value)):
            wrong.append(quoted(text))
        else:
            requirements.append(Requirement(text.strip(), match["path"], match["sign"], value))
    if wrong:
        raise UsageError(
            f"[policy] require: cannot read {', '.join(wrong)}; expected a measurement, one of "
            f"{' '.join(SIGNS)}, and a number, a quoted text, true or false, such as "
            '"fairness.disparate_impact >= 0.8"'
        )
    return tuple(requirements)


def is_number(value: object) -> bool:
    """Return True if a plain value is a number; booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _constant(text: str) -> float | str | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if match := _TEXT.fullmatch(text):
        return next(found for found in match.groups() if found is not None)
    for kind in (int, float):
        try:
            value = kind(text)
            return value if math.isfinite(float(value)) else None
        except (ValueError, OverflowError):
            continue
    return None
