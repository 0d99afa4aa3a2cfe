"""Uncertainty of a measurement of the record: its interval, or the counts of its share.

Intervals are found by the shape of what they stand in: an estimate beside its bounds, ``auroc`` beside
``auroc_low`` and ``auroc_high``, ``disparate_impact`` beside ``disparate_impact_interval``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Estimate", "belongs_to_an_estimate", "estimate_of", "is_number"]

#: Names under which an interval's own record keeps its estimate.
ESTIMATES: Final = ("estimate", "value")
INTERVAL: Final = "_interval"
USUAL_LEVEL: Final = 0.95
#: Nobody asks for an interval that is as often wrong as right.
LOWEST_LEVEL: Final = 0.5


@dataclass(frozen=True)
class Estimate:
    """A number with the bounds of its interval; None where nothing bounds it on that side."""

    value: float
    low: float | None
    high: float | None
    level: float


def estimate_of(name: str, around: Mapping[str, Any]) -> Estimate | None:
    """Return the number called `name` in `around` with its interval; None where it has none."""
    value = around.get(name)
    if not is_number(value):
        return None
    assert isinstance(value, int | float)
    if name in ESTIMATES and _has(around, "low", "high"):
        return _estimate(value, around, "low", "high")
    if _has(around, f"{name}_low", f"{name}_high"):
        return _estimate(value, around, f"{name}_low", f"{name}_high")
    for other, bounds in around.items():
        stem = other.removesuffix(INTERVAL)
        if stem != other and (name == stem or name.startswith(f"{stem}_")) and isinstance(bounds, Mapping):
            found = _estimate(value, bounds, "low", "high") if _has(bounds, "low", "high") else None
            if found is not None and bounds.get("estimate") == value:
                return found
    return None


def belongs_to_an_estimate(name: str, around: Mapping[str, Any]) -> bool:
    """Tell whether `name` only says how sure another number of `around` is."""
    if name in {"low", "high", "level", "method"}:
        return any(is_number(around.get(estimate)) for estimate in ESTIMATES) and _has(around, "low", "high")
    stem = name.removesuffix("_low").removesuffix("_high")
    return stem != name and is_number(around.get(stem))


def is_number(value: object) -> bool:
    """Tell whether a value of a record is a number and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _has(around: Mapping[str, Any], *names: str) -> bool:
    """Tell whether bounds stand there and at least one is known."""
    return all(
        name in around and (around[name] is None or is_number(around[name])) for name in names
    ) and any(around[name] is not None for name in names)


def _estimate(value: float, bounds: Mapping[str, Any], low: str, high: str) -> Estimate:
    level = bounds.get("level")
    if not isinstance(level, float) or not LOWEST_LEVEL <= level < 1:
        level = USUAL_LEVEL
    return Estimate(value, bounds[low], bounds[high], level)
