"""Reduction of a constraint on groups to weighted classification: a randomised mixture of classifiers."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from trivet.errors import UsageError
from trivet.fairness.mitigation.classifier import (
    MitigatedClassifier,
    SensitiveFeatures,
    TrainingRows,
    fit_weighted,
    unfitted,
    weight_parameter,
)
from trivet.fairness.mitigation.mixtures import Limits, Mixture, Rule, cheapest_mixture, excess_of
from trivet.fairness.mitigation.thresholds.randomised import (
    lots,
    marks_of_rows,
    marks_of_scores,
    require_seed,
)
from trivet.wording import one_line

__all__ = ["CONSTRAINTS", "RandomisedClassifier", "Reduction"]

#: For each constraint the labels whose rows are compared, each alone or all together, and whether it is their
#: errors that are compared and not their selection.
CONSTRAINTS: Final[dict[str, tuple[tuple[tuple[int, ...], ...], bool]]] = {
    "demographic_parity": (((0, 1),), False),
    "equalized_odds": (((0,), (1,)), False),
    "true_positive_rate_parity": (((1,),), False),
    "false_positive_rate_parity": (((0,),), False),
    "error_rate_parity": (((0, 1),), True),
}
#: Cost of a unit beyond the bound, in errors. A. Agarwal et al. cap their multipliers likewise.
DEAREST: Final = 100.0
#: Errors that a classifier has to save to count as a step forward.
GAP: Final = 1e-5


class Reduction(MitigatedClassifier):
    """Fit a mixture of classifiers with the fewest errors that treats groups alike on the training rows.

    The constraint is reduced to a sequence of classifiers on weighted rows with other labels (A. Agarwal, A.
    Beygelzimer, M. Dudik, J. Langford, H. Wallach, A reductions approach to fair classification, ICML 2018).
    Multipliers are those of subgradient ascents, as in their exponentiated gradient, and of the linear
    programme over the classifiers fitted so far. Several groups are each held against all rows.

    Parameters
    ----------
    estimator
        A classifier for two classes whose fit takes `sample_weight`, or a pipeline that ends in one, whose
        other steps are then fitted once, on the labels as they are (each time, with metadata routing).
    constraint
        What should be alike in all groups: one of ``"demographic_parity"``, ``"equalized_odds"``,
        ``"true_positive_rate_parity"``, ``"false_positive_rate_parity"`` and ``"error_rate_parity"``.
    bound
        How far the rate of a group may be from the rate of all, not negative.
    randomised
        Whether one of several classifiers is drawn for each row that is predicted. False keeps the single
        one with the fewest errors, counting what is beyond the bound as errors.
    max_iter
        Classifiers that are fitted, at most.
    random_state
        Seed of the draw, from 0 to 2^32 - 1. A draw depends on the row's features and this seed: see
        `RandomisedClassifier`.

    Attributes
    ----------
    estimator_ : The classifiers that are drawn from, and the probability of each.
    classes_ : The two labels; the second is the positive one.
    groups_ : The value of each group.
    n_iter_ : Classifiers that were fitted.
    """

    _trains: ClassVar[bool] = True
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"sample_weight": True}

    def __init__(
        self,
        estimator: Any,
        *,
        constraint: str = "demographic_parity",
        bound: float = 0.01,
        randomised: bool = True,
        max_iter: int = 100,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.constraint = constraint
        self.bound = bound
        self.randomised = randomised
        self.max_iter = max_iter
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
        """Fit the classifiers, and find the probability of each.

        Parameters
        ----------
        X, y
            Features and labels, one row each; features are whatever the classifier takes.
        sensitive_features
            The group of each row: see `sensitive_codes`.
        sample_weight
            What each row weighs, shape (rows,), not negative: errors and rates are then of weight.
        **fit_params
            For each of the classifiers.

        Raises
        ------
        UsageError
            If a parameter is not among those above, the classifier takes no weights, or there are no
            sensitive features.
        DataError
            If labels, groups or weights are not what they should be.
        """
        self._require_parameters()
        self._require_classifier()
        weight_parameter(self.estimator)
        rows = self._training_rows(X, y, sensitive_features)
        weights, params = self._weights(rows, sample_weight, fit_params)
        routed = self._routed("estimator", sensitive_features, params)
        self.classes_, self.groups_ = rows.classes, rows.values
        transform, learn = _learner(self.estimator, rows, routed)
        rates = _Rates(
            rows, np.ones(len(rows.y)) if weights is None else weights, *CONSTRAINTS[self.constraint]
        )
        limits = rates.limits(self.bound)

        def respond(prices: NDArray[np.float64]) -> Rule:
            costs = rates.cost_of_selection(prices)
            fitted, predictions = learn((costs < 0).astype(np.int64), np.abs(costs))
            return rates.rule(predictions, fitted)

        mixture = cheapest_mixture(respond, limits, dearest=DEAREST, gap=GAP, most_rules=self.max_iter)
        self.n_iter_ = len(mixture.made)
        if not self.randomised:
            one = min(mixture.made, key=lambda rule: rule.cost + excess_of(rule.rates, limits))
            mixture = Mixture((one,), (1.0,), mixture.made)
        self.estimator_ = RandomisedClassifier(
            estimators=tuple(rule.made for rule in mixture.rules),
            weights=mixture.shares,
            classes=rows.classes,
            random_state=self.random_state,
            transform=transform,
        )
        return self._fitted()

    @property
    def decision_function(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Nothing: of several classifiers none decides alone."""
        raise AttributeError("a mixture of classifiers has no decision function; use predict_proba.")

    def _require_parameters(self) -> None:
        """Raise a UsageError unless the parameters are among those that there are."""
        if self.constraint not in CONSTRAINTS:
            raise UsageError(
                f"constraint should be one of {', '.join(CONSTRAINTS)}, found "
                f"{one_line(repr(self.constraint))}."
            )
        require_seed(self.random_state)
        if isinstance(self.bound, bool) or not isinstance(self.bound, Real) or not float(self.bound) >= 0:
            raise UsageError(f"bound should be a number from 0 up, found {one_line(repr(self.bound))}.")
        most: Any = self.max_iter
        if isinstance(most, bool) or not isinstance(most, Integral) or int(most) < 1:
            raise UsageError(
                f"max_iter should be a whole number, 1 or more, found {one_line(repr(self.max_iter))}."
            )


