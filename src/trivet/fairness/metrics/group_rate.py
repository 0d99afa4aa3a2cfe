"""What is a rate of each group, as a value: which rows it counts, among which rows, and when it is undefined.

A table of counts is indexed [group, label, prediction]. A rate is two weightings of the four cells of
one group, so that its function, its description and its test come from the same entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivet.wording import one_line

__all__ = ["Cells", "Counts", "GroupMean", "GroupMetric", "GroupRate", "Rates"]

Counts = NDArray[np.int64]
Rates = NDArray[np.float64]
#: How often a row counts, indexed [label][prediction].
Cells = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class GroupRate:
    """A rate of each group: weighted rows over weighted rows.

    Attributes
    ----------
    name
        What the rate is called in results and in the package.
    title
        The same in words.
    formula
        LaTeX.
    selects, among
        Weights of the cells in the numerator and in the denominator.
    undefined
        When there is nothing to divide by, with ``{group}`` for the group.
    source
        Where the rate is from.
    """

    name: str
    title: str
    formula: str
    selects: Cells
    among: Cells
    undefined: str
    source: str

    @property
    def is_share(self) -> bool:
        """Whether it is a share of rows, numerator of denominator: what a binomial interval needs."""
        pairs = zip((*self.selects[0], *self.selects[1]), (*self.among[0], *self.among[1]), strict=True)
        return all(selected <= counted <= 1 for selected, counted in pairs)

    def fractions(self, counts: Counts) -> tuple[Counts, Counts]:
        """Return numerator and denominator of each group.

        Parameters
        ----------
        counts
            Shape (..., groups, 2, 2).

        Returns
        -------
        tuple of numpy.ndarray
            Two of shape (..., groups).
        """
        return _weighted(counts, self.selects), _weighted(counts, self.among)

    def __call__(self, counts: Counts) -> Rates:
        """Return the rate of each group."""
        numerator, denominator = self.fractions(counts)
        return np.divide(
            numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0
        )

    def overall(self, counts: Counts) -> Rates:
        """Return the rate over all groups together; shape (...)."""
        return self(counts.sum(axis=-3, keepdims=True))[..., 0]

    def reason(self, counts: Counts, group: int, names: Sequence[str]) -> str | None:
        """Say why one group has no such rate, or nothing where it has one.

        Parameters
        ----------
        counts
            Shape (groups, 2, 2).
        group
            Place of the group.
        names
            What each group is called.
        """
        if self.fractions(counts)[1][group] > 0:
            return None
        name = one_line(names[group])
        return self.undefined.format(group=name) if counts[group].any() else f"there is no row of {name}"


@dataclass(frozen=True)
class GroupMean:
    """The mean of several rates of each group; the attributes are those of `GroupRate`."""

    name: str
    title: str
    formula: str
    rates: tuple[GroupRate, ...]
    undefined: str
    source: str

    def __call__(self, counts: Counts) -> Rates:
        """Return the mean of each group; shapes as in `GroupRate`, NaN where one of the rates is."""
        return np.mean([rate(counts) for rate in self.rates], axis=0)

    def overall(self, counts: Counts) -> Rates:
        """Return the mean of the rates over all groups together; shape (...)."""
        return self(counts.sum(axis=-3, keepdims=True))[..., 0]

    def reason(self, counts: Counts, group: int, names: Sequence[str]) -> str | None:
        """Say why one group has no such mean, as `GroupRate.reason` does."""
        reasons = (rate.reason(counts, group, names) for rate in self.rates)
        return next((reason for reason in reasons if reason), None)


GroupMetric = GroupRate | GroupMean


def _weighted(counts: Counts, cells: Cells) -> Counts:
    """Add up the cells of each group, each as often as its weight says."""
    weights = np.asarray(cells)
    used = weights > 0
    return counts[..., used] @ weights[used]
