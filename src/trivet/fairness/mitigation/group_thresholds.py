"""Classifier with the best thresholds, by group, whose selection rates stay close."""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import UsageError
from trivet.fairness.metrics.comparisons import ROUNDING
from trivet.fairness.mitigation.thresholds_cuts import CutPlace, Objective, cuts_by_group, gains_of
from trivet.fairness.mitigation.thresholds_ranges import range_argmax

__all__ = ["difference_thresholds", "ratio_thresholds"]


def ratio_thresholds(
    y_true: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    reference: int,
    bound: float = 0.8,
    objective: Objective = "accuracy",
    cut_at: CutPlace = "between",
) -> tuple[float, ...]:
    """Return the best thresholds with each group's selection rate in [t, 1/t] times the reference's.

    Only the cuts between distinct scores of a group can differ, and sums over the sorted rows tell what
    each selects and gains. Every cut of the reference group allows a window of selection rates of each
    other group, and so a range of its cuts, of which the best is a range maximum: O(n log n) in all, and
    no combination of cuts is missed.

    Parameters
    ----------
    y_true, scores
        Label (0 or 1) and score of each row, shape (rows,). Take rows that the scoring model was not fitted
        on: on its own training rows it looks better, and fairer or less fair, than it is.
    groups
        Group of each row, from 0 to the number of groups less one.
    reference
        The group that the others are held against, which is the privileged one.
    bound
        t, in (0, 1]. The ends of the band have the relative slack `ROUNDING` of `within_band`.
    objective
        What is maximised: ``"accuracy"``, ``"balanced_accuracy"``, or the negative cost where it is a pair,
        the costs of a false positive and of a false negative.
    cut_at
        Where a threshold lies: ``"between"`` is half way between two neighbouring scores, of which those
        that differ in their last bits only are one (see `cuts_by_group`); ``"scores"`` is on the upper one.

    Returns
    -------
    tuple of float
        For each group infinity where nobody should be selected, minus infinity where everybody should, or
        a score between. With cuts on scores: a score, or just above the highest for nobody. Among equally
        good ones those that select the fewest of the reference group, then the fewest of each other.

    Raises
    ------
    DataError
        If the columns differ in length or hold what they should not, or a group has no row.
    UsageError
        If the bound, the reference or the objective is not what it should be.
    """
    if not 0 < bound <= 1:
        raise UsageError(f"the bound on a ratio should be above 0 and at most 1, found {bound}.")
    cuts = cuts_by_group(y_true, scores, groups, cut_at=cut_at)
    if not 0 <= reference < len(cuts):
        raise UsageError(
            f"the reference should be one of the groups 0 to {len(cuts) - 1}, found {reference}."
        )
    gains = gains_of(objective, cuts)
    against = cuts[reference]
    total = against.value(gains)
    chosen: list[NDArray[np.int64]] = []
    for code, group in enumerate(cuts):
        if code == reference:
            chosen.append(np.arange(len(total)))
            continue
        # The reference's rate times t and over t, as numbers of the group's rows. Where nobody of the
        # reference is selected, the window holds only the cut that selects nobody of the group.
        equal = against.selected * (group.rows / against.rows)
        first = np.searchsorted(group.selected, bound * equal * (1 - ROUNDING), side="left")
        last = np.searchsorted(group.selected, equal / bound * (1 + ROUNDING), side="right")
        value = group.value(gains)
        chosen.append(range_argmax(value, first, last))
        total = np.where(first < last, total + value[chosen[-1]], -np.inf)
    best = int(np.argmax(total))
    return tuple(float(group.threshold[at[best]]) for group, at in zip(cuts, chosen, strict=True))


def difference_thresholds(
    y_true: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    bound: float = 0.05,
    objective: Objective = "accuracy",
    cut_at: CutPlace = "between",
) -> tuple[float, ...]:
    """Return the best thresholds whose largest and smallest selection rate differ by `bound` at most.

    Some group has the smallest rate. Each cut of each group is taken for it in turn; it allows every other
    group the cuts whose rates are at least as large and within the bound, of which the best is a range
    maximum: O(G n log n) for G groups, and no combination of cuts is missed.

    Parameters
    ----------
    y_true, scores, groups, objective, cut_at
        As in `ratio_thresholds`.
    bound
        d, from 0 to 1. Rates are compared as fractions of whole numbers; their distance has the relative
        slack `ROUNDING`, so that it does not decide 3/20 - 1/10 against 0.05.

    Returns
    -------
    tuple of float
        As in `ratio_thresholds`. Among equally good ones those with the lowest smallest rate, then, of the
        groups that can have it, the first; then those that select the fewest of each other group.

    Raises
    ------
    DataError
        If the columns differ in length or hold what they should not, or a group has no row.
    UsageError
        If the bound or the objective is not what it should be.
    """
    if not 0 <= bound <= 1:
        raise UsageError(f"the bound on a difference should be from 0 to 1, found {bound}.")
    cuts = cuts_by_group(y_true, scores, groups, cut_at=cut_at)
    gains = gains_of(objective, cuts)
    values = [group.value(gains) for group in cuts]
    best_value, best_rate, best_cuts = -math.inf, Fraction(0), [0] * len(cuts)
    for lowest, anchor in enumerate(cuts):
        total = values[lowest]
        chosen: list[NDArray[np.int64]] = []
        for code, group in enumerate(cuts):
            if code == lowest:
                chosen.append(np.arange(len(total)))
                continue
            least = -(-anchor.selected * group.rows // anchor.rows)
            most = (anchor.selected * (group.rows / anchor.rows) + bound * group.rows) * (1 + ROUNDING)
            first = np.searchsorted(group.selected, least, side="left")
            last = np.searchsorted(group.selected, most, side="right")
            chosen.append(range_argmax(values[code], first, last))
            total = np.where(first < last, total + values[code][chosen[-1]], -np.inf)
        place = int(np.argmax(total))
        rate = Fraction(int(anchor.selected[place]), anchor.rows)
        if (total[place], -rate) > (best_value, -best_rate):
            best_value, best_rate = float(total[place]), rate
            best_cuts = [int(at[place]) for at in chosen]
    return tuple(float(group.threshold[at]) for group, at in zip(cuts, best_cuts, strict=True))
