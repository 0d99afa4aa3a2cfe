"""Sentences of a search for subgroups."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from trivet.fairness.search.results import Detectable, Subgroup
from trivet.wording import listed

__all__ = ["LIMITS", "metric_words", "split_statement", "statement"]

LIMITS: Final = (
    "Subgroups are conjunctions of conditions on the columns listed, in the bins listed; a gap along other "
    "lines was not looked for. A gap is not a cause: columns that the model rightly uses make subgroups with "
    "other rates. The largest gaps are overstated by having been chosen; the intervals allow for it."
)
#: The size that the sentence is about, or else the next larger one.
_SIZE: Final = 0.01


def metric_words(metric: str) -> str:
    """Return the name of a metric as a sentence has it."""
    return metric.replace("_", " ")


def statement(
    found: Sequence[Subgroup],
    beyond: int,
    comparisons: int,
    gaps: Sequence[Detectable],
    *,
    level: float,
    searched: Mapping[str, float],
    whole: bool,
) -> str:
    """Say what was found on all rows, and what would have been.

    `searched` has the least share of its rows that a subgroup was compared by each metric with; `whole` is
    false where some subgroups were left out for their number.
    """
    at = f"at {level:.0%} for all of them at once"
    if comparisons == 0:
        return "No subgroup could be compared: too few rows, or a rate that is 0 or 1 in all of them."
    if not found:
        told = f"None of {comparisons:,} comparisons of a subgroup with the rest shows a difference, {at}."
    else:
        listing = (
            "the strongest is listed, and explains others"
            if len(found) == 1
            else f"the {len(found):,} strongest are listed, and explain others"
        )
        others = "" if beyond == len(found) else f"; {listing}"
        told = (
            f"A difference is shown by {beyond:,} of {comparisons:,} comparisons of a subgroup with the "
            f"rest, {at}{others}. {_strongest(found[0])}"
        )
    return f"{told}{_undetected(gaps, searched, other=bool(found), whole=whole)}"


def split_statement(found: Sequence[Subgroup], proposed: int, comparisons: int, *, level: float) -> str:
    """Say what one half of the rows proposed and the other confirmed."""
    told = (
        f"Of {comparisons:,} comparisons on one half of the rows the strongest, {proposed:,}, were tested on "
        f"the other. Confirmed there by exact tests, at {level:.0%} for all of them at once: {len(found):,}."
    )
    return f"{told} {_strongest(found[0])}" if found else told


def _strongest(first: Subgroup) -> str:
    gap = first.gap
    between = (
        "" if gap.low is None or gap.high is None else f", {100 * gap.low:+.1f} to {100 * gap.high:+.1f}"
    )
    return (
        f"The strongest is of {first.description}: {metric_words(first.metric)} {first.rate:.3f} against "
        f"{first.rest:.3f} of the rest ({100 * gap.number:+.1f} points{between})."
    )


def _undetected(
    gaps: Sequence[Detectable], searched: Mapping[str, float], *, other: bool, whole: bool
) -> str:
    """Say which gaps would have been found four times in five."""
    sizes = sorted({each.share for each in gaps if each.share >= _SIZE})
    if not sizes:
        return ""
    own = [each for each in gaps if each.share == sizes[0]]
    known = [
        f"{100 * each.worst:.1f} points in {metric_words(each.metric)}"
        for each in own
        if each.worst is not None
    ]
    unknown = [metric_words(each.metric) for each in own if each.worst is None]
    told = ""
    if known:
        # Smaller ones were not looked at, whatever their share.
        least = max(sizes[0], *(searched[each.metric] for each in own))
        size = f"{least:.0%}" if least == sizes[0] else f"{math.ceil(1000 * least) / 1000:.1%}"
        looked_at = "" if whole else " that was looked at"
        told = (
            f" {'Apart from these no' if other else 'No'} subgroup{looked_at} with at least {size} of the "
            f"rows that a rate is of differs by {listed(known)} or more, or it would have been found four "
            "times in five."
        )
    if unknown:
        told += f" In {listed(unknown)} not even the largest gap would be found in some of that size."
    return told
