"""Classifier without the sensitive feature, and how well the other features predict it."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.utils.validation import validate_data

from trivet.errors import DataError, TrivetError
from trivet.fairness.mitigation.classifier import (
    FitError,
    MitigatedClassifier,
    SensitiveFeatures,
    feature_places,
    features_at,
    fit_rows,
    is_frame,
    sensitive_codes,
    unfitted,
)
from trivet.wording import first_line

__all__ = ["DropSensitive", "proxy_auc"]

#: A dropped column with more values is not taken for the groups unless they are given.
FEW_VALUES: Final = 20


class DropSensitive(MitigatedClassifier):
    """Fit a classifier on all features but the sensitive ones.

    The other features may still predict the group; `proxy_auc_` says how well (D. Pedreschi, S. Ruggieri, F.
    Turini, Discrimination-aware data mining, KDD 2008, call that indirect discrimination).

    Parameters
    ----------
    estimator
        A classifier.
    columns
        Names or places of the features that it may not see; one of them, or several.
    proxy_folds
        Folds of the cross-validation of `proxy_auc_`, each of which fits a copy of the classifier to the
        groups; 0 to leave it out.
    random_state
        Seed by which the rows are divided into folds.

    Attributes
    ----------
    estimator_ : The classifier, fitted on the other features.
    classes_ : The labels.
    dropped_ : Places of the features that it does not see.
    proxy_auc_ : Area under the ROC curve with which the other features predict the group, 0.5 for guessing;
        the mean of one group against the others where there are more than two, and of the folds. None where
        it is not known.
    proxy_reason_ : Why it is not known, or None.
    """

    _many_classes: ClassVar[bool] = True

    n_features_in_: int

    def __init__(
        self,
        estimator: Any,
        *,
        columns: str | int | Sequence[str | int],
        proxy_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.columns = columns
        self.proxy_folds = proxy_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, sensitive_features: SensitiveFeatures = None, **fit_params: Any) -> Self:
        """Fit the classifier on the other features, and measure how well they predict the group.

        Parameters
        ----------
        X, y
            Features and labels, one row each; features are an array, a sparse matrix or a frame.
        sensitive_features
            The group of each row: see `sensitive_codes`. By default the dropped columns are the groups,
            if there are no more than 20.
        **fit_params
            For the classifier.

        Raises
        ------
        UsageError
            If a column is none of the features.
        DataError
            If labels or groups are not what they should be, or no feature is left.
        """
        rows = self._labelled(X, y)
        features = self._checked(rows.X, reset=True)
        self.dropped_ = feature_places(self.columns, features, "column to drop")
        if len(self.dropped_) == self.n_features_in_:
            raise FitError(
                f"no feature is left: n_features = {self.n_features_in_}, and {len(self.dropped_)} of them "
                "should not be seen. Give the classifier others."
            )
        weights, params = None, fit_params
        if not get_config()["enable_metadata_routing"]:
            given = fit_params.pop("sample_weight", None)
            weights, params = self._weights(rows, given, fit_params)
        routed = self._routed("estimator", sensitive_features, params)
        self.estimator_ = fit_rows(self.estimator, self._others(features), rows.y, weights, routed)
        self.classes_ = rows.classes
        self.proxy_auc_, self.proxy_reason_ = self._proxy(features, sensitive_features, len(rows.y))
        return self

    def _proxy(
        self, X: Any, sensitive_features: SensitiveFeatures, rows: int
    ) -> tuple[float | None, str | None]:
        """Measure what the other features tell of the groups, or say why that cannot be done."""
        if self.proxy_folds == 0:
            return None, "it was not requested"
        given = sensitive_features is not None
        try:
            columns = sensitive_features if given else features_at(X, self.dropped_)
            groups, values = sensitive_codes(columns, rows)
        except DataError:
            if given:
                raise
            return None, "the dropped columns name no groups; pass sensitive_features"
        if not given and len(values) > FEW_VALUES:
            return None, f"the dropped columns have {len(values)} values; pass sensitive_features"
        return proxy_auc(
            self.estimator, self._others(X), groups, folds=self.proxy_folds, random_state=self.random_state
        )

    def _seen(self, X: Any) -> Any:
        return self._others(self._checked(X, reset=False))

    def _checked(self, X: Any, *, reset: bool) -> Any:
        """Check names and number of the features; what they hold is the classifier's to check."""
        if is_frame(X):
            return validate_data(self, X, reset=reset, skip_check_array=True)
        # A dropped column may hold anything.
        return validate_data(self, X, reset=reset, accept_sparse="csr", dtype=None, ensure_all_finite=False)

    def _others(self, X: Any) -> Any:
        return features_at(X, [place for place in range(self.n_features_in_) if place not in self.dropped_])


def proxy_auc(
    estimator: Any, X: Any, groups: NDArray[np.int64], *, folds: int = 5, random_state: int = 0
) -> tuple[float | None, str | None]:
    """Return how well features tell the group, by cross-validation."""
    least = int(np.bincount(groups).min())
    if least < folds:
        return None, f"a group has {least} rows, too few for {folds} folds"
    if not (hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")):
        return None, f"{type(estimator).__name__} gives no scores"
    if isinstance(estimator, FrozenEstimator):
        return None, "a frozen classifier cannot be fitted to the groups"
    if any(isinstance(value, dict) for name, value in estimator.get_params().items() if _is_weight(name)):
        return None, "the classifier's class weights are of its labels, not of groups"
    divided = StratifiedKFold(folds, shuffle=True, random_state=random_state)
    raising: Any = "raise"  # which the types that come with scikit-learn do not know
    try:
        found = cross_val_score(
            unfitted(estimator), X, groups, cv=divided, scoring=_one_against_others, error_score=raising
        )
    except (ValueError, TypeError, TrivetError) as error:
        # A classifier of labels may be unable to predict groups; fit it all the same.
        return None, f"the classifier cannot be fitted to the groups: {first_line(error)}"
    return float(np.mean(found)), None


def _is_weight(parameter: str) -> bool:
    return parameter.rpartition("__")[2] == "class_weight"


def _one_against_others(estimator: Any, X: Any, groups: NDArray[np.int64]) -> float:
    """Return the mean area under the ROC curve over the groups, each against the others."""
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"
    scores = np.asarray(getattr(estimator, method)(X))
    if scores.ndim == 1:
        return float(roc_auc_score(groups, scores))
    return float(np.mean([roc_auc_score(groups == place, column) for place, column in enumerate(scores.T)]))
