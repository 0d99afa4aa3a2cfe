r"""Accountants: the total privacy loss of noisy answers, one function a theorem.

Each takes the noise of one answer of sensitivity 1 (`scale`: the Laplace b, or the Gaussian sigma),
how many answers have it (`queries`) and the delta that may be spent, and returns the total epsilon
that the theorem proves. Where the answers differ, `scale` and `queries` are sequences of the same
length, one entry a group of equal answers. The answers may be chosen adaptively. A Laplace answer of
scale b is :math:`1/b`-DP.

A theorem that cannot be evaluated for so many answers, or so different ones, raises `OutOfReachError`.
"""

import math
from collections.abc import Sequence

import numpy as np
from dp_accounting import LaplaceDpEvent, get_epsilon_gaussian
from dp_accounting.rdp import RdpAccountant
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.privacy.loss_distribution import LEAST_DELTA, ROUNDING, loss_distribution
from trivet.privacy.randomised_response import losses, relative_error
from trivet.privacy.ranges import OutOfReachError

__all__ = [
    "Counts",
    "Scales",
    "advanced",
    "answer_groups",
    "basic",
    "gaussian",
    "one_gaussian",
    "optimal_bound",
    "optimal_exact",
    "pld",
    "rdp",
    "rdp_accountant",
    "rho_of",
    "whatever_noise",
    "zcdp",
]

#: One scale, or one a group of equal answers.
Scales = float | Sequence[float] | NDArray[np.float64]
#: How many answers have it, accordingly.
Counts = int | Sequence[int] | NDArray[np.int64]

Floats = NDArray[np.float64]

#: More than the solution of the Gaussian's equation errs by, as a part of delta.
_SOLVED = 1e-9

#: Orders tried for Renyi privacy. The accountant's own end at 1024, which proves nothing for a small
#: epsilon at a tiny delta; ever larger orders approach the pure guarantee.
_RDP_ORDERS = tuple((1.0 + np.geomspace(0.1, 1e12, 2000)).tolist())


def basic(scale: Scales, queries: Counts, delta: float) -> float:  # noqa: ARG001 - spends no delta
    r"""Total epsilon by basic composition: :math:`\sum_i \epsilon_i`, with no delta.

    Dwork and Roth 2014, Theorem 3.16 (with every delta zero).
    """
    scales, counts = np.atleast_1d(np.asarray(scale, np.float64)), np.atleast_1d(queries)
    return _sum(counts / scales)


def advanced(scale: Scales, queries: Counts, delta: float) -> float:
    r"""Total epsilon by advanced composition.

    :math:`\sqrt{2 \ln(1/\delta) \sum_i \epsilon_i^2} + \sum_i \epsilon_i (e^{\epsilon_i} - 1)`; Dwork,
    Rothblum and Vadhan 2010, Theorem III.3; for equal answers Dwork and Roth 2014, Theorem 3.20. For few
    answers it is worse than the basic theorem.
    """
    epsilons, counts = answer_groups(scale, queries)
    with np.errstate(over="ignore"):
        drift = _sum(counts * epsilons * np.expm1(epsilons))
    return math.sqrt(2 * math.log(1 / delta) * _sum(counts * epsilons**2)) + drift


def zcdp(scale: Scales, queries: Counts, delta: float) -> float:
    r"""Total epsilon by zero-concentrated privacy and its simple conversion.

    An :math:`\epsilon_i`-DP answer is :math:`\epsilon_i^2/2`-zCDP, the rho add up, and rho-zCDP is
    :math:`(\rho + 2\sqrt{\rho \ln(1/\delta)}, \delta)`-DP; Bun and Steinke 2016, Propositions 1.3
    and 1.4, Lemma 1.7.
    """
    rho = rho_of(scale, queries)
    return rho + 2 * math.sqrt(rho * math.log(1 / delta))


def rho_of(scale: Scales, queries: Counts) -> float:
    """Zero-concentrated privacy of all answers; Bun and Steinke 2016, Proposition 1.4 and Lemma 1.7."""
    epsilons, counts = answer_groups(scale, queries)
    return _sum(counts * epsilons**2) / 2


def optimal_bound(scale: Scales, queries: Counts, delta: float) -> float:
    r"""Total epsilon by the closed-form bound on the optimal composition.

    The least of :math:`\sum_i \epsilon_i` and of :math:`A + \sqrt{2 B L}` for :math:`L = \ln(1/\delta)`
    and for :math:`L = \ln(e + \sqrt{B}/\delta)`, where :math:`A = \sum_i \epsilon_i \tanh(\epsilon_i/2)`
    and :math:`B = \sum_i \epsilon_i^2`; Kairouz, Oh and Viswanath 2015, Theorem 3.5, which for equal
    answers is Theorem 3.4.
    """
    epsilons, counts = answer_groups(scale, queries)
    total = _sum(counts * epsilons)
    drift = _sum(counts * epsilons * np.tanh(epsilons / 2))
    squares = _sum(counts * epsilons**2)
    log_term = min(math.log(1 / delta), math.log(math.e + math.sqrt(squares) / delta))
    return min(total, drift + math.sqrt(2 * squares * log_term))


