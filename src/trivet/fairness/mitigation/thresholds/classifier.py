"""Classifier with a threshold for each group."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import PRIVILEGED, PROTECTED, Group, require_same_order
from trivet.fairness.counting.arrays import binary_counts
from trivet.fairness.mitigation.classifier import (
    FitError,
    MitigatedClassifier,
    SensitiveFeatures,
    TrainingRows,
    codes_of,
    named,
    positive_scores,
    sensitive_names,
    unfitted,
)
from trivet.fairness.mitigation.labels import privileged_place
from trivet.fairness.mitigation.thresholds.cuts import Objective, difference_thresholds, ratio_thresholds
from trivet.fairness.mitigation.thresholds.odds import equal_opportunity_thresholds, equalized_odds_thresholds
from trivet.fairness.mitigation.thresholds.randomised import (
    MixedThreshold,
    apply_group_thresholds,
    require_seed,
    selection_probability,
)
from trivet.fairness.mitigation.thresholds.scalarised import (
    grid_thresholds,
    scalarised_objective,
    scalarised_thresholds,
)
from trivet.wording import one_line

__all__ = [
    "CONSTRAINTS",
    "GroupThresholds",
    "Scored",
    "Search",
    "ThresholdsOnTrainingRows",
    "draw_rows",
    "farthest_ratio",
]

ConstraintName = Literal["ratio", "difference", "equalized_odds", "equal_opportunity", "scalarised"]


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows that thresholds are fitted on: label (0 or 1), score and group of each, shape (rows,)."""

    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    groups: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Search:
    """Settings of a search; `reference` is the place of the privileged group."""

    bound: float
    objective: Objective
    penalty: float
    grid: ArrayLike | None
    reference: int


Found = tuple[float | MixedThreshold, ...]
Selection = NDArray[np.float64]


@dataclass(frozen=True)
class Constraint:
    """One row of the table of constraints."""

    find: Callable[[Scored, Search], Found]
    achieved: Callable[[Scored, Selection, Search], float]
    usual_bound: float = 0
    needs_both_labels: bool = False


def _rates(groups: NDArray[np.int64], selection: Selection) -> NDArray[np.float64]:
    """Return the mean selection of each group."""
    return np.bincount(groups, weights=selection) / np.bincount(groups)


def farthest_ratio(rates: NDArray[np.float64], reference: int) -> float:
    """Return the ratio to the reference's selection rate farthest from 1; NaN where that is 0."""
    if rates[reference] == 0:
        return math.nan
    ratios = rates / rates[reference]
    nearness = np.minimum(ratios, np.divide(1, ratios, out=np.zeros_like(ratios), where=ratios > 0))
    return float(ratios[np.argmin(nearness)])


def _farthest_ratio(rows: Scored, selection: Selection, search: Search) -> float:
    return farthest_ratio(_rates(rows.groups, selection), search.reference)


def _rate_difference(rows: Scored, selection: Selection, _search: Search) -> float:
    return float(np.ptp(_rates(rows.groups, selection)))


def _error_rate_difference(rows: Scored, selection: Selection, *labels: int) -> float:
    """Return the largest difference between groups of the selection rate among rows of one label."""
    return max(
        float(np.ptp(_rates(rows.groups[rows.labels == label], selection[rows.labels == label])))
        for label in labels
    )


def _sides(rows: Scored, search: Search) -> NDArray[np.int64]:
    return np.where(rows.groups == search.reference, PRIVILEGED, PROTECTED)


def _scalarised(rows: Scored, search: Search) -> Found:
    """Find the pair over all pairs of cuts, or over those of a grid."""
    columns = rows.labels, rows.scores, _sides(rows, search)
    if search.grid is None:
        pair = scalarised_thresholds(*columns, penalty=search.penalty)
    else:
        grid = np.asarray(search.grid, dtype=np.float64)
        pair = grid_thresholds(*columns, grid=grid, penalty=search.penalty)
    # There are two groups, numbered 0 and 1.
    found = pair.protected, pair.privileged
    return found if search.reference == PRIVILEGED else found[::-1]


def _objective(rows: Scored, selection: Selection, search: Search) -> float:
    counts = binary_counts(rows.labels, selection, _sides(rows, search))
    return float(scalarised_objective(counts, penalty=search.penalty))


