"""Decomposition of a selection-rate difference into base rates and selection, from counts alone."""

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import PRIVILEGED, PROTECTED

__all__ = ["kitagawa"]

_GROUPS = 2


def kitagawa(counts: NDArray[np.int64], *, positive: int | None = None) -> NDArray[np.float64]:
    """Split the difference of selection rates, privileged minus protected, by true class.

    A group's selection rate is the sum over true classes y of P(y | s) P(y_hat = positive | y, s). The
    difference of two such sums is that of the first factors at the mean of the second ones, and that of
    the second ones at the mean of the first (E. M. Kitagawa, JASA 50, 1955). No order in which the
    factors are replaced is preferred (P. Das Gupta, Standardization and Decomposition of Rates: A User's
    Manual, US Bureau of the Census P23-186, 1993): each part is its factor's Shapley value.
    """
    table = np.asarray(counts)
    if table.ndim < 3 or table.shape[-3] != _GROUPS or 0 in table.shape[-2:]:  # noqa: PLR2004 - three axes
        raise DataError(
            "counts should have the shape (2, classes, predictions), with further axes before them or "
            f"none, found {table.shape}."
        )
    chosen = _place(positive, table.shape[-1])
    rows = table.sum(axis=-1)
    sizes = rows.sum(axis=-1, keepdims=True)
    shares = np.divide(rows, sizes, out=np.full(rows.shape, np.nan), where=sizes > 0)
    # The rate in a class that nobody has is multiplied by 0.
    unknown = np.where(rows.sum(axis=-2, keepdims=True) > 0, np.nan, 0.0)
    rates = np.divide(
        table[..., chosen], rows, out=np.broadcast_to(unknown, rows.shape).copy(), where=rows > 0
    )
    return np.concatenate(
        [
            (_difference(shares) * _mean(rates)).sum(axis=-1, keepdims=True),
            _difference(rates) * _mean(shares),
        ],
        axis=-1,
    )


def _place(positive: int | None, predictions: int) -> int:
    if positive is None and predictions == 2:  # noqa: PLR2004 - the second of two
        return 1
    if positive is None or not 0 <= positive < predictions:
        raise UsageError(
            f"positive should be the place of one of {predictions} predictions, from 0, found {positive}."
        )
    return positive


def _difference(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[..., PRIVILEGED, :] - values[..., PROTECTED, :]


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (values[..., PRIVILEGED, :] + values[..., PROTECTED, :]) / 2
