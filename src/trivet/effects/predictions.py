"""Remedies for a model that is not there, only its predictions: thresholds by group act on scores alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from trivet.effects.intervals import change_over_samples
from trivet.effects.mitigations import mitigation_interventions
from trivet.effects.results import Change, Intervention, Measurement, unmeasured
from trivet.effects.settings import EffectSettings
from trivet.effects.trainings import NO_RATIO, Figure, Rows, divided_rows
from trivet.errors import TrivetError
from trivet.fairness.mitigation.registry import MITIGATIONS
from trivet.fairness.mitigation.thresholds.classifier import draw_rows
from trivet.wording import first_line

__all__ = ["GivenScores", "ScoredRows", "threshold_changes"]

TRAINED: Final = (
    "it acts where the model is trained, and only predictions are given; name an estimator in "
    "[fairness.table]"
)
NO_SCORES: Final = "there are decisions and no scores with labels, and thresholds are of scores"
NO_MODEL: Final = (
    "membership is measured on models that are trained anew, and only predictions are given; name an "
    "estimator in [fairness.table]"
)


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Rows with the scores of a model that is not there.

    Attributes
    ----------
    name
        Of the table.
    rows
        The scores in [0, 1] are the only feature; None without scores and labels.
    cut
        Score from which a row is selected without a remedy.
    reference
        Number of the group that the others are compared with.
    bound
        Lower end of the band that thresholds hold.
    mitigations
        Names of all that are rows of the matrix.
    hidden
        The sensitive columns, in words.
    figures
        The columns.
    samples
        Samples at most.
    reason
        Why nothing is measured, where the rows are there; else None.
    notes
        What was left aside, a sentence each.
    """

    name: str
    rows: Rows | None
    cut: float
    reference: int
    bound: float
    mitigations: tuple[str, ...]
    hidden: str
    figures: tuple[Figure, ...]
    samples: int
    reason: str | None = None
    notes: tuple[str, ...] = ()


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


def threshold_changes(
    scored: ScoredRows, settings: EffectSettings, *, seed: int
) -> tuple[tuple[Intervention, ...], tuple[Measurement, ...], dict[tuple[str, str], Change]]:
    """Fit thresholds on half of each sample, and compare decisions on the other half with the cut's."""
    rows = mitigation_interventions(scored.mitigations, hidden=scored.hidden)
    columns = tuple(each.measurement for each in scored.figures)
    changes: dict[tuple[str, str], Change] = {}
    for row in rows:
        after = MITIGATIONS[row.name].kind == "after"
        reason = None if after else TRAINED
        if after:
            reason = NO_SCORES if scored.rows is None else scored.reason
        found: list[tuple[dict[str, float], dict[str, float]]] = []
        if reason is None:
            try:
                found = _on_samples(scored, row.name, settings, seed=seed)
            except TrivetError as error:
                reason = first_line(error).rstrip(".")
        for figure in scored.figures:
            name = figure.measurement.name
            if figure.kind in {"scores", "decisions"}:
                changes[row.name, name] = unmeasured(NO_MODEL)
            elif reason is not None:
                changes[row.name, name] = unmeasured(reason)
            else:
                pairs = [(one[name], other[name]) for one, other in found]
                known = bool(np.isfinite(pairs).all())
                changes[row.name, name] = (
                    change_over_samples(*zip(*pairs, strict=True), level=settings.level)
                    if known
                    else unmeasured(NO_RATIO)
                )
    return rows, columns, changes


def _on_samples(
    scored: ScoredRows, name: str, settings: EffectSettings, *, seed: int
) -> list[tuple[dict[str, float], dict[str, float]]]:
    assert scored.rows is not None
    samples = divided_rows(
        scored.rows, rows=settings.rows, samples=min(settings.samples, scored.samples), seed=seed
    )
    found: list[tuple[dict[str, float], dict[str, float]]] = []
    for turn, sample in enumerate(samples):
        fitted = draw_rows(sample.groups, sample.labels, share=0.5, seed=seed + turn)
        learned, judged = sample.take(np.flatnonzero(fitted)), sample.take(np.flatnonzero(~fitted))
        model = MITIGATIONS[name].build(
            GivenScores().fit(learned.features, learned.labels),
            sensitive_columns=(),
            privileged=scored.reference,
            random_state=seed + turn,
        )
        model.set_params(prefit=True)
        if model.get_params(deep=False).get("constraint") == "ratio":
            model.set_params(bound=scored.bound)
        model.fit(learned.features, learned.labels, sensitive_features=learned.groups)
        said = model.predict(judged.features, sensitive_features=judged.groups)
        plain = (judged.features[:, 0] >= scored.cut).astype(np.int64)
        found.append(
            (
                _figures(judged, plain, scored.figures, scored.reference),
                _figures(judged, np.asarray(said, dtype=np.int64), scored.figures, scored.reference),
            )
        )
    return found


def _figures(
    rows: Rows, said: NDArray[np.int64], figures: Sequence[Figure], reference: int
) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in figures:
        chosen: Any = slice(None) if each.group is None else rows.groups == each.group
        if each.kind == "accuracy":
            found[each.measurement.name] = float((said == rows.labels)[chosen].mean())
        elif each.kind == "impact":
            rates = [said[rows.groups == group].mean() for group in (each.group, reference)]
            found[each.measurement.name] = float(rates[0] / rates[1]) if rates[1] else float("nan")
    return found
