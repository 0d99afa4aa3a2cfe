"""Reweighing: which weight makes group and label independent in the training rows."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.fairness.columns import binary_column, require_same_length, require_two_groups

__all__ = ["reweighing_weights"]


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
    joint = np.bincount(2 * groups + labels, minlength=4).reshape(2, 2)
    expected = np.outer(joint.sum(axis=1), joint.sum(axis=0)) / len(labels)
    return expected[groups, labels] / joint[groups, labels]
