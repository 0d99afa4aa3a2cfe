"""Fairlearn's reductions as a mitigation: a randomised mixture of classifiers under a constraint."""

import warnings
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError, import_extra
from trivet.fairness.mitigation.classifier import (
    MitigatedClassifier,
    SensitiveFeatures,
    TrainingRows,
    fit_weighted,
    weight_parameter,
)
from trivet.fairness.mitigation.thresholds.randomised import (
    lots,
    marks_of_rows,
    marks_of_scores,
    require_seed,
)
from trivet.wording import one_line

__all__ = ["CONSTRAINTS", "FairlearnReduction", "RandomisedClassifier"]

#: Class of `fairlearn.reductions` for each constraint.
CONSTRAINTS: Final = {
    "demographic_parity": "DemographicParity",
    "equalized_odds": "EqualizedOdds",
    "true_positive_rate_parity": "TruePositiveRateParity",
    "false_positive_rate_parity": "FalsePositiveRateParity",
    "error_rate_parity": "ErrorRateParity",
}


class FairlearnReduction(MitigatedClassifier):
    """Fit a classifier by one of Fairlearn's reductions, so that it stands beside the other mitigations.

    Both reduce a constraint on group rates to a sequence of classifiers on weighted rows with other labels
    (A. Agarwal, A. Beygelzimer, M. Dudik, J. Langford, H. Wallach, A reductions approach to fair
    classification, ICML 2018, algorithm 1 and section 3.4). Several groups are each held against all rows.

    Parameters
    ----------
    estimator
        A classifier for two classes whose fit takes `sample_weight`, or a pipeline that ends in one.
    constraint
        What should be alike in all groups: one of ``"demographic_parity"``, ``"equalized_odds"``,
        ``"true_positive_rate_parity"``, ``"false_positive_rate_parity"`` and ``"error_rate_parity"``.
    algorithm
        ``"exponentiated_gradient"``, which draws one of its classifiers for each row that it predicts, or
        ``"grid_search"``, which keeps the best single one.
    bound
        How far the rate of a group may be from the rate of all, not negative.
    max_iter
        Iterations of the exponentiated gradient at most.
    grid_size
        Multipliers that the grid search tries.
    random_state
        Seed of the draw, from 0 to 2^32 - 1. A draw depends on the row's features and this seed: see
        `RandomisedClassifier`.

    Attributes
    ----------
    estimator_ : The classifiers that are drawn from, and the probability of each.
    classes_ : The two labels; the second is the positive one.
    groups_ : The value of each group.
    n_iter_ : Iterations that were made, or multipliers that were tried.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        constraint: str = "demographic_parity",
        algorithm: Literal["exponentiated_gradient", "grid_search"] = "exponentiated_gradient",
        bound: float = 0.01,
        max_iter: int = 50,
        grid_size: int = 10,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.constraint = constraint
        self.algorithm = algorithm
        self.bound = bound
        self.max_iter = max_iter
        self.grid_size = grid_size
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, sensitive_features: SensitiveFeatures = None, **fit_params: Any) -> Self:
        """Let Fairlearn fit the classifiers.

        Parameters
        ----------
        X, y
            Features and labels, one row each; features are whatever the classifier takes.
        sensitive_features
            The group of each row: see `sensitive_codes`.
        **fit_params
            For each of the classifiers; no `sample_weight`.

        Raises
        ------
        UsageError
            If Fairlearn is not installed, a parameter is not among those above, the classifier takes no
            weights, weights are given, or there are no sensitive features.
        DataError
            If labels or groups are not what they should be.
        """
        self._require_parameters()
        name = weight_parameter(self.estimator)
        rows = self._training_rows(X, y, sensitive_features)
        weighed = [given for given in ("sample_weight", name) if fit_params.get(given) is not None]
        if weighed:
            raise UsageError(
                f"Fairlearn's reductions weigh the rows themselves and cannot heed {weighed[0]}. Leave "
                "it out, or take Reweighing, which goes on from given weights."
            )
        routed = self._routed("estimator", sensitive_features, fit_params)
        self.classes_, self.groups_ = rows.classes, rows.values
        with warnings.catch_warnings():
            # Fairlearn's use of pandas does not concern whoever fits a classifier.
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"fairlearn\.")
            found = self._reduce(_RowClassifier(self.estimator, rows.X, routed), rows)
        self.estimator_ = RandomisedClassifier(
            # Fairlearn puts a constant in place of a classifier that would see one label only.
            estimators=tuple(
                one.fitted if isinstance(one, _RowClassifier) else one.fit(rows.X, rows.labels)
                for one, _ in found
            ),
            weights=tuple(weight for _, weight in found),
            classes=rows.classes,
            random_state=self.random_state,
        )
        return self._fitted()

    @property
    def decision_function(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Nothing: of several classifiers none decides alone."""
        raise AttributeError("a mixture of classifiers has no decision function; use predict_proba.")

    def _reduce(self, classifier: "_RowClassifier", rows: TrainingRows) -> list[tuple[Any, float]]:
        """Run Fairlearn, and return the classifiers with the probability of each."""
        reductions = import_extra("fairlearn.reductions", "FairlearnReduction")
        constraint = getattr(reductions, CONSTRAINTS[self.constraint])(difference_bound=self.bound)
        # Numbers of rows stand for the rows, so that these may be anything that the classifier takes.
        places = np.arange(len(rows.y))[:, np.newaxis]
        if self.algorithm == "grid_search":
            search = reductions.GridSearch(classifier, constraint, grid_size=self.grid_size)
            search.fit(places, rows.labels, sensitive_features=rows.groups)
            self.n_iter_ = len(search.predictors_)
            return [(search.predictors_[search.best_idx_], 1.0)]
        gradient = reductions.ExponentiatedGradient(classifier, constraint, max_iter=self.max_iter)
        gradient.fit(places, rows.labels, sensitive_features=rows.groups)
        self.n_iter_ = gradient.last_iter_ + 1
        weights = gradient.weights_ / gradient.weights_.sum()
        return [(gradient.predictors_[place], float(weights[place])) for place in weights.index[weights > 0]]

    def _require_parameters(self) -> None:
        """Raise a UsageError unless the parameters are among those that there are."""
        for name, value, known in (
            ("constraint", self.constraint, tuple(CONSTRAINTS)),
            ("algorithm", self.algorithm, ("exponentiated_gradient", "grid_search")),
        ):
            if value not in known:
                raise UsageError(
                    f"{name} should be one of {', '.join(known)}, found {one_line(repr(value))}."
                )
        require_seed(self.random_state)
        if not self.bound >= 0:
            raise UsageError(f"bound should be a number from 0 up, found {one_line(repr(self.bound))}.")


