"""Adjacency of datasets, and the sensitivity to one record or a group of them.

Two relations are in use. Add/remove ("unbounded") lets one record come or go; replace-one
("bounded") keeps the size and lets one record change (Kifer and Machanavajjhala 2011). Neither of
them is "a fraction of the population changes": that is group privacy.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from trivet.errors import UsageError
from trivet.settings import Count, Rate, require

__all__ = [
    "Adjacency",
    "Guarantee",
    "OutOfReachError",
    "changed_records",
    "count_sensitivity",
    "group_privacy",
    "histogram_sensitivity",
    "sum_sensitivity",
]


class OutOfReachError(UsageError):
    """A theorem holds for these answers, but its figure cannot be computed."""


class Adjacency(StrEnum):
    """Adjacency of datasets in a guarantee."""

    ADD_REMOVE = "add-remove"
    REPLACE_ONE = "replace-one"


@dataclass(frozen=True)
class Guarantee:
    """An (epsilon, delta) guarantee; pure differential privacy has delta 0."""

    epsilon: float
    delta: float


def count_sensitivity(adjacency: Adjacency) -> float:  # noqa: ARG001 - the answer is the same, and that is the point
    """Largest change of one count: 1 under both relations, since one record counts once at most."""
    return 1.0


def histogram_sensitivity(adjacency: Adjacency, *, cells: int = 2, touches: int = 1) -> float:
    """Largest L1 change of counts in `cells` cells, of which one record is in `touches` at most.

    `touches` where a record comes or goes; twice that where it is replaced, since it may leave its cells
    for others, as far as there are others.

    Parameters
    ----------
    adjacency
        Which datasets are neighbours.
    cells
        Counts of the histogram, at least 1.
    touches
        Cells that one record may be counted in, from 1 to `cells`.
    """
    return float(touches if adjacency is Adjacency.ADD_REMOVE else min(2 * touches, cells))


def sum_sensitivity(least: float, greatest: float, adjacency: Adjacency, *, leaves: bool) -> float:
    """Largest change of a sum of values between two bounds, in the values' unit.

    Parameters
    ----------
    least, greatest
        Bounds to which every value is clamped.
    adjacency
        Which datasets are neighbours.
    leaves
        Whether a replaced record can leave the sum, by a condition or a missing value, and so add 0.
    """
    if adjacency is Adjacency.ADD_REMOVE:
        return max(abs(least), abs(greatest))
    if leaves:
        least, greatest = min(least, 0.0), max(greatest, 0.0)
    return greatest - least


def changed_records(*, population: int, fraction: float) -> int:
    r"""Return the number of records in a population fraction: :math:`\max(1, \lceil pn \rceil)` (eq. 8).

    Raises
    ------
    UsageError
        `population`, n, is below 1, or `fraction`, p, is not in [0, 1].
    """
    require(Count, population=population)
    require(Rate, change_fraction=fraction)
    # In binary 0.07 * 100 is a little above 7, and its ceiling 8: take the decimal that was written.
    return max(1, math.ceil(Fraction(str(fraction)) * population))


def group_privacy(one_record: Guarantee, *, size: int) -> Guarantee:
    r"""Turn a guarantee for one record into one for `size` records at once.

    :math:`(m\epsilon, m e^{(m-1)\epsilon}\delta)`; Dwork and Roth 2014, Theorem 2.2 for delta = 0,
    Vadhan 2017, Lemma 2.2 for delta above 0.

    Parameters
    ----------
    one_record
        The guarantee for one record.
    size
        The number m of records that may change together, at least 1.

    Raises
    ------
    UsageError
        `size` is below 1.
    """
    require(Count, size=size)
    if one_record.delta == 0:
        return Guarantee(epsilon=size * one_record.epsilon, delta=0.0)
    log_delta = math.log(size) + (size - 1) * one_record.epsilon + math.log(one_record.delta)
    return Guarantee(epsilon=size * one_record.epsilon, delta=math.exp(min(0.0, log_delta)))
