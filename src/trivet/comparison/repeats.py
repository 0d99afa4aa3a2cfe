"""Figures that stand in several places of a record, of which a comparison lists one.

The figures of a group stand with the group, with the metric that a verdict is about and among all metrics of
the attribute; the figures of all rows stand once in the audit and again with each attribute. All metrics of
an attribute have both of two rates that add up to 1, such as the accuracy and the error rate.
"""

import itertools
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import neg
from typing import Any, Final

import numpy as np

from trivet.comparison.judge import VALUE, is_number, is_same
from trivet.comparison.pairs import ABSENT, Pair, Parts
from trivet.fairness.measures.registry import SELECTION
from trivet.fairness.metrics.comparisons import DISPARITIES
from trivet.fairness.metrics.group_rates import GROUP_METRICS, GroupRate

__all__ = ["without_repeats"]

_Key = tuple[Any, ...]
#: By its name in a list of metrics, the metric that a ratio or difference between two groups compares.
_BETWEEN: Final = {each.name: (each.rates[0].name, each.kind) for each in DISPARITIES if len(each.rates) == 1}
#: The same by its name in a group.
_IN_GROUP: Final = {"disparate_impact": (SELECTION, "ratio"), "difference": (SELECTION, "difference")}
_RATE: Final = "rate"
#: By its name, the rate that adds up to 1 with it.
_COMPLEMENTS: Final = {
    one.name: other.name
    for one, other in itertools.permutations(
        (each for each in GROUP_METRICS if isinstance(each, GroupRate) and each.is_share), 2
    )
    if one.among == other.among and np.array_equal(np.add(one.selects, other.selects), one.among)
}
#: The figure of such a rate by that of the other.
_TURNED: Final[Mapping[str, Callable[[float], float]]] = {_RATE: lambda rate: 1 - rate, "difference": neg}
#: Places that give way to others.
_LATER: Final = ("measures", "metrics")


def without_repeats(found: Sequence[Pair]) -> list[Pair]:
    """Return the pairs but those whose figure in either record another pair has as well.

    Of all metrics of an attribute everything about a figure that stands elsewhere is left out, and about one
    that follows from another.
    """
    told: tuple[dict[_Key, Any], dict[_Key, Any]] = ({}, {})
    implied: tuple[dict[_Key, Any], dict[_Key, Any]] = ({}, {})
    kept: set[int] = set()
    for number, pair in sorted(enumerate(found), key=lambda each: _precedence(each[1])):
        one_of_all = "metrics" in pair.names
        sides = [
            (figures, follow, dict(_figures(pair.names, parts, value)))
            for figures, follow, parts, value in zip(
                told, implied, (pair.before_in, pair.after_in), (pair.before, pair.after), strict=True
            )
            if value is not ABSENT
        ]
        if not all(
            here and _are_told(ChainMap(figures, follow) if one_of_all else figures, here)
            for figures, follow, here in sides
        ):
            kept.add(number)
            for figures, follow, here in sides:
                follow.update(_complements(here))
                if not one_of_all:
                    figures.update(here)
    return [pair for number, pair in enumerate(found) if number in kept]


def _precedence(pair: Pair) -> int:
    return max((_LATER.index(name) + 1 for name in pair.names if name in _LATER), default=0)


def _are_told(told: Mapping[_Key, Any], figures: Mapping[_Key, Any]) -> bool:
    """Return True if another pair has each figure, or the whole group that it is of."""
    return all(
        key[:3] in told or (key in told and _is_equal(value, told[key])) for key, value in figures.items()
    )


def _is_equal(value: Any, other: Any) -> bool:
    return is_same(value, other) if is_number(value) and is_number(other) else value == other


def _figures(names: tuple[str, ...], parts: Parts, value: Any) -> Iterator[tuple[_Key, Any]]:
    """Yield the figures that one record has at a place, by what they are of."""
    if names[-3:-2] == ("overall",) and names[-1] == VALUE and "attributes" not in names:
        yield (names[:-3], None, None, None, names[-2], _RATE), value
    if "attributes" not in names[:-1]:
        return
    depth = names.index("attributes")
    around, below, inner = names[:depth], names[depth + 1 :], parts[depth + 2 :]
    attribute = parts[depth + 1]
    of = around, attribute["name"]
    match below:
        case ("groups",):
            yield (*of, value["group"]), None
        case ("groups", field, "value"):
            metric, kind = _IN_GROUP.get(field, (field, _RATE))
            yield _of_group(of, inner[0]["group"], metric, kind, attribute["reference"]), value
        case ("by_class" | "by_feature", "whole", "value"):
            yield _of_group(of, inner[0]["group"], SELECTION, "difference", inner[0]["reference"]), value
        case ("measures", "overall", "value"):
            yield (around, None, None, None, inner[0]["metric"], _RATE), value
        case ("measures", "groups"):
            yield (*of, value["group"], None, inner[0]["metric"]), None
        case ("measures", "groups", kind, "value"):
            yield _of_group(of, inner[1]["group"], inner[0]["metric"], kind, attribute["reference"]), value
        case ("metrics", *_):
            row = inner[0] if inner else value
            metric, kind = _BETWEEN.get(row["metric"], (row["metric"], _RATE))
            yield _of_group(of, row["group"], metric, kind, row["reference"]), row["value"]
        case _:
            pass


def _complements(figures: Mapping[_Key, Any]) -> Iterator[tuple[_Key, Any]]:
    """Yield the rates that add up to 1 with some, and their differences."""
    for key, value in figures.items():
        *of, metric, kind = key
        if metric in _COMPLEMENTS and kind in _TURNED and is_number(value):
            yield (*of, _COMPLEMENTS[metric], kind), _TURNED[kind](value)


def _of_group(of: tuple[Any, str], group: str | None, metric: str, kind: str, reference: str | None) -> _Key:
    """Return what a figure is of; a rate is compared with no group."""
    return (*of, group, None if kind == _RATE else reference, metric, kind)
