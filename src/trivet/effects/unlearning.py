"""Effect of backdoor unlearning on class accuracies, and on the images that it used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from trivet.datasets.images import ImageSet
from trivet.effects.auroc_change import auroc_change
from trivet.effects.change import Change
from trivet.effects.class_accuracy import class_changes
from trivet.effects.results import Intervention, Measurement
from trivet.security.checkpoint import Checkpoint
from trivet.security.classifier import Classifier, Scorer
from trivet.security.contract import InputContract, chosen_contract, contract_named
from trivet.security.evaluation import BATCH
from trivet.security.footprint import images_at_once
from trivet.security.frozen import freeze
from trivet.security.repairs.methods import ROUNDS
from trivet.security.repairs.rounds import unlearn_in_rounds
from trivet.security.repairs.unlearning import UnlearningSettings
from trivet.security.scan_results import ScanResult
from trivet.security.trigger import Trigger

__all__ = ["UNLEARNING", "UNLEARNING_MEASUREMENTS", "Suspect", "suspect_of", "unlearning_changes"]

UNLEARNING: Final = Intervention(
    name="unlearning",
    title="unlearning",
    short="unlearning",
    leg="security",
    note="The network is trained on images with the reconstructed trigger and their true labels.",
)
_CLASSES: Final = "posterior draws under Jeffreys' prior, class by class"
UNLEARNING_MEASUREMENTS: Final = (
    Measurement(
        name="worst-class-accuracy",
        title="accuracy of the worst class",
        short="worst class,\naccuracy",
        leg="fairness",
        unit="share of held-out images, from 0 to 1",
        scale="accuracy",
        better="higher",
        format=".4f",
        interval=_CLASSES,
    ),
    Measurement(
        name="class-spread",
        title="spread of accuracy between classes",
        short="best over worst\nclass, accuracy",
        leg="fairness",
        unit="difference of shares, from 0 to 1",
        scale="accuracy",
        better="lower",
        format=".4f",
        interval=_CLASSES,
    ),
    Measurement(
        name="repair-exposure",
        title="membership exposure of the images that the repair used",
        short="repair's images,\nAUROC",
        leg="privacy",
        unit="AUROC of an attack by the loss, from 0 to 1; 0.5 is guessing",
        scale="accuracy",
        better="lower",
        format=".4f",
        interval="DeLong, paired by image",
    ),
)


@dataclass(frozen=True, eq=False)
class Suspect:
    """A network with the backdoor that the audit suspects in it."""

    name: str
    model: Classifier
    contract: InputContract
    trigger: Trigger
    target: int
    rounds: Sequence[UnlearningSettings] = ROUNDS


def suspect_of(
    checkpoint: Checkpoint,
    found: ScanResult,
    *,
    masks: NDArray[np.float32],
    patterns: NDArray[np.float32],
    declared: str,
) -> Suspect | None:
    """Return what the repair of the audit works on, or None where no label is suspected."""
    if found.suspected_label is None:
        return None
    contract = chosen_contract(found.contract, contract_named(declared))
    return Suspect(
        checkpoint.info.name,
        checkpoint.model,
        contract,
        Trigger(masks[found.suspected_label], patterns[found.suspected_label]),
        found.suspected_label,
    )


def unlearning_changes(
    suspect: Suspect,
    images: ImageSet,
    *,
    level: float,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> tuple[Change, ...]:
    """Unlearn a backdoor as the audit's repair does, and measure it on both halves of the images."""
    used, held_out = images.split(0.5, seed=seed)
    repaired = unlearn_in_rounds(
        suspect.model,
        suspect.contract,
        used,
        suspect.trigger,
        suspect.target,
        suspect.rounds,
        seed=seed,
        progress=progress,
    )
    inside = np.repeat([True, False], [len(used), len(held_out)])
    sureness: list[NDArray[np.float64]] = []
    right: list[NDArray[np.bool_]] = []
    for network in (suspect.model, repaired):
        score = suspect.contract.bind(freeze(network))
        said = [_told(score, part) for part in (used, held_out)]
        sureness.append(np.concatenate([sure for sure, _ in said]))
        right.append(said[1][1])
    classes = class_changes(
        held_out.labels,
        right[0],
        right[1],
        classes=images.classes,
        level=level,
        seed=seed,
        names=images.class_names,
    )
    return *classes, auroc_change(sureness[0], sureness[1], inside, level=level)


def _told(score: Scorer, images: ImageSet) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return minus the loss of each image, and whether the network is right about it."""
    losses: list[torch.Tensor] = []
    right: list[torch.Tensor] = []
    clean, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels)
    batch = images_at_once(score, clean[:1], at_most=BATCH)
    with torch.inference_mode():
        for pixels, truth in zip(clean.split(batch), labels.split(batch), strict=True):
            logits = score(pixels).double()
            losses.append(torch.nn.functional.cross_entropy(logits, truth, reduction="none"))
            right.append(logits.argmax(dim=1) == truth)
    return -torch.cat(losses).numpy(), torch.cat(right).numpy()
