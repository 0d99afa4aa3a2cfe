"""Classifier fitted on massaged labels."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import (
    PRIVILEGED,
    PROTECTED,
    Group,
    binary_column,
    require_same_length,
    require_two_groups,
    score_column,
)
from trivet.fairness.counting.counts import most_favoured
from trivet.fairness.mitigation.classifier import (
    FitError,
    MitigatedClassifier,
    SensitiveFeatures,
    TrainingRows,
    fit_rows,
    named,
    positive_scores,
    takes_weights,
)
from trivet.wording import one_line

__all__ = [
    "Massaging",
    "group_cohorts",
    "massaging_cohorts",
    "massaging_size",
    "privileged_place",
    "published_cohorts",
    "swap_labels",
]


@dataclass(frozen=True)
class Cohorts:
    """Indices of the rows whose labels are to be swapped.

    Attributes
    ----------
    promoted : Rows meant to become positive, in the order of the ranking.
    demoted : Rows meant to become negative, likewise.
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
    y_true: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    size: int | None = None,
    *,
    sample_weight: ArrayLike | None = None,
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
    sample_weight
        What each row weighs, shape (rows,), not negative; base rates are then shares of weight, and each
        group comes as near to that of all as whole rows can. By default 1.

    Raises
    ------
    DataError
        If the columns differ in length or hold what they should not, a group has fewer candidates, or base
        rates are equal already where a size is given.
    """
    labels, ranking = binary_column(y_true, "y_true"), score_column(scores, "scores")
    codes = np.asarray(groups, dtype=np.int64)
    require_same_length(y_true=labels, scores=ranking, groups=codes)
    if sample_weight is not None and size is None:
        weights = score_column(sample_weight, "sample_weight")
        require_same_length(y_true=labels, sample_weight=weights)
        return _in_order(_weighted_moves(labels, ranking, codes, weights), ranking)
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
    chosen: list[NDArray[np.int64]] = []
    for group, move in enumerate(moves):
        candidates = (codes == group) & (labels == (0 if move > 0 else 1))
        if abs(move) > candidates.sum():
            raise DataError(
                f"massaging {abs(move)} labels of a group needs as many candidates, found "
                f"{candidates.sum()}. Ask for fewer swaps."
            )
        chosen.append(_lowest(-ranking if move > 0 else ranking, candidates, abs(move)))
    rows_moved = np.concatenate(chosen)
    up = labels[rows_moved] == 0
    return _in_order(Cohorts(rows_moved[up], rows_moved[~up]), ranking)


def _weighted_moves(
    labels: NDArray[np.int64],
    ranking: NDArray[np.float64],
    codes: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> Cohorts:
    """Choose rows so that the weighted base rate of each group comes nearest to that of all."""
    rate = np.average(labels, weights=weights)
    promoted, demoted = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for group in range(int(codes.max()) + 1):
        own = (codes == group) & (weights > 0)
        owed = rate * weights[own].sum() - weights[own & (labels == 1)].sum()
        label, chosen = (0, promoted) if owed > 0 else (1, demoted)
        ranked = _lowest(-ranking if owed > 0 else ranking, own & (labels == label), len(labels))
        moved = np.concatenate([[0.0], np.cumsum(weights[ranked])])
        chosen.append(ranked[: int(np.argmin(np.abs(moved - abs(owed))))])
    return Cohorts(np.concatenate(promoted), np.concatenate(demoted))


def _in_order(cohorts: Cohorts, ranking: NDArray[np.float64]) -> Cohorts:
    """Return both cohorts in the order of the ranking, equal ones in the order of the rows."""
    up, down = cohorts.promoted, cohorts.demoted
    return Cohorts(up[np.lexsort((up, -ranking[up]))], down[np.lexsort((down, ranking[down]))])


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
    """Return a copy of the labels with those of both cohorts flipped.

    The published cohorts are chosen by predictions, so a row in them may already have the label that it was
    meant to get; its label is flipped all the same, as published.

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


