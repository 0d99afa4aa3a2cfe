"""Can the backdoor be removed, by which method, and at what loss: judged on images that no repair saw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final, Protocol

import numpy as np
from scipy.stats import binomtest

from trivet.datasets.images import ImageSet
from trivet.errors import DataError, UsageError
from trivet.estimate import Known
from trivet.result import Table
from trivet.security.adapting import guarded
from trivet.security.contract import InputContract
from trivet.security.evaluation import attack_rates, attack_success_rate, clean_accuracy
from trivet.security.frozen import freeze
from trivet.security.networks import Classifier, Scorer
from trivet.security.notebook import repair_html
from trivet.security.repairs.pruning import fine_prune, prune_by_lipschitz
from trivet.security.repairs.results import RepairAttempt, RepairBounds, RepairedRate, RepairResult
from trivet.security.repairs.training import Method, Progress, Repaired, RepairInput, affordable_batch
from trivet.security.repairs.tuning import FineTuningSettings, fine_tune, fine_tune_sharpness_aware
from trivet.security.repairs.unlearning import SEARCH, SEARCH_STEPS, UnlearningSettings, unlearn_in_rounds
from trivet.security.trigger import Trigger
from trivet.verdict import NO_EVIDENCE

__all__ = [
    "FINE_TUNING",
    "REPAIRS",
    "ROUNDS",
    "SHARPNESS_AWARE",
    "Repair",
    "RepairMethod",
    "clp",
    "fine_pruning",
    "fine_tuning",
    "ft_sam",
    "register",
    "repair_method",
    "repair_network",
    "unlearning",
]


class Scanned(Protocol):
    """Fields of a scan's result that a repair reads."""

    @property
    def verdict(self) -> str:
        """``no evidence``, or a word that means some."""
        ...


#: Of the interval of a rate.
LEVEL: Final = 0.95


@dataclass(frozen=True)
class Rates:
    """Shares of held-out images, as `RepairAttempt` has them before and after."""

    clean_accuracy: Known
    asr: Known
    robust_accuracy: Known
    true_trigger_asr: Known | None


def measure_rates(
    score: Scorer, images: ImageSet, trigger: Trigger, target: int, true_trigger: Trigger | None
) -> Rates:
    """Measure what a network does with clean and with triggered images."""
    others = int((images.labels != target).sum())
    asr, robust_accuracy = (
        share_of_images(rate, others) for rate in attack_rates(score, images, trigger, target)
    )
    accuracy = share_of_images(clean_accuracy(score, images), len(images))
    if true_trigger is None:
        return Rates(accuracy, asr, robust_accuracy, None)
    true_asr = attack_success_rate(score, images, true_trigger, target)
    return Rates(accuracy, asr, robust_accuracy, share_of_images(true_asr, others))


def share_of_images(rate: float, images: int) -> Known:
    """Return a share of images with the interval of Clopper and Pearson."""
    ends = binomtest(round(rate * images), images).proportion_ci(LEVEL, method="exact")
    return Known(rate, float(ends.low), float(ends.high), LEVEL, "Clopper-Pearson exact")


def judge(
    method: str,
    treatment: Repaired,
    before: Rates,
    after: Rates,
    bounds: RepairBounds,
    rescan: Callable[[Classifier], Scanned] | None,
) -> RepairAttempt:
    """Hold the rates against the bounds and, where they keep them, scan again."""
    loss = before.clean_accuracy.value - after.clean_accuracy.value
    reasons: list[str] = []
    if after.asr.value >= bounds.asr:
        reasons.append(f"the reconstructed trigger still succeeds on {after.asr:.1%} of the images")
    if after.true_trigger_asr is not None and after.true_trigger_asr.value >= bounds.true_trigger_asr:
        reasons.append(f"the attacker's own trigger still succeeds on {after.true_trigger_asr:.1%}")
    if loss >= bounds.accuracy_loss:
        reasons.append(f"clean accuracy falls by {100 * loss:.1f} points")
    verdict = None
    if rescan is not None and not reasons:
        verdict = rescan(treatment.model).verdict
        if verdict != NO_EVIDENCE:
            reasons.append(f"a second scan calls the repaired network {verdict}")
    return RepairAttempt(
        method=method,
        removed=not reasons,
        reason="; ".join(reasons) or None,
        work=treatment.work,
        image_steps=treatment.image_steps,
        clean_accuracy=RepairedRate(before.clean_accuracy, after.clean_accuracy),
        asr=RepairedRate(before.asr, after.asr),
        robust_accuracy=RepairedRate(before.robust_accuracy, after.robust_accuracy),
        true_trigger_asr=None
        if before.true_trigger_asr is None or after.true_trigger_asr is None
        else RepairedRate(before.true_trigger_asr, after.true_trigger_asr),
        second_verdict=verdict,
    )


