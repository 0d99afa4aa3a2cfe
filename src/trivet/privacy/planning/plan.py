"""Plan: the noise of each query by every mechanism and theorem, and the best of them."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction

import numpy as np

from trivet.errors import UsageError
from trivet.privacy.accountants import smallest_factor
from trivet.privacy.adjacency import Guarantee, OutOfReachError, group_privacy
from trivet.privacy.planning.deltas import (
    LABELS,
    NEEDS_DELTA,
    Line,
    Method,
    answers_of,
    deltas_at,
    lines_of,
    methods_for,
    spread,
    wanted_mechanisms,
)
from trivet.privacy.planning.results import (
    CompositionCurve,
    DeltaCurve,
    GroupConversion,
    Plan,
    PlanCurves,
    PlannedCharge,
    PlannedRelease,
    PlannedRow,
    QueryNoise,
    Spending,
    SpentRow,
)
from trivet.privacy.planning.settings import (
    AdjacencyName,
    MechanismName,
    PlanOptions,
    PlanSettings,
    QuerySettings,
)
from trivet.privacy.planning.theorems import advanced_pays_from, likely_factor, theorem_of
from trivet.privacy.releases.amounts import in_short, rounded
from trivet.privacy.releases.charges import Charge, fits_basic, fits_pld
from trivet.wording import listed

__all__ = ["plan", "plan_queries", "spending_of"]

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


#: Standard deviations closer than this, relatively, are the same for every purpose.
_SAME = 1e-3

#: Of what was computed in a different order.
_ROUNDING = 1e-9


def why_best(rows: Sequence[PlannedRow], best: int, lines: tuple[Line, ...], *, delta: float) -> str:
    """Say in one sentence why row `best` needs the least noise."""
    chosen = rows[best]
    deviation = _deviation(chosen)
    subject = f"{_capital(LABELS[chosen.mechanism])}, accounted for {_spoken_by(chosen)},"
    measure = "standard deviation" if len(lines) == 1 else "typical standard deviation"
    rivals = [row for row in rows if row.typical_deviation is not None and row is not chosen]
    others = [row for row in rivals if row.mechanism != chosen.mechanism]
    compared = min(others or rivals, key=_deviation, default=None)
    if compared is None:
        return f"{subject} is all that can be used here; its {measure} is {_figure(deviation)}."
    merit = theorem_of(chosen.method).merit
    if delta == 0:
        merit = "without a delta epsilons simply add up, whatever the theorem"
    elif compared.mechanism == "gaussian":
        merit = "the answers are too few for the square root in the Gaussian's loss to pay"
    rival = LABELS[compared.mechanism] if others else spoken(compared)
    verb = "needs" if others else "asks for"
    than = f"where {rival} {verb} {_figure(_deviation(compared))}"
    if _deviation(compared) <= deviation * (1 + _SAME):
        than = f"hardly less than {rival}"
    return f"{subject} has the least {measure}, {_figure(deviation)}, {than}: {merit}."


def spoken(row: PlannedRow | SpentRow) -> str:
    """Return a theorem as it stands in a sentence."""
    return theorem_of(row.method).spoken or row.name


def _spoken_by(row: PlannedRow) -> str:
    """Return how a row is accounted for."""
    return "exactly" if row.mechanism == "gaussian" else f"by {spoken(row)}"


def remarks_on(
    rows: Sequence[PlannedRow], best: int, lines: tuple[Line, ...], settings: PlanSettings, *, epsilon: float
) -> tuple[str, ...]:
    """Say what is surprising: a clever theorem that loses to the crudest, and what a vector costs."""
    remarks: list[str] = []
    # Theorems on pure mechanisms give the same scale for both kinds of Laplace noise: the first is described.
    first = [row for row in rows if row.mechanism == rows[0].mechanism and row.applicable]
    basic = next((row for row in first if row.method == "basic"), None)
    if basic is not None:
        losing = [row for row in first if _deviation(row) > _deviation(basic) * (1 + _ROUNDING)]
        if losing:
            remarks.append(_beaten(losing, lines, settings, epsilon=epsilon))
    remarks.extend(_by_mean_error(rows, rows[best]))
    if rows[best].mechanism == "discrete-laplace":
        remarks.append("Integer noise is for answers that are whole numbers; others take Laplace noise.")
    remarks.extend(f"{line.asked.name}: {line.asked.note}." for line in lines if line.asked.note)
    if settings.group > 1:
        remarks.append(
            f"Sensitivities are {settings.group:,} times those of one record: tight for additive noise."
        )
    return tuple(remarks)


def _by_mean_error(rows: Sequence[PlannedRow], best: PlannedRow) -> list[str]:
    """Tell where Laplace noise has the larger deviation, by its longer tails, but the smaller mean error."""
    here = best.mean_absolute_error
    if best.mechanism != "gaussian" or here is None:
        return []
    error, mechanism = min(
        (row.mean_absolute_error, row.mechanism) for row in rows if row.mean_absolute_error is not None
    )
    if error >= here * (1 - _SAME):
        return []
    said = f"By mean absolute error {LABELS[mechanism]} is better here"
    return [f"{said}: {_figure(error)} against {_figure(here)}; its tails are longer."]


def _beaten(
    losing: Sequence[PlannedRow], lines: tuple[Line, ...], settings: PlanSettings, *, epsilon: float
) -> str:
    names = [spoken(row) for row in losing]
    said = f"{_capital(listed(names))} {'asks' if len(names) == 1 else 'ask'} for more noise than basic here"
    if len(lines) == 1 and lines[0].touched == 1 and any(row.method == "advanced" for row in losing):
        pays = advanced_pays_from(epsilon=epsilon, delta=settings.delta)
        return f"{said}: advanced composition pays from k = {pays:,} on."
    return f"{said}: there are too few answers for that to pay."


def _deviation(row: PlannedRow) -> float:
    assert row.typical_deviation is not None
    return row.typical_deviation


def _figure(value: float) -> str:
    """Four digits, or all before the point."""
    return f"{value:,.0f}" if 1e4 <= value < 1e9 else f"{value:,.4g}"  # noqa: PLR2004 - widths of a figure


def _capital(text: str) -> str:
    """Begin a sentence with a word; a name such as zCDP stays as it is written."""
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


#: Digits of an epsilon that is typed: the last one costs a thousandth of the noise at most.
_DIGITS = 4
#: An epsilon that misses its decimal by the rounding of a calculation is that decimal, if it fits.
_FACTORS = (1 + 1e-9, 1 - 1e-9, 1 - 1e-5, 1 - 1e-4, 1 - 1e-3)


def typed(epsilons: Sequence[float], fits: Callable[[tuple[str, ...]], bool]) -> tuple[str, ...]:
    """Round epsilons down to a few digits, so that all of them together fit."""
    for factor in _FACTORS:
        texts = tuple(rounded(epsilon * factor, _DIGITS, upwards=False) for epsilon in epsilons)
        if fits(texts):
            return texts
    raise OutOfReachError("no epsilons of four digits stay within the budget")


def let_through(texts: Sequence[str], lines: Sequence[Line], settings: PlanSettings, *, pure: bool) -> bool:
    """Return whether a ledger of the plan's budget lets all answers through, as it would decide."""
    charges = [
        Charge(_decimal(text) * line.asked.count, Fraction(0), line.asked.count)
        for text, line in zip(texts, lines, strict=True)
    ]
    budget = _budget(settings)
    return fits_basic(charges, budget) if pure else fits_pld(charges, budget)


