"""Events in the last bits of a double, where noise drawn in floating point betrays what it was added to.

A double is an odd integer times a power of two. Which powers occur depends on the sizes of the numbers
that were added: 1 + x is a multiple of 2^-53 wherever x is rounded to fit, 0 + x keeps all bits of x
(Mironov 2012, "On significance of the least significant bits for differential privacy"). None of the
grids is built in; those that the sample shows are proposed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.mechanism.answers import Answers, Event, Path, Sample, number_paths, spelled

__all__ = ["NO_BIT", "Bits", "grid", "read_bits", "significand"]

#: The lowest bit of zero, which is a multiple of every power of two.
NO_BIT: Final = 5000
_SIGNIFICAND_BITS: Final = 53
#: Numbers of an answer whose bits are read, grids and binades proposed for each.
_NUMBERS: Final = 16
_GRIDS: Final = 80
_BINADES: Final = 10
_PATTERN_BITS: Final = 3


@dataclass(frozen=True)
class Bits:
    """The parts of finite doubles; of others `finite` is False and the rest 0, shape (answers,)."""

    finite: NDArray[np.bool_]
    lowest: NDArray[np.int64]
    binade: NDArray[np.int64]
    significand: NDArray[np.int64]


def read_bits(numbers: NDArray[np.float64]) -> Bits:
    """Take doubles apart."""
    finite = np.isfinite(numbers)
    mantissa, exponent = np.frexp(np.where(finite, np.abs(numbers), 0.0))
    significand = np.ldexp(mantissa, _SIGNIFICAND_BITS).astype(np.int64)
    lowest_one = significand & -significand
    zeros = np.frexp(lowest_one.astype(float))[1].astype(np.int64) - 1
    something = significand != 0
    lowest = np.where(something, exponent.astype(np.int64) - _SIGNIFICAND_BITS + zeros, NO_BIT)
    binade = np.where(something, exponent.astype(np.int64) - 1, -NO_BIT)
    return Bits(finite, np.where(finite, lowest, 0), np.where(finite, binade, 0), significand)


@dataclass(frozen=True)
class _Reading:
    """A number of the answer, or its distance from an input, whose bits are read."""

    path: Path
    shift: float

    @property
    def name(self) -> str:
        shift = repr(self.shift).removesuffix(".0")
        return spelled(self.path) if self.shift == 0 else f"({spelled(self.path)} - {shift})"

    def of(self, answers: Answers) -> Bits:
        def read() -> Bits:
            with np.errstate(over="ignore"):
                return read_bits(answers.numbers(self.path) - self.shift)

        return answers.known(("bits", self), read)


def grid(sample: Sample) -> Iterator[Event]:
    """Propose that a number is a multiple of 2^k, anywhere or within one binade, for every k seen."""
    for reading in _readings(sample):
        levels, binades = _levels(reading, sample), _binades(reading, sample)
        for level in levels:
            yield _multiple(reading, level)
        for binade, level in product(binades, levels):
            if binade - _SIGNIFICAND_BITS < level - 1 <= binade:
                yield _off_grid_within(reading, level, binade)


def significand(sample: Sample) -> Iterator[Event]:
    """Propose trailing zero bits of the significand, at least so many, and its last bits."""
    for reading in _readings(sample):
        sides = [reading.of(answers) for answers in (sample.on_a, sample.on_b)]
        if all((bits.lowest >= 0).all() for bits in sides):
            continue  # integers have no last bits but those of the grid
        seen = np.concatenate([_trailing_zeros(bits) for bits in sides])
        for zeros in np.unique(seen[(seen > 0) & (seen < _SIGNIFICAND_BITS)]).tolist():
            yield _at_least_zeros(reading, zeros)
        if (seen == 0).any():
            for width in range(1, _PATTERN_BITS + 1):
                for pattern in range(2**width):
                    yield _ends_in(reading, pattern, width)


def _readings(sample: Sample) -> list[_Reading]:
    paths = number_paths(sample)[:_NUMBERS]
    return [
        _Reading(path, shift)
        for path in paths
        for shift in dict.fromkeys(
            [0.0, *(_counterpart(value, path) for value in (sample.input_a, sample.input_b))]
        )
    ]


def _counterpart(value: object, path: Path) -> float:
    """Return the number of the input at the answer's place, or 0 where there is none."""
    for part in path:
        if isinstance(value, Sequence) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return 0.0
    try:
        shift = float(value) if isinstance(value, (int, float)) else 0.0
    except OverflowError:
        return 0.0
    return shift if np.isfinite(shift) else 0.0


def _levels(reading: _Reading, sample: Sample) -> list[int]:
    seen = np.concatenate(
        [bits.lowest[bits.finite] for bits in (reading.of(sample.on_a), reading.of(sample.on_b))]
    )
    levels = np.unique(seen)[1:]  # every finite answer is on the finest grid
    if levels.size > _GRIDS:
        levels = levels[np.linspace(0, levels.size - 1, _GRIDS).astype(int)]
    return [level for level in levels.tolist() if level != NO_BIT]


def _binades(reading: _Reading, sample: Sample) -> list[int]:
    seen = np.concatenate(
        [bits.binade[bits.finite] for bits in (reading.of(sample.on_a), reading.of(sample.on_b))]
    )
    binades, counts = np.unique(seen[seen != -NO_BIT], return_counts=True)
    return binades[np.argsort(-counts, kind="stable")[:_BINADES]].tolist()


def _multiple(reading: _Reading, level: int) -> Event:
    def holds(answers: Answers) -> NDArray[np.bool_]:
        bits = reading.of(answers)
        return bits.finite & (bits.lowest >= level)

    step = _power(level)
    return Event(
        f"{reading.name} is a multiple of {step}", f"{reading.name} is not a multiple of {step}", holds
    )


def _off_grid_within(reading: _Reading, level: int, binade: int) -> Event:
    def holds(answers: Answers) -> NDArray[np.bool_]:
        bits = reading.of(answers)
        return bits.finite & (bits.binade == binade) & (bits.lowest < level)

    size = f"{_power(binade)} <= |{reading.name}| < {_power(binade + 1)}"
    said = f"{size} and it is not a multiple of {_power(level)}"
    return Event(said, f"not ({said})", holds)


def _at_least_zeros(reading: _Reading, zeros: int) -> Event:
    def holds(answers: Answers) -> NDArray[np.bool_]:
        return _trailing_zeros(reading.of(answers)) >= zeros

    said = f"has {zeros} or more trailing zero bits"
    return Event(f"{reading.name} {said}", f"{reading.name} has fewer than {zeros} trailing zero bits", holds)


def _ends_in(reading: _Reading, pattern: int, width: int) -> Event:
    def holds(answers: Answers) -> NDArray[np.bool_]:
        bits = reading.of(answers)
        return bits.finite & (bits.significand & (2**width - 1) == pattern)

    said = f"in the bits {pattern:0{width}b}"
    return Event(f"{reading.name} ends {said}", f"{reading.name} does not end {said}", holds)


def _trailing_zeros(bits: Bits) -> NDArray[np.int64]:
    """Return zero bits at the end of the significand, 0 to 52; 53 for zero and -1 for what is not finite."""
    zeros = bits.lowest - bits.binade + _SIGNIFICAND_BITS - 1
    zeros = np.where(bits.lowest == NO_BIT, _SIGNIFICAND_BITS, zeros)
    return np.where(bits.finite, zeros, -1)


def _power(exponent: int) -> str:
    return f"2^{exponent}"
