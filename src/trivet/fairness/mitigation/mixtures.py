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

#: Length of the first step of each ascent.
_CLIMBS: Final = (0.3, 0.2, 1.0)
#: Spread of the logarithm of prices that are larger or smaller.
_NOISE: Final = 0.2
#: Share of the newest prices in their running mean.
_STEP: Final = 0.1
#: Rules in a row that bring nothing, after which an ascent ends.
_PATIENCE: Final = 7


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
    # Where `respond` is not exact, other prices find rules that it misses at these: those of a subgradient
    # ascent and their mean, as in the exponentiated gradient, and prices somewhat larger or smaller. Where
    # they bring nothing for a while the ascent begins once more, more slowly.
    rules = [respond(np.zeros(limits.matrix.shape[1]))]
    ascents = iter(_CLIMBS)
    ascent, mean = _Ascent(len(limits.most), next(ascents)), np.zeros(len(limits.most))
    scales = np.exp(np.random.default_rng(0).normal(0, _NOISE, most_rules))
    found, answer = _programme(rules, limits, dearest), rules[0]
    idle = turn = 0
    while len(rules) < most_rules:
        if idle >= _PATIENCE:
            climb = next(ascents, None)
            if climb is None:
                break
            ascent, answer, idle, turn = _Ascent(len(limits.most), climb), rules[0], 0, 0
        mean = (1 - _STEP) * mean + _STEP * found.prices
        turn += 1
        if exact:
            prices = found.prices if turn % 2 == 0 else mean
        else:
            if turn % 4 == 1:
                ascent.step(limits.matrix @ answer.rates - limits.most)
            prices = (found.prices * scales[len(rules)], ascent.prices, ascent.mean, found.prices)[turn % 4]
        rule = respond(limits.matrix.T @ prices)
        if exact and turn % 2 == 0 and _saves(rule, rules, limits.matrix.T @ prices) <= gap:
            break
        rules.append(rule)
        answer = rule if turn % 4 == 1 else answer
        before = found.cost
        found = _programme(rules, limits, dearest)
        idle = 0 if exact or before - found.cost > gap else idle + 1
    shares = found.shares
    used = np.flatnonzero(shares > ROUNDING)
    total = float(shares[used].sum())
    return Mixture(
        tuple(rules[place] for place in used),
        tuple(float(shares[place]) / total for place in used),
        tuple(rules),
    )


class _Ascent:
    """Prices that go up where a limit is overstepped and down elsewhere, in ever smaller steps."""

    def __init__(self, number: int, climb: float) -> None:
        self.climb = climb
        self.prices = np.zeros(number)
        self.total = np.zeros(number)
        self.steps = 0

    @property
    def mean(self) -> Floats:
        """Mean of all prices so far."""
        return self.total / max(self.steps, 1)

    def step(self, beyond: Floats) -> None:
        """Go on from how far a rule at these prices is beyond each limit."""
        self.steps += 1
        self.prices = np.maximum(0, self.prices + self.climb / np.sqrt(self.steps) * beyond)
        self.total += self.prices


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
    return _Found(solved.x[: len(rules)], -solved.ineqlin.marginals, float(solved.fun))
