"""Wilson's interval of a share, and Newcombe's of the difference of two shares of the same rows."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from trivet.errors import DataError
from trivet.estimate import Estimate
from trivet.settings import Share, require

__all__ = ["normal_quantile", "paired_difference_interval", "share_of", "wilson_limits"]

Floats = NDArray[np.float64]


def normal_quantile(level: float) -> float:
    """Return z with P(|Z| <= z) = level."""
    require(Share, level=level)
    return float(ndtri((1 + level) / 2))


def share_of(x: NDArray[Any], n: NDArray[Any]) -> Floats:
    """Divide, with NaN for a share of no rows."""
    return np.divide(x, n, out=np.full(x.shape, np.nan), where=n > 0)


def wilson_limits(x: NDArray[Any], n: NDArray[Any], *, level: float) -> tuple[Floats, Floats]:
    """Return the ends of Wilson's score interval, NaN for a share of no rows."""
    z = normal_quantile(level)
    share = share_of(x, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = share + z**2 / (2 * n)
        spread = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        shrink = 1 + z**2 / n
        # The ends at no success and at no failure are 0 and 1 but for rounding.
        low = np.where(x == 0, 0.0, np.maximum(0.0, (centre - spread) / shrink))
        high = np.where(x == n, 1.0, np.minimum(1.0, (centre + spread) / shrink))
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def paired_difference_interval(
    both: int, only_first: int, only_second: int, neither: int, *, level: float = 0.95
) -> Estimate:
    """Return an interval of the first model's share minus the second's, on the same rows."""
    # R. G. Newcombe, Statistics in Medicine 17 (1998), pages 2635 to 2650, method 10.
    counts = both, only_first, only_second, neither
    if min(counts) < 0:
        raise DataError(f"rows are counted from 0, found {min(counts)}. Check the table that it comes from.")
    # As Python's integers, whose products are exact.
    both, only_first, only_second, neither = map(int, counts)
    rows = both + only_first + only_second + neither
    name = "Newcombe paired hybrid score"
    x, n = np.array([both + only_first, both + only_second]), np.array([rows, rows])
    (low1, low2), (high1, high2) = (ends.tolist() for ends in wilson_limits(x, n, level=level))
    if rows == 0:
        return Estimate(None, None, None, level, name, "there is no row to take a share of")
    share1, share2 = share_of(x, n).tolist()
    phi = _correlation(both, only_first, only_second, neither)
    estimate = (only_first - only_second) / rows
    down = _joined(share1 - low1, high2 - share2, phi)
    up = _joined(high1 - share1, share2 - low2, phi)
    return Estimate(estimate, estimate - down, estimate + up, level, name)


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Return Newcombe's estimate of the correlation, 0 where a margin is empty."""
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if margins == 0:
        return 0.0
    rows = both + only_first + only_second + neither
    product = both * neither - only_first * only_second
    if product > 0:
        product = max(product - rows / 2, 0)
    return product / math.sqrt(margins)


def _joined(one: float, other: float, phi: float) -> float:
    """Return how far an end lies from the estimate, from how far those of the two shares do."""
    return math.sqrt(max(one**2 - 2 * phi * one * other + other**2, 0.0))
