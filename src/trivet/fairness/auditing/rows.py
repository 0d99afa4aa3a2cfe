"""Rows of a table for models and audits: features, labels and groups, and what they are called."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.counting.counts import FoldedValue, GroupCounts
from trivet.tables.features import Features

__all__ = ["AuditRows", "Predicted"]


@dataclass(frozen=True, eq=False)
class AuditRows:
    """Rows of a table.

    Attributes
    ----------
    name
        Of the table.
    features
        Columns that a model may see, the sensitive ones among them where the table has them.
    labels
        Shape (rows,), 1 for the positive class.
    label, positive, negative
        The label's column, the value that counts as positive, and what the others are called.
    groups
        Place of each row's group, shape (rows,).
    columns, values
        The sensitive columns, and for each group its value in each of them.
    drawn_from
        Rows of the table that these were drawn from; as many where they are all.
    folded
        Values of the label that count as negative together, where they are several, in the whole table.
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

    def __len__(self) -> int:
        return len(self.labels)

    def count(self, predictions: NDArray[np.int64], rows: NDArray[np.int64]) -> GroupCounts:
        """Count some rows by group, label and prediction.

        Parameters
        ----------
        predictions
            For each of the rows, 0 or 1.
        rows
            Their indices.

        Returns
        -------
        GroupCounts
            Of all groups, also those of which no row is there.
        """
        cells = 4 * self.groups[rows] + 2 * self.labels[rows] + predictions
        table = np.bincount(cells, minlength=4 * len(self.values)).reshape(-1, 2, 2)
        classes = self.negative, self.positive
        return GroupCounts(self.columns, self.values, classes, table, self.folded)


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions for some rows of a table.

    Attributes
    ----------
    rows
        The table.
    places
        Indices of those rows, shape (predictions,).
    predictions
        0 or 1, shape (predictions,).
    scores
        Probability of the positive class, shape (predictions,), or None.
    fitted
        Indices of the rows that the model was fitted on; empty where that is not known.
    """

    rows: AuditRows
    places: NDArray[np.int64]
    predictions: NDArray[np.int64]
    scores: NDArray[np.float64] | None
    fitted: NDArray[np.int64]

    def codes(self, columns: Sequence[str], groups: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
        """Return the place of each row's group by some of the sensitive columns.

        Parameters
        ----------
        columns
            Among those of the table.
        groups
            Values of the groups in those columns; every row has one of them.
        """
        chosen = [self.rows.columns.index(column) for column in columns]
        known = {values: place for place, values in enumerate(groups)}
        lookup = [known[tuple(values[place] for place in chosen)] for values in self.rows.values]
        return np.asarray(lookup, dtype=np.int64)[self.rows.groups[self.places]]
