"""Plan: the noise of each query by every mechanism and theorem, and the best of them."""

import math
from collections.abc import Callable, Iterable, Sequence

from trivet.errors import UsageError
from trivet.privacy.adjacency import Guarantee, group_privacy
from trivet.privacy.calibration import smallest_factor
from trivet.privacy.composition import likely_factor
from trivet.privacy.planning.charging import let_through, plain, typed
from trivet.privacy.planning.curves import curves_of
from trivet.privacy.planning.explanation import remarks_on, why_best
from trivet.privacy.planning.lines import Line, answers_of, lines_of, require_budget
from trivet.privacy.planning.methods import LABELS, Method, methods_for, wanted_mechanisms
from trivet.privacy.planning.noise import spread
from trivet.privacy.planning.results import (
    GroupConversion,
    Plan,
    PlannedCharge,
    PlannedRelease,
    PlannedRow,
    QueryNoise,
)
from trivet.privacy.planning.settings import AdjacencyName, MechanismName, PlanSettings, QuerySettings
from trivet.privacy.ranges import OutOfReachError

__all__ = ["plan", "plan_queries"]

#: Rows this close, relatively, differ by how their figures were computed.
_TIE = 1e-6

#: Whoever adds up the answers of a plan in another order rounds otherwise, and must not find that it
#: overspends.
_SLACK = 1e-13


def plan_queries(
    settings: PlanSettings, *, curves: bool = False, progress: Callable[[str], None] | None = None
) -> Plan:
    r"""Plan the noise of all queries of a budget, by every requested mechanism and theorem.

    Query i with share :math:`w_i` and sensitivity :math:`S_i` receives noise of scale
    :math:`c\,S_i / w_i`, with the smallest common c at which the theorem proves the budget for the
    whole: L1 sensitivities for Laplace noise, L2 for Gaussian. Protecting groups of m records multiplies
    sensitivities by m, which is tight for additive noise.

    Parameters
    ----------
    settings
        Budget, mechanism and queries; epsilon must be given.
    curves
        Also compute how the spending grows with the questions.
    progress
        Called with a short text as each mechanism begins.

    Returns
    -------
    Plan
        One row a mechanism and theorem; those that cannot be used say why.

    Raises
    ------
    UsageError
        A number is out of range, or none of the requested theorems applies.
    """
    if settings.epsilon is None:
        raise UsageError("a plan needs a budget; give epsilon, the total that may be spent.")
    require_budget(settings)
    lines = lines_of(settings)
    rows: list[PlannedRow] = []
    for mechanism in wanted_mechanisms(settings.mechanism):
        if progress is not None:
            progress(mechanism)
        methods = methods_for(mechanism, lines, delta=settings.delta)
        rows.extend(_row(method, lines, settings, epsilon=settings.epsilon) for method in methods)
    best = _best(rows)
    if curves and progress is not None:
        progress("curves")
    return Plan(
        epsilon=settings.epsilon,
        delta=settings.delta,
        adjacency=settings.adjacency,
        group=settings.group,
        value=settings.value,
        threshold=settings.threshold,
        answers=sum(line.asked.count for line in lines),
        queries=tuple(line.asked for line in lines),
        rows=tuple(rows),
        best=best,
        best_mechanism=rows[best].mechanism,
        best_method=rows[best].method,
        recommended=rows[best],
        why=why_best(rows, best, lines, delta=settings.delta),
        remarks=remarks_on(rows, best, lines, settings, epsilon=settings.epsilon),
        group_conversion=_conversion(settings, epsilon=settings.epsilon),
        curves=curves_of(rows, lines, epsilon=settings.epsilon, delta=settings.delta) if curves else None,
        release=_release(lines, settings),
    )


