"""A mitigation as an estimator that takes features and labels alone: it finds the group in a feature."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from trivet.fairness.columns import PRIVILEGED
from trivet.fairness.mitigation.drop_sensitive import DropSensitive
from trivet.fairness.mitigation.massaged import Massaging
from trivet.fairness.mitigation.reweighing import Reweighing
from trivet.fairness.mitigation.thresholds_classifier import GroupThresholds

__all__ = ["MITIGATED", "SelfGrouped"]


def _drop_sensitive(estimator: Any, column: int, seed: int) -> Any:
    return DropSensitive(estimator, columns=[column], proxy_folds=2, random_state=seed)


def _reweighing(estimator: Any, _column: int, _seed: int) -> Any:
    return Reweighing(estimator)


def _massaging(estimator: Any, _column: int, _seed: int) -> Any:
    return Massaging(estimator, privileged=PRIVILEGED)


def _group_thresholds(estimator: Any, _column: int, seed: int) -> Any:
    # Fitted again on all rows, so that the scores are those of the classifier without thresholds.
    return GroupThresholds(estimator, privileged=PRIVILEGED, refit=True, random_state=seed)


#: From a classifier, the place of the group among the features, and a seed to a mitigated classifier.
MITIGATED: Final[Mapping[str, Callable[[Any, int, int], Any]]] = {
    "drop-sensitive": _drop_sensitive,
    "reweighing": _reweighing,
    "massaging": _massaging,
    "group-thresholds": _group_thresholds,
}


class SelfGrouped(ClassifierMixin, BaseEstimator):
    """A mitigated classifier that reads each row's group, 0 or 1, from one of the features."""

    def __init__(self, estimator: Any, *, mitigation: str, column: int, random_state: int = 0) -> None:
        self.estimator = estimator
        self.mitigation = mitigation
        self.column = column
        self.random_state = random_state

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> Self:
        """Fit the mitigation, shapes (rows, features) and (rows,)."""
        build = MITIGATED[self.mitigation]
        self.mitigated_ = build(self.estimator, self.column, self.random_state).fit(
            X, y, sensitive_features=self._groups(X)
        )
        self.classes_ = self.mitigated_.classes_
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each class for each row, which no threshold changes."""
        return self.mitigated_.predict_proba(X)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the decision about each row, shape (rows,)."""
        if isinstance(self.mitigated_, GroupThresholds):
            return self.mitigated_.predict(X, sensitive_features=self._groups(X))
        return self.mitigated_.predict(X)

    def _groups(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        return X[:, self.column].astype(np.int64)
