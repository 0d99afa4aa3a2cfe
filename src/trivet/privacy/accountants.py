"""Accountants: the total privacy loss of noisy answers, one function a theorem.

Each takes the noise of one answer of sensitivity 1 (`scale`: the Laplace b, or the Gaussian sigma),
how many answers have it (`queries`) and the delta that may be spent, and returns the total epsilon
that the theorem proves. Where the answers differ, `scale` and `queries` are sequences of the same
length, one entry a group of equal answers. The answers may be chosen adaptively. A Laplace answer of
scale b is :math:`1/b`-DP.

A theorem that cannot be evaluated for so many answers, or so different ones, raises `OutOfReachError`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np
from dp_accounting import LaplaceDpEvent
from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution, from_laplace_mechanism
from dp_accounting.rdp import RdpAccountant
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import gammaln, log_ndtr

from trivet.errors import UsageError
from trivet.privacy.adjacency import OutOfReachError

__all__ = [
    "ROUNDING",
    "Counts",
    "Scales",
    "WholeLoss",
    "advanced",
    "answer_groups",
    "basic",
    "epsilon_of_rho",
    "gaussian",
    "loss_distribution",
    "losses",
    "one_gaussian",
    "optimal_bound",
    "optimal_exact",
    "pld",
    "rdp",
    "rdp_accountant",
    "relative_error",
    "rho_of",
    "rho_of_epsilon",
    "smallest_factor",
    "whatever_noise",
    "zcdp",
]

#: Points within the loss of one answer; a hundred times as many move a scale by less than 1e-6 of it.
_CELLS_PER_ANSWER = 200
#: Beyond so many answers the grid grows coarser, so that the sum keeps its number of points.
_FINE_UP_TO = 1_000
#: With so many there are twenty points within the loss of one answer, which costs 0.03 % of a scale.
ANSWER_LIMIT = 100_000
#: Points of the whole loss that are worth their time, where losses differ much.
_POINTS = 2_000_000
#: More than the convolution by FFT loses of a delta in double precision. Against the exact losses of
#: randomised response, in forty digits, it lost up to 6.6e-13 for up to `ANSWER_LIMIT` answers. It is
#: charged to every delta.
ROUNDING = 1e-12
#: Below it the rounding is no longer small against delta.
LEAST_DELTA = 1e-10


def loss_distribution(epsilons: NDArray[np.float64], counts: NDArray[np.int64]) -> PrivacyLossDistribution:
    """Distribution of the whole loss of answers with continuous Laplace noise, an upper bound on it."""
    # Rounding adds at most a quarter of the squared step to the variance of each loss, so what matters
    # is the step against the root mean square of the losses.
    answers = int(counts.sum())
    spread = math.sqrt(math.fsum((counts * epsilons**2).tolist()))
    if answers > ANSWER_LIMIT:
        raise OutOfReachError(f"the losses of at most {ANSWER_LIMIT:,} answers are convolved")
    cells = _CELLS_PER_ANSWER / max(1.0, math.sqrt(answers / _FINE_UP_TO))
    grid = spread / math.sqrt(answers) / cells
    # What is kept of the convolution is a dozen standard deviations to both sides, or less.
    if (24 * spread + 2 * float(epsilons.max())) / grid > _POINTS:
        raise OutOfReachError("the losses differ too much for one grid")
    whole: PrivacyLossDistribution | None = None
    for epsilon, count in zip(epsilons.tolist(), counts.tolist(), strict=True):
        one = from_laplace_mechanism(1 / epsilon, value_discretization_interval=grid)
        part = one.self_compose(count)
        whole = part if whole is None else whole.compose(part)
    assert whole is not None
    return whole


#: Values of the whole loss that are enumerated; k equal answers have k + 1, and groups multiply. Beyond it
#: losses are put on a grid.
SUPPORT_LIMIT = 200_000
#: Equal answers whose losses are enumerated before they are put on a grid.
MOST_EQUAL_ANSWERS = 1_000_000
#: Epsilons closer than this, relatively, count as the larger of them: different roundings of one number.
_SAME = 1e-12
#: Standard deviations of the whole loss that the grid reaches to both sides: what lies beyond has a
#: probability below exp(-98) (Hoeffding), and counts as an infinite loss.
_REACH = 14
#: Steps of the grid within the standard deviation of a group's loss, where groups are equal: rounding adds
#: at most a quarter of the squared step to the variance of each group, here from a part in 160,000 to one
#: in 64 where thousands of groups differ.
_STEPS = (200, 4)
#: Multiplications that a convolution may take, about half a second.
_WORK = 2e8
#: Single values of a group's loss that are less likely than this count as an infinite loss.
_NEGLIGIBLE = 1e-60

Floats = NDArray[np.float64]


def losses(epsilons: Floats, counts: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Every value of the whole loss, with its probability on both neighbours."""
    groups = _merged(epsilons, counts)
    if math.prod(count + 1 for _, count in groups) > SUPPORT_LIMIT:
        return _on_a_grid(groups)
    loss, log_p = np.zeros(1), np.zeros(1)
    for epsilon, count in groups:
        value, here = _equal(epsilon, count)
        loss = np.add.outer(loss, value).ravel()
        log_p = np.add.outer(log_p, here).ravel()
    if len(groups) > 1:
        order = np.argsort(-loss)
        loss, log_p = loss[order], log_p[order]
    return loss, log_p, log_p - loss


