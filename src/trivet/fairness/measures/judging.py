"""Verdict on one metric of an attribute, and the sentence that it rests on."""

from collections.abc import Sequence
from typing import Final

from trivet.estimate import UNDEFINED, Estimate
from trivet.fairness.auditing.band import (
    difference_ends,
    judged_between,
    left_aside,
    most_unlike,
    that_count,
    verdict_on,
    worst_verdict,
)
from trivet.fairness.auditing.results import GroupMeasure, MetricAudit
from trivet.fairness.intervals.shares import simultaneous_level
from trivet.fairness.measures.comparing import compare_groups, metric_by_group
from trivet.fairness.measures.registry import SELECTION, Measure
from trivet.fairness.measures.sides import Sides, pooled
from trivet.fairness.metrics.comparisons import band_ends
from trivet.ratios import ratio_figure
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED
from trivet.wording import beside, listed, one_line

__all__ = ["attribute_reason", "audit_metric"]

#: Groups that are named of those left aside.
_SHOWN: Final = 3
_NO_INTERVAL: Final = "(without an interval)"


def audit_metric(
    sides: Sides,
    measure: Measure,
    *,
    four_fifths: float,
    level: float,
    comparisons: int | None = None,
    difference_band: float | None = None,
) -> MetricAudit:
    """Compare groups by one metric, and judge them.

    Parameters
    ----------
    sides
        The groups, and what they are compared with.
    measure
        The metric.
    four_fifths
        Lower end t of the band [t, 1/t] of ratios, in (0, 1].
    level
        Confidence level of each interval, in (0, 1).
    comparisons
        Number of comparisons that have to hold at once; by default those made here.
    difference_band
        The largest difference that counts as parity, where the verdict rests on differences; None for ratios.
    """
    number = comparisons or max(1, len(sides.others))
    groups = compare_groups(
        sides,
        measure,
        four_fifths=four_fifths,
        level=level,
        together=simultaneous_level(level, number),
        difference_band=difference_band,
    )
    farthest = _farthest(groups, difference_band)
    told = _Telling(measure, sides.reference_name, four_fifths, level, number, difference_band)
    return MetricAudit(
        metric=measure.name,
        title=measure.title,
        attribute=" x ".join(sides.counts.columns),
        overall=metric_by_group(measure, pooled(sides.counts), level=level)[0],
        groups=groups,
        most_disparate=None if farthest is None else groups[farthest].group,
        difference_band=difference_band,
        comparisons=number,
        verdict=verdict_on(groups),
        reason=told.reason(groups),
    )


def _farthest(groups: Sequence[GroupMeasure], difference_band: float | None) -> int | None:
    by_difference = difference_band is not None
    compared = [group.difference if by_difference else group.ratio for group in groups]
    return most_unlike(compared, [group.rows for group in groups], differences=by_difference)


