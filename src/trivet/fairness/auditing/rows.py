"""Rows of a table for models and audits: features, labels and groups, and what they are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.datasets.adult import POSITIVE_CLASS, adult_sample, load_adult
from trivet.errors import DataError, UsageError
from trivet.fairness.counting.counts import FoldedValue, GroupCounts
from trivet.fairness.counting.design import UNIT, Placed, Scale
from trivet.fairness.counting.files import CodedColumns, read_columns
from trivet.fairness.counting.group_counts import group_counts
from trivet.fairness.counting.naming import in_order
from trivet.fairness.counting.weights import WeightSums
from trivet.tables.features import Features, choose_rows, read_features
from trivet.tables.opening import Table, find_column, open_table
from trivet.wording import quote

__all__ = ["AuditRows", "Predicted", "adult_rows", "read_predicted", "read_rows", "read_weights"]


@dataclass(frozen=True, eq=False)
class AuditRows:
    """Rows of a table.

    Attributes
    ----------
    name : Of the table.
    features : Columns that a model may see, the sensitive ones among them where the table has them.
    labels : Shape (rows,), 1 for the positive class.
    label, positive, negative : The label's column, its positive value, and what the others are called.
    groups : Place of each row's group, shape (rows,).
    columns, values : The sensitive columns, and for each group its value in each of them.
    drawn_from : Number of rows of the table that these were drawn from.
    folded : Values of the label that count as negative together, where they are several, in the whole table.
    weight, weights : Column of weights and what it holds, shape (rows,); None where each row counts once.
    made_of : Columns that sensitive ones are made of.
    sources : Of each sensitive column that is made, of bins or marks, those that it is made of.
    """

    name: str
    features: Features
    labels: NDArray[np.int64]
    label: str
    positive: str
    negative: str
    groups: NDArray[np.int64]
    columns: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    drawn_from: int
    folded: tuple[FoldedValue, ...] = ()
    weight: str | None = None
    weights: NDArray[np.float64] | None = None
    made_of: tuple[str, ...] = ()
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def telling(self) -> tuple[int, ...]:
        """Places of the features that are sensitive columns, or that these are made of."""
        known = {*self.columns, *self.made_of}
        return tuple(place for place, name in enumerate(self.features.names) if name in known)

    def __len__(self) -> int:
        return len(self.labels)

    def count(self, predictions: NDArray[np.int64], rows: NDArray[np.int64]) -> GroupCounts:
        """Count rows by their indices and predictions (0 or 1), shape (rows,) each; all groups are there."""
        cells = 4 * self.groups[rows] + 2 * self.labels[rows] + predictions
        size = 4 * len(self.values)
        table = np.bincount(cells, minlength=size).reshape(-1, 2, 2)
        weights = None
        if self.weights is not None:
            own = self.weights[rows]
            sums, squares = (
                np.bincount(cells, weights=amount, minlength=size).astype(np.float64).reshape(1, -1, 2, 2)
                for amount in (own, own**2)
            )
            weights = WeightSums(
                self.weight or "weight", np.zeros(1, dtype=np.int64), table[np.newaxis], sums, squares
            )
        classes = self.negative, self.positive
        return GroupCounts(self.columns, self.values, classes, table, self.folded, weights=weights)


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions for some rows of a table.

    Attributes
    ----------
    rows : The table.
    places : Indices of those rows, shape (predictions,).
    predictions : 0 or 1, shape (predictions,).
    scores : Probability of the positive class, shape (predictions,), or None.
    fitted : Indices of the rows that the model was fitted on; empty where that is not known.
    """

    rows: AuditRows
    places: NDArray[np.int64]
    predictions: NDArray[np.int64]
    scores: NDArray[np.float64] | None
    fitted: NDArray[np.int64]

    def codes(self, columns: Sequence[str], groups: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
        """Return the place in `groups` of each row's values of some of the sensitive columns."""
        chosen = [self.rows.columns.index(column) for column in columns]
        known = {values: place for place, values in enumerate(groups)}
        lookup = [known[tuple(values[place] for place in chosen)] for values in self.rows.values]
        return np.asarray(lookup, dtype=np.int64)[self.rows.groups[self.places]]


#: Of more rows than this a sample is drawn, for measurements that need rows.
MOST_ROWS: Final = 1_000_000
ADULT: Final = "Adult"
LABEL: Final = "income"
_TRUTH_AS_NUMBER: Final = {"true": "1", "false": "0"}


def read_rows(
    table: str | Path | Table,
    *,
    label: str,
    sensitive: Sequence[str],
    positive: str | None = None,
    weight: str | None = None,
    made_of: Sequence[str] = (),
    ignored: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
) -> AuditRows:
    """Read a table for a comparison: every column but the label and the ignored ones is a feature.

    Parameters
    ----------
    table
        A file as of ``trivet fairness``, or an open one.
    label, sensitive
        Names of columns.
    positive
        The label that counts as positive; not needed where labels are 0 and 1, or true and false.
    weight
        Column of weights, finite numbers from 0 up. Models do not see it.
    made_of
        Columns that sensitive ones are made of.
    ignored
        Names of columns that are not features, such as a row number.
    limit
        Rows at most, 1,000,000 by default, drawn at random where there are more.
    seed
        Of the draw.

    Raises
    ------
    UsageError, DataError
        As `group_counts`; if the label has one value only, or the file changes while it is read.
    """
    with open_table(table) as opened:
        counts = group_counts(opened, label, label, sensitive, positive=positive)
        read = read_columns(opened, coded=(label, *sensitive))
        hidden = (label, *ignored, *(() if weight is None else (weight,)))
        limit = limit or MOST_ROWS
        rows = _rows(opened, counts, read, label=label, hidden=hidden, limit=limit, seed=seed)
        weights = None if weight is None else read_weights(opened, weight, read.rows, limit=limit, seed=seed)
    return replace(rows, weight=weight, weights=weights, made_of=tuple(made_of))


def read_weights(opened: Table, name: str, rows: int, *, limit: int | None, seed: int) -> NDArray[np.float64]:
    """Read the weights of the rows that are drawn, as `read_rows` and `read_predicted` draw them."""
    places = choose_rows(rows, limit or MOST_ROWS, seed=seed)
    column = find_column(opened.columns, name)
    read = read_features(opened, [column], rows=None if len(places) == rows else places)
    weights = read.values[:, 0]
    if read.categories[0] is not None:
        raise UsageError(f"the column {quote(name)} should hold weights, found text; expected numbers.")
    wrong = ~(weights >= 0)
    if wrong.any() or not weights.any():
        found = "a missing one" if np.isnan(weights).any() else f"{np.nanmin(weights):g}"
        raise DataError(
            f"weights in {quote(name)} should be numbers from 0 up that are not all zero, found {found} "
            f"({int(wrong.sum())} rows in all). Leave such rows out, or give them a weight."
        )
    return weights


def read_predicted(
    table: str | Path | Table,
    counts: GroupCounts,
    *,
    label: str,
    prediction: str,
    cut: float | Placed | None,
    scale: Scale = UNIT,
    ignored: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
) -> Predicted:
    """Read rows of a table whose counts are known, with predictions, or with scores where there is a cut."""
    coded = (label, *counts.columns)
    hidden = (label, prediction, *ignored)
    with open_table(table) as opened:
        read = (
            read_columns(opened, coded=(*coded, prediction))
            if cut is None
            else read_columns(opened, coded=coded, scores=(prediction,), scale=scale)
        )
        rows = _rows(opened, counts, read, label=label, hidden=hidden, limit=limit or MOST_ROWS, seed=seed)
    places = choose_rows(read.rows, limit or MOST_ROWS, seed=seed)
    if cut is None:
        scores, predictions = None, _is_positive(read, prediction, counts)[places]
    else:
        scores = read.scores[prediction][places]
        place = cut.place if isinstance(cut, Placed) else scale.placed(cut).place
        predictions = (scores >= place).astype(np.int64)
    return Predicted(rows, np.arange(len(rows)), predictions, scores, np.array([], dtype=np.int64))


def adult_rows(sensitive: Sequence[str] = ("gender",)) -> AuditRows:
    """Return the embedded Adult data with the study's features.

    Parameters
    ----------
    sensitive
        Columns of the groups; a row's group is its combination of their values.

    Raises
    ------
    UsageError
        If Adult lacks one of the columns.
    """
    table = load_adult()
    sample = adult_sample(table)
    for name in sensitive:
        if name not in table.columns:
            raise UsageError(f"Adult has no column {quote(name)}; it has {', '.join(table.columns)}.")
    named = [["missing" if value is None else str(value) for value in table[name]] for name in sensitive]
    values = list(zip(*named, strict=True))
    groups = in_order(values)
    known = {group: place for place, group in enumerate(groups)}
    return AuditRows(
        name=ADULT,
        features=Features(sample.names, sample.features, (None,) * len(sample.names)),
        labels=sample.labels,
        label=LABEL,
        positive=POSITIVE_CLASS,
        negative="<=50K",
        groups=np.fromiter(map(known.__getitem__, values), dtype=np.int64, count=len(values)),
        columns=tuple(sensitive),
        values=groups,
        drawn_from=len(values),
    )


def _rows(
    opened: Table,
    counts: GroupCounts,
    read: CodedColumns,
    *,
    label: str,
    hidden: Sequence[str],
    limit: int,
    seed: int,
) -> AuditRows:
    """Put codes and features together."""
    places = choose_rows(read.rows, limit, seed=seed)
    for each in hidden:
        find_column(opened.columns, each)
    features = read_features(
        opened,
        [column for column in opened.columns if column.name not in hidden and not column.derived],
        rows=None if len(places) == read.rows else places,
    )
    opened.require_unchanged()
    groups = _group_codes(read, counts)
    if read.rows != counts.rows or (groups < 0).any():
        raise UsageError(f"the counts are not those of {quote(opened.name)}; count this table.")
    negative, positive = counts.classes
    labels = _is_positive(read, label, counts)[places]
    return AuditRows(
        name=opened.name,
        features=features,
        labels=labels,
        label=label,
        positive=positive,
        negative=negative,
        groups=groups[places],
        columns=counts.columns,
        values=counts.groups,
        drawn_from=read.rows,
        folded=tuple(each for each in counts.folded if each.side == "label"),
    )


def _is_positive(read: CodedColumns, name: str, counts: GroupCounts) -> NDArray[np.int64]:
    """Return 1 where a label or a prediction is the positive class as it was counted."""
    column = read.coded[name]
    positive = counts.classes[1]
    # Labels of 0 and 1 beside predictions of true and false are counted as the same two classes.
    same = {positive, _TRUTH_AS_NUMBER.get(positive, positive), *counts.also}
    return np.array(
        [value in same or _TRUTH_AS_NUMBER.get(value) in same for value in column.categories], dtype=np.int64
    )[column.codes]


def _group_codes(read: CodedColumns, counts: GroupCounts) -> NDArray[np.int64]:
    """Return the place of each row's group among those that were counted."""
    named, codes = read.groups(*counts.columns)
    known = {values: place for place, values in enumerate(counts.groups)}
    return np.array([known.get(values, -1) for values in named], dtype=np.int64)[codes]
