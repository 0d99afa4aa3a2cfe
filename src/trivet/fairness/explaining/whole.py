"""The whole of a difference, and each part's share of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.explaining.results import WHOLE, Part
from trivet.fairness.intervals.differences import difference_interval

__all__ = ["difference_of_rates", "with_shares"]


def difference_of_rates(
    selected: NDArray[np.int64], rows: NDArray[np.int64], *, groups: tuple[str, str], level: float
) -> Part:
    """Return the difference of selection rates as the whole, with the interval that an audit gives it."""
    for group, size in zip(groups, rows.tolist(), strict=True):
        if size == 0:
            return Part(WHOLE, WHOLE, (), None, None, None, level, None, f"{group} has no row.")
    (x0, x1), (n0, n1) = selected.tolist(), rows.tolist()
    found = difference_interval(x0, n0, x1, n1, level=level)
    return Part(WHOLE, WHOLE, (), found.estimate, found.low, found.high, level, None)


def with_shares(whole: Part, parts: Sequence[Part]) -> tuple[Part, tuple[Part, ...]]:
    """Return the whole and its parts with the share of the whole that each is.

    Where the interval of the whole holds 0, or there is none, every share stays None: it would be a
    ratio to something that can be nothing.
    """
    if whole.value is None or whole.low is None or whole.high is None or whole.low <= 0 <= whole.high:
        return whole, tuple(parts)
    size = whole.value
    shared = [part if part.value is None else replace(part, share=part.value / size) for part in parts]
    return replace(whole, share=1.0), tuple(shared)
