"""A disparity watched over time, with intervals and an alarm that hold at every look."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.estimate import Estimate
from trivet.fairness.auditing.cautions import caution_counts
from trivet.fairness.intervals.comparisons import ratio_intervals
from trivet.fairness.metrics.comparisons import band_ends
from trivet.fairness.monitoring.looks import Look, read_looks
from trivet.fairness.monitoring.results import FairnessWatch, WatchedGroup, WatchedLook
from trivet.fairness.monitoring.sequences import Tallied, log_e_value, upper_difference, upper_ratio
from trivet.fairness.monitoring.settings import WatchOptions
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED, rank
from trivet.wording import one_line, quote

__all__ = ["METHOD", "watch_looks", "watch_tables"]

METHOD: Final = "confidence sequence (betting)"
#: Part of the error that is kept for groups that appear after the first look.
_KEPT: Final = 0.1
LIMITS: Final = (
    "The intervals are of the average rates over all looks so far and hold together, however often and "
    "whenever one looks; rows need not be independent, and rates may change. A change shows late after many "
    "rows without one. They take rates as they are: who is missing from the rows, and whether labels are "
    "fair, is not in a table. Reference and band should be settled before the first look."
)
_Floats = NDArray[np.float64]


def watch_tables(tables: Sequence[str | Path], options: WatchOptions) -> FairnessWatch:
    """Watch a disparity over several tables, or over the looks of one, as ``trivet fairness watch`` does.

    Parameters
    ----------
    tables
        Files as of trivet fairness, in the order of time; one where `options` divides it.
    options
        Columns, the rate, and the band.

    Returns
    -------
    FairnessWatch
        Earlier looks have the same figures whatever comes after them.

    Raises
    ------
    UsageError, DataError
        Something that was named does not exist, or a table cannot be used.
    """
    counted = read_looks(tables, options)
    found = watch_looks(
        counted.looks,
        data=tuple(Path(table).name for table in tables),
        columns=options.sensitive,
        metric=options.metric,
        prediction=options.prediction or options.score or options.selected,
        label=options.label,
        privileged=options.privileged,
        four_fifths=options.four_fifths,
        difference=options.difference,
        level=options.level,
    )
    cut = options.cut if options.score is not None else None
    return replace(found, cautions=(*counted.cautions, *caution_counts(counted.counts, (), cut=cut)))


def watch_looks(
    looks: Sequence[Look],
    *,
    data: tuple[str, ...] = (),
    columns: tuple[str, ...] = (),
    metric: str = WatchOptions.metric,
    prediction: str | None = None,
    label: str | None = None,
    privileged: str | None = None,
    four_fifths: float = WatchOptions.four_fifths,
    difference: float | None = None,
    level: float = WatchOptions.level,
) -> FairnessWatch:
    """Watch a disparity over counted looks, in their order."""
    if not looks:
        raise DataError("there is no look; name a table.")
    reference, why = _reference(looks, privileged)
    names = list(dict.fromkeys(name for look in looks for name in look.tallies if name != reference))
    if not names:
        raise DataError(f"there is only one group, {quote(reference)}; two or more are compared.")
    errors = _errors(names, looks[0], 1 - level)
    band = _Band(four_fifths, difference)
    groups = tuple(
        _watched(looks, name, reference, band=band, error=error, level=level)
        for name, error in zip(names, errors, strict=True)
    )
    order = [look.name for look in looks]
    alarms = [group.first_alarm for group in groups if group.first_alarm is not None]
    verdict = max((group.verdict for group in groups), key=lambda word: rank(word) or 0)
    return FairnessWatch(
        data=data,
        columns=columns,
        metric=metric,
        prediction=prediction,
        label=label,
        looks=tuple(order),
        rows=tuple(look.rows for look in looks),
        reference=reference,
        reference_why=why,
        four_fifths=four_fifths,
        difference=difference,
        level=level,
        groups=groups,
        first_alarm=min(alarms, key=order.index, default=None),
        verdict=verdict,
        reason=_reason(groups, reference, verdict, band, len(looks), level),
        limits=LIMITS,
    )


def _reference(looks: Sequence[Look], privileged: str | None) -> tuple[str, str]:
    """Return the group that the others are compared with, which no outcome may decide."""
    named = dict.fromkeys(name for look in looks for name in look.tallies)
    if privileged is not None:
        plain = {name.replace(", ", ","): name for name in named}
        found = plain.get(privileged.replace(", ", ","))
        if found is None:
            raise UsageError(
                f"no group is {quote(privileged)}; there are {one_line(', '.join(named), limit=200)}."
            )
        return found, "it was named"
    sizes = {name: rows for name, (rows, _) in looks[0].tallies.items()}
    if not sizes:
        raise DataError("the first look has no row; leave it out.")
    return max(sizes, key=lambda name: sizes[name]), "it is the largest group of the first look"


def _errors(names: Sequence[str], first: Look, error: float) -> list[float]:
    """Divide the probability of a miss, so that no later group changes the part of an earlier one."""
    early = sum(name in first.tallies for name in names)
    late = 0
    found: list[float] = []
    for name in names:
        if name in first.tallies:
            found.append((1 - _KEPT) * error / early)
        else:
            late += 1
            # The parts 1/2, 1/6, 1/12, ... add up to 1.
            found.append(_KEPT * error / (late * (late + 1)))
    return found


class _Band:
    """A band of ratios, or one of differences, that a disparity may lie in."""

    def __init__(self, four_fifths: float, difference: float | None) -> None:
        self.low, self.high = band_ends(four_fifths)
        self.difference = difference

    def side(self, ratio: Estimate, difference: Estimate) -> str:
        """Return the verdict of one look's intervals."""
        found, low, high = (
            (ratio, self.low, self.high)
            if self.difference is None
            else (difference, -self.difference, self.difference)
        )
        if (found.high is not None and found.high < low) or (found.low is not None and found.low > high):
            return DISPARATE
        if found.low is not None and found.high is not None and found.low >= low and found.high <= high:
            return IN_BAND
        return UNSETTLED

    def log_e(self, reference: Tallied, group: Tallied) -> _Floats:
        """Return the evidence against all rates within the band."""
        free = reference.lowest + group.lowest
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = group.lowest_at - reference.lowest_at
            if self.difference is not None:
                below, above = apart < -self.difference, apart > self.difference
                edges = [{"shift": -self.difference}, {"shift": self.difference}]
            else:
                below = group.lowest_at < self.low * reference.lowest_at
                above = group.lowest_at > self.high * reference.lowest_at
                edges = [{"slope": self.low}, {"slope": self.high}]
        at_low, at_high = (log_e_value(reference, group, **edge) for edge in edges)
        return np.where(below, at_low, np.where(above, at_high, free))


