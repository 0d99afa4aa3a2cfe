"""Noise on exact integers, and its proven cost: OpenDP's discrete Laplace alone.

The scale is found from the charge, OpenDP's own privacy map gives what that scale spends, and an
answer leaves only if the map does not exceed the charge. Nothing here draws from another source.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from typing import Any, Final

from opendp.domains import atom_domain, vector_domain
from opendp.measurements import make_laplace
from opendp.metrics import absolute_distance, l1_distance
from opendp.mod import enable_features

from trivet.errors import TrivetError, UsageError
from trivet.privacy import laplace

__all__ = ["LIBRARY", "MECHANISM", "Measurement", "calibrate", "half_width", "library_version"]

enable_features("contrib")

LIBRARY: Final = "opendp"
MECHANISM: Final = "discrete Laplace"
#: Larger noise would meet the ends of 64-bit integers, where OpenDP stops: 2^6 scales away.
LARGEST_SCALE: Final = 2**57
#: Below it the noise is 0 with a probability that no float tells from 1.
SMALLEST_SCALE: Final = Fraction(1, 2**20)
_ENDS: Final = 2**63 - 1
_STEPS: Final = 40


@dataclass(frozen=True)
class Measurement:
    """Noise for one number, or for several numbers of one L1 sensitivity."""

    scale: float
    proven_epsilon: float
    add: Callable[[Sequence[int]], tuple[int, ...]]


def library_version() -> str:
    """Return the version of the library that makes the noise."""
    return version(LIBRARY)


def calibrate(*, sensitivity: int, epsilon: Fraction, vector: bool = False) -> Measurement:
    """Return the least noise for which OpenDP proves `epsilon`."""
    wanted = sensitivity / epsilon
    if not SMALLEST_SCALE <= wanted <= LARGEST_SCALE:
        size = "small" if wanted > LARGEST_SCALE else "large"
        raise UsageError(f"epsilon is too {size}: the noise would have no sensible size.")
    scale = float(wanted)
    for step in range(_STEPS):
        measurement = _measurement(scale, vector=vector)
        proven = float(measurement.map(sensitivity))
        if math.isfinite(proven) and Fraction(proven) <= epsilon:
            return Measurement(scale, proven, _adder(measurement, vector=vector))
        scale = math.nextafter(scale * (1 + 2.0 ** (step - 54)), math.inf)
    raise TrivetError(
        f"{LIBRARY} {library_version()} proves more than the requested epsilon at every scale near "
        f"{float(wanted)!r}; nothing was released."
    )


def half_width(scale: float, *, probability: float) -> int:
    """Return the smallest t with P(|noise| > t) at most `probability`."""
    # P(|X| > t) = 2 a^(t + 1) / (1 + a), a = exp(-1 / b).
    decay = -1 / scale
    t = max(0, math.ceil(math.log(probability * (1 + math.exp(decay)) / 2) / decay - 1) - 1)
    while 2 * laplace.discrete_tail(t, scale=scale) > probability:
        t += 1
    return t


def _measurement(scale: float, *, vector: bool) -> Any:
    atom = atom_domain(T="i64")
    if vector:
        return make_laplace(vector_domain(atom), l1_distance(T="i64"), scale=scale)
    return make_laplace(atom, absolute_distance(T="i64"), scale=scale)


def _adder(measurement: Any, *, vector: bool) -> Callable[[Sequence[int]], tuple[int, ...]]:
    def add(exact: Sequence[int]) -> tuple[int, ...]:
        # Holding an integer within 64 bits moves two neighbours no further apart.
        held = [max(-_ENDS, min(_ENDS, number)) for number in exact]
        if vector:
            return tuple(int(noisy) for noisy in measurement(held))
        (number,) = held
        return (int(measurement(number)),)

    return add
