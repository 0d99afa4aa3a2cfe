"""Noise on exact integers, and choice by score, with their proven cost: OpenDP's alone.

The scale is found from the charge, OpenDP's own privacy map gives what that scale spends, and an
answer leaves only if the map does not exceed the charge. Nothing here draws from another source.

Discrete Gaussian noise is charged as the continuous one. A Gaussian of variance s^2 - 4, rounded at random to
a whole number by the discrete Gaussian of variance 4 around it, is the discrete Gaussian of variance s^2, up
to a factor within 1 +- 3e-34 in the probability of each number: the sums of both over all whole numbers are
integrals up to 2 exp(-8 pi^2), by Poisson's formula (Peikert 2010, Theorem 3.1). So noise of variance
D^2 / (2 rho) + 4 on numbers that move by D is rho-zero-concentrated and as private as Gaussian noise of
mu = sqrt(2 rho), in vectors as well. Numbers are refined first, so that the 4 weighs nothing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from typing import Any, Final

from trivet.errors import TrivetError, UsageError, missing_extra
from trivet.privacy import laplace

try:
    from opendp.domains import atom_domain, vector_domain
    from opendp.measurements import make_gaussian, make_laplace, make_noisy_max
    from opendp.measures import max_divergence, zero_concentrated_divergence
    from opendp.metrics import absolute_distance, l1_distance, l2_distance, linf_distance
    from opendp.mod import enable_features
except ModuleNotFoundError as error:
    raise missing_extra(error, "a private release") or error from error

__all__ = [
    "EXPONENTIAL",
    "GAUSSIAN",
    "LIBRARY",
    "MECHANISM",
    "Measurement",
    "calibrate",
    "calibrate_choice",
    "calibrate_gaussian",
    "half_width",
    "library_version",
    "normal_half_width",
]

enable_features("contrib")

LIBRARY: Final = "opendp"
MECHANISM: Final = "discrete Laplace"
GAUSSIAN: Final = "discrete Gaussian"
EXPONENTIAL: Final = "exponential mechanism"
#: Larger noise would meet the ends of 64-bit integers, where OpenDP stops: 2^6 scales away.
LARGEST_SCALE: Final = 2**57
#: Below it the noise is 0 with a probability that no float tells from 1.
SMALLEST_SCALE: Final = Fraction(1, 2**20)
#: Gaussian noise is drawn on a grid of which it spans so many steps at least.
_FINE: Final = 2**12
#: Variance of the random rounding, in steps.
_ROUNDED: Final = 4
_ENDS: Final = 2**63 - 1
_STEPS: Final = 40


@dataclass(frozen=True)
class Measurement:
    """Noise for some numbers, in their steps; `proven` is an epsilon, or for Gaussian noise a rho."""

    scale: float
    proven: float
    add: Callable[[Sequence[int]], tuple[float, ...]]


def library_version() -> str:
    """Return the version of the library that makes the noise."""
    return version(LIBRARY)


def calibrate(*, sensitivity: int, epsilon: Fraction, vector: bool = False) -> Measurement:
    """Return the least noise for which OpenDP proves `epsilon`."""
    wanted = sensitivity / epsilon
    _require_size(wanted, "epsilon")

    def made(scale: float) -> tuple[Any, float]:
        measurement = _laplace(scale, vector=vector)
        return measurement, float(measurement.map(sensitivity))

    measurement, scale, proven = _proven(made, float(wanted), epsilon)
    return Measurement(scale, proven, _adder(measurement, vector=vector))


def calibrate_gaussian(*, squared: int, rho: Fraction) -> Measurement:
    """Return the least Gaussian noise of `rho` for numbers of a squared L2 sensitivity."""
    _require_size(Fraction(math.isqrt(squared) + 1) / Fraction(math.sqrt(2 * rho)), "rho")
    wanted = math.sqrt(squared / (2 * rho))
    finer = max(0, math.ceil(math.log2(_FINE / wanted)))
    moved = squared * 4**finer

    def made(scale: float) -> tuple[Any, float]:
        whole = vector_domain(atom_domain(T="i64")), l2_distance(T="f64")
        measurement = make_gaussian(*whole, scale=scale)
        # What is charged is the Gaussian's of the smaller variance; the map must prove no less.
        exact = Fraction(moved) / (2 * (Fraction(scale) ** 2 - _ROUNDED))
        proven = float(measurement.map(math.nextafter(math.sqrt(moved), math.inf)))
        return measurement, proven if proven > exact else math.nextafter(float(exact), math.inf)

    measurement, scale, proven = _proven(made, math.sqrt(moved / (2 * rho) + _ROUNDED), rho)

    def add(exact: Sequence[int]) -> tuple[float, ...]:
        return tuple(noisy / 2**finer for noisy in measurement(_held([each << finer for each in exact])))

    return Measurement(scale / 2**finer, proven, add)


def calibrate_choice(
    *, sensitivity: int, epsilon: Fraction | None = None, rho: Fraction | None = None
) -> Measurement:
    """Return the exponential mechanism over scores, of which the largest is the best.

    It takes an epsilon, or a rho of zero-concentrated privacy. Its `add` takes scores and gives the place of
    the one that it chose.
    """
    whole = vector_domain(atom_domain(T="i64")), linf_distance(T="i64")
    measure = max_divergence() if rho is None else zero_concentrated_divergence()
    limit = epsilon if rho is None else rho
    assert limit is not None, "one of both is given"
    wanted = 2 * sensitivity / (limit if rho is None else Fraction(math.sqrt(8 * limit)))
    _require_size(wanted, "epsilon" if rho is None else "rho")

    def made(scale: float) -> tuple[Any, float]:
        measurement = make_noisy_max(*whole, measure, scale=scale)
        return measurement, float(measurement.map(sensitivity))

    measurement, scale, proven = _proven(made, float(wanted), limit)
    return Measurement(scale, proven, lambda scores: (int(measurement(_held(scores))),))


def half_width(scale: float, *, probability: float) -> int:
    """Return the smallest t with P(|noise| > t) at most `probability`."""
    # P(|X| > t) = 2 a^(t + 1) / (1 + a), a = exp(-1 / b).
    decay = -1 / scale
    t = max(0, math.ceil(math.log(probability * (1 + math.exp(decay)) / 2) / decay - 1) - 1)
    while 2 * laplace.discrete_tail(t, scale=scale) > probability:
        t += 1
    return t


def normal_half_width(scale: float, *, probability: float) -> float:
    """Return t with P(|noise| > t) at most `probability` for Gaussian noise."""
    from scipy.special import ndtri  # noqa: PLC0415 - SciPy takes its time

    return -scale * float(ndtri(probability / 2))


def _require_size(wanted: Fraction, amount: str) -> None:
    if not SMALLEST_SCALE <= wanted <= LARGEST_SCALE:
        size = "small" if wanted > LARGEST_SCALE else "large"
        raise UsageError(f"{amount} is too {size}: the noise would have no sensible size.")


def _proven(
    made: Callable[[float], tuple[Any, float]], scale: float, limit: Fraction
) -> tuple[Any, float, float]:
    """Return the first measurement from a scale on that is proven to spend no more than the limit."""
    wanted = scale
    for step in range(_STEPS):
        measurement, proven = made(scale)
        if math.isfinite(proven) and Fraction(proven) <= limit:
            return measurement, scale, proven
        scale = math.nextafter(scale * (1 + 2.0 ** (step - 54)), math.inf)
    raise TrivetError(
        f"{LIBRARY} {library_version()} proves more than the requested cost at every scale near "
        f"{wanted!r}; nothing was released."
    )


def _laplace(scale: float, *, vector: bool) -> Any:
    atom = atom_domain(T="i64")
    if vector:
        return make_laplace(vector_domain(atom), l1_distance(T="i64"), scale=scale)
    return make_laplace(atom, absolute_distance(T="i64"), scale=scale)


def _adder(measurement: Any, *, vector: bool) -> Callable[[Sequence[int]], tuple[int, ...]]:
    def add(exact: Sequence[int]) -> tuple[int, ...]:
        if vector:
            return tuple(int(noisy) for noisy in measurement(_held(exact)))
        (number,) = _held(exact)
        return (int(measurement(number)),)

    return add


def _held(exact: Sequence[int]) -> list[int]:
    """Hold integers within 64 bits, which moves two neighbours no further apart."""
    return [max(-_ENDS, min(_ENDS, number)) for number in exact]
