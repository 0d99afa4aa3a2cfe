"""The study's models of Adult as classifiers that can be trained anew: with each mitigation, and without."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from trivet.fairness.mitigation.massaging import (
    massaging_cohorts,
    massaging_size,
    published_cohorts,
    swap_labels,
)
from trivet.fairness.mitigation.reweighing import reweighing_weights
from trivet.fairness.settings import FairnessSettings
from trivet.fairness.study.adult import FEATURES, SENSITIVE_COLUMN

__all__ = ["StudyModel", "massaging", "no_gender", "promotion_demotion", "reweighed"]

_SETTINGS: Final = FairnessSettings()


class StudyModel(ClassifierMixin, BaseEstimator):
    """The study's logistic regression on Adult's features, with a mitigation before or while it is fitted.

    Group thresholds are none of them: they change decisions, not the probabilities that attacks read.

    Parameters
    ----------
    mitigation
        ``no-gender``, ``reweighed``, ``promotion-demotion`` or ``massaging``.
    sensitive
        Column of the protected attribute, 0 or 1.
    """

    def __init__(self, mitigation: str, *, sensitive: int) -> None:
        self.mitigation = mitigation
        self.sensitive = sensitive

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> Self:
        """Fit on rows of Adult's features, shape (rows, 9), and labels 0 and 1."""
        features = np.asarray(X)
        self.classes_ = np.array([0, 1])
        self.scaler_ = StandardScaler().fit(self._seen(features))
        known = self.scaler_.transform(self._seen(features))
        groups = features[:, self.sensitive].astype(np.int64)
        labels, weights = _MITIGATIONS[self.mitigation](known, np.asarray(y), groups)
        self.model_ = _regression().fit(known, labels, sample_weight=weights)
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities of labels 0 and 1, shape (rows, 2)."""
        return self.model_.predict_proba(self.scaler_.transform(self._seen(np.asarray(X))))

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the more probable label of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _seen(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.delete(features, self.sensitive, axis=1) if self.mitigation == "no-gender" else features


def _regression() -> LogisticRegression:
    return LogisticRegression(max_iter=_SETTINGS.max_iter)


Fitted = tuple[NDArray[np.int64], NDArray[np.float64] | None]


def _unchanged(_known: Any, labels: NDArray[np.int64], _groups: Any) -> Fitted:
    return labels, None


def _weighed(_known: Any, labels: NDArray[np.int64], groups: NDArray[np.int64]) -> Fitted:
    return labels, reweighing_weights(labels, groups)


def _swapped(
    known: NDArray[np.float64], labels: NDArray[np.int64], groups: NDArray[np.int64], *, published: bool
) -> Fitted:
    scores = _regression().fit(known, labels).predict_proba(known)[:, 1]
    cohorts = (
        published_cohorts(scores, groups, _SETTINGS.swaps, cut=_SETTINGS.cut)
        if published
        else massaging_cohorts(labels, scores, groups, massaging_size(labels, groups))
    )
    return swap_labels(labels, cohorts), None


#: From standardised features, labels and groups to the labels and weights to fit.
_MITIGATIONS: Final[dict[str, Callable[..., Fitted]]] = {
    "no-gender": _unchanged,
    "reweighed": _weighed,
    "promotion-demotion": partial(_swapped, published=True),
    "massaging": partial(_swapped, published=False),
}


def _named(mitigation: str) -> StudyModel:
    return StudyModel(mitigation, sensitive=FEATURES.index(SENSITIVE_COLUMN))


def no_gender() -> StudyModel:
    """Return the model without the sensitive feature."""
    return _named("no-gender")


def reweighed() -> StudyModel:
    """Return the reweighed model."""
    return _named("reweighed")


def promotion_demotion() -> StudyModel:
    """Return the model on labels that were promoted and demoted as published."""
    return _named("promotion-demotion")


def massaging() -> StudyModel:
    """Return the model on massaged labels."""
    return _named("massaging")
