r"""Error of a noisy answer: closed forms for continuous and integer Laplace, and for Gaussian.

The continuous Laplace of scale b has standard deviation :math:`\sqrt2\,b`, mean absolute error b and
tail :math:`P(|X| > m) = e^{-m/b}`. The discrete Laplace with :math:`a = e^{-1/b}` has
:math:`\sqrt{2a}/(1-a)`, :math:`2a/(1-a^2)` and, for an integer m, :math:`2a^{m+1}/(1+a)`; Inusah and
Kozubowski 2006. The Gaussian has :math:`\sigma`, :math:`\sigma\sqrt{2/\pi}` and
:math:`2\Phi(-m/\sigma)`. Every exponent is negative, so nothing overflows.
"""

import math
from dataclasses import dataclass

from trivet.privacy import laplace
from trivet.privacy.ranges import require_positive

__all__ = ["Spread", "spread"]

#: Share of answers outside `Spread.error_bound_95`.
_OUTSIDE = 0.05
#: The 0.975 quantile of the standard normal distribution.
_NORMAL_QUANTILE = 1.959963984540054
#: From this scale on one more or less is far below the precision of the logarithm.
_ROUNDED_FROM = 1e9


@dataclass(frozen=True)
class Spread:
    """Distance of one noisy answer from the true one, as in `results.QueryNoise`."""

    standard_deviation: float
    mean_absolute_error: float
    error_bound_95: float
    exceedance: float | None


def spread(
    mechanism: str, *, scale: float, value: float | None = None, threshold: float | None = None
) -> Spread:
    """Spread of one answer."""
    require_positive(scale=scale)
    excess = None if value is None or threshold is None else threshold - value
    if mechanism == "laplace":
        tail = None if excess is None else laplace.tail(excess, scale=scale)
        return Spread(math.sqrt(2) * scale, scale, -math.log(_OUTSIDE) * scale, tail)
    if mechanism == "gaussian":
        tail = None if excess is None else math.erfc(excess / scale / math.sqrt(2)) / 2
        return Spread(scale, scale * math.sqrt(2 / math.pi), _NORMAL_QUANTILE * scale, tail)
    a = math.exp(-1 / scale)
    tail = None if excess is None else laplace.discrete_tail(excess, scale=scale)
    return Spread(
        math.sqrt(2 * a) / -math.expm1(-1 / scale),
        2 * a / -math.expm1(-2 / scale),
        float(_integer_bound(scale)),
        tail,
    )


def _integer_bound(scale: float) -> int:
    """Smallest m with P(|X| > m) at most `_OUTSIDE`."""
    weight = 2 / (1 + math.exp(-1 / scale))
    bound = max(0, math.ceil(scale * math.log(weight / _OUTSIDE)) - 1)
    if scale > _ROUNDED_FROM:
        return bound
    # The ceiling of a rounded logarithm may be one off.
    while bound > 0 and weight * math.exp(-bound / scale) <= _OUTSIDE:
        bound -= 1
    while weight * math.exp(-(bound + 1) / scale) > _OUTSIDE:
        bound += 1
    return bound
