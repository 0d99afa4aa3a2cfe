"""Syntax of a requirement: a measurement, a sign and a constant."""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeGuard

from trivet.errors import UsageError
from trivet.fairness.measures.registry import MEASURES
from trivet.place import spelling
from trivet.place_names import named_place
from trivet.policy.places import (
    BOUNDS,
    SHORT_NAMES,
    Measured,
    candidate_words,
    measure,
    nearest_names,
    place_words,
    split_bound,
    values_at,
)
from trivet.ratios import INFINITE, is_infinite
from trivet.wording import beside, one_line, quote

__all__ = [
    "Outcome",
    "Requirement",
    "exactly",
    "farthest",
    "judge",
    "parse_requirements",
    "refuse_impossible",
    "shown",
]

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
#: Names and places of differences that are positive for a group below the reference.
_SIGNED = re.compile(
    "|".join(
        [
            r"fairness\.demographic_parity_difference",
            *(rf"fairness\.{name}_difference" for name, each in MEASURES.items() if each.combine != "worst"),
            r"fairness\.(?!.*\bequalized_odds\b).+\.groups\..+\.difference",
        ]
    )
)


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
            wrong.append(quote(text))
        else:
            requirements.append(Requirement(text.strip(), match["path"], match["sign"], value))
    if wrong:
        raise UsageError(
            f"[policy] require: cannot read {', '.join(wrong)}; expected a measurement, one of "
            f"{' '.join(SIGNS)}, and a number, a quoted text, true or false, such as "
            '"fairness.disparate_impact >= 0.8"'
        )
    return tuple(requirements)


def is_number(value: object) -> TypeGuard[float]:
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


@dataclass(frozen=True)
class Outcome:
    """Outcome of a requirement.

    Attributes
    ----------
    requirement, path
        As written.
    place
        Where in the record the measurement stands; of several, the one farthest from what is required.
    found
        The measurement; None, and the requirement not met, where it could not be made.
    met
        Whether the requirement holds, for each measurement where there are several.
    low, high, level
        The measurement's confidence interval and its level; None where it has none.
    reason
        Why it could not be measured; empty where it could.
    measured, breaching
        How many measurements the requirement was held against, and how many of them breach it.
    subject
        What was measured, with the names that the record has for it; empty where the place says enough.
    places
        Where in the record each of the measurements stands.
    broken
        Those of them that breach it, or could not be measured.
    """

    requirement: str
    path: str
    place: str
    found: float | str | bool | None
    met: bool
    low: float | None = None
    high: float | None = None
    level: float | None = None
    reason: str = ""
    measured: int = 1
    breaching: int = 0
    subject: str = ""
    places: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The outcome in a line."""
        word = "met" if self.met else "breached"
        return one_line(f"{word}: {self.requirement} ({self.told})", limit=500)

    @property
    def told(self) -> str:
        """Measured value and its place, or the reason for its absence."""
        return self._told("found", "not measured")

    @property
    def told_first(self) -> str:
        """The same as the beginning of a sentence."""
        return self._told("Found", "Not measured")

    def _told(self, found_word: str, missing: str) -> str:
        if self.found is None:
            found = f"{missing}, so it cannot be shown to hold: {self.reason}"
        else:
            found = f"{found_word} {self._shown(self.found)}"
            if is_infinite(self.found):
                found += ", which lies outside of every band"
            if self.low is not None and self.level is not None:
                reach = (
                    f"from {self._shown(self.low)}"
                    if self.high is None
                    else f"{self._shown(self.low)} to {self._shown(self.high)}"
                )
                found += f", {self.level:.0%} interval {reach}"
        if self.subject:
            found += f", {self.subject}"
        elif self.place != self.path:
            found += f", at {self.place}"
        if self.measured > 1:
            found += (
                f"; {self.breaching} of {self.measured} breach it"
                if self.breaching
                else f"; of {self.measured} the nearest to a breach"
            )
        return one_line(found, limit=400)

    def _shown(self, value: object) -> str:
        """Spell a number so that its comparison with the requirement's constant reads as it is."""
        match = _REQUIREMENT.fullmatch(self.requirement)
        bound = None if match is None else _constant(match["value"])
        return shown(value, [bound] if is_number(bound) else ())


def judge(record: Mapping[str, Any], requirements: Sequence[Requirement]) -> tuple[Outcome, ...]:
    """Compare a record, as plain JSON values, with each requirement.

    Raises
    ------
    UsageError
        If a requirement names no measurement of the record, or compares what cannot be compared.
    """
    return tuple(_judge_one(record, requirement) for requirement in requirements)


def misfit(requirement: Requirement, value: Any, words: Sequence[str]) -> str | None:
    """Say why a requirement cannot be put to a value of this kind; None where it can."""
    place = one_line(requirement.path)
    if isinstance(value, Mapping | list | tuple):
        return f"{place} is not a single measurement; name one below it"
    if requirement.sign in ORDERING and not is_number(value):
        return f"{place} is {_kind(value)}, which has no order"
    if _kind(value) != _kind(requirement.value):
        return f"{place} is {_kind(value)} and cannot be compared with {_kind(requirement.value)}"
    if words and requirement.value not in words:
        return f"{place} is one of {', '.join(map(repr, words))}, never {quote(str(requirement.value))}"
    return None


