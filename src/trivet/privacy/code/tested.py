"""Probability of what tests of noise said: sparse vectors, noisy maxima, randomised response."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from trivet.privacy.code.densities import distribution
from trivet.privacy.code.tape import Floats

__all__ = ["ACCURACY", "Test", "log_probability"]

#: Relative error of a probability, by the number of points and the kinks of the densities.
ACCURACY: Final = 1e-4
_POINTS: Final = 8_001
_REACH: Final = 1e-15


@dataclass(frozen=True)
class Test:
    """An observation: ``offset + sum of factors * draws >= 0``, each draw given by its number."""

    offset: float
    factors: tuple[tuple[int, float], ...]


@dataclass
class _Joined:
    """Draws, the bounds that tests set on each, and the tests that join two."""

    families: Sequence[str]
    low: Floats
    high: Floats
    #: By draw: the other draw, the factors of both, the offset.
    edges: dict[int, list[tuple[int, float, float, float]]]

    def bound(self, draw: int, factor: float, offset: float) -> None:
        """Take in a test of one draw."""
        if factor > 0:
            self.low[draw] = max(self.low[draw], -offset / factor)
        else:
            self.high[draw] = min(self.high[draw], -offset / factor)

    def join(self, test: Test) -> bool:
        """Take in a test of two draws; False where they are joined already."""
        (one, of_one), (two, of_two) = test.factors
        if any(other == two for other, *_ in self.edges[one]):
            return False
        self.edges[one].append((two, of_one, of_two, test.offset))
        self.edges[two].append((one, of_two, of_one, test.offset))
        return True


def log_probability(tests: Sequence[Test], families: Sequence[str]) -> float | None:
    """Logarithm of the probability of all tests together, of draws of these families.

    -inf where it is impossible; None where the tests are not followed: a test of more than two draws,
    draws that tests join in a ring, a family that is not continuous. Otherwise tests join draws into
    trees, and each draw is integrated over in turn, from the leaves (the integral in Lyu, Su and Li 2017,
    section 3, is the one of a star).
    """
    if any(distribution(family) is None or family == "cauchy" for family in families):
        return None
    count = len(families)
    joined = _Joined(families, np.full(count, -np.inf), np.full(count, np.inf), {i: [] for i in range(count)})
    for test in tests:
        match test.factors:
            case () if test.offset < 0:
                return -np.inf
            case ():
                pass
            case ((draw, factor),):
                joined.bound(draw, factor, test.offset)
            case (_, _) if joined.join(test):
                pass
            case _:
                return None
    return -np.inf if (joined.low > joined.high).any() else _over_trees(joined)


def _over_trees(joined: _Joined) -> float | None:
    total, left = 0.0, set(range(len(joined.families)))
    while left:
        root = max(left, key=lambda draw: len(joined.edges[draw]))
        tree = _tree(root, joined)
        if tree is None:
            return None
        left -= tree
        if len(tree) == 1:
            total += _between(root, joined)
            continue
        grid, logs = _weights(root, None, joined)
        total += float(_integral(grid, logs)[-1])
    return total


def _between(draw: int, joined: _Joined) -> float:
    """Log probability that a draw lies between its bounds, which no other draw decides on."""
    known = distribution(joined.families[draw])
    low, high = float(joined.low[draw]), float(joined.high[draw])
    if np.isinf(high):
        return float(known.logsf(low))
    if np.isinf(low):
        return float(known.logcdf(high))
    with np.errstate(divide="ignore"):
        return float(np.log(known.cdf(high) - known.cdf(low)))


def _tree(root: int, joined: _Joined) -> set[int] | None:
    """Return the draws that are joined with one; None where they are so in a ring."""
    seen, waiting = {root}, [(root, -1)]
    while waiting:
        here, above = waiting.pop()
        for other, *_ in joined.edges[here]:
            if other == above:
                continue
            if other in seen:
                return None
            seen.add(other)
            waiting.append((other, here))
    return seen


def _weights(draw: int, above: int | None, joined: _Joined) -> tuple[Floats, Floats]:
    """Log density of a draw on a grid, times the probability of all tests below it."""
    known = distribution(joined.families[draw])
    low, high = float(joined.low[draw]), float(joined.high[draw])
    first, last = known.support()
    start = max(low, first, float(known.ppf(_REACH)) - _room(low))
    end = min(high, last, float(known.isf(_REACH)) + _room(high))
    grid = np.linspace(start, max(start, end), _POINTS)
    if start < 0 < end:  # where some densities have a kink
        grid = np.sort(np.append(grid, 0.0))
    logs = known.logpdf(grid)
    for other, mine, theirs, offset in joined.edges[draw]:
        if other != above:
            bounds = -(offset + mine * grid) / theirs
            logs = logs + _message(other, draw, bounds, joined, over=theirs > 0)
    return grid, logs


def _room(bound: float) -> float:
    """Let the grid reach beyond a bound that lies far out in a tail."""
    return 40.0 + abs(bound) if np.isfinite(bound) else 40.0


def _message(draw: int, above: int, bounds: Floats, joined: _Joined, *, over: bool) -> Floats:
    """Log probability that a draw is over each bound, or under it, and passes the tests below it."""
    if len(joined.edges[draw]) == 1:
        return _single(draw, bounds, joined, over=over)
    grid, logs = _weights(draw, above, joined)
    upto = np.exp(_integral(grid, logs))
    part = np.interp(bounds, grid, upto, left=0.0, right=upto[-1])
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(upto[-1] - part if over else part, 0.0))


def _single(draw: int, bounds: Floats, joined: _Joined, *, over: bool) -> Floats:
    known = distribution(joined.families[draw])
    low, high = joined.low[draw], joined.high[draw]
    start = np.maximum(low, bounds) if over else np.full_like(bounds, low)
    end = np.full_like(bounds, high) if over else np.minimum(high, bounds)
    if np.isinf(high) and over:
        return known.logsf(start)
    if np.isinf(low) and not over:
        return known.logcdf(end)
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(known.cdf(end) - known.cdf(start), 0.0))


def _integral(grid: Floats, logs: Floats) -> Floats:
    """Logarithms of the integral up to each point, by the trapezoidal rule."""
    if grid[-1] <= grid[0]:
        return np.full(len(grid), -np.inf)
    finite = logs[np.isfinite(logs)]
    if not len(finite):
        return np.full(len(grid), -np.inf)
    top = finite.max()
    heights = np.exp(np.where(np.isfinite(logs), logs - top, -np.inf))
    steps = (heights[1:] + heights[:-1]) / 2 * np.diff(grid)
    with np.errstate(divide="ignore"):
        return np.concatenate([[-np.inf], np.log(np.cumsum(steps)) + top])
