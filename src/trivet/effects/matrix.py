"""Matrix of effects: every remedy against the figures of the other legs."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from annotated_types import Ge, Gt, Interval, Le, MinLen

from trivet.effects.results import (
    BETTER,
    BY_CONSTRUCTION,
    CHANGED,
    NO_EFFECT,
    NOT_MEASURED,
    WORSE,
    Change,
    Effect,
    EffectMatrix,
    Intervention,
    Leg,
    Measurement,
    Outcome,
    unmeasured,
)
from trivet.errors import import_extra
from trivet.study.fairness_results import FairnessSettings

__all__ = ["LIMITS", "EffectSettings", "Progress", "effect_of", "measure_effects", "signed", "statement_of"]

LIMITS: Final = (
    "The matrix describes these remedies on these data; it names no cause, and other data can give other "
    "signs. The attacks know each row's label as it was before a mitigation. Mitigations and noise were "
    "measured on a table, which has no trigger to look for, so what they do to security is not in it."
)
#: What each outcome is called where cells are counted.
_COUNTED: Final[tuple[tuple[Outcome, str], ...]] = (
    (WORSE, "measurably worse"),
    (BETTER, "measurably better"),
    (CHANGED, "measurably changed"),
    (NO_EFFECT, "without a measurable effect"),
    (BY_CONSTRUCTION, "without an effect by construction"),
    (NOT_MEASURED, "not measured"),
)
_ENDS: Final = {BETTER: ", for the better", WORSE: ", for the worse", CHANGED: ""}


def effect_of(intervention: Intervention, measurement: Measurement, change: Change) -> Effect:
    """Put a change into words."""
    outcome = _outcome(measurement, change)
    half_width = None if change.low is None or change.high is None else (change.high - change.low) / 2
    return Effect(
        leg=intervention.leg,
        intervention=intervention.name,
        measurement=measurement.name,
        row=intervention.short,
        column=measurement.short.replace("\n", " "),
        before=change.before,
        after=change.after,
        change=change.change,
        low=change.low,
        high=change.high,
        half_width=half_width,
        outcome=outcome,
        reason=change.by_construction or change.reason,
        sentence=_sentence(intervention, measurement, change, outcome, half_width),
    )


def statement_of(effects: Sequence[Effect], *, level: float) -> str:
    """Count the cells by what they say, and say how many would say something by chance."""
    if not effects:
        return "No remedy of one leg was measured on another."
    counts = Counter(effect.outcome for effect in effects)
    found = [f"{counts[outcome]} {words}" for outcome, words in _COUNTED if counts[outcome]]
    tested = sum(effect.half_width is not None and effect.outcome != BY_CONSTRUCTION for effect in effects)
    listed = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
    return (
        f"Of {len(effects)} cells, {listed}. If no remedy had any effect, about {tested * (1 - level):.1f} "
        f"of the {tested} intervals would leave 0 out by chance."
    )


def _outcome(measurement: Measurement, change: Change) -> Outcome:
    if change.by_construction is not None:
        return BY_CONSTRUCTION
    if change.low is None or change.high is None:
        return NOT_MEASURED
    if change.low <= 0 <= change.high:
        return NO_EFFECT
    if measurement.better == "neither":
        return CHANGED
    return BETTER if (change.low > 0) == (measurement.better == "higher") else WORSE


def _sentence(
    intervention: Intervention,
    measurement: Measurement,
    change: Change,
    outcome: Outcome,
    half_width: float | None,
) -> str:
    remedy, figure = intervention.title, f"the {measurement.title}"
    if outcome == BY_CONSTRUCTION:
        return f"No effect of {remedy} on {figure} by construction: {change.by_construction}."
    if outcome == NOT_MEASURED or change.before is None or change.after is None or change.change is None:
        return f"What {remedy} does to {figure} was not measured: {change.reason}."
    before, after = (format(value, measurement.format) for value in (change.before, change.after))
    moved = _interval(measurement, change)
    if outcome == NO_EFFECT:
        missed = format(max(half_width or 0.0, smallest(measurement.format)), measurement.format)
        text = (
            f"No measurable effect of {remedy} on {figure}: {before} without it and {after} with it, "
            f"{moved}; an effect smaller than {missed} could have been missed."
        )
    else:
        text = f"With {remedy}, {figure} is {after} instead of {before}: {moved}{_ENDS[outcome]}."
    return f"{text} {change.note}".rstrip()


def _interval(measurement: Measurement, change: Change) -> str:
    moved, low, high = (
        "none" if value is None else signed(value, measurement.format)
        for value in (change.change, change.low, change.high)
    )
    return f"a change of {moved} ({low} to {high})"


def signed(value: float, spec: str) -> str:
    """Write a number with its sign, a minus rather than a hyphen, and zero with none."""
    text = format(value, f"+{spec}")
    return text[1:] if not text.strip("+-0.%") else text.replace("-", "\N{MINUS SIGN}")


def smallest(spec: str) -> float:
    """Return the smallest number above 0 that a format such as ``.4f`` writes as one."""
    return 10.0 ** -int(spec.strip(".f"))


@dataclass(frozen=True, kw_only=True)
class EffectSettings:
    """Settings of the matrix: how much work it may take.

    Attributes
    ----------
    rows
        Rows of Adult that models are trained on, drawn at random; all where there are fewer.
    samples
        Samples without a common row into which they are divided.
    pairs
        Pairs of models on each sample for each mitigation: one is trained on a random half of the sample, the
        other on the other half.
    epsilons
        Of the noise in the counts.
    draws
        Of that noise.
    level
        Confidence level of every interval.
    private
        Whether networks are trained privately too, which takes minutes.
    """

    rows: Annotated[int, Ge(1_000)] = 50_000
    samples: Annotated[int, Ge(3), Le(100)] = 10
    pairs: Annotated[int, Ge(2), Le(512)] = 4
    epsilons: Annotated[tuple[Annotated[float, Interval(gt=0, lt=math.inf)], ...], MinLen(1)] = (
        1.0,
        0.1,
        0.01,
    )
    draws: Annotated[int, Ge(200)] = 2_000
    level: Annotated[float, Gt(0), Interval(lt=1)] = 0.95
    private: bool = False


if TYPE_CHECKING:
    from trivet.datasets import AdultTable, ImageSet
    from trivet.effects.unlearning import Suspect

#: Called with a step and the share of it that is done, in [0, 1]; None where that is unknown.
Progress = Callable[[str, float | None], None]
#: What the matrix was measured on, as far as it was.
_FACTS = (
    "network",
    "images",
    "repair_images",
    "table",
    "rows",
    "samples",
    "models",
    "counted_rows",
    "draws",
)


@dataclass(frozen=True)
class _Part:
    """Remedies of one leg against figures of others, and what was measured on, for the matrix."""

    interventions: tuple[Intervention, ...]
    measurements: tuple[Measurement, ...]
    changes: Mapping[tuple[str, str], Change]
    facts: Mapping[str, int | str]

    def cells(self) -> tuple[Effect, ...]:
        """Return the effects, row by row."""
        return tuple(
            effect_of(row, column, self.changes[row.name, column.name])
            for row in self.interventions
            for column in self.measurements
        )


def measure_effects(
    settings: EffectSettings,
    *,
    legs: Collection[Leg],
    suspect: "Suspect | None",
    images: "ImageSet | None" = None,
    table: "AdultTable | None" = None,
    fairness: FairnessSettings | None = None,
    seed: int = 0,
    progress: Progress = lambda _step, _share: None,
) -> EffectMatrix:
    """Apply each remedy of each leg, and measure the other legs without and with it.

    Parameters
    ----------
    settings
        How much is spent.
    legs
        Legs that were audited: the remedies of the others, and their figures, are left out.
    suspect
        The network and its backdoor; None where none is suspected, and so none repaired.
    images
        Clean images for the repair and its judgement, by default MNIST's test images.
    table
        By default Adult.
    fairness
        The fairness study's split, cut and band; by default the published ones.
    seed
        The study's, from which all that is random follows.
    progress
        Called with a description of each step.

    Returns
    -------
    EffectMatrix
        The same for the same arguments. A figure that could not be measured says why.
    """
    parts: list[_Part] = []
    if "security" in legs and {"privacy", "fairness"} & set(legs):
        parts.append(_of_unlearning(settings, legs, suspect, images, seed, progress))
    if {"privacy", "fairness"} <= set(legs):
        if table is None:
            from trivet.datasets import load_adult  # noqa: PLC0415 - names and types should cost no data

            table = load_adult()
        parts.append(_of_mitigations(settings, table, seed, progress))
        parts.append(_of_noise(settings, table, fairness or FairnessSettings(), seed, progress))
    if settings.private and "privacy" in legs and {"security", "fairness"} & set(legs):
        parts.append(_of_private_training(settings, legs, table, seed, progress))
    effects = tuple(cell for part in parts for cell in part.cells())
    known = {name: fact for part in parts for name, fact in part.facts.items()}
    return EffectMatrix(
        interventions=tuple(row for part in parts for row in part.interventions),
        measurements=tuple(column for part in parts for column in part.measurements),
        effects=effects,
        statement=statement_of(effects, level=settings.level),
        limits=LIMITS,
        level=settings.level,
        **{name: known.get(name) for name in _FACTS},  # pyright: ignore[reportArgumentType] - of their types
        seed=seed,
    )


def _of_unlearning(
    settings: EffectSettings,
    legs: Collection[Leg],
    suspect: "Suspect | None",
    images: "ImageSet | None",
    seed: int,
    progress: Progress,
) -> _Part:
    from trivet.datasets import load_mnist  # noqa: PLC0415 - as above
    from trivet.effects import unlearning  # noqa: PLC0415 - PyTorch

    columns = unlearning.UNLEARNING_MEASUREMENTS
    facts: dict[str, int | str] = {}
    if suspect is None:
        found = (unmeasured("no label is suspected, so nothing was repaired"),) * len(columns)
    else:
        shown = load_mnist("test") if images is None else images
        found = unlearning.unlearning_changes(
            suspect,
            shown,
            level=settings.level,
            seed=seed,
            progress=lambda share: progress("unlearning once more", share),
        )
        used, held_out = shown.split(0.5, seed=seed)
        facts = {"network": suspect.name, "images": len(held_out), "repair_images": len(used)}
    row = unlearning.UNLEARNING
    changes = {(row.name, column.name): change for column, change in zip(columns, found, strict=True)}
    return _Part((row,), tuple(column for column in columns if column.leg in legs), changes, facts)


def _of_mitigations(settings: EffectSettings, table: "AdultTable", seed: int, progress: Progress) -> _Part:
    from trivet.datasets import adult_sample  # noqa: PLC0415
    from trivet.effects import mitigations  # noqa: PLC0415 - scikit-learn

    divided = mitigations.divided_rows(
        adult_sample(table), rows=settings.rows, samples=settings.samples, seed=seed
    )
    changes = mitigations.mitigation_changes(
        divided,
        pairs=settings.pairs,
        level=settings.level,
        seed=seed,
        progress=lambda share: progress("mitigations, attacked", share),
    )
    facts: dict[str, int | str] = {
        "table": "adult",
        "rows": sum(map(len, divided)),
        "samples": len(divided),
        "models": 2 * settings.pairs,
    }
    return _Part(mitigations.MITIGATION_INTERVENTIONS, mitigations.EXPOSURES, changes, facts)


def _of_private_training(
    settings: EffectSettings,
    legs: Collection[Leg],
    table: "AdultTable | None",
    seed: int,
    progress: Progress,
) -> _Part:
    import_extra("torch", "private training")
    from trivet.datasets import adult_sample, load_mnist  # noqa: PLC0415 - as above
    from trivet.effects import mitigations, private_training  # noqa: PLC0415 - PyTorch

    columns: tuple[Measurement, ...] = ()
    changes: dict[tuple[str, str], Change] = {}
    if table is not None:
        columns += private_training.TABLE_MEASUREMENTS
        changes |= private_training.table_changes(
            mitigations.divided_rows(
                adult_sample(table), rows=settings.rows, samples=settings.samples, seed=seed
            ),
            pairs=settings.pairs,
            level=settings.level,
            seed=seed,
            progress=lambda share: progress("private training on a table", share),
        )
    if "security" in legs:
        columns += private_training.IMAGE_MEASUREMENTS
        changes |= private_training.image_changes(
            load_mnist("train"),
            load_mnist("test"),
            level=settings.level,
            seed=seed,
            progress=lambda share: progress("private training on poisoned images", share),
        )
    return _Part(private_training.PRIVATE, columns, changes, {})


def _of_noise(
    settings: EffectSettings, table: "AdultTable", study: FairnessSettings, seed: int, progress: Progress
) -> _Part:
    from trivet.effects import noise  # noqa: PLC0415 - scikit-learn

    progress("noise in the counts", None)
    counts = noise.baseline_counts(table, study)
    changes = noise.noise_changes(
        counts,
        settings.epsilons,
        draws=settings.draws,
        four_fifths=study.four_fifths,
        level=settings.level,
        seed=seed,
    )
    facts: dict[str, int | str] = {
        "counted_rows": max(int(each.sum()) for each in counts.values()),
        "draws": settings.draws,
    }
    return _Part(noise.noise_interventions(settings.epsilons), noise.IMPACTS, changes, facts)
