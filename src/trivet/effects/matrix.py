"""What do the legs say of each other: every remedy against the figures of the other legs."""

from collections.abc import Callable, Collection
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
_Changes = dict[tuple[str, str], Change]


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
        Told what is done.

    Returns
    -------
    EffectMatrix
        The same for the same arguments. A figure that could not be measured says why.
    """
    from trivet import datasets  # noqa: PLC0415 - names and types should cost no data and no PyTorch
    from trivet.effects import mitigations, noise, unlearning  # noqa: PLC0415
    from trivet.fairness.study.adult import adult_sample  # noqa: PLC0415

    study = fairness or FairnessSettings()
    rows: list[Intervention] = []
    columns: list[Measurement] = []
    effects: list[Effect] = []

    def add(
        interventions: tuple[Intervention, ...], measured: tuple[Measurement, ...], changes: _Changes
    ) -> None:
        rows.extend(interventions)
        columns.extend(measured)
        effects.extend(
            effect_of(row, column, changes[row.name, column.name])
            for row in interventions
            for column in measured
        )

    network = clean = used = None
    told = tuple(each for each in unlearning.UNLEARNING_MEASUREMENTS if each.leg in legs)
    if "security" in legs and told:
        if suspect is None:
            found = [unmeasured("no label is suspected, so nothing was repaired")] * len(
                unlearning.UNLEARNING_MEASUREMENTS
            )
        else:
            shown = datasets.load_mnist("test") if images is None else images
            network = suspect.name
            found = unlearning.unlearning_changes(
                suspect,
                shown,
                level=settings.level,
                seed=seed,
                progress=lambda share: progress("unlearning once more", share),
            )
            used, clean = (len(half) for half in unlearning.halves(shown, seed=seed))
        by_name = zip(unlearning.UNLEARNING_MEASUREMENTS, found, strict=True)
        add(
            (unlearning.UNLEARNING,),
            told,
            {(unlearning.UNLEARNING.name, column.name): change for column, change in by_name},
        )

    name = trained = samples = models = counted = draws = None
    if {"privacy", "fairness"} <= set(legs):
        adult = datasets.load_adult() if table is None else table
        name = "adult"
        divided = mitigations.divided_rows(
            adult_sample(adult), rows=settings.rows, samples=settings.samples, seed=seed
        )
        trained, samples, models = sum(map(len, divided)), len(divided), 2 * settings.pairs
        add(
            mitigations.MITIGATION_INTERVENTIONS,
            mitigations.EXPOSURES,
            mitigations.mitigation_changes(
                divided,
                pairs=settings.pairs,
                level=settings.level,
                seed=seed,
                progress=lambda share: progress("mitigations, attacked", share),
            ),
        )
        progress("noise in the counts", None)
        counts = noise.baseline_counts(adult, study)
        counted, draws = max(int(each.sum()) for each in counts.values()), settings.draws
        add(
            noise.noise_interventions(settings.epsilons),
            noise.IMPACTS,
            noise.noise_changes(
                counts,
                settings.epsilons,
                draws=settings.draws,
                four_fifths=study.four_fifths,
                level=settings.level,
                seed=seed,
            ),
        )
    return EffectMatrix(
        interventions=tuple(rows),
        measurements=tuple(columns),
        effects=tuple(effects),
        statement=statement_of(effects, level=settings.level),
        limits=LIMITS,
        level=settings.level,
        network=network,
        images=clean,
        repair_images=used,
        table=name,
        rows=trained,
        samples=samples,
        models=models,
        counted_rows=counted,
        draws=draws,
        seed=seed,
    )
