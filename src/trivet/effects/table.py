"""Table that remedies are measured on: its rows, what is trained on them, and the figures of the models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.effects.mitigations import figure_of, mitigation_interventions, mitigation_trainings
from trivet.effects.predictions import ScoredRows
from trivet.effects.results import Intervention
from trivet.effects.trainings import Figure, Kind, Rows, Training
from trivet.fairness.auditing.fitting import make_estimator
from trivet.fairness.auditing.rows import AuditRows, Predicted
from trivet.fairness.auditing.settings import TableSettings
from trivet.fairness.measures.registry import Measure
from trivet.privacy.membership.groups import FEWEST_ROWS
from trivet.tables.features import MOST_VALUES, Features
from trivet.wording import listed, one_line

__all__ = ["PublicScales", "TableSubject", "own_table", "scored_table"]


#: Share of the values at either end of a column that become 0 and 1.
TAIL: Final = 0.01


@dataclass(frozen=True)
class PublicScales:
    """From a row of features to numbers in [0, 1], by what is known without the rows of a training.

    What is taken from a training's own rows would have to be paid for.

    Attributes
    ----------
    lowest, widths
        Of each column of numbers: the value that becomes 0, and what lies between it and the one that
        becomes 1.
    kinds
        Of each column the number of its most frequent texts, which have a place each; 0 of numbers.
    """

    lowest: tuple[float, ...]
    widths: tuple[float, ...]
    kinds: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def of(cls, features: Features) -> "PublicScales":
        """Take a table's texts, and its ranges but for a hundredth at either end, for public."""
        lowest, widths = np.zeros((2, len(features.names)))
        for place, column in enumerate(features.values.T):
            known = column[np.isfinite(column)]
            if not len(known):
                continue
            # A column of few very large values would else leave the others no difference.
            low, high = np.quantile(known, (TAIL, 1 - TAIL), method="inverted_cdf")
            low, high = (low, high) if low < high else (known.min(), known.max())
            lowest[place], widths[place] = low, high - low
        kinds: list[tuple[int, ...]] = []
        for place, known_texts in enumerate(features.categories):
            if known_texts is None:
                kinds.append(())
                continue
            counts = np.bincount(features.values[:, place].astype(np.int64), minlength=len(known_texts))
            kinds.append(tuple(sorted(np.argsort(-counts, kind="stable")[:MOST_VALUES].tolist())))
        return cls(tuple(lowest.tolist()), tuple(np.where(widths > 0, widths, 1.0).tolist()), tuple(kinds))

    @property
    def inputs(self) -> int:
        """Number of inputs that a row becomes."""
        kinds = self.kinds or ((),) * len(self.lowest)
        return sum(len(each) or 1 for each in kinds)

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return rows as a network takes them, shape (rows, `inputs`); columns beyond are not looked at."""
        own = features[:, : len(self.lowest)]
        scaled = ((own - np.array(self.lowest)) / np.array(self.widths)).clip(0, 1)
        if not any(self.kinds):
            return np.nan_to_num(scaled, nan=0.0).astype(np.float32)
        blocks = [
            own[:, place, np.newaxis] == np.array(kinds) if kinds else scaled[:, place, np.newaxis]
            for place, kinds in enumerate(self.kinds)
        ]
        return np.nan_to_num(np.hstack(blocks), nan=0.0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class TableSubject:
    """A table, and what is measured on it; `reason` says why nothing can be, `samples` are the most."""

    name: str
    rows: Rows
    reference: int
    interventions: tuple[Intervention, ...]
    trainings: tuple[Training, ...]
    figures: tuple[Figure, ...]
    private_figures: tuple[Figure, ...]
    scales: PublicScales
    samples: int | None = None
    estimator: str | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()


#: The family of what the user trains, and of the networks.
OWN: Final = "own"
NETWORK: Final = "network"
#: Rows of a sample below which there are fewer samples, and of a table below which nothing is trained.
USUAL_SAMPLE: Final = 1_000
FEWEST_TRAINED: Final = 300
FEWEST_SAMPLES: Final = 3
MOST_SAMPLES: Final = 10
#: Groups that have columns of their own.
MOST_GROUPS: Final = 6


def own_table(
    rows: AuditRows,
    estimator: Any,
    mitigations: Sequence[str],
    *,
    reference: int,
    four_fifths: float,
    used: int,
    called: str,
    measures: Sequence[Measure] = (),
    seed: int,
) -> TableSubject:
    """Return what is measured on a table of the user's; `used` rows at most train models."""
    places = [place for place in range(len(rows.features.names)) if place not in rows.telling]
    left = rows.features.only(places)
    behind = len(rows.features.names)  # the place of the group, where no encoder looks
    weight = None if rows.weights is None else behind + 1

    def make(without: bool) -> Any:  # noqa: FBT001 - as `mitigation_trainings` calls it
        return make_estimator(estimator, left if without else rows.features, seed=seed)

    reason = _complaint(rows, make(False))  # noqa: FBT003
    groups = _groups(rows, reference, used=used)
    hidden = " and ".join(map(one_line, rows.columns))
    beside = [rows.groups.astype(np.float64), *([] if rows.weights is None else [rows.weights])]
    whole = Rows(np.column_stack([rows.features.values, *beside]), rows.labels, rows.groups, rows.weights)
    return TableSubject(
        name=rows.name,
        rows=whole.take(np.isin(rows.groups, groups.sampled)),
        reference=reference,
        interventions=mitigation_interventions(mitigations, hidden=hidden),
        trainings=mitigation_trainings(
            OWN,
            mitigations,
            make,
            column=behind,
            hidden=(*rows.telling, behind),
            privileged=reference,
            bound=four_fifths,
            weight=weight,
        ),
        figures=_figures(
            rows, groups.shown, reference, measures, family=OWN, model="the model", before="model-"
        ),
        private_figures=_figures(
            rows, groups.shown, reference, measures, family=NETWORK, model="a network", before="private-"
        ),
        scales=PublicScales.of(rows.features),
        samples=groups.samples,
        estimator=called,
        reason=reason,
        notes=(*groups.notes, *([] if rows.weights is None else [WEIGHED])),
    )