def _row(method: Method, lines: tuple[Line, ...], settings: PlanSettings, *, epsilon: float) -> PlannedRow:
    if method.obstacle:
        return _unusable(method, method.obstacle)
    try:
        scales = _scales(method, lines, epsilon=epsilon, delta=settings.delta)
        epsilons = [line.asked.l1 / scale for line, scale in zip(lines, scales, strict=True)]
        if method.mechanism == "discrete-laplace":
            epsilons = list(map(float, _charged(method, lines, epsilons, settings)))
            scales = _scales_of(epsilons, lines)
    except OutOfReachError as error:
        return _unusable(method, str(error))
    noises = tuple(
        _noise(*each, method.mechanism, settings) for each in zip(lines, scales, epsilons, strict=True)
    )
    only = noises[0] if len(noises) == 1 else None
    return PlannedRow(
        mechanism=method.mechanism,
        method=method.theorem.method,
        name=method.theorem.name,
        source=method.theorem.source,
        applicable=True,
        reason="",
        epsilon_per_query=only.epsilon_per_query if only else None,
        scale=only.scale if only else None,
        standard_deviation=only.standard_deviation if only else None,
        mean_absolute_error=only.mean_absolute_error if only else None,
        error_bound_95=only.error_bound_95 if only else None,
        exceedance=only.exceedance if only else None,
        typical_deviation=only.standard_deviation if only else _typical(lines, noises),
        queries=noises,
    )


def _typical(lines: tuple[Line, ...], noises: tuple[QueryNoise, ...]) -> float:
    """Geometric mean of the standard deviations of all numbers; 0 where one of them has no noise left."""
    deviations = [noise.standard_deviation for noise in noises]
    if min(deviations) == 0:
        return 0.0
    numbers = sum(line.numbers for line in lines)
    logs = [line.numbers / numbers * math.log(each) for line, each in zip(lines, deviations, strict=True)]
    return math.exp(math.fsum(logs))


def _unusable(method: Method, reason: str) -> PlannedRow:
    return PlannedRow(
        mechanism=method.mechanism,
        method=method.theorem.method,
        name=method.theorem.name,
        source=method.theorem.source,
        applicable=False,
        reason=reason,
        epsilon_per_query=None,
        scale=None,
        standard_deviation=None,
        mean_absolute_error=None,
        error_bound_95=None,
        exceedance=None,
        typical_deviation=None,
        queries=(),
    )


def _scales(method: Method, lines: tuple[Line, ...], *, epsilon: float, delta: float) -> list[float]:
    """Smallest scales, one a line, whose spending as it is computed from them stays within epsilon."""

    def scales_at(factor: float) -> list[float]:
        return [line.noise_at(factor * (1 + _SLACK), mechanism=method.mechanism) for line in lines]

    def spend(factor: float) -> float:
        return method.epsilon(*answers_of(lines, scales_at(factor), mechanism=method.mechanism), delta)

    ratios, counts = answers_of(
        lines,
        [line.noise_at(1.0, mechanism=method.mechanism) for line in lines],
        mechanism=method.mechanism,
    )
    invert = method.theorem.invert
    factor = smallest_factor(
        spend,
        epsilon=epsilon,
        start=likely_factor(epsilon, ratios, counts, delta),
        closed_form=None if invert is None else invert(epsilon, ratios, counts, delta),
    )
    return scales_at(factor)


def _charged(
    method: Method, lines: tuple[Line, ...], epsilons: list[float], settings: PlanSettings
) -> tuple[str, ...]:
    """Round the epsilons of integer noise, which releases add, to such as their ledger lets through."""
    assert settings.epsilon is not None
    budget, theorem = settings.epsilon, method.theorem.method

    def fits(texts: tuple[str, ...]) -> bool:
        if not let_through(texts, lines, settings, pure=theorem == "basic"):
            return False
        ratios, counts = answers_of(lines, _scales_of(map(float, texts), lines), mechanism=method.mechanism)
        # The ledger's own two ways of accounting are exact about decimals; the other theorems are not its.
        return theorem in ("basic", "pld") or method.epsilon(ratios, counts, settings.delta) <= budget

    return typed(epsilons, fits)


def _scales_of(epsilons: Iterable[float], lines: tuple[Line, ...]) -> list[float]:
    return [line.asked.l1 / epsilon * (1 + _SLACK) for line, epsilon in zip(lines, epsilons, strict=True)]


