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

__all__ = ["Cohorts", "massaging_cohorts", "massaging_size", "published_cohorts", "swap_labels"]


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
