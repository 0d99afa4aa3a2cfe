"""Base of every mitigation: checks, routed parameters, delegated predictions."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import narwhals as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone, is_regressor
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRequest, MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, has_fit_parameter

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import Group, require_same_order, score_column
from trivet.fairness.counting.arrays import combined_codes
from trivet.fairness.counting.naming import is_missing
from trivet.wording import one_line

__all__ = [
    "FitError",
    "GroupScorer",
    "MitigatedClassifier",
    "SensitiveFeatures",
    "TrainingRows",
    "codes_of",
    "feature_places",
    "features_at",
    "fit_rows",
    "fit_weighted",
    "is_frame",
    "is_frozen",
    "named",
    "positive_scores",
    "sensitive_codes",
    "sensitive_names",
    "takes_weights",
    "unfitted",
    "weight_parameter",
]

#: Shape (rows,) or (rows, columns): array, list, Series or frame, or a mapping of names to columns.
SensitiveFeatures = Any

#: A column with more values is not one of groups but, say, an age in days or a name.
MOST_GROUPS: Final = 1000


def sensitive_codes(
    sensitive_features: SensitiveFeatures, rows: int, *, least: int = 2
) -> tuple[NDArray[np.int64], tuple[Group, ...]]:
    """Give each group a number, and each row that of its group."""
    columns = [_factorised(column) for column in _columns(sensitive_features, rows).values()]
    return _combined(columns, least)


def _combined(
    columns: Sequence[tuple[NDArray[np.int64], list[Any]]], least: int
) -> tuple[NDArray[np.int64], tuple[Group, ...]]:
    """Return codes and groups of the combinations of the columns' values that occur."""
    codes, groups = columns[0]
    if len(columns) > 1:
        codes, kinds = combined_codes([(places, len(values)) for places, values in columns])
        places = kinds[: MOST_GROUPS + 1].tolist()
        groups = [
            tuple(values[place] for (_, values), place in zip(columns, row, strict=True)) for row in places
        ]
    if not least <= len(groups) <= MOST_GROUPS:
        few = f"{len(groups)} ({named(groups)})"
        found = few if len(groups) < least else f"more than {MOST_GROUPS:,}"
        raise DataError(
            f"sensitive_features should name {least} to {MOST_GROUPS:,} groups, found {found}. Check which "
            "column it is, and group values that are measured."
        )
    return codes.astype(np.int64), tuple(groups)


def codes_of(
    sensitive_features: SensitiveFeatures,
    groups: Sequence[Group],
    *,
    rows: int,
    names: Sequence[Hashable] | None = None,
) -> NDArray[np.int64]:
    """Return the place of each row's group among those seen in training; named columns go by name."""
    columns = _columns(sensitive_features, rows)
    if names is not None and sensitive_names(sensitive_features) is not None:
        if set(columns) != set(names):
            raise DataError(
                f"sensitive_features should have the columns that training had, {named(list(names))}, found "
                f"{named(list(columns))}. Pass the same columns, in any order."
            )
        columns = {name: columns[name] for name in names}
    codes, found = _combined([_factorised(column) for column in columns.values()], 1)
    places = {group: place for place, group in enumerate(groups)}
    unseen = [group for group in found if group not in places]
    if unseen:
        raise DataError(
            f"sensitive_features has {named(unseen)}, which training did not have; it had {named(groups)}. "
            "Fit on rows of every group, or leave those rows out."
        )
    return np.array([places[group] for group in found], dtype=np.int64)[codes]


def named(groups: Sequence[Group], *, limit: int = 200) -> str:
    """Return the groups in words, on one line."""
    return one_line(", ".join(map(repr, groups[:20])), limit=limit)


def sensitive_names(sensitive_features: SensitiveFeatures) -> tuple[Hashable, ...] | None:
    """Return the names of the columns of a frame or a mapping, or None for what has none."""
    if isinstance(sensitive_features, Mapping):
        return tuple(sensitive_features)
    try:
        frame = nw.from_native(sensitive_features, eager_only=True, pass_through=True)
        return tuple(frame.columns) if isinstance(frame, nw.DataFrame) else None
    except nw.exceptions.DuplicateError as error:
        raise DataError(
            "the columns of sensitive_features should have different names, found one twice: "
            f"{named(list(sensitive_features.columns))}. Rename them."
        ) from error


