"""Classifier fitted on massaged labels."""

from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from trivet.errors import UsageError
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.counting.counts import most_favoured
from trivet.fairness.mitigation.massaging import (
    Cohorts,
    group_cohorts,
    massaging_cohorts,
    massaging_size,
    published_cohorts,
    swap_labels,
)
from trivet.fairness.mitigation.meta_estimator import (
    FitError,
    MitigatedClassifier,
    TrainingRows,
    positive_scores,
    unfitted,
)
from trivet.fairness.mitigation.sensitive import Group, SensitiveFeatures, named
from trivet.wording import one_line

__all__ = ["Massaging", "privileged_place"]


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
        ``"protected"`` as above. ``"published"`` is the study's, which promotes the lowest privileged rows
        of those predicted negative and demotes the highest protected ones of those predicted positive,
        and so widens the gap: see `published_cohorts`. Of more than two groups, all but the privileged one
        are then the protected one together.
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
    estimator_, ranker_
        The classifier fitted on the changed labels, and the one that ranked the rows.
    classes_
        The two labels; the second is the positive one.
    groups_, privileged_
        The value of each group, and of the privileged one.
    size_
        Labels that were to change in each cohort.
    promoted_, demoted_
        Places of the rows whose labels were changed, in the order of the ranking.
    """

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

    def fit(self, X: Any, y: Any, *, sensitive_features: SensitiveFeatures = None, **fit_params: Any) -> Self:
        """Rank the rows, change labels and fit the classifier.

        Parameters
        ----------
        X, y
            Features and labels, one row each.
        sensitive_features
            The group of each row: see `sensitive_codes`.
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
        privileged = privileged_place(rows, self.privileged)
        routed = self._routed("estimator", sensitive_features, fit_params)
        if self.ranker is None:
            self.ranker_ = unfitted(self.estimator).fit(rows.X, rows.y, **routed)
        else:
            ranking = self._routed("ranker", sensitive_features, fit_params)
            self.ranker_ = unfitted(self.ranker).fit(rows.X, rows.y, **ranking)
        cohorts = self._cohorts(rows, privileged)
        self.privileged_ = rows.values[privileged]
        self.promoted_, self.demoted_ = cohorts.promoted, cohorts.demoted
        labels = rows.classes[swap_labels(rows.labels, cohorts)]
        self.estimator_ = unfitted(self.estimator).fit(rows.X, labels, **routed)
        self.classes_, self.groups_ = rows.classes, rows.values
        return self._fitted()

    def get_metadata_routing(self) -> MetadataRouter:
        """Return who takes which metadata: this estimator the groups, the classifiers what they request."""
        router = super().get_metadata_routing()
        if self.ranker is None:
            return router
        return router.add(ranker=self.ranker, method_mapping=MethodMapping().add(caller="fit", callee="fit"))

    def _cohorts(self, rows: TrainingRows, privileged: int) -> Cohorts:
        """Choose the rows whose labels are changed."""
        sensitive = np.where(rows.groups == privileged, PRIVILEGED, PROTECTED)
        whole = self.size == "equal base rates"
        by_group = self.direction == "protected" and len(rows.values) > 2  # noqa: PLR2004 - as published
        known = getattr(self.ranker_, "classes_", rows.classes)
        if not np.array_equal(known, rows.classes):
            raise FitError(
                f"the ranker should tell {one_line(rows.classes)} apart, found that it was fitted on "
                f"{one_line(known)}. Fit it on these labels."
            )
        if by_group:
            scores = positive_scores(self.ranker_, rows.X)
            cohorts = group_cohorts(rows.labels, scores, rows.groups, None if whole else int(self.size))
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


def privileged_place(rows: TrainingRows, privileged: Group | None) -> int:
    """Return the place of the privileged group: the one that is named, or that which an audit takes."""
    if privileged is None:
        positives = np.bincount(rows.groups, weights=rows.labels)
        return most_favoured(np.bincount(rows.groups), positives)[0]
    if privileged not in rows.values:
        raise UsageError(
            f"privileged should be one of the groups {named(rows.values)}, found {named([privileged])}."
        )
    return rows.values.index(privileged)
