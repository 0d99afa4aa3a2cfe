"""Standard distributions of noise: what a shift or another scale of each one costs."""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import numpy as np
from scipy import stats

from trivet.privacy.code.tape import Call, Floats

__all__ = [
    "CONTINUOUS",
    "distribution",
    "gaussian_of_scales",
    "hockey_stick",
    "recognised",
    "shift_loss",
]

#: Families whose tests and inverse transforms are followed.
CONTINUOUS: Final[Mapping[str, Any]] = {
    "laplace": stats.laplace,
    "normal": stats.norm,
    "exponential": stats.expon,
    "gumbel": stats.gumbel_r,
    "logistic": stats.logistic,
    "uniform": stats.uniform,
    "cauchy": stats.cauchy,
}
_SHIFTS: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "laplace": lambda shift: shift,
    "logistic": lambda shift: shift,
    "cauchy": lambda shift: 2 * np.arcsinh(shift / 2),
}
#: Distance to a whole number that rounding of sums explains.
_WHOLE: Final = 1e-6
#: Points at which an inverse transform is compared with quantiles, and how near it has to be.
_POINTS: Final = 64
_NEAR: Final = 1e-6
_GRID: Final = 400_001


def distribution(family: str) -> Any:
    """Return the continuous standard distribution of a family; None of any other."""
    return CONTINUOUS.get(family)


def shift_loss(call: Call, shifts: Floats) -> Floats:
    r"""Largest log ratio of the densities of noise and of noise shifted by so many scales, each.

    Infinite where the ratio has no bound. Of the Cauchy distribution :math:`2 \sinh^{-1}(t/2)`, of the
    discrete Laplace t times its parameter.
    """
    if call.family in _SHIFTS:
        return _SHIFTS[call.family](shifts)
    if call.family == "discrete_laplace":
        whole = np.abs(shifts - np.round(shifts)) < _WHOLE
        return np.where(whole, np.round(shifts) * float(call.parameter), np.inf)
    return np.where(shifts > 0, np.inf, 0.0)


def hockey_stick(family: str, shift: float, ratio: float, epsilon: float) -> float | None:
    r"""Smallest delta at an epsilon, of noise and noise shifted and scaled; None of an unknown family.

    It is :math:`\int \max(p - e^\epsilon q, 0)`, both ways, by the trapezoidal rule, on points that are
    dense in the middle: those of the Cauchy distribution go to 3e11.
    """
    known = distribution(family)
    if known is None:
        return None
    ends = [known.ppf(1e-12), known.ppf(1 - 1e-12)]
    other = [shift + ratio * end for end in ends]
    grid = np.sinh(np.linspace(math.asinh(min(*ends, *other)), math.asinh(max(*ends, *other)), _GRID))
    one, two = known.pdf(grid), known.pdf((grid - shift) / ratio) / abs(ratio)
    growth = math.exp(min(epsilon, 700.0))
    both = (np.maximum(one - growth * two, 0), np.maximum(two - growth * one, 0))
    return float(max(np.trapezoid(each, grid) for each in both))


def gaussian_of_scales(distance: float, count: int, ratio: float, epsilon: float) -> float:
    """Smallest delta at an epsilon between `count` Gaussians of one scale and of `ratio` times it.

    `distance` is that of the centres in L2 norm, in scales of the first. The loss is a quadratic in the
    answer, so that its two tails are those of noncentral chi-squared distributions.
    """
    curve = (1 / ratio**2 - 1) / 2
    best = 0.0
    for sign in (1.0, -1.0):
        # log p/q = curve |y - m|^2 + constant, with m the centre of the quadratic.
        centre = distance / ratio**2 / (1 / ratio**2 - 1)
        constant = count * math.log(ratio) + distance**2 / (2 * ratio**2) - curve * centre**2
        cut = (sign * epsilon - constant) / curve
        above = (sign * curve) > 0
        on_p = _chi_tail(cut, count, centre**2, above=above)
        on_q = _chi_tail(cut / ratio**2, count, ((centre - distance) / ratio) ** 2, above=above)
        first, second = (on_p, on_q) if sign > 0 else (on_q, on_p)
        best = max(best, first - math.exp(min(epsilon, 700.0)) * second)
    return best


def _chi_tail(cut: float, count: int, off_centre: float, *, above: bool) -> float:
    if cut <= 0:
        return 1.0 if above else 0.0
    tail = stats.ncx2.sf if above else stats.ncx2.cdf
    return float(tail(cut, count, off_centre))


def recognised(values: Floats) -> tuple[str, Floats] | None:
    """Name the family that functions of uniform noise have, and each one's scale; None of no known one.

    `values` has shape (`_POINTS`, n): each function at the points of `grid_of_quantiles`.
    """
    if not np.isfinite(values).all():
        return None
    for family in CONTINUOUS:
        for quantiles in (_quantiles(family), _quantiles(family)[::-1]):
            low, high = _POINTS // 4, _POINTS - _POINTS // 4
            scale = (values[high] - values[low]) / (quantiles[high] - quantiles[low])
            loc = values[low] - scale * quantiles[low]
            gaps = np.abs(values - loc - np.outer(quantiles, scale)).max(axis=0)
            if (scale != 0).all() and (gaps <= _NEAR * np.abs(scale)).all():
                return family, np.abs(scale)
    return None


def grid_of_quantiles() -> Floats:
    """Return the points in (0, 1) at which functions of uniform noise are compared with quantiles."""
    return (np.arange(_POINTS) + 0.5) / _POINTS


@cache
def _quantiles(family: str) -> Floats:
    return CONTINUOUS[family].ppf(grid_of_quantiles())