def _columns(sensitive_features: SensitiveFeatures, rows: int) -> dict[Hashable, NDArray[Any]]:
    """Return one array of shape (rows,) for each column, by name or else by place."""
    if sensitive_features is None:
        raise UsageError(
            "a mitigation needs to know each row's group, found no sensitive_features. Pass "
            "sensitive_features=..., one value a row; a mitigation inside another gets them with "
            "sklearn.set_config(enable_metadata_routing=True). A scorer of scikit-learn passes none on: "
            "score with GroupScorer, or name sensitive_columns of the features."
        )
    names = sensitive_names(sensitive_features)
    columns: dict[Hashable, NDArray[Any]]
    if isinstance(sensitive_features, Mapping):
        columns = {name: _array(column) for name, column in sensitive_features.items()}
    elif names is not None:
        frame = nw.from_native(sensitive_features, eager_only=True)
        columns = {
            name: _array(series.to_native()) for name, series in zip(names, frame.iter_columns(), strict=True)
        }
    else:
        array = _array(sensitive_features)
        parts = [array] if array.ndim < 2 else list(np.moveaxis(array, 1, 0))  # noqa: PLR2004 (two axes)
        columns = {place: part for place, part in enumerate(parts)}  # noqa: C416 (of any type of name)
    if not columns or any(column.shape != (rows,) for column in columns.values()):
        shapes = ", ".join(str(column.shape) for column in list(columns.values())[:5]) or "none"
        raise DataError(
            f"sensitive_features should be one column or more of {rows} rows, found {shapes}. Pass one value "
            "a row, in the order of the features."
        )
    return columns


def _array(values: Any) -> NDArray[Any]:
    """Return an array that keeps each value as it is."""
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()
    # A plain array would turn the numbers beside a text into texts.
    return np.array(values, dtype=object) if isinstance(values, list | tuple) else np.asarray(values)


def _factorised(column: NDArray[Any]) -> tuple[NDArray[np.int64], list[Any]]:
    """Return the place of each row's value, and the values in their order; none may be missing."""
    if column.dtype == object:
        entries = column.tolist()
        try:
            found = {value: place for place, value in enumerate(dict.fromkeys(entries))}
            codes = np.fromiter(map(found.__getitem__, entries), dtype=np.int64, count=len(entries))
        except TypeError as error:
            raise DataError(f"sensitive_features should hold plain values; {one_line(error)}.") from error
        values = [value.item() if isinstance(value, np.generic) else value for value in found]
    else:
        # Faster than the inverse of unique, which sorts all rows.
        unique = np.unique(column)
        codes, values = np.searchsorted(unique, column), unique.tolist()
    missing = [place for place, value in enumerate(values) if is_missing(value)]
    if missing:
        absent = np.isin(codes, missing)
        raise DataError(
            f"sensitive_features should have a value in each row, found none in row {np.argmax(absent)} "
            f"({absent.sum()} rows in all). Leave such rows out, or make them a group of their own."
        )
    order = sorted(range(len(values)), key=lambda place: _sort_key(values[place]))
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = np.arange(len(values))
    return rank[codes], [values[place] for place in order]


def _sort_key(value: Any) -> tuple[bool, float, str]:
    return (False, value, "") if isinstance(value, int | float) else (True, 0.0, str(value))


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


def feature_places(columns: str | int | Sequence[str | int], X: Any, what: str) -> tuple[int, ...]:
    """Return the places of some features, by name or by place, or say which is none of them."""
    names = list(nw.from_native(X, eager_only=True).columns) if is_frame(X) else []
    features = len(names) if is_frame(X) else int(np.shape(X)[1])
    asked = [columns] if isinstance(columns, str | int) else list(columns)
    known = one_line(", ".join(map(str, names)), limit=200) if names else f"{features} features without names"
    places: list[int] = []
    for column in asked:
        if column in names:
            places.append(names.index(column))
        elif not isinstance(column, str) and 0 <= column < features:
            places.append(int(column))
        else:
            raise UsageError(
                f"the {what} should be one of the features, found {one_line(repr(column))}; there "
                f"are {known}. Give its name, or its place from 0."
            )
    if not places:
        raise UsageError(f"there should be at least one {what}, found none; there are {known}.")
    return tuple(sorted(set(places)))


def features_at(X: Any, places: Sequence[int]) -> Any:
    """Return some of the features, in the kind of table that they are in."""
    chosen = list(places)
    return nw.from_native(X, eager_only=True)[:, chosen].to_native() if is_frame(X) else X[:, chosen]


def is_frame(X: Any) -> bool:
    """Return True for a data frame."""
    return isinstance(nw.from_native(X, eager_only=True, pass_through=True), nw.DataFrame)


def delegated(method: str) -> Callable[[Any], bool]:
    """Return a condition for `available_if`: that the classifier, fitted or not, has the method."""

    def has_method(mitigation: Any) -> bool:
        # The AttributeError of the classifier says more than one made here.
        getattr(getattr(mitigation, "estimator_", mitigation.estimator), method)
        return True

    return has_method


def unfitted(estimator: Any) -> Any:
    """Return a copy of a classifier that is not fitted; a frozen one stays itself."""
    # The types of scikit-learn leave open what a copy is.
    return clone(estimator)


def positive_scores(estimator: Any, X: Any) -> NDArray[np.float64]:
    """Return the score of the positive class, shape (rows,): a probability, or the decision function."""
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


