"""The security questions answered soundly: contract first, calibrated verdict, disjoint halves."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from trivet.datasets.images import ImageSet
from trivet.security.checkpoint import DEMO_TRIGGER, Checkpoint
from trivet.security.classifier import Classifier, Scorer
from trivet.security.contract import InputContract, check_contract, chosen_contract
from trivet.security.detection import (
    ASR_GATE,
    BACKDOORED_BELOW,
    NORM_RATIO_GATE,
    SUSPICIOUS_BELOW,
    detect,
)
from trivet.security.evaluation import attack_rates, attack_success_rate, clean_accuracy
from trivet.security.frozen import freeze
from trivet.security.inversion import Inversion, InversionSettings, invert_triggers, sampled_batches
from trivet.security.repairs.rounds import unlearn_in_rounds
from trivet.security.repairs.unlearning import UnlearningSettings, unlearn
from trivet.security.results import (
    BeforeAfter,
    CorrectedSecurity,
    CorrectedSettings,
    LabelEvidence,
)
from trivet.security.settings import SecuritySettings
from trivet.security.stamping import stamp_images, varied_rows
from trivet.security.strip import StampedImages
from trivet.security.trigger import Trigger

__all__ = ["audit_security", "halves"]

#: Held-out images that each label's trigger is tried on: a standard error of 0.007 at the gate.
GATE_IMAGES = 1_000
UNLEARNING_ROUNDS = 2


def audit_security(
    checkpoint: Checkpoint,
    images: ImageSet,
    declared: InputContract,
    settings: SecuritySettings,
    *,
    seed: int,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> tuple[CorrectedSecurity, Inversion]:
    """Check the contract, look for a backdoor, and repair it where one is suspected.

    Half of the images serve inversion and repair, the other half every judgement.

    Parameters
    ----------
    checkpoint
        The network under study.
    images
        Clean images with true classes.
    declared
        The declared input contract; the audit goes on with the one that fits best.
    settings
        Constants; only the stamped fraction is used here.
    seed
        Seed of the halves, the batches, and the repair.
    progress
        Called with a step's name and its finished share.
    """
    progress("input contract", 0.0)
    frozen = freeze(checkpoint.model)
    contract_check = check_contract(frozen, images, declared)
    contract = chosen_contract(contract_check, declared)
    working, held_out = halves(images, seed=seed)
    score = contract.bind(frozen)

    inversion_settings = InversionSettings()
    inversion = invert_triggers(
        score,
        working,
        sampled_batches(working.labels, range(images.classes), inversion_settings, seed=seed),
        inversion_settings,
        progress=lambda share: progress("corrected inversion", share),
    )
    norms = inversion.norms
    gate = held_out.take(np.arange(min(GATE_IMAGES, len(held_out))))
    success = [
        attack_success_rate(score, gate, inversion.trigger(label), label) for label in range(images.classes)
    ]
    found = detect(norms, success)

    unlearning = UnlearningSettings(fraction=settings.unlearning_fraction)
    accuracy = asr = robust = true_asr = strip = control_accuracy = control_asr = None
    reason: str | None = "no label is suspected, so there is nothing to repair"
    if found.label is not None:
        reason = None
        trigger, target = inversion.trigger(found.label), found.label
        repaired = unlearn_in_rounds(
            checkpoint.model,
            contract,
            working,
            trigger,
            target,
            [unlearning] * UNLEARNING_ROUNDS,
            seed=seed,
            progress=lambda share: progress("corrected repair", share),
        )
        after = contract.bind(freeze(repaired))

        accuracy = BeforeAfter(clean_accuracy(score, held_out), clean_accuracy(after, held_out))
        (asr_before, robust_before), (asr_after, robust_after) = (
            attack_rates(network, held_out, trigger, target) for network in (score, after)
        )
        asr, robust = BeforeAfter(asr_before, asr_after), BeforeAfter(robust_before, robust_after)
        if checkpoint.info.source == "embedded":
            true_asr = BeforeAfter(
                attack_success_rate(score, held_out, DEMO_TRIGGER, target),
                attack_success_rate(after, held_out, DEMO_TRIGGER, target),
            )
        strip = _stamped(held_out, trigger, target, score, after, seed=seed)
        control = contract.bind(
            freeze(_control(checkpoint, contract, working, trigger, unlearning, seed=seed))
        )
        control_accuracy = clean_accuracy(control, held_out)
        control_asr = attack_success_rate(control, held_out, trigger, target)

    expected = checkpoint.info.expected_label
    result = CorrectedSecurity(
        settings=CorrectedSettings(
            steps=inversion_settings.steps,
            images_per_label=inversion_settings.batch_size,
            learning_rate=inversion_settings.learning_rate,
            mask_penalty=inversion_settings.mask_penalty,
            asr_gate=ASR_GATE,
            norm_ratio_gate=NORM_RATIO_GATE,
            backdoored_below=BACKDOORED_BELOW,
            suspicious_below=SUSPICIOUS_BELOW,
            unlearning_rounds=UNLEARNING_ROUNDS,
            unlearning_fraction=unlearning.fraction,
            unlearning_epochs=unlearning.epochs,
            unlearning_learning_rate=unlearning.learning_rate,
        ),
        contract=contract_check,
        verdict=found.verdict,
        suspected_label=found.label,
        suspected_asr=None if found.label is None else success[found.label],
        agrees=None if found.label is None or expected is None else found.label == expected,
        same_as_published=None,
        smallest_label=found.smallest,
        p_value=found.p_value,
        log_score=None if found.log_scores is None else float(found.log_scores[found.smallest]),
        score_reason="the norms do not spread, so no score is defined" if found.log_scores is None else None,
        norm_ratio=found.norm_ratio,
        labels=tuple(
            LabelEvidence(
                label=label,
                l1=float(norms[label]),
                log_score=None if found.log_scores is None else float(found.log_scores[label]),
                asr=success[label],
            )
            for label in range(images.classes)
        ),
        repair_images=len(working),
        evaluation_images=len(held_out),
        clean_accuracy=accuracy,
        accuracy_fell=None if accuracy is None else accuracy.after < accuracy.before,
        asr=asr,
        robust_accuracy=robust,
        true_trigger_asr=true_asr,
        repair_reason=reason,
        image_steps=inversion.image_steps,
        strip=strip,
        control_clean_accuracy=control_accuracy,
        control_asr=control_asr,
        control_better=None if asr is None or control_asr is None else control_asr < asr.after,
    )
    return result, inversion


def halves(images: ImageSet, *, seed: int) -> tuple[ImageSet, ImageSet]:
    """Return the images for inversion and repair, and those for every judgement."""
    return images.split(0.5, seed=seed)


def _control(
    checkpoint: Checkpoint,
    contract: InputContract,
    working: ImageSet,
    trigger: Trigger,
    unlearning: UnlearningSettings,
    *,
    seed: int,
) -> Classifier:
    """Train as long as the repair does, on the same images, none of them stamped."""
    settings = replace(unlearning, fraction=0.0, epochs=UNLEARNING_ROUNDS * unlearning.epochs)
    return unlearn(checkpoint.model, contract, working, [trigger], settings, seed=seed)


def _stamped(
    held_out: ImageSet, trigger: Trigger, target: int, before: Scorer, after: Scorer, *, seed: int
) -> StampedImages:
    rows = varied_rows(held_out.labels, target, seed=seed)
    images = held_out.take(rows)
    came, repaired = (stamp_images(images, trigger, target, score) for score in (before, after))
    return StampedImages(
        rows=tuple(rows.tolist()),
        target=target,
        labels=tuple(images.labels.tolist()),
        clean_before=tuple(came.clean_before.tolist()),
        stamped_before=tuple(came.stamped_before.tolist()),
        clean_after=tuple(repaired.clean_before.tolist()),
        stamped_after=tuple(repaired.stamped_before.tolist()),
        sent_before=int((came.stamped_before == target).sum()),
        sent_after=int((repaired.stamped_before == target).sum()),
    )
