"""Paired comparisons of two models on the same rows."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr

from trivet.errors import DataError
from trivet.fairness.columns import binary_column, require_same_length, require_two_groups
from trivet.fairness.intervals.bootstrap import BootstrapKind, Statistic, bootstrap_bounds
from trivet.fairness.intervals.results import Bounds, TestResult
from trivet.fairness.intervals.shares import share_of, wilson_limits

__all__ = ["mcnemar_test", "paired_bootstrap", "paired_counts", "paired_difference_interval"]


def paired_counts(
    y_true: ArrayLike, first: ArrayLike, second: ArrayLike, sensitive: ArrayLike
) -> NDArray[np.int64]:
    """Count the rows of each group, label and pair of predictions.

    Parameters
    ----------
    y_true, first, second
        Labels and the predictions of two models, shape (rows,), 0 or 1.
    sensitive
        Group of each row, shape (rows,): 0 is protected, 1 is privileged.

    Returns
    -------
    numpy.ndarray
        Shape (2, 2, 2, 2), indexed [group, label, first, second].

    Raises
    ------
    DataError
        If the columns differ in length, hold anything but 0 and 1, or name only one group.
    """
    labels = binary_column(y_true, "y_true")
    one, other = binary_column(first, "first"), binary_column(second, "second")
    groups = binary_column(sensitive, "sensitive")
    require_same_length(y_true=labels, first=one, second=other, sensitive=groups)
    require_two_groups(groups)
    return np.bincount(8 * groups + 4 * labels + 2 * one + other, minlength=16).reshape(2, 2, 2, 2)


def paired_bootstrap(
    counts: NDArray[np.int64],
    statistic: Statistic,
    *,
    replicates: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
    kind: BootstrapKind = "percentile",
) -> Bounds:
    """Return an interval of a figure of the first model minus that of the second, on the same rows.

    Parameters
    ----------
    counts
        Shape (groups, classes, classes, classes), indexed [group, label, first, second].
    statistic
        A function of counts [group, label, prediction] that works on a leading axis, such as
        `disparate_impact`.
    replicates, level, seed, kind
        As those of `bootstrap_bounds`.
    """

    def difference(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        first, second = statistic(drawn.sum(axis=-1)), statistic(drawn.sum(axis=-2))
        # Infinity minus infinity is undefined, and so is the difference.
        with np.errstate(invalid="ignore"):
            return np.asarray(first - second)

    return bootstrap_bounds(counts, difference, replicates=replicates, level=level, seed=seed, kind=kind)


def paired_difference_interval(
    both: int, only_first: int, only_second: int, neither: int, *, level: float = 0.95
) -> Bounds:
    """Return an interval of the first model's share minus the second's, on the same rows.

    R. G. Newcombe, Statistics in Medicine 17 (1998), pages 2635 to 2650, method 10: Wilson's bounds of
    the two shares, joined with regard to their correlation, which is corrected for continuity.

    Parameters
    ----------
    both, only_first, only_second, neither
        Rows that both models, one of them, or none of them counts: as selected, or as correct.
    level
        Confidence level, in (0, 1).

    Returns
    -------
    Bounds
        Within [-1, 1]; without an estimate and bounds where there is no row.

    Raises
    ------
    DataError
        If a number is negative.
    UsageError
        If the level is not between 0 and 1.
    """
    both, only_first, only_second, neither = _checked(both, only_first, only_second, neither)
    rows = both + only_first + only_second + neither
    name = "Newcombe paired hybrid score"
    x, n = np.array([both + only_first, both + only_second]), np.array([rows, rows])
    (low1, low2), (high1, high2) = (ends.tolist() for ends in wilson_limits(x, n, level=level))
    if rows == 0:
        return Bounds(None, None, None, level, name, "there is no row to take a share of")
    share1, share2 = share_of(x, n).tolist()
    phi = _correlation(both, only_first, only_second, neither)
    estimate = (only_first - only_second) / rows
    down = _joined(share1 - low1, high2 - share2, phi)
    up = _joined(high1 - share1, share2 - low2, phi)
    return Bounds(estimate, estimate - down, estimate + up, level, name)


def mcnemar_test(only_first: int, only_second: int) -> TestResult:
    """Test whether two models count equally many of the same rows: as selected, or as correct.

    The exact test of Q. McNemar (Psychometrika 12, 1947): of the rows in which the two differ, half
    should speak for each.

    Parameters
    ----------
    only_first, only_second
        Rows that only one of them counts.

    Returns
    -------
    TestResult
        With a p-value of 1 where they never differ.

    Raises
    ------
    DataError
        If a number is negative.
    """
    only_first, only_second = _checked(only_first, only_second)
    fewer = min(only_first, only_second)
    tail = float(bdtr(fewer, only_first + only_second, 0.5))
    return TestResult(min(1.0, 2 * tail), "McNemar exact")


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Return Newcombe's estimate of the correlation, 0 where a margin is empty."""
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if margins == 0:
        return 0.0
    rows = both + only_first + only_second + neither
    product = both * neither - only_first * only_second
    if product > 0:
        product = max(product - rows / 2, 0)
    return product / math.sqrt(margins)


def _joined(one: float, other: float, phi: float) -> float:
    """Return how far an end lies from the estimate, from how far those of the two shares do."""
    return math.sqrt(max(one**2 - 2 * phi * one * other + other**2, 0.0))


def _checked(*counts: int) -> tuple[int, ...]:
    """Return counts as Python's integers, whose products are exact, or raise a DataError below 0."""
    if min(counts) < 0:
        raise DataError(f"rows are counted from 0, found {min(counts)}. Check the table that it comes from.")
    return tuple(int(count) for count in counts)
