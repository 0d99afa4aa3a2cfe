"""Noise of each of k queries for a total of (epsilon, delta), theorem by theorem.

`THEOREMS` has one row a theorem, from the crudest to the tightest; a new one is a function in
`accountants` and a row here.
"""

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.privacy import accountants
from trivet.privacy.accountants import (
    ROUNDING,
    Counts,
    Scales,
    WholeLoss,
    answer_groups,
    loss_distribution,
    losses,
    one_gaussian,
    rdp_accountant,
    relative_error,
    smallest_factor,
)
from trivet.privacy.adjacency import OutOfReachError
from trivet.settings import Count, Positive, Share, require

__all__ = [
    "THEOREMS",
    "Theorem",
    "advanced_pays_from",
    "likely_factor",
    "required_scale",
    "spent_epsilon",
    "theorem_of",
]


Floats = NDArray[np.float64]
Groups = NDArray[np.int64]


@dataclass(frozen=True)
class Theorem:
    r"""One row of the table.

    Attributes
    ----------
    method : Key, as in `PlannedRow.method`.
    name, source : For people.
    mechanism : ``laplace`` or ``gaussian``.
    spend : (scale at sensitivity 1, queries, delta) -> total epsilon, decreasing in the scale. Both may be
        sequences, one entry a group of equal answers.
    deltas : (ratios, counts, epsilons) -> the smallest delta that it proves at each epsilon: where it says
        :math:`\epsilon = A + \sqrt{2BL}` with :math:`L = \ln(1/\delta)`, :math:`e^{-(\epsilon-A)^2/2B}`.
    merit : Why it is tighter than those before it.
    spoken : Its name in a sentence, where that is not `name`.
    invert : (epsilon, scales at sensitivity 1, queries, delta) -> the factor on these scales that spends
        epsilon, where it is known in closed form; otherwise `spend` is inverted numerically.
    """

    method: str
    name: str
    source: str
    mechanism: str
    spend: Callable[[Scales, Counts, float], float]
    deltas: Callable[[Floats, Groups, Floats], Floats]
    merit: str
    spoken: str | None = None
    invert: Callable[[float, Scales, Counts, float], float] | None = None


def _invert_basic(epsilon: float, scale: Scales, queries: Counts, delta: float) -> float:
    return accountants.basic(scale, queries, delta) / epsilon


def _invert_zcdp(epsilon: float, scale: Scales, queries: Counts, delta: float) -> float:
    # epsilon = rho + 2 sqrt(rho L) solved for the root of rho, without a difference of near equals.
    root = math.sqrt(-math.log(delta))
    return math.sqrt(accountants.rho_of(scale, queries)) * (math.sqrt(root**2 + epsilon) + root) / epsilon


def _basic_deltas(ratios: Floats, counts: Groups, epsilons: Floats) -> Floats:
    return np.where(epsilons >= math.fsum((counts / ratios).tolist()), 0.0, 1.0)


def _advanced_deltas(ratios: Floats, counts: Groups, epsilons: Floats) -> Floats:
    each, counts = answer_groups(ratios, counts)
    drift = float(np.sum(counts * each * np.expm1(each)))
    return np.exp(-_log_term(epsilons, drift, float(np.sum(counts * each**2))))


def _zcdp_deltas(ratios: Floats, counts: Groups, epsilons: Floats) -> Floats:
    each, counts = answer_groups(ratios, counts)
    rho = float(np.sum(counts * each**2)) / 2
    return np.exp(-_log_term(epsilons, rho, 2 * rho))


def _optimal_bound_deltas(ratios: Floats, counts: Groups, epsilons: Floats) -> Floats:
    each, counts = answer_groups(ratios, counts)
    squares = float(np.sum(counts * each**2))
    log_term = _log_term(epsilons, float(np.sum(counts * each * np.tanh(each / 2))), squares)
    # ln(e + sqrt(B) / delta) = L, solved for delta; nothing at L <= 1.
    other = np.ones_like(log_term)
    above = log_term > 1
    other[above] = math.sqrt(squares) * np.exp(-log_term[above]) / -np.expm1(1 - log_term[above])
    return np.minimum(np.minimum(np.exp(-log_term), other), _basic_deltas(ratios, counts, epsilons))


def _rdp_deltas(ratios: Floats, counts: Groups, epsilons: Floats) -> Floats:
    accountant = rdp_accountant(ratios, counts)
    return np.array([accountant.get_delta(float(epsilon)) for epsilon in epsilons])


def _optimal_exact_deltas(ratios: Floats, counts: Groups, epsilons: Floats) -> Floats:
    each, counts = answer_groups(ratios, counts)
    loss, log_p, _ = losses(each, counts)
    weights = np.exp(log_p + relative_error(each, counts, values=loss.size))
    return np.array([float(np.sum(weights * -np.expm1(np.minimum(0.0, e - loss)))) for e in epsilons])


