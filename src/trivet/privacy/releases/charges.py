"""Charges against a budget: pure, approximate and zero-concentrated privacy, composed.

Three ways of accounting decide whether a charge still fits. Each is a filter in its own sense:

- ``basic`` adds epsilons and deltas up. That holds however the sizes followed earlier answers (Rogers, Roth,
  Ullman and Vadhan 2016, section 3), and the sum so far bounds the loss at any time.
- ``zcdp`` adds up the rho of zero-concentrated privacy. That holds for sizes that follow answers as well
  (Whitehouse, Ramdas, Rogers and Wu 2023, Theorem 1).
- ``pld`` convolves the losses, which proves least; sizes must not follow answers, unless all are Gaussian
  (Smith and Thakurta 2022).

Charges on disjoint parts of a table, of which one unit is in one at most, compose in parallel: the costliest
part counts (McSherry 2009, Theorem 4). In another table the unit may be in another part, so tables add up.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, product
from typing import Final, cast

from trivet.privacy.adjacency import OutOfReachError
from trivet.privacy.releases.results import Accounting

__all__ = [
    "Budget",
    "Charge",
    "fits",
    "fits_basic",
    "fits_pld",
    "left_pld",
    "merged",
    "side_by_side",
    "spent_of",
    "spent_pld",
    "summed_rho",
    "total",
    "worst",
]

#: More than decimals lose, relatively, when they become floats.
_ROUNDING: Final = 1e-12
#: Ways to be in one part of each table; where there are more, all parts of some tables count.
_MOST_WAYS: Final = 100
#: What is left is looked for this closely, as a part of the budget.
_CLOSE: Final = 1e-6
_CLOSER: Final = (0.0, _CLOSE, 1e-4, 1e-2, 0.1)


@dataclass(frozen=True)
class Charge:
    """Cost of one answer: an epsilon and a delta, spent in equal parts, or a rho.

    A rho is Gaussian noise's, which ``pld`` follows exactly, or of any zero-concentrated mechanism. `within`
    is the part of `table` that it is of, empty for the whole.
    """

    epsilon: Fraction
    delta: Fraction
    parts: int = 1
    rho: Fraction = Fraction(0)
    gaussian: bool = True
    within: str = ""
    table: str = ""


@dataclass(frozen=True)
class Budget:
    """Limit on charges and the accounting that holds it."""

    accounting: Accounting
    epsilon: Fraction
    delta: Fraction
    rho: Fraction = Fraction(0)


def merged(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return equal charges as one of as many parts, which composes in the same way; a delta stays alone."""
    times = Counter(charges)
    return tuple(
        replace(charge, epsilon=count * charge.epsilon, parts=count * charge.parts, rho=count * charge.rho)
        for charge, number in times.items()
        for count in ([1] * number if charge.delta else [number])
    )


def total(charges: Iterable[Charge]) -> Charge:
    """Return the sum of all charges: what adding up says is spent, where their parts do not matter."""
    epsilon = delta = rho = Fraction(0)
    for charge in charges:
        epsilon, delta, rho = epsilon + charge.epsilon, delta + charge.delta, rho + charge.rho
    return Charge(epsilon, delta, rho=rho)


def rho_of(charge: Charge) -> Fraction:
    """Rho of a charge; a pure epsilon has epsilon^2 / 2 (Bun and Steinke 2016, Proposition 1.4)."""
    return charge.rho + charge.epsilon**2 / 2 / charge.parts


def side_by_side(charges: Iterable[Charge]) -> tuple[tuple[Charge, ...], ...]:
    """Return what one unit may have been charged: with the whole, one of the parts of each table."""
    everything = tuple(charges)
    tables: dict[str, dict[str, list[Charge]]] = {}
    for charge in everything:
        if charge.within:
            tables.setdefault(charge.table, {}).setdefault(charge.within, []).append(charge)
    parts = sorted((_costliest(found.values()) for found in tables.values()), key=len)
    for place, found in enumerate(parts[:-1]):
        if math.prod(map(len, parts)) > _MOST_WAYS:
            parts[place] = [tuple(chain.from_iterable(found))]
    whole = tuple(charge for charge in everything if not charge.within)
    return tuple((*whole, *chain.from_iterable(each)) for each in product(*parts))


