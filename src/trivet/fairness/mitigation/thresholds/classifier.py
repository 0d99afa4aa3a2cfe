"""Classifier with a threshold for each group."""

import warnings
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import Group, require_same_order
from trivet.fairness.mitigation.classifier import (
    FitError,
    MitigatedClassifier,
    SensitiveFeatures,
    TrainingRows,
    codes_of,
    feature_places,
    features_at,
    fit_rows,
    named,
    positive_scores,
    sensitive_names,
)
from trivet.fairness.mitigation.labels import privileged_place
from trivet.fairness.mitigation.thresholds.constraints import (
    Constraint,
    ConstraintName,
    Scored,
    Search,
    chosen_constraint,
)
from trivet.fairness.mitigation.thresholds.cuts import Objective
from trivet.fairness.mitigation.thresholds.limits import Attribute
from trivet.fairness.mitigation.thresholds.many_classes import (
    MixedOffsets,
    achieved_rates,
    best_offsets,
    drawn_classes,
    offset_limits,
)
from trivet.fairness.mitigation.thresholds.randomised import (
    MixedThreshold,
    apply_group_thresholds,
    lots_of_rows,
    require_seed,
    selection_probability,
)
from trivet.wording import one_line

__all__ = ["GroupThresholds", "ThresholdsOnTrainingRows", "draw_rows"]


class ThresholdsOnTrainingRows(UserWarning):
    """Thresholds are fitted on rows that the classifier was fitted on, whose scores flatter it."""


def draw_rows(
    groups: NDArray[np.int64], labels: NDArray[np.int64], *, share: float, seed: int
) -> NDArray[np.bool_]:
    """Draw a share of the rows from every group and label."""
    # Rows in random order, then by group and label, are taken at equal distances: the share of each
    # combination is right to within a row, and a combination of one row is taken as its share says.
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    order = shuffled[np.lexsort((labels[shuffled], groups[shuffled]))]
    steps = np.floor(np.arange(len(groups) + 1) * share + 0.5)
    kept = np.zeros(len(groups), dtype=bool)
    kept[order[np.diff(steps) > 0]] = True
    return kept


def require_rows(
    groups: NDArray[np.int64], labels: NDArray[np.int64], values: Sequence[Group], *, both_labels: bool
) -> None:
    """Raise a DataError unless the rows for the thresholds are of every group, with both labels if needed."""
    cells = np.bincount(2 * groups + labels, minlength=2 * len(values)).reshape(-1, 2)
    least = cells.min(axis=1) if both_labels else cells.sum(axis=1)
    if not least.all():
        lacking = [value for value, rows in zip(values, least, strict=True) if not rows]
        needed = "rows of both labels" if both_labels else "rows"
        raise DataError(
            f"thresholds need {needed} in every group, found too few in {named(lacking)} among the "
            f"{len(groups)} rows for them. Give more rows, raise validation, or merge small groups."
        )


def require_share_and_seed(share: object, seed: object) -> None:
    """Raise a UsageError unless they can divide rows; a share of None divides none."""
    if share is not None and not (isinstance(share, Real) and 0 < float(share) < 1):
        raise UsageError(
            f"validation should be a share above 0 and below 1, or None, found {one_line(repr(share))}."
        )
    require_seed(seed)


def part_of(value: Any, rows: NDArray[np.int64], *, size: int) -> Any:
    """Return the entries for some rows of what has `size` entries, or of each column of a mapping."""
    if isinstance(value, Mapping):
        return {name: part_of(entry, rows, size=size) for name, entry in value.items()}
    if isinstance(value, str | bytes):
        return value
    length = value.shape[0] if getattr(value, "shape", ()) else len(value) if hasattr(value, "__len__") else 0
    return _safe_indexing(value, rows) if length == size else value