#: What weights do.
WEIGHED: Final = (
    "Rows have weights: models are trained with them, and accuracy and selection are weighted. Exposure "
    "takes every row alike, since it is about the people in the table."
)


def scored_table(
    settings: TableSettings, predicted: Predicted, cut: float, *, reference: int, measures: Sequence[Measure]
) -> ScoredRows:
    """Return what is measured on a table of predictions with scores and labels."""
    rows = predicted.rows
    groups = _groups(rows, reference, used=len(rows))
    reason = None
    if len(rows) < FEWEST_TRAINED:
        reason = f"there are {len(rows)} rows, and samples of them take {FEWEST_TRAINED} or more"
    figures = tuple(
        each
        for each in _figures(
            rows, groups.shown, reference, measures, family=OWN, model="the model", before="model-"
        )
        if each.kind not in {"scores", "decisions"}
    )
    scores = np.asarray(predicted.scores, dtype=np.float64)[:, np.newaxis]
    whole = Rows(scores, rows.labels, rows.groups, rows.weights)
    return ScoredRows(
        name=rows.name,
        rows=whole.take(np.isin(rows.groups, groups.sampled)),
        cut=cut,
        reference=reference,
        bound=settings.four_fifths,
        hidden=" and ".join(map(one_line, settings.sensitive)),
        figures=figures,
        samples=groups.samples,
        reason=reason,
        notes=groups.notes,
    )


def _complaint(rows: AuditRows, model: Any) -> str | None:
    """Say why nothing can be trained and attacked; None where it can."""
    if len(rows) < FEWEST_TRAINED:
        return f"there are {len(rows)} rows, and samples of them take {FEWEST_TRAINED} or more"
    if not hasattr(model, "predict_proba"):
        return (
            "the estimator has no predict_proba, and the attacks read probabilities; CalibratedClassifierCV "
            "gives it one"
        )
    return None


