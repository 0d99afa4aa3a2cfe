r"""Delta of each theorem at an epsilon: the accountants, inverted.

Where a theorem says :math:`\epsilon(\delta)`, its delta at epsilon is the smallest it proves: for
:math:`\epsilon = A + \sqrt{2BL}` with :math:`L = \ln(1/\delta)` that is :math:`e^{-(\epsilon-A)^2/2B}`.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from trivet.privacy.accountants import answer_groups, one_gaussian, rdp_accountant
from trivet.privacy.loss_distribution import ROUNDING, loss_distribution
from trivet.privacy.planning.methods import lost_in_floating_point
from trivet.privacy.randomised_response import losses, relative_error

__all__ = ["DELTAS", "deltas_at"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def deltas_at(
    method: str, ratios: Floats, counts: Counts, epsilons: Sequence[float]
) -> tuple[float | None, ...]:
    """Delta that answers leave at every epsilon, by one theorem."""
    with lost_in_floating_point():
        found = DELTAS[method](ratios, counts, np.asarray(epsilons, np.float64))
        if np.isnan(found).any():
            raise FloatingPointError
    return tuple(float(delta) if delta < 1 else None for delta in np.maximum(found, 0.0).tolist())


def _basic(ratios: Floats, counts: Counts, epsilons: Floats) -> Floats:
    return np.where(epsilons >= math.fsum((counts / ratios).tolist()), 0.0, 1.0)


def _advanced(ratios: Floats, counts: Counts, epsilons: Floats) -> Floats:
    each, counts = answer_groups(ratios, counts)
    drift = float(np.sum(counts * each * np.expm1(each)))
    return np.exp(-_log_term(epsilons, drift, float(np.sum(counts * each**2))))


def _zcdp(ratios: Floats, counts: Counts, epsilons: Floats) -> Floats:
    each, counts = answer_groups(ratios, counts)
    rho = float(np.sum(counts * each**2)) / 2
    return np.exp(-_log_term(epsilons, rho, 2 * rho))


def _optimal_bound(ratios: Floats, counts: Counts, epsilons: Floats) -> Floats:
    each, counts = answer_groups(ratios, counts)
    squares = float(np.sum(counts * each**2))
    log_term = _log_term(epsilons, float(np.sum(counts * each * np.tanh(each / 2))), squares)
    # ln(e + sqrt(B) / delta) = L, solved for delta; nothing at L <= 1.
    other = np.ones_like(log_term)
    above = log_term > 1
    other[above] = math.sqrt(squares) * np.exp(-log_term[above]) / -np.expm1(1 - log_term[above])
    return np.minimum(np.minimum(np.exp(-log_term), other), _basic(ratios, counts, epsilons))


def _rdp(ratios: Floats, counts: Counts, epsilons: Floats) -> Floats:
    accountant = rdp_accountant(ratios, counts)
    return np.array([accountant.get_delta(float(epsilon)) for epsilon in epsilons])


def _optimal_exact(ratios: Floats, counts: Counts, epsilons: Floats) -> Floats:
    each, counts = answer_groups(ratios, counts)
    loss, log_p, _ = losses(each, counts)
    weights = np.exp(log_p + relative_error(each, counts, values=loss.size))
    return np.array([float(np.sum(weights * -np.expm1(np.minimum(0.0, e - loss)))) for e in epsilons])


def _pld(ratios: Floats, counts: Counts, epsilons: Floats) -> Floats:
    distribution = loss_distribution(*answer_groups(ratios, counts))
    found = np.asarray(distribution.get_delta_for_epsilon(epsilons.tolist()), np.float64) + ROUNDING
    # Nothing is lost to rounding once the whole loss is below epsilon.
    return np.minimum(found, _basic(ratios, counts, epsilons))


def _gaussian(ratios: Floats, counts: Counts, epsilons: Floats) -> Floats:
    sigma = one_gaussian(ratios, counts)
    log_p = log_ndtr(0.5 / sigma - epsilons * sigma)
    log_q = epsilons + log_ndtr(-0.5 / sigma - epsilons * sigma)
    return np.exp(log_p) * -np.expm1(np.minimum(0.0, log_q - log_p))


def _log_term(epsilons: Floats, drift: float, squares: float) -> Floats:
    """Return L where epsilon = drift + sqrt(2 squares L), and 0 where epsilon does not reach the drift."""
    return np.maximum(0.0, epsilons - drift) ** 2 / (2 * squares)


#: (ratios, counts, epsilons) -> deltas, by the key of the theorem.
DELTAS: dict[str, Callable[[Floats, Counts, Floats], Floats]] = {
    "basic": _basic,
    "advanced": _advanced,
    "zcdp": _zcdp,
    "optimal_bound": _optimal_bound,
    "rdp": _rdp,
    "optimal_exact": _optimal_exact,
    "pld": _pld,
    "gaussian": _gaussian,
}
