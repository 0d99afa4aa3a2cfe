"""Inequality of benefits among people and among groups, and consistency among people who are alike.

The benefit of a row is its prediction minus its label plus 1: 2 for a false positive, 0 for a false
negative, 1 where the prediction is right. Its generalised entropy is a function of counts, and so is
the part of it that lies between groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import binary_column
from trivet.fairness.metrics.group_rates import Counts, Described, Rates

__all__ = ["INEQUALITIES", "Inequality", "consistency"]


@dataclass(frozen=True, kw_only=True)
class Inequality(Described):
    """Generalised entropy of the benefits.

    Attributes
    ----------
    title, formula, undefined, source : As in `Described`.
    alpha : Above 0: 1 is Theil's index, 2 half the squared coefficient of variation. Large ones weigh more.
    between : Whether each row has the mean benefit of its group: the inequality between groups alone.

    Raises
    ------
    UsageError : If alpha is not above 0: the entropy is then infinite as soon as one row has no benefit.
    """

    alpha: float
    between: bool

    def __post_init__(self) -> None:
        """Refuse an alpha for which a benefit of 0 has no entropy."""
        if not self.alpha > 0:
            raise UsageError(f"alpha of a generalised entropy should be above 0, found {self.alpha}.")

    def __call__(self, counts: Counts) -> Rates:
        """Return the entropy of counts of shape (..., groups, 2, 2); NaN where no row has a benefit."""
        right = counts[..., 0, 0] + counts[..., 1, 1]
        rows = counts.sum(axis=(-2, -1))
        if self.between:
            total = right + 2 * counts[..., 0, 1]
            benefits = np.divide(total, rows, out=np.zeros(rows.shape), where=rows > 0)
            return _entropy(benefits, rows, self.alpha)
        weights = np.stack([counts[..., 1, 0], right, counts[..., 0, 1]], axis=-1).sum(axis=-2)
        return _entropy(np.array([0.0, 1.0, 2.0]), weights, self.alpha)

    def reason(self, counts: Counts, names: Sequence[str]) -> str | None:  # noqa: ARG002 -- one signature for all metrics of all groups
        """Say why counts of shape (groups, 2, 2) have no such entropy, or nothing where they have one."""
        if not counts.any():
            return "there is no row"
        if counts[..., 1, 0].sum() == counts.sum():
            return "every row is a false negative, so that there is no benefit to share"
        return None


def _entropy(benefits: Rates, rows: NDArray[np.int64], alpha: float) -> Rates:
    """Return the generalised entropy of benefits that `rows` rows have each; along the last axis."""
    total = rows.sum(axis=-1, keepdims=True)
    shared = (benefits * rows).sum(axis=-1, keepdims=True)
    unknown = np.full(np.broadcast_shapes(benefits.shape, rows.shape), np.nan)
    relative = np.divide(benefits * total, shared, out=unknown, where=shared > 0)
    terms = xlogy(relative, relative) if alpha == 1 else (relative**alpha - 1) / (alpha * (alpha - 1))
    share = np.divide(rows, total, out=np.zeros(rows.shape), where=total > 0)
    return (terms * share).sum(axis=-1)


_SPEICHER = "T. Speicher et al., A unified approach to quantifying algorithmic unfairness, KDD 2018"


def _inequality(title: str, formula: str, alpha: float, *, between: bool) -> Inequality:
    """Return one of the four of Speicher et al."""
    return Inequality(
        title=title,
        formula=formula,
        undefined="every row is a false negative",
        source=_SPEICHER,
        alpha=alpha,
        between=between,
    )


#: In the order of the reference table. Between groups, each row has the mean benefit of its group.
INEQUALITIES: tuple[Inequality, ...] = (
    _inequality(
        "Theil index",
        r"\frac1n \sum_i \frac{b_i}{\mu} \ln \frac{b_i}{\mu},\quad b_i = \hat y_i - y_i + 1",
        1,
        between=False,
    ),
    _inequality(
        "between-group Theil index",
        r"\sum_s \frac{n_s}{n} \frac{\mu_s}{\mu} \ln \frac{\mu_s}{\mu}",
        1,
        between=True,
    ),
    _inequality(
        "generalised entropy (alpha 2)",
        r"\frac{1}{2n} \sum_i \left[\left(\frac{b_i}{\mu}\right)^2 - 1\right]",
        2,
        between=False,
    ),
    _inequality(
        "between-group generalised entropy (alpha 2)",
        r"\frac12 \sum_s \frac{n_s}{n} \left[\left(\frac{\mu_s}{\mu}\right)^2 - 1\right]",
        2,
        between=True,
    ),
)


def consistency(
    features: ArrayLike, y_pred: ArrayLike, *, neighbours: int = 5, with_self: bool = False
) -> float:
    """Return 1 minus the mean distance of a prediction from the mean prediction of its neighbours.

    This is yNN of R. Zemel et al. (Learning fair representations, ICML 2013), by Euclidean distance: scale
    the features first.

    Parameters
    ----------
    features
        Shape (rows, features), finite numbers.
    y_pred
        Predictions, 0 or 1, shape (rows,).
    neighbours
        k, fewer than there are rows.
    with_self
        Whether a row counts among its own k neighbours, as in AI Fairness 360.

    Returns
    -------
    float
        In [0, 1]; 1 where all neighbours are predicted alike.

    Raises
    ------
    DataError
        If features and predictions differ in length or hold what they should not.
    UsageError
        If there are not more rows than neighbours.
    """
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 -- slow to import

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
