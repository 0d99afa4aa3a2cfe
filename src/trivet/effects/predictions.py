"""Remedies for a model that is not there, only its predictions: thresholds by group act on scores alone."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from trivet.effects.mitigations import mitigation_interventions
from trivet.effects.results import Intervention
from trivet.effects.settings import EffectSettings
from trivet.effects.trainings import Figure, Found, Rows, Training, divided_rows, figures_of_decisions
from trivet.errors import TrivetError
from trivet.fairness.mitigation.registry import MITIGATIONS
from trivet.fairness.mitigation.thresholds.classifier import draw_rows
from trivet.wording import first_line

__all__ = ["NO_MODEL", "NO_SCORES", "GivenScores", "ScoredRows", "threshold_figures"]

#: Mitigations that act on the scores of a model that is trained.
AFTER: Final = tuple(name for name, each in MITIGATIONS.items() if each.kind == "after")
NO_MODEL: Final = (
    "Only predictions are given, and no model that could be trained anew: mitigations that act before or "
    "while it is trained, private training and membership exposure were not measured; name an estimator in "
    "[fairness.table]."
)
NO_SCORES: Final = "There are decisions and no scores with labels, which leaves thresholds nothing to act on."


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoredRows:
    """Rows with the scores of a model that is not there: the scores in [0, 1] are the only feature.

    A row is selected from `cut` on without a remedy; thresholds hold a band from `bound` up.
    """

    name: str
    rows: Rows
    cut: float
    reference: int
    bound: float
    hidden: str
    figures: tuple[Figure, ...]
    samples: int
    reason: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        """Thresholds, which are all that acts on scores."""
        return mitigation_interventions(AFTER, hidden=self.hidden)

    @property
    def decisions(self) -> tuple[Training, ...]:
        """Decisions at the cut, and by each of the thresholds; nothing is trained for them."""
        family = self.figures[0].family
        return tuple(Training(family, remedy, None) for remedy in (None, *AFTER))


class GivenScores(ClassifierMixin, BaseEstimator):
    """A classifier whose probability of the positive class is the only feature."""

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> Self:  # noqa: ARG002 - nothing is learned
        """Learn nothing."""
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one minus the score, and the score, shape (rows, 2)."""
        return np.column_stack([1 - X[:, 0], X[:, 0]])

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the likelier class of each row."""
        return (X[:, 0] >= 0.5).astype(np.int64)  # noqa: PLR2004 - of a probability


def threshold_figures(scored: ScoredRows, settings: EffectSettings, *, seed: int) -> list[Found]:
    """Fit thresholds on half of each sample, and measure them and the cut on the other half."""
    samples = divided_rows(
        scored.rows, rows=settings.rows, samples=min(settings.samples, scored.samples), seed=seed
    )
    return [_on_sample(scored, sample, seed=seed + turn) for turn, sample in enumerate(samples)]


def _on_sample(scored: ScoredRows, sample: Rows, *, seed: int) -> Found:
    fitted = draw_rows(sample.groups, sample.labels, share=0.5, seed=seed)
    learned, judged = sample.take(fitted), sample.take(~fitted)
    found: dict[tuple[str, str | None], dict[str, float | str]] = {}
    for each in scored.decisions:
        try:
            said = (judged.features[:, 0] >= scored.cut).astype(np.int64)
            if each.remedy is not None:
                said = _by_thresholds(scored, each.remedy, learned, judged, seed=seed)
            measured = figures_of_decisions(
                judged,
                said[np.newaxis],
                np.ones((1, len(judged)), dtype=np.bool_),
                scored.figures,
                reference=scored.reference,
            )
            found[each.family, each.remedy] = dict(measured)
        except TrivetError as error:
            why = first_line(error).rstrip(".")
            found[each.family, each.remedy] = {figure.measurement.name: why for figure in scored.figures}
    return found


def _by_thresholds(
    scored: ScoredRows, name: str, learned: Rows, judged: Rows, *, seed: int
) -> NDArray[np.int64]:
    """Return the decisions about some rows by thresholds that were fitted on others."""
    model = MITIGATIONS[name].build(
        GivenScores().fit(learned.features, learned.labels),
        sensitive_columns=(),
        privileged=scored.reference,
        random_state=seed,
    )
    model.set_params(prefit=True)
    if model.get_params(deep=False).get("constraint") == "ratio":
        model.set_params(bound=scored.bound)
    given = {} if learned.weights is None else {"sample_weight": learned.weights}
    model.fit(learned.features, learned.labels, sensitive_features=learned.groups, **given)
    return np.asarray(model.predict(judged.features, sensitive_features=judged.groups), dtype=np.int64)