def _costliest(parts: Iterable[list[Charge]]) -> list[tuple[Charge, ...]]:
    """Leave out parts of which another one was charged all and more."""
    kept: list[tuple[Counter[Charge], tuple[Charge, ...]]] = []
    for part in sorted(parts, key=len, reverse=True):
        costs = Counter(replace(charge, within="", table="") for charge in part)
        if not any(costs <= other for other, _ in kept):
            kept.append((costs, tuple(part)))
    return [part for _, part in kept]


def worst(charges: Iterable[Charge], spent: Callable[[tuple[Charge, ...]], Charge]) -> Charge:
    """Return the largest epsilon, delta and rho that any part of the table was charged."""
    found = [spent(some) for some in side_by_side(charges)]
    return Charge(
        max(each.epsilon for each in found),
        max(each.delta for each in found),
        rho=max(each.rho for each in found),
    )


def summed_rho(charges: Iterable[Charge]) -> Charge:
    """Return the sum of all charges by zero-concentrated privacy: rho and delta."""
    rho = delta = Fraction(0)
    for charge in charges:
        rho, delta = rho + rho_of(charge), delta + charge.delta
    return Charge(Fraction(0), delta, rho=rho)


def fits(charges: Iterable[Charge], budget: Budget) -> bool:
    """Return whether all charges are within the budget by its accounting."""
    return all(_fits(some, budget) for some in side_by_side(charges))


def _fits(charges: tuple[Charge, ...], budget: Budget) -> bool:
    if budget.accounting == "zcdp":
        spent = summed_rho(charges)
        return spent.rho <= budget.rho and spent.delta <= budget.delta
    limit = Charge(budget.epsilon, budget.delta)
    return (fits_pld if budget.accounting == "pld" else fits_basic)(charges, limit)


def spent_of(charges: Iterable[Charge], budget: Budget) -> float:
    """Return what charges spend of the epsilon or the rho of a budget, by its accounting."""
    charges = tuple(charges)
    if budget.accounting == "zcdp":
        return _upwards(worst(charges, summed_rho).rho)
    limit = Charge(budget.epsilon, budget.delta)
    if budget.accounting == "basic":
        return _upwards(worst(charges, total).epsilon)
    return max(spent_pld(some, limit) for some in side_by_side(charges))


def fits_basic(charges: Iterable[Charge], budget: Charge) -> bool:
    """Return whether the sum of all charges is within the budget."""
    spent = total(charges)
    return not spent.rho and spent.epsilon <= budget.epsilon and spent.delta <= budget.delta


def fits_pld(charges: Iterable[Charge], budget: Charge) -> bool:
    """Return whether one of the two theorems proves that all charges are within the budget."""
    charges = tuple(charges)
    return fits_basic(charges, budget) or _by_distribution(charges, budget) <= budget.epsilon


def spent_pld(charges: Iterable[Charge], budget: Charge) -> float:
    """Total epsilon of all charges at the delta of the budget, rounded upwards; infinite beyond it."""
    charges = tuple(charges)
    spent = total(charges)
    if not spent.epsilon and not spent.delta and not spent.rho:
        return 0.0
    by_pld = _by_distribution(charges, budget)
    return min(by_pld, _upwards(spent.epsilon)) if spent.delta <= budget.delta and not spent.rho else by_pld


