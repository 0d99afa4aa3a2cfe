"""Tests of whether the difference between two measurements exceeds noise.

Both rules treat the two audits as independent samples. Where they looked at the same rows, their errors
go together, so that the intervals here are wider than they have to be.
"""

import math
from dataclasses import dataclass
from typing import Final

from trivet.comparison.estimates import Estimate
from trivet.comparison.shares import Share
from trivet.fairness.intervals.differences import difference_interval
from trivet.fairness.intervals.shares import normal_quantile

__all__ = ["Difference", "difference_of_estimates", "difference_of_shares", "is_same"]

#: Two machines' last bits, as an optimisation adds them up: relative, and around 0.
ROUNDING: Final = 1e-6
NOTHING: Final = 1e-8


@dataclass(frozen=True)
class Difference:
    """After minus before; an end is None where nothing bounds it on that side."""

    estimate: float
    low: float | None
    high: float | None
    level: float

    @property
    def is_noise(self) -> bool:
        """True if the interval contains 0."""
        return (self.low is None or self.low <= 0) and (self.high is None or self.high >= 0)


def difference_of_shares(before: Share, after: Share, *, level: float) -> Difference | None:
    """Return the difference of two independent shares with Newcombe's interval, exact where few succeed.

    See `trivet.fairness.intervals.differences.difference_interval`.
    """
    if not before.trials or not after.trials:
        return None
    bounds = difference_interval(before.successes, before.trials, after.successes, after.trials, level=level)
    assert bounds.estimate is not None
    return Difference(bounds.estimate, bounds.low, bounds.high, level)


def difference_of_estimates(before: Estimate, after: Estimate, *, level: float) -> Difference:
    """Return the difference of two independent estimates, from their intervals alone.

    Each end of the difference takes the distances of the two estimates to the bounds that lead there,
    and adds their squares (G. Y. Zou and A. Donner, Statistics in Medicine 27, 2008, equation 3), which
    for symmetrical intervals is the root of the squared half-widths. An interval of another level than
    `level` is first stretched as a normal one would be.
    """
    low = _together(_reach(after, "low", level), _reach(before, "high", level))
    high = _together(_reach(after, "high", level), _reach(before, "low", level))
    found = after.value - before.value
    return Difference(
        found, None if low is None else found - low, None if high is None else found + high, level
    )


def is_same(before: float, after: float) -> bool:
    """Tell whether two numbers differ by no more than machines do."""
    return math.isclose(before, after, rel_tol=ROUNDING, abs_tol=NOTHING)


def _reach(estimate: Estimate, side: str, level: float) -> float | None:
    bound = estimate.low if side == "low" else estimate.high
    if bound is None:
        return None
    stretch = normal_quantile(level) / normal_quantile(estimate.level)
    return abs(estimate.value - bound) * stretch


def _together(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else math.hypot(first, second)
