"""Candidate cuts of a group's scores, with what each of them selects and gains."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import binary_column, require_same_length, score_column
from trivet.fairness.metrics.comparisons import ROUNDING
from trivet.wording import one_line, quote

__all__ = [
    "CutPlace",
    "Cuts",
    "Objective",
    "cuts_by_group",
    "difference_thresholds",
    "gains_of",
    "group_column",
    "range_argmax",
    "ratio_thresholds",
]

Floats = NDArray[np.float64]
#: Fewest and most rows of a group that may be selected, for each cut of another.
Window = tuple[NDArray[Any], NDArray[Any]]

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

    # Rows, or what they weigh: whole numbers unless weights are not.
    threshold: NDArray[np.float64]
    selected: NDArray[Any]
    true_positives: NDArray[Any]

    @property
    def rows(self) -> float:
        """Rows of the group."""
        return self.selected[-1].item()

    @property
    def positives(self) -> float:
        """Rows whose label is positive."""
        return self.true_positives[-1].item()

    @property
    def false_positives(self) -> NDArray[Any]:
        """Rows whose label is negative that the cut selects; shape (cuts,)."""
        return self.selected - self.true_positives

    @property
    def correct(self) -> NDArray[Any]:
        """Rows that the cut predicts right; shape (cuts,)."""
        return self.true_positives + (self.rows - self.positives) - self.false_positives

    def value(self, gains: Gains) -> NDArray[np.float64]:
        """Worth of the rows that the cut predicts right; shape (cuts,), exact where gains are whole."""
        true_negatives = (self.rows - self.positives) - self.false_positives
        return gains.positive * self.true_positives + gains.negative * true_negatives


def cuts_by_group(
    y_true: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    cut_at: CutPlace = "between",
    sample_weight: ArrayLike | None = None,
) -> tuple[Cuts, ...]:
    """Return the cuts of each group."""
    # Scores tie, and no cut falls between them, where they differ by no more than 1e-9 of the larger (1e-5 in
    # single precision), or by 2^-46 of the group's largest in absolute value. A cut lies half way between its
    # neighbours, so that a score which is computed again, and differs in its last bits, stays on its side.
    if cut_at not in ("between", "scores"):
        raise UsageError(f'cut_at should be "between" or "scores", found {one_line(repr(cut_at))}.')
    single = np.asarray(scores).dtype.name in ("float32", "float16")
    labels, values = binary_column(y_true, "y_true"), score_column(scores, "scores")
    codes = group_column(groups)
    require_same_length(y_true=labels, scores=values, groups=codes)
    weights: NDArray[Any] = np.ones(len(labels), dtype=np.int64)
    if sample_weight is not None:
        weights = _whole(score_column(sample_weight, "sample_weight"))
        require_same_length(y_true=labels, sample_weight=weights)
        if weights.min() < 0:
            raise DataError(f"sample_weight should hold numbers from 0 up, found {weights.min():g}.")
        weighty = weights > 0
        labels, values, codes, weights = labels[weighty], values[weighty], codes[weighty], weights[weighty]
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
        _cuts(labels[rows], values[rows], weights[rows], cut_at, tie)
        for rows in np.split(order, np.cumsum(sizes)[:-1])
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
        found = codes.min() if codes.dtype.kind in "bi" else f"values such as {quote(str(codes[0]))}"
        raise DataError(f"groups should hold whole numbers from 0, found {found}. Number the groups.")
    return codes.astype(np.int64)


def _whole(weights: Floats) -> NDArray[Any]:
    """Return whole weights as integers, whose sums are exact."""
    whole = (weights == np.floor(weights)).all() and weights.sum() < 2.0**53
    return weights.astype(np.int64) if whole else weights


def _cuts(
    labels: NDArray[np.int64],
    ranked: NDArray[np.float64],
    weights: NDArray[Any],
    cut_at: CutPlace,
    tie: float,
) -> Cuts:
    """Count what every cut between distinct scores of one group selects; scores are in decreasing order."""
    weight = np.concatenate([np.zeros(1, weights.dtype), np.cumsum(weights)])
    true_positives = np.concatenate([np.zeros(1, weights.dtype), np.cumsum(weights * labels)])
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
    return Cuts(threshold, weight[selected], true_positives[selected])


def range_argmax(
    values: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return for each range [first, last) the place of its first maximum; anything for an empty one."""
    # Level j knows the maximum of every 2^j neighbours, and two overlapping blocks of one level cover a
    # range: O(n log n) time, and O(n) memory as levels are made one after the other.
    level = np.where(first < last, np.log2(np.maximum(last - first, 1)), -1).astype(np.int64)
    places = np.zeros(len(first), dtype=np.int64)
    blocks = np.arange(len(values))
    for j in range(int(level.max(initial=-1)) + 1):
        if j > 0:
            blocks = _earlier_maximum(values, blocks[: -(1 << (j - 1))], blocks[1 << (j - 1) :])
        at = np.flatnonzero(level == j)
        places[at] = _earlier_maximum(values, blocks[first[at]], blocks[last[at] - (1 << j)])
    return places


