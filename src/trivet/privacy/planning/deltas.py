"""Lines of a plan, the theorems that account for them, and the delta that they leave at an epsilon."""

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.privacy import accountants, laplace
from trivet.privacy.accountants import Counts as AnswerCounts
from trivet.privacy.accountants import Scales
from trivet.privacy.adjacency import (
    Adjacency,
    OutOfReachError,
    count_sensitivity,
    histogram_sensitivity,
    sum_sensitivity,
)
from trivet.privacy.planning.results import AskedQuery
from trivet.privacy.planning.settings import (
    MECHANISMS,
    MOST_ANSWERS,
    Magnitude,
    MechanismName,
    PlanSettings,
    QuerySettings,
)
from trivet.privacy.planning.theorems import THEOREMS, Theorem, theorem_of
from trivet.settings import Positive, require

__all__ = [
    "LABELS",
    "NEEDS_DELTA",
    "Line",
    "Method",
    "answers_of",
    "deltas_at",
    "lines_of",
    "methods_for",
    "spread",
    "wanted_mechanisms",
]


@dataclass(frozen=True)
class Line:
    """One line of a plan: one answer moves at most `touched` numbers, each by at most `unit`."""

    # With noise on each number that is `touched` queries of sensitivity `unit`. Other changes of the same L1
    # size tell less: moving change to a larger cell spreads the Laplace loss, in the convex order.

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
    lines = tuple(
        _line(query, settings, number=number) for number, query in enumerate(settings.queries, start=1)
    )
    total = sum(line.asked.count * line.touched for line in lines)
    if total > MOST_ANSWERS:
        raise UsageError(f"a plan is made for at most {MOST_ANSWERS:,} answers, found {total:,}.")
    return lines


