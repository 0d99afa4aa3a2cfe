"""Effect of backdoor unlearning on class accuracies, and on the images that it used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from trivet.datasets.images import ImageSet
from trivet.effects.mitigations import auroc_change
from trivet.effects.results import Change, Intervention, Measurement, unmeasured
from trivet.security.checkpoint import Checkpoint
from trivet.security.contract import InputContract, chosen_contract, contract_named
from trivet.security.evaluation import BATCH, ONE, batches, images_at_once, pixels_at
from trivet.security.frozen import freeze
from trivet.security.networks import Classifier, Scorer
from trivet.security.repairs.methods import ROUNDS
from trivet.security.repairs.unlearning import UnlearningSettings, unlearn_in_rounds
from trivet.security.scanning.results import ScanResult
from trivet.security.trigger import Trigger
from trivet.wording import one_line

__all__ = [
    "UNLEARNING",
    "UNLEARNING_MEASUREMENTS",
    "Suspect",
    "class_changes",
    "suspect_of",
    "unlearning_changes",
]

DRAWS = 10_000
#: Jeffreys' prior: where no image of a class changed, that alone does not prove that none would.
PRIOR = 0.5


def class_changes(
    labels: NDArray[np.int64],
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
    *,
    classes: int,
    level: float,
    seed: int,
    names: tuple[str, ...] | None = None,
) -> tuple[Change, Change]:
    """Return the changes of the lowest accuracy of a class, and of the highest minus the lowest."""
    kinds = 2 * (~before).astype(np.int64) + ~after  # both right, only before, only after, neither
    counts = np.bincount(4 * labels + kinds, minlength=4 * classes).reshape(classes, 4)
    there = np.flatnonzero(counts.sum(axis=1))
    if len(there) < 2:  # noqa: PLR2004 - a spread is between two classes or more
        reason = f"the images are of {len(there)} class, and two or more are compared"
        return unmeasured(reason), unmeasured(reason)
    counts = counts[there]
    generator = np.random.default_rng(seed)
    drawn = np.stack([generator.dirichlet(row + PRIOR, size=DRAWS) for row in counts], axis=1)
    found = counts / counts.sum(axis=1, keepdims=True)
    called = [str(label) if names is None else one_line(names[label]) for label in there]
    worst, spread = _figures(found), _figures(drawn)
    lowest_before, lowest_after = (called[int(_accuracies(found)[time].argmin())] for time in (0, 1))
    same = lowest_before == lowest_after
    note = (
        f"It is class {lowest_before} both times."
        if same
        else f"It is class {lowest_before} without it and class {lowest_after} with it."
    )
    return (
        _change(worst[0], spread[0], level=level, note=note),
        _change(worst[1], spread[1], level=level, note=""),
    )


def _accuracies(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return accuracies without and with the remedy, shape (2, ..., classes), of shares (..., classes, 4)."""
    return np.stack([shares[..., 0] + shares[..., 1], shares[..., 0] + shares[..., 2]])


def _figures(shares: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest accuracy and the spread, each of shape (2, ...)."""
    accuracies = _accuracies(shares)
    lowest = accuracies.min(axis=-1)
    return lowest, accuracies.max(axis=-1) - lowest


def _change(found: NDArray[np.float64], drawn: NDArray[np.float64], *, level: float, note: str) -> Change:
    before, after = found.tolist()
    low, high = np.quantile(drawn[1] - drawn[0], [(1 - level) / 2, (1 + level) / 2]).tolist()
    change = after - before
    return Change(before, after, change, min(low, change), max(high, change), note=note)


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
    labels = torch.from_numpy(images.labels)
    batch = images_at_once(score, pixels_at(images, ONE), at_most=BATCH)
    with torch.inference_mode():
        for rows in batches(len(images), batch):
            logits, truth = score(pixels_at(images, rows)).double(), labels[rows]
            losses.append(torch.nn.functional.cross_entropy(logits, truth, reduction="none"))
            right.append(logits.argmax(dim=1) == truth)
    return -torch.cat(losses).numpy(), torch.cat(right).numpy()
