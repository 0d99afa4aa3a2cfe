"""Signal of an attack: the model's confidence in the true class of a row."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError

__all__ = [
    "CLIP",
    "confidence_logits",
    "log_odds",
    "other_classes_probabilities",
    "resolution",
    "true_class_probabilities",
]

#: No probability counts as smaller, so that no logit is infinite: they end at about -34.5 and 34.5.
CLIP = 1e-15

#: What is left for the other classes where a model says 1, if it says nothing but 0 and 1.
_LARGEST_CLIP = 0.25

#: Single precision, summed over some thousand classes.
SUM_TOLERANCE = 1e-3


def true_class_probabilities(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Return the probability that a model gives to each row's true class."""
    p, y = _checked(probabilities, labels)
    return _split(p, y)[0]


def confidence_logits(
    probabilities: ArrayLike, labels: ArrayLike, *, clip: float | None = None
) -> NDArray[np.float64]:
    r"""Return :math:`\ln p_y - \ln \sum_{y' \neq y} p_{y'}`, the logit of the true class's probability.

    It is close to normally distributed over retrainings, which the probability itself is not (Carlini et
    al. 2022, Section IV-C). The other classes are summed, as one minus a probability near one would lose
    its digits.

    Parameters
    ----------
    probabilities
        Shape (n, classes), or (models, n, classes) for models that are compared, in [0, 1]; the classes
        sum to 1.
    labels
        Shape (n,), the column of each row's true class.
    clip
        Least value of either term, above 0. None takes the `resolution` of all that is given, so give
        the audited model and its shadow models together.

    Returns
    -------
    numpy.ndarray
        Shape (n,) or (models, n), finite; higher where the model is surer of the true class.

    Raises
    ------
    DataError
        If a shape, a probability or a label is not as said.
    """
    p, y = _checked(probabilities, labels)
    true, others = _split(p, y)
    return log_odds(true, others, resolution(true, others) if clip is None else clip)


def other_classes_probabilities(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Return the sum of a model's probabilities of all classes but the true one, shape (n,)."""
    return _split(*_checked(probabilities, labels))[1]


def log_odds(true: NDArray[np.float64], others: NDArray[np.float64], clip: float) -> NDArray[np.float64]:
    """Return the logarithm of the ratio of two probabilities, each at least `clip`."""
    return np.log(np.maximum(true, clip)) - np.log(np.maximum(others, clip))


def resolution(*probabilities: NDArray[np.float64]) -> float:
    """Return half of the least probability above 0 that any model gives: what its 0 may stand for.

    A share of votes is 0 or 1 often, and no logit of these is of use: a forest of 30 trees that says 0 would
    have said 1/30 with one more vote. Half a vote it is, as for counts (Haldane 1956, Anscombe 1956). Where
    there are no values but 0 and 1, one vote decides, and 0 counts as 1/4. Values below `CLIP` are rounding.
    """
    least = min(float(given[given > CLIP].min(initial=2 * _LARGEST_CLIP)) for given in probabilities)
    return max(least / 2, CLIP)


def _split(p: NDArray[np.float64], y: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probability of the true class, and of all others together."""
    rows = np.arange(len(y))
    true = p[..., rows, y]
    others = p.copy()
    others[..., rows, y] = 0.0
    return true, others.sum(axis=-1)


def _checked(probabilities: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if p.ndim not in (2, 3) or y.shape != p.shape[-2:-1] or p.shape[-1] < 2:  # noqa: PLR2004 - two classes
        message = (
            "A membership attack needs probabilities of shape (rows, classes) with two classes or more "
            f"and one label a row; found shapes {p.shape} and {y.shape}."
        )
        raise DataError(message)
    if not np.issubdtype(y.dtype, np.integer) or (y.size and not (y.min() >= 0 and y.max() < p.shape[-1])):
        raise DataError(
            f"A label has to be the number of a class, 0 to {p.shape[-1] - 1}. Encode the labels first."
        )
    # Written so that NaN fails.
    fits = ((p >= 0) & (p <= 1 + SUM_TOLERANCE)).all() and (np.abs(p.sum(axis=-1) - 1) <= SUM_TOLERANCE).all()
    if not fits:
        raise DataError(
            "The model's probabilities have to lie in [0, 1] and to sum to 1 in each row. "
            "Give the output of predict_proba or a softmax."
        )
    return np.minimum(p, 1.0), y.astype(np.intp)
