"""Range of Brownian motion, and tails of sums of unequal coins: the laws of a cumulative calibration test."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

__all__ = ["range_tail", "signed_root"]

Floats = NDArray[np.float64]

#: Below it the tail is 1 in double precision.
LEAST: Final = 0.25
_TERMS: Final = 40
_HALVINGS: Final = 80


def range_tail(r: float) -> float:
    """Return P(R >= r) for the range R of Brownian motion on [0, 1], with 0 in it.

    The density of R is 8 sum_k (-1)^(k-1) k^2 phi(k r) (W. Feller, Annals of Mathematical Statistics 22,
    1951); its tail is 8 sum_k (-1)^(k-1) k (1 - Phi(k r)).
    """
    if r <= LEAST:
        return 1.0
    terms = np.arange(1, max(_TERMS, math.ceil(10 / r)) + 1)
    signs = np.where(terms % 2, 1.0, -1.0)
    return min(1.0, max(0.0, float(8 * np.sum(signs * terms * ndtr(-terms * r)))))


def signed_root(total: float, rows: Floats, shares: Floats) -> float:
    """Return the normal quantile that a sum above its mean stands for, to first order far out in the tail.

    With K the cumulant function of the sum of independent coins about its mean it is sqrt(2 sup_s (s total -
    K(s))), the signed root of the saddlepoint approximation (R. Lugannani, S. Rice, Advances in Applied
    Probability 12, 1980), which is below the standardised sum where the sum is skewed that way.

    Parameters
    ----------
    total
        The sum minus its mean, above 0.
    rows, shares
        How many coins there are of each kind, and their probability of 1, shape (kinds,).
    """
    mean = rows * shares
    if total >= float((rows - mean).sum()):
        return math.inf

    def slope(s: float) -> float:
        odds = shares * math.exp(s)
        return float((rows * odds / (1 - shares + odds) - mean).sum())

    high = 1.0
    while slope(high) < total and high < 500:  # noqa: PLR2004 - beyond it exp overflows
        high *= 2
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < total else (low, middle)
    cumulant = float((rows * np.log1p(shares * math.expm1(low)) - low * mean).sum())
    return math.sqrt(max(0.0, 2 * (low * total - cumulant)))
