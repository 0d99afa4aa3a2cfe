"""The study's classifier: which probability of the positive class a logistic regression gives."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from trivet.fairness.study.sample import Sample

__all__ = ["logistic", "logistic_scores", "scores_of"]


def logistic(max_iter: int = 1000) -> LogisticRegression:
    """Return the study's classifier, not fitted."""
    return LogisticRegression(max_iter=max_iter)


def scores_of(model: Any, *parts: Sample) -> tuple[NDArray[np.float64], ...]:
    """Return the probability of the positive class that a fitted model gives the rows of each part."""
    return tuple(model.predict_proba(part.features)[:, 1] for part in parts)


def logistic_scores(
    train: Sample, *others: Sample, labels: NDArray[np.int64] | None = None, max_iter: int = 1000
) -> tuple[NDArray[np.float64], ...]:
    """Fit a logistic regression and return the probability of the positive class."""
    target = train.labels if labels is None else labels
    return scores_of(logistic(max_iter).fit(train.features, target), train, *others)