def optimal_exact(scale: Scales, queries: Counts, delta: float) -> float:
    r"""Total epsilon of the worst mechanisms that are :math:`\epsilon_i`-DP each, exactly.

    The worst case is randomised response, answer by answer. The guarantee binds on the sets
    :math:`S_t` of outcomes whose log likelihood ratio is t or more, so
    :math:`\epsilon = \max_t \ln((P(S_t) - \delta) / Q(S_t))`. Kairouz, Oh and Viswanath 2015, Theorem
    3.3, for k equal answers, at every epsilon between its grid points; Murtagh and Vadhan 2016, Theorem
    1.5, for different ones. It is rounded upwards: P and Q are charged more than double precision loses
    of them, and where the losses of different answers are too many, they are put on a grid that tells
    more. It is never above the sum of the epsilons.
    """
    if delta == 0:
        return basic(scale, queries, delta)
    epsilons, counts = answer_groups(scale, queries)
    _, log_p, log_q = losses(epsilons, counts)
    log_p, log_q = np.logaddexp.accumulate(log_p), np.logaddexp.accumulate(log_q)
    error = relative_error(epsilons, counts, values=log_p.size)
    log_p, log_q = log_p + error, log_q - error
    binds = log_p > math.log(delta)
    with np.errstate(divide="ignore"):  # a set that has exactly delta asks for nothing
        ratios = log_p[binds] + np.log1p(-delta * np.exp(-log_p[binds])) - log_q[binds]
    return min(max(0.0, float(np.max(ratios, initial=0.0))), basic(scale, queries, 0.0))


def whatever_noise(scale: Scales, queries: Counts, delta: float) -> float:
    """Total epsilon of answers of which no more is known than the epsilon of each.

    What a ledger accounts by: `optimal_exact`, and `optimal_bound` where that is out of reach. Integer
    noise of sensitivity 1 is that worst case itself. `delta` is above 0.
    """
    closed_form = optimal_bound(scale, queries, delta)
    try:
        return min(closed_form, optimal_exact(scale, queries, delta))
    except OutOfReachError:
        return closed_form


def rdp(scale: Scales, queries: Counts, delta: float) -> float:
    """Total epsilon by Renyi differential privacy of the Laplace mechanism.

    Mironov 2017, Proposition 6 (Laplace) and Proposition 1 (composition), by dp-accounting with
    the conversion of Canonne, Kamath and Steinke 2020.
    """
    return float(rdp_accountant(scale, queries).get_epsilon(delta))


def pld(scale: Scales, queries: Counts, delta: float) -> float:
    """Total epsilon by the privacy loss distribution of the Laplace mechanism.

    Koskela, Jälkö and Honkela 2020, by dp-accounting: the loss of each answer on a common grid, their
    convolution, and the smallest epsilon whose hockey-stick divergence is at most delta. Tight up to
    the grid, and rounded upwards.
    """
    if delta < LEAST_DELTA:
        raise OutOfReachError(
            f"losses are convolved in floating point, which needs delta of {LEAST_DELTA} or more"
        )
    distribution = loss_distribution(*answer_groups(scale, queries))
    found = float(distribution.get_epsilon_for_delta(delta - ROUNDING))
    return min(found, basic(scale, queries, 0.0))


def gaussian(scale: Scales, queries: Counts, delta: float) -> float:
    r"""Total epsilon of Gaussian answers, exactly.

    Answers of :math:`\sigma_i` are one answer of :math:`\sigma = (\sum_i \sigma_i^{-2})^{-1/2}` (Dong,
    Roth and Su 2022, Corollary 3.3), whose epsilon at delta solves
    :math:`\Phi(\frac{1}{2\sigma} - \epsilon\sigma) - e^\epsilon \Phi(-\frac{1}{2\sigma} - \epsilon\sigma)
    = \delta`; Balle and Wang 2018, Theorem 8, by dp-accounting.
    """
    return float(get_epsilon_gaussian(one_gaussian(scale, queries), delta * (1 - _SOLVED)))


def one_gaussian(scale: Scales, queries: Counts) -> float:
    """Sigma of the one Gaussian answer that tells as much as all of them."""
    inverses, counts = answer_groups(scale, queries)
    return 1 / math.sqrt(_sum(counts * inverses**2))


def rdp_accountant(scale: Scales, queries: Counts) -> RdpAccountant:
    """Accountant that holds the Laplace answers, by Renyi privacy."""
    accountant = RdpAccountant(_RDP_ORDERS)
    for epsilon, count in zip(*answer_groups(scale, queries), strict=True):
        accountant.compose(LaplaceDpEvent(1 / float(epsilon)), int(count))
    return accountant


def answer_groups(scale: Scales, queries: Counts) -> tuple[Floats, NDArray[np.int64]]:
    """Epsilon of one answer of each group, and the number of its answers, each of shape (groups,)."""
    scales, counts = (
        np.atleast_1d(np.asarray(scale, np.float64)),
        np.atleast_1d(np.asarray(queries, np.int64)),
    )
    if scales.shape != counts.shape:
        raise UsageError(f"expected a number of queries for each of {scales.size} scales, not {counts.size}.")
    return 1.0 / scales, counts


def _sum(terms: Floats) -> float:
    """Sum that no order of the groups changes."""
    return math.fsum(terms.tolist())