def _pld_deltas(ratios: Floats, counts: Groups, epsilons: Floats) -> Floats:
    distribution = loss_distribution(*answer_groups(ratios, counts))
    found = np.asarray(distribution.get_delta_for_epsilon(epsilons.tolist()), np.float64) + ROUNDING
    # Nothing is lost to rounding once the whole loss is below epsilon.
    return np.minimum(found, _basic_deltas(ratios, counts, epsilons))


def _gaussian_deltas(ratios: Floats, counts: Groups, epsilons: Floats) -> Floats:
    whole = WholeLoss.nothing(mu=1 / one_gaussian(ratios, counts))
    return np.array([whole.delta(float(epsilon)) for epsilon in epsilons])


def _log_term(epsilons: Floats, drift: float, squares: float) -> Floats:
    """Return L where epsilon = drift + sqrt(2 squares L), and 0 where epsilon does not reach the drift."""
    return np.maximum(0.0, epsilons - drift) ** 2 / (2 * squares)


THEOREMS: tuple[Theorem, ...] = (
    Theorem(
        "basic",
        "basic (delta = 0)",
        "Dwork and Roth 2014, Theorem 3.16",
        "laplace",
        accountants.basic,
        deltas=_basic_deltas,
        merit="pure epsilons simply add up",
        spoken="basic composition",
        invert=_invert_basic,
    ),
    Theorem(
        "advanced",
        "advanced",
        "Dwork and Roth 2014, Theorem 3.20",
        "laplace",
        accountants.advanced,
        deltas=_advanced_deltas,
        merit="the epsilons of many answers mostly cancel",
        spoken="advanced composition",
    ),
    Theorem(
        "zcdp",
        "zCDP, simple conversion",
        "Bun and Steinke 2016, Proposition 1.3",
        "laplace",
        accountants.zcdp,
        deltas=_zcdp_deltas,
        merit="the epsilons of many answers mostly cancel",
        spoken="zCDP",
        invert=_invert_zcdp,
    ),
    Theorem(
        "optimal_bound",
        "optimal, closed-form bound",
        "Kairouz, Oh and Viswanath 2015, Theorem 3.4",
        "laplace",
        accountants.optimal_bound,
        deltas=_optimal_bound_deltas,
        merit="the epsilons of many answers mostly cancel",
        spoken="the closed-form bound on optimal composition",
    ),
    Theorem(
        "rdp",
        "Renyi (RDP)",
        "Mironov 2017, Proposition 6",
        "laplace",
        accountants.rdp,
        deltas=_rdp_deltas,
        merit="the moments of the loss bound its sum closely",
        spoken="Renyi privacy (RDP)",
    ),
    Theorem(
        "optimal_exact",
        "optimal, exact",
        "Kairouz, Oh and Viswanath 2015, Theorem 3.3",
        "laplace",
        accountants.optimal_exact,
        deltas=_optimal_exact_deltas,
        merit="no composition of pure mechanisms can be tighter",
        spoken="exact optimal composition",
    ),
    Theorem(
        "pld",
        "privacy loss distribution (PLD)",
        "Koskela, Jälkö and Honkela 2020",
        "laplace",
        accountants.pld,
        deltas=_pld_deltas,
        merit="it follows the loss of this very noise and not a bound on it",
        spoken="the privacy loss distribution (PLD)",
    ),
    Theorem(
        "gaussian",
        "Gaussian mechanism, exact",
        "Balle and Wang 2018, Theorem 8",
        "gaussian",
        accountants.gaussian,
        deltas=_gaussian_deltas,
        merit="its whole loss is known exactly and grows with the square root of the answers only",
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

    Raises
    ------
    UsageError
        The method is unknown, a number is out of range, or so many queries or so small a delta are out
        of the theorem's numerical reach.
    """
    theorem = theorem_of(method)
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
    theorem = theorem_of(method)
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
    """Return the factor that basic composition or zCDP asks for, whichever is less: a close start."""
    basic = _invert_basic(epsilon, scale, queries, delta)
    return basic if delta == 0 else min(basic, _invert_zcdp(epsilon, scale, queries, delta))


def advanced_pays_from(*, epsilon: float, delta: float) -> int:
    """Smallest number of queries at which advanced composition needs less noise than basic.

    Below it basic composition needs less, because of the factor sqrt(2 ln(1/delta)) of advanced composition.

    Raises
    ------
    UsageError
        The total epsilon is not above 0, or delta not in (0, 1).
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


def theorem_of(method: str) -> Theorem:
    """Return a row of `THEOREMS` by its key."""
    try:
        return _BY_METHOD[method]
    except KeyError:
        known = ", ".join(_BY_METHOD)
        raise UsageError(f"No composition theorem is called {method!r}; there are: {known}.") from None
