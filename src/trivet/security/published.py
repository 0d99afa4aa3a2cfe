"""The published security procedure, to the printed digit: as the study ran it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from trivet.datasets.images import ImageSet
from trivet.security.checkpoint import Checkpoint
from trivet.security.contract import InputContract
from trivet.security.detection import PUBLISHED_FACTOR, detect_published
from trivet.security.evaluation import Scorer, clean_accuracy, confusion_matrix, share_classified_as
from trivet.security.frozen import freeze
from trivet.security.inversion import Inversion, InversionSettings, invert_triggers, shuffled_passes
from trivet.security.repair import UnlearningSettings, unlearn
from trivet.security.results import (
    BeforeAfter,
    ConfusionPair,
    FractionSweep,
    PublishedSecurity,
    PublishedSettings,
)
from trivet.security.settings import PROFILES, SecuritySettings
from trivet.security.trigger import Trigger

__all__ = ["PUBLISHED_INVERSION", "PUBLISHED_UNLEARNING", "publish_security"]

PUBLISHED_INVERSION = InversionSettings(
    steps=500,
    batch_size=128,
    learning_rate=0.1,
    betas=(0.9, 0.999),
    mask_penalty=0.01,
    pattern_penalty=0.001,
    mask_start=1.0,
    pattern_start=1.0,
)
PUBLISHED_UNLEARNING = UnlearningSettings(
    fraction=0.2,
    epochs=1,
    batch_size=128,
    learning_rate=1e-3,
    leading=True,
    dropout=True,
    annealing=False,
)


def publish_security(
    checkpoint: Checkpoint,
    images: ImageSet,
    contract: InputContract,
    settings: SecuritySettings,
    *,
    seed: int,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> tuple[PublishedSecurity, Inversion]:
    """Run Neural Cleanse, lower-tail MAD and one-epoch unlearning as the published study does.

    The network is fed with pixels under the declared contract whether or not that fits, and
    evaluated on the very images that it is repaired with.

    Parameters
    ----------
    checkpoint
        The network under study.
    images
        All clean images; the profile may take a part.
    contract
        The declared input contract.
    settings
        Profile and constants.
    seed
        Seed of every order and of the dropout; the published figures have 0.
    progress
        Called with a step's name and its finished share.
    """
    profile = PROFILES[settings.profile]
    subset = images if profile.images is None else images.take(_rows(len(images), profile.images, seed))
    inversion_settings = replace(PUBLISHED_INVERSION, steps=profile.steps)
    model, score = checkpoint.model, contract.bind(freeze(checkpoint.model))
    batches = shuffled_passes(
        len(subset),
        batch_size=inversion_settings.batch_size,
        steps=profile.steps,
        labels=images.classes,
        seed=seed,
    )
    inversion = invert_triggers(
        score,
        subset,
        batches,
        inversion_settings,
        progress=lambda share: progress("published inversion", share),
    )
    detection = detect_published(inversion.norms, kappa=settings.kappa)
    trigger = inversion.trigger(detection.label)

    unlearning = replace(PUBLISHED_UNLEARNING, fraction=settings.unlearning_fraction)
    repaired = unlearn(
        model,
        contract,
        subset,
        [trigger],
        unlearning,
        seed=seed,
        progress=lambda share: progress("published unlearning", share),
    )
    after = contract.bind(freeze(repaired))
    asr = BeforeAfter(
        share_classified_as(score, subset, trigger, detection.label),
        share_classified_as(after, subset, trigger, detection.label),
    )
    sweep = _sweep_fractions(
        checkpoint, images, contract, trigger, detection.label, settings, seed=seed, progress=progress
    )
    norms = inversion.norms
    by_size = np.argsort(norms, kind="stable")
    runner_up = int(by_size[1] if by_size[0] == detection.label else by_size[0])
    median = float(np.median(norms))
    mad = float(np.median(np.abs(norms - median)))
    z_floor = -PUBLISHED_FACTOR * median / mad if mad > 0 else None
    expected = checkpoint.info.expected_label
    result = PublishedSecurity(
        settings=PublishedSettings(
            profile=settings.profile,
            steps=profile.steps,
            images=len(subset),
            batch_size=inversion_settings.batch_size,
            learning_rate=inversion_settings.learning_rate,
            mask_penalty=inversion_settings.mask_penalty,
            pattern_penalty=inversion_settings.pattern_penalty,
            kappa=settings.kappa,
            unlearning_fraction=unlearning.fraction,
            unlearning_epochs=unlearning.epochs,
            unlearning_learning_rate=unlearning.learning_rate,
        ),
        expected_label=expected,
        detected_label=detection.label,
        agrees=None if expected is None else detection.label == expected,
        outlier=detection.outlier,
        norms=tuple(norms.tolist()),
        modified_z=tuple(detection.modified_z.tolist()),
        detected_norm=float(norms[detection.label]),
        detected_z=float(detection.modified_z[detection.label]),
        median_norm=median,
        norm_ratio=float(norms[detection.label] / median),
        runner_up_label=runner_up,
        runner_up_norm=float(norms[runner_up]),
        z_floor=z_floor,
        z_floor_above_bound=z_floor is not None and z_floor > -settings.kappa,
        mask_pixels=int((trigger.mask > 0.5).sum()),  # noqa: PLR2004 - more replaced than kept
        target_share=float(np.mean(subset.labels == detection.label)),
        clean_accuracy=BeforeAfter(clean_accuracy(score, subset), clean_accuracy(after, subset)),
        asr=asr,
        asr_fell=asr.after < asr.before,
        confusion=_compare_confusion(score, after, subset),
        fraction_sweep=sweep,
        image_steps=inversion.image_steps,
    )
    return result, inversion


def _rows(images: int, count: int, seed: int) -> np.ndarray:
    """Draw rows as the published code does, by NumPy's legacy generator."""
    return np.random.RandomState(seed).choice(images, size=count, replace=False)