def gaussian_let_through(texts: Sequence[str], lines: Sequence[Line], settings: PlanSettings) -> bool:
    """Return the same of Gaussian answers, each of a rho."""
    charges = [
        Charge(Fraction(0), Fraction(0), rho=_decimal(text) * line.asked.count)
        for text, line in zip(texts, lines, strict=True)
    ]
    return fits_pld(charges, _budget(settings))


def _budget(settings: PlanSettings) -> Charge:
    return Charge(_decimal(settings.epsilon), _decimal(settings.delta))


def _decimal(number: object) -> Fraction:
    """Return what the shortest decimal of a number means, as a ledger reads it."""
    return Fraction(Decimal(str(number)))


#: Rows this close, relatively, differ by how their figures were computed.
_TIE = 1e-6

#: Whoever adds up the answers of a plan in another order rounds otherwise, and must not find that it
#: overspends.
_SLACK = 1e-13
#: What a row tells of its only line.
_FIGURES = tuple(each.name for each in fields(QueryNoise) if each.name != "name")


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
        release=_release(lines, rows[best], settings),
    )


def _row(method: Method, lines: tuple[Line, ...], settings: PlanSettings, *, epsilon: float) -> PlannedRow:
    if method.obstacle:
        return _planned(method, method.obstacle)
    try:
        scales = _scales(method, lines, epsilon=epsilon, delta=settings.delta)
        epsilons = [line.asked.l1 / scale for line, scale in zip(lines, scales, strict=True)]
        if method.mechanism == "discrete-laplace":
            epsilons = list(map(float, _charged(method, lines, epsilons, settings)))
            scales = _scales_of(epsilons, lines)
    except OutOfReachError as error:
        return _planned(method, str(error))
    noises = tuple(
        _noise(*each, method.mechanism, settings) for each in zip(lines, scales, epsilons, strict=True)
    )
    return _planned(method, "", noises, lines)


def _planned(
    method: Method, reason: str, noises: tuple[QueryNoise, ...] = (), lines: tuple[Line, ...] = ()
) -> PlannedRow:
    """Return a row of the plan; without noises it says why there are none."""
    only = noises[0] if len(noises) == 1 else None
    figures: dict[str, float | None] = {name: getattr(only, name, None) for name in _FIGURES}
    return PlannedRow(
        mechanism=method.mechanism,
        method=method.theorem.method,
        name=method.theorem.name,
        source=method.theorem.source,
        applicable=not reason,
        reason=reason,
        **figures,
        typical_deviation=_typical(lines, noises) if noises else None,
        queries=noises,
    )


