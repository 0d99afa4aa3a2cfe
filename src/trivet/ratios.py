"""Figures of ratios: infinite over a share of 0, unknown for 0/0; a record has no number for either."""

import math
from collections.abc import Mapping
from typing import Any, Final

from trivet.place import find, parent

__all__ = ["INFINITE", "figure_at", "figure_in", "is_infinite", "ratio_figure"]

#: Stands for the figure where people read it.
INFINITE: Final = "infinite"
#: Names of ratios in a record.
_RATIOS: Final = frozenset({"disparate_impact", "ratio"})
#: What of an infinite ratio a record leaves out.
_LEFT_OUT: Final = frozenset({"value", "high"})


def ratio_figure(value: float | None, low: float | None) -> float | None:
    """Return the figure of a ratio: infinite where it has a lower end and no value, None for 0/0."""
    return math.inf if value is None and low is not None else value


def is_infinite(value: object) -> bool:
    """Tell whether a figure is an infinite one."""
    return isinstance(value, float) and math.isinf(value)


def figure_at(record: Mapping[str, Any], place: str) -> Any:
    """Return what stands at a place of a record; of an infinite ratio infinity, which no record can hold.

    Raises
    ------
    LookupError
        The record has no such place.
    """
    around, name = parent(place)
    inside = find(record, around) if around else None
    return figure_in(inside, (parent(around)[1] if around else "", name), find(record, place))


def figure_in(inside: Any, names: tuple[str, ...], value: Any) -> Any:
    """Return a value of a part of a record, by the names of its place; of an infinite ratio infinity."""
    around, name = ("", *names)[-2:]
    if value is not None or name not in _LEFT_OUT or around not in _RATIOS or not isinstance(inside, Mapping):
        return value
    figure = ratio_figure(inside["value"], inside["low"])
    return figure if is_infinite(figure) else None
