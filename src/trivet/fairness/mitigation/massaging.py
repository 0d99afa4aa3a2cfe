"""Massaging: which training labels are changed before the model is fitted again.

Two rules name the rows. The published one (equation 21) promotes privileged rows and demotes protected
ones, those farthest from the decision boundary first, and so widens the gap. The one that it means (F.
Kamiran, T. Calders, Knowledge and Information Systems 33, 2012) promotes protected negatives and demotes
privileged positives, those next to the boundary first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError
from trivet.fairness.columns import (
    PRIVILEGED,
    PROTECTED,
    binary_column,
    require_same_length,
    require_two_groups,
    score_column,
)

__all__ = [
    "Cohorts",
    "group_cohorts",
    "massaging_cohorts",
    "massaging_size",
    "published_cohorts",
    "swap_labels",
]


@dataclass(frozen=True)
class Cohorts:
    """Indices of the rows whose labels are to be swapped.

    Attributes
    ----------
    promoted
        Rows meant to become positive, in the order of the ranking.
    demoted
        Rows meant to become negative, likewise.
    """

    promoted: NDArray[np.int64]
    demoted: NDArray[np.int64]


def published_cohorts(scores: ArrayLike, sensitive: ArrayLike, size: int, *, cut: float = 0.5) -> Cohorts:
    """Choose rows by the published rule, from predictions and not from labels (equation 21).

    Promoted are the `size` privileged rows with the lowest scores below the cut; demoted are the `size`
    protected rows with the highest scores from the cut. A cohort with fewer candidates is taken whole,
    as the published sweep does. Equal scores are taken in the order of the rows.

    Parameters
    ----------
    scores
        Probability of the positive class for each training row, shape (rows,).
    sensitive
        Group of each, 0 (protected) or 1 (privileged).
    size
        Rows in each cohort (k), not negative.
    cut
        Score from which a row is predicted positive.

    Raises
    ------
    DataError
        If the columns differ in length, hold what they should not, or `size` is negative.
    """
    ranking, groups = score_column(scores, "scores"), binary_column(sensitive, "sensitive")
    require_same_length(scores=ranking, sensitive=groups)
    _require_size(size)
    positive = ranking >= cut
    return Cohorts(
        promoted=_lowest(ranking, (groups == PRIVILEGED) & ~positive, size),
        demoted=_lowest(-ranking, (groups == PROTECTED) & positive, size),
    )


def massaging_cohorts(y_true: ArrayLike, scores: ArrayLike, sensitive: ArrayLike, size: int) -> Cohorts:
    """Choose rows as Kamiran and Calders do, from the labels.

    Promoted are the `size` protected negatives with the highest scores; demoted are the `size` privileged
    positives with the lowest. Equal scores are taken in the order of the rows.

    Parameters
    ----------
    y_true, sensitive
        Labels and groups of the training rows, shape (rows,), 0 or 1.
    scores
        Probability of the positive class for each, by a model fitted on these labels.
    size
        Rows in each cohort (M), for equal base rates that of `massaging_size`.

    Raises
    ------
    DataError
        If the columns differ in length or hold what they should not, or a cohort has fewer candidates.
    """
    labels, groups = binary_column(y_true, "y_true"), binary_column(sensitive, "sensitive")
    ranking = score_column(scores, "scores")
    require_same_length(y_true=labels, scores=ranking, sensitive=groups)
    _require_size(size)
    promotable = (groups == PROTECTED) & (labels == 0)
    demotable = (groups == PRIVILEGED) & (labels == 1)
    if size > min(promotable.sum(), demotable.sum()):
        raise DataError(
            f"massaging {size} labels of each group needs as many candidates, found {promotable.sum()} "
            f"protected negatives and {demotable.sum()} privileged positives. Ask for fewer swaps."
        )
    return Cohorts(promoted=_lowest(-ranking, promotable, size), demoted=_lowest(ranking, demotable, size))


def group_cohorts(
    y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike, size: int | None = None
) -> Cohorts:
    """Choose rows of any number of groups so that each group on its own goes to the base rate of all rows.

    In a group below that rate the negatives with the highest scores are promoted, in one above it the
    positives with the lowest scores are demoted: as many as bring the group to within a row of the rate, and
    together as many as are demoted. With two groups these are the rows of `massaging_cohorts`.

    Parameters
    ----------
    y_true, groups
        Labels (0 or 1) and group of each training row (from 0 up), shape (rows,).
    scores
        Probability of the positive class for each, by a model fitted on these labels.
    size
        Rows in each cohort, divided among the groups by how far each is from the rate; by default as many as
        make base rates equal.

    Raises
    ------
    DataError
        If the columns differ in length or hold what they should not, a group has fewer candidates, or base
        rates are equal already where a size is given.
    """
    labels, ranking = binary_column(y_true, "y_true"), score_column(scores, "scores")
    codes = np.asarray(groups, dtype=np.int64)
    require_same_length(y_true=labels, scores=ranking, groups=codes)
    rows, positives = np.bincount(codes), np.bincount(codes, weights=labels).astype(np.int64)
    # In whole numbers, as many times as there are rows: no rounding of a rate can add or lose one.
    total, everyone = int(positives.sum()), len(labels)
    exact = [int(count) * total for count in rows]
    owed = [part - int(own) * everyone for part, own in zip(exact, positives, strict=True)]
    if size is None:
        targets = [part // everyone for part in exact]
        # The rows left over by rounding down go to groups below the rate first, as those of two groups do.
        over = [part % everyone for part in exact]
        order = sorted(range(len(rows)), key=lambda g: (not over[g], owed[g] <= 0, -over[g]))
        for group in order[: total - sum(targets)]:
            targets[group] += 1
        moves = [target - int(own) for target, own in zip(targets, positives, strict=True)]
    else:
        _require_size(size)
        if size and not any(owed):
            raise DataError(
                "all groups have the same base rate, so that no label has to change. Ask for none."
            )
        up = _divided(size, [max(part, 0) for part in owed])
        down = _divided(size, [max(-part, 0) for part in owed])
        moves = [one - other for one, other in zip(up, down, strict=True)]
    promoted, demoted = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for group, move in enumerate(moves):
        label, chosen = (0, promoted) if move > 0 else (1, demoted)
        candidates = (codes == group) & (labels == label)
        if abs(move) > candidates.sum():
            raise DataError(
                f"massaging {abs(move)} labels of a group needs as many candidates, found "
                f"{candidates.sum()}. Ask for fewer swaps."
            )
        chosen.append(_lowest(-ranking if move > 0 else ranking, candidates, abs(move)))
    up_rows, down_rows = np.concatenate(promoted), np.concatenate(demoted)
    return Cohorts(
        promoted=up_rows[np.lexsort((up_rows, -ranking[up_rows]))],
        demoted=down_rows[np.lexsort((down_rows, ranking[down_rows]))],
    )


def _divided(size: int, shares: list[int]) -> list[int]:
    """Divide a number in proportion to shares, by largest remainders."""
    whole = sum(shares)
    if not whole:
        return [0] * len(shares)
    parts = [size * share // whole for share in shares]
    order = sorted(range(len(shares)), key=lambda place: -(size * shares[place] % whole))
    for place in order[: size - sum(parts)]:
        parts[place] += 1
    return parts


def massaging_size(y_true: ArrayLike, sensitive: ArrayLike) -> int:
    """Return how many labels of each group must change for equal base rates.

    M = ceil(disc n_p n_u / n), where disc is the privileged base rate minus the protected one and n_p,
    n_u are the sizes of the protected and unprotected groups (Kamiran and Calders 2012). It is computed
    in whole numbers: no rounding of disc can add or lose a row.

    Parameters
    ----------
    y_true, sensitive
        Labels and groups of the training rows, shape (rows,), 0 or 1.

    Returns
    -------
    int
        M, or 0 where the protected group's base rate is not the lower one.

    Raises
    ------
    DataError
        If the columns differ in length, hold anything but 0 and 1, or name only one group.
    """
    labels, groups = binary_column(y_true, "y_true"), binary_column(sensitive, "sensitive")
    require_same_length(y_true=labels, sensitive=groups)
    require_two_groups(groups)
    rows = np.bincount(groups, minlength=2).tolist()
    positives = np.bincount(groups[labels == 1], minlength=2).tolist()
    # disc n_p n_u = (a_u / n_u - a_p / n_p) n_p n_u = a_u n_p - a_p n_u, for a positives in n rows.
    surplus = positives[PRIVILEGED] * rows[PROTECTED] - positives[PROTECTED] * rows[PRIVILEGED]
    return max(0, -(-surplus // sum(rows)))


def swap_labels(y_true: ArrayLike, cohorts: Cohorts) -> NDArray[np.int64]:
    """Return a copy of the labels with those of both cohorts turned over.

    The published cohorts are chosen by predictions, so a row in them may already bear the label that it
    was meant to get; its label is turned over all the same, as published.

    Parameters
    ----------
    y_true
        Labels of the training rows, shape (rows,), 0 or 1.
    cohorts
        From `published_cohorts` or `massaging_cohorts` on the same rows.
    """
    labels = binary_column(y_true, "y_true").copy()
    rows = np.concatenate([cohorts.promoted, cohorts.demoted])
    labels[rows] = 1 - labels[rows]
    return labels


def _lowest(ranking: NDArray[np.float64], candidates: NDArray[np.bool_], size: int) -> NDArray[np.int64]:
    """Return the `size` candidates that rank lowest, equal ones in the order of the rows."""
    rows = np.flatnonzero(candidates)
    return rows[np.argsort(ranking[rows], kind="stable")[:size]]


def _require_size(size: int) -> None:
    """Raise a DataError if a cohort should have fewer than no rows."""
    if size < 0:
        raise DataError(f"the number of labels to swap should not be negative, found {size}.")