def _sweep_fractions(
    checkpoint: Checkpoint,
    images: ImageSet,
    contract: InputContract,
    trigger: Trigger,
    target: int,
    settings: SecuritySettings,
    *,
    seed: int,
    progress: Callable[[str, float], None],
) -> FractionSweep:
    """Repair a fresh copy of the network with each stamped fraction."""
    count = min(settings.sweep_images, PROFILES[settings.profile].images or len(images))
    subset = images.take(_rows(len(images), count, seed))
    fractions = settings.sweep_fractions
    order = torch.Generator().manual_seed(seed)
    accuracy: list[float] = []
    asr: list[float] = []
    for done, fraction in enumerate(fractions):
        progress("published fraction sweep", done / len(fractions))
        unlearning = replace(PUBLISHED_UNLEARNING, fraction=fraction)
        repaired = unlearn(checkpoint.model, contract, subset, [trigger], unlearning, seed=seed, order=order)
        score = contract.bind(freeze(repaired))
        accuracy.append(clean_accuracy(score, subset))
        asr.append(share_classified_as(score, subset, trigger, target))
    progress("published fraction sweep", 1.0)
    stamping = [row for row, fraction in enumerate(fractions) if fraction > 0]
    best = min(stamping, key=asr.__getitem__)
    control = asr[fractions.index(0.0)] if 0.0 in fractions else None
    return FractionSweep(
        images=len(subset),
        fraction=fractions,
        clean_accuracy=tuple(accuracy),
        asr=tuple(asr),
        best_fraction=fractions[best],
        best_asr=asr[best],
        best_clean_accuracy=accuracy[best],
        control_asr=control,
        control_better=control is not None and control < asr[best],
        repeats_published=fractions[best] == settings.unlearning_fraction,
        monotone=bool(np.all(np.diff(asr) <= 0)),
    )


def _compare_confusion(before: Scorer, after: Scorer, images: ImageSet) -> ConfusionPair:
    first, second = confusion_matrix(before, images), confusion_matrix(after, images)
    present = np.bincount(images.labels, minlength=images.classes) / len(images)
    favourite = int(np.argmax(present @ first))
    return ConfusionPair(
        before=tuple(map(tuple, first.tolist())),
        after=tuple(map(tuple, second.tolist())),
        recall=BeforeAfter(
            float(np.diag(first)[present > 0].mean()), float(np.diag(second)[present > 0].mean())
        ),
        favourite_label_before=favourite,
        favourite_share_before=float((present @ first)[favourite]),
        favourite_share_after=float((present @ second)[favourite]),
    )