def answers_of(
    lines: Iterable[Line], scales: Iterable[float], *, mechanism: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scales at sensitivity 1 and counts, as `accountants` take them; an integer asking is one answer."""
    lines = tuple(lines)
    whole = mechanism == "discrete-laplace"
    units = [line.asked.l1 if whole else line.unit for line in lines]
    ratios = [scale / unit for unit, scale in zip(units, scales, strict=True)]
    counts = [line.asked.count * (1 if whole else line.touched) for line in lines]
    return np.array(ratios), np.array(counts, np.int64)


def _line(query: QuerySettings, settings: PlanSettings, *, number: int) -> Line:
    unit, touched = _moves(query, Adjacency(settings.adjacency))
    unit *= settings.group
    require(Magnitude, sensitivity=unit)
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


#: Why a theorem that is not about pure privacy has no epsilon at a delta of 0.
NEEDS_DELTA = "needs delta > 0"
#: Mechanisms as they stand in a sentence.
LABELS = {
    "laplace": "Laplace noise",
    "discrete-laplace": "integer (discrete Laplace) noise",
    "gaussian": "Gaussian noise",
}


@contextmanager
def lost_in_floating_point() -> Generator[None]:
    """Turn what NumPy and the accountants raise far outside every sensible range into one reason."""
    try:
        with np.errstate(all="ignore"):
            yield
    except (ArithmeticError, IndexError, ValueError) as error:
        raise OutOfReachError("the figure is lost in floating point") from error


@dataclass(frozen=True)
class Method:
    """A theorem for one mechanism and one set of lines, or the `obstacle` to it, empty without."""

    mechanism: str
    theorem: Theorem
    spend: Callable[[Scales, AnswerCounts, float], float]
    deltas: str
    obstacle: str

    def epsilon(self, scale: Scales, queries: AnswerCounts, delta: float) -> float:
        """Return the total epsilon, infinite where it overflows."""
        with lost_in_floating_point():
            spent = self.spend(scale, queries, delta)
            if math.isnan(spent):
                raise FloatingPointError
        return spent


def wanted_mechanisms(mechanism: MechanismName) -> tuple[MechanismName, ...]:
    """Return the mechanisms that a name stands for."""
    return MECHANISMS if mechanism == "all" else (mechanism,)


def methods_for(mechanism: str, lines: tuple[Line, ...], *, delta: float) -> tuple[Method, ...]:
    """Return every theorem for one mechanism, from the crudest to the tightest."""
    # A theorem on pure mechanisms holds for both kinds of Laplace noise; Renyi privacy's loss is continuous
    # noise's. Integer noise is accounted for as the ledger of releases does it.
    family = "gaussian" if mechanism == "gaussian" else "laplace"
    return tuple(
        _method(theorem, mechanism, lines, delta=delta) for theorem in THEOREMS if theorem.mechanism == family
    )


def _method(theorem: Theorem, mechanism: str, lines: tuple[Line, ...], *, delta: float) -> Method:
    spend, deltas, obstacle = theorem.spend, theorem.method, ""
    if delta == 0 and theorem.method != "basic":
        obstacle = NEEDS_DELTA
    if mechanism == "discrete-laplace":
        uneven = next((line for line in lines if not float(line.unit).is_integer()), None)
        if uneven is not None:
            obstacle = f"integer noise needs an integer sensitivity, not {uneven.unit!r}"
        elif theorem.method == "rdp" and not obstacle:
            obstacle = "the formula is for continuous Laplace noise"
        if theorem.method == "pld":
            spend, deltas = accountants.whatever_noise, "optimal_exact"
    return Method(mechanism, theorem, spend, deltas, obstacle)


Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def deltas_at(
    method: str, ratios: Floats, counts: Counts, epsilons: Sequence[float]
) -> tuple[float | None, ...]:
    """Delta that answers leave at every epsilon, by one theorem."""
    with lost_in_floating_point():
        found = theorem_of(method).deltas(ratios, counts, np.asarray(epsilons, np.float64))
        if np.isnan(found).any():
            raise FloatingPointError
    return tuple(float(delta) if delta < 1 else None for delta in np.maximum(found, 0.0).tolist())


#: Share of answers outside `Spread.error_bound_95`.
_OUTSIDE = 0.05
#: The 0.975 quantile of the standard normal distribution.
_NORMAL_QUANTILE = 1.959963984540054
#: From this scale on one more or less is far below the precision of the logarithm.
_ROUNDED_FROM = 1e9


@dataclass(frozen=True)
class Spread:
    """Distance of one noisy answer from the true one, as in `results.QueryNoise`."""

    standard_deviation: float
    mean_absolute_error: float
    error_bound_95: float
    exceedance: float | None


def spread(
    mechanism: str, *, scale: float, value: float | None = None, threshold: float | None = None
) -> Spread:
    """Spread of one answer."""
    require(Positive, scale=scale)
    excess = None if value is None or threshold is None else threshold - value
    if mechanism == "laplace":
        tail = None if excess is None else laplace.tail(excess, scale=scale)
        return Spread(math.sqrt(2) * scale, scale, -math.log(_OUTSIDE) * scale, tail)
    if mechanism == "gaussian":
        tail = None if excess is None else math.erfc(excess / scale / math.sqrt(2)) / 2
        return Spread(scale, scale * math.sqrt(2 / math.pi), _NORMAL_QUANTILE * scale, tail)
    a = math.exp(-1 / scale)
    tail = None if excess is None else laplace.discrete_tail(excess, scale=scale)
    return Spread(
        math.sqrt(2 * a) / -math.expm1(-1 / scale),
        2 * a / -math.expm1(-2 / scale),
        float(_integer_bound(scale)),
        tail,
    )


def _integer_bound(scale: float) -> int:
    """Smallest m with P(|X| > m) at most `_OUTSIDE`."""
    weight = 2 / (1 + math.exp(-1 / scale))
    bound = max(0, math.ceil(scale * math.log(weight / _OUTSIDE)) - 1)
    if scale > _ROUNDED_FROM:
        return bound
    # The ceiling of a rounded logarithm may be one off.
    while bound > 0 and weight * math.exp(-bound / scale) <= _OUTSIDE:
        bound -= 1
    while weight * math.exp(-(bound + 1) / scale) > _OUTSIDE:
        bound += 1
    return bound
