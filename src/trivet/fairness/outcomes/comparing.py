"""Verdicts, references and sentences that audits of other outcomes share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.estimate import Estimate
from trivet.fairness.auditing.groups import judged
from trivet.fairness.auditing.results import REFERENCE
from trivet.fairness.counting.counts import SMALLEST_SHARE
from trivet.fairness.counting.naming import name_of
from trivet.fairness.intervals.shares import holm
from trivet.fairness.outcomes.reading import NumberRows
from trivet.settings import parts_of
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED, rank
from trivet.wording import one_line, quote

__all__ = [
    "adjusted",
    "attributes_of",
    "comparisons_of",
    "counted",
    "reference_of",
    "sentence",
    "verdict_of",
    "worst",
]

_LARGEST: Final = "it is the largest group"


def attributes_of(columns: Sequence[str], values: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield each sensitive column that has two groups or more, and all together where there are several."""
    for place, name in enumerate(columns):
        if len({own[place] for own in values}) > 1:
            yield (name,)
    if len(columns) > 1:
        yield tuple(columns)


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
        return int(np.argmax(sizes)), _LARGEST
    typed = [privileged] if len(named) == 1 else list(parts_of(privileged))
    if len(typed) != len(named):
        raise UsageError(
            f"the privileged group needs a value for each sensitive column, {one_line(', '.join(named))}; "
            f"found {len(typed)}: {quote(privileged)}. Give them in that order, with commas between."
        )
    wanted = tuple(name_of(typed[list(named).index(column)]) or "" for column in columns)
    if wanted not in values:
        known = one_line("; ".join(", ".join(each) for each in values), limit=200)
        raise UsageError(
            f"no row has the privileged value {quote(', '.join(wanted))} in {one_line(', '.join(columns))}; "
            f"there are {known}."
        )
    return list(values).index(wanted), "it was named as privileged"


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


def counted(groups: Sequence[Any]) -> list[Any]:
    """Return the groups that a verdict is about: with two percent of the rows, or shown to be disparate."""
    total = sum(group.rows for group in groups)
    others = [group for group in groups if group.verdict != REFERENCE]
    large = [each for each in others if each.rows >= SMALLEST_SHARE * total or each.verdict == DISPARATE]
    return large if any(each.rows >= SMALLEST_SHARE * total for each in others) else others


def worst(verdicts: Sequence[str]) -> str:
    """Return the worst verdict, ``unsettled`` where there is none."""
    return max(verdicts, key=lambda word: rank(word) or 0, default=UNSETTLED)


def sentence(
    verdict: str,
    low: float | None,
    high: float | None,
    *,
    four_fifths: float,
    level: float,
    comparisons: int,
    write: Callable[[float], str] = "{:.3f}".format,
) -> str:
    """Return the end of a sentence on a ratio: its interval, and where this lies."""
    if low is None and high is None:
        ends = "no interval"
    elif high is None:
        ends = f"{write(low or 0)} or more"
    else:
        ends = f"{write(low or 0)} to {write(high)}"
    held = f"{ends} at {100 * level:g}%" + (f" for all {comparisons} comparisons at once" * (comparisons > 1))
    band = f"the band from {four_fifths:g} to {1 / four_fifths:g}"
    conclusion = {
        DISPARATE: f"which lies outside {band}",
        IN_BAND: f"which lies within {band}",
    }.get(verdict, f"which does not settle whether it is in {band}")
    return f"({held}), {conclusion}."
