"""Judgement of repairs on images that none of them saw, and the method worth keeping."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from trivet.datasets.images import ImageSet
from trivet.errors import CheckpointError, DataError, TrivetError, UsageError
from trivet.estimate import Estimate, Known, known
from trivet.paired import paired_difference_interval
from trivet.result import Table
from trivet.security.adapting import guarded
from trivet.security.contract import InputContract
from trivet.security.evaluation import attack_rates, attack_success_rate, predict
from trivet.security.frozen import freeze
from trivet.security.networks import Classifier, Scorer
from trivet.security.notebook import repair_html
from trivet.security.repairs.methods import AUTO, REPAIRS, RepairMethod, repair_method
from trivet.security.repairs.relearning import RELEARNING, drawn_rows, relearn, unknown_backdoor
from trivet.security.repairs.results import (
    Relearning,
    RepairAttempt,
    RepairBounds,
    RepairedRate,
    RepairResult,
)
from trivet.security.repairs.squares import leading_square
from trivet.security.repairs.training import Repaired, RepairInput, Search
from trivet.security.repairs.unlearning import PATCH_SEARCH
from trivet.security.trigger import Stamp, Trigger
from trivet.verdict import NO_EVIDENCE, NOT_REMOVED, REMOVED, UNSETTLED

__all__ = ["Repair", "accuracy_loss", "repair_network"]


class Scanned(Protocol):
    """Fields of a scan's result that a repair reads."""

    @property
    def verdict(self) -> str:
        """``no evidence``, or a word that means some."""
        ...


#: Of the interval of a rate.
LEVEL: Final = 0.95


@dataclass(frozen=True, eq=False)
class Rates:
    """Shares of held-out images, as `RepairAttempt` has them, and which clean ones are right."""

    right: NDArray[np.bool_]
    clean_accuracy: Known
    unstamped: Known
    asr: Known
    robust_accuracy: Known
    true_trigger_asr: Known | None


