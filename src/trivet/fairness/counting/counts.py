"""Counts by group, label and prediction: the table from which every rate follows."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.fairness.columns import binary_column, require_same_length, require_two_groups

__all__ = ["binary_counts"]


def binary_counts(y_true: ArrayLike, y_pred: ArrayLike, sensitive: ArrayLike) -> NDArray[np.int64]:
    """Count the rows of each group, label and prediction.

    Parameters
    ----------
    y_true, y_pred
        Labels and predictions, shape (rows,), 0 or 1.
    sensitive
        Group of each row, shape (rows,): 0 is protected, 1 is privileged.

    Returns
    -------
    numpy.ndarray
        Shape (2, 2, 2), indexed [group, label, prediction].

    Raises
    ------
    DataError
        If the columns differ in length, hold anything but 0 and 1, or name only one group.
    """
    labels = binary_column(y_true, "y_true")
    predictions = binary_column(y_pred, "y_pred")
    groups = binary_column(sensitive, "sensitive")
    require_same_length(y_true=labels, y_pred=predictions, sensitive=groups)
    require_two_groups(groups)
    return np.bincount(4 * groups + 2 * labels + predictions, minlength=8).reshape(2, 2, 2)