class _Telling:
    """Sentence that a verdict rests on: the worst group, and the interval that holds for all."""

    def __init__(
        self,
        measure: Measure,
        reference: str,
        four_fifths: float,
        level: float,
        number: int,
        difference_band: float | None,
    ) -> None:
        self.measure, self.reference = measure, one_line(reference)
        self.number, self.level, self.difference_band = number, level, difference_band
        self.ends = band_ends(four_fifths)
        self.bounds = four_fifths, 1 / four_fifths
        self.band = f"the band from {four_fifths:g} to {1 / four_fifths:g}"
        if difference_band is not None:
            self.ends = difference_ends(difference_band)
            self.bounds = -difference_band, difference_band
            self.band = f"the band from {-difference_band:g} to {difference_band:g}"

    def reason(self, groups: Sequence[GroupMeasure]) -> str:
        compared = that_count(groups)
        verdict = verdict_on(groups)
        concerned = [group for group in compared if group.verdict == verdict]
        if not concerned:
            return f"There is no other group that {self.reference} could be compared with."
        shown = concerned[_farthest(concerned, self.difference_band) or 0]
        if (figures := self._figures(shown)) is None:
            return self._unknown(shown, groups)
        conclusion = {
            DISPARATE: f"which lies outside {self.band}",
            UNSETTLED: f"{self._open(figures)}so these rows do not settle it{self._estimates(compared)}",
            IN_BAND: f"which lies within {self.band}"
            + (", as all others that count do" if len(compared) > 1 else ""),
        }[verdict]
        return f"{figures}, {conclusion}."

    def _figures(self, group: GroupMeasure) -> str | None:
        """Say how a group compares with the reference; None where that is not known."""
        if self.difference_band is not None:
            return self._by_difference(group)
        ratio = group.ratio
        if ratio is None or (ratio.value is None and group.simultaneous_low is None):
            return None
        held = self._held(self._between(group.simultaneous_low, group.simultaneous_high))
        return f"{self._by_ratio(group, ratio)} {held}"

    def _by_ratio(self, group: GroupMeasure, ratio: Estimate) -> str:
        name, title, other = one_line(group.group), self.measure.title, self.reference
        if group.worst is not None:
            return f"{self._differing(group)}, the smaller being {self._told(ratio.value)} times the larger"
        if self.measure.name == SELECTION:
            times = (
                "more often than" if ratio.value is None else f"{self._told(ratio.value)} times as often as"
            )
            return f"{name} is selected {times} {other}"
        if ratio.value is None:
            return f"The {title} of {name} is above that of {other}, which is 0"
        return f"The {title} of {name} is {self._told(ratio.value)} times that of {other}"

    def _by_difference(self, group: GroupMeasure) -> str | None:
        gap, low, high = group.difference, group.difference_low, group.difference_high
        if gap is None or gap.value is None:
            return None
        value, ends = gap.value, None
        if low is not None and high is not None:
            low, high = (low, high) if value >= 0 else (-high, -low)
            ends = f"{self._told(low)} to {self._told(high)}"
        held = self._held(ends)
        if group.worst is not None:
            return f"{self._differing(group)}, by {self._told(value)} {held}"
        side = "below" if value >= 0 else "above"
        of_group = f"The {self.measure.title} of {one_line(group.group)}"
        return f"{of_group} is {self._told(abs(value))} {side} that of {self.reference} {held}"

    def _between(self, low: float | None, high: float | None) -> str | None:
        """Write the ends of the interval of a ratio; nothing where there are none."""
        if high is None:
            return None if low is None else f"{self._told(low)} times or more"
        return f"{self._told(low or 0.0)} to {self._told(high)}"

    def _told(self, value: float | None) -> str:
        """Write a figure so that it stands to the band as the sentence says."""
        if value is None:
            return UNDEFINED
        return beside(value, self.bounds, lambda number: f"{number:.3f}")

    def _differing(self, group: GroupMeasure) -> str:
        several = listed([f"{rate.title}s" for rate in self.measure.rates])
        return f"Of {several} of {one_line(group.group)} and {self.reference} the {group.worst}s differ most"

    def _open(self, figures: str) -> str:
        return "" if figures.endswith(_NO_INTERVAL) else f"which reaches across an end of {self.band}, "

    def _held(self, ends: str | None) -> str:
        if ends is None:
            return _NO_INTERVAL
        number = f" for all {self.number} comparisons at once" if self.number > 1 else ""
        return f"({ends} at {100 * self.level:g}%{number})"

    def _estimates(self, compared: Sequence[GroupMeasure]) -> str:
        """Say where the estimates lie, whatever the intervals."""
        found = [group.ratio if self.difference_band is None else group.difference for group in compared]
        outside = [
            judged_between(figure, figure, *self.ends) == DISPARATE
            for each in found
            if each is not None and (figure := self._figure(each)) is not None
        ]
        if not outside:
            return ""
        if len(outside) == 1:
            return f"; the estimate alone lies {'outside' if outside[0] else 'inside'} it"
        return f"; of {len(outside)} estimates {sum(outside) or 'none'} {_lie(sum(outside))} outside it"

    def _figure(self, compared: Estimate) -> float | None:
        if self.difference_band is not None:
            return compared.value
        return ratio_figure(compared.value, compared.low)

    def _unknown(self, shown: GroupMeasure, groups: Sequence[GroupMeasure]) -> str:
        name, title, other = one_line(shown.group), self.measure.title, self.reference
        nobody = all(group.rate.value in {None, 0.0} for group in groups)
        if self.measure.name == SELECTION and nobody:
            return "Nobody is selected, so that no ratio of selection rates is known."
        compared = shown.ratio if self.difference_band is None else shown.difference
        why = "there is no row of it" if shown.rows == 0 else (compared.reason if compared else None)
        if self.measure.name == SELECTION:
            return f"How often {name} is selected against {other} is not known: {why}."
        return f"How the {title} of {name} compares with that of {other} is not known: {why}."


def _lie(number: int) -> str:
    return "lies" if number == 1 else "lie"


def attribute_reason(measures: Sequence[MetricAudit]) -> str:
    """Say what the worst verdict of some metrics rests on, which others have it, and who is left aside."""
    verdict = worst_verdict(one.verdict for one in measures)
    first, *others = (one for one in measures if one.verdict == verdict)
    also = f" Also disparate: {listed([one.title for one in others])}." if others else ""
    return f"{first.reason}{also if verdict == DISPARATE else ''}{_of_small(left_aside(first.groups))}"


def _of_small(aside: Sequence[GroupMeasure]) -> str:
    """Name the groups that are too small for the verdict."""
    if not aside:
        return ""
    few = sorted(aside, key=lambda group: -group.rows)
    named = [f"{one_line(group.group)} ({group.rows:,} {_rows(group.rows)})" for group in few[:_SHOWN]]
    more = f" and {len(few) - _SHOWN} more" if len(few) > _SHOWN else ""
    return f" Left aside, with less than two percent of the rows: {', '.join(named)}{more}."


def _rows(number: int) -> str:
    return "row" if number == 1 else "rows"
