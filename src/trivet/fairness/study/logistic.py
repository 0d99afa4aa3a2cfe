"""The study's classifier: which probability of the positive class a logistic regression gives."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from trivet.fairness.study.sample import Sample

__all__ = ["logistic_scores"]


def logistic_scores(
    train: Sample,
    *others: Sample,
    labels: NDArray[np.int64] | None = None,
    weights: NDArray[np.float64] | None = None,
    max_iter: int = 1000,
) -> tuple[NDArray[np.float64], ...]:
    """Fit a logistic regression and return the probability of the positive class.

    Parameters
    ----------
    train
        Rows to fit on, with standardised features.
    *others
        Further rows to score.
    labels
        Labels to fit in place of those of `train`, shape (rows,).
    weights
        Weight of each training row, shape (rows,); by default all weigh the same.
    max_iter
        Bound on the iterations of L-BFGS.

    Returns
    -------
    tuple of numpy.ndarray
        Scores of `train`, then of the others, each of shape (rows,).
    """
    target = train.labels if labels is None else labels
    model = LogisticRegression(max_iter=max_iter).fit(train.features, target, sample_weight=weights)
    return tuple(model.predict_proba(part.features)[:, 1] for part in (train, *others))