#: Short rounds find out what the network answers to; a long one unlearns all of it and wins back
#: accuracy, for which the light shifts matter most.
ROUNDS: Final = tuple(
    UnlearningSettings(steps=steps, learning_rate=1e-3, shift=1, spare_target=True)
    for steps in (60, 60, 60, 300)
)
FINE_TUNING: Final = FineTuningSettings(steps=600)
SHARPNESS_AWARE: Final = FineTuningSettings(steps=400)


def clp(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:  # noqa: ARG001 - nothing in it is random or slow
    """Prune channels by their Lipschitz bounds; see `prune_by_lipschitz`."""
    pruned = prune_by_lipschitz(case.model)
    return Repaired(pruned.model, f"{pruned.channels} of {pruned.examined} channels pruned", 0)


def unlearning(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
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
    return Repaired(repaired, f"{len(ROUNDS)} rounds, {steps} steps", image_steps)


def fine_tuning(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
    """Train on with clean images; see `fine_tune`."""
    settings = replace(FINE_TUNING, batch_size=_affordable(case, FINE_TUNING.batch_size))
    repaired = fine_tune(case.model, case.contract, case.images, settings, seed=seed, progress=progress)
    return Repaired(repaired, f"{settings.steps} steps", settings.steps * settings.batch_size)


def fine_pruning(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
    """Prune idle channels, then train on; see `fine_prune`."""
    settings = replace(FINE_TUNING, batch_size=_affordable(case, FINE_TUNING.batch_size))
    pruned = fine_prune(case.model, case.contract, case.images, settings, seed=seed, progress=progress)
    work = f"{pruned.channels} of {pruned.examined} channels pruned, {settings.steps} steps"
    return Repaired(pruned.model, work, settings.steps * settings.batch_size)


def ft_sam(case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
    """Train on towards a flat minimum; see `fine_tune_sharpness_aware`."""
    settings = replace(SHARPNESS_AWARE, batch_size=_affordable(case, SHARPNESS_AWARE.batch_size))
    repaired = fine_tune_sharpness_aware(
        case.model, case.contract, case.images, settings, seed=seed, progress=progress
    )
    return Repaired(repaired, f"{settings.steps} double steps", 2 * settings.steps * settings.batch_size)


def _affordable(case: RepairInput, batch: int) -> int:
    """Return how many images a batch has: not more than there are, nor than memory holds."""
    at_most = min(batch, len(case.images))
    return affordable_batch(case.model, case.contract, case.images, at_most=at_most)


#: Stands for all methods.
AUTO: Final = "auto"


@dataclass(frozen=True)
class RepairMethod:
    """A way to remove a backdoor.

    Attributes
    ----------
    name
        Name on the command line.
    cost
        Its place among the others: ``auto`` tries small ones first.
    run
        The method.
    """

    name: str
    cost: int
    run: Method


#: Filled by `register`; always from cheap to costly.
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
    known = sorted([*REPAIRS.values(), method], key=lambda entry: entry.cost)
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


# In the order of the image-steps that they take.
register(RepairMethod("clp", 0, clp))
register(RepairMethod("unlearn", 1, unlearning))
register(RepairMethod("fine-tune", 2, fine_tuning))
register(RepairMethod("fine-prune", 3, fine_pruning))
register(RepairMethod("ft-sam", 4, ft_sam))


#: Working images that are held out as well are left out; with more of them than this share, the two
#: sets are not two.
TOLERATED_OVERLAP: Final = 0.1


@dataclass(frozen=True, eq=False, repr=False)
class Repair(Table, of="result"):
    """A result, and the network that it recommends.

    Attributes
    ----------
    result
        Plain values.
    model
        The repaired network, in evaluation mode with frozen weights; None where nothing removed the
        backdoor.
    """

    result: RepairResult
    model: Classifier | None

    def _repr_html_(self) -> str:
        return repair_html(self)


def repair_network(
    model: Classifier,
    contract: InputContract,
    working: ImageSet,
    held_out: ImageSet,
    *,
    trigger: Trigger,
    target: int,
    method: str | Sequence[str] = AUTO,
    rescan: Callable[[Classifier], Scanned] | None = None,
    true_trigger: Trigger | None = None,
    bounds: RepairBounds = RepairBounds(),  # noqa: B008 - frozen
    seed: int,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> Repair:
    """Remove a backdoor from a network, and measure what that did.

    ``auto`` tries the methods from cheap to costly and recommends the one that loses least accuracy
    among those that remove the backdoor. It stops at the first that removes it at a loss of at most
    `bounds.good_enough`.

    Parameters
    ----------
    model
        The attacked network; it is not changed.
    contract
        What the network expects of its inputs.
    working
        Clean images with true labels, for the repair.
    held_out
        Others, for the judgement. Images that are in both are left out of the repair.
    trigger, target
        The reconstructed trigger, and the label that it leads to.
    method
        A name in `REPAIRS`, several of which all are tried, or ``auto``.
    rescan
        Scans a repaired network again; called only where the rates keep the bounds. None counts on
        the rates alone.
    true_trigger
        The attacker's own trigger, where it is known; only the judgement looks at it.
    bounds
        What counts as removed.
    seed
        Draws all that is random: the same seed gives the same weights on the same machine.
    progress
        Called with a step's name and its finished share, 0 to 1.

    Raises
    ------
    UsageError
        If there is no such method or label, or if most of `working` is in `held_out`.
    DataError
        If images are missing, or a trigger has another shape than they.
    CheckpointError
        If the network cannot be trained.
    """
    names = [method] if isinstance(method, str) else list(method)
    tried = tuple(REPAIRS.values()) if names == [AUTO] else tuple(map(repair_method, names))
    _check(working, held_out, target, [trigger, *([] if true_trigger is None else [true_trigger])])
    working = _without(working, held_out)
    case = RepairInput(model, contract, working, trigger, target)

    def measure(network: Classifier) -> Rates:
        return measure_rates(contract.bind(freeze(network)), held_out, trigger, target, true_trigger)

    before = measure(model)
    if before.asr.value < bounds.asr:
        raise UsageError(
            f"the trigger sends only {before.asr:.1%} of the held-out images to label {target}, so there is "
            "no backdoor to remove. Repair what a scan suspects, with the trigger that it found."
        )
    attempts: list[RepairAttempt] = []
    kept: list[tuple[float, float, int, Classifier]] = []
    for number, candidate in enumerate(tried):
        treatment = _treat(candidate, case, seed=seed, progress=progress)
        progress(f"{candidate.name}: judgement", 0.0)
        attempt = judge(candidate.name, treatment, before, measure(treatment.model), bounds, rescan)
        attempts.append(attempt)
        if attempt.removed:
            loss = attempt.clean_accuracy.before.value - attempt.clean_accuracy.after.value
            kept.append((loss, attempt.asr.after.value, number, treatment.model))
            if names == [AUTO] and loss <= bounds.good_enough:
                break
    best = min(kept, key=lambda entry: entry[:3]) if kept else None
    chosen = attempts[best[2]] if best else None
    result = RepairResult(
        requested=", ".join(names),
        target=target,
        removed=chosen is not None,
        chosen=chosen.method if chosen else None,
        attempts=tuple(attempts),
        summary=_summary(chosen, attempts),
        bounds=bounds,
        working_images=len(working),
        held_out_images=len(held_out),
        seed=seed,
    )
    return Repair(result, best[3] if best else None)


def _treat(
    candidate: RepairMethod, case: RepairInput, *, seed: int, progress: Callable[[str, float], None]
) -> Repaired:
    progress(candidate.name, 0.0)
    with guarded(case.model.name, f"be repaired by {candidate.name}"):
        return candidate.run(case, seed=seed, progress=lambda share: progress(candidate.name, share))


def _summary(chosen: RepairAttempt | None, attempts: list[RepairAttempt]) -> str:
    if chosen is None:
        names = ", ".join(attempt.method for attempt in attempts)
        return (
            f"The backdoor was not removed by {names}; no repaired weights are recommended. Do not use the "
            "network: train it again from data that can be trusted."
        )
    accuracy, asr = chosen.clean_accuracy, chosen.asr
    return (
        f"{chosen.method} removed the backdoor: the reconstructed trigger's success rate goes from "
        f"{asr.before:.1%} to {asr.after:.1%}, clean accuracy from {accuracy.before:.1%} to "
        f"{accuracy.after:.1%}."
    )


def _check(working: ImageSet, held_out: ImageSet, target: int, triggers: list[Trigger]) -> None:
    for images, purpose in ((working, "the repair"), (held_out, "its judgement")):
        if not len(images):
            raise DataError(f"there are no images for {purpose}; give clean images with true classes.")
    if not 0 <= target < working.classes:
        raise UsageError(f"the target label {target} is none of the {working.classes} classes.")
    if not (working.labels != target).any():
        raise DataError(f"all images for the repair are of class {target}; it needs others too.")
    shape = working.pixels.shape[1:]
    for trigger in triggers:
        if trigger.pattern.shape != shape or trigger.mask.shape != (1, *shape[1:]):
            raise DataError(
                f"the trigger is made for images of shape {trigger.pattern.shape}; these have {shape}."
            )


def _without(working: ImageSet, held_out: ImageSet) -> ImageSet:
    """Return the working images that are not held out as well."""
    judged = {_digest(pixels) for pixels in held_out.pixels}
    own = np.array([_digest(pixels) not in judged for pixels in working.pixels])
    shared = len(own) - int(own.sum())
    if shared > TOLERATED_OVERLAP * len(own):
        raise UsageError(
            f"{shared} of the {len(own)} images for the repair are also among those that judge it; give two "
            "sets without common images, such as the two parts of ImageSet.split."
        )
    return working.take(own) if shared else working


def _digest(pixels: Any) -> bytes:
    return blake2b(pixels.tobytes(), digest_size=16).digest()
