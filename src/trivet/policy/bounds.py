"""Bounds that a record holds its own figures against, by the place of a figure."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from trivet.place import find, join, parse
from trivet.policy.requirements import is_number

__all__ = ["bounds_at"]


class _Held(NamedTuple):
    """Places of a setting in a part around a figure, and the bounds that follow from it."""

    settings: tuple[str, ...]
    bounds: Callable[[float], tuple[float, ...]] = lambda bound: (bound,)


_RATIOS: Final = (
    *("disparate_impact", "ratio", "mean_ratio", "exposure_ratio"),
    *("simultaneous_low", "simultaneous_high"),
)
_RATIO: Final = _Held(
    ("four_fifths", "baseline.four_fifths"), lambda share: (share, 1 / share) if share else (share,)
)
_DIFFERENCE: Final = _Held(("difference_band",), lambda band: (-band, band))
_CLAIM: Final = _Held(("epsilon",))
#: By the name of a figure, or of an end of the interval of a group's comparison.
_HELD: Final[Mapping[str, _Held]] = {
    **dict.fromkeys(_RATIOS, _RATIO),
    **dict.fromkeys(("difference", "difference_low", "difference_high"), _DIFFERENCE),
    **dict.fromkeys(("epsilon_lower", "epsilon_seen"), _CLAIM),
    "spent_epsilon": _Held(("plan.epsilon",)),
    "loss": _Held(("tolerance",)),
    "asr": _Held(("bounds.asr",)),
    "true_trigger_asr": _Held(("bounds.true_trigger_asr",)),
    "accuracy_loss": _Held(("bounds.accuracy_loss",)),
}
#: Names below that of a figure.
_BELOW: Final = frozenset({"value", "low", "high", "before", "after"})


def bounds_at(record: Mapping[str, Any], place: str) -> tuple[float, ...]:
    """Return the bounds of the figure at a place, from the nearest part around it; none where it has none."""
    steps = list(parse(place))
    while len(steps) > 1 and steps[-1].name in _BELOW:
        steps.pop()
    held = _HELD.get(steps[-1].name) if steps else None
    if held is None:
        return ()
    for depth in range(len(steps) - 1, -1, -1):
        around = find(record, join(steps[:depth]))
        for setting in held.settings if isinstance(around, Mapping) else ():
            bound = _found(around, setting)
            if bound is not None:
                return held.bounds(bound)
    return ()


def _found(around: Mapping[str, Any], setting: str) -> float | None:
    """Return a setting of a part; None where it has none."""
    here: Any = around
    for name in setting.split("."):
        here = here.get(name) if isinstance(here, Mapping) else None
    return here if is_number(here) else None
