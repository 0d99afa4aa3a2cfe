"""Decomposition of a difference by column, with intervals."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components
from scipy.special import ndtri

from trivet.fairness.columns import binary_column, require_same_length, require_two_groups, score_column
from trivet.fairness.explain.proxies import difference_of_rates, feature_table, names_of, with_shares
from trivet.fairness.explain.results import (
    COLUMN_LIMITS,
    EXPLAINED,
    MEAN_SCORE,
    SELECTION_RATE,
    SENSITIVE,
    UNEXPLAINED,
    WHOLE,
    Decomposition,
    Part,
    column_statement,
)
from trivet.settings import Share, require

__all__ = ["decompose_columns", "oaxaca_blinder"]

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
    """Divide a difference of means, privileged minus protected, into what goes with each column."""
    # The twofold decomposition (R. Oaxaca, Int. Econ. Rev. 14, 1973; A. S. Blinder, J. Human Resources 8,
    # 1973) with the pooled coefficients of D. Neumark (J. Human Resources 23, 1988), the group among the
    # regressors (B. Jann, Stata Journal 8, 2008). Which category of a column has no feature changes no sum
    # over the column. Errors take features as random, as Jann's do, and let variances differ by row.
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
    """Return the columns of each part, the group's last, and which features are of which part."""
    # The null space divides into those of the parts: a column stands alone unless a combination is constant.
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


#: A regression on fewer rows for each of its parameters fits what chance made of the rows.
_ROWS_A_PARAMETER = 2
_FEWEST_IN_A_GROUP = 2
#: A standard error below this share of the largest outcome is 0 but for rounding.
_NO_ERROR = 1e-12


def decompose_columns(
    outcome: ArrayLike,
    features: ArrayLike,
    sensitive: ArrayLike,
    names: Sequence[str],
    *,
    sensitive_columns: Collection[str] = (),
    group: str = "protected",
    reference: str = "privileged",
    level: float = 0.95,
) -> Decomposition:
    """Split a difference of selection rates or mean scores by column, with a normal interval each."""
    require(Share, level=level)
    values = score_column(outcome, "outcome")
    groups = binary_column(sensitive, "sensitive")
    table = feature_table(features, names)
    require_same_length(outcome=values, features=table, sensitive=groups)
    require_two_groups(groups)
    found = oaxaca_blinder(values, table, groups, names)
    unknown = _unknown(groups, found)
    known = names_of(sensitive_columns)

    def measured(name: str, kind: str, columns: tuple[str, ...], value: float, error: float) -> Part:
        if unknown is not None:
            return Part(name, kind, columns, value, None, None, level, None, f"no interval: {unknown}")
        if error <= _NO_ERROR * float(np.abs(values).max()):
            reason = "no interval: in these rows it does not vary."
            return Part(name, kind, columns, value, None, None, level, None, reason)
        reach = float(ndtri((1 + level) / 2)) * error
        return Part(name, kind, columns, value, value - reach, value + reach, level, None)

    parts: list[Part] = []
    if unknown is None:
        last = len(found.columns) - 1
        for i, columns in enumerate(found.columns):
            kind = _kind(columns, known, last=i == last)
            name = " + ".join([*columns, UNEXPLAINED] if i == last else columns)
            parts.append(measured(name, kind, columns, float(found.values[i]), float(found.errors[i])))
        parts.sort(key=_order)
    if np.isin(values, (0, 1)).all():
        outcome_name = SELECTION_RATE
        whole = difference_of_rates(
            np.bincount(groups, weights=values).astype(np.int64),
            np.bincount(groups),
            groups=(group, reference),
            level=level,
        )
    else:
        outcome_name = MEAN_SCORE
        whole = measured(WHOLE, WHOLE, (), found.whole, found.whole_error)
    whole, shared = with_shares(whole, parts)
    return Decomposition(
        method="Oaxaca-Blinder",
        interval_method="delta method",
        outcome=outcome_name,
        group=group,
        reference=reference,
        rows=len(values),
        whole=whole,
        parts=shared,
        statement=(
            column_statement(whole, shared, group=group, reference=reference, outcome=outcome_name)
            if unknown is None
            else f"How the difference divides by column is unknown: {unknown}"
        ),
        limits=COLUMN_LIMITS,
        reason=unknown,
    )


def _unknown(groups: NDArray[np.int64], found: ColumnParts) -> str | None:
    """Say why there is no decomposition, if there are too few rows for one."""
    smallest = int(np.bincount(groups).min())
    if smallest < _FEWEST_IN_A_GROUP:
        return f"a group has {smallest} row only."
    if len(groups) < _ROWS_A_PARAMETER * found.parameters:
        return f"{len(groups)} rows are too few for a regression with {found.parameters} parameters."
    return None


def _kind(columns: tuple[str, ...], sensitive_columns: frozenset[str], *, last: bool) -> str:
    if sensitive_columns.intersection(columns):
        return SENSITIVE
    return UNEXPLAINED if last else EXPLAINED


def _order(part: Part) -> tuple[int, float]:
    """Sort what is explained by size; what no column explains is the last one as it is."""
    return (0, -abs(part.value or 0.0)) if part.kind == EXPLAINED else (1, 0.0)
