"""Candidate cuts of a group's scores, with what each of them selects and gains."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import binary_column, require_same_length, score_column
from trivet.wording import one_line, quoted

__all__ = ["CutPlace", "Cuts", "Gains", "Objective", "cuts_by_group", "gains_of", "group_column"]

#: What thresholds should maximise: a share of rows, or the negative cost of false positives and negatives.
Objective = Literal["accuracy", "balanced_accuracy"] | tuple[float, float]
#: Whether a threshold lies half way between two neighbouring scores, or on the upper one of them.
CutPlace = Literal["between", "scores"]

#: Share of the larger of two scores up to which they tie, for scores in double and in single precision.
#: People who are alike get scores that differ in the last bits, by the shape of the call or the order of
#: threads.
TIE: Final = 1e-9
TIE_SINGLE: Final = 1e-5
#: The same as a share of the group's largest score in absolute value: next to zero, what is left of a sum
#: says nothing of how it was rounded.
TIE_NEAR_ZERO: Final = 2.0**-46


@dataclass(frozen=True)
class Gains:
    """Gain of one correct prediction, by label."""

    positive: float
    negative: float


@dataclass(frozen=True, eq=False)
class Cuts:
    """The cuts of one group, from selecting nobody to selecting everybody."""

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


def cuts_by_group(
    y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike, *, cut_at: CutPlace = "between"
) -> tuple[Cuts, ...]:
    """Return the cuts of each group.

    Scores tie, and no cut falls between them, where they differ by no more than 1e-9 of the larger (1e-5 in
    single precision), or by 2^-46 of the group's largest in absolute value. A cut lies half way between
    its neighbours, so that a score which is computed again, and differs in its last bits, stays on its side.
    """
    if cut_at not in ("between", "scores"):
        raise UsageError(f'cut_at should be "between" or "scores", found {one_line(repr(cut_at))}.')
    single = np.asarray(scores).dtype.name in ("float32", "float16")
    labels, values = binary_column(y_true, "y_true"), score_column(scores, "scores")
    codes = group_column(groups)
    require_same_length(y_true=labels, scores=values, groups=codes)
    sizes = np.bincount(codes)
    if not sizes.all():
        raise DataError(
            f"groups should count up from 0, found no row of group {int(np.argmin(sizes))}. "
            "Number those that have rows."
        )
    order = np.argsort(values)[::-1]
    # Small codes are sorted in linear time.
    small = codes.astype(np.min_scalar_type(len(sizes)))
    order = order[np.argsort(small[order], kind="stable")]
    tie = TIE_SINGLE if single else TIE
    return tuple(
        _cuts(labels[rows], values[rows], cut_at, tie) for rows in np.split(order, np.cumsum(sizes)[:-1])
    )


def gains_of(objective: Objective, cuts: tuple[Cuts, ...]) -> Gains:
    """Return what a right prediction is worth, so that the largest sum has the best objective."""
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


def _cuts(labels: NDArray[np.int64], ranked: NDArray[np.float64], cut_at: CutPlace, tie: float) -> Cuts:
    """Count what every cut between distinct scores of one group selects; scores are in decreasing order."""
    true_positives = np.concatenate([[0], np.cumsum(labels)])
    # A cut may only fall where the score changes: rows that tie are selected together.
    above, below = ranked[:-1], ranked[1:]
    size = np.abs(ranked)
    slack = np.maximum(tie * np.maximum(size[:-1], size[1:]), TIE_NEAR_ZERO * size.max())
    changes = above != below if cut_at == "scores" else above - below > slack
    selected = np.concatenate([[0], 1 + np.flatnonzero(changes), [len(ranked)]])
    inner = selected[1:-1]
    if cut_at == "scores":
        threshold = np.concatenate([[np.nextafter(ranked[0], np.inf)], ranked[selected[1:] - 1]])
    else:
        halves = ranked[inner] / 2 + ranked[inner - 1] / 2
        threshold = np.concatenate([[np.inf], halves, [-np.inf]])
    return Cuts(threshold=threshold, selected=selected, true_positives=true_positives[selected])
