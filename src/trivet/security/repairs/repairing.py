"""Can the backdoor be removed, by which method, and at what loss: judged on images that no repair saw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from trivet.datasets.images import ImageSet
from trivet.errors import DataError, UsageError
from trivet.result import Table
from trivet.security.classifier import Classifier
from trivet.security.contract import InputContract
from trivet.security.frozen import freeze
from trivet.security.guard import guarded
from trivet.security.notebook import repair_html
from trivet.security.repairs.case import Case, Treatment
from trivet.security.repairs.judgement import Rates, Scanned, judge, measure_rates
from trivet.security.repairs.registry import AUTO, REPAIRS, RepairMethod, repair_method
from trivet.security.repairs.results import RepairAttempt, RepairBounds, RepairResult
from trivet.security.trigger import Trigger

__all__ = ["Repair", "repair_network"]

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
    case = Case(model, contract, working, trigger, target)

    def measure(network: Classifier) -> Rates:
        return measure_rates(contract.bind(freeze(network)), held_out, trigger, target, true_trigger)

    before = measure(model)
    if before.asr < bounds.asr:
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
            loss = attempt.clean_accuracy.before - attempt.clean_accuracy.after
            kept.append((loss, attempt.asr.after, number, treatment.model))
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
    candidate: RepairMethod, case: Case, *, seed: int, progress: Callable[[str, float], None]
) -> Treatment:
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