@dataclass(frozen=True, eq=False)
class Judge:
    """Held-out images, the triggers that are tried on them, and what counts as removed.

    Attributes
    ----------
    case
        Network, contract, images of the repair, trigger and target.
    held_out
        Images that no repair saw.
    true_trigger
        The attacker's own, where it is known.
    bounds, rescan, seed
        As of `repair_network`.
    source
        The class that alone the trigger works for; None is all.
    attacked
        Those of the held-out images that it is tried on.
    """

    case: RepairInput
    held_out: ImageSet
    true_trigger: Stamp | None
    bounds: RepairBounds
    rescan: Callable[[Classifier], Scanned] | None
    seed: int
    source: int | None
    attacked: ImageSet

    def score(self, model: Classifier) -> Scorer:
        """Return the logits of a network on pixels."""
        return self.case.contract.bind(freeze(model))

    def measure(self, model: Classifier) -> Rates:
        """Measure what a network does with clean and with triggered images."""
        score, images = self.score(model), self.held_out
        asr, robust_accuracy = attack_rates(score, self.attacked, self.case.trigger, self.case.target)
        right = predict(score, images) == images.labels
        predicted = predict(score, self.attacked)
        others = self.attacked.labels != self.case.target
        return Rates(
            right,
            share_of_images(float(np.mean(right)), len(right)),
            self._share(float(np.mean(predicted[others] == self.case.target))),
            self._share(asr),
            self._share(robust_accuracy),
            None if self.true_trigger is None else self._asr(score, self.true_trigger, self.case.target),
        )

    def relearned(self, model: Classifier, trigger: Stamp, target: int) -> Known:
        """Return the success rate of a trigger after the network has been trained on a few images with it."""
        case = self.case
        with guarded(case.model.name, "be trained on a few stamped images"):
            taught = relearn(
                model, case.contract, case.images, trigger, target, source=self.source, seed=self.seed
            )
        return self._asr(self.score(taught), trigger, target)

    def attempt(
        self, method: str, treatment: Repaired, before: Rates, attacked: Callable[[], Known]
    ) -> RepairAttempt:
        """Hold the rates against the bounds; where they keep them, scan again and let the network relearn."""
        after, bounds = self.measure(treatment.model), self.bounds
        loss = accuracy_loss(before.right, after.right)
        reasons: list[str] = []
        natural = after.unstamped.value
        if after.asr.value - natural >= bounds.asr:
            reasons.append(f"the reconstructed trigger still succeeds on {after.asr:.1%} of the images")
        true = after.true_trigger_asr
        if true is not None and true.value - natural >= bounds.true_trigger_asr:
            reasons.append(f"the attacker's own trigger still succeeds on {true:.1%}")
        if (loss.low or 0.0) >= bounds.accuracy_loss:
            reasons.append(
                f"clean accuracy falls by {points(loss)}, beyond the bound of {100 * bounds.accuracy_loss:g}"
            )
        if not reasons and isinstance(self.case.trigger, Trigger):
            reasons += self._squares(treatment.model, self.case.trigger)
        verdict = None
        if self.rescan is not None and not reasons:
            try:
                verdict = self.rescan(treatment.model).verdict
            except TrivetError as error:
                reasons.append(f"a second scan is not possible: {error}")
            else:
                if verdict != NO_EVIDENCE:
                    reasons.append(f"a second scan calls the repaired network {verdict}")
        settled = loss.high is not None and loss.high < bounds.accuracy_loss
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
            if before.true_trigger_asr is None or true is None
            else RepairedRate(before.true_trigger_asr, true),
            second_verdict=verdict,
            outcome=NOT_REMOVED if reasons else REMOVED if settled else UNSETTLED,
            accuracy_loss=loss,
            unstamped=RepairedRate(before.unstamped, after.unstamped),
            relearning=None if reasons else self._relearning(treatment.model, attacked),
        )

    def _squares(self, model: Classifier, trigger: Trigger) -> list[str]:
        """Return as a reason that a plain square at the trigger's place still leads to the label."""
        case, bounds = self.case, self.bounds
        found = leading_square(self.score(model), case.images, self.attacked, trigger, case.target)
        rise, other = found.success - found.without, max(found.other, 0.0)
        if rise - other < bounds.true_trigger_asr:
            return []
        said = (
            f"a plain square at the trigger's place still sends {found.success:.1%} to the label, "
            f"{100 * rise:.1f} points more than go there without it; for any other label squares add at most "
            f"{100 * other:.1f} points"
        )
        return [said]

    def _relearning(self, model: Classifier, attacked: Callable[[], Known]) -> Relearning | None:
        """Return what comes back; None of a network that cannot be trained."""
        case, true = self.case, self.true_trigger
        unknown, other = unknown_backdoor(case.trigger, case.target, case.images)
        stamped, clean = drawn_rows(case.images, case.target, source=self.source, seed=self.seed)
        try:
            asr, before = self.relearned(model, case.trigger, case.target), attacked()
            own = None if true is None else self.relearned(model, true, case.target)
            never = self.relearned(model, unknown, other)
        except CheckpointError:
            return None
        return Relearning(
            asr=asr,
            true_trigger_asr=own,
            attacked=before,
            unknown=never,
            stamped=len(stamped),
            clean=len(clean),
            steps=RELEARNING.training.steps or 0,
            learning_rate=RELEARNING.training.learning_rate,
        )

    def _asr(self, score: Scorer, trigger: Stamp, target: int) -> Known:
        others = int((self.attacked.labels != target).sum())
        return share_of_images(attack_success_rate(score, self.attacked, trigger, target), others)

    def _share(self, rate: float) -> Known:
        return share_of_images(rate, int((self.attacked.labels != self.case.target).sum()))


def share_of_images(rate: float, images: int) -> Known:
    """Return a share of images with the interval of Clopper and Pearson."""
    ends = binomtest(round(rate * images), images).proportion_ci(LEVEL, method="exact")
    return Known(rate, float(ends.low), float(ends.high), LEVEL, "Clopper-Pearson exact")


