"""Matrix of effects: every remedy against the figures of the other legs."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trivet.effects.change import Change, unmeasured
from trivet.effects.results import Effect, EffectMatrix, Intervention, Leg, Measurement
from trivet.effects.sentences import LIMITS, effect_of, statement_of
from trivet.effects.settings import EffectSettings
from trivet.fairness.settings import FairnessSettings

if TYPE_CHECKING:
    from trivet.datasets import AdultTable, ImageSet
    from trivet.effects.unlearning import Suspect

__all__ = ["Progress", "measure_effects"]

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
    from trivet.effects import mitigations  # noqa: PLC0415 - scikit-learn
    from trivet.fairness.study.adult import adult_sample  # noqa: PLC0415

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
