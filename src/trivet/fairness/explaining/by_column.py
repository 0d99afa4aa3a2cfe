"""Decomposition of a difference by column, with intervals."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from trivet.errors import UsageError
from trivet.fairness.columns import binary_column, require_same_length, require_two_groups, score_column
from trivet.fairness.explaining.feature_table import feature_table, names_of
from trivet.fairness.explaining.oaxaca import ColumnParts, oaxaca_blinder
from trivet.fairness.explaining.results import EXPLAINED, SENSITIVE, UNEXPLAINED, WHOLE, Decomposition, Part
from trivet.fairness.explaining.statements import COLUMN_LIMITS, MEAN_SCORE, SELECTION_RATE, column_statement
from trivet.fairness.explaining.whole import difference_of_rates, with_shares

__all__ = ["decompose_columns"]

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
    """Split a difference of selection rates or of mean scores by column, with an interval of each part.

    The parts are defined by `oaxaca_blinder`. Their intervals are normal, from its standard errors.
    The interval of a whole difference of selection rates is that of `difference_interval`.

    Parameters
    ----------
    outcome
        Predictions (0 or 1) or scores, shape (rows,).
    features
        Shape (rows, features), finite: numbers, and a 0 or 1 for each category.
    sensitive
        Group of each row, shape (rows,): 0 is the group, 1 is the reference group.
    names
        For each feature the column that it is made of.
    sensitive_columns
        Those of `names` that define the groups. They do not explain the difference, so they come after
        the others; where they determine the group, their part includes the unexplained one.
    group, reference
        What the two groups are called.
    level
        Confidence level, in (0, 1).

    Returns
    -------
    Decomposition
        Explained parts, the largest first; then those of sensitive columns; last what no column
        explains.

    Raises
    ------
    DataError
        If the columns differ in length, hold a value that is not a finite number, or name only one group.
    UsageError
        If there is not one name for each feature, or the level is out of range.
    """
    if not 0 < level < 1:
        raise UsageError(f"a confidence level lies in (0, 1), found {level}.")
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
