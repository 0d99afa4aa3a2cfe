"""Base of every mitigation: checks, routed parameters, delegated predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, has_fit_parameter

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import require_same_order
from trivet.fairness.mitigation.sensitive import Group, SensitiveFeatures, sensitive_codes
from trivet.wording import one_line

__all__ = [
    "FitError",
    "MitigatedClassifier",
    "TrainingRows",
    "delegated",
    "fit_weighted",
    "positive_scores",
    "unfitted",
    "weight_parameter",
]


class FitError(DataError, ValueError):
    """Unsuitable training data for a mitigation; a ValueError, by scikit-learn's contract."""


@dataclass(frozen=True)
class TrainingRows:
    """Training data of a mitigation."""

    X: Any
    y: NDArray[Any]
    classes: NDArray[Any]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    values: tuple[Group, ...]


def delegated(method: str) -> Callable[[Any], bool]:
    """Return a condition for `available_if`: that the classifier, fitted or not, has the method."""

    def has_method(mitigation: Any) -> bool:
        # The AttributeError of the classifier says more than one made here.
        getattr(getattr(mitigation, "estimator_", mitigation.estimator), method)
        return True

    return has_method


def unfitted(estimator: Any) -> Any:
    """Return a copy of a classifier that is not fitted; a frozen one stays itself."""
    return clone(estimator)


def positive_scores(estimator: Any, X: Any) -> NDArray[np.float64]:
    """Return a fitted binary classifier's score of the positive class, shape (rows,).

    Its probability where it gives one, or else its decision function.
    """
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X))[:, 1]
    if hasattr(estimator, "decision_function"):
        return np.asarray(estimator.decision_function(X))
    raise FitError(
        f"{type(estimator).__name__} gives no scores; expected a classifier with predict_proba or "
        "decision_function."
    )


def weight_parameter(estimator: Any) -> str:
    """Return the parameter of fit through which a classifier, or the one at the end of it, takes weights."""
    name = _weight_parameter(estimator)
    if name is None:
        raise UsageError(
            f"{type(estimator).__name__} takes no sample_weight, so its rows cannot be weighed. Wrap a "
            "classifier whose fit does, such as LogisticRegression, or massage the labels."
        )
    return name


def _weight_parameter(estimator: Any) -> str | None:
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    pipeline = isinstance(estimator, Pipeline)
    inner = estimator.steps[-1][1] if pipeline else getattr(estimator, "estimator", None)
    name = None if inner is None else _weight_parameter(inner)
    if name is None or not pipeline or get_config()["enable_metadata_routing"]:
        return name
    return f"{estimator.steps[-1][0]}__{name}"


def fit_weighted(
    estimator: Any, X: Any, y: Any, weights: NDArray[np.float64], params: Mapping[str, Any]
) -> Any:
    """Fit a copy of a classifier, or of a pipeline that ends in one, with a weight for each row.

    With metadata routing a step that takes weights has to say whether it wants them. Where none does, the
    weights go to the last step, as they do without routing; ``set_fit_request`` decides otherwise.
    """
    try:
        own = {**params, weight_parameter(estimator): weights}
        return unfitted(estimator).fit(X, y, **own)
    except UnsetMetadataPassedError:
        if params:
            raise
    with config_context(enable_metadata_routing=False):
        return unfitted(estimator).fit(X, y, **{weight_parameter(estimator): weights})


class MitigatedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier that is fitted so that groups are treated more alike.

    A subclass has ``estimator`` among its parameters, and its ``fit`` takes `sensitive_features` by
    keyword, sets ``estimator_`` and ``classes_``, and ends in ``_fitted()``. With metadata routing,
    `sensitive_features` is requested by default, and other parameters go to the classifier where it
    requests them; without, all others go to the classifier.
    """

    #: Whether labels may have any number of values.
    _many_classes: ClassVar[bool] = False

    # Without it no call could be routed before set_fit_request, and none makes sense without the groups.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"sensitive_features": True}

    estimator: Any
    estimator_: Any
    classes_: NDArray[Any]

    def get_metadata_routing(self) -> MetadataRouter:
        """Return who takes which metadata: this estimator the groups, the classifier what it requests."""
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def _training_rows(self, X: Any, y: Any, sensitive_features: SensitiveFeatures) -> TrainingRows:
        """Check labels and groups; the features are the classifier's to check."""
        rows = self._labelled(X, y)
        require_same_order(X=X, y=y, sensitive_features=sensitive_features)
        groups, values = sensitive_codes(sensitive_features, len(rows.y))
        return replace(rows, groups=groups, values=values)

    def _labelled(self, X: Any, y: Any) -> TrainingRows:
        """Check labels, and put all rows in one group."""
        if y is None:
            raise FitError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        features, target = indexable(X, y)
        target = column_or_1d(target, warn=True)
        kind = type_of_target(target, input_name="y")
        if kind not in ("binary", "multiclass"):
            raise FitError(
                f"Unknown label type: {kind}. The labels should be classes. Check which column the label is."
            )
        classes = np.unique(target)
        if len(classes) < 2:  # noqa: PLR2004 (a classifier tells at least two apart)
            raise FitError(
                f"the labels should have two classes, found {len(classes)} class {one_line(classes)} in "
                f"{len(target)} rows. Check which column the label is."
            )
        if kind != "binary" and not self._many_classes:
            raise FitError(
                f"Only binary classification is supported. The type of the target is {kind}, with "
                f"{len(classes)} classes. Compare the labels with the positive one first."
            )
        labels = np.searchsorted(classes, target)
        nobody = np.zeros(len(labels), dtype=np.int64)
        return TrainingRows(features, target, classes, labels, nobody, ())

    def _routed(self, name: str, sensitive_features: SensitiveFeatures, params: dict[str, Any]) -> Any:
        """Return the parameters that the fit of one inner estimator takes."""
        if not get_config()["enable_metadata_routing"]:
            return params if name == "estimator" else {}
        given = {} if sensitive_features is None else {"sensitive_features": sensitive_features}
        return process_routing(self, "fit", **given, **params)[name]["fit"]

    def _fitted(self) -> Any:
        """Take over what the fitted classifier knows of its features."""
        for attribute in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, attribute):
                setattr(self, attribute, getattr(self.estimator_, attribute))
            elif hasattr(self, attribute):
                delattr(self, attribute)
        return self

    def _seen(self, X: Any) -> Any:
        """Return what the classifier sees of the features."""
        return X

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label that the classifier predicts for each row, shape (rows,)."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict(self._seen(X))

    @available_if(delegated("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class for each row, shape (rows, classes)."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_proba(self._seen(X))

    @available_if(delegated("decision_function"))
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the classifier's decision function, shape (rows,) or (rows, classes)."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.decision_function(self._seen(X))

    def __sklearn_tags__(self) -> Tags:
        """Describe it as the classifier describes itself."""
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = replace(inner.input_tags)
        many = self._many_classes and inner.classifier_tags is not None and inner.classifier_tags.multi_class
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_class = many
        return tags
