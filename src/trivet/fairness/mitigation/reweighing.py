"""Reweighing: which weight makes group and label independent in the training rows."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.fairness.columns import binary_column, require_same_length, require_two_groups
from trivet.fairness.mitigation.classifier import (
    MitigatedClassifier,
    SensitiveFeatures,
    fit_weighted,
    weight_parameter,
)

__all__ = ["Reweighing", "reweighing_weights"]


def reweighing_weights(y_true: ArrayLike, sensitive: ArrayLike) -> NDArray[np.float64]:
    """Return w(s, y) = P(s) P(y) / P(s, y) for each row (equation 11).

    The weighted joint share of a group and a label is the product of their shares (equation 23;
    F. Kamiran, T. Calders, Knowledge and Information Systems 33, 2012), so that the weighted base
    rates are equal. The weights of all rows sum to their number when all four combinations occur.

    Parameters
    ----------
    y_true, sensitive
        Labels and groups, shape (rows,), 0 or 1.

    Returns
    -------
    numpy.ndarray
        Shape (rows,), positive.

    Raises
    ------
    DataError
        If the columns differ in length, hold anything but 0 and 1, or name only one group.
    """
    labels, groups = binary_column(y_true, "y_true"), binary_column(sensitive, "sensitive")
    require_same_length(y_true=labels, sensitive=groups)
    require_two_groups(groups)
    return _independent(groups, labels, None)


class Reweighing(MitigatedClassifier):
    """Fit a classifier with weights that make group and label independent.

    w(s, y) = P(s) P(y) / P(s, y), for any number of groups and of classes (F. Kamiran, T. Calders,
    Knowledge and Information Systems 33, 2012). Where rows have weights already, the shares
    are shares of weight, and the row's weight is multiplied by w.

    Parameters
    ----------
    estimator
        A classifier whose fit takes `sample_weight`, or a pipeline that ends in one.

    Attributes
    ----------
    estimator_ : The classifier, fitted with the weights.
    classes_ : The labels.
    groups_ : The value of each group.
    weights_ : What each row weighed, shape (rows,).
    """

    _many_classes: ClassVar[bool] = True
    _trains: ClassVar[bool] = True
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"sample_weight": True}

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sensitive_features: SensitiveFeatures = None,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Weigh the rows and fit the classifier.

        Parameters
        ----------
        X, y
            Features and labels, one row each.
        sensitive_features
            The group of each row: see `sensitive_codes`.
        sample_weight
            What each row weighs before, shape (rows,), not negative; by default 1. For a pipeline it may
            also be given as its last step takes it, such as ``logisticregression__sample_weight``.
        **fit_params
            For the classifier.

        Raises
        ------
        UsageError
            If there are no sensitive features, the classifier takes no weights, or weights are given twice.
        DataError
            If labels, groups or weights are not what they should be.
        """
        self._require_classifier()
        weight_parameter(self.estimator)
        rows = self._training_rows(X, y, sensitive_features)
        before, params = self._weights(rows, sample_weight, fit_params)
        self.weights_ = _independent(rows.groups, rows.labels, before)
        routed = self._routed("estimator", sensitive_features, params)
        self.estimator_ = fit_weighted(self.estimator, rows.X, rows.y, self.weights_, routed)
        self.classes_, self.groups_ = rows.classes, rows.values
        return self._fitted()


def _independent(
    groups: NDArray[np.int64], labels: NDArray[np.int64], before: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return w(s, y) for each row, times the weight that it had."""
    shape = int(groups.max()) + 1, int(labels.max()) + 1
    cells = np.ravel_multi_index((groups, labels), shape)
    joint = np.bincount(cells, weights=before, minlength=shape[0] * shape[1]).reshape(shape)
    expected = np.outer(joint.sum(axis=1), joint.sum(axis=0)) / joint.sum()
    # A cell whose rows all weigh nothing has no share, and its rows still weigh nothing.
    factors = np.divide(expected, joint, out=np.zeros(shape), where=joint > 0)[groups, labels]
    return factors if before is None else factors * before
