"""The study's models of Adult as classifiers that can be trained anew: with each mitigation, and without."""

from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from trivet.datasets.adult import FEATURES, SENSITIVE_COLUMN
from trivet.fairness.columns import PRIVILEGED
from trivet.fairness.mitigation.classifier import unfitted
from trivet.fairness.mitigation.drop_sensitive import DropSensitive
from trivet.fairness.mitigation.labels import Massaging
from trivet.fairness.mitigation.reweighing import Reweighing
from trivet.study.fairness import logistic
from trivet.study.fairness_results import FairnessSettings

__all__ = ["StudyModel", "massaging", "no_gender", "promotion_demotion", "reweighed"]

_SETTINGS: Final = FairnessSettings()
_GENDER: Final = FEATURES.index(SENSITIVE_COLUMN)


class StudyModel(ClassifierMixin, BaseEstimator):
    """A mitigated classifier that takes the groups from a column of Adult's features.

    Group thresholds are none of them: they change decisions, not the probabilities that attacks read.
    """

    def __init__(self, mitigation: Any, *, sensitive: int = _GENDER) -> None:
        self.mitigation = mitigation
        self.sensitive = sensitive

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> Self:
        """Fit on rows of Adult's features, shape (rows, 9), and labels 0 and 1."""
        groups = np.asarray(X)[:, self.sensitive]
        self.mitigation_ = unfitted(self.mitigation).fit(X, y, sensitive_features=groups)
        self.classes_ = self.mitigation_.classes_
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities of labels 0 and 1, shape (rows, 2)."""
        return self.mitigation_.predict_proba(X)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the more probable label of each row."""
        return self.mitigation_.predict(X)


def no_gender() -> StudyModel:
    """Return the model without the sensitive feature."""
    return StudyModel(DropSensitive(_classifier(), columns=_GENDER, proxy_folds=0))


def reweighed() -> StudyModel:
    """Return the reweighed model."""
    return StudyModel(Reweighing(_classifier()))


def promotion_demotion() -> StudyModel:
    """Return the model on labels that were promoted and demoted as published."""
    published = Massaging(
        _classifier(),
        direction="published",
        size=_SETTINGS.swaps,
        privileged=PRIVILEGED,
        cut=_SETTINGS.cut,
    )
    return StudyModel(published)


def massaging() -> StudyModel:
    """Return the model on massaged labels."""
    return StudyModel(Massaging(_classifier(), privileged=PRIVILEGED))


def _classifier() -> Pipeline:
    return make_pipeline(StandardScaler(), logistic(_SETTINGS.max_iter))