@dataclass(frozen=True)
class _Groups:
    """Number of samples, the groups in them, those with figures of their own, and what was left out."""

    samples: int
    sampled: tuple[int, ...]
    shown: tuple[int, ...]
    notes: tuple[str, ...]


def _groups(rows: AuditRows, reference: int, *, used: int) -> _Groups:
    """Leave out groups that half of a sample could lack, which no threshold and no figure could be of."""
    size = min(used, len(rows))
    samples = min(MOST_SAMPLES, max(FEWEST_SAMPLES, size // USUAL_SAMPLE))
    counts = np.bincount(rows.groups, minlength=len(rows.values))
    in_half = counts * size / len(rows) / samples / 2
    order = np.argsort(-counts, kind="stable").tolist()
    sampled = [group for group in order if in_half[group] >= FEWEST_ROWS or group == reference]
    shown = [group for group in sampled if group in sampled[:MOST_GROUPS] or group == reference]
    notes: list[str] = []
    if aside := [group for group in order if group not in sampled and counts[group]]:
        notes.append(
            f"Left out of the samples: {_counted(rows, aside, counts)}, of which half of each of the "
            f"{samples} samples would hold fewer than {FEWEST_ROWS} rows."
        )
    if unseen := [group for group in sampled if group not in shown]:
        notes.append(
            f"Without figures of their own, beside the {len(shown)} largest: "
            f"{_counted(rows, unseen, counts)}."
        )
    return _Groups(samples, tuple(sorted(sampled)), tuple(sorted(shown)), tuple(notes))


def _counted(rows: AuditRows, groups: Sequence[int], counts: NDArray[np.int64]) -> str:
    """Return groups with their rows, the largest by name."""
    named = [f"{_name(rows, group)} ({counts[group]:,})" for group in groups[:MOST_GROUPS]]
    return listed([*named, *(["others"] if len(groups) > MOST_GROUPS else [])])


def _name(rows: AuditRows, group: int) -> str:
    return ", ".join(map(one_line, rows.values[group]))


def _figures(
    rows: AuditRows,
    groups: Sequence[int],
    reference: int,
    measures: Sequence[Measure],
    *,
    family: str,
    model: str,
    before: str,
) -> tuple[Figure, ...]:
    """Return the columns: accuracy, disparate impact, gaps and exposure, of all rows and of each group."""
    columns = " x ".join(map(one_line, rows.columns))
    made: list[Figure] = []

    def add(kind: Kind, label: str, group: int | None, whose: str, said: str) -> None:
        short = "all rows" if group is None else _name(rows, group)
        made.append(
            figure_of(
                kind,
                name=f"{before}{label}-{'all' if group is None else _name(rows, group)}",
                model=model,
                whose=whose,
                short=f"{short},\n{said}",
                scale=f"{before}{label}",
                family=family,
                group=group,
            )
        )

    kinds: tuple[tuple[Kind, str, str], ...] = (
        ("accuracy", "accuracy", "accuracy"),
        ("impact", "impact", "disparate impact"),
        ("scores", "exposure", "scores, AUROC"),
        ("decisions", "exposure-decisions", "decisions, AUROC"),
    )
    for kind, label, said in kinds:
        if kind == "decisions" and family == NETWORK:
            continue  # every remedy of it changes scores
        for group in (None, *groups):
            if kind == "impact":
                if group is None or group == reference:
                    continue
                whose = f"{_name(rows, group)} against {_name(rows, reference)}"
            else:
                whose = "all rows" if group is None else f"rows of {columns} {_name(rows, group)}"
            add(kind, label, group, whose, said)
        if kind == "impact":
            made += [
                figure_of(
                    "gap",
                    name=f"{before}gap-{measure.name}",
                    model=model,
                    whose=f"a group of {columns} and {_name(rows, reference)}",
                    short=f"largest gap,\n{measure.title}",
                    scale=f"{before}gap",
                    family=family,
                    measure=measure,
                )
                for measure in measures
            ]
    return tuple(made)