def accuracy_loss(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Known:
    """Return the clean accuracy lost, 0 to 1, from which of the same images are right before and after.

    The interval is of sampling: other images, the same two networks (Newcombe 1998, method 10).
    """
    cells = (before & after, before & ~after, ~before & after, ~before & ~after)
    return known(paired_difference_interval(*(int(cell.sum()) for cell in cells), level=LEVEL))


def points(loss: Estimate) -> str:
    """Return a loss of accuracy in points, with its interval."""
    low, high = (100 * (0.0 if end is None else end) for end in (loss.low, loss.high))
    return f"{100 * loss.number:.1f} points ({low:.1f} to {high:.1f})"


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


class _BudgetUsedError(TrivetError):
    """The time of a repair is up."""


@dataclass(frozen=True)
class _Clock:
    """The time that a repair may take; None is any."""

    budget: float | None
    started: float

    @property
    def is_up(self) -> bool:
        return self.budget is not None and monotonic() - self.started >= self.budget

    def check(self) -> None:
        """Raise where the time is up."""
        if self.is_up:
            raise _BudgetUsedError(f"the budget of {self.budget:g} s is used")


def repair_network(
    model: Classifier,
    contract: InputContract,
    working: ImageSet,
    held_out: ImageSet,
    *,
    trigger: Stamp,
    target: int,
    method: str | Sequence[str] = AUTO,
    source: int | None = None,
    kind: str = "patch",
    search: Search = PATCH_SEARCH,
    rescan: Callable[[Classifier], Scanned] | None = None,
    true_trigger: Stamp | None = None,
    bounds: RepairBounds = RepairBounds(),  # noqa: B008 - frozen
    budget: float | None = None,
    seed: int,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> Repair:
    """Remove a backdoor from a network, and measure what that did.

    ``auto`` tries the methods in the order of `REPAIRS` and recommends the one that loses least accuracy
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
        The reconstructed trigger, and the label that it leads to. Any change of pixels will do, such as a
        `Trigger`.
    source
        The class that alone the trigger works for; success is then measured on its images. None tries all.
    method
        A name in `REPAIRS`, several of which all are tried, or ``auto``.
    kind, search
        What the trigger is, for the result, and how unlearning looks for what is left of it.
    rescan
        Scans a repaired network again; called only where the rates keep the bounds. None counts on
        the rates alone.
    true_trigger
        The attacker's own trigger, where it is known; only the judgement looks at it.
    bounds
        What counts as removed.
    budget
        Seconds that the attempts may take. A method that is under way when they are used is given up, the
        judgement of a finished one is not; the methods that are left are named in the result.
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
    TrivetError
        If the budget is used before any method is done.
    """
    clock = _Clock(budget, monotonic())
    names = [method] if isinstance(method, str) else list(method)
    tried = tuple(REPAIRS.values()) if names == [AUTO] else tuple(map(repair_method, names))
    _check(working, held_out, target, [trigger, *([] if true_trigger is None else [true_trigger])])
    working = _without(working, held_out)
    case = RepairInput(model, contract, working, trigger, target, search)
    attacked_images = held_out if source is None else held_out.take(held_out.labels == source)
    if not len(attacked_images):
        raise DataError(f"no held-out image is of class {source}, whose images the trigger is for.")
    judge = Judge(case, held_out, true_trigger, bounds, rescan, seed, source, attacked_images)
    before = judge.measure(model)
    if before.asr.value < bounds.asr:
        raise UsageError(
            f"the trigger sends only {before.asr:.1%} of the held-out images to label {target}, so there is "
            "no backdoor to remove by this trigger. Give the trigger that a scan found; where it "
            "found the label without any, train the network again from data that can be trusted."
        )
    attacked = cache(lambda: judge.relearned(model, trigger, target))
    attempts: list[RepairAttempt] = []
    kept: list[tuple[bool, float, float, int, Classifier]] = []
    untried: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    enough = min(bounds.good_enough, bounds.accuracy_loss)
    for number, candidate in enumerate(tried):
        try:
            treatment = _treat(candidate, case, clock, alone=len(tried) == 1, seed=seed, progress=progress)
        except _BudgetUsedError:
            untried = tuple(each.name for each in tried[number:])
            break
        if isinstance(treatment, str):
            failed += (treatment,)
            continue
        progress(f"{candidate.name}: judgement", 0.0)
        attempt = judge.attempt(candidate.name, treatment, before, attacked)
        attempts.append(attempt)
        if attempt.removed:
            loss = attempt.clean_accuracy.before.value - attempt.clean_accuracy.after.value
            doubt = attempt.outcome != REMOVED
            kept.append((doubt, loss, attempt.asr.after.value, number, treatment.model))
            if names == [AUTO] and loss <= enough:
                break
    _require_one(attempts, failed, untried, budget)
    best = min(kept, key=lambda entry: entry[:4]) if kept else None
    chosen = attempts[best[3]] if best else None
    result = RepairResult(
        requested=", ".join(names),
        target=target,
        removed=chosen is not None,
        chosen=chosen.method if chosen else None,
        attempts=tuple(attempts),
        summary=_summary(chosen, attempts, bounds) + _of_one(source) + _left(untried, failed, budget),
        bounds=bounds,
        working_images=len(working),
        held_out_images=len(held_out),
        seed=seed,
        outcome=chosen.outcome if chosen else NOT_REMOVED,
        trigger=kind,
        budget=budget,
        untried=untried,
        failed=failed,
    )
    return Repair(result, best[4] if best else None)


def _treat(
    candidate: RepairMethod,
    case: RepairInput,
    clock: _Clock,
    *,
    alone: bool,
    seed: int,
    progress: Callable[[str, float], None],
) -> Repaired | str:
    """Return what a method makes; where others are tried as well, what it raises in words."""
    clock.check()
    progress(candidate.name, 0.0)

    def tell(share: float) -> None:
        clock.check()
        progress(candidate.name, share)

    try:
        with guarded(case.model.name, f"be repaired by {candidate.name}"):
            return candidate.run(case, seed=seed, progress=tell)
    except CheckpointError as error:
        if alone:
            raise
        return f"{candidate.name} was not possible: {error}"


def _require_one(
    attempts: list[RepairAttempt], failed: tuple[str, ...], untried: tuple[str, ...], budget: float | None
) -> None:
    """Raise where no method was carried out."""
    if attempts:
        return
    if failed:
        raise CheckpointError(" ".join(failed))
    raise TrivetError(
        f"the budget of {budget:g} s was used before any of {', '.join(untried)} was done, so there is "
        "no result; give a larger --budget, or a cheaper --method."
    )


def _summary(chosen: RepairAttempt | None, attempts: list[RepairAttempt], bounds: RepairBounds) -> str:
    if chosen is None:
        names = ", ".join(attempt.method for attempt in attempts)
        return (
            f"The backdoor was not removed by {names}; no repaired weights are recommended. Do not use the "
            "network: train it again from data that can be trusted."
        )
    accuracy, asr, loss = chosen.clean_accuracy, chosen.asr, chosen.accuracy_loss
    assert loss is not None
    bound = f"at most {100 * bounds.accuracy_loss:g} points"
    doubt = f" It takes more images to tell whether it loses {bound}." if chosen.outcome == UNSETTLED else ""
    return (
        f"{chosen.method} removed the backdoor: the reconstructed trigger's success rate goes from "
        f"{asr.before:.1%} to {asr.after:.1%}, clean accuracy from {accuracy.before:.1%} to "
        f"{accuracy.after:.1%}, a loss of {points(loss)}.{doubt}{_taught(chosen.relearning)}"
    )


def _taught(again: Relearning | None) -> str:
    if again is None:
        return " The network cannot be trained, so that nothing is known of what it would learn again."
    return (
        f" After training on {again.stamped} stamped images the trigger succeeds on {again.asr:.1%}, and one "
        f"that the network never saw on {again.unknown:.1%}."
    )


def _of_one(source: int | None) -> str:
    return (
        "" if source is None else f" Success rates are of images of label {source}, which the trigger is for."
    )


def _left(untried: tuple[str, ...], failed: tuple[str, ...], budget: float | None) -> str:
    late = f" The budget of {budget:g} s left no time for {', '.join(untried)}." if untried else ""
    return "".join(f" {each}" for each in failed) + late


def _check(working: ImageSet, held_out: ImageSet, target: int, triggers: list[Stamp]) -> None:
    for images, purpose in ((working, "the repair"), (held_out, "its judgement")):
        if not len(images):
            raise DataError(f"there are no images for {purpose}; give clean images with true classes.")
    if not 0 <= target < working.classes:
        raise UsageError(f"the target label {target} is none of the {working.classes} classes.")
    if not (working.labels != target).any():
        raise DataError(f"all images for the repair are of class {target}; it needs others too.")
    shape = working.pixels.shape[1:]
    for trigger in triggers:
        if not isinstance(trigger, Trigger):
            continue
        if trigger.pattern.shape != shape or trigger.mask.shape != (1, *shape[1:]):
            raise DataError(
                f"the trigger is made for images of shape {trigger.pattern.shape}; these have {shape}."
            )


def _without(working: ImageSet, held_out: ImageSet) -> ImageSet:
    """Return the working images that are not held out as well."""
    own = ~working.among(held_out)
    shared = len(own) - int(own.sum())
    if shared > TOLERATED_OVERLAP * len(own):
        raise UsageError(
            f"{shared} of the {len(own)} images for the repair are also among those that judge it; give two "
            "sets without common images, such as the two parts of ImageSet.split."
        )
    return working.take(own) if shared else working
