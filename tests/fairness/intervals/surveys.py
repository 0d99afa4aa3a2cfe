"""Surveys as rows, their counts, and variances directly from the rows."""

import numpy as np

from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.weights import WeightSums

SELECTED = np.array([[0, 1], [0, 1]]), np.ones((2, 2))
TRUE_POSITIVE = np.array([[0, 0], [0, 1]]), np.array([[0, 0], [1, 1]])


def counts_of(group, label, prediction, weight, strata=None, clusters=None):
    """Count rows; clusters are numbered within strata."""
    rows, groups = len(group), int(np.max(group)) + 1
    strata = np.zeros(rows, dtype=np.int64) if strata is None else strata
    unit = strata if clusters is None else strata * 1_000_000 + clusters
    parts, part = np.unique(unit, return_inverse=True)
    shape = len(parts), groups, 2, 2
    cells = np.ravel_multi_index((part, group, label, prediction), shape)

    def added(values):
        return np.bincount(cells, values, minlength=int(np.prod(shape))).reshape(shape)

    table = added(np.ones(rows)).astype(np.int64)
    weights = WeightSums(
        "weight",
        parts if clusters is None else parts // 1_000_000,
        table,
        added(weight),
        added(weight**2) if clusters is None else None,
    )
    names = tuple((f"g{place}",) for place in range(groups))
    return GroupCounts(("group",), names, ("0", "1"), table.sum(axis=0), weights=weights)


def direct(group, numerator, denominator, weight, strata, unit):
    """Return each group's share and the covariance matrix of the shares, row by row."""
    members = group[:, None] == np.arange(group.max() + 1)
    under = (weight * denominator) @ members
    share = (weight * numerator) @ members / under
    z = weight[:, None] * members * (numerator[:, None] - share * denominator[:, None]) / under
    covariance = np.zeros((len(share), len(share)))
    totals = np.stack([z[unit == each].sum(axis=0) for each in np.unique(unit)])
    stratum = np.array([strata[unit == each][0] for each in np.unique(unit)])
    for each in np.unique(stratum):
        own = totals[stratum == each]
        mean = own.mean(axis=0) if len(own) > 1 else totals.mean(axis=0)
        factor = len(own) / (len(own) - 1) if len(own) > 1 else 1
        covariance += factor * (own - mean).T @ (own - mean)
    return share, covariance
