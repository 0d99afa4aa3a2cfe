"""The parts and triggers that one leg of an audit hands over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from trivet.record import Triggers

__all__ = ["LegDone", "Progress", "Result"]

#: Called with a leg, the name of a step, and the step's finished share (None where it is unknown).
Progress = Callable[[str, str, float | None], None]

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class LegDone(Generic[Result]):
    """A leg's part of the record, and what does not go into it.

    Attributes
    ----------
    result
        For the record.
    inputs
        SHA-256 by name of what was studied.
    triggers
        As `trivet.record.Triggers`.
    weights
        Of a repaired network; empty where there is none.
    """

    result: Result
    inputs: Mapping[str, str]
    triggers: Triggers = field(default_factory=dict)
    weights: Mapping[str, NDArray[Any]] = field(default_factory=dict)
