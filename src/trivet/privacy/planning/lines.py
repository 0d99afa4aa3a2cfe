"""Sensitivity of each line of a plan to one record, or to a group of them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.privacy.adjacency import (
    Adjacency,
    count_sensitivity,
    histogram_sensitivity,
    sum_sensitivity,
)
from trivet.privacy.planning.results import AskedQuery
from trivet.privacy.planning.settings import (
    LARGEST,
    LARGEST_EPSILON,
    MOST_ANSWERS,
    PlanSettings,
    QuerySettings,
)
from trivet.privacy.ranges import require_at_least_one, require_below_one, require_finite, require_positive

__all__ = ["Line", "answers_of", "lines_of", "require_budget"]


@dataclass(frozen=True)
class Line:
    r"""One line of a plan, reduced to what accounting needs.

    One answer moves at most `touched` numbers, each by at most `unit`; for noise that is added to each
    of them, that equals `touched` queries of sensitivity `unit`. Other changes of the same
    L1 size tell less: of two touched cells, moving change from the smaller to the larger spreads the
    Laplace loss further, in the convex order of likelihood ratios.
    """

    asked: AskedQuery
    unit: float
    touched: int
    numbers: int

    def noise_at(self, factor: float, *, mechanism: str) -> float:
        """Scale of each number where the line's share of the budget costs `factor` times its sensitivity."""
        sensitivity = self.asked.l2 if mechanism == "gaussian" else self.asked.l1
        return factor * (sensitivity / self.asked.share)


def lines_of(settings: PlanSettings) -> tuple[Line, ...]:
    """Reduce every query of a plan."""
    require_at_least_one(group=settings.group)
    lines = tuple(
        _line(query, settings, number=number) for number, query in enumerate(settings.queries, start=1)
    )
    total = sum(line.asked.count * line.touched for line in lines)
    if total > MOST_ANSWERS or settings.group > MOST_ANSWERS:
        raise UsageError(f"a plan is made for at most {MOST_ANSWERS:,} answers, found {total:,}.")
    return lines


def require_budget(settings: PlanSettings) -> None:
    """Raise UsageError unless budget, value and threshold are in their ranges, where they are given."""
    if settings.epsilon is not None:
        require_positive(epsilon=settings.epsilon)
        if settings.epsilon > LARGEST_EPSILON:
            raise UsageError(f"epsilon must be at most {LARGEST_EPSILON:g}, not {settings.epsilon!r}.")
    require_below_one(delta=settings.delta)
    if settings.value is not None and settings.threshold is not None:
        require_finite(value=settings.value, threshold=settings.threshold)


def answers_of(
    lines: Iterable[Line], scales: Iterable[float], *, mechanism: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scales at sensitivity 1 and their counts, as `accountants` take them, for one scale a line.

    Integer noise is accounted for as the ledger of releases does: an asking is one answer of its whole
    epsilon, however many numbers one record touches.
    """
    lines = tuple(lines)
    whole = mechanism == "discrete-laplace"
    units = [line.asked.l1 if whole else line.unit for line in lines]
    ratios = [scale / unit for unit, scale in zip(units, scales, strict=True)]
    counts = [line.asked.count * (1 if whole else line.touched) for line in lines]
    return np.array(ratios), np.array(counts, np.int64)


def _line(query: QuerySettings, settings: PlanSettings, *, number: int) -> Line:
    require_at_least_one(count=query.count)
    _require_ordinary(share=query.share)
    if query.scale is not None:
        _require_ordinary(scale=query.scale)
    unit, touched = _moves(query, Adjacency(settings.adjacency))
    unit *= settings.group
    _require_ordinary(sensitivity=unit)
    note = ""
    if query.cells is not None:
        price = "1 single query" if touched == 1 else f"{touched:,} single queries"
        note = f"{query.cells:,} numbers for the price of {price}: one record moves at most {touched:,}"
    asked = AskedQuery(
        name=query.name or f"query {number}",
        count=query.count,
        share=query.share,
        cells=query.cells,
        touches=None if query.cells is None else query.touches or 1,
        l1=unit * touched,
        l2=unit * math.sqrt(touched),
        scale=query.scale,
        note=note,
    )
    return Line(asked=asked, unit=unit, touched=touched, numbers=query.count * (query.cells or 1))


def _moves(query: QuerySettings, adjacency: Adjacency) -> tuple[float, int]:
    """By how much one record moves a number, and how many numbers."""
    if query.sensitivity is not None:
        return query.sensitivity, 1
    if query.cells is not None:
        touched = histogram_sensitivity(adjacency, cells=query.cells, touches=query.touches or 1)
        return 1.0, int(touched)
    if query.bounds is not None:
        least, greatest = query.bounds
        return sum_sensitivity(least, greatest, adjacency, leaves=query.selects), 1
    return count_sensitivity(adjacency), 1


def _require_ordinary(**values: float) -> None:
    require_positive(**values)
    for name, value in values.items():
        if value >= LARGEST:
            raise UsageError(f"{name} must be below {LARGEST:g}, not {value!r}.")