def _typical(lines: tuple[Line, ...], noises: tuple[QueryNoise, ...]) -> float:
    """Geometric mean of the standard deviations of all numbers; 0 where one of them has no noise left."""
    deviations = [noise.standard_deviation for noise in noises]
    if len(noises) == 1:
        return deviations[0]
    if min(deviations) == 0:
        return 0.0
    numbers = sum(line.numbers for line in lines)
    logs = [line.numbers / numbers * math.log(each) for line, each in zip(lines, deviations, strict=True)]
    return math.exp(math.fsum(logs))


def _scales(method: Method, lines: tuple[Line, ...], *, epsilon: float, delta: float) -> list[float]:
    """Smallest scales, one a line, whose spending as it is computed from them stays within epsilon."""

    def scales_at(factor: float) -> list[float]:
        return [line.noise_at(factor * (1 + _SLACK), mechanism=method.mechanism) for line in lines]

    def spend(factor: float) -> float:
        return method.epsilon(*answers_of(lines, scales_at(factor), mechanism=method.mechanism), delta)

    ratios, counts = answers_of(
        lines, [line.noise_at(1.0, mechanism=method.mechanism) for line in lines], mechanism=method.mechanism
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


def _release(lines: tuple[Line, ...], best: PlannedRow, settings: PlanSettings) -> PlannedRelease | None:
    """Say what to type where the answers are released, with the noise of the best row that releases draw."""
    if settings.group > 1:
        return None
    try:
        charged = _gaussian_charges(lines, best, settings) if best.mechanism == "gaussian" else ()
        charges = charged or _laplace_charges(lines, settings)
    except OutOfReachError:
        return None
    return PlannedRelease(
        mechanism="discrete-laplace" if charges[0].rho is None else "discrete-gaussian",
        accounting="basic" if settings.delta == 0 else "pld",
        epsilon=in_short(Decimal(str(settings.epsilon))),
        delta=in_short(Decimal(str(settings.delta))),
        queries=charges,
    )


def _laplace_charges(lines: tuple[Line, ...], settings: PlanSettings) -> tuple[PlannedCharge, ...]:
    wanted = "basic" if settings.delta == 0 else "pld"
    methods = methods_for("discrete-laplace", lines, delta=settings.delta)
    method = next(each for each in methods if each.theorem.method == wanted)
    assert settings.epsilon is not None
    scales = _scales(method, lines, epsilon=settings.epsilon, delta=settings.delta)
    epsilons = [line.asked.l1 / scale for line, scale in zip(lines, scales, strict=True)]
    texts = _charged(method, lines, epsilons, settings)
    return tuple(
        PlannedCharge(line.asked.name, line.asked.count, text, None)
        for line, text in zip(lines, texts, strict=True)
    )


def _gaussian_charges(
    lines: tuple[Line, ...], row: PlannedRow, settings: PlanSettings
) -> tuple[PlannedCharge, ...]:
    """Return the rho of the row's noise, which the ledger accounts for as the row does."""
    rhos = [(line.asked.l2 / noise.scale) ** 2 / 2 for line, noise in zip(lines, row.queries, strict=True)]
    texts = typed(rhos, lambda texts: gaussian_let_through(texts, lines, settings))
    return tuple(
        PlannedCharge(line.asked.name, line.asked.count, None, text)
        for line, text in zip(lines, texts, strict=True)
    )


def _noise(line: Line, scale: float, epsilon: float, mechanism: str, settings: PlanSettings) -> QueryNoise:
    found = spread(mechanism, scale=scale, value=settings.value, threshold=settings.threshold)
    each = None if mechanism == "gaussian" else epsilon
    return QueryNoise(name=line.asked.name, epsilon_per_query=each, scale=scale, **vars(found))


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
    delta: float = PlanOptions.delta,
    sensitivity: float = 1.0,
    adjacency: AdjacencyName = PlanOptions.adjacency,
    group: int = PlanOptions.group,
    mechanism: MechanismName = PlanOptions.mechanism,
    value: float | None = None,
    threshold: float | None = None,
    curves: bool = False,
) -> Plan:
    """Compute how much noise queries need within a budget, as ``trivet privacy plan`` does.

    Parameters
    ----------
    queries
        How many of one `sensitivity`, or a description of each kind.
    epsilon, delta
        The whole budget, above 0 and in [0, 1); delta 0 is pure differential privacy.
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
        Also compute how the spending grows with the queries, and how delta falls with epsilon.

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
    return plan_queries(settings, curves=curves)


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
    lines = lines_of(settings)
    missing = next((line.asked.name for line in lines if line.asked.scale is None), None)
    if missing is not None:
        raise UsageError(f"what noise spends needs the scale of every query; {missing} has none.")
    methods = methods_for(settings.mechanism, lines, delta=settings.delta)
    rows = tuple(_spent_row(method, lines, settings) for method in methods)
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


def _spent_row(method: Method, lines: tuple[Line, ...], settings: PlanSettings) -> SpentRow:
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
