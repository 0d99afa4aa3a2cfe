"""What an attack looks at: how sure a model is of a row's true class."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError

__all__ = ["CLIP", "confidence_logits", "true_class_probabilities"]

#: No probability counts as smaller, so that no logit is infinite: they end at about -34.5 and 34.5.
CLIP = 1e-15

#: Single precision, summed over some thousand classes.
SUM_TOLERANCE = 1e-3


def true_class_probabilities(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Return the probability that a model gives to each row's true class.

    Parameters
    ----------
    probabilities
        Shape (n, classes), in [0, 1], rows that sum to 1.
    labels
        Shape (n,), the column of each row's true class, 0 <= label < classes.

    Returns
    -------
    numpy.ndarray
        Shape (n,), in [0, 1].

    Raises
    ------
    DataError
        If a shape, a probability or a label is not as above.
    """
    p, y = _checked(probabilities, labels)
    return p[np.arange(len(y)), y]


def confidence_logits(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    r"""Return :math:`\ln p_y - \ln \sum_{y' \neq y} p_{y'}`, the logit of the true class's probability.

    It is close to normally distributed over retrainings, which the probability itself is not (Carlini et
    al. 2022, Section IV-C). The other classes are summed, as one minus a probability near one would lose
    its digits. Both terms are at least `CLIP`.

    Parameters
    ----------
    probabilities
        Shape (n, classes), in [0, 1], rows that sum to 1.
    labels
        Shape (n,), the column of each row's true class.

    Returns
    -------
    numpy.ndarray
        Shape (n,), finite; higher where the model is surer of the true class.

    Raises
    ------
    DataError
        If a shape, a probability or a label is not as said.
    """
    p, y = _checked(probabilities, labels)
    rows = np.arange(len(y))
    true = p[rows, y]
    others = p.copy()
    others[rows, y] = 0.0
    return np.log(np.maximum(true, CLIP)) - np.log(np.maximum(others.sum(axis=1), CLIP))


def _checked(probabilities: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if p.ndim != 2 or y.shape != p.shape[:1] or p.shape[1] < 2:  # noqa: PLR2004 - rows and columns
        message = (
            "A membership attack needs probabilities of shape (rows, classes) with two classes or more "
            f"and one label a row; found shapes {p.shape} and {y.shape}."
        )
        raise DataError(message)
    if not np.issubdtype(y.dtype, np.integer) or (y.size and not (y.min() >= 0 and y.max() < p.shape[1])):
        raise DataError(
            f"A label has to be the number of a class, 0 to {p.shape[1] - 1}. Encode the labels first."
        )
    # Written so that NaN fails.
    fits = ((p >= 0) & (p <= 1 + SUM_TOLERANCE)).all() and (np.abs(p.sum(axis=1) - 1) <= SUM_TOLERANCE).all()
    if not fits:
        raise DataError(
            "The model's probabilities have to lie in [0, 1] and to sum to 1 in each row. "
            "Give the output of predict_proba or a softmax."
        )
    return np.minimum(p, 1.0), y.astype(np.intp)
