"""Rows of two groups with unequal base rates, and every mitigation around a logistic regression."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from trivet.fairness.mitigation.drop_sensitive import DropSensitive
from trivet.fairness.mitigation.labels import Massaging
from trivet.fairness.mitigation.reduction import Reduction
from trivet.fairness.mitigation.reweighing import Reweighing

BUILDERS = {
    "massaging": Massaging,
    "reweighing": Reweighing,
    "drop-sensitive": lambda estimator, **options: DropSensitive(estimator, **{"columns": 0, **options}),
    "reduction": Reduction,
}


@dataclass(frozen=True)
class Rows:
    """Features, of which the first is 1 for the group m; labels; and groups w and m."""

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray


def unequal_rows(rows=240, seed=0):
    """Rows of which those of group m are positive more often, for their group and for a proxy of it."""
    rng = np.random.default_rng(seed)
    privileged = rng.integers(0, 2, rows)
    merit = rng.normal(size=rows)
    proxy = privileged + rng.normal(scale=0.8, size=rows)
    y = (merit + 0.8 * privileged + 0.4 * proxy + rng.normal(scale=0.7, size=rows) > 0.9).astype(int)
    return Rows(np.column_stack([privileged, merit, proxy]), y, np.array(["w", "m"])[privileged])


def mitigated(name, estimator=None, **options):
    return BUILDERS[name](LogisticRegression() if estimator is None else estimator, **options)
