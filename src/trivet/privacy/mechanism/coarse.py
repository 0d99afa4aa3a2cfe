"""Answers on a coarse public grid: what a mechanism says apart from its floating-point bits.

A mechanism may be right on paper and give itself away in the last bits of a double alone (Mironov 2012). To
test its logic, every floating-point number of an answer is rounded to a multiple of a power of two that is
about a thousandth of the spread of the numbers at its place. The grid is fixed by the answers that propose
events, so rounding the others is post-processing: what is then shown holds for the mechanism as well.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

from trivet.privacy.mechanism.answers import Path, Plain, leaves

__all__ = ["coarse_grid"]

#: Binary digits of a number's spread that are kept.
DIGITS: Final = 10
#: The spread is that of the numbers between these shares of them, so that a far answer widens no grid.
SHARES: Final = (0.1, 0.9)


def coarse_grid(sample: Iterable[Plain]) -> Callable[[Plain], Plain]:
    """Return what rounds the floating-point numbers of an answer, by the spread of those in a sample."""
    seen: defaultdict[Path, list[float]] = defaultdict(list)
    for answer in sample:
        for path, value in leaves(answer):
            if isinstance(value, float) and math.isfinite(value):
                seen[path].append(value)
    steps = {path: step for path, values in seen.items() if (step := _step(values)) is not None}
    widest = max(steps.values(), default=None)

    def rounded(answer: Plain, path: Path = ()) -> Plain:
        if isinstance(answer, tuple):
            return tuple(rounded(part, (*path, place)) for place, part in enumerate(answer))
        if isinstance(answer, dict):
            return {key: rounded(part, (*path, key)) for key, part in answer.items()}
        if not isinstance(answer, float) or not math.isfinite(answer):
            return answer
        # A place that the sample lacks has the widest step; numbers of no spread keep their first digits.
        step = steps.get(path, widest) or _own_step(answer)
        return round(answer / step) * step + 0.0

    return rounded


def _step(values: list[float]) -> float | None:
    """Return the power of two that is the step of a place; None where its numbers are all the same."""
    numbers = np.array(values)
    low, high = np.quantile(numbers, SHARES)
    spread = float(high - low) or float(np.ptp(numbers))
    return math.ldexp(1.0, math.floor(math.log2(spread)) - DIGITS) if 0 < spread < math.inf else None


def _own_step(value: float) -> float:
    return math.ldexp(1.0, math.frexp(value)[1] - DIGITS) if value else 1.0
