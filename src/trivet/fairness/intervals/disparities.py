"""How sure a disparity is, from counts alone.

The intervals are of sampling: other rows from the same population, the model being what it is. They
leave out that another training sample would have given another model.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from trivet.errors import DataError
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.metrics.rates import (
    demographic_parity_difference,
    disparate_impact,
    group_sizes,
    selected,
)
from trivet.fairness.results import Interval

__all__ = ["bootstrap_interval", "katz_interval", "newcombe_interval", "wilson_interval"]


def katz_interval(counts: NDArray[np.int64], *, level: float = 0.95) -> Interval:
    """Log interval of disparate impact.

    The logarithm of a ratio of two independent shares x0/n0 and x1/n1 is near normal with variance
    (1/x0 - 1/n0) + (1/x1 - 1/n1) (D. Katz, J. Baptista, S. P. Azen, M. C. Pike, Biometrics 34, 1978).

    Parameters
    ----------
    counts
        Shape (2, 2, 2), indexed [group, label, prediction].
    level
        Confidence level, in (0, 1).

    Raises
    ------
    DataError
        If a group has no selected row, where the logarithm is undefined.
    """
    (x0, x1), (n0, n1) = selected(counts).tolist(), group_sizes(counts).tolist()
    if x0 == 0 or x1 == 0:
        raise DataError(
            f"the log interval of disparate impact needs a selected row in each group, found {x0} protected "
            f"and {x1} privileged ones. Use more rows, or a lower cut."
        )
    estimate = float(disparate_impact(counts))
    spread = _normal_quantile(level) * math.sqrt((1 / x0 - 1 / n0) + (1 / x1 - 1 / n1))
    return Interval(
        estimate=estimate,
        low=estimate * math.exp(-spread),
        high=estimate * math.exp(spread),
        level=level,
        method="Katz log",
    )


def wilson_interval(successes: int, trials: int, *, level: float = 0.95) -> Interval:
    """Score interval of one share (E. B. Wilson, JASA 22, 1927).

    Parameters
    ----------
    successes, trials
        0 <= successes <= trials, with at least one trial.
    level
        Confidence level, in (0, 1).
    """
    if not 0 <= successes <= trials or trials == 0:
        raise DataError(f"a share needs 0 to n successes in n > 0 trials, found {successes} in {trials}.")
    z = _normal_quantile(level)
    share = successes / trials
    centre = share + z**2 / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    shrink = 1 + z**2 / trials
    return Interval(
        estimate=share,
        # The ends at no success and at no failure are 0 and 1 but for rounding.
        low=max(0.0, (centre - spread) / shrink) if successes else 0.0,
        high=min(1.0, (centre + spread) / shrink) if successes < trials else 1.0,
        level=level,
        method="Wilson score",
    )


def newcombe_interval(counts: NDArray[np.int64], *, level: float = 0.95) -> Interval:
    """Hybrid score interval of the demographic parity difference, privileged minus protected.

    Each end takes the Wilson bounds of the two shares that lead away from the estimate (R. G. Newcombe,
    Statistics in Medicine 17, 1998, method 10), and so it stays within [-1, 1] and holds for no
    selected row.

    Parameters
    ----------
    counts
        Shape (2, 2, 2), indexed [group, label, prediction].
    level
        Confidence level, in (0, 1).
    """
    positive, sizes = selected(counts).tolist(), group_sizes(counts).tolist()
    protected = wilson_interval(positive[PROTECTED], sizes[PROTECTED], level=level)
    privileged = wilson_interval(positive[PRIVILEGED], sizes[PRIVILEGED], level=level)
    estimate = float(demographic_parity_difference(counts))
    down = math.hypot(privileged.estimate - privileged.low, protected.high - protected.estimate)
    up = math.hypot(privileged.high - privileged.estimate, protected.estimate - protected.low)
    return Interval(
        estimate=estimate,
        low=estimate - down,
        high=estimate + up,
        level=level,
        method="Newcombe hybrid score",
    )


def bootstrap_interval(
    counts: NDArray[np.int64],
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    *,
    replicates: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of any function of counts.

    Drawing rows again with replacement is a multinomial draw of the counts, so that no row is touched.

    Parameters
    ----------
    counts
        Shape (2, 2, 2), indexed [group, label, prediction].
    statistic
        A function of counts that works on a leading axis, as those of `trivet.fairness.metrics.rates`.
    replicates
        Number of draws.
    level
        Confidence level, in (0, 1).
    seed
        Of the draws.

    Raises
    ------
    DataError
        If a bound is not finite: the statistic is undefined in too many draws.
    """
    total = int(counts.sum())
    draws = np.random.default_rng(seed).multinomial(total, (counts / total).ravel(), size=replicates)
    values = statistic(draws.reshape(replicates, *counts.shape))
    low, high = np.quantile(values, ((1 - level) / 2, (1 + level) / 2), method="inverted_cdf").tolist()
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(
            f"the bootstrap has no finite bounds on {total} rows: too many draws leave a group without a "
            "selected row. Use more rows."
        )
    return Interval(
        estimate=float(statistic(counts)), low=low, high=high, level=level, method="multinomial bootstrap"
    )


def _normal_quantile(level: float) -> float:
    """Return z with P(|Z| <= z) = level."""
    return float(ndtri((1 + level) / 2))