def relative_error(epsilons: Floats, counts: NDArray[np.int64], *, values: int) -> float:
    """More than sums over `values` values of `losses` err by, relatively, in double precision."""
    answers = float(counts.sum())
    lost = values + answers + float(gammaln(answers + 1)) + math.fsum((counts * epsilons).tolist())
    return 4e-15 * lost


def _equal(epsilon: float, count: int) -> tuple[Floats, Floats]:
    """Losses of equal answers in falling order, and the logarithms of their probabilities."""
    lies = np.arange(count + 1)
    log_choose = gammaln(count + 1) - gammaln(lies + 1) - gammaln(count - lies + 1)
    log_p = log_choose + (count - lies) * epsilon - count * np.logaddexp(0.0, epsilon)
    return np.asarray((count - 2 * lies) * epsilon, np.float64), np.asarray(log_p, np.float64)


def _on_a_grid(groups: list[tuple[float, int]]) -> tuple[Floats, Floats, Floats]:
    """Whole loss, each group's put on a common grid first, and convolved term by term."""
    # A value between two points is shared out to both so that the probabilities on both neighbours stay what
    # they are ("connect the dots", Doroshenko, Ghazi, Kamath, Kumar and Manurangsi 2022): no divergence
    # falls.
    if max(count for _, count in groups) > MOST_EQUAL_ANSWERS:
        raise OutOfReachError(f"follows the losses of at most {MOST_EQUAL_ANSWERS:,} equal answers")
    spread = math.sqrt(math.fsum(count * epsilon**2 for epsilon, count in groups))
    drift = math.fsum(count * epsilon * math.tanh(epsilon / 2) for epsilon, count in groups)
    total = math.fsum(count * epsilon for epsilon, count in groups)
    finest, coarsest = _STEPS
    terms = sum(min(2 * (count + 1), 2 * _REACH * math.sqrt(count) + 4) for _, count in groups)
    steps = min(finest, _WORK / (terms * 2 * _REACH * math.sqrt(len(groups))))
    if steps < coarsest:
        raise OutOfReachError("too many answers differ for their losses to be convolved")
    step = spread / math.sqrt(len(groups)) / steps
    # Each group may be rounded by a step beyond its own greatest and least value.
    ends = len(groups) + 1
    low = math.floor(max(-total, -_REACH * spread) / step) - ends
    high = math.ceil(min(total, drift + _REACH * spread) / step) + ends
    masses = np.zeros(high - low + 1)
    masses[-low] = 1.0
    infinite = 0.0
    for epsilon, count in groups:
        places, shares, lost = _shared_out(*_equal(epsilon, count), step=step)
        added = np.zeros_like(masses)
        for place, share in zip(places.tolist(), shares.tolist(), strict=True):
            if place >= 0:
                added[place:] += share * masses[: masses.size - place]
                lost += share * float(masses[masses.size - place :].sum()) if place else 0.0
            else:
                added[:place] += share * masses[-place:]
                # Below the grid: the least value of it, which tells more.
                added[0] += share * float(masses[:-place].sum())
        infinite += lost
        masses = added
    points = np.arange(low, high + 1) * step
    there = masses > 0
    loss = np.concatenate(([math.inf], points[there][::-1]))
    with np.errstate(divide="ignore"):
        log_p = np.log(np.concatenate(([infinite], masses[there][::-1])))
    log_q = np.concatenate(([-math.inf], log_p[1:] - loss[1:]))
    return loss, log_p, log_q


