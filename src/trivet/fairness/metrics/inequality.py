"""Inequality of a classifier's benefits, among individuals and between groups.

The benefit of a row is its prediction minus its label plus 1: 2 for a false positive, 0 for a false
negative, 1 where the prediction is right. Its generalised entropy is a function of counts, and so is
the part of it that lies between groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from trivet.errors import UsageError
from trivet.fairness.metrics.group_rate import Counts, Rates

__all__ = [
    "INEQUALITIES",
    "Inequality",
    "between_group_generalised_entropy",
    "between_group_theil_index",
    "generalised_entropy",
    "theil_index",
]


@dataclass(frozen=True)
class Inequality:
    """Generalised entropy of the benefits.

    Attributes
    ----------
    name, title, formula, source
        As in `GroupRate`.
    alpha
        Above 0: 1 is Theil's index, 2 half the squared coefficient of variation. The larger, the more
        a large benefit weighs.
    between
        Whether each row has the mean benefit of its group, so that only the inequality between groups
        is left.
    undefined
        When it is.

    Raises
    ------
    UsageError
        If alpha is not above 0: the entropy is then infinite as soon as one row has no benefit.
    """

    name: str
    title: str
    formula: str
    alpha: float
    between: bool
    undefined: str
    source: str

    def __post_init__(self) -> None:
        """Refuse an alpha for which a benefit of 0 has no entropy."""
        if not self.alpha > 0:
            raise UsageError(f"alpha of a generalised entropy should be above 0, found {self.alpha}.")

    def __call__(self, counts: Counts) -> Rates:
        """Return the entropy."""
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
_NO_BENEFIT = "every row is a false negative"

theil_index = Inequality(
    name="theil_index",
    title="Theil index",
    formula=r"\frac1n \sum_i \frac{b_i}{\mu} \ln \frac{b_i}{\mu},\quad b_i = \hat y_i - y_i + 1",
    alpha=1,
    between=False,
    undefined=_NO_BENEFIT,
    source=_SPEICHER,
)
"""Theil's index of the benefits of all rows."""

generalised_entropy = Inequality(
    name="generalised_entropy",
    title="generalised entropy (alpha 2)",
    formula=r"\frac{1}{2n} \sum_i \left[\left(\frac{b_i}{\mu}\right)^2 - 1\right]",
    alpha=2,
    between=False,
    undefined=_NO_BENEFIT,
    source=_SPEICHER,
)
"""Half the squared coefficient of variation of the benefits of all rows."""

between_group_theil_index = Inequality(
    name="between_group_theil_index",
    title="between-group Theil index",
    formula=r"\sum_s \frac{n_s}{n} \frac{\mu_s}{\mu} \ln \frac{\mu_s}{\mu}",
    alpha=1,
    between=True,
    undefined=_NO_BENEFIT,
    source=_SPEICHER,
)
"""The part of Theil's index that is left when each row has the mean benefit of its group."""

between_group_generalised_entropy = Inequality(
    name="between_group_generalised_entropy",
    title="between-group generalised entropy (alpha 2)",
    formula=r"\frac12 \sum_s \frac{n_s}{n} \left[\left(\frac{\mu_s}{\mu}\right)^2 - 1\right]",
    alpha=2,
    between=True,
    undefined=_NO_BENEFIT,
    source=_SPEICHER,
)
"""The part of the generalised entropy that is left when each row has the mean benefit of its group."""

#: In the order of the reference table.
INEQUALITIES: tuple[Inequality, ...] = (
    theil_index,
    between_group_theil_index,
    generalised_entropy,
    between_group_generalised_entropy,
)
