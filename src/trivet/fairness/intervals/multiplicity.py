"""Multiple comparisons: adjusted p-values, and the level of simultaneous intervals."""

from collections.abc import Sequence

from trivet.errors import DataError, UsageError
from trivet.fairness.intervals.shares import checked_level

__all__ = ["holm", "simultaneous_level"]


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Return p-values adjusted for their number.

    Rejecting those at most alpha rejects any true hypothesis with probability alpha at most, however the
    tests depend on each other (S. Holm, Scandinavian Journal of Statistics 6, 1979).

    Parameters
    ----------
    p_values
        Each in [0, 1], or None where nothing was tested, which passes through and does not count.

    Returns
    -------
    tuple
        In the same order.

    Raises
    ------
    DataError
        If a p-value does not lie in [0, 1].
    """
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
    """Return the level of each interval at which all of them hold together at `level` (Bonferroni).

    An interval at this level that leaves out equality is, but for the difference between a test and an
    interval, a rejection of Holm's at `level`; Holm may reject more.

    Parameters
    ----------
    level
        Confidence level of all intervals together, in (0, 1).
    comparisons
        How many there are, at least 1.

    Raises
    ------
    UsageError
        If the level is not between 0 and 1, or there is no comparison.
    """
    if comparisons < 1:
        raise UsageError(f"intervals hold together when there is at least one, found {comparisons}.")
    return 1 - (1 - checked_level(level)) / comparisons