def _shared_out(loss: Floats, log_p: Floats, *, step: float) -> tuple[NDArray[np.int64], Floats, float]:
    """Points of the grid that values of the loss fall on, their probabilities, and what is neglected."""
    likely = log_p > math.log(_NEGLIGIBLE)
    neglected = float(np.exp(log_p[~likely]).sum())
    loss, masses = loss[likely], np.exp(log_p[likely])
    below = np.floor(loss / step).astype(np.int64)
    # The share of the upper point: P and Q are both kept.
    upper = np.clip(np.expm1(below * step - loss) / math.expm1(-step), 0.0, 1.0)
    places = np.concatenate((below, below + 1))
    first = int(places.min())
    weights = np.concatenate((masses * (1 - upper), masses * upper))
    shares = np.asarray(np.bincount(places - first, weights=weights), np.float64)
    (there,) = np.nonzero(shares)
    return there + first, shares[there], neglected


def _merged(epsilons: Floats, counts: NDArray[np.int64]) -> list[tuple[float, int]]:
    """Return groups of one epsilon each, the largest first."""
    merged: list[tuple[float, int]] = []
    for index in np.argsort(-epsilons):
        epsilon, count = float(epsilons[index]), int(counts[index])
        if merged and epsilon >= merged[-1][0] * (1 - _SAME):
            merged[-1] = (merged[-1][0], merged[-1][1] + count)
        else:
            merged.append((epsilon, count))
    return merged


#: One scale, or one a group of equal answers.
Scales = float | Sequence[float] | NDArray[np.float64]
#: How many answers have it, accordingly.
Counts = int | Sequence[int] | NDArray[np.int64]

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


def whatever_noise(scale: Scales, queries: Counts, delta: float, *, mu: float = 0.0) -> float:
    r"""Total epsilon of answers of which no more is known than the epsilon of each, beside Gaussian noise.

    What a ledger accounts by: `optimal_exact`, and `optimal_bound` where that is out of reach. Integer
    noise of sensitivity 1 is that worst case itself. Gaussian answers of whatever sensitivities and
    sigmas are one of :math:`\mu^2 = \sum_i \Delta_i^2 / \sigma_i^2` (Dong, Roth and Su 2022, Corollary
    3.3), and the sum of both losses is followed exactly. `delta` is above 0.
    """
    if not mu:
        closed_form = optimal_bound(scale, queries, delta)
        try:
            return min(closed_form, optimal_exact(scale, queries, delta))
        except OutOfReachError:
            return closed_form
    if not np.size(scale):
        return gaussian(1 / mu, 1, delta)
    try:
        return WholeLoss.of(scale, queries, mu=mu).epsilon(delta)
    except OutOfReachError:
        # Each of both has half of the delta.
        return optimal_bound(scale, queries, delta / 2) + gaussian(1 / mu, 1, delta / 2)


#: More than the difference of two normal probabilities errs by, as a part of the first.
_CANCELLED = 1e-13


@dataclass(frozen=True)
class WholeLoss:
    """Loss of the worst answers of their epsilons, beside that of Gaussian noise of one mu.

    Attributes
    ----------
    loss, weights : Every value of the answers' loss, and its probability, rounded upwards.
    mu : Of all Gaussian noise together; 0 without any.
    """

    loss: Floats
    weights: Floats
    mu: float

    @classmethod
    def of(cls, scale: Scales, queries: Counts, *, mu: float) -> "WholeLoss":
        """Follow the loss of answers, as `optimal_exact` does."""
        epsilons, counts = answer_groups(scale, queries)
        loss, log_p, _ = losses(epsilons, counts)
        return cls(loss, np.exp(log_p + relative_error(epsilons, counts, values=loss.size)), mu)

    @classmethod
    def nothing(cls, *, mu: float) -> "WholeLoss":
        """Return the loss of no answer but the Gaussian ones."""
        return cls(np.zeros(1), np.ones(1), mu)

    def delta(self, epsilon: float, *, more: float = 0.0) -> float:
        """Return the delta at an epsilon, where one more answer of epsilon `more` is given."""
        if more:
            likelier = 1 / (1 + math.exp(-more))
            return likelier * self.delta(epsilon - more) + (1 - likelier) * self.delta(epsilon + more)
        left = epsilon - self.loss
        if not self.mu:
            return float(np.sum(self.weights * -np.expm1(np.minimum(0.0, left))))
        # The hockey-stick divergence of two Gaussians: Balle and Wang 2018, Theorem 8.
        log_p = log_ndtr(self.mu / 2 - left / self.mu)
        log_q = left + log_ndtr(-self.mu / 2 - left / self.mu)
        with np.errstate(invalid="ignore"):
            share = -np.expm1(np.minimum(0.0, log_q - log_p))
        # Where both are 0 in double precision, nothing is left.
        share = np.where(np.isfinite(log_p), share + _CANCELLED, 0.0)
        return float(np.sum(self.weights * np.exp(log_p) * share))

    def epsilon(self, delta: float, *, more: float = 0.0) -> float:
        """Return the smallest epsilon at which no more than `delta` is left, rounded upwards."""

        def excess(epsilon: float) -> float:
            return math.log(max(self.delta(epsilon, more=more), 1e-300)) - math.log(delta)

        if excess(0.0) <= 0:
            return 0.0
        high = 1.0
        while excess(high) > 0:
            if high > _LARGEST_EPSILON:
                raise OutOfReachError("the deltas of the answers are above the budget's")
            high *= 2
        while high > _SMALLEST_EPSILON and excess(high / 16) <= 0:
            high /= 16
        found = float(cast("float", brentq(excess, 0.0, high, xtol=high * 1e-14)))
        step = 1e-13
        while excess(found) > 0:
            found, step = found * (1 + step), 2 * step
        return found


