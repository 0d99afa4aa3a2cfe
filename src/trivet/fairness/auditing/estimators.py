"""Classifiers for a table: a pipeline from its columns to probabilities."""

from collections.abc import Callable
from typing import Final

from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from trivet.tables.encoding import column_encoder
from trivet.tables.features import Features

__all__ = ["ESTIMATORS", "make_estimator"]

#: Each classifier by name, from the seed of what it draws.
ESTIMATORS: Final[dict[str, Callable[[int], ClassifierMixin]]] = {
    "logistic": lambda _seed: LogisticRegression(max_iter=1000),
    "boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
}


def make_estimator(name: str, features: Features, *, seed: int) -> Pipeline:
    """Return a classifier of `Features.values`, not yet fitted."""
    return Pipeline(
        [
            ("encode", column_encoder(features, standardise=True)),
            ("classify", ESTIMATORS[name](seed)),
        ]
    )
