"""Group thresholds: the exact cut-offs of the highest accuracy under a band on disparate impact."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.fairness.columns import (
    PRIVILEGED,
    PROTECTED,
    binary_column,
    require_same_length,
    require_two_groups,
    score_column,
)
from trivet.fairness.metrics.rates import ROUNDING
from trivet.fairness.results import Thresholds

__all__ = ["apply_thresholds", "exact_thresholds"]


def apply_thresholds(scores: ArrayLike, sensitive: ArrayLike, thresholds: Thresholds) -> NDArray[np.int64]:
    """Predict positive every row whose score reaches the threshold of its group.

    Parameters
    ----------
    scores, sensitive
        Score and group of each row, shape (rows,).
    thresholds
        For each group.

    Returns
    -------
    numpy.ndarray
        Predictions, shape (rows,), 0 or 1.
    """
    values, groups = score_column(scores, "scores"), binary_column(sensitive, "sensitive")
    require_same_length(scores=values, sensitive=groups)
    needed = np.where(groups == PROTECTED, thresholds.protected, thresholds.privileged)
    return (values >= needed).astype(np.int64)


def exact_thresholds(
    y_true: ArrayLike, scores: ArrayLike, sensitive: ArrayLike, *, four_fifths: float = 0.8
) -> Thresholds:
    """Return the thresholds of the highest accuracy with disparate impact in [t, 1/t].

    Only the cuts between distinct scores of a group can differ, and sums over the sorted rows tell the
    selected and the correct ones at each. Every cut of the privileged group allows a window of
    selection rates of the protected group, and so a range of its cuts, of which the most accurate is
    a range maximum: O(n log n) in all, and no pair of cuts is missed.

    Parameters
    ----------
    y_true, scores, sensitive
        Label, score and group of each row, shape (rows,). Take rows that the scoring model was not fitted
        on: on its own training rows it looks better, and fairer or less fair, than it is.
    four_fifths
        t, in (0, 1].

    Returns
    -------
    Thresholds
        Each is a score of the group, or just above its highest, where nobody is selected. Among equally
        accurate pairs it is the one that selects the fewest privileged, then the fewest protected rows.

    Raises
    ------
    DataError
        If the columns differ in length, hold what they should not, or name only one group.
    """
    labels, values = binary_column(y_true, "y_true"), score_column(scores, "scores")
    groups = binary_column(sensitive, "sensitive")
    require_same_length(y_true=labels, scores=values, sensitive=groups)
    require_two_groups(groups)
    protected = _cuts(labels[groups == PROTECTED], values[groups == PROTECTED])
    privileged = _cuts(labels[groups == PRIVILEGED], values[groups == PRIVILEGED])

    # Privileged rate times t and over t, as numbers of protected rows: the window of each cut. Where
    # nobody privileged is selected it holds only the cut that selects nobody protected.
    equal = privileged.selected * (protected.rows / privileged.rows)
    first = np.searchsorted(protected.selected, four_fifths * equal * (1 - ROUNDING), side="left")
    last = np.searchsorted(protected.selected, equal / four_fifths * (1 + ROUNDING), side="right")
    best_protected = _range_argmax(protected.correct, first, last)

    allowed = first < last
    correct = np.where(allowed, privileged.correct + protected.correct[best_protected], -1)
    best = int(np.argmax(correct))
    return Thresholds(
        protected=float(protected.threshold[best_protected[best]]),
        privileged=float(privileged.threshold[best]),
    )


@dataclass(frozen=True)
class _Cuts:
    """The cuts of one group, from selecting nobody to selecting everybody."""

    rows: int
    threshold: NDArray[np.float64]
    selected: NDArray[np.int64]
    correct: NDArray[np.int64]


def _cuts(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> _Cuts:
    """Count the selected and the correct rows of one group at every cut between distinct scores."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    true_positives = np.concatenate([[0], np.cumsum(labels[order])])
    # A cut may only fall where the score changes: rows that tie are selected together.
    selected = np.concatenate([[0], 1 + np.flatnonzero(ranked[:-1] != ranked[1:]), [len(ranked)]])
    false_positives = selected - true_positives[selected]
    negatives = len(labels) - true_positives[-1]
    return _Cuts(
        rows=len(ranked),
        threshold=np.concatenate([[np.nextafter(ranked[0], np.inf)], ranked[selected[1:] - 1]]),
        selected=selected,
        correct=true_positives[selected] + negatives - false_positives,
    )


def _range_argmax(
    values: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return for each range [first, last) the place of its first maximum; anything for an empty one.

    Level j of the table holds the argmax of every 2^j neighbours, and two overlapping blocks of one
    level cover any range.
    """
    table = [np.arange(len(values))]
    while len(table[-1]) > (step := 1 << (len(table) - 1)):
        left, right = table[-1][:-step], table[-1][step:]
        table.append(np.where(values[left] >= values[right], left, right))
    level = np.log2(np.maximum(last - first, 1)).astype(np.int64)
    places = np.zeros(len(first), dtype=np.int64)
    for j, blocks in enumerate(table):
        at = (level == j) & (first < last)
        left, right = blocks[first[at]], blocks[last[at] - (1 << j)]
        places[at] = np.where(values[left] >= values[right], left, right)
    return places
