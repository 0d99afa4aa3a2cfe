"""Shares of rows by group, and their ratios and differences to a reference: plain counts or weighted ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from trivet.estimate import Estimate
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.intervals.comparisons import (
    TestResult,
    difference_intervals,
    equality_test,
    ratio_intervals,
)
from trivet.fairness.intervals.shares import share_intervals
from trivet.fairness.measures.registry import NO_LABELS
from trivet.fairness.metrics.group_rates import GroupRate

__all__ = ["ALL_ROWS", "Sides", "pooled", "shares_by_group", "unknown"]

#: What the population is called where groups are compared with it.
ALL_ROWS: Final = "all rows"
_BESIDE: Final = ("the group", "all other rows")
#: Which cells are counted, shape (classes, classes), indexed [label, prediction].
Cells = NDArray[np.bool_]
_T = TypeVar("_T", Estimate, TestResult)


#: Of each group, of rows in the cells of a numerator among those of a denominator; of the group compared with
#: the one at a place; and the test whether both are the same.
_Made = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True)
class _Intervals:
    """Source of intervals and tests."""

    shares: _Made
    ratios: _Made
    differences: _Made
    tests: _Made


def _fractions(
    counts: GroupCounts, numerator: Cells, denominator: Cells
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return counts.table[:, numerator].sum(axis=1), counts.table[:, denominator].sum(axis=1)


def _shares(
    counts: GroupCounts, numerator: Cells, denominator: Cells, *, level: float
) -> tuple[Estimate, ...]:
    return share_intervals(*_fractions(counts, numerator, denominator), level=level)


def _ratios(
    counts: GroupCounts, numerator: Cells, denominator: Cells, reference: int, *, level: float
) -> tuple[Estimate, ...]:
    x, n = _fractions(counts, numerator, denominator)
    return ratio_intervals(x, n, x[reference], n[reference], level=level)


def _differences(
    counts: GroupCounts, numerator: Cells, denominator: Cells, reference: int, *, level: float
) -> tuple[Estimate, ...]:
    x, n = _fractions(counts, numerator, denominator)
    return difference_intervals(x, n, x[reference], n[reference], level=level)


def _tests(
    counts: GroupCounts, numerator: Cells, denominator: Cells, reference: int
) -> tuple[TestResult, ...]:
    x, n = (values.tolist() for values in _fractions(counts, numerator, denominator))
    return tuple(equality_test(x[place], n[place], x[reference], n[reference]) for place in range(len(n)))


_PLAIN: Final = _Intervals(_shares, _ratios, _differences, _tests)


def _intervals_of(counts: GroupCounts) -> _Intervals:
    """Choose intervals on counts, or those by the design of the survey where rows have weights."""
    if counts.weights is None:
        return _PLAIN
    from trivet.fairness.intervals import weighted  # noqa: PLC0415 - only weights need it

    return _Intervals(
        weighted.weighted_shares,
        weighted.weighted_ratios,
        weighted.weighted_differences,
        weighted.weighted_equality,
    )


def _cells(rate: GroupRate) -> tuple[Cells, Cells]:
    return np.asarray(rate.selects) > 0, np.asarray(rate.among) > 0


def unknown(level: float, reason: str) -> Estimate:
    """Return an estimate without a figure, and why."""
    return Estimate(None, None, None, level, "none", reason)


def shares_by_group(rate: GroupRate, counts: GroupCounts, *, level: float) -> tuple[Estimate, ...]:
    """Return one share of each group with its interval, or why there is none."""
    if rate.needs_labels and not counts.labelled:
        return (unknown(level, NO_LABELS),) * len(counts.groups)
    found, names = _intervals_of(counts).shares(counts, *_cells(rate), level=level), counts.names
    return tuple(
        each
        if each.value is not None
        else replace(each, reason=rate.reason(counts.table, place, names) or each.reason)
        for place, each in enumerate(found)
    )


def pooled(counts: GroupCounts) -> GroupCounts:
    """Return the counts of all groups together."""
    return _merged(counts, [0] * len(counts.groups), (ALL_ROWS,))


def _merged(counts: GroupCounts, places: Sequence[int], names: Sequence[str]) -> GroupCounts:
    table = np.zeros((len(names), *counts.table.shape[1:]), dtype=np.int64)
    np.add.at(table, list(places), counts.table)
    weights = None if counts.weights is None else counts.weights.merged(places, len(names))
    groups = tuple((name,) for name in names)
    return replace(counts, columns=("rows",), groups=groups, table=table, weights=weights)


@dataclass(frozen=True, eq=False)
class Sides:
    """Groups, and what each of them is compared with.

    Attributes
    ----------
    counts : Of all groups.
    reference : Place of the group that the others are compared with; None for all rows together.
    """

    counts: GroupCounts
    reference: int | None

    @property
    def others(self) -> tuple[int, ...]:
        """Places of the groups that are compared with the reference."""
        return tuple(place for place in range(len(self.counts.groups)) if place != self.reference)

    @property
    def reference_name(self) -> str:
        """Name of the reference."""
        return ALL_ROWS if self.reference is None else self.counts.names[self.reference]

    def ratios(self, rate: GroupRate, *, level: float) -> tuple[Estimate, ...]:
        """Return the share of each group over that of the reference; of the reference itself too."""
        nothing = unknown(level, NO_LABELS)
        return self._compared("ratios", rate, nothing, _to_all, level=level)

    def differences(self, rate: GroupRate, *, level: float) -> tuple[Estimate, ...]:
        """Return the share of the reference minus that of each group; of the reference itself too."""
        nothing = unknown(level, NO_LABELS)
        return self._compared("differences", rate, nothing, _of_rest, level=level)

    def tests(self, rate: GroupRate) -> tuple[TestResult, ...]:
        """Test whether each group has the share of the reference."""
        # A group has the share of all rows exactly where it has that of all others.
        nothing = TestResult(None, "none", NO_LABELS)
        return self._compared("tests", rate, nothing, lambda found, _weight: found)

    def _compared(
        self, kind: str, rate: GroupRate, nothing: _T, to_all: Callable[[_T, float], _T], **options: float
    ) -> tuple[_T, ...]:
        """Compare with the reference, or with the rest and from there with all rows together."""
        if rate.needs_labels and not self.counts.labelled:
            return (nothing,) * len(self.counts.groups)

        def made(counts: GroupCounts, place: int) -> tuple[_T, ...]:
            return getattr(_intervals_of(counts), kind)(counts, *_cells(rate), place, **options)

        if self.reference is not None:
            return made(self.counts, self.reference)
        pairs = map(self._beside_rest, self.others)
        return tuple(to_all(made(two, 1)[0], _weight(two, rate)) for two in pairs)

    def _beside_rest(self, place: int) -> GroupCounts:
        """Return the counts of one group and of all other rows, which are independent of it."""
        places = [int(other != place) for other in range(len(self.counts.groups))]
        return _merged(self.counts, places, _BESIDE)


def _weight(two: GroupCounts, rate: GroupRate) -> float:
    """Return the first group's share w of the rows that the rate is of; intervals take it as fixed."""
    among = two.amounts[:, _cells(rate)[1]].sum(axis=1)
    return float(among[0] / among.sum()) if among.sum() else 0.0


def _to_all(rest: Estimate, weight: float) -> Estimate:
    """Return the ratio to the share of all rows, from that R to the share of the other rows.

    The share of all is w p + (1 - w) p / R, so that the ratio is 1 / (w + (1 - w) / R), which grows with R.
    """

    def changed(ratio: float | None) -> float | None:
        if ratio is None:
            # Without any row elsewhere, or with a share of 0 there, nothing is left but the group's part.
            return 1 / weight if weight else None
        return ratio / (weight * ratio + 1 - weight) if ratio else 0.0

    if rest.value is None and rest.low is None:
        return rest
    return replace(
        rest,
        value=changed(rest.value),
        low=None if rest.low is None else changed(rest.low),
        high=changed(rest.high),
        reason=None if rest.value is None else rest.reason,
    )


def _of_rest(difference: Estimate, weight: float) -> Estimate:
    """Return the difference to the share of all rows, (1 - w) times that to the share of the other rows."""
    value, low, high = (
        None if each is None else (1 - weight) * each
        for each in (difference.value, difference.low, difference.high)
    )
    return replace(difference, value=value, low=low, high=high)
