"""Curves of the privacy loss by number of queries, and of delta by epsilon."""

import math
from collections.abc import Sequence

import numpy as np

from trivet.privacy.planning.deltas import deltas_at
from trivet.privacy.planning.lines import Line, answers_of
from trivet.privacy.planning.methods import Method, methods_for
from trivet.privacy.planning.results import CompositionCurve, DeltaCurve, PlanCurves, PlannedRow
from trivet.privacy.ranges import OutOfReachError

__all__ = ["curves_of"]

#: Whole numbers from one to the last, evenly spread on a logarithmic axis; fewer where they coincide.
_REPEATS = 24
#: A plan of several lines is followed over at least so many rounds, a single query over so many askings.
_AT_LEAST = 10
_EPSILONS = 41


def curves_of(
    rows: Sequence[PlannedRow], lines: tuple[Line, ...], *, epsilon: float, delta: float
) -> PlanCurves:
    """Curves at the noise of the best row of each mechanism."""
    single = len(lines) == 1
    planned = lines[0].asked.count if single else 1
    repeats = _repeats(planned)
    epsilons = tuple(float(each) for each in np.linspace(0.0, 2 * epsilon, _EPSILONS))
    composition: list[CompositionCurve] = []
    deltas: list[DeltaCurve] = []
    for mechanism in dict.fromkeys(row.mechanism for row in rows):
        usable = [row for row in rows if row.mechanism == mechanism and row.typical_deviation is not None]
        if not usable:
            continue
        best = min(usable, key=lambda row: row.typical_deviation or 0.0)
        ratios, counts = answers_of(lines, [query.scale for query in best.queries], mechanism=mechanism)
        once = counts // planned
        for method in methods_for(mechanism, lines, delta=delta):
            if method.obstacle:
                continue
            name, key = method.theorem.name, method.theorem.method
            spent = tuple(_spent(method, ratios, once * times, delta) for times in repeats)
            composition.append(CompositionCurve(mechanism, key, name, spent))
            try:
                left = deltas_at(method.deltas, ratios, counts, epsilons)
            except OutOfReachError:
                continue
            deltas.append(DeltaCurve(mechanism, key, name, left))
    return PlanCurves(
        repeats=repeats,
        repeats_are="queries" if single else "rounds",
        planned=planned,
        composition=tuple(composition),
        epsilons=epsilons,
        deltas=tuple(deltas),
    )


def _repeats(planned: int) -> tuple[int, ...]:
    last = max(2 * planned, _AT_LEAST)
    spaced = {round(float(number)) for number in np.geomspace(1, last, _REPEATS)}
    return tuple(sorted({number for number in spaced if abs(number - planned) > planned / 50} | {planned}))


def _spent(method: Method, ratios: np.ndarray, counts: np.ndarray, delta: float) -> float | None:
    try:
        spent = method.epsilon(ratios, counts, delta)
    except OutOfReachError:
        return None
    return spent if math.isfinite(spent) else None
