r"""Laplace distribution in closed form: tail probabilities of a noisy answer.

The continuous mechanism adds :math:`\eta \sim \mathrm{Lap}(0, b)` with :math:`b = \Delta f / \epsilon`
(Dwork and Roth 2014, Theorem 3.6). An integer answer takes integer noise, the discrete (two-sided
geometric) Laplace of Ghosh, Roughgarden and Sundararajan 2009, whose tail is another function.

Every probability here comes from an exponential of a non-positive number, so nothing overflows
however small or large the scale is.
"""

import math
from typing import TYPE_CHECKING

from trivet.settings import Positive, require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["cdf", "discrete_cdf", "discrete_tail", "perturb_integer", "scale", "tail"]


def scale(*, sensitivity: float, epsilon: float) -> float:
    r"""Scale of the Laplace noise that makes one answer epsilon-differentially private.

    :math:`b = \Delta f / \epsilon`, equation 6 of the study; Dwork and Roth 2014, Definition 3.3.
    """
    require(Positive, sensitivity=sensitivity, epsilon=epsilon)
    return sensitivity / epsilon


def cdf(x: float, *, location: float = 0.0, scale: float) -> float:
    """Probability that a continuous Laplace answer is at most `x` (equation 16)."""
    return tail(-x, location=-location, scale=scale)


def tail(threshold: float, *, location: float = 0.0, scale: float) -> float:
    """Probability that a continuous Laplace answer exceeds `threshold` (equation 17).

    It is computed on its own side, never as one minus the distribution function, so that a far tail
    keeps its relative precision.
    """
    require(Positive, scale=scale)
    excess = threshold - location
    half = 0.5 * math.exp(-abs(excess) / scale)
    return half if excess >= 0 else 1.0 - half


def discrete_cdf(x: float, *, location: int = 0, scale: float) -> float:
    """Probability that an integer answer with discrete Laplace noise is at most `x`.

    Parameters and errors as in `discrete_tail`.
    """
    if math.isinf(x):
        return 1.0 - discrete_tail(x, scale=scale)
    return discrete_tail(-math.floor(x) - 1, location=-location, scale=scale)


def discrete_tail(threshold: float, *, location: int = 0, scale: float) -> float:
    r"""Probability that an integer answer with discrete Laplace noise exceeds `threshold`.

    With :math:`a = e^{-1/b}` the noise is :math:`P(X = x) = \frac{1-a}{1+a} a^{|x|}`, so for an
    integer :math:`m = \lfloor t \rfloor - q \geq 0` the tail is :math:`a^{m+1} / (1 + a)`. It lies
    below the continuous tail at the same scale, because "more than t" begins at t + 1.
    """
    require(Positive, scale=scale)
    if math.isinf(threshold):
        return 0.0 if threshold > 0 else 1.0
    excess = math.floor(threshold) - location
    weight = 1.0 + math.exp(-1.0 / scale)
    if excess >= 0:
        return math.exp(-(excess + 1) / scale) / weight
    return 1.0 - math.exp(excess / scale) / weight


def perturb_integer(
    value: int, *, scale: float, generator: "np.random.Generator", size: int
) -> "NDArray[np.int64]":
    """Integer answers with discrete Laplace noise, for simulation only.

    The noise is the difference of two geometric variables (Inusah and Kozubowski 2006). It is drawn
    in floating point, so a release must not use it either.
    """
    require(Positive, scale=scale)
    success = -math.expm1(-1.0 / scale)
    return value + generator.geometric(success, size) - generator.geometric(success, size)
