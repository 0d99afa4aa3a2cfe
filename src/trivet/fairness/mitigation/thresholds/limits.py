"""Limits on how far rates of groups may be apart, as linear inequalities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.mitigation.mixtures import Limits

__all__ = ["Attribute", "ratio_limits", "spread_limits"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Attribute:
    """A division of the groups: the value of each, shape (groups,), and the privileged value."""

    values: NDArray[np.int64]
    reference: int

    def means(self, sizes: NDArray[Any]) -> Floats:
        """Return the share of each group in the rate of each value, shape (values, groups)."""
        members = np.equal.outer(np.unique(self.values), self.values) * sizes
        return members / members.sum(axis=1, keepdims=True)


def spread_limits(kinds: Sequence[Floats], bound: float) -> Limits:
    """Return that of each kind the largest rate is at most `bound` above the lowest.

    A kind is a matrix of shape (values, rates), whose rows are the rates that are compared.
    """
    matrix = np.vstack(list(kinds))
    # The lowest rate of each kind is free.
    lowest = np.repeat(np.eye(len(kinds)), [len(kind) for kind in kinds], axis=0)
    most = np.full(len(matrix), float(bound))
    return Limits(
        np.vstack([matrix, -matrix]), np.concatenate([most, 0 * most]), np.vstack([-lowest, lowest])
    )


def ratio_limits(kinds: Sequence[tuple[Floats, int]], bound: float) -> Limits:
    """Return that of each kind the rates are from t to 1/t times that of the reference, which is a place."""
    rows: list[Floats] = []
    for rates, reference in kinds:
        against = rates[reference]
        for place, rate in enumerate(rates):
            if place != reference:
                rows += [bound * against - rate, bound * rate - against]
    matrix = np.array(rows)
    return Limits(matrix, np.zeros(len(rows)), np.zeros((len(rows), 0)))
