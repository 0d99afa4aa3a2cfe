"""Settings of the privacy study; the published constants are the defaults."""

import math
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Gt, Interval, Lt

from trivet.privacy.planning.settings import PlanSettings

__all__ = ["CountingSettings", "IncomeSettings", "PrivacySettings", "SweepSettings"]


@dataclass(frozen=True, kw_only=True)
class IncomeSettings:
    """Two income statistics, in currency units, each with the noise that the exercise fixes."""

    average_sensitivity: Annotated[float, Gt(0), Lt(math.inf)] = 5_000.0
    average_true: Annotated[float, Gt(-math.inf), Lt(math.inf)] = 40_000.0
    average_noise: Annotated[float, Gt(-math.inf), Lt(math.inf)] = 2_000.0
    total_sensitivity: Annotated[float, Gt(0), Lt(math.inf)] = 50_000.0
    total_true: Annotated[float, Gt(-math.inf), Lt(math.inf)] = 20_000_000.0
    total_noise: Annotated[float, Gt(-math.inf), Lt(math.inf)] = 5_000.0


@dataclass(frozen=True, kw_only=True)
class CountingSettings:
    """A count that is released `queries` times and compared with a threshold."""

    sensitivity: Annotated[float, Gt(0), Lt(math.inf)] = 1.0
    true_value: Annotated[int, Ge(0)] = 500
    threshold: Annotated[float, Gt(-math.inf), Lt(math.inf)] = 505.0
    queries: Annotated[int, Ge(1)] = 92
    population: Annotated[int, Ge(1)] = 500
    change_fraction: Annotated[float, Interval(ge=0, le=1)] = 0.01


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """End points of the study's curves.

    Thresholds of the tail curves are the integers from `tail_from` to `tail_to`; the epsilons of the
    sweep are `epsilon_points` evenly spaced values from `epsilon_from` to `epsilon_to`.
    """

    tail_from: int = 480
    tail_to: int = 520
    epsilon_from: Annotated[float, Gt(0), Lt(math.inf)] = 0.02
    epsilon_to: Annotated[float, Gt(0), Lt(math.inf)] = 1.0
    epsilon_points: Annotated[int, Interval(ge=2, le=10_000)] = 50

    def __post_init__(self) -> None:
        if self.tail_from >= self.tail_to:
            raise ValueError(
                f"tail_from must be below tail_to, but {self.tail_from} is not below {self.tail_to}."
            )
        if self.epsilon_from >= self.epsilon_to:
            raise ValueError(
                "epsilon_from must be below epsilon_to, "
                f"but {self.epsilon_from!r} is not below {self.epsilon_to!r}."
            )


@dataclass(frozen=True, kw_only=True)
class PrivacySettings:
    """The privacy study's budget and its two exercises, and the user's plan."""

    epsilon: Annotated[float, Gt(0), Lt(math.inf)] = 0.1
    delta: Annotated[float, Interval(gt=0, lt=1)] = 1e-5
    income: IncomeSettings = field(default_factory=IncomeSettings)
    counting: CountingSettings = field(default_factory=CountingSettings)
    sweep: SweepSettings = field(default_factory=SweepSettings)
    plan: PlanSettings | None = None
