"""Matrix of effects: every remedy of a system against the figures of the other legs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from trivet.effects.cells import effect_of, statement_of
from trivet.effects.results import (
    NOT_MEASURED,
    Change,
    ClassChange,
    Effect,
    EffectMatrix,
    Frontier,
    FrontierAxis,
    Intervention,
    Measurement,
    unmeasured,
)
from trivet.effects.settings import EffectSettings
from trivet.errors import TrivetError, import_extra
from trivet.estimate import Estimate
from trivet.wording import first_line, listed

__all__ = ["LIMITS", "OWN_LIMITS", "Progress", "System", "measure_effects"]

if TYPE_CHECKING:
    from trivet.datasets import ImageSet
    from trivet.effects.noise import CountedPair
    from trivet.effects.predictions import ScoredRows
    from trivet.effects.repairs import RepairSubject
    from trivet.effects.table import TableSubject
    from trivet.effects.trainings import Figure, Found, Rows, Training
    from trivet.fairness.measures.registry import Measure

LIMITS: Final = (
    "The matrix describes these remedies on these data; it names no cause, and other data can give other "
    "signs. The attacks know each row's label as it was before a mitigation. Mitigations and noise were "
    "measured on a table, which has no trigger to look for, so what they do to security is not in it."
)
#: What holds of any system, of models that were trained on a table, and of a table.
OWN_LIMITS: Final = (
    "These are the effects of these remedies on these data: they name no cause, and other data can give "
    "other signs."
)
_OF_MODELS: Final = (
    "Models were trained on halves of samples, and one that is trained on more rows exposes each of them "
    "less. The attacks know each row's label as it was before a mitigation."
)
_OF_TABLES: Final = "Security is not among the figures of a table, which has no trigger to look for."

#: Called with a step and the share of it that is done, in [0, 1]; None where that is unknown.
Progress = Callable[[str, float | None], None]
#: Remedies that a note names.
MOST_NAMED: Final = 6
#: What the matrix was measured on, as far as it was.
_FACTS: Final = (
    *("network", "images", "repair_images", "table", "rows", "samples", "models", "counted_rows", "draws"),
    *("estimator", "trained_rows", "member_images", "heaviest"),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class System:
    """A system that remedies are measured on; each part is None where there is none.

    Attributes
    ----------
    repairs
        A network, and how it is repaired.
    table
        A table, and what is trained on it.
    scored
        Rows with scores of a model that is not there.
    pairs
        Counts that noise is added to.
    four_fifths
        Lower end of the band of their verdict.
    poisoned
        Images to train on and to test with, for private training on poisoned images.
    private
        Whether networks are trained privately on the table.
    study
        Whether it is the built-in study's.
    notes
        What was left aside, a sentence each.
    """

    repairs: "RepairSubject | None" = None
    table: "TableSubject | None" = None
    scored: "ScoredRows | None" = None
    pairs: "tuple[CountedPair, ...]" = ()
    four_fifths: float = 0.8
    poisoned: "tuple[ImageSet, ImageSet] | None" = None
    private: bool = False
    study: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """Remedies of one leg against figures of others, and what was measured on, for the matrix."""

    interventions: tuple[Intervention, ...]
    measurements: tuple[Measurement, ...]
    changes: Mapping[tuple[str, str], Change]
    facts: Mapping[str, int | float | str]
    classes: tuple[ClassChange, ...] = ()
    frontiers: tuple[Frontier, ...] = ()

    def cells(self) -> tuple[Effect, ...]:
        """Return the effects, row by row."""
        return tuple(
            effect_of(row, column, self.changes[row.name, column.name])
            for row in self.interventions
            for column in self.measurements
        )


@dataclass
class _Clock:
    """Time that is left, divided evenly among the parts that are left."""

    budget: float | None
    parts: int
    started: float

    def begin(self) -> Callable[[], bool]:
        """Begin the next part, and return what says that its time is up."""
        if self.budget is None:
            return lambda: False
        now = monotonic()
        ends = now + max(self.started + self.budget - now, 0.0) / max(self.parts, 1)
        self.parts -= 1
        return lambda: monotonic() >= ends

    @property
    def late(self) -> str:
        """Reason of cells that the time ran out for."""
        return "" if self.budget is None else f"the budget of {self.budget:g} s was used before it was done"


def measure_effects(
    settings: EffectSettings,
    system: System,
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Progress = lambda _step, _share: None,
) -> EffectMatrix:
    """Apply each remedy of each leg to a system, and measure it without and with it.

    Parameters
    ----------
    settings
        How much is spent.
    system
        What is measured.
    seed
        From which all that is random follows.
    workers
        Processes that train models; the result does not depend on it.
    progress
        Called with a description of each step.

    Returns
    -------
    EffectMatrix
        The same for the same arguments, unless a budget of time ends it. A figure that could not be measured
        says why.
    """
    clock = _Clock(settings.budget, _parts_of(system), monotonic())
    parts: list[_Part] = []
    if system.repairs is not None:
        parts.append(_of_repairs(settings, system.repairs, seed, clock, progress))
    trained: list[_Trained] = []
    if (table := system.table) is not None:
        samples = _samples(settings, table, seed)
        part, found = _of_mitigations(settings, table, samples, seed, workers, clock, progress)
        parts.append(part)
        trained += found
    if system.scored is not None:
        part, found = _of_scores(settings, system.scored, seed, progress)
        parts.append(part)
        trained += found
    if system.pairs:
        parts.append(_of_noise(settings, system, seed, progress))
    if system.private or system.poisoned is not None:
        part, found = _of_private_training(settings, system, seed, workers, clock, progress)
        parts.append(part)
        trained += found
    effects = tuple(cell for part in parts for cell in part.cells())
    known: dict[str, Any] = {name: fact for part in parts for name, fact in part.facts.items()}
    return EffectMatrix(
        interventions=tuple(row for part in parts for row in part.interventions),
        measurements=tuple(column for part in parts for column in part.measurements),
        effects=effects,
        statement=statement_of(effects, level=settings.level),
        limits=_limits(system),
        level=settings.level,
        **{name: known.get(name) for name in _FACTS},
        seed=seed,
        study=system.study,
        classes=tuple(each for part in parts for each in part.classes),
        frontiers=(
            *(each for part in parts for each in part.frontiers),
            *(() if system.study else _table_frontier(trained, level=settings.level)),
        ),
        notes=(
            *(each for part in (system.table, system.scored) if part is not None for each in part.notes),
            *system.notes,
            *(() if system.study else _reasons(effects)),
        ),
        budget=settings.budget,
    )


def _limits(system: System) -> str:
    if system.study:
        return LIMITS
    tabled = system.table is not None or system.scored is not None or bool(system.pairs)
    models = system.table is not None and system.table.reason is None
    return " ".join([OWN_LIMITS, *([_OF_MODELS] if models else []), *([_OF_TABLES] if tabled else [])])


def _reasons(effects: Sequence[Effect]) -> list[str]:
    """Say of what was not measured why, once for each reason."""
    missing: dict[str, list[Effect]] = {}
    for effect in effects:
        if effect.outcome == NOT_MEASURED and effect.reason is not None:
            missing.setdefault(effect.reason, []).append(effect)
    said: list[str] = []
    for reason, cells in missing.items():
        rows = list(dict.fromkeys(cell.row for cell in cells))
        columns = list(dict.fromkeys(cell.column for cell in cells))
        named = [*rows[:MOST_NAMED], *(["others"] if len(rows) > MOST_NAMED else [])]
        of = columns[0] if len(columns) == 1 else f"{len(columns)} figures"
        said.append(f"Not measured under {listed(named)}, {of}: {reason}.")
    return said


def _parts_of(system: System) -> int:
    """Count the parts that take time."""
    private = system.private or system.poisoned is not None
    return (system.repairs is not None) + (system.table is not None) + private


def _of_repairs(
    settings: EffectSettings, subject: "RepairSubject", seed: int, clock: _Clock, progress: Progress
) -> _Part:
    from trivet.effects import repairs  # noqa: PLC0415 - PyTorch

    found = repairs.repair_changes(
        subject,
        level=settings.level,
        seed=seed,
        is_up=clock.begin(),
        late=clock.late,
        progress=lambda step, share: progress(f"repair once more: {step}", share),
    )
    facts: dict[str, int | str] = {}
    if found.repaired:
        used, held_out = subject.divided(seed=seed)
        facts = {"network": subject.name, "images": len(held_out), "repair_images": len(used)}
        if subject.members is not None:
            facts["member_images"] = len(subject.members)
    rows = repairs.repair_interventions([method.name for method in subject.methods])
    return _Part(rows, subject.columns, found.changes, facts, found.classes, found.frontiers)


@dataclass(frozen=True)
class _Trained:
    """Figures of everything that was trained of one kind, sample by sample."""

    found: "Sequence[Found]"
    trainings: "tuple[Training, ...]"
    figures: "tuple[Figure, ...]"
    titles: Mapping[str | None, str]
    leg: Any


def _samples(settings: EffectSettings, subject: "TableSubject", seed: int) -> "list[Rows]":
    from trivet.effects.trainings import divided_rows  # noqa: PLC0415 - scikit-learn

    if subject.reason is not None:
        return []
    most = settings.samples if subject.samples is None else min(settings.samples, subject.samples)
    return divided_rows(subject.rows, rows=settings.rows, samples=most, seed=seed)


def _of_mitigations(
    settings: EffectSettings,
    subject: "TableSubject",
    samples: "list[Rows]",
    seed: int,
    workers: int,
    clock: _Clock,
    progress: Progress,
) -> tuple[_Part, list[_Trained]]:
    from trivet.effects import mitigations  # noqa: PLC0415 - scikit-learn

    columns = tuple(each.measurement for each in subject.figures)
    if subject.reason is not None:
        return _Part(
            subject.interventions, columns, _none(subject.interventions, columns, subject.reason), {}
        ), []
    from trivet.effects.intervals import FEWEST_SAMPLES  # noqa: PLC0415 - as above
    from trivet.effects.trainings import changes_of, measure_trainings  # noqa: PLC0415

    found = measure_trainings(
        samples,
        subject.trainings,
        subject.figures,
        pairs=settings.pairs,
        reference=subject.reference,
        seed=seed,
        workers=workers,
        is_up=clock.begin(),
        progress=lambda share: progress("mitigations, attacked", share),
    )
    changes = changes_of(
        found,
        subject.trainings,
        subject.figures,
        level=settings.level,
        late=clock.late,
        by_construction=mitigations.BY_CONSTRUCTION,
    )
    facts: dict[str, int | str] = {}
    measured = sum(len(each) > 1 for each in found)  # with a remedy and without one
    if measured >= FEWEST_SAMPLES:
        facts = {
            "table": subject.name,
            "rows": sum(map(len, samples)),
            "samples": measured,
            "models": 2 * settings.pairs,
        }
        if subject.estimator is not None:
            facts |= {"estimator": subject.estimator, "trained_rows": len(samples[0]) // 2}
    titles = {None: "the model as it is", **{row.name: row.title for row in subject.interventions}}
    trained = _Trained(found, subject.trainings, subject.figures, titles, "fairness")
    return _Part(subject.interventions, columns, changes, facts), [trained]


def _none(
    rows: Sequence[Intervention], columns: Sequence[Measurement], reason: str
) -> dict[tuple[str, str], Change]:
    return {(row.name, column.name): unmeasured(reason) for row in rows for column in columns}


def _of_private_training(
    settings: EffectSettings, system: System, seed: int, workers: int, clock: _Clock, progress: Progress
) -> tuple[_Part, list[_Trained]]:
    import_extra("torch", "private training")
    from trivet.effects import private_training  # noqa: PLC0415 - PyTorch

    rows = private_training.PRIVATE
    columns: tuple[Measurement, ...] = ()
    changes: dict[tuple[str, str], Change] = {}
    trained: list[_Trained] = []
    is_up = clock.begin()
    subject = system.table
    if system.private and subject is not None:
        columns += tuple(each.measurement for each in subject.private_figures)
        if subject.reason is not None:
            changes |= _none(rows, columns, subject.reason)
        else:
            from trivet.effects.trainings import changes_of, measure_trainings  # noqa: PLC0415

            trainings = private_training.private_trainings(subject.scales)
            found = measure_trainings(
                _samples(settings, subject, seed),
                trainings,
                subject.private_figures,
                pairs=settings.pairs,
                reference=subject.reference,
                seed=seed,
                salt=(private_training.SALT,),
                workers=workers,
                is_up=is_up,
                progress=lambda share: progress("private training on a table", share),
            )
            changes |= changes_of(
                found, trainings, subject.private_figures, level=settings.level, late=clock.late
            )
            titles = {None: "a network without privacy", **{row.name: row.title for row in rows}}
            trained.append(_Trained(found, trainings, subject.private_figures, titles, "privacy"))
    if system.poisoned is not None:
        columns += private_training.IMAGE_MEASUREMENTS
        changes |= private_training.image_changes(
            *system.poisoned,
            level=settings.level,
            seed=seed,
            progress=lambda share: progress("private training on poisoned images", share),
        )
    return _Part(rows, columns, changes, {}), trained


def _of_scores(
    settings: EffectSettings, scored: "ScoredRows", seed: int, progress: Progress
) -> tuple[_Part, list[_Trained]]:
    from trivet.effects import predictions  # noqa: PLC0415 - scikit-learn
    from trivet.effects.trainings import changes_of  # noqa: PLC0415 - as above

    progress("thresholds on the scores", None)
    rows, columns = scored.interventions, tuple(each.measurement for each in scored.figures)
    if scored.reason is not None:
        return _Part(rows, columns, _none(rows, columns, scored.reason), {}), []
    found = predictions.threshold_figures(scored, settings, seed=seed)
    changes = changes_of(found, scored.decisions, scored.figures, level=settings.level)
    facts: dict[str, int | str] = {
        "table": scored.name,
        "rows": min(settings.rows, len(scored.rows)),
        "samples": len(found),
    }
    titles = {None: "the scores at their cut", **{row.name: row.title for row in rows}}
    return _Part(rows, columns, changes, facts), [
        _Trained(found, scored.decisions, scored.figures, titles, "fairness")
    ]


def _of_noise(settings: EffectSettings, system: System, seed: int, progress: Progress) -> _Part:
    from trivet.effects import noise  # noqa: PLC0415 - SciPy

    progress("noise in the counts", None)
    changes = noise.noise_changes(
        system.pairs,
        settings.epsilons,
        draws=settings.draws,
        four_fifths=system.four_fifths,
        level=settings.level,
        seed=seed,
    )
    counted = [each for each in system.pairs if each.counts is not None]
    facts: dict[str, int | float | str] = {}
    if counted:
        facts = {"counted_rows": max(each.rows for each in counted), "draws": settings.draws}
        if (heaviest := counted[0].heaviest) is not None:
            facts["heaviest"] = heaviest
    rows, columns = noise.noise_interventions(settings.epsilons), noise.impact_measurements(system.pairs)
    return _Part(rows, columns, changes, facts)


#: Axes of a table's frontier; one for each gap takes the place of parity where metrics are named.
TABLE_AXES: Final = (
    FrontierAxis("accuracy", "accuracy", "accuracy", None, "higher"),
    FrontierAxis("parity", "parity of selection", "parity of\nselection", "fairness", "higher"),
    FrontierAxis("exposure", "membership exposure", "exposure,\nAUROC", "privacy", "lower"),
)


def _table_frontier(trained: Sequence[_Trained], *, level: float) -> tuple[Frontier, ...]:
    """Weigh everything that was trained on a table against everything else."""
    from trivet.effects.frontier import NONE, Weighed, frontier_of  # noqa: PLC0415 - only an own system has one

    if not trained:
        return ()
    weighed: list[Weighed] = []
    for kind in trained:
        for each in kind.trainings:
            figures = _weighed(kind, each, level=level)
            name = each.remedy or (NONE if kind.leg == "fairness" else f"{NONE}-{each.family}")
            leg = None if each.remedy is None else kind.leg
            weighed.append(Weighed(name, kind.titles[each.remedy], leg, figures))
    accuracy, parity, exposure = TABLE_AXES
    gaps = [
        FrontierAxis(
            f"gap-{each.name}",
            f"largest gap in {each.title}",
            f"largest gap,\n{each.title}",
            "fairness",
            "lower",
        )
        for each in _measures(trained[0])
    ]
    return frontier_of("table", [accuracy, *(gaps or [parity]), exposure], weighed)


def _measures(kind: _Trained) -> "list[Measure]":
    """Return the metrics that gaps are measured in."""
    return [each.measure for each in kind.figures if each.measure is not None]


def _weighed(kind: _Trained, training: "Training", *, level: float) -> tuple[Estimate, ...]:
    """Return accuracy, the gaps or else the selection rates' ratio that is farthest from 1, and exposure."""
    from trivet.effects.intervals import STUDENT, mean_over_samples  # noqa: PLC0415 - SciPy
    from trivet.effects.trainings import NO_RATE, NO_RATIO  # noqa: PLC0415 - scikit-learn

    def estimate(values: Sequence[float | str], undefined: str) -> Estimate:
        said = next((value for value in values if isinstance(value, str)), None)
        if said is None and not np.isfinite([float(value) for value in values]).all():
            said = undefined
        if said is not None:
            return Estimate(None, None, None, level, STUDENT, said)
        try:
            return mean_over_samples([float(value) for value in values], level=level, least=0.0, most=1.0)
        except TrivetError as error:
            return Estimate(None, None, None, level, STUDENT, first_line(error))

    def of(figure: "Figure") -> Estimate:
        return estimate([sample[figure.measurement.name] for sample in samples], NO_RATE)

    own = [each for each in kind.figures if each.family == training.family]
    key = training.family, training.remedy
    samples = [sample[key] for sample in kind.found if key in sample]
    (accuracy,) = (each for each in own if each.kind == "accuracy" and each.group is None)
    exposure = [of(each) for each in own if each.kind == "scores" and each.group is None]
    disparity = [of(each) for each in own if each.kind == "gap"]
    if not disparity:
        impacts = [each.measurement.name for each in own if each.kind == "impact"]
        parities = [_parity([sample[name] for name in impacts]) for sample in samples]
        disparity = [estimate(parities, NO_RATIO)]
    nobody = Estimate(None, None, None, level, STUDENT, "no model is there to attack")
    return of(accuracy), *disparity, *(exposure or [nobody])


def _parity(impacts: Sequence[float | str]) -> float | str:
    """Return the smaller over the larger of two selection rates, of the groups that are farthest apart."""
    if not impacts:
        return "no two groups are large enough to compare"
    said = next((value for value in impacts if isinstance(value, str)), None)
    if said is not None:
        return said
    ratios = [float(value) for value in impacts]
    if 0.0 in ratios:
        return 0.0
    return min(min(ratio, 1 / ratio) for ratio in ratios)
