"""Privacy loss of given noise: epsilon at a delta, and delta at an epsilon, by every theorem."""

import math

from trivet.errors import UsageError
from trivet.privacy.planning.deltas import deltas_at
from trivet.privacy.planning.explanation import spoken
from trivet.privacy.planning.lines import Line, answers_of, lines_of, require_budget
from trivet.privacy.planning.methods import LABELS, NEEDS_DELTA, Method, methods_for
from trivet.privacy.planning.results import Spending, SpentRow
from trivet.privacy.planning.settings import PlanSettings
from trivet.privacy.ranges import OutOfReachError

__all__ = ["spending_of"]


def spending_of(settings: PlanSettings) -> Spending:
    """Account for queries whose noise is given, by every theorem.

    Parameters
    ----------
    settings
        Queries with a scale each, one mechanism, and the delta at which epsilon is computed; with an
        epsilon, also the delta at it.

    Returns
    -------
    Spending
        One row a theorem; those that cannot be used say why.

    Raises
    ------
    UsageError
        A scale is missing, the mechanism is ``all``, a number is out of range, or no theorem can be
        used.
    """
    if settings.mechanism == "all":
        raise UsageError(
            "what scales spend depends on the mechanism; "
            "name it: laplace, discrete-laplace or gaussian (--mechanism)."
        )
    require_budget(settings)
    lines = lines_of(settings)
    missing = next((line.asked.name for line in lines if line.asked.scale is None), None)
    if missing is not None:
        raise UsageError(f"what noise spends needs the scale of every query; {missing} has none.")
    methods = methods_for(settings.mechanism, lines, delta=settings.delta)
    rows = tuple(_row(method, lines, settings) for method in methods)
    figures = [row.delta if _asks_delta(settings) else row.epsilon for row in rows]
    usable = [(figure, index) for index, figure in enumerate(figures) if figure is not None]
    if not usable:
        reasons = "; ".join(dict.fromkeys(row.reason for row in rows))
        raise UsageError(f"nothing can be said about {LABELS[settings.mechanism]}: {reasons}.")
    best = min(usable)[1]
    return Spending(
        mechanism=settings.mechanism,
        epsilon=settings.epsilon,
        delta=settings.delta,
        adjacency=settings.adjacency,
        group=settings.group,
        answers=sum(line.asked.count for line in lines),
        queries=tuple(line.asked for line in lines),
        rows=rows,
        best=best,
        best_method=rows[best].method,
        why=_why(rows, best, settings),
        remarks=tuple(f"{line.asked.name}: {line.asked.note}." for line in lines if line.asked.note),
    )


def _asks_delta(settings: PlanSettings) -> bool:
    """Return True if the delta at an epsilon is requested, and not the epsilon at a delta."""
    return settings.epsilon is not None and settings.delta == 0


def _row(method: Method, lines: tuple[Line, ...], settings: PlanSettings) -> SpentRow:
    epsilon, delta, reason = None, None, method.obstacle
    only_delta = reason == NEEDS_DELTA and _asks_delta(settings)
    if only_delta:
        reason = ""
    if not reason:
        scales = [line.asked.scale or math.inf for line in lines]
        ratios, counts = answers_of(lines, scales, mechanism=method.mechanism)
        try:
            epsilon = None if only_delta else method.epsilon(ratios, counts, settings.delta)
            if settings.epsilon is not None:
                (delta,) = deltas_at(method.deltas, ratios, counts, (settings.epsilon,))
        except OutOfReachError as error:
            epsilon, reason = None, str(error)
    if epsilon is not None and not math.isfinite(epsilon):
        epsilon, delta, reason = None, None, "the epsilon is beyond floating point"
    return SpentRow(
        method=method.theorem.method,
        name=method.theorem.name,
        source=method.theorem.source,
        applicable=not reason,
        reason=reason,
        epsilon=epsilon,
        delta=delta,
    )


def _why(rows: tuple[SpentRow, ...], best: int, settings: PlanSettings) -> str:
    chosen = rows[best]
    label = LABELS[settings.mechanism]
    exactly = "exactly" if settings.mechanism == "gaussian" else f"by {spoken(chosen)}"
    if _asks_delta(settings):
        said = f"This {label} keeps epsilon {settings.epsilon:g} at a delta of {chosen.delta:.4g}, {exactly}"
    else:
        said = (
            f"This {label} spends an epsilon of {chosen.epsilon:,.4g} at delta {settings.delta:g}, {exactly}"
        )
    others = sum(row.applicable for row in rows) > 1
    return f"{said}; no other theorem proves less." if others else f"{said}."
