r"""What k noisy answers spend together, one function a theorem.

Each takes the noise of one answer of sensitivity 1 (`scale`: the Laplace b, or the Gaussian sigma),
the number of answers and the delta that may be spent, and returns the total epsilon that the theorem
proves. The answers may be chosen adaptively. A Laplace answer of scale b is :math:`1/b`-DP.
"""

import math

import numpy as np
from dp_accounting import LaplaceDpEvent, get_epsilon_gaussian
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant
from scipy.special import gammaln

__all__ = [
    "advanced",
    "basic",
    "gaussian",
    "optimal_bound",
    "optimal_exact",
    "pld",
    "rdp",
    "zcdp",
]

#: Points of a privacy loss distribution within the loss of one answer. Google's accountant rounds so
#: that the result stays an upper bound; a hundred times as many move a scale by less than 1e-6 of it.
_PLD_CELLS_PER_ANSWER = 200

#: Orders tried for Renyi privacy. The accountant's own end at 1024, which proves nothing for a small
#: epsilon at a tiny delta; ever larger orders approach the pure guarantee.
_RDP_ORDERS = tuple((1.0 + np.geomspace(0.1, 1e12, 2000)).tolist())


def basic(scale: float, queries: int, delta: float) -> float:  # noqa: ARG001 - spends no delta
    r"""Total epsilon by basic composition: :math:`k \epsilon_i`, with no delta.

    Dwork and Roth 2014, Theorem 3.16 (with every delta zero).
    """
    return queries / scale


def advanced(scale: float, queries: int, delta: float) -> float:
    r"""Total epsilon by advanced composition.

    :math:`\sqrt{2 k \ln(1/\delta)}\,\epsilon_i + k \epsilon_i (e^{\epsilon_i} - 1)`; Dwork and Roth
    2014, Theorem 3.20. For few answers it is worse than the basic theorem.
    """
    epsilon = 1.0 / scale
    return math.sqrt(2 * queries * math.log(1 / delta)) * epsilon + queries * epsilon * _expm1(epsilon)


def zcdp(scale: float, queries: int, delta: float) -> float:
    r"""Total epsilon by zero-concentrated privacy and its simple conversion.

    An :math:`\epsilon_i`-DP answer is :math:`\epsilon_i^2/2`-zCDP, the rho add up, and rho-zCDP is
    :math:`(\rho + 2\sqrt{\rho \ln(1/\delta)}, \delta)`-DP; Bun and Steinke 2016, Propositions 1.3
    and 1.4, Lemma 1.7.
    """
    rho = queries / (2 * scale**2)
    return rho + 2 * math.sqrt(rho * math.log(1 / delta))


def optimal_bound(scale: float, queries: int, delta: float) -> float:
    r"""Total epsilon by the closed-form bound on the optimal composition.

    The least of :math:`k \epsilon_i` and of :math:`A + \epsilon_i \sqrt{2 k L}` for
    :math:`L = \ln(1/\delta)` and for :math:`L = \ln(e + \sqrt{k}\,\epsilon_i/\delta)`, where
    :math:`A = k \epsilon_i \tanh(\epsilon_i/2)`; Kairouz, Oh and Viswanath 2015, Theorem 3.4.
    """
    epsilon = 1.0 / scale
    drift = queries * epsilon * math.tanh(epsilon / 2)
    log_term = min(math.log(1 / delta), math.log(math.e + math.sqrt(queries) * epsilon / delta))
    return min(queries * epsilon, drift + epsilon * math.sqrt(2 * queries * log_term))


def optimal_exact(scale: float, queries: int, delta: float) -> float:
    r"""Total epsilon of the worst k mechanisms that are each :math:`\epsilon_i`-DP, exactly.

    The worst case is k-fold randomised response, in which an outcome with l surprises out of k has
    the log likelihood ratio :math:`(k - 2l)\epsilon_i`. The guarantee binds on the sets
    :math:`S_i = \{l \leq i\}`, so :math:`\epsilon = \max_i \ln((P(S_i) - \delta) / Q(S_i))` with P
    and Q binomial; Kairouz, Oh and Viswanath 2015, Theorem 3.3, at every epsilon between its grid
    points as in Murtagh and Vadhan 2016, Theorem 1.5.
    """
    epsilon = 1.0 / scale
    surprises = np.arange(queries + 1)
    log_choose = gammaln(queries + 1) - gammaln(surprises + 1) - gammaln(queries - surprises + 1)
    log_weight = -queries * np.logaddexp(0.0, epsilon)
    log_p = np.logaddexp.accumulate(log_choose + (queries - surprises) * epsilon + log_weight)
    log_q = np.logaddexp.accumulate(log_choose + surprises * epsilon + log_weight)
    if delta == 0:
        return float(np.max(log_p - log_q))
    binds = log_p > math.log(delta)
    ratios = log_p[binds] + np.log1p(-delta * np.exp(-log_p[binds])) - log_q[binds]
    return max(0.0, float(np.max(ratios, initial=0.0)))


def rdp(scale: float, queries: int, delta: float) -> float:
    """Total epsilon by Renyi differential privacy of the Laplace mechanism.

    Mironov 2017, Proposition 6 (Laplace) and Proposition 1 (composition), by dp-accounting with
    the conversion of Canonne, Kamath and Steinke 2020.
    """
    accountant = RdpAccountant(_RDP_ORDERS)
    accountant.compose(LaplaceDpEvent(scale), queries)
    return float(accountant.get_epsilon(delta))


def pld(scale: float, queries: int, delta: float) -> float:
    """Total epsilon by the privacy loss distribution of the Laplace mechanism.

    Koskela, Jälkö and Honkela 2020, by dp-accounting: the loss of one answer on a grid, its k-fold
    convolution, and the smallest epsilon whose hockey-stick divergence is at most delta. Tight up to
    the grid, and rounded upwards.
    """
    grid = 1.0 / (scale * _PLD_CELLS_PER_ANSWER)
    accountant = PLDAccountant(value_discretization_interval=grid)
    accountant.compose(LaplaceDpEvent(scale), queries)
    return float(accountant.get_epsilon(delta))


def gaussian(scale: float, queries: int, delta: float) -> float:
    r"""Total epsilon of k Gaussian answers, exactly.

    k answers of sigma are one answer of :math:`\sigma/\sqrt{k}` (Dong, Roth and Su 2022, Corollary
    3.3), whose epsilon at delta solves
    :math:`\Phi(\frac{1}{2\sigma} - \epsilon\sigma) - e^\epsilon \Phi(-\frac{1}{2\sigma} - \epsilon\sigma)
    = \delta`; Balle and Wang 2018, Theorem 8, by dp-accounting.
    """
    return float(get_epsilon_gaussian(scale / math.sqrt(queries), delta))


def _expm1(exponent: float) -> float:
    """exp(x) - 1, infinite instead of an overflow."""
    try:
        return math.expm1(exponent)
    except OverflowError:
        return math.inf
