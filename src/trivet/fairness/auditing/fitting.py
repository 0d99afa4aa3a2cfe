"""Models fitted with a mitigation, and their predictions."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.base import ClassifierMixin, clone, is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from trivet.errors import TrivetError, UsageError
from trivet.fairness.auditing.results import FittedThresholds, GroupThreshold, TrainingSpread
from trivet.fairness.auditing.rows import AuditRows
from trivet.fairness.metrics.comparisons import accuracy
from trivet.fairness.metrics.group_rates import selection_rates
from trivet.fairness.mitigation.classifier import fit_rows, weight_parameter
from trivet.fairness.mitigation.registry import MITIGATIONS
from trivet.fairness.mitigation.thresholds.constraints import farthest_ratio
from trivet.tables.features import Features, column_encoder
from trivet.wording import describe_error, first_line, one_line, quote
from trivet.work.own_code import load_callable
from trivet.work.worker_pool import WorkerPool

__all__ = [
    "BASELINE",
    "ESTIMATORS",
    "KEPT",
    "ComparisonPlan",
    "Fitted",
    "Task",
    "fit_and_predict",
    "own_classifier",
    "subsample",
    "train_all",
    "training_spread",
]

#: Each classifier by name, from the seed of what it draws.
ESTIMATORS: Final[dict[str, Callable[[int], ClassifierMixin]]] = {
    "logistic": lambda _seed: LogisticRegression(max_iter=1000),
    "boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
}


def make_estimator(estimator: Any, features: Features, *, seed: int) -> Pipeline:
    """Return a classifier of `Features.values`, not yet fitted, from its name or an unfitted one."""
    made = ESTIMATORS[estimator](seed) if isinstance(estimator, str) else clone(estimator)
    return Pipeline([("encode", column_encoder(features, standardise=True)), ("classify", made)])


def own_classifier(given: Any, *, seed: int) -> Any:
    """Return an unfitted classifier that a user gives, from ``package.module:factory`` or as it is given.

    What it draws is drawn by the seed, unless its own `random_state` says otherwise.
    """
    made: Any = given
    called = f"the estimator {one_line(type(given).__name__)}"
    if isinstance(given, str):
        factory, called = load_callable(given, role="estimator"), f"the factory {quote(given)}"
        try:
            made = factory()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the user's code can fail in any way
            raise UsageError(
                f"{called} failed when it was called without arguments: {describe_error(error)}."
            ) from error
    if isinstance(made, type) or not all(hasattr(made, name) for name in ("fit", "predict", "get_params")):
        raise UsageError(
            f"{called} gives {one_line(type(made).__name__)}, and models are trained anew: expected an "
            "unfitted scikit-learn classifier or Pipeline."
        )
    if not is_classifier(made):
        raise UsageError(f"{called} gives {one_line(type(made).__name__)}, which is not a classifier.")
    classifier: Any = clone(made)
    drawn = {name: seed for name, value in classifier.get_params().items() if _draws(name) and value is None}
    return classifier.set_params(**drawn)


def _draws(parameter: str) -> bool:
    return parameter.rpartition("__")[2] == "random_state"


#: Share of the training rows that each repeat keeps.
KEPT: Final = 0.8


def subsample(rows: int, *, seed: int, repeat: int) -> NDArray[np.int64]:
    """Return the training rows that a repeat keeps, drawn without replacement; all of them in repeat 0."""
    if repeat == 0:
        return np.arange(rows)
    chosen = np.random.default_rng((seed, repeat)).permutation(rows)[: round(KEPT * rows)]
    return np.sort(chosen)


def training_spread(
    estimate: float | None, values: Sequence[float | None], *, level: float, lowest: float, highest: float
) -> TrainingSpread:
    """Turn the figure of each repeat into the spread of training samples of full size."""
    # The delete-d jackknife: with d of n rows left out, the variance over repeats times (n - d) / d (J. Shao,
    # C. F. J. Wu, Annals of Statistics 17, 1989).
    known = tuple(value for value in values if value is not None)
    method = "delete-d jackknife, Student's t"
    if len(known) < 2 or estimate is None:  # noqa: PLR2004 - a variance takes two
        reason = "a spread takes two repeats in which it is defined"
        return TrainingSpread(estimate, None, None, level, method, reason, known)
    if min(known) == max(known):
        reason = f"all {len(known)} repeats gave the same, from which no spread follows"
        return TrainingSpread(estimate, None, None, level, method, reason, known)
    deviation = float(np.std(known, ddof=1)) * math.sqrt(KEPT / (1 - KEPT))
    reach = float(student.ppf((1 + level) / 2, len(known) - 1)) * deviation
    low, high = max(lowest, estimate - reach), min(highest, estimate + reach)
    return TrainingSpread(estimate, low, high, level, method, None, known, deviation)


BASELINE = "baseline"


@dataclass(frozen=True, eq=False)
class ComparisonPlan:
    """Inputs shared by all models of a comparison."""

    rows: AuditRows
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    validation: NDArray[np.bool_]
    estimator: Any
    reference: int
    four_fifths: float
    seed: int


@dataclass(frozen=True, eq=False)
class Fitted:
    """Predictions of one model for the test rows."""

    predictions: NDArray[np.int64] | None
    scores: NDArray[np.float64] | None
    note: str
    thresholds: FittedThresholds | None = None


def fit_and_predict(plan: ComparisonPlan, names: Sequence[str], repeat: int) -> dict[str, Fitted]:
    """Train the models of one repeat and let them predict the test rows, on one thread."""
    kept = subsample(len(plan.train), seed=plan.seed, repeat=repeat)
    trained = _Trained(plan, plan.train[kept], plan.validation[kept], repeat)
    done: dict[str, Fitted] = {}
    with threadpool_limits(1):
        for name in names:
            try:
                done[name] = _fitted(plan, name, trained)
            except (TrivetError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
                done[name] = Fitted(None, None, f"no model: {first_line(error)}.")
    return done


class _Trained:
    """Training rows of one repeat, and the models on them that several mitigations begin with."""

    def __init__(
        self, plan: ComparisonPlan, train: NDArray[np.int64], validation: NDArray[np.bool_], repeat: int
    ) -> None:
        self.plan, self.train, self.validation, self.repeat = plan, train, validation, repeat

    @cached_property
    def whole(self) -> Any:
        """The model without mitigation, fitted on all of them."""
        return self._model(self.train)

    @cached_property
    def without_validation(self) -> Any:
        """The same, fitted on those that are not for thresholds."""
        return self._model(self.train[~self.validation])

    def _model(self, places: NDArray[np.int64]) -> Any:
        rows = self.plan.rows
        model = make_estimator(self.plan.estimator, rows.features, seed=self.plan.seed)
        weights = None if rows.weights is None else rows.weights[places]
        return fit_rows(model, rows.features.values[places], rows.labels[places], weights, {})


def _fitted(plan: ComparisonPlan, name: str, trained: _Trained) -> Fitted:
    rows, seed, train = plan.rows, plan.seed, trained.train
    values = rows.features.values
    if name == BASELINE:
        model = trained.whole
        predictions = model.predict(values[plan.test])
        note, thresholds = "", None
    else:
        mitigation = MITIGATIONS[name]
        sensitive = list(rows.telling)
        seen = [place for place in range(len(rows.features.names)) if place not in sensitive]
        features = rows.features.only(seen) if mitigation.drops_sensitive else rows.features
        after = mitigation.kind == "after"
        estimator = (
            trained.without_validation if after else make_estimator(plan.estimator, features, seed=seed)
        )
        if after:
            train = train[trained.validation]
        model = mitigation.build(
            estimator,
            sensitive_columns=sensitive,
            privileged=_group(rows.values[plan.reference]),
            random_state=seed,
        )
        known = model.get_params(deep=False)
        if after:
            model.set_params(prefit=True)
        if known.get("constraint") == "ratio":
            model.set_params(bound=plan.four_fifths)
        if "ranker" in known:
            model.set_params(ranker=FrozenEstimator(trained.whole))
        if trained.repeat and "proxy_folds" in known:
            model.set_params(proxy_folds=0)  # it is said of the first alone
        given: dict[str, Any] = {}
        if rows.weights is not None:
            # Where the model is only left features out, weights are the classifier's.
            name_of_weights = weight_parameter(estimator) if mitigation.drops_sensitive else "sample_weight"
            given[name_of_weights] = rows.weights[train]
        model.fit(values[train], rows.labels[train], sensitive_features=_sensitive(rows, train), **given)
        thresholds = _thresholds(plan, model, train) if after else None
        asked = (
            {"sensitive_features": _sensitive(rows, plan.test)}
            if mitigation.needs_group_at_prediction
            else {}
        )
        predictions = model.predict(values[plan.test], **asked)
        note = mitigation.describe(model)
    scores = model.predict_proba(values[plan.test])[:, 1] if hasattr(model, "predict_proba") else None
    return Fitted(np.asarray(predictions, dtype=np.int64), scores, note, thresholds)


def _thresholds(plan: ComparisonPlan, model: Any, places: NDArray[np.int64]) -> FittedThresholds:
    """Return the thresholds of a model, and what they achieve on the rows that they were fitted on."""
    rows = plan.rows
    predictions = model.predict(rows.features.values[places], sensitive_features=_sensitive(rows, places))
    counts = rows.count(np.asarray(predictions, dtype=np.int64), places)
    impact = farthest_ratio(selection_rates(counts.amounts), plan.reference)
    return FittedThresholds(
        rows=len(places),
        accuracy=float(accuracy(counts.amounts)),
        disparate_impact=impact if math.isfinite(impact) else None,
        groups=tuple(
            GroupThreshold(name, _cuts(model.thresholds_[_group(values)]))
            for name, values in zip(counts.names, rows.values, strict=True)
        ),
    )


def _cuts(threshold: Any) -> tuple[float | None, ...]:
    """Return the scores of a threshold: None beyond every score, and 0 below every one."""
    cuts = (threshold,) if isinstance(threshold, float) else threshold.thresholds
    return tuple(None if cut == math.inf else max(0.0, float(cut)) for cut in cuts)


def _sensitive(rows: AuditRows, places: NDArray[np.int64]) -> NDArray[Any]:
    """Return sensitive features, of one column of shape (rows,), of several (rows, columns)."""
    values = np.array(rows.values, dtype=object)[rows.groups[places]]
    return values[:, 0] if len(rows.columns) == 1 else values


def _group(values: tuple[str, ...]) -> Any:
    """Return a group as mitigations know it."""
    return values[0] if len(values) == 1 else values


#: A mitigation, and the number of the repeat.
Task = tuple[str, int]

_held: list[ComparisonPlan] = []


def train_all(
    plan: ComparisonPlan,
    names: Sequence[str],
    repeats: int,
    *,
    workers: int,
    progress: Callable[[float], object],
) -> dict[Task, Fitted]:
    """Train each model once and `repeats` times more; what comes out does not depend on the processes."""
    # Models of one repeat share what they begin with, unless there are too few repeats for the processes.
    single = repeats + 1 < workers
    lots = [
        (lot, repeat)
        for repeat in range(repeats + 1)
        for lot in ([(name,) for name in names] if single else [tuple(names)])
    ]
    done: dict[Task, Fitted] = {}

    def add(found: dict[str, Fitted], repeat: int) -> None:
        done.update({(name, repeat): fitted for name, fitted in found.items()})
        progress(len(done) / (len(names) * (repeats + 1)))

    if workers == 1:
        for lot, repeat in lots:
            add(fit_and_predict(plan, lot, repeat), repeat)
        return done
    with WorkerPool(min(workers, len(lots)), initializer=partial(_hold, plan)) as pool:
        flying = {pool.submit(_train_held, *each): each for each in lots}
        for future in as_completed(flying):
            try:
                found = future.result()
            except BrokenProcessPool as error:
                raise TrivetError(
                    f"a worker process was lost while {len(names) * (repeats + 1)} models were trained; "
                    "memory may have run out. Try fewer --workers or fewer --rows."
                ) from error
            add(found, flying[future][1])
    return done


def _hold(plan: ComparisonPlan) -> None:
    """Keep what the tasks of this process share, so that it comes over once."""
    _held.append(plan)


def _train_held(names: Sequence[str], repeat: int) -> dict[str, Fitted]:
    return fit_and_predict(_held[-1], names, repeat)
