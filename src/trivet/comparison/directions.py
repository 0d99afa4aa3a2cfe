"""Better direction of each measurement: up, down, or towards a value."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from trivet.comparison.estimates import Estimate
from trivet.comparison.pairing import Step

__all__ = ["DOWN", "TOWARDS_ONE", "TOWARDS_ZERO", "UP", "Direction", "direction_of"]


@dataclass(frozen=True, eq=False)
class Direction:
    """Distance of a value from the best one, and the value at that distance on the other side."""

    name: str
    badness: Callable[[float], float]
    best: float | None = None
    mirrored: Callable[[Estimate], Estimate] | None = None


def _inverse(estimate: Estimate) -> Estimate:
    return Estimate(
        1 / estimate.value,
        1 / estimate.high if estimate.high else None,
        1 / estimate.low if estimate.low else None,
        estimate.level,
    )


def _negative(estimate: Estimate) -> Estimate:
    return Estimate(
        -estimate.value,
        None if estimate.high is None else -estimate.high,
        None if estimate.low is None else -estimate.low,
        estimate.level,
    )


UP: Final = Direction("up", lambda value: -value)
DOWN: Final = Direction("down", lambda value: value)
TOWARDS_ONE: Final = Direction(
    "towards 1", lambda value: abs(math.log(value)) if value > 0 else math.inf, 1.0, _inverse
)
TOWARDS_ZERO: Final = Direction("towards 0", abs, 0.0, _negative)

#: By the name of the measurement, in any leg.
_ANYWHERE: Final[Mapping[str, Direction]] = {
    "accuracy": UP,
    "clean_accuracy": UP,
    "robust_accuracy": UP,
    "train_accuracy": UP,
    "test_accuracy": UP,
    "recall": UP,
    "best_accuracy": UP,
    "best_clean_accuracy": UP,
    "asr": DOWN,
    "true_trigger_asr": DOWN,
    "best_asr": DOWN,
    "disparate_impact": TOWARDS_ONE,
    "disparate_impact_bootstrap": TOWARDS_ONE,
    "gap": DOWN,
    "best_gap": DOWN,
    "demographic_parity_difference": TOWARDS_ZERO,
}
#: By leg and name.
_IN_LEG: Final[Mapping[str, Mapping[str, Direction]]] = {
    "security": {"norm_ratio": UP, "p_value": UP},
    "privacy": {
        "spent_epsilon": DOWN,
        "group_epsilon": DOWN,
        "epsilon_lower": DOWN,
        "noise_ratio": DOWN,
        "auroc": DOWN,
        "tpr": DOWN,
        "advantage": DOWN,
        "balanced_accuracy": DOWN,
    },
    "fairness": {
        "parity": UP,
        "difference": TOWARDS_ZERO,
        "equalized_odds": DOWN,
        "expected_error": DOWN,
        "in_the_large": TOWARDS_ZERO,
    },
}
#: Parts whose values have no better of their own: changes against a baseline, and what was tried out.
_NEUTRAL: Final = frozenset({"change", "labels", "declared", "candidates"})
#: Names below which the name of the measurement is the one above.
_INNER: Final = ("estimate", "before", "after")


def direction_of(steps: tuple[Step, ...], metric: str | None = None) -> Direction | None:
    """Return which way the measurement at a place is better; None where that is not known."""
    names = [step.name for step in steps]
    if metric is not None and names[-1:] == ["value"]:
        return _of_metric(metric)
    while names and names[-1] in _INNER:
        names.pop()
    if not names or _NEUTRAL.intersection(names[:-1]):
        return None
    return _IN_LEG.get(names[0], {}).get(names[-1]) or _ANYWHERE.get(names[-1])


def _of_metric(metric: str) -> Direction | None:
    if metric == "disparate_impact" or metric.endswith("_ratio"):
        return TOWARDS_ONE
    if metric.endswith(("_difference", "_spread")):
        return TOWARDS_ZERO
    return _ANYWHERE.get(metric)
