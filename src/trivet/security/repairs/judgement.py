"""Did a repair remove the backdoor: its rates against the bounds, then a second scan."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from trivet.datasets.images import ImageSet
from trivet.security.classifier import Classifier, Scorer
from trivet.security.evaluation import attack_rates, attack_success_rate, clean_accuracy
from trivet.security.repairs.case import Treatment
from trivet.security.repairs.results import RepairAttempt, RepairBounds
from trivet.security.results import BeforeAfter
from trivet.security.trigger import Trigger

__all__ = ["NO_EVIDENCE", "Rates", "Scanned", "judge", "measure_rates"]

NO_EVIDENCE: Final = "no evidence"


class Scanned(Protocol):
    """Fields of a scan's result that a repair reads."""

    @property
    def verdict(self) -> str:
        """``no evidence``, or a word that means some."""
        ...


@dataclass(frozen=True)
class Rates:
    """Shares of held-out images, as `RepairAttempt` has them before and after."""

    clean_accuracy: float
    asr: float
    robust_accuracy: float
    true_trigger_asr: float | None


def measure_rates(
    score: Scorer, images: ImageSet, trigger: Trigger, target: int, true_trigger: Trigger | None
) -> Rates:
    """Measure what a network does with clean and with triggered images."""
    asr, robust_accuracy = attack_rates(score, images, trigger, target)
    true_asr = None if true_trigger is None else attack_success_rate(score, images, true_trigger, target)
    return Rates(clean_accuracy(score, images), asr, robust_accuracy, true_asr)


def judge(
    method: str,
    treatment: Treatment,
    before: Rates,
    after: Rates,
    bounds: RepairBounds,
    rescan: Callable[[Classifier], Scanned] | None,
) -> RepairAttempt:
    """Hold the rates against the bounds and, where they keep them, scan again."""
    loss = before.clean_accuracy - after.clean_accuracy
    reasons: list[str] = []
    if after.asr >= bounds.asr:
        reasons.append(f"the reconstructed trigger still succeeds on {after.asr:.1%} of the images")
    if after.true_trigger_asr is not None and after.true_trigger_asr >= bounds.true_trigger_asr:
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
        clean_accuracy=BeforeAfter(before.clean_accuracy, after.clean_accuracy),
        asr=BeforeAfter(before.asr, after.asr),
        robust_accuracy=BeforeAfter(before.robust_accuracy, after.robust_accuracy),
        true_trigger_asr=None
        if before.true_trigger_asr is None or after.true_trigger_asr is None
        else BeforeAfter(before.true_trigger_asr, after.true_trigger_asr),
        second_verdict=verdict,
    )