def is_frozen(estimator: Any) -> bool:
    """Return True if fit leaves a classifier, or the one at the end of a pipeline, as it is."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    return isinstance(last, FrozenEstimator)


def takes_weights(estimator: Any) -> bool:
    """Return True if fit takes a weight for each row."""
    return _weight_parameter(estimator) is not None


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
    """Fit a copy of a classifier, or of a pipeline that ends in one, with a weight for each row."""
    # With metadata routing a step that takes weights has to say whether it wants them. Where none does, the
    # weights go to the last step, as they do without routing; ``set_fit_request`` decides otherwise.
    try:
        own = {**params, weight_parameter(estimator): weights}
        return unfitted(estimator).fit(X, y, **own)
    except UnsetMetadataPassedError:
        if params:
            raise
    except ValueError as error:
        # What hands weights on by metadata routing alone says so.
        if "enable_metadata_routing" not in str(error):
            raise
        raise UsageError(
            f"{type(estimator).__name__} hands weights on by metadata routing alone: call sklearn.set_config("
            "enable_metadata_routing=True), and set_fit_request(sample_weight=True) on the classifier inside."
        ) from error
    with config_context(enable_metadata_routing=False):
        return unfitted(estimator).fit(X, y, **{weight_parameter(estimator): weights})


def fit_rows(
    estimator: Any, X: Any, y: Any, weights: NDArray[np.float64] | None, params: Mapping[str, Any]
) -> Any:
    """Fit a copy of a classifier, with a weight for each row where there are weights."""
    if weights is None:
        return unfitted(estimator).fit(X, y, **params)
    return fit_weighted(estimator, X, y, weights, params)


#: Sums and products of larger weights, or of smaller ones than its inverse, can be infinite or 0.
_MOST_WEIGHT: Final = 1e100


def _weight_column(sample_weight: ArrayLike, rows: int) -> NDArray[np.float64]:
    """Return the weights as floats, or say what is wrong with them."""
    try:
        weights = score_column(sample_weight, "sample_weight")
    except DataError as error:
        raise FitError(str(error)) from error
    if weights.shape != (rows,) or weights.min() < 0 or weights.max() == 0:
        raise FitError(
            f"sample_weight should be {rows} numbers from 0 up that are not all zero, found {len(weights)} "
            f"from {weights.min():g} to {weights.max():g}. Give each row of the features its weight."
        )
    if not 1 / _MOST_WEIGHT <= weights.max() <= _MOST_WEIGHT:
        raise FitError(
            f"the largest sample_weight is {weights.max():g}, of which products are not numbers; expected "
            f"one from {1 / _MOST_WEIGHT:g} to {_MOST_WEIGHT:g}. Divide all by the largest."
        )
    return weights


class MitigatedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier that is fitted so that groups are treated more alike.

    A subclass has ``estimator`` among its parameters, and its ``fit`` takes `sensitive_features` by
    keyword, sets ``estimator_`` and ``classes_``, and ends in ``_fitted()``. With metadata routing,
    `sensitive_features` is requested by default, as is `sample_weight` by those that take it, and other
    parameters go to the classifier where it requests them; without, all others go to the classifier.
    """

    #: Whether labels may have any number of values.
    _many_classes: ClassVar[bool] = False
    #: Whether it works through the training of the classifier alone.
    _trains: ClassVar[bool] = False

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
        """Check classifier and labels, and put all rows in one group."""
        self._require_classifier()
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

    def _require_classifier(self) -> None:
        name, found = type(self).__name__, type(self.estimator).__name__
        if isinstance(self.estimator, type) or not (
            hasattr(self.estimator, "fit") and hasattr(self.estimator, "get_params")
        ):
            raise UsageError(
                f"{name} needs a scikit-learn classifier, found {one_line(repr(self.estimator))}. Give an "
                "instance, such as LogisticRegression()."
            )
        if is_regressor(self.estimator):
            raise FitError(f"{name} needs a classifier, found {found}, which predicts numbers.")
        if self._trains and is_frozen(self.estimator):
            raise UsageError(
                f"{name} works by training, and {found} is frozen, so that nothing would change. Give a "
                "classifier that can be fitted; GroupThresholds takes a frozen one."
            )

    def _weights(
        self, rows: TrainingRows, sample_weight: ArrayLike | None, params: dict[str, Any]
    ) -> tuple[NDArray[np.float64] | None, dict[str, Any]]:
        """Return what each row weighs, if anything is given, and the parameters without the weights."""
        # For a pipeline they may also be given as its last step takes them.
        name = _weight_parameter(self.estimator)
        if name is not None and name != "sample_weight" and params.get(name) is not None:
            if sample_weight is not None:
                raise UsageError(
                    f"rows have one weight before, found both sample_weight and {name}. Give one of them."
                )
            sample_weight = params[name]
        others = {key: value for key, value in params.items() if key != name}
        return None if sample_weight is None else _weight_column(sample_weight, len(rows.y)), others

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
