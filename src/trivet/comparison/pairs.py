"""Pairing of the values of two records.

Names pair by name. Items of a list pair by the fields that tell them apart, such as a label's number or
a method's name, so that one more item does not shift all that follow it; by position only where no such
fields do.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from trivet.place import Step, join, spelling
from trivet.place_names import named_place
from trivet.wording import one_line

__all__ = ["ABSENT", "IDENTIFYING", "NEXT_FIELD", "SETTINGS", "Pair", "Parts", "pairs"]

#: Fields that tell the items of a list apart, those that do so best first.
IDENTIFYING: Final = (
    "name",
    "label",
    "attack",
    "column",
    "metric",
    "mechanism",
    "sampling",
    "adjacency",
    "over",
    "method",
    "group",
    "reference",
    "family",
    "direction",
    "description",
    "fpr",
    "row",
    "kind",
    "columns",
    "epsilon",
    "delta",
    "input_a",
    "input_b",
    "low",
)
#: Ends a field of an item's name, in which a comma can stand as well: group=Female, Black,reference=Male.
NEXT_FIELD: Final = re.compile(rf",(?:{'|'.join(IDENTIFYING)})=")
_DIGEST_CHARACTERS: Final = 12
#: List of the settings of an audit, each with its name and value.
SETTINGS: Final = "settings"
#: Stands for what an audit does not have, as None stands for what it could not measure.
ABSENT: Final = object()


#: Parts of a record, each within the one before.
Parts = tuple[Mapping[str, Any], ...]
#: Tells by the names of a place, without items, whether anything at it or below it is wanted.
Wanted = Callable[[tuple[str, ...]], bool]


@dataclass(frozen=True, eq=False)
class Pair:
    """A value of each audit at one place; `ABSENT` where an audit has no such place.

    `before_in` and `after_in` are what the value is a part of, from the record inwards.
    """

    steps: tuple[Step, ...]
    before: Any
    after: Any
    before_in: Parts
    after_in: Parts

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the place, without its items."""
        return tuple(step.name for step in self.steps)

    @cached_property
    def place(self) -> str:
        """The place as text."""
        return join(self.steps)

    @property
    def last(self) -> str:
        """The last name of the place; of a setting in a list of them its own."""
        listed = next((step.item for step in self.steps if step.name == SETTINGS and step.item), None)
        return self.names[-1] if listed is None else listed.removeprefix("name=")

    @property
    def name(self) -> str:
        """The name of the place, as findings say it; the place itself where it has none."""
        parts, value = (self.before_in, self.before) if self.after is ABSENT else (self.after_in, self.after)
        place = _numbered(self.steps, (*parts, value))
        return self.place if place is None else named_place(parts[0], place)


def _numbered(steps: Sequence[Step], parts: Sequence[Any]) -> str | None:
    """Return a place with items by their index in the record that the parts are of; None where one is not."""
    here, inner, found = parts[0], iter(parts[1:]), list[str]()
    for step in steps:
        here = here.get(step.name) if isinstance(here, Mapping) else None
        found.append(step.name)
        if step.item is not None:
            part = next(inner, None)
            index = next((n for n, row in enumerate(here or ()) if row is part), None)
            if index is None:
                return None
            found.append(str(index))
            here = part
        elif isinstance(here, Mapping):
            next(inner, None)
    return ".".join(found)


def pairs(
    before: Mapping[str, Any], after: Mapping[str, Any], *, wanted: Wanted = lambda _: True
) -> Iterator[Pair]:
    """Yield every single value, every list of plain values, and every part that one record lacks."""
    yield from _of_mappings((), (before,), (after,), wanted)


def _of_mappings(
    steps: tuple[Step, ...], before_in: Parts, after_in: Parts, wanted: Wanted
) -> Iterator[Pair]:
    before, after = before_in[-1], after_in[-1]
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        here = (*steps, Step(name))
        if not wanted(tuple(step.name for step in here)):
            continue
        if _is_rows(old) and _is_rows(new) and (old or new):
            yield from _of_rows(here, old, new, before_in, after_in, wanted)
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _of_mappings(here, (*before_in, old), (*after_in, new), wanted)
        elif _is_leaf(old) or _is_leaf(new):  # such as rates before and after a repair that one lacks
            yield from _of_mappings(here, (*before_in, _values(old)), (*after_in, _values(new)), wanted)
        else:
            yield Pair(here, old, new, before_in, after_in)


def _of_rows(
    steps: tuple[Step, ...],
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    before_in: Parts,
    after_in: Parts,
    wanted: Wanted,
) -> Iterator[Pair]:
    old, new = _named_rows(before, after)
    *outer, last = steps
    for item in dict.fromkeys((*old, *new)):
        here = (*outer, Step(last.name, item))
        if item in old and item in new:
            yield from _of_mappings(here, (*before_in, old[item]), (*after_in, new[item]), wanted)
        elif last.name == SETTINGS:  # one that differs from the default in one of them alone
            one, other = old.get(item, {}), new.get(item, {})
            values = one.get("value", ABSENT), other.get("value", ABSENT)
            yield Pair((*here, Step("value")), *values, (*before_in, one), (*after_in, other))
        else:
            yield Pair(here, old.get(item, ABSENT), new.get(item, ABSENT), before_in, after_in)


def _named_rows(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
    """Return the items of two lists by what tells them apart."""
    rows = (*before, *after)
    everywhere = [name for name in IDENTIFYING if all(name in row and _tells(row[name]) for row in rows)]
    fields = everywhere[:1]
    for name in everywhere[1:]:
        if _distinct(before, after, by=fields) == len(rows):
            break
        if _distinct(before, after, by=[*fields, name]) > _distinct(before, after, by=fields):
            fields = [*fields, name]
    return _by(before, fields), _by(after, fields)


def _by(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    seen: Counter[str] = Counter()
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        name = ",".join(f"{field}={_shown(_spelt_value(row[field]))}" for field in fields)
        count = seen[name]
        seen[name] += 1
        # Items with equal fields are paired by their position among each other.
        found[f"{name} #{count}" if fields and count else name if fields else str(count)] = row
    return found


def _shown(text: str) -> str:
    """Write a name on one line, with the beginning of its digest where that loses some of it."""
    shown = one_line(text)
    if shown == text:
        return shown
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{shown} ~{digest[:_DIGEST_CHARACTERS]}"


def _distinct(*lists: Sequence[Mapping[str, Any]], by: Sequence[str]) -> int:
    """Return how many items of each list the fields `by` tell apart, added up."""
    return sum(len({tuple(_hashable(row[field]) for field in by) for row in rows}) for rows in lists)


def _hashable(value: Any) -> Hashable:
    return tuple(value) if isinstance(value, list) else value


def _spelt_value(value: Any) -> str:
    return "+".join(map(spelling, value)) if isinstance(value, list) else spelling(value)


def _tells(value: Any) -> bool:
    """Tell whether a value can name its item: plain, or a list of texts. None names "all"."""
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return value is None or isinstance(value, str | int | float)


def _is_leaf(value: Any) -> bool:
    """Tell whether a part has nothing but plain values and lists of them."""
    return isinstance(value, Mapping) and not any(
        isinstance(each, Mapping)
        or (isinstance(each, list) and any(isinstance(row, Mapping) for row in each))
        for each in value.values()
    )


def _values(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, Mapping) for row in value)
