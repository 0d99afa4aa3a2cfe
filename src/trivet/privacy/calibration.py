"""Calibration: the smallest scale, or factor on scales, within a budget."""

import math
from collections.abc import Callable
from typing import cast

from scipy.optimize import brentq

from trivet.privacy.ranges import OutOfReachError

__all__ = ["smallest_factor"]

#: Of the search, on the logarithm: a relative error of the factor.
_LOG_TOLERANCE = 1e-12
#: One unit in the last place, nearly.
_ULP = 2.0**-52
#: Between the guesses that bracket the factor.
_LOG_STEP = math.log(2)
#: Logarithms between which a factor is looked for; beyond them floating point ends.
_LOG_RANGE = (-700.0, 700.0)


def smallest_factor(
    spend: Callable[[float], float], *, epsilon: float, start: float, closed_form: float | None = None
) -> float:
    """Find the smallest factor at which no more than epsilon is spent."""
    if closed_form is not None:
        factor, step = closed_form, _ULP
    else:
        factor, step = _root(spend, epsilon=epsilon, start=start), _LOG_TOLERANCE
    if not 0 < factor < math.inf:
        raise OutOfReachError("the noise that is needed is beyond floating point")
    # The root may lie a hair on the wrong side, and a numerical accountant is not quite monotone.
    while spend(factor) > epsilon:
        factor, step = factor * (1 + step), 2 * step
    return factor


def _root(spend: Callable[[float], float], *, epsilon: float, start: float) -> float:
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
    return math.exp(cast("float", brentq(excess, low, high, xtol=_LOG_TOLERANCE)))
