"""Are people who are alike predicted alike? Consistency with the nearest neighbours."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.neighbors import NearestNeighbors

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import binary_column

__all__ = ["consistency"]


def consistency(
    features: ArrayLike, y_pred: ArrayLike, *, neighbours: int = 5, with_self: bool = False
) -> float:
    """Return 1 minus the mean distance of a prediction from the mean prediction of its neighbours.

    This is yNN of R. Zemel, Y. Wu, K. Swersky, T. Pitassi and C. Dwork (Learning fair representations,
    ICML 2013). Which people are alike is decided by Euclidean distance: scale the features first, and
    mind which of them stand for the sensitive one.

    Parameters
    ----------
    features
        Shape (rows, features), finite numbers.
    y_pred
        Predictions, 0 or 1, shape (rows,).
    neighbours
        k, fewer than there are rows.
    with_self
        Whether a row counts among its own k neighbours, as in AI Fairness 360 (which asks an index for
        the rows that it holds). Each row then vouches for itself: with k = 1 and no two rows alike the
        result is 1 whatever the predictions.

    Returns
    -------
    float
        In [0, 1]; 1 where all neighbours are predicted alike. Where more rows than k are equally near,
        which of them count is the index's choice.

    Raises
    ------
    DataError
        If features and predictions differ in length or hold what they should not.
    UsageError
        If there are not more rows than neighbours.
    """
    table, predictions = np.asarray(features), binary_column(y_pred, "y_pred")
    if table.ndim != 2 or len(table) != len(predictions):  # noqa: PLR2004 -- rows by features
        raise DataError(
            f"features should be a table of {len(predictions)} rows, one for each prediction, found shape "
            f"{table.shape}."
        )
    if table.dtype.kind not in "biuf" or not np.isfinite(table).all():
        raise DataError(
            f"features should be finite numbers, found others (dtype {table.dtype}). Encode categories, "
            "and fill gaps or leave such rows out."
        )
    if not 0 < neighbours < len(predictions):
        raise UsageError(
            f"consistency needs more rows than neighbours and at least one, found {neighbours} neighbours "
            f"and {len(predictions)} rows."
        )
    index = NearestNeighbors(n_neighbors=neighbours).fit(table)
    nearest = index.kneighbors(table if with_self else None, return_distance=False)
    return float(1 - np.abs(predictions - predictions[nearest].mean(axis=1)).mean())
