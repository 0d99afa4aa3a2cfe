"""Distances between the distributions of two groups: Kolmogorov and Smirnov's, and Wasserstein's."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.estimate import Estimate

__all__ = ["kolmogorov_smirnov", "wasserstein"]

Floats = NDArray[np.float64]

#: Draws of the bootstrap, and points that values are put on for it where there are more.
_DRAWS: Final = 999
_POINTS: Final = 2_000
_CHUNK: Final = 4_000_000


def kolmogorov_smirnov(
    mine: Floats, theirs: Floats, *, level: float, weights: tuple[Floats, Floats] | None = None
) -> Estimate:
    """Return the largest distance of two distribution functions, of values in order.

    The interval is made of a band around each function, at half the error each (A. Dvoretzky, J. Kiefer, J.
    Wolfowitz, Annals of Mathematical Statistics 27, 1956, with the constant of P. Massart, Annals of
    Probability 18, 1990): it holds for any distribution. With weights rows are counted by Kish.
    """
    first, second = weights or (np.ones(len(mine)), np.ones(len(theirs)))
    _, shares = _functions(mine, theirs, first, second)
    value = float(np.abs(shares[0] - shares[1]).max())
    counts = [each.sum() ** 2 / (each**2).sum() for each in (first, second)]
    reach = sum(math.sqrt(math.log(4 / (1 - level)) / (2 * count)) for count in counts)
    method = "Dvoretzky-Kiefer-Wolfowitz" if weights is None else "Dvoretzky-Kiefer-Wolfowitz, Kish"
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach), level, method)


def wasserstein(
    mine: Floats,
    theirs: Floats,
    *,
    level: float,
    seed: int = 0,
    weights: tuple[Floats, Floats] | None = None,
) -> Estimate:
    """Return the mean distance that values are moved from one distribution to the other, of values in order.

    It is the area between the distribution functions, in the unit of the values. The interval spans those of
    the basic and of the percentile bootstrap within groups, since distances of samples are larger than those
    of populations; it begins at 0 unless draws from both groups together are nearer at this level.
    """
    first, second = weights or (np.ones(len(mine)), np.ones(len(theirs)))
    widths, shares = _functions(mine, theirs, first, second)
    value = float(np.abs(shares[0] - shares[1])[:-1] @ widths)
    if min(len(mine), len(theirs)) < 2:  # noqa: PLR2004 - one row is drawn again and again
        return Estimate(value, None, None, level, "bootstrap", "one row says nothing of the error")
    if weights is not None:
        return Estimate(value, None, None, level, "none", "no interval is known for weighted rows")
    points = np.concatenate([mine, theirs])
    if len(points) > _POINTS:
        points = np.quantile(points, np.linspace(0, 1, _POINTS), method="inverted_cdf")
    points = np.unique(points)
    rng, sizes = np.random.default_rng(seed), (len(mine), len(theirs))
    counts = [_counted(each, points) for each in (mine, theirs)]
    own = [count / size for count, size in zip(counts, sizes, strict=True)]
    # On the points of the draws the distance is not quite that of the values.
    bias = value - float(_area(np.stack(own), points))
    together = (counts[0] + counts[1]) / sum(sizes)
    null = _draws(rng, sizes, (together, together), points)
    drawn = _draws(rng, sizes, own, points) + bias
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    ends = min(2 * value - high, low), max(2 * value - low, high)
    apart = value - bias > np.quantile(null, level)
    return Estimate(value, max(0.0, float(ends[0])) if apart else 0.0, float(ends[1]), level, "bootstrap")


def _draws(
    rng: np.random.Generator, sizes: tuple[int, int], shares: Sequence[Floats], points: Floats
) -> Floats:
    """Return the distances of samples of two groups with these shares of the points."""
    size = max(1, _CHUNK // len(points))
    drawn: list[Floats] = []
    for start in range(0, _DRAWS, size):
        many = min(size, _DRAWS - start)
        both = [rng.multinomial(rows, own, many) / rows for rows, own in zip(sizes, shares, strict=True)]
        drawn.append(_area(np.stack(both), points))
    return np.concatenate(drawn)


def _area(shares: Floats, points: Floats) -> Floats:
    """Return the area between two distribution functions, of shares (2, ..., points)."""
    return np.abs(np.cumsum(shares[0] - shares[1], axis=-1))[..., :-1] @ np.diff(points)


def _functions(mine: Floats, theirs: Floats, first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return the distances between neighbouring values of both, and both functions at each value."""
    points = np.unique(np.concatenate([mine, theirs]))
    below = [
        np.concatenate([[0.0], np.cumsum(weights)])[np.searchsorted(values, points, side="right")]
        / weights.sum()
        for values, weights in ((mine, first), (theirs, second))
    ]
    return np.diff(points), np.stack(below)


def _counted(values: Floats, points: Floats) -> NDArray[np.int64]:
    """Count values at the nearest point from above."""
    places = np.minimum(np.searchsorted(points, values, side="left"), len(points) - 1)
    return np.bincount(places, minlength=len(points))
