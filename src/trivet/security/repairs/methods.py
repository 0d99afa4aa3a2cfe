"""The repair methods with the settings that `trivet repair` uses, all called alike."""

from dataclasses import replace
from typing import Final

from trivet.security.repairs.case import Case, Progress, Treatment
from trivet.security.repairs.fine_pruning import fine_prune
from trivet.security.repairs.fine_tuning import FineTuningSettings, fine_tune
from trivet.security.repairs.lipschitz import prune_by_lipschitz
from trivet.security.repairs.rounds import SEARCH, SEARCH_STEPS, unlearn_in_rounds
from trivet.security.repairs.sharpness import fine_tune_sharpness_aware
from trivet.security.repairs.training import affordable_batch
from trivet.security.repairs.unlearning import UnlearningSettings

__all__ = [
    "FINE_TUNING",
    "ROUNDS",
    "SHARPNESS_AWARE",
    "clp",
    "fine_pruning",
    "fine_tuning",
    "ft_sam",
    "unlearning",
]

#: Short rounds find out what the network answers to; a long one unlearns all of it and wins back
#: accuracy, for which the light shifts matter most.
ROUNDS: Final = tuple(
    UnlearningSettings(steps=steps, learning_rate=1e-3, shift=1, spare_target=True)
    for steps in (60, 60, 60, 300)
)
FINE_TUNING: Final = FineTuningSettings(steps=600)
SHARPNESS_AWARE: Final = FineTuningSettings(steps=400)


def clp(case: Case, *, seed: int, progress: Progress) -> Treatment:  # noqa: ARG001 - nothing in it is random or slow
    """Prune channels by their Lipschitz bounds; see `prune_by_lipschitz`."""
    pruned = prune_by_lipschitz(case.model)
    return Treatment(pruned.model, f"{pruned.channels} of {pruned.examined} channels pruned", 0)


def unlearning(case: Case, *, seed: int, progress: Progress) -> Treatment:
    """Unlearn the trigger, and in further rounds what is left of it; see `unlearn_in_rounds`."""
    batch = _affordable(case, ROUNDS[0].batch_size)
    repaired = unlearn_in_rounds(
        case.model,
        case.contract,
        case.images,
        case.trigger,
        case.target,
        [replace(settings, batch_size=batch) for settings in ROUNDS],
        seed=seed,
        progress=progress,
    )
    steps = sum(settings.steps or 0 for settings in ROUNDS)
    image_steps = steps * batch + (len(ROUNDS) - 1) * SEARCH_STEPS * SEARCH.batch_size
    return Treatment(repaired, f"{len(ROUNDS)} rounds, {steps} steps", image_steps)


def fine_tuning(case: Case, *, seed: int, progress: Progress) -> Treatment:
    """Train on with clean images; see `fine_tune`."""
    settings = replace(FINE_TUNING, batch_size=_affordable(case, FINE_TUNING.batch_size))
    repaired = fine_tune(case.model, case.contract, case.images, settings, seed=seed, progress=progress)
    return Treatment(repaired, f"{settings.steps} steps", settings.steps * settings.batch_size)


def fine_pruning(case: Case, *, seed: int, progress: Progress) -> Treatment:
    """Prune idle channels, then train on; see `fine_prune`."""
    settings = replace(FINE_TUNING, batch_size=_affordable(case, FINE_TUNING.batch_size))
    pruned = fine_prune(case.model, case.contract, case.images, settings, seed=seed, progress=progress)
    work = f"{pruned.channels} of {pruned.examined} channels pruned, {settings.steps} steps"
    return Treatment(pruned.model, work, settings.steps * settings.batch_size)


def ft_sam(case: Case, *, seed: int, progress: Progress) -> Treatment:
    """Train on towards a flat minimum; see `fine_tune_sharpness_aware`."""
    settings = replace(SHARPNESS_AWARE, batch_size=_affordable(case, SHARPNESS_AWARE.batch_size))
    repaired = fine_tune_sharpness_aware(
        case.model, case.contract, case.images, settings, seed=seed, progress=progress
    )
    return Treatment(repaired, f"{settings.steps} double steps", 2 * settings.steps * settings.batch_size)


def _affordable(case: Case, batch: int) -> int:
    """Return how many images a batch has: not more than there are, nor than memory holds."""
    at_most = min(batch, len(case.images))
    return affordable_batch(case.model, case.contract, case.images, at_most=at_most)
