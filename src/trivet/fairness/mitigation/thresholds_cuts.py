"""Which cuts a group's scores allow, and what each of them selects and gains."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import binary_column, require_same_length, score_column
from trivet.wording import one_line, quoted

__all__ = ["Cuts", "Gains", "Objective", "cuts_by_group", "gains_of", "group_column"]

#: What thresholds should maximise: a share of rows, or the negative cost of false positives and negatives.
Objective = Literal["accuracy", "balanced_accuracy"] | tuple[float, float]


@dataclass(frozen=True)
class Gains:
    """What one row that is predicted right is worth, by its label."""

    positive: float
    negative: float


@dataclass(frozen=True, eq=False)
class Cuts:
    """The cuts of one group, from selecting nobody to selecting everybody.

    Attributes
    ----------
    threshold
        Score from which a row is selected, shape (cuts,), decreasing: just above the highest score, then
        every distinct score.
    selected, true_positives
        Rows, and rows whose label is positive, that the cut selects; shape (cuts,).
    """

    threshold: NDArray[np.float64]
    selected: NDArray[np.int64]
    true_positives: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Rows of the group."""
        return int(self.selected[-1])

    @property
    def positives(self) -> int:
        """Rows whose label is positive."""
        return int(self.true_positives[-1])

    @property
    def false_positives(self) -> NDArray[np.int64]:
        """Rows whose label is negative that the cut selects; shape (cuts,)."""
        return self.selected - self.true_positives

    @property
    def correct(self) -> NDArray[np.int64]:
        """Rows that the cut predicts right; shape (cuts,)."""
        return self.true_positives + (self.rows - self.positives) - self.false_positives

    def value(self, gains: Gains) -> NDArray[np.float64]:
        """Worth of the rows that the cut predicts right; shape (cuts,).

        It is exact where both gains are whole numbers and the worth of all rows is below 2^53.
        """
        true_negatives = (self.rows - self.positives) - self.false_positives
        return gains.positive * self.true_positives + gains.negative * true_negatives


def cuts_by_group(y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike) -> tuple[Cuts, ...]:
    """Return the cuts of each group.

    Parameters
    ----------
    y_true, scores
        Label (0 or 1) and score of each row, shape (rows,).
    groups
        Group of each, from 0 to the number of groups less one.

    Raises
    ------
    DataError
        If the columns differ in length or hold what they should not, or a group up to the highest has no
        row.
    """
    labels, values = binary_column(y_true, "y_true"), score_column(scores, "scores")
    codes = group_column(groups)
    require_same_length(y_true=labels, scores=values, groups=codes)
    sizes = np.bincount(codes)
    if not sizes.all():
        raise DataError(
            f"groups should count up from 0, found no row of group {int(np.argmin(sizes))}. "
            "Number those that have rows."
        )
    return tuple(_cuts(labels[codes == code], values[codes == code]) for code in range(len(sizes)))


def gains_of(objective: Objective, cuts: tuple[Cuts, ...]) -> Gains:
    """Return what a right prediction is worth, so that the largest sum has the best objective.

    Parameters
    ----------
    objective
        ``"accuracy"``; ``"balanced_accuracy"``, the mean of the true positive and the true negative rate
        over all groups together; or the costs of a false positive and of a false negative.
    cuts
        Of all groups.

    Raises
    ------
    UsageError
        If the objective is none of these, or a cost is negative or not finite.
    DataError
        If balanced accuracy is undefined, for want of rows with either label.
    """
    if isinstance(objective, str) and objective == "accuracy":
        return Gains(1, 1)
    if isinstance(objective, str) and objective == "balanced_accuracy":
        positives = sum(group.positives for group in cuts)
        negatives = sum(group.rows for group in cuts) - positives
        if not positives or not negatives:
            raise DataError("balanced accuracy needs rows of both labels, found one. Use another objective.")
        return Gains(positive=negatives, negative=positives)
    costs = np.asarray(objective)
    if costs.dtype.kind not in "iuf" or costs.shape != (2,) or not (np.isfinite(costs) & (costs >= 0)).all():
        raise UsageError(
            "the objective should be accuracy, balanced_accuracy, or the costs of a false positive and of a "
            f"false negative, finite and not negative; found {one_line(repr(objective))}."
        )
    return Gains(positive=float(costs[1]), negative=float(costs[0]))


def group_column(groups: ArrayLike) -> NDArray[np.int64]:
    """Return `groups` as codes, or raise a DataError that says why they are none."""
    codes = np.asarray(groups)
    if codes.ndim != 1 or codes.size == 0:
        raise DataError(f"groups should be one column with at least one row, found shape {codes.shape}.")
    if codes.dtype.kind not in "biu" or (codes < 0).any():
        found = codes.min() if codes.dtype.kind in "bi" else f"values such as {quoted(str(codes[0]))}"
        raise DataError(f"groups should hold whole numbers from 0, found {found}. Number the groups.")
    return codes.astype(np.int64)


def _cuts(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> Cuts:
    """Count what every cut between distinct scores of one group selects."""
    order = np.argsort(scores)[::-1]
    ranked = scores[order]
    true_positives = np.concatenate([[0], np.cumsum(labels[order])])
    # A cut may only fall where the score changes: rows that tie are selected together.
    selected = np.concatenate([[0], 1 + np.flatnonzero(ranked[:-1] != ranked[1:]), [len(ranked)]])
    return Cuts(
        threshold=np.concatenate([[np.nextafter(ranked[0], np.inf)], ranked[selected[1:] - 1]]),
        selected=selected,
        true_positives=true_positives[selected],
    )
