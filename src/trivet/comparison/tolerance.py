"""Tolerances: by how much a measure may differ before the difference counts."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from trivet.comparison.pairs import NEXT_FIELD
from trivet.errors import UsageError
from trivet.place import EVERY, Step, is_index, parse
from trivet.wording import quote

__all__ = ["EXACTLY", "NO_TOLERANCE", "Tolerance", "Tolerances", "parse_tolerances"]

#: Rounding of a difference that is as large as its tolerance.
_ROUNDING: Final = 1e-9
_TOLERANCE: Final = re.compile(r"\s*(?:(?P<name>\S.*?)\s*=\s*)?(?P<number>[0-9.eE+-]+)\s*(?P<percent>%?)\s*")


@dataclass(frozen=True)
class Tolerance:
    """The larger of an absolute difference and of a share of the earlier value; both at least 0."""

    absolute: float = 0.0
    relative: float = 0.0

    def margin(self, before: float) -> float:
        """Return the largest difference from `before` that does not count."""
        return max(self.absolute, self.relative * abs(before)) * (1 + _ROUNDING)


EXACTLY: Final = Tolerance()


@dataclass(frozen=True)
class Tolerances:
    """Tolerances by measure.

    Attributes
    ----------
    rows
        Pattern of places and the tolerance at or below them; an empty pattern is every place.
    texts
        As they were written.
    """

    rows: tuple[tuple[str, Tolerance], ...] = ()
    texts: tuple[str, ...] = ()

    def at(self, steps: Sequence[Step]) -> Tolerance:
        """Return the tolerance of a place: that of the longest pattern, and of such the last."""
        found, longest = EXACTLY, -1
        for pattern, tolerance in self.rows:
            wanted = _items_of(pattern)
            if len(wanted) >= longest and _lies_below(_flat(steps), wanted):
                found, longest = tolerance, len(wanted)
        return found


NO_TOLERANCE: Final = Tolerances()


def parse_tolerances(texts: Sequence[str], places: Callable[[str], Sequence[str]]) -> Tolerances:
    """Read tolerances such as ``0.01``, ``5%`` and ``fairness.disparate_impact=0.02``.

    Parameters
    ----------
    texts
        A number, in the measure's unit or with ``%`` as a share of the earlier value, after the name of a
        measure and ``=`` where it is of one. Both kinds can be given for the same measure; the larger counts.
    places
        Returns the patterns of places that a name means; none for a name that is not known.

    Raises
    ------
    UsageError
        If a text is not one, or no record has its measure.
    """
    found: dict[str, Tolerance] = {}
    for text in texts:
        match = _TOLERANCE.fullmatch(text)
        number = _number(match["number"]) if match else None
        if match is None or number is None:
            raise UsageError(
                f"tolerance: cannot read {quote(text)}; expected a number from 0 such as 0.01 or 5%, or a "
                "measure with its own such as fairness.disparate_impact=0.02."
            )
        patterns = [""] if match["name"] is None else places(match["name"])
        if not patterns:
            raise UsageError(
                f"tolerance: no record has {quote(match['name'])}; expected a place or a short name as in "
                "[policy] require."
            )
        if any(is_index(step.name) for pattern in patterns for step in parse(pattern)):
            raise UsageError(
                f"tolerance: {quote(match['name'])} picks an item by its number, which can be another one in "
                "another audit; write * for all, or its name as [name=...]."
            )
        for pattern in patterns:
            known = found.pop(pattern, EXACTLY)
            found[pattern] = (
                Tolerance(known.absolute, number / 100)
                if match["percent"]
                else Tolerance(number, known.relative)
            )
    return Tolerances(tuple(found.items()), tuple(text.strip() for text in texts))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _flat(steps: Sequence[Step]) -> list[str]:
    """Return names and, for each item of a list, what picks it."""
    return [
        part for step in steps for part in ((step.name,) if step.item is None else (step.name, step.item))
    ]


def _items_of(pattern: str) -> list[str]:
    return _flat(parse(pattern)) if pattern else []


def _lies_below(place: Sequence[str], wanted: Sequence[str]) -> bool:
    return len(wanted) <= len(place) and all(map(_fits, wanted, place))


def _fits(wanted: str, found: str) -> bool:
    """Tell whether a step of a pattern is a step of a place, of which an item has one field or several."""
    rest = found.removeprefix(wanted)
    return wanted in {EVERY, found} or (rest != found and NEXT_FIELD.match(rest) is not None)
