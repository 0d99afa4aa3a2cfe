"""Does a record meet what [policy] requires of it?"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trivet.errors import UsageError
from trivet.places import find

__all__ = ["Finding", "Requirement", "judge", "parse_requirements"]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_ORDERING = {"<=", ">=", "<", ">"}
_REQUIREMENT = re.compile(
    r"\s*(?P<path>[^\s<>=!]+(?:\[[^\]]*\][^\s<>=!]*)*)\s*(?P<sign>==|!=|<=|>=|<|>)\s*(?P<value>.+?)\s*"
)
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class Requirement:
    """One comparison of a measurement with a constant."""

    text: str
    path: str
    sign: str
    value: float | str | bool


@dataclass(frozen=True)
class Finding:
    """What became of a requirement.

    `found` is None, and the requirement not met, where the measurement could not be made.
    """

    requirement: str
    path: str
    found: float | str | bool | None
    met: bool

    @property
    def text(self) -> str:
        """The finding in a line."""
        if self.found is None:
            return f"breached: {self.requirement} (not measured, so it cannot be shown to hold)"
        shown = f"{self.found:.6g}" if isinstance(self.found, float) else str(self.found)
        return f"{'met' if self.met else 'breached'}: {self.requirement} (found {shown})"


def parse_requirements(texts: Sequence[str]) -> tuple[Requirement, ...]:
    """Read comparisons such as ``security.corrected.verdict == "no evidence"``.

    Raises
    ------
    UsageError
        If some text is not a place in the record, a sign and a constant; all such are named.
    """
    requirements: list[Requirement] = []
    wrong: list[str] = []
    for text in texts:
        match = _REQUIREMENT.fullmatch(text)
        value = None if match is None else _constant(match["value"])
        if match is None or value is None or (match["sign"] in _ORDERING and not _is_number(value)):
            wrong.append(repr(text))
        else:
            requirements.append(Requirement(text.strip(), match["path"], match["sign"], value))
    if wrong:
        raise UsageError(
            f"[policy] require: cannot read {', '.join(wrong)}; expected a place in metrics.json, one of "
            f"{' '.join(_OPERATORS)}, and a number, a quoted text, true or false, such as "
            '"fairness.published.baseline.disparate_impact >= 0.8"'
        )
    return tuple(requirements)


def judge(record: Mapping[str, Any], requirements: Sequence[Requirement]) -> tuple[Finding, ...]:
    """Compare a record, as plain JSON values, with each requirement.

    Raises
    ------
    UsageError
        If a requirement names no measurement of the record, or compares what has no order.
    """
    return tuple(_judge_one(record, requirement) for requirement in requirements)


def _judge_one(record: Mapping[str, Any], requirement: Requirement) -> Finding:
    try:
        found = find(record, requirement.path)
    except LookupError as error:
        raise UsageError(f"[policy] require {requirement.text!r}: {error.args[0]}") from error
    if isinstance(found, Mapping | list):
        raise UsageError(
            f"[policy] require {requirement.text!r}: {requirement.path} is not a single measurement; "
            "name one below it"
        )
    if requirement.sign in _ORDERING and found is not None and not _is_number(found):
        raise UsageError(
            f"[policy] require {requirement.text!r}: {requirement.path} is {found!r}, which has no order"
        )
    met = found is not None and _OPERATORS[requirement.sign](found, requirement.value)
    return Finding(requirement.text, requirement.path, found, met)


def _constant(text: str) -> float | str | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return None
    return value if isinstance(value, int | float | str) and not isinstance(value, bool) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