class Massaging(MitigatedClassifier):
    """Fit a classifier after changing the labels next to the decision boundary.

    A ranker is fitted on the labels as they are; the `size` protected negatives that it scores highest
    become positive, and the `size` privileged positives that it scores lowest become negative (F. Kamiran,
    T. Calders, Knowledge and Information Systems 33, 2012). Of more than two groups each goes to the base
    rate of all rows on its own: see `group_cohorts`.

    Parameters
    ----------
    estimator
        A classifier for two classes.
    size
        Labels to change in each cohort, or ``"equal base rates"`` for as many as make them equal: see
        `massaging_size` and `group_cohorts`.
    direction
        ``"protected"`` as above. ``"published"`` is the study's, which widens the gap: see
        `published_cohorts`. Of more than two groups, all but the privileged one are then protected.
    ranker
        A classifier that scores the rows, by default a copy of `estimator`. A fitted one in scikit-learn's
        ``FrozenEstimator`` is not fitted again, which saves a fit for each size that is tried.
    privileged
        Value of the privileged group, by default the group with the highest base rate among those with at
        least two percent of the rows: see `most_favoured`.
    cut
        Probability from which ``"published"`` takes a row as predicted positive.

    Attributes
    ----------
    estimator_, ranker_ : The classifier fitted on the changed labels, and the one that ranked the rows.
    classes_ : The two labels; the second is the positive one.
    groups_, privileged_ : The value of each group, and of the privileged one.
    size_ : Labels that were to change in each cohort.
    promoted_, demoted_ : Places of the rows whose labels were changed, in the order of the ranking.
    """

    _trains: ClassVar[bool] = True
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"sample_weight": True}

    def __init__(
        self,
        estimator: Any,
        *,
        size: int | Literal["equal base rates"] = "equal base rates",
        direction: Literal["protected", "published"] = "protected",
        ranker: Any = None,
        privileged: Group | None = None,
        cut: float = 0.5,
    ) -> None:
        self.estimator = estimator
        self.size = size
        self.direction = direction
        self.ranker = ranker
        self.privileged = privileged
        self.cut = cut

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sensitive_features: SensitiveFeatures = None,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Rank the rows, change labels and fit the classifier.

        Parameters
        ----------
        X, y
            Features and labels, one row each.
        sensitive_features
            The group of each row: see `sensitive_codes`.
        sample_weight
            What each row weighs, shape (rows,), not negative, for ranker and classifier; base rates are then
            shares of weight.
        **fit_params
            For the classifier, and for a ranker that is a copy of it.

        Raises
        ------
        UsageError
            If a parameter is not among those above, or there are no sensitive features.
        DataError
            If labels or groups are not what they should be, or a cohort has fewer candidates than `size`.
        """
        self._require_parameters()
        rows = self._training_rows(X, y, sensitive_features)
        weights, params = self._weights(rows, sample_weight, fit_params)
        privileged = privileged_place(rows, self.privileged, weights)
        routed = self._routed("estimator", sensitive_features, params)
        if self.ranker is None:
            self.ranker_ = fit_rows(self.estimator, rows.X, rows.y, weights, routed)
        else:
            ranking = self._routed("ranker", sensitive_features, params)
            own = weights if takes_weights(self.ranker) else None
            self.ranker_ = fit_rows(self.ranker, rows.X, rows.y, own, ranking)
        cohorts = self._cohorts(rows, privileged, weights)
        self.privileged_ = rows.values[privileged]
        self.promoted_, self.demoted_ = cohorts.promoted, cohorts.demoted
        labels = rows.classes[swap_labels(rows.labels, cohorts)]
        self.estimator_ = fit_rows(self.estimator, rows.X, labels, weights, routed)
        self.classes_, self.groups_ = rows.classes, rows.values
        return self._fitted()

    def get_metadata_routing(self) -> MetadataRouter:
        """Return who takes which metadata: this estimator the groups, the classifiers what they request."""
        router = super().get_metadata_routing()
        if self.ranker is None:
            return router
        return router.add(ranker=self.ranker, method_mapping=MethodMapping().add(caller="fit", callee="fit"))

    def _cohorts(self, rows: TrainingRows, privileged: int, weights: NDArray[np.float64] | None) -> Cohorts:
        """Choose the rows whose labels are changed."""
        sensitive = np.where(rows.groups == privileged, PRIVILEGED, PROTECTED)
        whole = self.size == "equal base rates"
        several = len(rows.values) > 2 or (whole and weights is not None)  # noqa: PLR2004 - as published
        by_group = self.direction == "protected" and several
        known = getattr(self.ranker_, "classes_", rows.classes)
        if not np.array_equal(known, rows.classes):
            raise FitError(
                f"the ranker should tell {one_line(rows.classes)} apart, found that it was fitted on "
                f"{one_line(known)}. Fit it on these labels."
            )
        if by_group:
            scores = positive_scores(self.ranker_, rows.X)
            size = None if whole else int(self.size)
            cohorts = group_cohorts(rows.labels, scores, rows.groups, size, sample_weight=weights)
            self.size_ = len(cohorts.promoted)
            return cohorts
        self.size_ = massaging_size(rows.labels, sensitive) if whole else int(self.size)
        if self.direction == "protected":
            scores = positive_scores(self.ranker_, rows.X)
            return massaging_cohorts(rows.labels, scores, sensitive, self.size_)
        if not hasattr(self.ranker_, "predict_proba"):
            kind = type(self.ranker_).__name__
            raise UsageError(
                f"the published direction goes by probabilities, and {kind} gives none. Rank by a classifier "
                'with predict_proba, or take direction="protected".'
            )
        return published_cohorts(positive_scores(self.ranker_, rows.X), sensitive, self.size_, cut=self.cut)

    def _require_parameters(self) -> None:
        """Raise a UsageError unless the parameters are among those that there are."""
        if self.direction not in ("protected", "published"):
            raise UsageError(
                f'direction should be "protected" or "published", found {one_line(repr(self.direction))}.'
            )
        size: Any = self.size
        number = not isinstance(size, bool) and isinstance(size, Integral) and int(size) >= 0
        if not number and size != "equal base rates":
            raise UsageError(
                'size should be a whole number from 0 up or "equal base rates", found '
                f"{one_line(repr(size))}."
            )


def privileged_place(
    rows: TrainingRows, privileged: Group | None, weights: NDArray[np.float64] | None = None
) -> int:
    """Return the place of the privileged group: the one that is named, or that which an audit takes."""
    if privileged is None:
        positives = np.bincount(
            rows.groups, weights=rows.labels if weights is None else rows.labels * weights
        )
        return most_favoured(np.bincount(rows.groups, weights=weights), positives)[0]
    if privileged not in rows.values:
        raise UsageError(
            f"privileged should be one of the groups {named(rows.values)}, found {named([privileged])}."
        )
    return rows.values.index(privileged)
