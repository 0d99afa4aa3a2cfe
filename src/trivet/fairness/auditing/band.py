"""Groups that a verdict is about, and the distance from parity of the farthest of them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from trivet.estimate import Estimate
from trivet.fairness.auditing.results import REFERENCE, GroupAudit
from trivet.fairness.counting.counts import SMALLEST_SHARE
from trivet.fairness.metrics.comparisons import ROUNDING, band_ends
from trivet.ratios import ratio_figure
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED, rank

__all__ = [
    "below_four_fifths",
    "difference_ends",
    "frontier",
    "judged",
    "judged_between",
    "left_aside",
    "most_unlike",
    "parity",
    "parity_of",
    "that_count",
    "verdict_on",
    "worst_of",
    "worst_verdict",
]


class _Judged(Protocol):
    """A group with a verdict."""

    @property
    def rows(self) -> int: ...

    @property
    def verdict(self) -> str: ...


_Group = TypeVar("_Group", bound=_Judged)


def judged(impact: Estimate, *, four_fifths: float) -> str:
    """Return the verdict: where the whole interval lies, seen from the band [t, 1/t]."""
    return judged_between(impact.low, impact.high, *band_ends(four_fifths))


def judged_between(low: float | None, high: float | None, lowest: float, highest: float) -> str:
    """Return the verdict on an interval, whose ends are None where there are none, by the ends of a band."""
    if (high is not None and high < lowest) or (low is not None and low > highest):
        return DISPARATE
    if low is not None and high is not None and low >= lowest and high <= highest:
        return IN_BAND
    return UNSETTLED


def difference_ends(difference_band: float) -> tuple[float, float]:
    """Return the ends of a band of differences, with the slack of rounding."""
    reach = difference_band * (1 + ROUNDING)
    return -reach, reach


def below_four_fifths(ratio: Estimate, four_fifths: float) -> bool | None:
    """Tell whether by the estimates alone one rate is below t times the other; None where it is unknown."""
    own = parity_of(ratio)
    return None if own is None else own < band_ends(four_fifths)[0]


def most_unlike(
    compared: Sequence[Estimate | None], rows: Sequence[int], *, differences: bool = False
) -> int | None:
    """Return the place of the group shown to be most unlike the reference, by the nearer end of its interval.

    `compared` are ratios, or differences; None for the reference.
    """
    # A handful of rows shows little, whatever its estimate. Where no interval leaves parity out, estimates
    # decide, among groups with at least two percent of the rows if there are such.
    distance, neutral = (abs, 0.0) if differences else (_log_distance, 1.0)
    total = sum(rows)
    ranked = {
        place: (
            _shown_distance(each, distance, neutral),
            rows[place] >= SMALLEST_SHARE * total,
            distance(figure),
        )
        for place, each in enumerate(compared)
        if each is not None
        and (figure := each.value if differences else ratio_figure(each.value, each.low)) is not None
    }
    return max(ranked, key=ranked.__getitem__, default=None)


def _shown_distance(compared: Estimate, distance: Callable[[float], float], neutral: float) -> float:
    """Return how far from parity a figure is at least; 0 where its interval holds parity."""
    if compared.high is not None and compared.high < neutral:
        return distance(compared.high)
    return distance(compared.low) if compared.low is not None and compared.low > neutral else 0.0


def _log_distance(ratio: float) -> float:
    return abs(math.log(ratio)) if ratio > 0 else math.inf


def parity(disparate_impact: float) -> float:
    """Return the smaller of a ratio of rates and its inverse, in [0, 1]: 1 where they are equal."""
    return min(disparate_impact, 1 / disparate_impact) if disparate_impact > 0 else 0.0


def frontier(models: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """Return the models that no other dominates."""
    return tuple(
        name
        for name, own in models.items()
        if not any(other[0] >= own[0] and other[1] >= own[1] and other != own for other in models.values())
    )


def worst_verdict(verdicts: Iterable[str]) -> str:
    """Return the worst of some verdicts."""
    return max(verdicts, key=lambda word: rank(word) or 0, default=UNSETTLED)


def that_count(groups: Sequence[_Group]) -> tuple[_Group, ...]:
    """Return the groups that a verdict is about, without the reference group."""
    # They have two percent of the rows (29 CFR 1607.4(D); Questions and Answers on the Uniform Guidelines,
    # 11), or are shown to be disparate; where no group is so large all of them count.
    total = sum(group.rows for group in groups)
    others = tuple(group for group in groups if group.verdict != REFERENCE)
    large = [group.rows >= SMALLEST_SHARE * total for group in others]
    if not any(large):
        return others
    return tuple(
        group for group, enough in zip(others, large, strict=True) if enough or group.verdict == DISPARATE
    )


def left_aside(groups: Sequence[_Group]) -> tuple[_Group, ...]:
    """Return the groups that are too small to count, and that have rows."""
    counted = that_count(groups)
    return tuple(
        group for group in groups if group.rows and group.verdict != REFERENCE and group not in counted
    )


def verdict_on(groups: Sequence[_Judged]) -> str:
    """Return the worst verdict of the groups that count."""
    return worst_verdict(group.verdict for group in that_count(groups))


def parity_of(impact: Estimate | None) -> float | None:
    """Return the smaller of a ratio of rates and its inverse, in [0, 1]; None where the ratio is unknown."""
    figure = None if impact is None else ratio_figure(impact.value, impact.low)
    return None if figure is None else parity(figure)


def worst_of(groups: Sequence[GroupAudit]) -> GroupAudit | None:
    """Return the group farthest from parity of those that count: parity 0, then unknown, then the rest."""

    def order(group: GroupAudit) -> tuple[float, int]:
        own = parity_of(group.disparate_impact)
        return -0.5 if own is None else -1.0 if own == 0 else own, -group.rows

    return min((group for group in that_count(groups) if group.rows), key=order, default=None)
