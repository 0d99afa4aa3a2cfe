"""Power: the smallest detectable disparity of a sample."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray
from scipy.optimize import root_scalar
from scipy.special import ndtr
from scipy.stats import binom

from trivet.errors import UsageError
from trivet.fairness.intervals.comparisons import hybrid_limits, p_values, ratio_limits
from trivet.fairness.intervals.shares import LARGE
from trivet.fairness.metrics.comparisons import band_ends
from trivet.paired import normal_quantile
from trivet.result import Result
from trivet.settings import Rate, Share, require

__all__ = ["Detectable", "detection_power", "smallest_detectable", "smallest_disparate", "verdict_power"]

#: With more expected rows than this in every cell the normal approximation is good to a point.
EXPECTED = 100
#: Probabilities of tables that are computed at most, which takes about a second.
WORK = 20_000_000
#: Probability of the numbers of successes that are not looked at.
UNLIKELY = 1e-9
#: Numbers of privileged successes that are looked at: all where they are fewer, else so many quantiles.
MANY, SOME = 400, 25
#: Numbers of protected successes that are tried at once: a call costs more than a few of them do.
WAYS = 7


@dataclass(frozen=True, repr=False)
class Detectable(Result, head=("ratio", "rate", "difference", "level", "power", "reason")):
    """The smallest disparity that a sample could have shown.

    Attributes
    ----------
    rate : The protected group's rate from which on downwards the test finds the disparity.
    ratio : That rate over the privileged group's: the disparate impact nearest to 1 that is found.
    difference : The privileged group's rate minus that rate.
    level, power : Confidence level of the test, and probability that it finds the disparity.
    method : How the power was computed.
    reason : Why no disparity can be found, where the three are None.
    """

    rate: float | None
    ratio: float | None
    difference: float | None
    level: float
    power: float
    method: str
    reason: str | None = None


def smallest_detectable(
    n0: int, n1: int, rate: float, *, level: float = 0.95, power: float = 0.8, exact: bool = True
) -> Detectable:
    """Return the disparity nearest to parity that a sample of this size would have shown.

    The test is `equality_test`, which finds a disparity where its p-value is at most 1 - level and the
    protected group has the smaller share.

    Parameters
    ----------
    n0, n1
        Rows of the protected and the privileged group.
    rate
        The privileged group's true rate, in [0, 1].
    level
        Confidence level of the test, in (0, 1).
    power
        Probability with which the disparity is to be found, in (0, 1).
    exact
        Whether tables are enumerated where a cell has few expected rows, which takes time.

    Returns
    -------
    Detectable
        Without figures where even a protected rate of 0 is found too rarely, or no rate is smaller.

    Raises
    ------
    UsageError
        If the rate, the level or the power is not in its range, or a number of rows is negative.
    """

    def power_of() -> tuple[Callable[[float], float], str]:
        return detection_power(n0, n1, rate, level=level, exact=exact)

    above = "equal rates are found with probability {:.2f} too"
    return _smallest(power_of, (n0, n1), rate, rate, above, level=level, power=power)


def smallest_disparate(
    n0: int,
    n1: int,
    rate: float,
    *,
    four_fifths: float = 0.8,
    level: float = 0.95,
    power: float = 0.8,
    exact: bool = True,
) -> Detectable:
    """Return the ratio nearest to parity at which the verdict ``disparate`` has the given power."""
    require(Annotated[float, Interval(gt=0, le=1)], four_fifths=four_fifths)

    def power_of() -> tuple[Callable[[float], float], str]:
        found = verdict_power(n0, n1, rate, four_fifths=four_fifths, level=level, exact=exact)
        return found, "the verdict by its interval"

    above = "the end of the band is found with probability {:.2f}"
    return _smallest(power_of, (n0, n1), rate, four_fifths * rate, above, level=level, power=power)


def _smallest(
    power_of: Callable[[], tuple[Callable[[float], float], str]],
    rows: tuple[int, int],
    rate: float,
    highest: float,
    above: str,
    *,
    level: float,
    power: float,
) -> Detectable:
    """Find the protected rate below `highest` that is found with `power`; `above` is of a higher one."""
    require(Share, power=power)
    require(Rate, rate=rate)
    if min(rows) < 0:
        raise UsageError(f"a group has 0 rows or more, found {min(rows)}.")

    def nothing(method: str, reason: str) -> Detectable:
        return Detectable(None, None, None, level, power, method, reason)

    if min(rows) == 0:
        return nothing("none", "a group has no row")
    if rate == 0:
        return nothing("none", "the privileged group's rate is 0, and none is smaller")
    found, method = power_of()
    if found(0.0) < power:
        never = f"even a rate of 0 is found with probability {found(0.0):.2f} only: there are too few rows"
        return nothing(method, never)
    if found(highest) >= power:
        return nothing(method, f"{above.format(found(highest))}: ask for a higher power")
    protected = float(root_scalar(lambda p: found(p) - power, bracket=(0.0, highest), xtol=1e-9).root)
    return Detectable(protected, protected / float(rate), float(rate) - protected, level, power, method)


def verdict_power(
    n0: int, n1: int, rate: float, *, four_fifths: float = 0.8, level: float = 0.95, exact: bool = True
) -> Callable[[float], float]:
    """Return how often the verdict is ``disparate``, as a function of the protected rate."""
    # For each number of privileged successes the verdict is ``disparate`` up to some number of protected
    # ones, in the range of either method of `ratio_interval`: a binomial has a closed form up to there.
    first, last = int(binom.ppf(UNLIKELY, n1, rate)), int(binom.isf(UNLIKELY, n1, rate))
    points = MANY if exact else SOME
    if last - first < points:
        x1 = np.arange(max(first, 0), last + 1)
        weights = binom.pmf(x1, n1, rate)
    else:
        x1 = binom.ppf((np.arange(points) + 0.5) / points, n1, rate).astype(np.int64)
        weights = np.full(points, 1 / points)
    few = min(int(LARGE * max(1.0, (normal_quantile(level) / normal_quantile(0.95)) ** 2)), n0)
    top = band_ends(four_fifths)[0]
    ends, signed = _few_disparate(few, n0, n1, x1, top, level), weights
    if few < n0:
        ends = np.concatenate([ends, _last_disparate(few + 1, n0, n1, x1, top, level), [few]])
        signed = np.concatenate([weights, weights, [-weights.sum()]])
    return lambda protected: float(binom.cdf(ends, n0, protected) @ signed)


def _few_disparate(
    few: int, n0: int, n1: int, x1: NDArray[np.int64], top: float, level: float
) -> NDArray[np.int64]:
    """Return for each x1 the largest x0 up to `few` whose upper end is below `top`, or -1."""
    x0 = np.arange(few + 1)[:, None]
    _, high = hybrid_limits(x0, np.full_like(x0, n0), x1, np.full_like(x1, n1), level)
    return np.where(high < top, x0, -1).max(axis=0)


def _last_disparate(
    low: int, n0: int, n1: int, x1: NDArray[np.int64], top: float, level: float
) -> NDArray[np.int64]:
    """Return for each x1 the largest x0 from `low` on whose upper end is below `top`, or `low` - 1."""
    # A ratio lies below its upper end: no number of successes beyond `top` itself is looked at.
    below = np.full(len(x1), low - 1)
    above = np.clip((top * n0 * (x1 / n1)).astype(np.int64) + 2, low, n0 + 1)
    steps = np.arange(1, WAYS + 1)[:, None]
    while (open_ := above - below > 1).any():
        under, over = below[open_], above[open_]
        tried = under + (over - under) * steps // (WAYS + 1)
        inside = tried > under
        shown = ratio_limits(np.maximum(tried, low), n0, x1[open_], n1, level=level).high < top
        below[open_] = np.where(inside & shown, tried, under).max(axis=0)
        above[open_] = np.where(inside & ~shown, tried, over).min(axis=0)
    return below


def detection_power(
    n0: int, n1: int, rate: float, *, level: float = 0.95, exact: bool = True
) -> tuple[Callable[[float], float], str]:
    """Return how often a disparity is found, as a function of the protected rate, and the method."""
    require(Share, level=level)
    alpha = 1 - level
    if not exact:
        return lambda protected: _normal_power(n0, n1, protected, rate, level), "normal approximation"
    x0 = np.arange(int(binom.isf(UNLIKELY, n0, rate)) + 1)
    x1 = np.arange(int(binom.ppf(UNLIKELY, n1, rate)), int(binom.isf(UNLIKELY, n1, rate)) + 1)
    expected = min(n0, n1) * min(rate, 1 - rate)
    # As many distributions as there are totals of successes, each over the tables with that total.
    work = len(x0) * len(x1) + (len(x0) + len(x1)) * min(n0, n1, int(x0[-1] + x1[-1]))
    if expected > EXPECTED or work > WORK:
        return lambda protected: _normal_power(n0, n1, protected, rate, level), "normal approximation"
    rejected = (p_values(x0, n0, x1, n1) <= alpha) & (x0[:, None] / n0 < x1 / n1)
    given_x0 = rejected @ binom.pmf(x1, n1, rate)
    return lambda protected: float(binom.pmf(x0, n0, protected) @ given_x0), "enumeration of all tables"


def _normal_power(n0: int, n1: int, protected: float, privileged: float, level: float) -> float:
    """Return the probability that the score test finds the protected rate to be the smaller one."""
    pooled = (n0 * protected + n1 * privileged) / (n0 + n1)
    equal = math.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    apart = math.sqrt(protected * (1 - protected) / n0 + privileged * (1 - privileged) / n1)
    beyond = privileged - protected - normal_quantile(level) * equal
    if apart == 0:
        # Rates of 0 and 1 have no deviation.
        return float(beyond > 0)
    return float(ndtr(beyond / apart))