#: Between these an epsilon is looked for; none above promises anything.
_SMALLEST_EPSILON, _LARGEST_EPSILON = 1e-15, 1e15


#: More than logarithms and their sums err by, relatively.
_LOST = 1e-15


def epsilon_of_rho(rho: float, delta: float) -> float:
    r"""Epsilon at `delta` of rho-zero-concentrated privacy.

    :math:`\min_{\alpha > 1} \alpha\rho + (\ln(1/\delta) + (\alpha - 1)\ln(1 - 1/\alpha) - \ln\alpha) /
    (\alpha - 1)`; Canonne, Kamath and Steinke 2020, Proposition 12. Every alpha gives a sound figure.
    """
    if rho == 0:
        return 0.0

    def at(log_order: float) -> float:
        above, spent = math.exp(log_order), -math.log(delta)
        gained = above * math.log1p(1 / above) + math.log1p(above)
        # The difference of the two is all that may lose digits.
        return (1 + above) * rho + (spent - gained + _LOST * (spent + gained)) / above

    start = 0.5 * math.log(math.log(1 / delta) / rho)
    found = minimize_scalar(at, bracket=(start - 1, start + 1), tol=1e-12)
    return max(0.0, min(float(found.fun), at(start))) * (1 + 1e-12)


def rho_of_epsilon(epsilon: float, delta: float) -> float:
    """Largest rho of which `epsilon_of_rho` proves `epsilon` at `delta`."""
    low, high = 0.0, epsilon
    while epsilon_of_rho(high, delta) <= epsilon:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if epsilon_of_rho(middle, delta) <= epsilon else (low, middle)
    return low


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
    = \delta`; Balle and Wang 2018, Theorem 8. It is rounded upwards, by less than the difference of the two
    terms loses in double precision.
    """
    return WholeLoss.nothing(mu=1 / one_gaussian(scale, queries)).epsilon(delta)


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


#: Of the search, on the logarithm: a relative error of the factor.
_LOG_TOLERANCE = 1e-12
#: One unit in the last place, nearly.
_ULP = 2.0**-52
#: Between the guesses that bracket the factor.
_LOG_STEP = math.log(2)
#: Logarithms between which a factor is looked for; beyond them floating point ends.
_LOG_RANGE = (-700.0, 700.0)


def smallest_factor(
    spend: Callable[[float], float],
    *,
    epsilon: float,
    start: float,
    closed_form: float | None = None,
    tolerance: float = _LOG_TOLERANCE,
) -> float:
    """Find the smallest factor at which no more than epsilon is spent, up to a relative tolerance."""
    spend = cache(spend)  # the ends of the bracket, and the root, come more than once
    if closed_form is not None:
        factor, step = closed_form, _ULP
    else:
        factor, step = _root(spend, epsilon=epsilon, start=start, tolerance=tolerance), tolerance
    if not 0 < factor < math.inf:
        raise OutOfReachError("the noise that is needed is beyond floating point")
    # The root may lie a hair on the wrong side, and a numerical accountant is not quite monotone.
    while spend(factor) > epsilon:
        factor, step = factor * (1 + step), 2 * step
    return factor


def _root(spend: Callable[[float], float], *, epsilon: float, start: float, tolerance: float) -> float:
    def excess(log_factor: float) -> float:
        if not _LOG_RANGE[0] < log_factor < _LOG_RANGE[1]:
            raise OutOfReachError("the noise that is needed is beyond floating point")
        return spend(math.exp(log_factor)) - epsilon

    low = high = math.log(start)
    if excess(high) > 0:
        while excess(high) > 0:
            low, high = high, high + _LOG_STEP
    else:
        while excess(low) <= 0:
            low, high = low - _LOG_STEP, low
    return math.exp(cast("float", brentq(excess, low, high, xtol=tolerance)))
