"""Decomposition of the selection-rate gap by feature, and how well features predict the group."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from trivet.fairness.auditing.rows import Predicted
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.explain.columns import decompose_columns
from trivet.fairness.explain.proxies import proxy_strength
from trivet.fairness.explain.results import Decomposition, ProxyStrength
from trivet.tables.cell_kinds import ROWS_A_VALUE, is_identifier
from trivet.tables.features import Features, choose_rows, encode_columns

__all__ = ["LEAKING_AUC", "LEAKING_SHARE", "TellingColumns", "explain_by_feature", "telling_columns"]

#: Different values from which on a column may say whose row each is.
_OWNERS: Final = 20
#: From more rows than this a sample is drawn.
MOST_ROWS: Final = 50_000


def explain_by_feature(
    predicted: Predicted,
    counts: GroupCounts,
    group: int,
    reference: int,
    *,
    left_out: frozenset[str] = frozenset(),
    level: float,
    seed: int,
) -> tuple[Decomposition | None, ProxyStrength | None]:
    """Return what columns contribute to a difference of selection rates, and how well they tell the group."""
    rows = predicted.rows
    # What a group is made of goes with the group alone.
    left_out |= {each for name in counts.columns for each in rows.sources.get(name, ())}
    if not set(rows.features.names) - set(rows.columns) - left_out:
        return None, None
    kept = [place for place, name in enumerate(rows.features.names) if name not in left_out]
    codes = predicted.codes(counts.columns, counts.groups)
    chosen = np.flatnonzero((codes == group) | (codes == reference))
    everyone = len(chosen)
    chosen = chosen[choose_rows(everyone, MOST_ROWS, seed=seed)]
    sensitive = (codes[chosen] == reference).astype(np.int64)
    if len(chosen) == 0 or sensitive.min() == sensitive.max():
        return None, None
    features, names = encode_columns(rows.features.only(kept).take(predicted.places[chosen]))
    divided = decompose_columns(
        predicted.predictions[chosen],
        features,
        sensitive,
        names,
        sensitive_columns=counts.columns,
        level=level,
        group=counts.names[group],
        reference=counts.names[reference],
    )
    if len(chosen) < everyone:
        said = f"{divided.statement} This is of {len(chosen):,} of their rows, drawn at random."
        divided = replace(divided, statement=said)
    return divided, proxy_strength(
        features,
        sensitive,
        names,
        sensitive_columns=counts.columns,
        group=counts.names[group],
        reference=counts.names[reference],
        seed=seed,
    )


#: One column that ranks the label so well is likely to have been made from it.
LEAKING_AUC: Final = 0.99
#: So is one that takes away this share of the errors of always guessing the more frequent label: a mark that
#: is set once the outcome is known need not rank perfectly.
LEAKING_SHARE: Final = 0.9
_MOST_ROWS: Final = 20_000
_FOLDS: Final = 3
#: With fewer rows whole numbers differ by chance, and with more than the second they do not.
_FEW, _MANY = 20, 1_000
#: A numbering leaves out few numbers.
_DENSE: Final = 10
_NAME_OF_A_KEY: Final = re.compile(
    r"(^|[\W_])(id|ids|uuid|guid|key|nr|no|number|index)$|^(id|uuid|guid)", re.IGNORECASE
)


@dataclass(frozen=True)
class TellingColumns:
    """Names of columns that explain nothing, whatever they are correlated with.

    `owners` are others: by their names they may say whose row each is, with so many rows a value.
    """

    label: tuple[str, ...]
    prediction: tuple[str, ...]
    keys: tuple[str, ...]
    owners: tuple[tuple[str, float], ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        return frozenset((*self.label, *self.prediction, *self.keys))


def telling_columns(predicted: Predicted, *, seed: int) -> TellingColumns:
    """Find such columns among the others, by a small tree on each alone, out of fold."""
    rows = predicted.rows
    others = [place for place, name in enumerate(rows.features.names) if name not in rows.columns]
    keys = [place for place in others if _is_key(rows.features, place, predicted.places)]
    drawn = choose_rows(len(predicted.places), _MOST_ROWS, seed=seed)
    looked_at = rows.features.take(predicted.places[drawn])
    labels, predictions = rows.labels[predicted.places[drawn]], predicted.predictions[drawn]
    groups = rows.groups[predicted.places[drawn]].astype(np.float64)
    targets = {"label": labels} if len(predicted.fitted) else {"label": labels, "prediction": predictions}
    found: dict[str, list[str]] = {"label": [], "prediction": []}
    for place in others:
        if place in keys:
            continue
        encoded, _ = encode_columns(looked_at.only([place]))
        for name, target in targets.items():
            # A score with a cut of its own for each group tells the prediction within groups alone.
            within = None if name == "label" else groups
            if _tells(encoded, target, seed=seed, by_errors=name == "label", within=within):
                found[name].append(rows.features.names[place])
    return TellingColumns(
        tuple(found["label"]),
        tuple(found["prediction"]),
        tuple(rows.features.names[place] for place in keys),
        tuple(_owners(rows.features, others)),
    )


def _owners(features: Features, places: Sequence[int]) -> Iterator[tuple[str, float]]:
    """Yield columns that are named like an identifier and whose values are those of several rows each."""
    for place in places:
        if is_identifier(features.names[place]):
            values = features.values[:, place]
            known = values[~np.isnan(values)]
            different = len(np.unique(known))
            if different >= _OWNERS and len(known) >= ROWS_A_VALUE * different:
                yield features.names[place], len(known) / different


def _tells(
    column: NDArray[np.float64],
    target: NDArray[np.int64],
    *,
    seed: int,
    by_errors: bool,
    within: NDArray[np.float64] | None = None,
) -> bool:
    """Tell whether a column, alone or `within` groups that do not, ranks a target almost without error."""
    rarer = int(np.bincount(target, minlength=2).min())
    if rarer < _FOLDS:
        return False
    told = _told_by(column, target, seed=seed)
    if roc_auc_score(target, told) >= LEAKING_AUC:
        return True
    if within is not None and len(np.unique(within)) > 1:
        given = np.column_stack([column, within])
        if roc_auc_score(target, _told_by(given, target, seed=seed)) < LEAKING_AUC:
            return False
        groups = _told_by(within[:, np.newaxis], target, seed=seed)
        return bool(roc_auc_score(target, groups) < LEAKING_AUC)
    errors = int(((told >= 0.5) != target).sum())  # noqa: PLR2004 - the likelier label
    return by_errors and errors <= (1 - LEAKING_SHARE) * rarer


def _told_by(columns: NDArray[np.float64], target: NDArray[np.int64], *, seed: int) -> NDArray[np.float64]:
    """Return the probability of each row by a small tree that was grown on others."""
    tree: Any = DecisionTreeClassifier(max_leaf_nodes=32, min_samples_leaf=10, random_state=seed)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    return np.asarray(cross_val_predict(tree, columns, target, cv=folds, method="predict_proba"))[:, 1]


def _is_key(features: Features, place: int, rows: NDArray[np.int64]) -> bool:
    """Return True if a column numbers or names the rows: all values distinct, and not a measurement."""
    values = features.values[rows, place]
    if len(values) < _FEW or np.isnan(values).any() or len(np.unique(values)) < len(values):
        return False
    if features.categories[place] is not None:
        return True
    if (values != np.floor(values)).any():
        return False
    steps = np.diff(values)
    return bool(
        len(values) >= _MANY
        or np.ptp(values) < _DENSE * len(values)
        or (steps > 0).all()
        or (steps < 0).all()
        or _NAME_OF_A_KEY.search(features.names[place])
    )
