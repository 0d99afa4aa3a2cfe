"""How much of a difference of means goes with each column, by a regression over both groups."""

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
    """A difference of means, divided by columns.

    Attributes
    ----------
    whole
        Mean of the privileged group minus that of the protected one.
    columns
        For each part the columns that it comes from. More than one where they determine each other; the
        last part holds what no column explains, and columns only where they determine the group.
    values
        Shape (parts,); they sum to the whole.
    whole_error
        Standard error of the whole.
    errors
        Standard errors of the parts, shape (parts,).
    parameters
        Rank of the regression, with its constant.
    """

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
    Stata Journal 8, 2008). Which category of a column has no feature, or whether each has
    one, changes no such sum, for a column of ones is what the categories differ by, and its means do not
    differ. Columns of which one is a function of the other, however, share what goes with both: they are
    one part.

    The errors take features as random, as Jann's do, and let variances differ by row: they are the sum
    over rows of the square of a part's first-order dependence on that row.

    Parameters
    ----------
    outcome
        Shape (rows,): predictions, 0 or 1, or scores.
    features
        Shape (rows, features), finite.
    sensitive
        Shape (rows,): 0 is protected, 1 is privileged; both are there.
    names
        For each feature the column that it is made of.

    Returns
    -------
    ColumnParts
        Parts in the order in which the columns first appear.
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
    # Rows of mean 0 in each group, and the weight with which a row enters the difference of means.
    within = design - _own_mean(design, privileged)
    sizes = np.where(privileged, privileged.sum(), (~privileged).sum())
    weights = np.where(privileged, 1, -1) / sizes
    gaps = weights @ design
    whole = float(outcome[privileged].mean() - outcome[~privileged].mean())
    parameters = int(kept.sum()) + 1
    # Deviations from a mean, and from a regression, are smaller than those from the true ones.
    weights *= np.sqrt(sizes / np.maximum(sizes - 1, 1))
    residuals *= math.sqrt(rows / max(rows - parameters, 1))
    dependence = [weights * (outcome - _own_mean(outcome, privileged))]
    parts: list[float] = []
    columns, members = _parts(names, vectors[:, ~kept])
    for member in members[:-1]:
        own = coefficients * member
        parts.append(float(gaps @ own))
        by_coefficients = residuals * (design @ (inverse @ (gaps * member))) / rows
        dependence.append(by_coefficients + weights * (within @ own))
    parts.append(whole - sum(parts))
    dependence.append(dependence[0] - sum(dependence[1:]))
    errors = np.sqrt(np.square(dependence).sum(axis=1))
    return ColumnParts(whole, columns, np.array(parts), float(errors[0]), errors[1:], parameters)


def _own_mean(values: NDArray[np.float64], privileged: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each row the mean of its group."""
    means = np.stack([values[~privileged].mean(axis=0), values[privileged].mean(axis=0)])
    return means[privileged.astype(np.int64)]


def _standardised(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns of mean 0 and deviation 1, or 0 throughout where a column is constant."""
    means, deviations = features.mean(axis=0), features.std(axis=0)
    constant = deviations <= _CONSTANT_TOLERANCE * np.abs(means)
    return np.where(constant, 0.0, (features - means) / np.where(constant, 1.0, deviations))


def _parts(
    names: Sequence[str], null: NDArray[np.float64]
) -> tuple[tuple[tuple[str, ...], ...], list[NDArray[np.bool_]]]:
    """Return which columns make a part together, and which features those are; the group's part last.

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
    return found, [component[place] == c for c in ordered]
