"""Accuracy, rates and disparities, as functions of counts alone.

Every function takes counts of shape (..., 2, 2, 2), indexed [group, label, prediction] with the
protected group first, and works on all leading axes at once: the replicates of a bootstrap or the
points of a grid are one call.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.fairness.columns import PRIVILEGED, PROTECTED

__all__ = [
    "ROUNDING",
    "accuracy",
    "base_rates",
    "demographic_parity_difference",
    "disparate_impact",
    "false_positive_rates",
    "group_sizes",
    "selected",
    "selection_rates",
    "true_positive_rates",
    "within_band",
]

Counts = NDArray[np.int64]
Rates = NDArray[np.float64]

#: Relative slack of a comparison with the ends of a band: rounding must not decide 4/5 against 0.8.
ROUNDING = 1e-12


def accuracy(counts: Counts) -> Rates:
    """Share of rows whose prediction is the label, P(y_hat = y) (equation 9); shape (...)."""
    correct = counts[..., 0, 0] + counts[..., 1, 1]
    return correct.sum(axis=-1) / counts.sum(axis=(-3, -2, -1))


def group_sizes(counts: Counts) -> Counts:
    """Rows of each group; shape (..., 2)."""
    return counts.sum(axis=(-2, -1))


def selected(counts: Counts) -> Counts:
    """Rows of each group that are predicted positive; shape (..., 2)."""
    return counts[..., 1].sum(axis=-1)


def selection_rates(counts: Counts) -> Rates:
    """Share of each group that is predicted positive, P(y_hat = 1 | s); shape (..., 2)."""
    return _ratio(selected(counts), group_sizes(counts))


def base_rates(counts: Counts) -> Rates:
    """Share of each group whose label is positive, P(y = 1 | s); shape (..., 2)."""
    return _ratio(counts[..., 1, :].sum(axis=-1), group_sizes(counts))


def true_positive_rates(counts: Counts) -> Rates:
    """Share of each group's positives that are predicted so; shape (..., 2), NaN without positives."""
    return _ratio(counts[..., 1, 1], counts[..., 1, :].sum(axis=-1))


def false_positive_rates(counts: Counts) -> Rates:
    """Share of each group's negatives predicted positive; shape (..., 2), NaN without negatives."""
    return _ratio(counts[..., 0, 1], counts[..., 0, :].sum(axis=-1))


def disparate_impact(counts: Counts) -> Rates:
    """Divide the protected group's selection rate by the privileged group's (equation 10).

    Unlike the smaller rate over the larger, this keeps the direction: above 1 the protected group is
    selected more often.

    Parameters
    ----------
    counts
        Shape (..., 2, 2, 2).

    Returns
    -------
    numpy.ndarray
        Shape (...), in [0, inf]. It is 1 where nobody is selected in either group (their rates are
        equal), infinite where only protected rows are selected, and NaN where a group has no row.
    """
    rates = selection_rates(counts)
    protected, privileged = rates[..., PROTECTED], rates[..., PRIVILEGED]
    without_privileged = np.select([protected == 0, protected > 0], [1.0, np.inf], np.nan)
    return np.divide(protected, privileged, out=without_privileged, where=privileged != 0)


def demographic_parity_difference(counts: Counts) -> Rates:
    """Subtract the protected group's selection rate from the privileged group's; shape (...)."""
    rates = selection_rates(counts)
    return rates[..., PRIVILEGED] - rates[..., PROTECTED]


def within_band(ratio: ArrayLike, *, four_fifths: float = 0.8) -> NDArray[np.bool_]:
    """Whether a disparate impact lies in [t, 1/t], the four-fifths band for t = 0.8.

    Parameters
    ----------
    ratio
        One disparate impact or an array of them.
    four_fifths
        t, in (0, 1].

    Returns
    -------
    numpy.ndarray
        Of the shape of `ratio`.
    """
    values = np.asarray(ratio)
    return (values >= four_fifths * (1 - ROUNDING)) & (values <= (1 + ROUNDING) / four_fifths)


def _ratio(numerator: Counts, denominator: Counts) -> Rates:
    """Divide counts, with NaN for a share of no rows."""
    return np.divide(
        numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=np.asarray(denominator) > 0
    )
