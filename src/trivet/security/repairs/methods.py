"""The methods of repair by name, in the order in which `auto` tries them."""

from dataclasses import dataclass, replace
from typing import Final, TypeVar

from trivet.errors import UsageError
from trivet.security.repairs.anp import AdversarialPruningSettings, prune_adversarially
from trivet.security.repairs.fst import shift_features
from trivet.security.repairs.ibau import UniversalUnlearningSettings, unlearn_universally
from trivet.security.repairs.pruning import fine_prune, prune_by_lipschitz
from trivet.security.repairs.training import Method, Progress, Repaired, RepairInput, affordable_batch
from trivet.security.repairs.tuning import FineTuningSettings, fine_tune, fine_tune_sharpness_aware
from trivet.security.repairs.unlearning import UnlearningSettings, unlearn_in_rounds

__all__ = [
    "ADVERSARIAL_PRUNING",
    "AUTO",
    "FEATURE_SHIFT",
    "FINE_TUNING",
    "REPAIRS",
    "ROUNDS",
    "SHARPNESS_AWARE",
    "UNIVERSAL",
    "RepairMethod",
    "anp",
    "clp",
    "fine_pruning",
    "fine_tuning",
    "fst",
    "ft_sam",
    "i_bau",
    "register",
    "repair_method",
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
FEATURE_SHIFT: Final = FineTuningSettings(steps=200, weight_decay=0.0)
UNIVERSAL: Final = UniversalUnlearningSettings()
ADVERSARIAL_PRUNING: Final = AdversarialPruningSettings()


def clp(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:  # noqa: ARG001 - nothing in it is random or slow
    """Prune channels by their Lipschitz bounds; see `prune_by_lipschitz`."""
    pruned = prune_by_lipschitz(case.model)
    return Repaired(pruned.model, f"{pruned.channels} of {pruned.examined} channels pruned", 0)


def unlearning(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
    """Unlearn the trigger, and in further rounds what is left of it; see `unlearn_in_rounds`."""
    rounds = [_fitting(settings, case) for settings in ROUNDS]
    repaired = unlearn_in_rounds(
        case.model,
        case.contract,
        case.images,
        case.trigger,
        case.target,
        rounds,
        search=case.search,
        seed=seed,
        progress=progress,
    )
    steps = sum(settings.steps or 0 for settings in rounds)
    image_steps = steps * rounds[0].batch_size + (len(rounds) - 1) * case.search.image_steps
    return Repaired(repaired, f"{len(rounds)} rounds, {steps} steps", image_steps)


def fine_tuning(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
    """Train on with clean images; see `fine_tune`."""
    settings = _fitting(FINE_TUNING, case)
    repaired = fine_tune(case.model, case.contract, case.images, settings, seed=seed, progress=progress)
    return Repaired(repaired, f"{settings.steps} steps", settings.steps * settings.batch_size)


def fine_pruning(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
    """Prune idle channels, then train on; see `fine_prune`."""
    settings = _fitting(FINE_TUNING, case)
    pruned = fine_prune(case.model, case.contract, case.images, settings, seed=seed, progress=progress)
    work = f"{pruned.channels} of {pruned.examined} channels pruned, {settings.steps} steps"
    return Repaired(pruned.model, work, settings.steps * settings.batch_size)


def ft_sam(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
    """Train on towards a flat minimum; see `fine_tune_sharpness_aware`."""
    settings = _fitting(SHARPNESS_AWARE, case)
    repaired = fine_tune_sharpness_aware(
        case.model, case.contract, case.images, settings, seed=seed, progress=progress
    )
    return Repaired(repaired, f"{settings.steps} double steps", 2 * settings.steps * settings.batch_size)


def fst(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
    """Train on from a new last layer; see `shift_features`."""
    settings = _fitting(FEATURE_SHIFT, case)
    repaired = shift_features(case.model, case.contract, case.images, settings, seed=seed, progress=progress)
    return Repaired(repaired, f"{settings.steps} steps", settings.steps * settings.batch_size)


def i_bau(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
    """Unlearn the universal perturbation that does most harm; see `unlearn_universally`."""
    settings = _fitting(UNIVERSAL, case)
    repaired = unlearn_universally(
        case.model, case.contract, case.images, settings, seed=seed, progress=progress
    )
    steps = settings.rounds * (settings.ascents + settings.descents)
    return Repaired(repaired, f"{settings.rounds} rounds, {steps} steps", settings.image_steps)


def anp(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
    """Prune channels by masks trained under noise; see `prune_adversarially`."""
    settings = _fitting(ADVERSARIAL_PRUNING, case)
    pruned = prune_adversarially(
        case.model, case.contract, case.images, settings, seed=seed, progress=progress
    )
    return Repaired(
        pruned.model, f"{pruned.channels} of {pruned.examined} channels pruned", settings.image_steps
    )


_Batched = TypeVar(
    "_Batched",
    FineTuningSettings,
    UnlearningSettings,
    UniversalUnlearningSettings,
    AdversarialPruningSettings,
)


def _fitting(settings: _Batched, case: RepairInput) -> _Batched:
    """Return settings whose batch has no more images than there are, nor than memory holds."""
    at_most = min(settings.batch_size, len(case.images))
    batch = affordable_batch(case.model, case.contract, case.images, at_most=at_most)
    return replace(settings, batch_size=batch)


#: Stands for all methods.
AUTO: Final = "auto"


@dataclass(frozen=True)
class RepairMethod:
    """A way to remove a backdoor.

    Attributes
    ----------
    name
        Name on the command line.
    order
        Its place among the others: ``auto`` tries small ones first.
    run
        The method.
    """

    name: str
    order: float
    run: Method


#: Filled by `register`; always in the order of ``auto``.
REPAIRS: Final[dict[str, RepairMethod]] = {}


def register(method: RepairMethod) -> RepairMethod:
    """Make a method known by its name, and to ``auto``.

    Raises
    ------
    UsageError
        If the name is taken.
    """
    if method.name in REPAIRS or method.name == AUTO:
        raise UsageError(f"there is a repair called {method.name!r} already; give the new one another name")
    known = sorted([*REPAIRS.values(), method], key=lambda entry: entry.order)
    REPAIRS.clear()
    REPAIRS.update({entry.name: entry for entry in known})
    return method


def repair_method(name: str) -> RepairMethod:
    """Return the method called `name`.

    Raises
    ------
    UsageError
        If there is none.
    """
    if name not in REPAIRS:
        raise UsageError(f"no repair is called {name!r}; expected one of: {AUTO}, {', '.join(REPAIRS)}")
    return REPAIRS[name]


# The first takes no time. The second takes longer than the three after it, but removes most backdoors that
# the first leaves, and those three hardly any (docs/repair.md).
register(RepairMethod("clp", 0, clp))
register(RepairMethod("unlearn", 1, unlearning))
register(RepairMethod("fst", 2, fst))
register(RepairMethod("i-bau", 3, i_bau))
register(RepairMethod("anp", 4, anp))
register(RepairMethod("fine-tune", 5, fine_tuning))
register(RepairMethod("fine-prune", 6, fine_pruning))
register(RepairMethod("ft-sam", 7, ft_sam))
