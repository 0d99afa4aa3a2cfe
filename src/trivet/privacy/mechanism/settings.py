"""Settings of an audit of a mechanism."""

from dataclasses import dataclass
from typing import Annotated, Final

from annotated_types import Interval, Le

from trivet.settings import Positive, Seed, Settings, Share

__all__ = ["MOST_TRIALS", "MechanismSettings"]

#: All answers are kept in memory, some hundred bytes each.
MOST_TRIALS: Final = 5_000_000


@dataclass(frozen=True, kw_only=True)
class MechanismSettings(Settings):
    """Claim of a mechanism, and how it is tested.

    Attributes
    ----------
    epsilon : The epsilon that it claims.
    delta : The delta that it claims.
    trials : Calls on each input.
    error_rate : How often a mechanism that keeps its claim may be said to violate it, at most.
    seed : Seed of the order of the calls.
    """

    epsilon: Positive
    delta: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    trials: Annotated[int, Le(MOST_TRIALS)] = 100_000
    error_rate: Share = 0.05
    seed: Seed = 0