def _watched(
    looks: Sequence[Look],
    name: str,
    reference: str,
    *,
    band: _Band,
    error: float,
    level: float,
) -> WatchedGroup:
    start = next(place for place, look in enumerate(looks) if name in look.tallies)
    shown = looks[start:]
    own, other = (_added_up(looks, group)[start:] for group in (name, reference))
    group, base = (Tallied.of(each[:, 1], each[:, 0]) for each in (own, other))
    ratio_high = upper_ratio(base, group, error=error)
    ratio_low = _inverse(upper_ratio(group, base, error=error))
    least = -upper_difference(base, group, error=error)
    most = upper_difference(group, base, error=error)
    equal, outside = log_e_value(base, group), band.log_e(base, group)
    counts = [each[:, place].astype(np.int64) for each in (own, other) for place in (1, 0)]
    alone = ratio_intervals(*counts, level=level)
    found: list[WatchedLook] = []
    for place, look in enumerate(shown):
        rates = [_share(x, n) for n, x in (own[place], other[place])]
        known = rates[0] is not None and rates[1] is not None
        ratio = _estimate(alone[place].value, ratio_low[place], ratio_high[place], level)
        apart = (rates[1] or 0.0) - (rates[0] or 0.0) if known else None
        difference = _estimate(apart, least[place], most[place], level)
        rows, successes = look.tallies.get(name, (0, 0))
        found.append(
            WatchedLook(
                look=look.name,
                rows=rows,
                successes=successes,
                rate=rates[0],
                reference_rate=rates[1],
                ratio=ratio,
                difference=difference,
                alone=alone[place],
                log_e_equal=float(equal[place]),
                log_e_band=float(outside[place]),
                alarm=band.side(ratio, difference) == DISPARATE,
            )
        )
    first = next((each.look for each in found if each.alarm), None)
    last = band.side(found[-1].ratio, found[-1].difference)
    return WatchedGroup(
        group=name,
        error=error,
        looks=tuple(found),
        first_alarm=first,
        # By the group's part of the error, which no later group changes: so it holds whenever one stops.
        p_value=min(1.0, (1 - level) / error * math.exp(-max(0.0, float(equal.max())))),
        verdict=DISPARATE if first is not None else last,
    )


def _added_up(looks: Sequence[Look], name: str) -> NDArray[np.int64]:
    """Return rows and successes of a group up to each look, shape (looks, 2)."""
    return np.cumsum([look.tallies.get(name, (0, 0)) for look in looks], axis=0)


def _inverse(ratios: _Floats) -> _Floats:
    with np.errstate(divide="ignore"):
        return 1 / ratios


def _share(successes: int, rows: int) -> float | None:
    return float(successes / rows) if rows else None


def _estimate(value: float | None, low: float, high: float, level: float) -> Estimate:
    reason = None if math.isfinite(high) else "the reference's rate may be 0: the ratio has no upper bound"
    if value is None and reason is None:
        reason = "a rate is of no row, or both are 0"
    return Estimate(value, float(low), float(high) if math.isfinite(high) else None, level, METHOD, reason)


def _reason(
    groups: Sequence[WatchedGroup], reference: str, verdict: str, band: _Band, looks: int, level: float
) -> str:
    """Say what the verdict rests on: the first alarm, or the group nearest to one."""
    concerned = [group for group in groups if group.verdict == verdict]
    what = "ratio" if band.difference is None else "difference (reference minus group)"
    limits = (band.low, band.high) if band.difference is None else (-band.difference, band.difference)
    within = f"the band from {limits[0]:g} to {limits[1]:g}"
    held = f"with all groups and looks at {100 * level:g}%"
    if verdict == DISPARATE:
        shown = min(
            concerned, key=lambda group: [each.look for each in group.looks].index(group.first_alarm or "")
        )
        at = next(each for each in shown.looks if each.alarm)
        ends = _ends(at.ratio if band.difference is None else at.difference)
        return (
            f"{one_line(shown.group)} against {one_line(reference)}: at {one_line(at.look)} the interval of "
            f"the {what}, {ends} {held}, left {within}."
        )
    shown = max(concerned, key=lambda group: group.looks[-1].log_e_band)
    at = shown.looks[-1]
    ends = _ends(at.ratio if band.difference is None else at.difference)
    told = "lies within" if verdict == IN_BAND else "reaches across an end of"
    return (
        f"No alarm in {looks:,} {'look' if looks == 1 else 'looks'}. The last interval of the {what} of "
        f"{one_line(shown.group)} against {one_line(reference)}, {ends} {held}, {told} {within}."
    )


def _ends(found: Estimate) -> str:
    low = 0.0 if found.low is None else found.low
    return f"{low:.3f} or more" if found.high is None else f"{low:.3f} to {found.high:.3f}"
