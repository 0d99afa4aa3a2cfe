"""The published security procedure, to the printed digit: as the study ran it."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from trivet.datasets.images import ImageSet
from trivet.security.checkpoint import Checkpoint
from trivet.security.contract import InputContract
from trivet.security.detection import PUBLISHED_FACTOR, detect_published
from trivet.security.evaluation import clean_accuracy, confusion_matrix, share_classified_as
from trivet.security.frozen import freeze
from trivet.security.networks import Classifier, Scorer
from trivet.security.repairs import UnlearningSettings, unlearn
from trivet.security.results import (
    BeforeAfter,
    ConfusionPair,
    FractionSweep,
    PublishedSecurity,
    PublishedSettings,
)
from trivet.security.scanning.search import Inversion, InversionSettings, invert_triggers, shuffled_passes
from trivet.security.settings import PROFILES, SecuritySettings
from trivet.security.trigger import Trigger
from trivet.work.device import seeded

__all__ = ["PUBLISHED_UNLEARNING", "publish_security"]

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
    """Run Neural Cleanse, lower-tail MAD and one-epoch unlearning as the published study does."""
    profile = PROFILES[settings.profile]
    subset = images if profile.images is None else images.take(_rows(len(images), profile.images, seed))
    inversion_settings = InversionSettings(steps=profile.steps)
    model, score = checkpoint.model, contract.bind(freeze(checkpoint.model))
    stream = _after_initialisation(model, seed)
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

    _pass_over(stream, 2)  # clean accuracy and ASR before the repair
    unlearning = replace(PUBLISHED_UNLEARNING, fraction=settings.unlearning_fraction)
    repaired = unlearn(
        model,
        contract,
        subset,
        [trigger],
        unlearning,
        seed=seed,
        stream=stream,
        progress=lambda share: progress("published unlearning", share),
    )
    _pass_over(stream, 4)  # both rates after it, and the two confusion matrices
    after = contract.bind(freeze(repaired))
    asr = BeforeAfter(
        share_classified_as(score, subset, trigger, detection.label),
        share_classified_as(after, subset, trigger, detection.label),
    )
    sweep = _sweep_fractions(
        checkpoint, images, contract, trigger, detection.label, settings, stream, seed=seed, progress=progress
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


def _after_initialisation(model: Classifier, seed: int) -> torch.Generator:
    """Return a generator as it stands after the network's initial weights were drawn from it."""
    with seeded(seed):
        for layer in copy.deepcopy(model).modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                layer.reset_parameters()
        stream = torch.Generator()
        stream.set_state(torch.get_rng_state())
    return stream


def _pass_over(stream: torch.Generator, passes: int) -> None:
    """Draw what PyTorch's loaders draw for so many passes over the images: one number each."""
    for _ in range(passes):
        torch.empty((), dtype=torch.int64).random_(generator=stream)


def _sweep_fractions(
    checkpoint: Checkpoint,
    images: ImageSet,
    contract: InputContract,
    trigger: Trigger,
    target: int,
    settings: SecuritySettings,
    stream: torch.Generator,
    *,
    seed: int,
    progress: Callable[[str, float], None],
) -> FractionSweep:
    """Repair a fresh copy of the network with each stamped fraction; with none, take it as it is."""
    count = min(settings.sweep_images, PROFILES[settings.profile].images or len(images))
    subset = images.take(_rows(len(images), count, seed))
    fractions = settings.sweep_fractions
    accuracy: list[float] = []
    asr: list[float] = []
    for done, fraction in enumerate(fractions):
        progress("published fraction sweep", done / len(fractions))
        network = checkpoint.model
        if fraction > 0:
            unlearning = replace(PUBLISHED_UNLEARNING, fraction=fraction)
            network = unlearn(network, contract, subset, [trigger], unlearning, seed=seed, stream=stream)
        score = contract.bind(freeze(network))
        accuracy.append(clean_accuracy(score, subset))
        asr.append(share_classified_as(score, subset, trigger, target))
        _pass_over(stream, 2)
    progress("published fraction sweep", 1.0)
    best = int(np.argmin(asr))
    return FractionSweep(
        images=len(subset),
        fraction=fractions,
        clean_accuracy=tuple(accuracy),
        asr=tuple(asr),
        best_fraction=fractions[best],
        best_asr=asr[best],
        best_clean_accuracy=accuracy[best],
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
