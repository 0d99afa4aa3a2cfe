"""A scorer that hands each row's group to predictions, for cross-validation with scikit-learn's metrics."""

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer
from sklearn.utils.metadata_routing import MetadataRequest

from trivet.fairness.mitigation.sensitive import SensitiveFeatures

__all__ = ["GroupScorer"]


class GroupScorer:
    """Score a classifier that needs the groups to predict, such as `GroupThresholds`.

    scikit-learn's own scorers call ``predict(X)`` and have no way to pass the groups on. This one does, and
    asks for `sensitive_features` by metadata routing::

        with sklearn.config_context(enable_metadata_routing=True):
            cross_val_score(model, X, y, scoring=GroupScorer("f1"), params={"sensitive_features": groups})

    Parameters
    ----------
    scoring
        Name of a scorer of scikit-learn, or a callable with the signature of one.
    """

    def __init__(self, scoring: str | Callable[..., float]) -> None:
        self.scoring = scoring

    def __call__(
        self, estimator: Any, X: Any, y: Any, *, sensitive_features: SensitiveFeatures = None, **params: Any
    ) -> float:
        """Return the score of the predictions, which know the group of each row."""
        scorer: Any = get_scorer(self.scoring)
        return float(scorer(_Grouped(estimator, sensitive_features), X, y, **params))

    def get_metadata_routing(self) -> MetadataRequest:
        """Return that scoring takes the groups."""
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sensitive_features", alias=True)
        return request

    def __repr__(self) -> str:
        return f"GroupScorer({self.scoring!r})"


class _Grouped(BaseEstimator):
    """A fitted classifier whose predictions are for rows of known groups."""

    def __init__(self, estimator: Any, sensitive_features: SensitiveFeatures) -> None:
        self.estimator = estimator
        self.sensitive_features = sensitive_features

    def __getattr__(self, name: str) -> Any:
        """Return what the classifier has."""
        if name.startswith("__") or name in ("estimator", "sensitive_features"):
            raise AttributeError(name)
        return getattr(self.estimator, name)

    def __sklearn_tags__(self) -> Any:
        """Describe it as the classifier describes itself."""
        return self.estimator.__sklearn_tags__()

    def predict(self, X: Any) -> Any:
        """Return the label of each row."""
        return self.estimator.predict(X, sensitive_features=self.sensitive_features)