CONSTRAINTS: Final[dict[ConstraintName, Constraint]] = {
    "ratio": Constraint(
        find=lambda rows, search: ratio_thresholds(
            rows.labels,
            rows.scores,
            rows.groups,
            reference=search.reference,
            bound=search.bound,
            objective=search.objective,
        ),
        achieved=_farthest_ratio,
        usual_bound=0.8,
    ),
    "difference": Constraint(
        find=lambda rows, search: difference_thresholds(
            rows.labels, rows.scores, rows.groups, bound=search.bound, objective=search.objective
        ),
        achieved=_rate_difference,
        usual_bound=0.05,
    ),
    "equalized_odds": Constraint(
        find=lambda rows, search: equalized_odds_thresholds(
            rows.labels, rows.scores, rows.groups, objective=search.objective
        ),
        achieved=lambda rows, selection, _search: _error_rate_difference(rows, selection, 0, 1),
        needs_both_labels=True,
    ),
    "equal_opportunity": Constraint(
        find=lambda rows, search: equal_opportunity_thresholds(
            rows.labels, rows.scores, rows.groups, objective=search.objective
        ),
        achieved=lambda rows, selection, _search: _error_rate_difference(rows, selection, 1),
        needs_both_labels=True,
    ),
    "scalarised": Constraint(find=_scalarised, achieved=_objective),
}


