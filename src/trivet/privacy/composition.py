"""How much noise each of k queries needs for a total of (epsilon, delta), theorem by theorem.

`THEOREMS` has one row a theorem, from the crudest to the tightest; a new one is a function in
`accountants` and a row here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import cast

from scipy.optimize import brentq

from trivet.errors import UsageError
from trivet.privacy import accountants
from trivet.privacy.ranges import require_at_least_one, require_open_unit, require_positive
from trivet.privacy.results import Composition

__all__ = [
    "THEOREMS",
    "Theorem",
    "advanced_pays_from",
    "compositions",
    "plan",
    "required_scale",
    "spent_epsilon",
]

#: Of the search for a scale, on the logarithm: a relative error of the scale.
_LOG_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Theorem:
    """One row of the table.

    Attributes
    ----------
    method
        Key, as in `Composition.method`.
    name, source
        For people.
    mechanism
        ``laplace`` or ``gaussian``.
    spend
        (scale at sensitivity 1, queries, delta) -> total epsilon, decreasing in the scale.
    invert
        (epsilon, queries, delta) -> smallest scale at sensitivity 1, where it is known in closed form;
        otherwise `spend` is inverted numerically.
    """

    method: str
    name: str
    source: str
    mechanism: str
    spend: Callable[[float, int, float], float]
    invert: Callable[[float, int, float], float] | None = None


THEOREMS: tuple[Theorem, ...] = (
    Theorem(
        "basic",
        "basic (delta = 0)",
        "Dwork and Roth 2014, Theorem 3.16",
        "laplace",
        accountants.basic,
        invert=lambda epsilon, queries, _delta: queries / epsilon,
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
        The method is unknown or a number is out of range.
    """
    theorem = _theorem(method)
    require_positive(scale=scale, sensitivity=sensitivity)
    require_at_least_one(queries=queries)
    require_open_unit(delta=delta)
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
        The method is unknown or a number is out of range.
    """
    theorem = _theorem(method)
    require_positive(epsilon=epsilon, sensitivity=sensitivity)
    require_at_least_one(queries=queries)
    require_open_unit(delta=delta)
    if theorem.invert is not None:
        return sensitivity * theorem.invert(epsilon, queries, delta)
    return sensitivity * _smallest_scale(theorem, epsilon=epsilon, delta=delta, queries=queries)


def plan(method: str, *, epsilon: float, delta: float, queries: int, sensitivity: float) -> Composition:
    """One row of the composition table; parameters and errors as in `required_scale`."""
    theorem = _theorem(method)
    needed = required_scale(method, epsilon=epsilon, delta=delta, queries=queries, sensitivity=sensitivity)
    laplace = theorem.mechanism == "laplace"
    return Composition(
        method=theorem.method,
        name=theorem.name,
        source=theorem.source,
        mechanism=theorem.mechanism,
        epsilon_per_query=sensitivity / needed if laplace else None,
        scale=needed,
        standard_deviation=math.sqrt(2) * needed if laplace else needed,
    )


def compositions(
    *, epsilon: float, delta: float, queries: int, sensitivity: float
) -> tuple[Composition, ...]:
    """Every row of `THEOREMS`, planned; parameters and errors as in `required_scale`."""
    return tuple(
        plan(theorem.method, epsilon=epsilon, delta=delta, queries=queries, sensitivity=sensitivity)
        for theorem in THEOREMS
    )


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
    require_positive(epsilon=epsilon)
    require_open_unit(delta=delta)
    return next(k for k in count(1) if accountants.advanced(k / epsilon, k, delta) < epsilon)


def _smallest_scale(theorem: Theorem, *, epsilon: float, delta: float, queries: int) -> float:
    def excess(log_scale: float) -> float:
        return theorem.spend(math.exp(log_scale), queries, delta) - epsilon

    # Start where basic composition would: the others need less noise for many queries, and little more
    # for few. Every theorem's epsilon grows without bound as the noise vanishes, so both loops end.
    high = math.log(queries / epsilon)
    while excess(high) > 0:
        high += math.log(2)
    low = high - math.log(2)
    while excess(low) <= 0:
        low -= math.log(2)
    root = cast("float", brentq(excess, low, high, xtol=_LOG_TOLERANCE))
    # The root may lie a hair on the wrong side, and a numerical accountant is not quite monotone.
    step = _LOG_TOLERANCE
    while excess(root) > 0:
        root, step = root + step, 2 * step
    return math.exp(root)


def _theorem(method: str) -> Theorem:
    try:
        return _BY_METHOD[method]
    except KeyError:
        known = ", ".join(_BY_METHOD)
        raise UsageError(f"No composition theorem is called {method!r}; there are: {known}.") from None