class _Rates:
    """Error and group rates of predictions on the training rows, and what a selection costs at a price."""

    def __init__(
        self,
        rows: TrainingRows,
        weights: NDArray[np.float64],
        events: tuple[tuple[int, ...], ...],
        errors: bool,  # noqa: FBT001 - of a row of the table above
    ) -> None:
        self.cells = 2 * rows.groups + rows.labels
        self.weights = weights
        groups = len(rows.values)
        self.cell_weights = np.bincount(self.cells, weights=weights, minlength=2 * groups).reshape(-1, 2)
        # The rate of an event in a group is the mean of its cells: share[event, group, label] selected.
        share = np.zeros((len(events), groups, 2))
        for place, labels in enumerate(events):
            share[place][:, labels] = self.cell_weights[:, labels]
        sizes = share.sum(axis=2)
        self.defined = sizes > 0
        share = np.divide(share, sizes[..., np.newaxis], out=share, where=self.defined[..., np.newaxis])
        self.sign = np.array([1.0, -1.0 if errors else 1.0])
        self.share = share
        whole = sizes.sum(axis=1, keepdims=True)
        self.part = np.divide(sizes, whole, out=np.zeros_like(sizes), where=whole > 0)

    def limits(self, bound: float) -> Limits:
        """Return that the rate of each group is within a bound of the rate of all, in each event."""
        events, groups = self.defined.shape
        rows = []
        for event in range(events):
            for group in np.flatnonzero(self.defined[event]):
                row = np.zeros((events, groups))
                row[event] = -self.part[event]
                row[event, group] += 1
                # The rate of errors is that of selected negatives minus that of selected positives, and the
                # rate of positives, which no prediction changes.
                fixed = self.share[event, :, 1] * (self.sign[1] < 0)
                offset = float(row[event] @ fixed)
                rows += [(row.ravel(), bound - offset), (-row.ravel(), bound + offset)]
        matrix, most = (np.array(column) for column in zip(*rows, strict=True))
        return Limits(matrix, most, np.zeros((len(rows), 0)))

    def cost_of_selection(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return for each row what selecting it adds to the error and to the priced rates."""
        total = self.cell_weights.sum()
        by_event = prices.reshape(self.defined.shape)[..., np.newaxis] * self.share * self.sign
        # Per unit of weight of the cell.
        priced = np.divide(
            by_event.sum(axis=0),
            self.cell_weights,
            out=np.zeros_like(self.cell_weights),
            where=self.cell_weights > 0,
        )
        table = np.array([1.0, -1.0]) / total + priced
        return table.ravel()[self.cells] * self.weights

    def rule(self, predictions: NDArray[np.int64], made: Any) -> Rule:
        """Return what predictions of 0 and 1 cost, and their rates."""
        selected = np.bincount(
            self.cells, weights=self.weights * predictions, minlength=self.cell_weights.size
        ).reshape(-1, 2)
        wrong = selected[:, 0].sum() + (self.cell_weights[:, 1] - selected[:, 1]).sum()
        shares = np.divide(
            selected, self.cell_weights, out=np.zeros_like(selected), where=self.cell_weights > 0
        )
        rates = (self.share * self.sign * shares).sum(axis=2)
        return Rule(float(wrong / self.cell_weights.sum()), rates.ravel(), made)


Learn = Callable[[NDArray[np.int64], NDArray[np.float64]], tuple[Any, NDArray[np.int64]]]


def _learner(estimator: Any, rows: TrainingRows, params: dict[str, Any]) -> tuple[Any, Learn]:
    """Return the steps of a pipeline that are fitted once, and how to fit a classifier and let it predict."""
    seen, transform = rows.X, None
    if (
        isinstance(estimator, Pipeline)
        and len(estimator.steps) > 1
        and not get_config()["enable_metadata_routing"]
    ):
        own = f"{estimator.steps[-1][0]}__"
        others = {name: value for name, value in params.items() if not name.startswith(own)}
        transform, estimator = unfitted(estimator)[:-1], estimator.steps[-1][1]
        seen = transform.fit_transform(seen, rows.y, **others)
        params = {name.removeprefix(own): value for name, value in params.items() if name.startswith(own)}

    def learn(labels: NDArray[np.int64], weights: NDArray[np.float64]) -> tuple[Any, NDArray[np.int64]]:
        if labels.min() == labels.max() or not weights.any():
            fitted: Any = DummyClassifier(strategy="constant", constant=labels[0]).fit(seen, labels)
        else:
            fitted = fit_weighted(estimator, seen, labels, weights * (len(labels) / weights.sum()), params)
        return fitted, np.asarray(fitted.predict(seen)).astype(np.int64)

    return transform, learn


@dataclass(frozen=True)
class RandomisedClassifier:
    """Several classifiers, of which one is drawn for each row by its features.

    Attributes
    ----------
    estimators, weights : The classifiers, which predict 0 or 1, and the probability of each.
    classes : What 0 and 1 stand for.
    random_state : Seed of the draws.
    transform : Fitted steps that all of them share; None without.
    """

    estimators: tuple[Any, ...]
    weights: tuple[float, ...]
    classes: NDArray[Any]
    random_state: int
    transform: Any = None

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label that a drawn classifier predicts for each row, shape (rows,)."""
        positive = self.predict_proba(X)[:, 1]
        marks = marks_of_rows(X)
        if marks is None:
            marks = marks_of_scores(positive, np.zeros(len(positive), dtype=np.int64))
        return self.classes[(lots(marks, self.random_state) < positive).astype(np.int64)]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability with which each label is predicted, shape (rows, 2)."""
        seen = X if self.transform is None else self.transform.transform(X)
        positive = np.average([one.predict(seen) for one in self.estimators], axis=0, weights=self.weights)
        return np.column_stack([1 - positive, positive])

    def __getattr__(self, name: str) -> Any:
        """Return what the classifiers know of their features."""
        if name not in ("n_features_in_", "feature_names_in_"):
            raise AttributeError(name)
        return getattr(self.estimators[0] if self.transform is None else self.transform, name)
