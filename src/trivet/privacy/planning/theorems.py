"""Noise of each of k queries for a total of (epsilon, delta), theorem by theorem.

`THEOREMS` has one row a theorem, from the crudest to the tightest; a new one is a function in
`accountants` and a row here.
"""

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from trivet.errors import UsageError
from trivet.privacy import accountants
from trivet.privacy.accountants import Counts, Scales, smallest_factor
from trivet.privacy.adjacency import (
    OutOfReachError,
)
from trivet.settings import Count, Positive, Share, require

__all__ = ["THEOREMS", "Theorem", "advanced_pays_from", "likely_factor", "required_scale", "spent_epsilon"]


@dataclass(frozen=True)
class Theorem:
    """One row of the table.

    Attributes
    ----------
    method
        Key, as in `PlannedRow.method`.
    name, source
        For people.
    mechanism
        ``laplace`` or ``gaussian``.
    spend
        (scale at sensitivity 1, queries, delta) -> total epsilon, decreasing in the scale. Both may be
        sequences, one entry a group of equal answers.
    invert
        (epsilon, scales at sensitivity 1, queries, delta) -> the factor on these scales that spends
        epsilon, where it is known in closed form; otherwise `spend` is inverted numerically.
    """

    method: str
    name: str
    source: str
    mechanism: str
    spend: Callable[[Scales, Counts, float], float]
    invert: Callable[[float, Scales, Counts, float], float] | None = None


def _invert_basic(epsilon: float, scale: Scales, queries: Counts, delta: float) -> float:
    return accountants.basic(scale, queries, delta) / epsilon


def _invert_zcdp(epsilon: float, scale: Scales, queries: Counts, delta: float) -> float:
    # epsilon = rho + 2 sqrt(rho L) solved for the root of rho, without a difference of near equals.
    root = math.sqrt(-math.log(delta))
    return math.sqrt(accountants.rho_of(scale, queries)) * (math.sqrt(root**2 + epsilon) + root) / epsilon


THEOREMS: tuple[Theorem, ...] = (
    Theorem(
        "basic",
        "basic (delta = 0)",
        "Dwork and Roth 2014, Theorem 3.16",
        "laplace",
        accountants.basic,
        invert=_invert_basic,
    ),
    Theorem(
        "advanced",
        "advanced",
        "Dwork and Roth 2014, Theorem 3.20",
        "laplace",
        accountants.advanced,
    ),
    Theorem(
        "zcdp",
        "zCDP, simple conversion",
        "Bun and Steinke 2016, Proposition 1.3",
        "laplace",
        accountants.zcdp,
        invert=_invert_zcdp,
    ),
    Theorem(
        "optimal_bound",
        "optimal, closed-form bound",
        "Kairouz, Oh and Viswanath 2015, Theorem 3.4",
        "laplace",
        accountants.optimal_bound,
    ),
    Theorem("rdp", "Renyi (RDP)", "Mironov 2017, Proposition 6", "laplace", accountants.rdp),
    Theorem(
        "optimal_exact",
        "optimal, exact",
        "Kairouz, Oh and Viswanath 2015, Theorem 3.3",
        "laplace",
        accountants.optimal_exact,
    ),
    Theorem(
        "pld",
        "privacy loss distribution (PLD)",
        "Koskela, Jälkö and Honkela 2020",
        "laplace",
        accountants.pld,
    ),
    Theorem(
        "gaussian",
        "Gaussian mechanism, exact",
        "Balle and Wang 2018, Theorem 8",
        "gaussian",
        accountants.gaussian,
    ),
)

_BY_METHOD = {theorem.method: theorem for theorem in THEOREMS}


def spent_epsilon(method: str, *, scale: float, sensitivity: float, queries: int, delta: float) -> float:
    """Total epsilon that `queries` answers spend at `delta`, by one theorem.

    Parameters
    ----------
    method
        Key of a row of `THEOREMS`.
    scale
        Laplace b or Gaussian sigma of each answer, in units of the answer, above 0.
    sensitivity
        Largest change of each answer between neighbouring datasets, above 0.
    queries
        k, at least 1.
    delta
        In (0, 1).

    Returns
    -------
    float
        Total epsilon.

    Raises
    ------
    UsageError
        The method is unknown, a number is out of range, or so many queries or so small a delta are out
        of the theorem's numerical reach.
    """
    theorem = _theorem(method)
    require(Positive, scale=scale, sensitivity=sensitivity)
    require(Count, queries=queries)
    require(Share, delta=delta)
    with _named(theorem):
        return theorem.spend(scale / sensitivity, queries, delta)


def required_scale(method: str, *, epsilon: float, delta: float, queries: int, sensitivity: float) -> float:
    """Smallest scale at which `queries` answers stay within (epsilon, delta), by one theorem.

    Parameters
    ----------
    method
        Key of a row of `THEOREMS`.
    epsilon
        Total epsilon, above 0.
    delta
        Total delta, in (0, 1).
    queries
        k, at least 1.
    sensitivity
        Largest change of each answer between neighbouring datasets, above 0.

    Returns
    -------
    float
        Laplace b or Gaussian sigma, in units of the answer. The theorem proves at most `epsilon` at
        this scale: the search rounds upwards, by no more than 1e-11 of the scale.

    Raises
    ------
    UsageError
        As in `spent_epsilon`.
    """
    theorem = _theorem(method)
    require(Positive, epsilon=epsilon, sensitivity=sensitivity)
    require(Count, queries=queries)
    require(Share, delta=delta)
    with _named(theorem):
        return sensitivity * smallest_factor(
            lambda scale: theorem.spend(scale, queries, delta),
            epsilon=epsilon,
            start=likely_factor(epsilon, 1.0, queries, delta),
            closed_form=None if theorem.invert is None else theorem.invert(epsilon, 1.0, queries, delta),
        )


def likely_factor(epsilon: float, scale: Scales, queries: Counts, delta: float) -> float:
    """Return the factor on these scales that basic composition or zCDP asks for, whichever is less.

    Both are in closed form, and the tighter theorems are never far below them.
    """
    basic = _invert_basic(epsilon, scale, queries, delta)
    return basic if delta == 0 else min(basic, _invert_zcdp(epsilon, scale, queries, delta))


def advanced_pays_from(*, epsilon: float, delta: float) -> int:
    """Smallest number of queries at which advanced composition asks for less noise than basic.

    Below it the crudest theorem wins: the square root of advanced composition carries a factor
    sqrt(2 ln(1/delta)), which few queries do not earn back.

    Parameters
    ----------
    epsilon
        Total epsilon, above 0.
    delta
        Total delta, in (0, 1).

    Returns
    -------
    int
        k, at least 1.

    Raises
    ------
    UsageError
        A number is out of range.
    """
    require(Positive, epsilon=epsilon)
    require(Share, delta=delta)

    def pays(queries: int) -> bool:
        return accountants.advanced(queries / epsilon, queries, delta) < epsilon

    # What advanced composition asks for falls with k against basic, so once it pays it always does.
    high = 1
    while not pays(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if pays(middle) else (middle, high)
    return high


@contextmanager
def _named(theorem: Theorem) -> Generator[None]:
    """Say which theorem it is that is out of reach."""
    try:
        yield
    except OutOfReachError as error:
        raise OutOfReachError(f"{theorem.name} is out of reach: {error}.") from error


def _theorem(method: str) -> Theorem:
    try:
        return _BY_METHOD[method]
    except KeyError:
        known = ", ".join(_BY_METHOD)
        raise UsageError(f"No composition theorem is called {method!r}; there are: {known}.") from None
