"""Expectation of what a model says of a row, from rows that are like it: a regression on their features.

Each fold of the units is predicted by boosted trees that were fitted to the others, so that no row, and no
row of the same unit, has a part in what is expected of it.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingRegressor

from trivet.privacy.membership.recipe import one_thread

__all__ = ["Likeness", "quantile_scores"]

FOLDS: Final = 3
#: Rounds and rate of boosting: half of the library's rounds at twice its rate lose nothing here.
ROUNDS: Final = 50
RATE: Final = 0.2
#: Wider rows, such as images, are first projected on as many directions.
MOST_FEATURES: Final = 64
#: Distinct values that boosted trees take as categories.
MOST_CLASSES: Final = 255
#: No deviation counts as smaller: a model may say the same of all rows like one.
SMALLEST_DEVIATION: Final = 1e-3


@dataclass(frozen=True, eq=False)
class Likeness:
    """Rows for regressions: features with the class last, shape (n, features + 1), and folds, shape (n,)."""

    rows: NDArray[np.float64]
    folds: NDArray[np.int64]
    by_class: bool

    @classmethod
    def of(
        cls,
        features: Any,
        labels: NDArray[np.int64],
        units: NDArray[np.int64],
        *,
        generator: np.random.Generator,
    ) -> "Likeness":
        """Return the rows of data, whose units are divided among folds by chance."""
        flat: Any = features if sparse.issparse(features) else np.asarray(features).reshape(len(labels), -1)
        if flat.shape[1] > MOST_FEATURES:
            with one_thread():
                seed = int(generator.integers(2**32))
                flat = TruncatedSVD(MOST_FEATURES, random_state=seed).fit_transform(flat)
        dense: Any = flat
        if sparse.issparse(flat):
            dense = flat.toarray()
        folds = generator.permutation(int(units.max()) + 1) % FOLDS
        whole = np.column_stack([dense, labels]).astype(np.float64)
        return cls(whole, folds[units], int(labels.max()) < MOST_CLASSES)

    @one_thread()
    def expected(
        self, values: NDArray[np.float64], known: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Return what is expected of each row, by the values of the `known` rows of other folds."""
        usable = np.ones(len(values), dtype=np.bool_) if known is None else known
        found = np.empty(len(values))
        for fold in range(FOLDS):
            here = self.folds == fold
            train = usable & ~here
            if not here.any():
                continue
            if not train.any():
                found[here] = values[usable].mean() if usable.any() else 0.0
                continue
            settings: dict[str, Any] = {
                "categorical_features": [self.rows.shape[1] - 1] if self.by_class else None,
                "early_stopping": False,
            }
            trees = HistGradientBoostingRegressor(
                max_iter=ROUNDS, learning_rate=RATE, random_state=0, **settings
            )
            found[here] = trees.fit(self.rows[train], values[train]).predict(self.rows[here])
        return found


def quantile_scores(
    logits: NDArray[np.float64], likeness: Likeness, reference: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Score rows by the quantile at which their logits, shape (n,), lie among non-members like them."""
    # Bertran et al. 2023, with a normal head: mean and variance of a non-member's logit given its features,
    # fitted to the `reference` rows, which were not trained on. The standardised logit has the order of the
    # quantile. No shadow model is needed.
    mean = likeness.expected(logits, reference)
    variance = likeness.expected((logits - mean) ** 2, reference)
    # Half of a variance is its own, half that of all: where rows like one are answered alike, its own is 0.
    moderated = (np.maximum(variance, 0.0) + variance[reference].mean()) / 2
    return (logits - mean) / np.sqrt(np.maximum(moderated, SMALLEST_DEVIATION**2))
