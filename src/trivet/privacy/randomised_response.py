"""Composition of randomised responses: the worst case of pure mechanisms with known epsilons.

Kairouz, Oh and Viswanath 2015 and Murtagh and Vadhan 2016 reduce the optimal composition of mechanisms
that are epsilon_i-DP to randomised response, answer by answer: truth with the odds e^epsilon_i to 1.
Every term is positive and nothing is subtracted or transformed, so that probabilities keep their relative
accuracy, however small the delta that they are compared with.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from trivet.privacy.ranges import OutOfReachError

__all__ = ["losses", "relative_error"]

#: Values of the whole loss that are enumerated; k equal answers have k + 1, and groups multiply. Beyond it
#: losses are put on a grid.
SUPPORT_LIMIT = 200_000
#: Equal answers whose losses are enumerated before they are put on a grid.
ANSWER_LIMIT = 1_000_000
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
    """Whole loss, each group's put on a common grid first, and convolved term by term.

    A value between two points of the grid is shared out to both so that the probabilities on both
    neighbours stay what they are ("connect the dots", Doroshenko, Ghazi, Kamath, Kumar and Manurangsi
    2022): no divergence falls.
    """
    if max(count for _, count in groups) > ANSWER_LIMIT:
        raise OutOfReachError(f"follows the losses of at most {ANSWER_LIMIT:,} equal answers")
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
