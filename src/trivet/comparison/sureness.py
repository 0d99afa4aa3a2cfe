"""Uncertainty of a number of a record, from its interval or its counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from trivet.comparison.estimates import Estimate, estimate_of, is_number
from trivet.comparison.pairing import Parts
from trivet.comparison.shares import Share, share_of
from trivet.fairness.intervals.shares import share_interval
from trivet.places import find, is_index

__all__ = ["LEVEL", "Measured", "Sure", "how_sure", "measured"]

LEVEL: Final = 0.95
#: A number's interval, and its counts where it is a share of them.
Sure = tuple[Estimate | None, Share | None]


@dataclass(frozen=True)
class Measured:
    """A number of a record, with the ends of its interval of sampling; None where it has none."""

    value: float
    low: float | None = None
    high: float | None = None


def how_sure(names: tuple[str, ...], value: Any, parts: Parts) -> Sure:
    """Return the interval of a number, and its counts where it is a share of them."""
    if not is_number(value):
        return None, None
    share = share_of(names, parts)
    estimate = estimate_of(names[-1], parts[-1])
    if estimate is None and share is not None and share.trials:
        bounds = share_interval(share.successes, share.trials, level=LEVEL)
        estimate = Estimate(value, bounds.low, bounds.high, LEVEL)
    return estimate, share


def measured(record: Mapping[str, Any], path: str) -> Measured | None:
    """Return the number at a path, items of lists by their index; None where there is none.

    Raises
    ------
    LookupError
        The path names no place in the record.
    """
    value = find(record, path)
    if not is_number(value):
        return None
    steps = path.split(".")
    inner = [find(record, ".".join(steps[:count])) for count in range(1, len(steps))]
    parts = (record, *(part for part in inner if isinstance(part, Mapping)))
    estimate, _ = how_sure(tuple(step for step in steps if not is_index(step)), value, parts)
    return Measured(value) if estimate is None else Measured(value, estimate.low, estimate.high)