def _release(lines: tuple[Line, ...], settings: PlanSettings) -> PlannedRelease | None:
    """Say what to type where the answers are released, by the ledger's own accounting."""
    pure = settings.delta == 0
    wanted = "basic" if pure else "pld"
    method = next(
        each
        for each in methods_for("discrete-laplace", lines, delta=settings.delta)
        if each.theorem.method == wanted
    )
    assert settings.epsilon is not None
    if settings.group > 1:
        return None
    try:
        scales = _scales(method, lines, epsilon=settings.epsilon, delta=settings.delta)
        epsilons = [line.asked.l1 / scale for line, scale in zip(lines, scales, strict=True)]
        texts = _charged(method, lines, epsilons, settings)
    except OutOfReachError:
        return None
    charges = tuple(
        PlannedCharge(line.asked.name, line.asked.count, text)
        for line, text in zip(lines, texts, strict=True)
    )
    return PlannedRelease(wanted, plain(settings.epsilon), plain(settings.delta), charges)


def _noise(line: Line, scale: float, epsilon: float, mechanism: str, settings: PlanSettings) -> QueryNoise:
    found = spread(mechanism, scale=scale, value=settings.value, threshold=settings.threshold)
    return QueryNoise(
        name=line.asked.name,
        epsilon_per_query=None if mechanism == "gaussian" else epsilon,
        scale=scale,
        standard_deviation=found.standard_deviation,
        mean_absolute_error=found.mean_absolute_error,
        error_bound_95=found.error_bound_95,
        exceedance=found.exceedance,
    )


def _best(rows: list[PlannedRow]) -> int:
    usable = [
        (row.typical_deviation, index) for index, row in enumerate(rows) if row.typical_deviation is not None
    ]
    if not usable:
        reasons = "; ".join(dict.fromkeys(row.reason for row in rows))
        raise UsageError(f"no plan is possible with {_asked(rows)}: {reasons}.")
    least, index = min(usable)
    # Within a mechanism, the first theorem that asks for as much is the simplest to explain.
    return next(
        at
        for deviation, at in usable
        if rows[at].mechanism == rows[index].mechanism and deviation <= least * (1 + _TIE)
    )


def _asked(rows: list[PlannedRow]) -> str:
    return " or ".join(dict.fromkeys(LABELS[row.mechanism] for row in rows))


def _conversion(settings: PlanSettings, *, epsilon: float) -> GroupConversion | None:
    if settings.group == 1:
        return None
    promised = group_privacy(Guarantee(epsilon, settings.delta), size=settings.group)
    return GroupConversion(size=settings.group, epsilon=promised.epsilon, delta=promised.delta)


def plan(
    queries: int | Sequence[QuerySettings],
    *,
    epsilon: float,
    delta: float = 0.0,
    sensitivity: float = 1.0,
    adjacency: AdjacencyName = "add-remove",
    group: int = 1,
    mechanism: MechanismName = "all",
    value: float | None = None,
    threshold: float | None = None,
    curves: bool = False,
) -> Plan:
    """Say how much noise queries need within a budget, as ``trivet privacy plan`` does.

    Parameters
    ----------
    queries
        How many of one `sensitivity`, or a description of each kind.
    epsilon, delta
        The whole budget, above 0 and in [0, 1); 0 asks for pure differential privacy.
    sensitivity
        How far one record moves an answer, in its units; not used where queries are described.
    adjacency
        ``add-remove`` or ``replace-one``: what a neighbouring dataset is.
    group
        Records that are protected together, at least 1.
    mechanism
        ``laplace``, ``discrete-laplace``, ``gaussian`` or ``all``.
    value, threshold
        A true answer, and what the noisy one is compared with.
    curves
        Also how the spending grows with the queries, and how delta falls with epsilon.

    Returns
    -------
    Plan
        The noise by every composition theorem, the best first by name in ``best_method``.

    Raises
    ------
    UsageError
        If a number is out of range, or no theorem applies.
    """
    kinds = (
        (QuerySettings(count=queries, sensitivity=sensitivity),)
        if isinstance(queries, int)
        else tuple(queries)
    )
    try:
        settings = PlanSettings(
            epsilon=epsilon,
            delta=delta,
            adjacency=adjacency,
            group=group,
            mechanism=mechanism,
            value=value,
            threshold=threshold,
            queries=kinds,
        )
    except ValueError as error:
        raise UsageError(f"{error}.") from error
    return plan_queries(settings, curves=curves)
