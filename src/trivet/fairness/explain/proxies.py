"""Proxies: how well the columns other than the sensitive one predict the group."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import (
    PRIVILEGED,
    PROTECTED,
    binary_column,
    require_same_length,
    require_two_groups,
)
from trivet.fairness.explain.results import WHOLE, ColumnStrength, Part, ProxyStrength, proxy_statement
from trivet.fairness.intervals.comparisons import difference_interval
from trivet.wording import quote

__all__ = ["difference_of_rates", "feature_table", "names_of", "proxy_strength", "with_shares"]

_AXES = 2


def feature_table(features: ArrayLike, names: Sequence[str]) -> NDArray[np.float64]:
    """Return features as floats, or say which of them cannot be used."""
    table = np.asarray(features)
    if table.ndim != _AXES or table.dtype.kind not in "biuf":
        raise DataError(
            f"features should be a table of numbers with a row for each row, found shape {table.shape} of "
            f"{table.dtype}. Give each category a column of 0 and 1."
        )
    if len(names) != table.shape[1]:
        raise UsageError(
            f"names should have one entry for each of {table.shape[1]} features, found {len(names)}."
        )
    numbers = table.astype(np.float64)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        column = int(np.argmax(wrong.any(axis=0)))
        raise DataError(
            f"features should be finite, found {numbers[wrong[:, column], column][0]} in column "
            f"{quote(names[column])} ({wrong[:, column].sum()} rows). Fill such values, or leave those rows "
            "out."
        )
    return numbers


def names_of(columns: Collection[str]) -> frozenset[str]:
    """Return the names of some columns; one name alone is one column, not its letters."""
    return frozenset([columns] if isinstance(columns, str) else columns)


_MODEL = "logistic regression and boosted trees, averaged"


def proxy_strength(
    features: ArrayLike,
    sensitive: ArrayLike,
    names: Sequence[str],
    *,
    sensitive_columns: Collection[str] = (),
    group: str = "protected",
    reference: str = "privileged",
    folds: int = 3,
    limit: int = 20_000,
    seed: int = 0,
) -> ProxyStrength:
    """Measure how well features predict the group, all together and each column alone.

    The areas under the ROC curve are means over the folds of a cross-validation: of all columns by the mean
    of a logistic regression and boosted trees, of a column alone by a decision tree of at most 32 leaves.

    Parameters
    ----------
    features
        Shape (rows, features), finite: numbers, and a 0 or 1 for each category.
    sensitive
        Group of each row, shape (rows,): 0 is the group, 1 is the reference group.
    names
        For each feature the column that it is made of.
    sensitive_columns
        Those of `names` that are left out.
    group, reference
        What the two groups are called.
    folds
        Parts of the cross-validation, at least 2.
    limit
        Rows that are looked at at most, at least 2; the smaller group is kept whole up to half of them.
    seed
        Of the rows and the folds.

    Raises
    ------
    DataError
        If the columns differ in length, hold a value that is not a finite number, or name only one group.
    UsageError
        If there is not one name for each feature, or `folds` or `limit` is below 2.
    """
    if min(folds, limit) < 2:  # noqa: PLR2004 - one to fit on and one to measure on
        raise UsageError(f"folds and limit should be at least 2, found {folds} and {limit}.")
    groups = binary_column(sensitive, "sensitive")
    table = feature_table(features, names)
    require_same_length(features=table, sensitive=groups)
    require_two_groups(groups)
    rows = _chosen_rows(groups, limit, np.random.default_rng(seed))
    table, groups = table[rows], groups[rows]
    places = {
        column: [i for i, name in enumerate(names) if name == column]
        for column in dict.fromkeys(names)
        if column not in names_of(sensitive_columns)
    }
    reason = None
    if not places:
        reason = "there is no column besides the sensitive one."
    elif (smallest := int(np.bincount(groups).min())) < folds:
        reason = f"a group has {smallest} rows, too few for {folds} folds."
    auc: float | None = None
    columns: list[ColumnStrength] = []
    if reason is None:
        splits = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(table, groups))
        others = [i for features_of in places.values() for i in features_of]
        auc = _area(_together(seed), table[:, others], groups, splits)
        columns = [
            ColumnStrength(column, _area(_alone(seed), table[:, own], groups, splits))
            for column, own in places.items()
        ]
        columns.sort(key=lambda column: column.auc, reverse=True)
    return ProxyStrength(
        auc=auc,
        columns=tuple(columns),
        model=_MODEL,
        rows=len(groups),
        folds=folds,
        seed=seed,
        statement=proxy_statement(auc, columns, group=group, reference=reference, reason=reason),
        reason=reason,
    )


def _chosen_rows(groups: NDArray[np.int64], limit: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return the places of at most `limit` rows in their order, as balanced as the groups allow."""
    smaller, larger = sorted((np.flatnonzero(groups == code) for code in (PROTECTED, PRIVILEGED)), key=len)
    fewer = min(len(smaller), limit // 2)
    more = min(len(larger), limit - fewer)
    kept = [generator.choice(smaller, fewer, replace=False), generator.choice(larger, more, replace=False)]
    return np.sort(np.concatenate(kept))


def _together(seed: int) -> Any:
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    trees = HistGradientBoostingClassifier(max_iter=50, random_state=seed)
    return VotingClassifier([("linear", linear), ("trees", trees)], voting="soft")


def _alone(seed: int) -> Any:
    return DecisionTreeClassifier(max_leaf_nodes=32, min_samples_leaf=10, random_state=seed)


def _area(
    model: Any, features: NDArray[np.float64], groups: NDArray[np.int64], splits: Sequence[tuple[Any, Any]]
) -> float:
    """Return the mean area under the ROC curve over the folds."""
    areas = [
        roc_auc_score(
            groups[held], model.fit(features[rest], groups[rest]).predict_proba(features[held])[:, 1]
        )
        for rest, held in splits
    ]
    return float(np.mean(areas))


def difference_of_rates(
    selected: NDArray[np.int64], rows: NDArray[np.int64], *, groups: tuple[str, str], level: float
) -> Part:
    """Return the difference of selection rates as the whole, with the interval that an audit gives it."""
    for group, size in zip(groups, rows.tolist(), strict=True):
        if size == 0:
            return Part(WHOLE, WHOLE, (), None, None, None, level, None, f"{group} has no row.")
    (x0, x1), (n0, n1) = selected.tolist(), rows.tolist()
    found = difference_interval(x0, n0, x1, n1, level=level)
    return Part(WHOLE, WHOLE, (), found.value, found.low, found.high, level, None)


def with_shares(whole: Part, parts: Sequence[Part]) -> tuple[Part, tuple[Part, ...]]:
    """Return the whole and its parts with shares of the whole, unless its interval holds 0."""
    if whole.value is None or whole.low is None or whole.high is None or whole.low <= 0 <= whole.high:
        return whole, tuple(parts)
    size = whole.value
    shared = [part if part.value is None else replace(part, share=part.value / size) for part in parts]
    return replace(whole, share=1.0), tuple(shared)
