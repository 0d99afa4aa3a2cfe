"""Cheapest mixture of prediction rules under limits on their rates, by column generation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from trivet.errors import DataError
from trivet.fairness.metrics.comparisons import ROUNDING

__all__ = ["Limits", "Mixture", "Rule", "cheapest_mixture", "excess_of"]

Floats = NDArray[np.float64]

#: Price of a unit beyond the limits at first.
_FIRST_CAP: Final = 0.25
#: Share of the newest prices in the running mean.
_STEP: Final = 0.1
#: Rules in a row that bring nothing, after which the price goes up, or the search ends.
_PATIENCE: Final = 4


@dataclass(frozen=True, eq=False)
class Rule:
    """One way to predict: its cost, its rates, and whatever carries it out."""

    cost: float
    rates: Floats
    made: Any


@dataclass(frozen=True, eq=False)
class Limits:
    """Rates r are within limits where ``matrix @ r + free @ z <= most`` for some z."""

    matrix: Floats
    most: Floats
    free: Floats


@dataclass(frozen=True, eq=False)
class Mixture:
    """Rules that are drawn from, the share of each, and how many rules were made to find them."""

    rules: tuple[Rule, ...]
    shares: tuple[float, ...]
    made: tuple[Rule, ...]


def cheapest_mixture(
    respond: Callable[[Floats], Rule],
    limits: Limits,
    *,
    dearest: float,
    gap: float,
    most_rules: int,
    exact: bool = False,
) -> Mixture:
    """Return the mixture of rules with the least cost, and `dearest` for each unit beyond the limits.

    `respond` returns a rule that makes its cost plus prices @ rates small. Where it makes that smallest,
    which is `exact`, the mixture is within `gap` of the best there is.
    """
    # The linear programme over the rules made so far prices the rates; a rule that is worth its price joins.
    # Where `respond` is not exact, two things find rules that it misses at these prices: their running mean
    # (P. Wentges, International Transactions in Operational Research 4, 1997), by turns with them, and prices
    # that begin low, for high ones make rules that are far beyond other limits.
    rules = [respond(np.zeros(limits.matrix.shape[1]))]
    mean = np.zeros(len(limits.most))
    cap = min(_FIRST_CAP, dearest)
    found = _programme(rules, limits, cap)
    idle = turn = 0
    while len(rules) < most_rules:
        if idle >= _PATIENCE:
            if found.beyond <= gap or cap >= dearest:
                break
            idle, cap = 0, min(2 * cap, dearest)
            found = _programme(rules, limits, cap)
        mean = (1 - _STEP) * mean + _STEP * found.prices
        turn += 1
        prices = found.prices if turn % 2 == 0 else mean
        rule = respond(limits.matrix.T @ prices)
        if exact and prices is found.prices and _saves(rule, rules, limits.matrix.T @ prices) <= gap:
            idle = _PATIENCE
            continue
        rules.append(rule)
        before = found.cost
        found = _programme(rules, limits, cap)
        idle = 0 if exact or before - found.cost > gap else idle + 1
    shares = _programme(rules, limits, dearest).shares
    used = np.flatnonzero(shares > ROUNDING)
    total = float(shares[used].sum())
    return Mixture(
        tuple(rules[place] for place in used),
        tuple(float(shares[place]) / total for place in used),
        tuple(rules),
    )


def excess_of(rates: Floats, limits: Limits) -> float:
    """Return how far rates are beyond limits that leave nothing free; 0 within them."""
    return max(0.0, float((limits.matrix @ rates - limits.most).max()))


def _saves(rule: Rule, rules: Sequence[Rule], prices: Floats) -> float:
    """Return how much less than each of some rules a rule costs, at what its rates are worth."""
    return (
        min(each.cost + float(prices @ each.rates) for each in rules) - rule.cost - float(prices @ rule.rates)
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """Best shares of some rules, price of each limit, and cost with what is beyond the limits."""

    shares: Floats
    prices: Floats
    cost: float
    beyond: float


def _programme(rules: Sequence[Rule], limits: Limits, dearest: float) -> _Found:
    """Solve the linear programme over some rules."""
    rates = np.stack([rule.rates for rule in rules], axis=1)
    rows, free = limits.free.shape
    solved = linprog(
        [*(rule.cost for rule in rules), *[0.0] * free, dearest],
        A_ub=np.hstack([limits.matrix @ rates, limits.free, np.full((rows, 1), -1.0)]),
        b_ub=limits.most,
        A_eq=[[*[1.0] * len(rules), *[0.0] * (free + 1)]],
        b_eq=[1.0],
        bounds=[*[(0, None)] * len(rules), *[(None, None)] * free, (0, None)],
        method="highs-ds",
    )
    if solved.status != 0:
        raise DataError(f"no mixture was found: {solved.message}")
    return _Found(solved.x[: len(rules)], -solved.ineqlin.marginals, float(solved.fun), float(solved.x[-1]))
