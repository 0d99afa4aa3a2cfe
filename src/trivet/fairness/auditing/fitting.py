"""Models fitted with a mitigation, and their predictions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from trivet.errors import TrivetError
from trivet.fairness.auditing.estimators import make_estimator
from trivet.fairness.auditing.rows import AuditRows
from trivet.fairness.auditing.training_spread import subsample
from trivet.fairness.mitigation.registry import MITIGATIONS
from trivet.wording import reason

__all__ = ["BASELINE", "Fitted", "Plan", "fit_and_predict"]

BASELINE = "baseline"


@dataclass(frozen=True, eq=False)
class Plan:
    """Inputs shared by all models of a comparison."""

    rows: AuditRows
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    validation: NDArray[np.bool_]
    estimator: str
    reference: int
    four_fifths: float
    seed: int


@dataclass(frozen=True, eq=False)
class Fitted:
    """Predictions of one model for the test rows."""

    predictions: NDArray[np.int64] | None
    scores: NDArray[np.float64] | None
    note: str


def fit_and_predict(plan: Plan, mitigation: str, repeat: int) -> Fitted:
    """Train one model and let it predict the test rows, on one thread."""
    kept = subsample(len(plan.train), seed=plan.seed, repeat=repeat)
    with threadpool_limits(1):
        try:
            return _fitted(plan, mitigation, plan.train[kept], plan.validation[kept])
        except (TrivetError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            return Fitted(None, None, f"no model: {reason(error)}.")


def _fitted(plan: Plan, name: str, train: NDArray[np.int64], validation: NDArray[np.bool_]) -> Fitted:
    rows, seed = plan.rows, plan.seed
    values = rows.features.values
    if name == BASELINE:
        model: Any = make_estimator(plan.estimator, rows.features, seed=seed)
        model.fit(values[train], rows.labels[train])
        predictions = model.predict(values[plan.test])
        note = ""
    else:
        mitigation = MITIGATIONS[name]
        sensitive = [place for place, column in enumerate(rows.features.names) if column in rows.columns]
        seen = [place for place in range(len(rows.features.names)) if place not in sensitive]
        features = rows.features.only(seen) if mitigation.drops_sensitive else rows.features
        estimator = make_estimator(plan.estimator, features, seed=seed)
        after = mitigation.kind == "after"
        if after:
            own = train[~validation]
            estimator.fit(values[own], rows.labels[own])
            train = train[validation]
        model = mitigation.build(
            estimator,
            sensitive_columns=sensitive,
            privileged=_group(rows.values[plan.reference]),
            random_state=seed,
        )
        if after:
            model.set_params(prefit=True)
        if getattr(model, "constraint", None) == "ratio":
            model.set_params(bound=plan.four_fifths)
        model.fit(values[train], rows.labels[train], sensitive_features=_sensitive(rows, train))
        asked = (
            {"sensitive_features": _sensitive(rows, plan.test)}
            if mitigation.needs_group_at_prediction
            else {}
        )
        predictions = model.predict(values[plan.test], **asked)
        note = mitigation.describe(model)
    scores = model.predict_proba(values[plan.test])[:, 1] if hasattr(model, "predict_proba") else None
    return Fitted(np.asarray(predictions, dtype=np.int64), scores, note)


def _sensitive(rows: AuditRows, places: NDArray[np.int64]) -> NDArray[Any]:
    """Return sensitive features, of one column of shape (rows,), of several (rows, columns)."""
    values = np.array(rows.values, dtype=object)[rows.groups[places]]
    return values[:, 0] if len(rows.columns) == 1 else values


def _group(values: tuple[str, ...]) -> Any:
    """Return a group as mitigations know it."""
    return values[0] if len(values) == 1 else values