def left_pld(charges: Iterable[Charge], budget: Charge) -> float:
    """Epsilon that further charges, together one answer of it, may sum to so that `fits_pld` still holds."""
    from scipy.optimize import brentq  # noqa: PLC0415 - SciPy takes its time

    charges = tuple(charges)
    before, answers = total(charges), _answers(charges, budget)
    spent = _spent_with(answers)

    def excess(epsilon: float) -> float:
        return min(spent(epsilon), 2 * float(budget.epsilon) + 1) - float(budget.epsilon)

    def fits(epsilon: float) -> bool:
        together = before.epsilon + Fraction(epsilon)
        if not before.rho and together <= budget.epsilon and before.delta <= budget.delta:
            return True
        return answers is not None and _epsilon_of(_with(answers, epsilon)) <= budget.epsilon

    least = 0.0 if before.rho else _downwards(max(Fraction(0), budget.epsilon - before.epsilon))
    most = float(budget.epsilon)
    if not fits(least):
        return 0.0
    if excess(least) >= 0 or excess(most) <= 0:
        return _downwards(budget.epsilon) if fits(_downwards(budget.epsilon)) else least
    close = _CLOSE * most
    left = float(cast("float", brentq(excess, least, most, xtol=close / 4)))
    # The losses of one more answer are followed on a grid of their own, which may tell more.
    return next(
        (found for share in _CLOSER if (found := max(least, left - share * most)) and fits(found)), least
    )


def _downwards(value: Fraction) -> float:
    found = float(value)
    return found if Fraction(found) <= value else math.nextafter(found, 0.0)


def _upwards(value: Fraction) -> float:
    found = float(value)
    return found if Fraction(found) >= value else math.nextafter(found, math.inf)


@dataclass(frozen=True)
class _Answers:
    """Pure parts of equal epsilon, the rho of all Gaussian noise, and the delta left for both."""

    equal: Counter[Fraction]
    rho: Fraction
    delta: float
    sum: Fraction


def _answers(charges: tuple[Charge, ...], budget: Charge) -> _Answers | None:
    """Return what the distribution has to account for; None where nothing is left for it."""
    kept = Fraction(1)
    equal: Counter[Fraction] = Counter()
    for charge in charges:
        if charge.rho and not charge.gaussian:
            return None
        if charge.delta:
            kept *= 1 - charge.delta
        if charge.epsilon:
            equal[charge.epsilon / charge.parts] += charge.parts
    # What deltas of the charges leave of the budget's: (1 - delta) = (1 - rest) * (1 - delta_1) * ...
    rest = 1 - (1 - budget.delta) / kept if kept else Fraction(-1)
    spent = total(charges)
    if rest < 0 or (not rest and spent.rho):
        return None
    return _Answers(equal, spent.rho, float(rest), spent.epsilon)


def _spent_with(answers: _Answers | None) -> Callable[[float], float]:
    """Return the epsilon that is spent with one more answer; the losses before it are added up once."""
    from trivet.privacy.accountants import WholeLoss  # noqa: PLC0415 - loads SciPy

    if answers is None or not answers.delta:
        return lambda _: math.inf
    if answers.equal:
        try:
            scales = [float(1 / each) for each in answers.equal]
            before = WholeLoss.of(scales, list(answers.equal.values()), mu=_mu(answers))
        except OutOfReachError:
            return lambda more: _epsilon_of(_with(answers, more))
    else:
        before = WholeLoss.nothing(mu=_mu(answers))

    def spent(more: float) -> float:
        try:
            return before.epsilon(answers.delta, more=more)
        except OutOfReachError:
            return math.inf

    return spent


def _with(answers: _Answers, more: float) -> _Answers:
    """Return the answers with one more."""
    added = Fraction(more)
    equal = answers.equal + Counter({added: 1} if added else {})
    return replace(answers, equal=equal, sum=answers.sum + added)


def _mu(answers: _Answers) -> float:
    return math.sqrt(2 * float(answers.rho)) * (1 + _ROUNDING)


def _by_distribution(charges: tuple[Charge, ...], budget: Charge) -> float:
    answers = _answers(charges, budget)
    return math.inf if answers is None else _epsilon_of(answers)


def _epsilon_of(answers: _Answers) -> float:
    from trivet.privacy.accountants import whatever_noise  # noqa: PLC0415 - loads SciPy

    if not answers.equal and not answers.rho:
        return 0.0
    if not answers.delta:
        return _upwards(answers.sum)
    scales = [float(1 / each) for each in answers.equal]
    found = whatever_noise(scales, list(answers.equal.values()), answers.delta, mu=_mu(answers))
    return found * (1 + _ROUNDING)