class GroupThresholds(MitigatedClassifier):
    """Predict with a score threshold for each group: the best ones under a constraint, found exactly.

    The classifier is fitted on some of the rows and the thresholds on the others, since scores of rows that
    it was fitted on are too good.

    Parameters
    ----------
    estimator
        A classifier with ``predict_proba``, or for two classes ``decision_function``.
    constraint
        ``"ratio"``: selection rates of at least `bound`, and at most 1 / `bound`, times that of the
        privileged group (`ratio_thresholds`). ``"difference"``: selection rates at most `bound` apart
        (`difference_thresholds`); at 0, which whole rows seldom meet, by randomised thresholds.
        ``"equalized_odds"``: true and false positive rates at most `bound` apart, by randomised thresholds
        (`equalized_odds_thresholds`). ``"equal_opportunity"``: true positive rates, likewise
        (`equal_opportunity_thresholds`). ``"scalarised"``, for two groups: the smallest |1 - DI| + `penalty`
        (1 - accuracy) (`scalarised_thresholds`). Of more than two classes ``"ratio"`` and ``"difference"``
        are of the share of each group that gets each class.
    bound
        By default 0.8 for ``"ratio"``, 0.05 for ``"difference"``, and 0 for error rates; at 0 they are equal.
    attributes
        Of several sensitive columns, whether the constraint is on their combinations (``"together"``) or on
        the values of each (``"each"``). Combinations have separate thresholds either way; with ``"each"`` the
        thresholds are randomised.
    objective
        What is maximised: ``"accuracy"``, ``"balanced_accuracy"``, or the negative cost of a pair, the costs
        of a false positive and of a false negative. ``"scalarised"`` has its own.
    penalty
        Of ``"scalarised"``.
    validation
        Share of the rows kept for the thresholds, drawn from every group and label. None fits both on the
        same rows, with the warning `ThresholdsOnTrainingRows` unless the classifier is frozen.
    refit
        Whether the classifier is fitted again on all rows, once the thresholds are found.
    prefit
        Whether `estimator` is fitted already: the thresholds are fitted on all rows given to `fit`. A search,
        which copies what it fits, needs a fitted one in scikit-learn's ``FrozenEstimator`` instead.
    grid
        Thresholds that ``"scalarised"`` tries for either group in place of all, shape (points,): the
        published search (`grid_thresholds`).
    privileged
        Value of the privileged group, by default the group with the highest base rate among those with at
        least two percent of the rows: see `most_favoured`. Of several columns one value each.
    sensitive_columns
        Names or places of features that hold the groups, for calls that give no `sensitive_features`: with
        it ``predict(X)`` and all of scikit-learn's scorers work. The classifier sees them as it sees others.
    random_state
        Seed of the rows kept for the thresholds, and of the draws, from 0 to 2^32 - 1. A draw depends on
        the row's features and this seed: see `apply_group_thresholds`.

    Attributes
    ----------
    estimator_ : The fitted classifier.
    classes_ : The labels; of two the second is the positive one.
    thresholds_ : From the value of each group to the score from which its members are predicted positive: a
        float, or a `MixedThreshold` where it is randomised. Of more than two classes `MixedOffsets`.
    sensitive_names_ : Names of the sensitive columns, if a frame or a mapping gave them. `predict` finds the
        columns of another frame by them, and those of an array by place.
    privileged_ : Value of the privileged group.
    achieved_ : How near the constraint comes on the rows of the thresholds: the ratio to the privileged
        group's selection rate that is farthest from 1; the largest difference of selection rates, or of
        expected error rates, over groups, attributes and classes; or the scalarised objective.
    validation_rows_ : Places of the rows that the thresholds were fitted on, shape (kept,).
    n_features_in_, feature_names_in_ : Of the classifier, where it has them.

    Notes
    -----
    ``predict_proba`` and ``decision_function`` are those of the classifier and know of no group.
    scikit-learn's scorers cannot pass groups on to ``predict``: cross-validate with `GroupScorer`, or name
    `sensitive_columns`. Of more than two classes thresholds go by the classifier's probabilities as if they
    were right, and not by labels.
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"sample_weight": True}
    # Predictions need the groups as fitting does.
    __metadata_request__predict: ClassVar[dict[str, bool]] = {"sensitive_features": True}
    __metadata_request__score: ClassVar[dict[str, bool]] = {"sensitive_features": True}

    constraint: ConstraintName
    objective: Objective

    def __init__(
        self,
        estimator: Any,
        *,
        constraint: ConstraintName = "ratio",
        bound: float | None = None,
        attributes: Literal["together", "each"] = "together",
        objective: Objective = "accuracy",
        penalty: float = 0.2,
        validation: float | None = 0.25,
        refit: bool = False,
        prefit: bool = False,
        grid: ArrayLike | None = None,
        privileged: Group | None = None,
        sensitive_columns: str | int | Sequence[str | int] | None = None,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.constraint = constraint
        self.bound = bound
        self.attributes = attributes
        self.objective = objective
        self.penalty = penalty
        self.validation = validation
        self.refit = refit
        self.prefit = prefit
        self.grid = grid
        self.privileged = privileged
        self.sensitive_columns = sensitive_columns
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sensitive_features: SensitiveFeatures = None,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Fit the classifier on some rows and the thresholds on the others.

        Parameters
        ----------
        X, y
            Features and labels, one row each.
        sensitive_features
            The group of each row: see `sensitive_codes`.
        sample_weight
            What each row weighs, shape (rows,), not negative, for the classifier and for the thresholds:
            rates and the objective are then of weight.
        **fit_params
            For the classifier, unless it is fitted already. What has an entry a row is divided as the rows
            are.

        Raises
        ------
        UsageError
            If a parameter is not among those above, or there are no sensitive features.
        DataError
            If labels, groups or weights are not what they should be, or a group has too few rows for the
            thresholds.
        """
        constraint = chosen_constraint(self.constraint, bound=self.bound, grid=self.grid)
        require_share_and_seed(self.validation, self.random_state)
        sensitive_features = self._given(X, sensitive_features)
        rows = self._training_rows(X, y, sensitive_features)
        many = len(rows.classes) > 2  # noqa: PLR2004 - of two classes one is selected
        weights, params = self._weights(rows, sample_weight, fit_params)
        self._require_parameters(rows, many=many)
        attributes = self._attributes(rows, weights)
        routed = self._routed("estimator", sensitive_features, params)
        kept = self._fit_estimator(rows, weights, routed)
        weight = np.ones(len(rows.y)) if weights is None else weights
        kept = kept[weight[kept] > 0]
        search = Search(
            bound=(constraint.usual_bound or 0) if self.bound is None else self.bound,
            objective=self.objective,
            penalty=self.penalty,
            grid=self.grid,
            attributes=attributes,
        )
        require_rows(
            rows.groups[kept],
            np.minimum(rows.labels[kept], 1),
            rows.values,
            both_labels=not many and search.needs_both_labels(constraint),
        )
        scored = Scored(
            labels=rows.labels[kept],
            scores=self._scores(_safe_indexing(rows.X, kept), many=many),
            groups=rows.groups[kept],
            weights=weight[kept],
        )
        found = self._offsets(scored, search) if many else self._cuts(scored, search, constraint)
        self.thresholds_: dict[Group, float | MixedThreshold | MixedOffsets] = dict(
            zip(rows.values, found, strict=True)
        )
        self.sensitive_names_ = sensitive_names(sensitive_features)
        self.privileged_ = _privileged(rows, attributes)
        self.validation_rows_ = kept
        self.classes_ = rows.classes
        if self.refit and not self.prefit:
            self.estimator_ = fit_rows(self.estimator, rows.X, rows.y, weights, routed)
        return self._fitted()

    def predict(self, X: Any, *, sensitive_features: SensitiveFeatures = None) -> NDArray[Any]:
        """Return the label that each row's score has in its group, shape (rows,).

        Raises
        ------
        UsageError
            If there are no sensitive features.
        DataError
            If they are not what they should be, or name a group that `fit` did not see.
        """
        check_is_fitted(self, "thresholds_")
        sensitive_features = self._given(X, sensitive_features)
        require_same_order(X=X, sensitive_features=sensitive_features)
        thresholds: Any = tuple(self.thresholds_.values())
        many = isinstance(thresholds[0], MixedOffsets)
        scores = self._scores(X, many=many)
        codes = codes_of(
            sensitive_features, tuple(self.thresholds_), rows=len(scores), names=self.sensitive_names_
        )
        if many:
            lots = lots_of_rows(X, scores[:, 0], codes, seed=self.random_state)
            return self.classes_[drawn_classes(scores, codes, thresholds, lots)]
        return self.classes_[
            apply_group_thresholds(scores, codes, thresholds, random_state=self.random_state, features=X)
        ]

    def score(
        self, X: Any, y: Any, sample_weight: Any = None, *, sensitive_features: SensitiveFeatures = None
    ) -> float:
        """Return the accuracy, in [0, 1], of what `predict` says, of rows weighed by `sample_weight`."""
        predictions = self.predict(X, sensitive_features=sensitive_features)
        return float(accuracy_score(y, predictions, sample_weight=sample_weight))

    @property
    def _many_classes(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """True if the constraint can be on each of more than two classes."""
        return self.constraint in ("ratio", "difference")

    def _given(self, X: Any, sensitive_features: SensitiveFeatures) -> SensitiveFeatures:
        """Return the groups that are given, or else those among the features."""
        if sensitive_features is not None or self.sensitive_columns is None:
            return sensitive_features
        return features_at(X, feature_places(self.sensitive_columns, X, "sensitive column"))

    def _require_parameters(self, rows: TrainingRows, *, many: bool) -> None:
        """Raise a UsageError where a constraint is not for such groups or classes."""
        if self.attributes not in ("together", "each"):
            raise UsageError(
                f'attributes should be "together" or "each", found {one_line(repr(self.attributes))}.'
            )
        if self.constraint == "scalarised" and len(rows.values) > 2:  # noqa: PLR2004 (equation 25 has two)
            raise UsageError(
                f"the scalarised constraint compares two groups, found {len(rows.values)} "
                f"({named(rows.values)}). Use ratio or difference."
            )
        if many and self.objective != "accuracy":
            raise UsageError("of more than two classes the objective is accuracy. Leave it out.")

    def _attributes(self, rows: TrainingRows, weights: NDArray[np.float64] | None) -> tuple[Attribute, ...]:
        """Return what the constraint is on, with the privileged value of each."""
        first = rows.values[0]
        if self.attributes == "together" or not isinstance(first, tuple):
            reference = privileged_place(rows, self.privileged, weights)
            return (Attribute(np.arange(len(rows.values)), reference),)
        if self.constraint == "scalarised":
            raise UsageError(
                "the scalarised constraint compares two groups. Use ratio or difference for each."
            )
        columns = list(zip(*rows.values, strict=True))  # pyright: ignore[reportArgumentType] - tuples
        chosen = (None,) * len(columns) if self.privileged is None else self.privileged
        if not isinstance(chosen, tuple | list) or len(chosen) != len(columns):
            raise UsageError(
                f"privileged should name one value for each of {len(columns)} columns, found "
                f"{named([self.privileged])}."
            )
        found: list[Attribute] = []
        for column, value in zip(columns, chosen, strict=True):
            known = tuple(dict.fromkeys(column))
            codes = np.array([known.index(each) for each in column])
            alone = TrainingRows(rows.X, rows.y, rows.classes, rows.labels, codes[rows.groups], known)
            found.append(Attribute(codes, privileged_place(alone, value, weights)))
        return tuple(found)

    def _scores(self, X: Any, *, many: bool) -> NDArray[np.float64]:
        """Return the score of the positive class, or the probability of each of more than two."""
        if not many:
            return positive_scores(self.estimator_, X)
        if not hasattr(self.estimator_, "predict_proba"):
            raise FitError(
                f"{type(self.estimator_).__name__} gives no probabilities; of more than two classes a "
                "classifier with predict_proba is expected."
            )
        return np.asarray(self.estimator_.predict_proba(X))

    def _cuts(self, scored: Scored, search: Search, constraint: Constraint) -> tuple[Any, ...]:
        found = constraint.find(scored, search)
        selection = selection_probability(scored.scores, scored.groups, found)
        self.achieved_ = constraint.achieved(scored, selection, search)
        return found

    def _offsets(self, scored: Scored, search: Search) -> tuple[MixedOffsets, ...]:
        sizes = np.bincount(scored.groups, weights=scored.weights)
        kind: Any = self.constraint
        limits = offset_limits(kind, search, sizes, scored.scores.shape[1])
        found = best_offsets(scored.scores, scored.groups, scored.weights, limits)
        self.achieved_ = achieved_rates(kind, search, scored, found)
        return found

    def _fit_estimator(
        self, rows: TrainingRows, weights: NDArray[np.float64] | None, params: Mapping[str, Any]
    ) -> NDArray[np.int64]:
        """Fit the classifier, and return the rows that are for the thresholds."""
        every = np.arange(len(rows.y))
        if self.prefit:
            check_is_fitted(self.estimator)
            if not np.array_equal(self.estimator.classes_, rows.classes):
                raise FitError(
                    f"the classifier was fitted on the labels {one_line(self.estimator.classes_)}, found "
                    f"{one_line(rows.classes)}. Give it the labels that it knows."
                )
            self.estimator_ = self.estimator
            return every
        frozen = isinstance(self.estimator, FrozenEstimator)
        if self.validation is None:
            # A frozen classifier is not fitted on these rows.
            if not frozen:
                warnings.warn(
                    "the thresholds are fitted on the rows that the classifier is fitted on, where its "
                    "scores look better than they are; validation=0.25 keeps a quarter of the rows for them.",
                    ThresholdsOnTrainingRows,
                    stacklevel=3,
                )
            own = None if frozen else weights
            self.estimator_ = fit_rows(self.estimator, rows.X, rows.y, own, params)
            return every
        kept = draw_rows(rows.groups, rows.labels, share=self.validation, seed=self.random_state)
        used = np.flatnonzero(~kept)
        divided = {name: part_of(value, used, size=len(every)) for name, value in params.items()}
        own = None if frozen or weights is None else weights[used]
        self.estimator_ = fit_rows(self.estimator, _safe_indexing(rows.X, used), rows.y[used], own, divided)
        return np.flatnonzero(kept)


def _privileged(rows: TrainingRows, attributes: Sequence[Attribute]) -> Group:
    """Return the privileged group, or the privileged value of each attribute."""
    if len(attributes) == 1 and len(np.unique(attributes[0].values)) == len(rows.values):
        return rows.values[attributes[0].reference]
    columns: Any = list(zip(*rows.values, strict=True))  # pyright: ignore[reportArgumentType] - tuples
    return tuple(
        column[int(np.flatnonzero(each.values == each.reference)[0])]
        for column, each in zip(columns, attributes, strict=True)
    )
