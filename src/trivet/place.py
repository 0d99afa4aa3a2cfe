"""Places in a record: names joined by dots, from the record inwards.

In a list, a number picks an item by its index (``labels.4.l1``), a selection by the value of a field
(``privacy.plan.rows[method=gaussian].scale``), and ``*`` stands for every item
(``privacy.mechanisms.*.verdict``). The empty place is the record itself.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, NamedTuple

__all__ = [
    "EVERY",
    "Step",
    "find",
    "is_index",
    "join",
    "leaves",
    "matches",
    "parent",
    "parse",
    "pattern_of",
    "spelling",
    "spread",
]

#: Stands for every item of a list.
EVERY: Final = "*"
#: Of an index; Python refuses to read thousands.
MOST_DIGITS: Final = 9
#: A value in brackets may hold dots.
_DOT = re.compile(r"\.(?![^\[]*\])")
_STEP = re.compile(r"(\w+|\*)(?:\[(\w+=[^\]]*)\])?")


class Step(NamedTuple):
    """One name of a place, and which item of the list there is meant, such as ``method=gaussian``."""

    name: str
    item: str | None = None


@lru_cache(maxsize=4096)
def parse(place: str) -> tuple[Step, ...]:
    """Return the steps of a place or pattern.

    Raises
    ------
    LookupError
        A step is not a name with at most one selection.
    """
    steps: list[Step] = []
    for text in _DOT.split(place) if place else ():
        match = _STEP.fullmatch(text)
        if match is None:
            raise LookupError(
                f"“{place}” is not a path: expected names joined by dots, each with at most one "
                f"[field=value], and found “{text}”."
            )
        steps.append(Step(match[1], match[2]))
    return tuple(steps)


def join(steps: Sequence[Step]) -> str:
    """Return steps as text."""
    return ".".join(step.name if step.item is None else f"{step.name}[{step.item}]" for step in steps)


def parent(place: str) -> tuple[str, str]:
    """Return the place around a place, and the name of the place in it."""
    *around, last = parse(place)
    return join(around), last.name


def find(record: Mapping[str, Any], place: str) -> Any:
    """Return what stands at `place`; a place that goes on below a null gives None.

    Raises
    ------
    LookupError
        The record has no such place; the message gives the nearest names.
    """
    here: Any = record
    steps = parse(place)
    for number, step in enumerate(steps):
        if here is None:
            return None
        here = _child(here, step.name, place, steps[:number])
        if step.item is not None and here is not None:
            here = _select(here, step.item, place, steps[: number + 1])
    return here


def spread(record: Mapping[str, Any], pattern: str) -> Iterator[str]:
    """Yield the place of every item that the ``*`` of a pattern stand for; a null in place of a list once.

    Raises
    ------
    LookupError
        There is no list where a ``*`` stands.
    """
    steps = parse(pattern)
    first = next((number for number, step in enumerate(steps) if step.name == EVERY), None)
    if first is None:
        yield pattern
        return
    around = join(steps[:first])
    items = find(record, around)
    if items is None:
        yield around
        return
    if not isinstance(items, list | tuple):
        raise LookupError(f"“{around}” is not a list, so it has no “{EVERY}”.")  # noqa: TRY004
    for index in range(len(items)):
        yield from spread(record, join((*steps[:first], Step(str(index)), *steps[first + 1 :])))


def leaves(record: Mapping[str, Any], pattern: str) -> Iterator[tuple[str, Any]]:
    """Yield place and value of everything at or below a pattern; what is not there is passed over."""
    with suppress(LookupError):
        for place in spread(record, pattern):
            value = find(record, place)
            if value is not None or _has(record, place, pattern):
                yield from _below(value, place)


def matches(pattern: str, place: str) -> bool:
    """Return whether a place lies at or below a pattern, in any record."""
    wanted = pattern_of(pattern)
    return pattern_of(place)[: len(wanted)] == wanted


@lru_cache(maxsize=4096)
def pattern_of(place: str) -> tuple[str, ...]:
    """Return the names of a place, with ``*`` for each item of a list that it picks."""
    names: list[str] = []
    for step in parse(place):
        names.append(EVERY if is_index(step.name) else step.name)
        if step.item is not None:
            names.append(EVERY)
    return tuple(names)


def is_index(name: str) -> bool:
    """Return whether a step of a place is the index of a list's item: digits 0 to 9, a few."""
    return name.isascii() and name.isdecimal() and len(name) <= MOST_DIGITS


def spelling(value: Any) -> str:
    """Spell a plain value as JSON does, text without its quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _has(record: Mapping[str, Any], place: str, pattern: str) -> bool:
    """Return whether a null stands at a place of a pattern itself, and not further out."""
    return len(parse(place)) == len(parse(pattern)) and find(record, parent(place)[0]) is not None


def _below(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        entries = value.items()
    elif isinstance(value, list | tuple):
        entries = enumerate(value)
    else:
        yield place, value
        return
    for name, inner in entries:
        yield from _below(inner, f"{place}.{name}" if place else str(name))


def _child(here: Any, name: str, place: str, passed: Sequence[Step]) -> Any:
    if isinstance(here, Mapping):
        if name in here:
            return here[name]
        known = [str(key) for key in here]
    elif isinstance(here, list | tuple):
        if is_index(name) and int(name) < len(here):
            return here[int(name)]
        known = [f"indices below {len(here)}"]
    else:
        known = []
    around = f"“{_names(passed)}”" if passed else "the record"
    raise LookupError(
        f"“{place}” is not a place in the record: {around} has no “{name}”. {_nearest(name, known)}"
    )


def _select(here: Any, item: str, place: str, passed: Sequence[Step]) -> Any:
    if not isinstance(here, list | tuple):
        raise LookupError(f"“{place}” selects in “{_names(passed)}”, which is not a list.")  # noqa: TRY004
    field, _, wanted = item.partition("=")
    found = [each for each in here if isinstance(each, Mapping) and spelling(each.get(field)) == wanted]
    if len(found) == 1:
        return found[0]
    known = [spelling(each.get(field)) for each in here if isinstance(each, Mapping)]
    raise LookupError(
        f"“{place}” selects {len(found)} items of “{_names(passed)}” where one was expected. "
        f"{_nearest(wanted, known)}"
    )


def _names(steps: Sequence[Step]) -> str:
    return ".".join(step.name for step in steps)


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"Nearest: {', '.join(close)}."
    return f"There are: {', '.join(known)}." if known else "Nothing stands below it."
