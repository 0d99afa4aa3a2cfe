"""What randomised responses tell together: the worst that pure mechanisms of known epsilons can do.

Kairouz, Oh and Viswanath 2015 and Murtagh and Vadhan 2016 reduce the optimal composition of mechanisms
that are epsilon_i-DP to randomised response, answer by answer: truth with the odds e^epsilon_i to 1.
Everything is in logarithms, so nothing overflows.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

__all__ = ["SUPPORT_LIMIT", "losses", "support_size"]

#: Values of the whole loss that are enumerated; k equal answers have k + 1, and groups multiply.
SUPPORT_LIMIT = 200_000
#: Epsilons closer than this, relatively, count as the larger of them: different roundings of one number.
_SAME = 1e-12

Floats = NDArray[np.float64]


def support_size(epsilons: Floats, counts: NDArray[np.int64]) -> int:
    """How many values the whole loss has."""
    return math.prod(int(count) + 1 for _, count in _merged(epsilons, counts))


def losses(epsilons: Floats, counts: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Every value of the whole loss, with its probability on both neighbours.

    Parameters
    ----------
    epsilons, counts
        Shape (groups,): epsilon of each answer of a group, and their number. The product of the numbers
        plus one is the length of the result; see `support_size`.

    Returns
    -------
    tuple of numpy.ndarray
        Losses in falling order, and the logarithms of their probabilities where the loss is counted
        from (P) and on the neighbour (Q); loss = log P - log Q.
    """
    loss, log_p = np.zeros(1), np.zeros(1)
    groups = _merged(epsilons, counts)
    for epsilon, count in groups:
        lies = np.arange(count + 1)
        log_choose = gammaln(count + 1) - gammaln(lies + 1) - gammaln(count - lies + 1)
        here = log_choose + (count - lies) * epsilon - count * np.logaddexp(0.0, epsilon)
        loss = np.add.outer(loss, (count - 2 * lies) * epsilon).ravel()
        log_p = np.add.outer(log_p, here).ravel()
    if len(groups) > 1:
        order = np.argsort(-loss)
        loss, log_p = loss[order], log_p[order]
    return loss, log_p, log_p - loss


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