def shown(value: object, bounds: Sequence[Any] = ()) -> str:
    """Spell a measurement for people, a number so that its comparison with any bound reads as it is."""
    if is_infinite(value):
        return INFINITE
    if not isinstance(value, float):
        return one_line(spelling(value))
    return beside(value, bounds, lambda number: f"{number:.6g}")


def exactly(value: object) -> str:
    """Spell a constant with all digits that it was written with."""
    return shown(value, [value])


def _judge_one(record: Mapping[str, Any], requirement: Requirement) -> Outcome:
    try:
        measured = measure(record, requirement.path)
    except LookupError as error:
        why = one_line(error.args[0], limit=300)
        raise UsageError(f"[policy] require {quote(requirement.text)}: {why}") from error
    for each in measured:
        if each.value is not None and (why := misfit(requirement, each.value, each.words)):
            raise UsageError(f"[policy] require {quote(requirement.text)}: {why}.")
    worst = farthest(requirement, measured)
    broken = tuple(each.place for each in measured if not _holds(requirement, each))
    return Outcome(
        requirement.text,
        requirement.path,
        worst.place,
        worst.value,
        not broken,
        low=worst.low,
        high=worst.high,
        level=worst.level,
        reason=worst.reason or "",
        measured=len(measured),
        breaching=len(broken),
        subject=named_place(record, worst.place),
        places=tuple(each.place for each in measured),
        broken=broken,
    )


def farthest(requirement: Requirement, measured: Sequence[Measured]) -> Measured:
    """Return the measurement that is farthest from what is required."""
    return min(measured, key=lambda each: _margin(requirement, each))


def _holds(requirement: Requirement, measured: Measured) -> bool:
    # An infinite ratio lies outside of every band: it is no more within a lower bound than within an upper.
    if measured.value is None or is_infinite(measured.value):
        return False
    return SIGNS[requirement.sign](measured.value, requirement.value)


def _margin(requirement: Requirement, measured: Measured) -> tuple[bool, bool, float]:
    """Order measurements by how they stand to a requirement: breaches first, the farthest of them first.

    Those that could not be made follow the breaches that were measured.
    """
    holds, value, bound = _holds(requirement, measured), measured.value, requirement.value
    if not is_number(value) or not is_number(bound):
        return holds, value is None, 0.0
    if is_infinite(value):
        return holds, False, -math.inf
    over = float(value) - float(bound)
    if requirement.sign in {"==", "!="}:
        return holds, False, -abs(over) if requirement.sign == "==" else abs(over)
    return holds, False, over if requirement.sign in {">", ">="} else -over


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a text" if isinstance(value, str) else "a number"


def refuse_impossible(requirements: Sequence[Requirement]) -> None:
    """Refuse requirements that no record can answer, and bounds of a signed difference on one side alone.

    Raises
    ------
    UsageError
        Naming all of them, each with the nearest names or the words that there are.
    """
    wrong = [
        f"{quote(requirement.text)}: {why}"
        for requirement in requirements
        if (why := _why_impossible(requirement) or _why_one_sided(requirement, requirements))
    ]
    if wrong:
        raise UsageError(f"[policy] require {'; '.join(wrong)}.")


def _why_impossible(requirement: Requirement) -> str | None:
    name, bound = split_bound(requirement.path)
    if name in SHORT_NAMES:
        meanings = [(each.place, candidate_words(each)) for each in SHORT_NAMES[name]]
    else:
        meanings = [(name, place_words(name))]
    values = [
        (value, words)
        for place, words in meanings
        for value in values_at(f"{place}.{bound}" if bound else place)
    ]
    if not values:
        return _nothing_there(name, bound)
    found = [misfit(requirement, value, words) for value, words in values]
    if None in found:
        return None
    words = tuple(dict.fromkeys(word for _, some in values for word in some))
    return misfit(requirement, words[0], words) if words else found[0]


def _why_one_sided(requirement: Requirement, others: Sequence[Requirement]) -> str | None:
    """Say why a bound on one side of a signed difference requires too little; None for any other."""
    name, bound = _without_end(requirement.path), requirement.value
    if requirement.sign not in ORDERING or not is_number(bound) or not _SIGNED.fullmatch(name):
        return None
    if any(
        each.sign in ORDERING and each.sign[0] != requirement.sign[0] and _without_end(each.path) == name
        for each in others
    ):
        return None
    size, far = shown(abs(float(bound))), "above" if requirement.sign[0] == "<" else "below"
    return (
        f"the difference is the reference's figure less the group's, so a group far {far} the reference "
        f"meets it; require both {one_line(name)} >= -{size} and {one_line(name)} <= {size}"
    )


def _without_end(path: str) -> str:
    """Return the path of a figure, without its value or an end of its interval."""
    head, _, tail = path.rpartition(".")
    return head if tail in {"value", *BOUNDS} else path


def _nothing_there(name: str, bound: str | None) -> str:
    if bound is not None:
        return f"{name} has no interval, so no .{bound}"
    near = nearest_names(name)
    hint = f"nearest: {', '.join(near)}" if near else "`trivet schema` prints all places"
    return f"no record has “{one_line(name)}”; {hint}"