@dataclass(frozen=True)
class RandomisedClassifier:
    """Several classifiers, of which one is drawn for each row by its features (`random_draws`)."""

    estimators: tuple[Any, ...]
    weights: tuple[float, ...]
    classes: NDArray[Any]
    random_state: int

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label that a drawn classifier predicts for each row, shape (rows,)."""
        positive = self.predict_proba(X)[:, 1]
        marks = marks_of_rows(X)
        if marks is None:
            marks = marks_of_scores(positive, np.zeros(len(positive), dtype=np.int64))
        return self.classes[(lots(marks, self.random_state) < positive).astype(np.int64)]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability with which each label is predicted, shape (rows, 2)."""
        positive = np.average([one.predict(X) for one in self.estimators], axis=0, weights=self.weights)
        return np.column_stack([1 - positive, positive])

    def __getattr__(self, name: str) -> Any:
        """Return what the classifiers know of their features."""
        if name not in ("n_features_in_", "feature_names_in_"):
            raise AttributeError(name)
        return getattr(self.estimators[0], name)


class _RowClassifier:
    """A classifier for Fairlearn that is given numbers of rows, and looks the rows up."""

    def __init__(self, estimator: Any, X: Any, params: dict[str, Any]) -> None:
        self.estimator, self.X, self.params = estimator, X, params

    def __deepcopy__(self, _memo: dict[int, Any]) -> "_RowClassifier":
        # Fairlearn copies the classifier for each fit, and need not copy the rows.
        return _RowClassifier(self.estimator, self.X, self.params)

    def fit(self, _places: Any, labels: Any, sample_weight: Any) -> Self:
        """Fit a copy of the classifier to all rows."""
        weights = np.asarray(sample_weight)
        self.fitted = fit_weighted(self.estimator, self.X, np.asarray(labels), weights, self.params)
        return self

    def predict(self, _places: Any) -> NDArray[np.int64]:
        """Predict all rows: Fairlearn asks for no others while it fits."""
        return self.fitted.predict(self.X)