def _earlier_maximum(
    values: NDArray[np.float64], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return of two places that with the larger value, and the left one of equals."""
    return np.where(values[left] >= values[right], left, right)


def ratio_thresholds(
    y_true: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    reference: int,
    bound: float = 0.8,
    objective: Objective = "accuracy",
    sample_weight: ArrayLike | None = None,
    cut_at: CutPlace = "between",
) -> tuple[float, ...]:
    """Return the best thresholds with each group's selection rate in [t, 1/t] times the reference's."""
    # Each cut of the reference group allows a window of selection rates, and so a range of cuts, of each
    # other group, of which the best is a range maximum: O(n log n), and no combination of cuts is missed. Of
    # equally good ones those that select the fewest of the reference group, then the fewest of each other.
    if not 0 < bound <= 1:
        raise UsageError(f"the bound on a ratio should be above 0 and at most 1, found {bound}.")
    cuts = cuts_by_group(y_true, scores, groups, cut_at=cut_at, sample_weight=sample_weight)
    if not 0 <= reference < len(cuts):
        raise UsageError(
            f"the reference should be one of the groups 0 to {len(cuts) - 1}, found {reference}."
        )
    values = _values(cuts, objective)
    against = cuts[reference]

    def window(group: Cuts) -> Window:
        # The reference's rate times t and over t, as numbers of the group's rows. Where nobody of the
        # reference is selected, the window holds only the cut that selects nobody of the group.
        equal = against.selected * (group.rows / against.rows)
        return bound * equal * (1 - ROUNDING), equal / bound * (1 + ROUNDING)

    total, chosen = _best_within(cuts, values, reference, window)
    best = int(np.argmax(total))
    return tuple(float(group.threshold[at[best]]) for group, at in zip(cuts, chosen, strict=True))


def difference_thresholds(
    y_true: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    bound: float = 0.05,
    objective: Objective = "accuracy",
    sample_weight: ArrayLike | None = None,
) -> tuple[float, ...]:
    """Return the best thresholds whose largest and smallest selection rate differ by `bound`."""
    # Each cut of each group is taken for the smallest rate in turn; it allows every other group a range of
    # cuts, of which the best is a range maximum: O(G n log n) for G groups. Of equally good ones those with
    # the lowest smallest rate, then, of the groups that can have it, the first.
    if not 0 <= bound <= 1:
        raise UsageError(f"the bound on a difference should be from 0 to 1, found {bound}.")
    cuts = cuts_by_group(y_true, scores, groups, sample_weight=sample_weight)
    values = _values(cuts, objective)
    best_value, best_rate, best_cuts = -math.inf, Fraction(0), [0] * len(cuts)
    for lowest, anchor in enumerate(cuts):

        def window(group: Cuts, anchor: Cuts = anchor) -> Window:
            least = (
                -(-anchor.selected * group.rows // anchor.rows)
                if anchor.selected.dtype.kind == "i" and group.selected.dtype.kind == "i"
                else anchor.selected * (group.rows / anchor.rows) * (1 - ROUNDING)
            )
            most = (anchor.selected * (group.rows / anchor.rows) + bound * group.rows) * (1 + ROUNDING)
            return least, most

        total, chosen = _best_within(cuts, values, lowest, window)
        place = int(np.argmax(total))
        rate = Fraction(anchor.selected[place].item()) / Fraction(anchor.rows)
        if (total[place], -rate) > (best_value, -best_rate):
            best_value, best_rate = float(total[place]), rate
            best_cuts = [int(at[place]) for at in chosen]
    return tuple(float(group.threshold[at]) for group, at in zip(cuts, best_cuts, strict=True))


def _values(cuts: Sequence[Cuts], objective: Objective) -> list[Floats]:
    gains = gains_of(objective, tuple(cuts))
    return [group.value(gains) for group in cuts]


def _best_within(
    cuts: Sequence[Cuts],
    values: Sequence[Floats],
    anchor: int,
    window: Callable[[Cuts], Window],
) -> tuple[Floats, list[NDArray[np.int64]]]:
    """Return for each cut of a group the best sum of values, and the cut of each group that gives it."""
    total = values[anchor]
    chosen: list[NDArray[np.int64]] = []
    for code, group in enumerate(cuts):
        if code == anchor:
            chosen.append(np.arange(len(total)))
            continue
        low, high = window(group)
        first = np.searchsorted(group.selected, low, side="left")
        last = np.searchsorted(group.selected, high, side="right")
        chosen.append(range_argmax(values[code], first, last))
        total = np.where(first < last, total + values[code][chosen[-1]], -np.inf)
    return total, chosen
