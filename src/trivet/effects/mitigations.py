"""Mitigations: what each of them does to membership, accuracy and disparate impact, by group."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from trivet.effects.intervals import STUDENT
from trivet.effects.results import Intervention, Leg, Measurement
from trivet.effects.trainings import Figure, Kind, Training
from trivet.fairness.measures.registry import Measure
from trivet.fairness.mitigation.classifier import fit_rows, weight_parameter
from trivet.fairness.mitigation.registry import MITIGATIONS

__all__ = [
    "BY_CONSTRUCTION",
    "SelfGrouped",
    "figure_of",
    "mitigation_interventions",
    "mitigation_trainings",
]

BY_CONSTRUCTION: Final = "thresholds change decisions and leave every score as it was"
_NO_KINDS: Final[frozenset[Kind]] = frozenset()
_SCORES: Final[frozenset[Kind]] = frozenset({"scores"})


class SelfGrouped(ClassifierMixin, BaseEstimator):
    """A classifier that reads the number of each row's group, and its weight, from two of the features.

    ``drop-sensitive`` leaves out the features at `hidden`; `column` is that of the group.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        mitigation: str | None,
        column: int,
        hidden: tuple[int, ...] = (),
        privileged: int = 1,
        bound: float = 0.8,
        weight: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.mitigation = mitigation
        self.column = column
        self.hidden = hidden
        self.privileged = privileged
        self.bound = bound
        self.weight = weight
        self.random_state = random_state

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> Self:
        """Fit the mitigation, shapes (rows, features) and (rows,)."""
        weights = None if self.weight is None else X[:, self.weight]
        if self.mitigation is None:
            self.mitigated_ = fit_rows(self.estimator, X, y, weights, {})
            self.classes_ = self.mitigated_.classes_
            return self
        built = MITIGATIONS[self.mitigation].build(
            self.estimator,
            sensitive_columns=self.hidden or (self.column,),
            privileged=self.privileged,
            random_state=self.random_state,
        )
        known = built.get_params(deep=False)
        # Thresholds have the classifier fitted again on all rows, so that the scores are those without them.
        wanted: dict[str, float] = {"refit": True, "proxy_folds": 0}
        if known.get("constraint") == "ratio":
            wanted["bound"] = self.bound
        built.set_params(**{name: value for name, value in wanted.items() if name in known})
        given: dict[str, Any] = {}
        if weights is not None:
            # Where the classifier is only left features out, weights are its own.
            dropped = MITIGATIONS[self.mitigation].drops_sensitive
            given = {weight_parameter(self.estimator) if dropped else "sample_weight": weights}
        self.mitigated_ = built.fit(X, y, sensitive_features=self._groups(X), **given)
        self.classes_ = self.mitigated_.classes_
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each class for each row, which no threshold changes."""
        return self.mitigated_.predict_proba(X)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the decision about each row, shape (rows,)."""
        if self.mitigation and MITIGATIONS[self.mitigation].needs_group_at_prediction:
            return self.mitigated_.predict(X, sensitive_features=self._groups(X))
        return self.mitigated_.predict(X)

    def _groups(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        return X[:, self.column].astype(np.int64)


def mitigation_interventions(names: Sequence[str], *, hidden: str) -> tuple[Intervention, ...]:
    """Return the rows of mitigations; `hidden` is what the classifier does not see once it is dropped."""
    return tuple(
        Intervention(
            name=name,
            title=f"the omission of {hidden}"
            if MITIGATIONS[name].drops_sensitive
            else MITIGATIONS[name].title,
            short=f"without {hidden}" if MITIGATIONS[name].drops_sensitive else MITIGATIONS[name].title,
            leg="fairness",
            note=MITIGATIONS[name].note,
        )
        for name in names
    )


def mitigation_trainings(
    family: str,
    names: Sequence[str],
    make: Callable[[bool], Any],
    *,
    column: int,
    hidden: tuple[int, ...],
    privileged: int,
    bound: float,
    weight: int | None = None,
) -> tuple[Training, ...]:
    """Return the training of a classifier without, and with each mitigation.

    `make` gives an unfitted classifier: of the features that are left where its argument is True.
    """

    def grouped(name: str | None, *, without: bool = False) -> SelfGrouped:
        return SelfGrouped(
            make(without),
            mitigation=name,
            column=column,
            hidden=hidden,
            privileged=privileged,
            bound=bound,
            weight=weight,
        )

    return (
        Training(family, None, make(False) if weight is None else grouped(None)),  # noqa: FBT003
        *(
            Training(
                family,
                name,
                grouped(name, without=MITIGATIONS[name].drops_sensitive),
                _SCORES if MITIGATIONS[name].kind == "after" else _NO_KINDS,
                slow=MITIGATIONS[name].kind == "while",
            )
            for name in names
        ),
    )


@dataclass(frozen=True)
class _Words:
    """Words of a kind of figure."""

    title: str
    unit: str
    leg: Leg
    better: Literal["higher", "lower", "neither"]


_OF_KINDS: Final[Mapping[Kind, _Words]] = {
    "scores": _Words(
        "membership exposure of {whose} by scores of {model}",
        "AUROC of the attack RMIA, from 0 to 1; 0.5 is guessing",
        "privacy",
        "lower",
    ),
    "decisions": _Words(
        "membership exposure of {whose} by decisions of {model}",
        "AUROC of an attack by wrong decisions, from 0 to 1; 0.5 is guessing",
        "privacy",
        "lower",
    ),
    "accuracy": _Words("accuracy of {model} on {whose}", "share of rows, from 0 to 1", "fairness", "higher"),
    "impact": _Words(
        "disparate impact of {model} on {whose}",
        "ratio of selection rates, 0 or more; 1 is parity",
        "fairness",
        "neither",
    ),
    "gap": _Words(
        "largest gap in {measure} of {model} between {whose}",
        "largest difference from the reference group, 0 or more; 0 is parity",
        "fairness",
        "lower",
    ),
}


def figure_of(
    kind: Kind,
    *,
    name: str,
    model: str,
    whose: str,
    short: str,
    scale: str,
    family: str,
    group: int | None = None,
    measure: Measure | None = None,
) -> Figure:
    """Return a column: a kind of figure of the models of a family, on all rows or on those of a group."""
    words = _OF_KINDS[kind]
    measurement = Measurement(
        name=name,
        title=words.title.format(whose=whose, model=model, measure="" if measure is None else measure.title),
        short=short,
        leg=words.leg,
        unit=words.unit,
        scale=scale,
        better=words.better,
        interval=STUDENT,
    )
    return Figure(measurement, family, kind, group, measure)
