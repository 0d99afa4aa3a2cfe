"""Verdicts, references and sentences that audits of other outcomes share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from trivet.estimate import Estimate
from trivet.fairness.auditing.band import judged, most_unlike, that_count, worst_verdict
from trivet.fairness.auditing.groups import largest_group, named_group, named_values
from trivet.fairness.auditing.results import REFERENCE
from trivet.fairness.auditing.settings import TableOptions
from trivet.fairness.intervals.shares import holm
from trivet.fairness.outcomes.reading import NumberRows
from trivet.verdict import DISPARATE, IN_BAND
from trivet.wording import one_line

__all__ = [
    "adjusted",
    "attributes_of",
    "comparisons_of",
    "farthest",
    "leading",
    "most_apart",
    "reason_of",
    "reference_of",
    "sentence",
    "verdict_of",
    "worst_of",
]

_Group = TypeVar("_Group", bound=Any)


def attributes_of(columns: Sequence[str], values: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield each sensitive column that has two groups or more, and all together where there are several."""
    varying = [
        name for name, own in zip(columns, zip(*values, strict=True), strict=True) if len(set(own)) > 1
    ]
    yield from ((name,) for name in varying)
    if len(varying) > 1:
        yield tuple(varying)


def comparisons_of(rows: NumberRows) -> int:
    """Return how many groups are compared with a reference group, over all attributes."""
    return sum(len(rows.over(*columns)[2]) - 1 for columns in attributes_of(rows.columns, rows.values))


def reference_of(
    columns: Sequence[str],
    values: Sequence[tuple[str, ...]],
    sizes: NDArray[np.int64],
    privileged: str | None,
    named: Sequence[str],
) -> tuple[int, str]:
    """Return the place of the reference group, and why it is this one."""
    if privileged is None:
        return largest_group(values, sizes)
    return named_group(columns, values, named_values(tuple(named), privileged))


def adjusted(attributes: Sequence[Any]) -> tuple[Any, ...]:
    """Return attributes with p-values that are adjusted by Holm's method over all of them."""
    found = iter(holm([group.p_value for each in attributes for group in each.groups]))
    return tuple(
        replace(each, groups=tuple(replace(group, p_adjusted=next(found)) for group in each.groups))
        for each in attributes
    )


def verdict_of(place: int, reference: int, ratio: Estimate, *, four_fifths: float) -> str:
    """Return the verdict on a ratio that holds for all comparisons at once."""
    return REFERENCE if place == reference else judged(ratio, four_fifths=four_fifths)


def worst_of(attributes: Sequence[Any], ratio: Callable[[Any], Estimate | None] | None) -> tuple[str, str]:
    """Return the worst verdict of the attributes, and what it rests on; without a ratio, on the first."""
    verdict = worst_verdict(each.verdict for each in attributes)
    first = next(each for each in attributes if each.verdict == verdict)
    first = first if ratio is None else leading(attributes, verdict, ratio)
    return verdict, reason_of(first, len(attributes))


def reason_of(attribute: Any, number: int) -> str:
    """Return the reason of an audit whose verdict rests on this one of so many attributes."""
    return attribute.reason if number == 1 else f"{one_line(attribute.name)}: {attribute.reason}"


def leading(attributes: Sequence[Any], verdict: str, ratio: Callable[[Any], Estimate | None]) -> Any:
    """Return the attribute with the verdict that has the group shown to be most unlike its reference."""
    named = [each for each in attributes if each.verdict == verdict]
    rests = [farthest(each.groups, verdict, ratio) for each in named]
    far = most_apart(rests, ratio)
    return next(each for each, own in zip(named, rests, strict=True) if own is far)


def farthest(groups: Sequence[_Group], verdict: str, ratio: Callable[[_Group], Estimate | None]) -> _Group:
    """Return the group with the verdict that is shown to be most unlike the reference group."""
    shown = [each for each in that_count(groups) if each.verdict == verdict]
    return most_apart(shown or [each for each in groups if each.verdict != REFERENCE], ratio)


def most_apart(groups: Sequence[_Group], ratio: Callable[[_Group], Estimate | None]) -> _Group:
    """Return the group shown to be most unlike the reference group, by the ends that its verdict uses."""
    compared = [
        None if own is None else replace(own, low=each.simultaneous_low, high=each.simultaneous_high)
        for each, own in ((each, ratio(each)) for each in groups)
    ]
    # Rates of classes tell no rows: each counts alike.
    return groups[most_unlike(compared, [getattr(each, "rows", 1) for each in groups]) or 0]


def sentence(group: Any, settings: TableOptions, comparisons: int) -> str:
    """Return the end of a sentence on a ratio: its interval, and where this lies."""
    low, high = group.simultaneous_low, group.simultaneous_high
    if low is None and high is None:
        ends = "no interval"
    elif high is None:
        ends = f"{low or 0:.3f} or more"
    else:
        ends = f"{low or 0:.3f} to {high:.3f}"
    held = f"{ends} at {100 * settings.level:g}%"
    held += f" for all {comparisons} comparisons at once" * (comparisons > 1)
    band = f"the band from {settings.four_fifths:g} to {1 / settings.four_fifths:g}"
    conclusion = {
        DISPARATE: f"which lies outside {band}",
        IN_BAND: f"which lies within {band}",
    }.get(group.verdict, f"which does not settle whether it is in {band}")
    return f"({held}), {conclusion}."
