"""Decomposition of a difference of means by column, by a regression over both groups."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

__all__ = ["ColumnParts", "oaxaca_blinder"]

#: Eigenvalues of the correlations below this share of the largest are 0 but for rounding.
_RANK_TOLERANCE = 1e-10
#: Entries of the projection onto the null space below this are 0 but for rounding.
_LINK_TOLERANCE = 1e-6
#: A column whose deviation is below this share of its size is constant but for rounding.
_CONSTANT_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class ColumnParts:
    """A difference of means, divided by columns."""

    whole: float
    columns: tuple[tuple[str, ...], ...]
    values: NDArray[np.float64]
    whole_error: float
    errors: NDArray[np.float64]
    parameters: int


def oaxaca_blinder(
    outcome: NDArray[np.float64],
    features: NDArray[np.float64],
    sensitive: NDArray[np.int64],
    names: Sequence[str],
) -> ColumnParts:
    """Divide a difference of means, privileged minus protected, into what goes with each column.

    The outcome is regressed on the features and the group by least squares over the rows of both groups.
    A column is worth the difference of its means times its coefficient, summed over the features that
    are made of it; what is left is the coefficient of the group (the twofold decomposition of R. Oaxaca,
    Int. Econ. Rev. 14, 1973, and A. S. Blinder, J. Human Resources 8, 1973, with the pooled coefficients
    of D. Neumark, J. Human Resources 23, 1988; that the group belongs into that regression: B. Jann,
    Stata Journal 8, 2008). Whether each category of a column has a feature, or which of them has none,
    changes no such sum: the coefficients then differ by the same number in all categories, and the
    differences of their shares sum to 0. Columns of which one is a function of the other, however, share
    what goes with both: they are one part.

    The errors take features as random, as Jann's do, and let variances differ by row: they are the sum
    over rows of the square of a part's first-order dependence on that row.
    """
    rows = len(outcome)
    privileged = sensitive == 1
    design = _standardised(np.column_stack([features, privileged]))
    values, vectors = np.linalg.eigh(design.T @ design / rows)
    kept = values > _RANK_TOLERANCE * values[-1]
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    centred = outcome - outcome.mean()
    coefficients = inverse @ (design.T @ centred) / rows
    residuals = centred - design @ coefficients
    parameters = int(kept.sum()) + 1
    columns, members = _parts(names, vectors[:, ~kept])
    explained = members[:, :-1]
    # What each column adds to a row's fitted outcome: a part is the difference of its means.
    shares = design @ (coefficients[:, None] * explained)
    gaps = _difference(design, privileged)
    whole = float(_difference(outcome, privileged))
    parts = _difference(shares, privileged)
    rest = whole - parts.sum()
    # Deviations from a fitted line are smaller than those from the true one.
    residuals *= math.sqrt(rows / max(rows - parameters, 1))
    by_coefficients = residuals[:, None] * (design @ (inverse @ (gaps[:, None] * explained))) / rows
    by_rows = by_coefficients + _dependence(shares, privileged)
    whole_by_rows = _dependence(outcome[:, None], privileged)
    rest_by_rows = whole_by_rows - by_rows.sum(axis=1, keepdims=True)
    errors = np.sqrt(np.square(np.hstack([whole_by_rows, by_rows, rest_by_rows])).sum(axis=0))
    return ColumnParts(whole, columns, np.array([*parts, rest]), float(errors[0]), errors[1:], parameters)


def _difference(values: NDArray[np.float64], privileged: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean over the privileged rows minus that over the others."""
    return values[privileged].mean(axis=0) - values[~privileged].mean(axis=0)


def _dependence(values: NDArray[np.float64], privileged: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how the difference of means depends on each row, which squared and summed is its variance."""
    found = np.empty_like(values)
    for rows, sign in ((privileged, 1), (~privileged, -1)):
        size = int(rows.sum())
        # Deviations from a sample's mean are smaller than those from the true one.
        scale = sign / size * math.sqrt(size / max(size - 1, 1))
        found[rows] = scale * (values[rows] - values[rows].mean(axis=0))
    return found


def _standardised(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns of mean 0 and deviation 1, or 0 throughout where a column is constant."""
    means, deviations = features.mean(axis=0), features.std(axis=0)
    constant = deviations <= _CONSTANT_TOLERANCE * np.abs(means)
    return np.where(constant, 0.0, (features - means) / np.where(constant, 1.0, deviations))


def _parts(
    names: Sequence[str], null: NDArray[np.float64]
) -> tuple[tuple[tuple[str, ...], ...], NDArray[np.bool_]]:
    """Return the columns of each part, the group's last, and which features are of which part.

    The null space of the regression divides into those of the parts, so that a column stands alone
    unless a combination with other columns is constant.
    """
    columns = tuple(dict.fromkeys(names))
    group = len(columns)
    place = np.array([*map(columns.index, names), group])
    linked = np.abs(null @ null.T) > _LINK_TOLERANCE
    blocks = np.zeros((group + 1, group + 1), dtype=np.bool_)
    np.logical_or.at(blocks, (place[:, None], place[None, :]), linked)
    _, component = connected_components(blocks, directed=False)
    ordered = [c for c in dict.fromkeys(component.tolist()) if c != component[group]] + [component[group]]
    found = tuple(tuple(columns[i] for i in range(group) if component[i] == c) for c in ordered)
    return found, component[place][:, None] == ordered
