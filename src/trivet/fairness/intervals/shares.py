"""Confidence intervals for a share, such as the selection rate of one group.

The intervals of this package are of sampling: other rows from the same population, the model being what
it is. They leave out that another training sample would have given another model.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, expit, logit

from trivet.errors import DataError
from trivet.estimate import Estimate
from trivet.paired import normal_quantile, share_of, wilson_limits
from trivet.settings import Count, Share, require

__all__ = [
    "LARGE",
    "Limits",
    "area_interval",
    "bounds_of",
    "checked_shares",
    "finite",
    "holm",
    "is_large",
    "share_interval",
    "share_intervals",
    "share_limits",
    "simultaneous_level",
]

Floats = NDArray[np.float64]

#: Normal approximations are used where more rows than these succeed, and more fail, in each group.
LARGE = 30


class Limits(NamedTuple):
    """Ends of intervals, NaN where undefined, and which of them come from a normal approximation."""

    low: Floats
    high: Floats
    large: NDArray[np.bool_]


def share_interval(x: int, n: int, *, level: float = 0.95) -> Estimate:
    """Return an interval of one share, `x` successes in `n` trials.

    Where more than 30 succeed and more than 30 fail this is the score interval (E. B. Wilson, JASA 22,
    1927), and else the exact one (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934), which covers the
    true share at least as often as it says. L. D. Brown, T. T. Cai and A. DasGupta (Statistical Science
    16, 2001) compare them.

    Parameters
    ----------
    x, n
        0 <= x <= n.
    level
        Confidence level, in (0, 1).

    Returns
    -------
    Estimate
        Without an estimate and bounds where there is no trial.

    Raises
    ------
    DataError, UsageError
        If there are more successes than trials, or a negative number; if the level is out of range.
    """
    return share_intervals([x], [n], level=level)[0]


def share_intervals(x: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> tuple[Estimate, ...]:
    """Return what `share_interval` does for many shares at once, of shape (shares,)."""
    x, n = checked_shares(x, n)
    limits = share_limits(x, n, level=level)
    names = "Wilson score", "Clopper-Pearson exact"
    reasons = ["there is no row to take a share of" if trials == 0 else None for trials in n.ravel()]
    return bounds_of(share_of(x, n), limits, level=level, names=names, reasons=reasons)


def share_limits(
    x: ArrayLike, n: ArrayLike, *, level: float = 0.95, large: NDArray[np.bool_] | None = None
) -> Limits:
    """Return the ends that `share_interval` has, for arrays of successes and trials of any shape."""
    x, n = checked_shares(x, n)
    large = is_large(x, n, level=level) if large is None else large
    low, high = wilson_limits(x, n, level=level)
    low[~large], high[~large] = _exact_limits(x[~large], n[~large], level=level)
    return Limits(low, high, large)


def is_large(x: NDArray[np.int64], n: NDArray[np.int64], *, level: float = 0.95) -> NDArray[np.bool_]:
    """Return True if successes and failures suffice for a normal approximation at a level."""
    # Further out in the tail than at 95 % it needs more rows, as the square of its quantile.
    further = max(1.0, (normal_quantile(level) / normal_quantile(0.95)) ** 2)
    return np.minimum(x, n - x) > LARGE * further


def bounds_of(
    estimates: Floats, limits: Limits, *, level: float, names: tuple[str, str], reasons: list[str | None]
) -> tuple[Estimate, ...]:
    """Put arrays into values; `names` are of the method of large counts and that of small ones."""
    columns = (np.ravel(values).tolist() for values in (estimates, *limits))
    return tuple(
        Estimate(
            value=finite(estimate),
            low=finite(low),
            high=finite(high),
            level=level,
            method=names[0] if large else names[1],
            reason=why,
        )
        for estimate, low, high, large, why in zip(*columns, reasons, strict=True)
    )


def checked_shares(x: ArrayLike, n: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return successes and trials as arrays of one shape, or raise a DataError that says what is wrong."""
    x, n = np.broadcast_arrays(np.asarray(x), np.asarray(n))
    wrong = (x < 0) | (x > n) | (x != np.floor(x)) | (n != np.floor(n))
    if wrong.any():
        place = int(np.argmax(wrong))
        raise DataError(
            f"a share needs 0 to n successes in n trials, found {x.ravel()[place]} in {n.ravel()[place]}."
        )
    return x.astype(np.int64), n.astype(np.int64)


def _exact_limits(x: NDArray[np.int64], n: NDArray[np.int64], *, level: float) -> tuple[Floats, Floats]:
    """Return the ends of Clopper and Pearson's exact interval, NaN for a share of no rows."""
    require(Share, level=level)
    tail = (1 - level) / 2
    # An end of the range has no quantile: any parameters do, as 0 and 1 stand there.
    low = np.where(x > 0, betaincinv(np.maximum(x, 1), n - x + 1, tail), 0.0)
    high = np.where(x < n, betaincinv(x + 1, np.maximum(n - x, 1), 1 - tail), 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def finite(value: float) -> float | None:
    """Return a number, or None for NaN and infinity."""
    return value if math.isfinite(value) else None


#: With fewer rows of a label DeLong's standard error is too unsure of itself.
MANY = 100
TINY = 1e-9


def area_interval(
    area: float, positives: int, negatives: int, standard_error: float | None, *, level: float = 0.95
) -> Estimate:
    """Return an interval of an area under the ROC curve."""
    # With more than 100 rows of each label it is normal on the scale of logits, with DeLong's standard error.
    # Else, and where no pair is in the wrong order, it is that of R. G. Newcombe (Statistics in Medicine 25,
    # 2006, page 559, method 5), with the standard error of Hanley and McNeil at its ends.
    z = normal_quantile(level)
    if standard_error and min(positives, negatives) > MANY and 0 < area < 1:
        reach = z * standard_error / (area * (1 - area))
        low, high = expit(logit(area) - reach), expit(logit(area) + reach)
        return Estimate(area, float(low), float(high), level, "DeLong, logit")

    from scipy.optimize import root_scalar  # noqa: PLC0415 - heavy, and only few rows need it

    def beyond(bound: float) -> float:
        return abs(bound - area) - z * math.sqrt(_variance(bound, positives, negatives))

    # At 0 and 1 the variance is 0, which makes each of them an end of itself.
    low = 0.0 if area == 0 else float(root_scalar(beyond, bracket=(0.0, min(area, 1 - TINY))).root)
    high = 1.0 if area == 1 else float(root_scalar(beyond, bracket=(max(area, TINY), 1.0)).root)
    return Estimate(area, low, high, level, "Newcombe, Hanley-McNeil")


def _variance(area: float, positives: int, negatives: int) -> float:
    """Return the variance of an area after Hanley and McNeil (Radiology 143, 1982), with equal groups."""
    rows = (positives + negatives) / 2
    pairs = 1 + (rows - 1) * ((1 - area) / (2 - area) + area / (1 + area))
    return area * (1 - area) * pairs / (positives * negatives)


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Return p-values adjusted for their number (S. Holm, Scandinavian J. of Statistics 6, 1979)."""
    tested = [(p, place) for place, p in enumerate(p_values) if p is not None]
    for p, _ in tested:
        if not 0 <= p <= 1:
            raise DataError(f"a p-value lies in [0, 1], found {p}. Check the test that it comes from.")
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(sorted(tested)):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = largest
    return tuple(adjusted)


def simultaneous_level(level: float, comparisons: int) -> float:
    """Return the level of each interval at which all of them hold together (Bonferroni)."""
    require(Count, comparisons=comparisons)
    require(Share, level=level)
    return 1 - (1 - level) / comparisons