def chosen_constraint(name: ConstraintName, *, bound: float | None, grid: ArrayLike | None) -> Constraint:
    """Return a constraint by name."""
    constraint = CONSTRAINTS.get(name)
    if constraint is None:
        raise UsageError(
            f"the constraint should be one of {', '.join(CONSTRAINTS)}, found {one_line(repr(name))}."
        )
    if bound is not None and not constraint.usual_bound:
        raise UsageError(f"the constraint {name} takes no bound. Leave it out.")
    if grid is not None and name != "scalarised":
        raise UsageError(f"a grid is for the constraint scalarised, found {name}, which tries every cut.")
    return constraint


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
    """Predict with a score threshold for each group: the best that hold to a constraint, found exactly.

    The classifier is fitted on some of the rows, and the thresholds on the others: on rows that it was
    fitted on its scores look better, and fairer or less fair, than they are.

    Parameters
    ----------
    estimator
        A classifier for two classes with ``predict_proba`` or ``decision_function``.
    constraint
        ``"ratio"``: selection rates of at least `bound`, and at most 1 / `bound`, times that of the
        privileged group (`ratio_thresholds`). ``"difference"``: selection rates at most `bound` apart
        (`difference_thresholds`). ``"equalized_odds"``: equal true and false positive rates, by
        randomised thresholds (`equalized_odds_thresholds`). ``"equal_opportunity"``: equal true positive
        rates, likewise (`equal_opportunity_thresholds`). ``"scalarised"``, for two groups: the smallest
        |1 - DI| + `penalty` (1 - accuracy) (`scalarised_thresholds`).
    bound
        Of ``"ratio"``, by default 0.8, or ``"difference"``, by default 0.05.
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
        least two percent of the rows: see `most_favoured`.
    random_state
        Seed of the rows kept for the thresholds, and of the draws, from 0 to 2^32 - 1. A draw depends on
        the row's features and this seed: see `apply_group_thresholds`.

    Attributes
    ----------
    estimator_ : The fitted classifier.
    classes_ : The two labels; the second is the positive one.
    thresholds_ : From the value of each group to the score from which its members are predicted positive: a
        float, or a `MixedThreshold` where it is randomised.
    sensitive_names_ : Names of the sensitive columns, if a frame or a mapping gave them. `predict` finds the
        columns of another frame by them, and those of an array by place.
    privileged_ : Value of the privileged group.
    achieved_ : How near the constraint comes on the rows of the thresholds: the ratio to the privileged
        group's selection rate that is farthest from 1; the largest difference of selection rates, or of
        expected error rates; or the scalarised objective.
    validation_rows_ : Places of the rows that the thresholds were fitted on, shape (kept,).
    n_features_in_, feature_names_in_ : Of the classifier, where it has them.

    Notes
    -----
    Sample weights and the like are for the classifier; in fitting thresholds every row counts once.
    ``predict_proba`` and ``decision_function`` are those of the classifier and know of no group.
    scikit-learn's scorers cannot pass groups on to ``predict``: cross-validate with `GroupScorer`.
    """

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
        objective: Objective = "accuracy",
        penalty: float = 0.2,
        validation: float | None = 0.25,
        refit: bool = False,
        prefit: bool = False,
        grid: ArrayLike | None = None,
        privileged: Group | None = None,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.constraint = constraint
        self.bound = bound
        self.objective = objective
        self.penalty = penalty
        self.validation = validation
        self.refit = refit
        self.prefit = prefit
        self.grid = grid
        self.privileged = privileged
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, sensitive_features: SensitiveFeatures = None, **fit_params: Any) -> Self:
        """Fit the classifier on some rows and the thresholds on the others.

        Parameters
        ----------
        X, y
            Features and labels, one row each.
        sensitive_features
            The group of each row: see `sensitive_codes`.
        **fit_params
            For the classifier, unless it is fitted already. What has an entry a row is divided as the rows
            are.

        Raises
        ------
        UsageError
            If a parameter is not among those above, or there are no sensitive features.
        DataError
            If labels or groups are not what they should be, or a group has too few rows for the thresholds.
        """
        constraint = chosen_constraint(self.constraint, bound=self.bound, grid=self.grid)
        require_share_and_seed(self.validation, self.random_state)
        rows = self._training_rows(X, y, sensitive_features)
        if self.constraint == "scalarised" and len(rows.values) > 2:  # noqa: PLR2004 (equation 25 has two)
            raise UsageError(
                f"the scalarised constraint compares two groups, found {len(rows.values)} "
                f"({named(rows.values)}). Use ratio or difference."
            )
        privileged = privileged_place(rows, self.privileged)
        routed = self._routed("estimator", sensitive_features, fit_params)
        kept = self._fit_estimator(rows, routed)
        require_rows(
            rows.groups[kept], rows.labels[kept], rows.values, both_labels=constraint.needs_both_labels
        )

        scored = Scored(
            labels=rows.labels[kept],
            scores=positive_scores(self.estimator_, _safe_indexing(rows.X, kept)),
            groups=rows.groups[kept],
        )
        search = Search(
            bound=constraint.usual_bound if self.bound is None else self.bound,
            objective=self.objective,
            penalty=self.penalty,
            grid=self.grid,
            reference=privileged,
        )
        found = constraint.find(scored, search)
        selection = selection_probability(scored.scores, scored.groups, found)
        self.achieved_ = constraint.achieved(scored, selection, search)
        self.thresholds_: dict[Group, float | MixedThreshold] = dict(zip(rows.values, found, strict=True))
        self.sensitive_names_ = sensitive_names(sensitive_features)
        self.privileged_ = rows.values[privileged]
        self.validation_rows_ = kept
        self.classes_ = rows.classes
        if self.refit and not self.prefit:
            self.estimator_ = unfitted(self.estimator).fit(rows.X, rows.y, **routed)
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
        require_same_order(X=X, sensitive_features=sensitive_features)
        scores = positive_scores(self.estimator_, X)
        codes = codes_of(
            sensitive_features, tuple(self.thresholds_), rows=len(scores), names=self.sensitive_names_
        )
        thresholds = tuple(self.thresholds_.values())
        return self.classes_[
            apply_group_thresholds(scores, codes, thresholds, random_state=self.random_state, features=X)
        ]

    def score(
        self, X: Any, y: Any, sample_weight: Any = None, *, sensitive_features: SensitiveFeatures = None
    ) -> float:
        """Return the accuracy, in [0, 1], of what `predict` says, of rows weighed by `sample_weight`."""
        predictions = self.predict(X, sensitive_features=sensitive_features)
        return float(accuracy_score(y, predictions, sample_weight=sample_weight))

    def _fit_estimator(self, rows: TrainingRows, params: Mapping[str, Any]) -> NDArray[np.int64]:
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
        if self.validation is None:
            # A frozen classifier is not fitted on these rows.
            if not isinstance(self.estimator, FrozenEstimator):
                warnings.warn(
                    "the thresholds are fitted on the rows that the classifier is fitted on, where its "
                    "scores look better than they are; validation=0.25 keeps a quarter of the rows for them.",
                    ThresholdsOnTrainingRows,
                    stacklevel=3,
                )
            self.estimator_ = unfitted(self.estimator).fit(rows.X, rows.y, **params)
            return every
        kept = draw_rows(rows.groups, rows.labels, share=self.validation, seed=self.random_state)
        used = np.flatnonzero(~kept)
        divided = {name: part_of(value, used, size=len(every)) for name, value in params.items()}
        self.estimator_ = unfitted(self.estimator).fit(_safe_indexing(rows.X, used), rows.y[used], **divided)
        return np.flatnonzero(kept)
