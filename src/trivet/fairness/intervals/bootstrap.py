"""Bootstrap intervals for any metric of a table of counts."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError
from trivet.estimate import Estimate
from trivet.settings import Count, Share, require

__all__ = ["Statistic", "bootstrap_bounds"]

#: A function of counts of shape (..., *table) that gives one figure a table, shape (...).
Statistic = Callable[[NDArray[np.int64]], NDArray[np.float64]]

#: Counts drawn at once: memory stays at some tens of megabytes for thousands of groups.
CHUNK = 4_000_000
#: Estimate that meet say nothing of the error, unless the figure can be no other.
NO_DRAW_DIFFERS = "no draw has another figure, so that these rows say nothing of its error"


def bootstrap_bounds(
    counts: NDArray[np.int64],
    statistic: Statistic,
    *,
    replicates: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return a bootstrap interval of any function of counts, or why it has none."""
    # Infinite draws count at their end of the order, undefined ones against both ends.
    require(Share, level=level)
    tail = (1 - level) / 2
    require(Count, replicates=replicates)
    if counts.sum() == 0:
        raise DataError("a bootstrap draws from rows, found none. Check which rows are counted.")
    estimate = float(statistic(counts))
    method = "multinomial bootstrap"
    if not math.isfinite(estimate):
        reason = "the figure of the counts themselves is not a finite number"
        return Estimate(None, None, None, level, method, reason)
    values = _draw(counts, statistic, replicates, seed)
    undefined = np.isnan(values)
    low = _quantile(np.where(undefined, -np.inf, values), tail)
    high = _quantile(np.where(undefined, np.inf, values), (1 + level) / 2)
    return Estimate(estimate, low, high, level, method, _reason(values, None in {low, high}))


def _draw(counts: NDArray[np.int64], statistic: Statistic, replicates: int, seed: int) -> NDArray[np.float64]:
    """Return the statistic of each draw, shape (replicates,)."""
    total, generator = int(counts.sum()), np.random.default_rng(seed)
    shares = (counts / total).ravel()
    size = max(1, CHUNK // counts.size)
    values: list[NDArray[np.float64]] = []
    for start in range(0, replicates, size):
        drawn = generator.multinomial(total, shares, size=min(size, replicates - start))
        values.append(statistic(drawn.reshape(-1, *counts.shape)))
    return np.concatenate(values)


def _quantile(values: NDArray[np.float64], place: float) -> float | None:
    """Return the value at a place of the order, or None where there is none or it is not finite."""
    found = float(np.quantile(values, place, method="inverted_cdf"))
    return found if math.isfinite(found) else None


def _reason(values: NDArray[np.float64], missing: bool) -> str | None:  # noqa: FBT001
    """Say why a bound is missing, or how many draws have no figure."""
    if (values == values[0]).all():
        return NO_DRAW_DIFFERS
    if missing:
        return f"{1 - np.isfinite(values).mean():.2%} of the draws have no finite figure"
    undefined = np.isnan(values).mean()
    return f"{undefined:.2%} of the draws are undefined and count against both ends" if undefined else None
