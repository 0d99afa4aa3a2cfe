"""Tests of equal rates in two groups."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr

from trivet.fairness.intervals.results import TestResult
from trivet.fairness.intervals.shares import checked_shares, is_large

__all__ = ["equality_test", "p_values"]

#: Relative; rounding must not decide which of two equally likely tables is the less likely one.
ROUNDING = 1e-7


def equality_test(x0: int, n0: int, x1: int, n1: int) -> TestResult:
    """Test whether two groups have the same share of successes, against any difference.

    Where more than 30 succeed and more than 30 fail in each group this is the score test (the chi-square
    test of K. Pearson without a correction for continuity). Else it is Fisher's exact test (R. A. Fisher,
    Journal of the Royal Statistical Society 98, 1935): the probability, given the margins, of the tables
    that are at most as likely as the one found. It rejects equal rates at most as often as it says, and
    rather less; as the exact intervals do, and unlike its mid-P form.

    Parameters
    ----------
    x0, n0
        Successes and trials of the protected group, 0 <= x0 <= n0.
    x1, n1
        Those of the privileged group.

    Returns
    -------
    TestResult
        Without a p-value where a group has no trial.

    Raises
    ------
    DataError
        If there are more successes than trials, or a negative number.
    """
    (x0s, n0s), (x1s, n1s) = checked_shares([x0], [n0]), checked_shares([x1], [n1])
    large = bool(is_large(x0s, n0s)[0] and is_large(x1s, n1s)[0])
    method = "score test" if large else "Fisher exact"
    if min(n0, n1) == 0:
        return TestResult(None, method, "a group has no row to take a share of")
    return TestResult(float(p_values(x0s, n0, x1s, n1)[0, 0]), method)


def p_values(x0: NDArray[np.int64], n0: int, x1: NDArray[np.int64], n1: int) -> NDArray[np.float64]:
    """Return the p-value that `equality_test` has for each pair of successes."""
    large = is_large(x0, np.asarray(n0))[:, None] & is_large(x1, np.asarray(n1))
    found = np.where(large, _score(x0[:, None], n0, x1, n1), np.nan)
    totals = x0[:, None] + x1
    first, second = np.nonzero(~large)
    # Tables with the same margins are looked up in one distribution.
    order = np.argsort(totals[first, second], kind="stable")
    first, second = first[order], second[order]
    margins, starts = np.unique(totals[first, second], return_index=True)
    for total, rows in zip(margins.tolist(), np.split(np.arange(len(order)), starts[1:]), strict=False):
        found[first[rows], second[rows]] = _fisher(x0[first[rows]], n0, n1, total)
    return found


def _score(x0: NDArray[np.int64], n0: int, x1: NDArray[np.int64], n1: int) -> NDArray[np.float64]:
    """Return two-sided p-values of the difference over its deviation at equal shares."""
    pooled = (x0 + x1) / (n0 + n1)
    deviation = np.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    difference = np.abs(x1 / n1 - x0 / n0)
    z = np.divide(difference, deviation, out=np.zeros(deviation.shape), where=deviation > 0)
    return 2 * ndtr(-z)


def _fisher(x0: NDArray[np.int64], n0: int, n1: int, total: int) -> NDArray[np.float64]:
    """Return two-sided p-values of protected successes, given all successes."""
    low, high = max(0, total - n1), min(n0, total)
    support = np.arange(low, high + 1)
    weights = -(
        gammaln(support + 1)
        + gammaln(n0 - support + 1)
        + gammaln(total - support + 1)
        + gammaln(n1 - total + support + 1)
    )
    likely = np.exp(weights - weights.max())
    likely /= likely.sum()
    ordered = np.sort(likely)
    up_to = np.concatenate([[0.0], np.cumsum(ordered)])
    own = likely[x0 - low]
    return np.minimum(up_to[np.searchsorted(ordered, own * (1 + ROUNDING), side="right")], 1)
