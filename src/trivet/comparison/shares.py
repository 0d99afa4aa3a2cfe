"""Measurements that are shares of rows or images, with their counts.

Where the record has the counts, two shares are compared by them, which needs no approximation of their
intervals.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from trivet.comparison.estimates import is_number
from trivet.comparison.pairing import Parts

__all__ = ["Share", "share_of"]

_Record = Mapping[str, Any]
_Rate = tuple[str, ...]

#: Numerators and denominators of the rates of one group, as fields of its confusion counts.
_POSITIVE: Final = ("true_positive", "false_negative")
_NEGATIVE: Final = ("false_positive", "true_negative")
_SELECTED: Final = ("true_positive", "false_positive")
_RATES: Final[Mapping[str, tuple[_Rate, _Rate]]] = {
    "rates": (_SELECTED, (*_POSITIVE, *_NEGATIVE)),
    "true_positive_rates": (("true_positive",), _POSITIVE),
    "false_positive_rates": (("false_positive",), _NEGATIVE),
}


@dataclass(frozen=True)
class Share:
    """`successes` of `trials`, both whole numbers."""

    successes: int
    trials: int


def share_of(names: tuple[str, ...], parts: Parts) -> Share | None:
    """Return the counts of the share at a place; None for other values and unknown counts."""
    around, last = parts[-1], names[-1]
    if names[0] == "security":
        return _of_images(names, parts[0]["security"], around)
    if last == "value" and is_number(around.get("numerator")) and around.get("denominator"):
        return _share(around["numerator"], around["denominator"])
    if last in {"p_frequency", "q_frequency"}:
        return _share(around[f"{last[0]}_count"], around[f"{last[0]}_trials"])
    if last == "accuracy" and isinstance(counts := around.get("counts"), Mapping):
        return _right(counts)
    if len(names) > 1 and names[-2] in _RATES and isinstance(counts := parts[-2].get("counts"), Mapping):
        hits, rows = (sum(counts[last][name] for name in part) for part in _RATES[names[-2]])
        return _share(hits, rows)
    return None


def _of_images(names: tuple[str, ...], study: _Record, around: _Record) -> Share | None:
    """Return a rate of the security leg as counts, from how many images it was measured on."""
    for place, images in _IMAGES.items():
        if names[1 : 1 + len(place)] == place:
            value = around[names[-1]]
            trials = images(study)
            return _share(round(value * trials), trials)
    return None


def _of_the_study(study: _Record) -> int:
    return study["published"]["settings"]["images"]


def _of_the_repair(own: _Record) -> int:
    return own["repair"]["held_out_images"]


def _of_its_other_classes(own: _Record) -> int:
    """Return about how many images a repair was judged by without the target class; 0 where not known."""
    classes = own["scan"]["images"]["classes"] if own["scan"] is not None else 1
    return round(_of_the_repair(own) * (1 - 1 / max(classes, 1)))


#: Places below the security leg that are rates, and how many images they are of.
_IMAGES: Final[Mapping[tuple[str, ...], Callable[[_Record], int]]] = {
    ("published", "clean_accuracy"): _of_the_study,
    ("published", "asr"): _of_the_study,
    ("repair", "attempts", "clean_accuracy"): _of_the_repair,
    ("repair", "attempts", "asr"): _of_its_other_classes,
    ("repair", "attempts", "robust_accuracy"): _of_its_other_classes,
    ("repair", "attempts", "true_trigger_asr"): _of_its_other_classes,
}


def _right(counts: _Record) -> Share | None:
    """Return the rows of both groups whose label is predicted."""
    groups = tuple(counts.values())
    right = sum(group["true_positive"] + group["true_negative"] for group in groups)
    return _share(right, sum(sum(group.values()) for group in groups))


def _share(successes: int, trials: int) -> Share | None:
    """Return a share; None of what cannot be one."""
    return Share(successes, trials) if 0 <= successes <= trials else None
