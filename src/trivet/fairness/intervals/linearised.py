"""Variances of a survey by linearisation, with strata and primary sampling units.

A statistic is replaced by the sum of its derivatives by the weight of each row (Taylor linearisation; D. A.
Binder, International Statistical Review 51, 1983), whose variance follows from the totals of the units
within each stratum, as if units were drawn with replacement. A group is a domain of the whole sample: units
without a row of it count as zeros.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from trivet.errors import UsageError
from trivet.estimate import Estimate
from trivet.fairness.counting.counts import GroupCounts
from trivet.wording import quote

__all__ = [
    "Sample",
    "SurveyDesign",
    "design_covariance",
    "design_sentence",
    "survey_design",
    "weighted_mean_interval",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SurveyDesign:
    """Design of a sample, as far as its variances see it.

    Attributes
    ----------
    units : Primary sampling units: clusters, or rows where there are none.
    strata : Strata that the units were drawn in; 1 where there are none.
    lonely : Strata with one unit, whose spread is taken around the mean of all units.
    degrees_of_freedom : Units less strata.
    clustered : True where the units are clusters.
    """

    units: int
    strata: int
    lonely: int
    degrees_of_freedom: int
    clustered: bool


@dataclass(frozen=True, eq=False)
class Sample:
    """Sums of weights by part: by cluster, or by stratum where rows are the units.

    Attributes
    ----------
    stratum : Place of the stratum of each part, shape (parts,).
    sizes : Units of each stratum, shape (strata,).
    rows, sums : Rows and their weights, shape (parts, groups, classes, classes).
    squares : Squared weights, of the same shape, where rows are the units; else None.
    """

    stratum: NDArray[np.int64]
    sizes: NDArray[np.int64]
    rows: NDArray[np.int64]
    sums: Floats
    squares: Floats | None

    @classmethod
    def of(cls, counts: GroupCounts) -> "Sample":
        """Return the sample of counts; a UsageError where they have no weights."""
        weights = counts.weights
        if weights is None:
            raise UsageError("the counts have no weights; count the table with a column of weights.")
        known, stratum = np.unique(weights.strata, return_inverse=True)
        if weights.squares is None:
            return cls(stratum, np.bincount(stratum), weights.rows, weights.sums, None)
        rows, sums, squares = (
            _added(stratum, len(known), each) for each in (weights.rows, weights.sums, weights.squares)
        )
        return cls(np.arange(len(known)), rows.sum(axis=(1, 2, 3)), rows, sums, squares)

    @property
    def freedom(self) -> int:
        """Units less strata."""
        return int(self.sizes.sum()) - len(self.sizes)

    @property
    def factors(self) -> Floats:
        """Units over units less 1 of each stratum, and 1 of a lonely one."""
        return self.sizes / np.maximum(self.sizes - 1, 1)

    @property
    def cells(self) -> Floats:
        """Squared weights of each cell, times the factors of their strata; 0 of clusters and lonely rows."""
        if self.squares is None:
            return np.zeros(self.sums.shape[1:])
        return np.tensordot(np.where(self.sizes > 1, self.factors, 0.0), self.squares, axes=1)

    def by_stratum(self, values: NDArray[Any]) -> NDArray[Any]:
        """Add the values of the parts of each stratum."""
        return _added(self.stratum, len(self.sizes), values)

    def covariances(self, x: Floats, y: Floats, own: Floats) -> Floats:
        """Return the covariance of each total of the parts in x with that in y, shape (parts, statistics).

        `own` is the sum over `cells` of the products of the two derivatives.
        """
        lonely = (self.sizes == 1)[:, None]
        grand = x.sum(axis=0) / self.sizes.sum(), y.sum(axis=0) / self.sizes.sum()
        added = self.by_stratum(x), self.by_stratum(y)
        if self.squares is None:
            # Each part is a unit: apart from its stratum's mean, or from that of all where it is alone.
            apart = [
                each - np.where(lonely, mean, total / self.sizes[:, None])[self.stratum]
                for each, mean, total in zip((x, y), grand, added, strict=True)
            ]
            return self.factors[self.stratum] @ (apart[0] * apart[1])
        alone = (added[0] - grand[0]) * (added[1] - grand[1])
        several = -(self.factors / self.sizes)[:, None] * added[0] * added[1]
        return own + np.where(lonely, alone, several).sum(axis=0)


def survey_design(counts: GroupCounts) -> SurveyDesign:
    """Return how many units and strata there are, and in how many strata a unit is alone.

    Raises
    ------
    UsageError
        If the counts have no weights.
    """
    sample = Sample.of(counts)
    return SurveyDesign(
        units=int(sample.sizes.sum()),
        strata=len(sample.sizes),
        lonely=int((sample.sizes == 1).sum()),
        degrees_of_freedom=sample.freedom,
        clustered=sample.squares is None,
    )


def design_sentence(sample: Sample, weight: str) -> str:
    """Say what is weighted, and which design intervals are of; no name of a column where there is none."""
    units = "clusters" if sample.squares is None else "rows"
    strata = f" within {len(sample.sizes):,} strata" if len(sample.sizes) > 1 else ""
    lonely = int((sample.sizes == 1).sum())
    have = "stratum has" if lonely == 1 else "strata have"
    alone = f" {lonely:,} {have} a single {units[:-1]}, whose spread is taken around the mean of all."
    alone = alone if lonely and strata else ""
    of = f"those of a survey of {units}{strata}"
    if not weight:
        return f"Intervals are {of}.{alone}"
    return (
        f"Figures are weighted by {quote(weight)}, and their intervals are {of}; numbers of rows are not "
        f"weighted.{alone}"
    )


def design_covariance(counts: GroupCounts, scores: ArrayLike) -> Floats:
    """Return the covariance matrix of some statistics from the score of each cell of the counts.

    Parameters
    ----------
    counts
        Counts with weights.
    scores
        Shape (statistics, groups, classes, classes): the derivative of each statistic by the weight in a
        cell, such as (a - R b) / sum(w b) for R = sum(w a) / sum(w b).

    Returns
    -------
    numpy.ndarray
        Shape (statistics, statistics).

    Raises
    ------
    UsageError
        If the counts have no weights.
    """
    sample, derivatives = Sample.of(counts), np.asarray(scores, dtype=np.float64)
    totals = np.tensordot(sample.sums, derivatives, axes=([1, 2, 3], [1, 2, 3]))
    flat = derivatives.reshape(len(derivatives), -1)
    own = (flat * sample.cells.ravel()) @ flat.T
    return np.stack(
        [sample.covariances(totals, totals[:, [k]], own[:, k]) for k in range(len(derivatives))], axis=1
    )


def _added(stratum: NDArray[np.int64], strata: int, values: NDArray[Any]) -> NDArray[Any]:
    if strata == 1:
        return values.sum(axis=0, keepdims=True)
    found = np.zeros((strata, *values.shape[1:]), dtype=values.dtype)
    np.add.at(found, stratum, values)
    return found


def weighted_mean_interval(values: Floats, weights: Floats, *, level: float = 0.95) -> Estimate:
    """Return an interval of the weighted mean of some values, where every row is a sampling unit."""
    rows, total = len(values), float(weights.sum())
    name = "linearised t"
    if total <= 0:
        return Estimate(None, None, None, level, name, "there is no weighted row")
    mean = float(weights @ values) / total
    if rows < 2:  # noqa: PLR2004 - a variance takes two
        return Estimate(
            mean, None, None, level, name, "its rows are in too few sampling units to know the error"
        )
    # The derivatives add up to 0.
    derived = weights * (values - mean) / total
    deviation = math.sqrt(rows / (rows - 1) * float(derived @ derived))
    reach = float(stdtrit(rows - 1, (1 + level) / 2)) * deviation
    return Estimate(mean, mean - reach, mean + reach, level, name)
