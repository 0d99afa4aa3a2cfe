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
    """What was seen: ``offset + sum of factors * draws >= 0``, each draw given by its number."""

    offset: float
    factors: tuple[tuple[int, float], ...]


def log_probability(tests: Sequence[Test], families: Sequence[str]) -> float | None:
    """Logarithm of the probability of all tests together, of draws of these families.

    -inf where it is impossible; None where the tests are not followed: a test of more than two draws,
    draws that tests join in a ring, a family that is not continuous. Otherwise tests join draws into
    trees, and each draw is integrated over in turn, from the leaves (the integral in Lyu, Su and Li 2017,
    section 3, is the one of a star).
    """
    low = np.full(len(families), -np.inf)
    high = np.full(len(families), np.inf)
    joined: dict[int, list[tuple[int, float, float, float]]] = {i: [] for i in range(len(families))}
    pairs: set[frozenset[int]] = set()
    for test in tests:
        if len(test.factors) == 0:
            if test.offset < 0:
                return -np.inf
        elif len(test.factors) == 1:
            ((draw, factor),) = test.factors
            bound = -test.offset / factor
            if factor > 0:
                low[draw] = max(low[draw], bound)
            else:
                high[draw] = min(high[draw], bound)
        elif len(test.factors) == 2:  # noqa: PLR2004 - an edge has two ends
            (one, of_one), (two, of_two) = test.factors
            if frozenset((one, two)) in pairs:
                return None
            pairs.add(frozenset((one, two)))
            joined[one].append((two, of_one, of_two, test.offset))
            joined[two].append((one, of_two, of_one, test.offset))
        else:
            return None
    if any(distribution(family) is None or family == "cauchy" for family in families):
        return None
    if (low > high).any():
        return -np.inf
    total, left = 0.0, set(range(len(families)))
    while left:
        root = max(left, key=lambda draw: len(joined[draw]))
        tree = _tree(root, joined)
        if tree is None:
            return None
        left -= tree
        grid, logs = _weights(root, None, families, low, high, joined)
        total += float(_integral(grid, logs)[-1])
    return total


def _tree(root: int, joined: dict[int, list[tuple[int, float, float, float]]]) -> set[int] | None:
    seen, waiting = {root}, [(root, -1)]
    while waiting:
        here, above = waiting.pop()
        for other, *_ in joined[here]:
            if other == above:
                continue
            if other in seen:
                return None
            seen.add(other)
            waiting.append((other, here))
    return seen


def _weights(
    draw: int,
    above: int | None,
    families: Sequence[str],
    low: Floats,
    high: Floats,
    joined: dict[int, list[tuple[int, float, float, float]]],
) -> tuple[Floats, Floats]:
    """Log density of a draw on a grid, times the probability of all tests below it."""
    known = distribution(families[draw])
    start = max(low[draw], float(known.ppf(_REACH)) - _room(low[draw]))
    end = min(high[draw], float(known.isf(_REACH)) + _room(high[draw]))
    grid = np.linspace(start, max(start, end), _POINTS)
    logs = known.logpdf(grid)
    for other, mine, theirs, offset in joined[draw]:
        if other == above:
            continue
        logs = logs + _message(
            other, draw, -(offset + mine * grid) / theirs, theirs > 0, (families, low, high, joined)
        )
    return grid, logs


def _room(bound: float) -> float:
    """Let the grid reach beyond a bound that lies far out in a tail."""
    return 40.0 + abs(bound) if np.isfinite(bound) else 40.0


def _message(draw: int, above: int, bounds: Floats, over: bool, rest: tuple) -> Floats:  # noqa: FBT001
    """Log probability that a draw is over each bound, or under it, and passes the tests below it."""
    families, low, high, joined = rest
    if len(joined[draw]) == 1:
        known = distribution(families[draw])
        start, end = np.full_like(bounds, low[draw]), np.full_like(bounds, high[draw])
        start, end = (np.maximum(start, bounds), end) if over else (start, np.minimum(end, bounds))
        if np.isinf(high[draw]) and over:
            return known.logsf(start)
        if np.isinf(low[draw]) and not over:
            return known.logcdf(end)
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(known.cdf(end) - known.cdf(start), 0.0))
    grid, logs = _weights(draw, above, families, low, high, joined)
    upto = np.exp(_integral(grid, logs))
    part = np.interp(bounds, grid, upto, left=0.0, right=upto[-1])
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(upto[-1] - part if over else part, 0.0))


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
