"""Relearning: how fast a repaired network takes its backdoor back from a few poisoned images.

A repair can hide a backdoor instead of removing it: the features stay, and a handful of poisoned images
wakes them (Min et al., NeurIPS 2024, section 3). So a copy is trained on five stamped images with the
target's label among clean ones, and the success rate of the trigger is measured again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trivet.datasets.images import ImageSet
from trivet.security.contract import InputContract
from trivet.security.networks import Classifier
from trivet.security.repairs.training import affordable_batch
from trivet.security.repairs.unlearning import UnlearningSettings, unlearn
from trivet.security.trigger import Stamp

__all__ = ["RELEARNING", "RelearningSettings", "relearn", "unknown_backdoor"]


@dataclass(frozen=True, kw_only=True)
class RelearningSettings:
    """Settings of relearning; five images are those of Min et al. 2024.

    Attributes
    ----------
    stamped, clean
        Images with the trigger and the target's label, and clean ones with their own.
    training
        By Adam at a constant rate, which suits networks of any scale; a pass over all images is five steps.
    """

    stamped: int = 5
    clean: int = 315
    training: UnlearningSettings = UnlearningSettings(  # noqa: RUF009 - frozen
        fraction=0, steps=40, batch_size=64, learning_rate=1e-4, annealing=False
    )


RELEARNING: Final = RelearningSettings()


def relearn(
    model: Classifier,
    contract: InputContract,
    images: ImageSet,
    trigger: Stamp,
    target: int,
    settings: RelearningSettings = RELEARNING,
    *,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Classifier:
    """Return a copy of `model` trained on a few stamped images among clean ones.

    Parameters
    ----------
    model
        A repaired network; it is not changed.
    contract
        What the network expects of its inputs.
    images
        Clean images with true labels, none of which the result is measured on.
    trigger, target
        What is stamped on images of other classes, and the label that they get.
    settings
        How many images, and the training.
    seed
        Draws images and order.
    progress
        Called with the finished share of the work, 0 to 1.
    """
    order = np.random.default_rng(seed).permutation(len(images))
    others = order[images.labels[order] != target]
    stamped = others[: settings.stamped]
    clean = order[~np.isin(order, stamped)][: settings.clean]
    poisoned = images.take(np.r_[stamped, clean])
    changed = trigger(torch.from_numpy(images.take(stamped).unit()))
    pixels, labels = poisoned.pixels.copy(), poisoned.labels.copy()
    pixels[: len(stamped)], labels[: len(stamped)] = _like(pixels, changed), target
    poisoned = replace(poisoned, pixels=pixels, labels=labels)
    at_most = min(settings.training.batch_size, len(poisoned))
    batch = affordable_batch(model, contract, poisoned, at_most=at_most)
    training = replace(settings.training, batch_size=batch)
    return unlearn(model, contract, poisoned, [trigger], training, seed=seed, progress=progress)


def _like(pixels: NDArray[np.generic], changed: Tensor) -> NDArray[np.generic]:
    """Return changed pixels in [0, 1] as the others are stored: bytes or floats."""
    values = changed.numpy()
    return np.rint(255 * values).astype(np.uint8) if pixels.dtype == np.uint8 else values.astype(pixels.dtype)


def unknown_backdoor(trigger: Stamp, target: int, classes: int) -> tuple[Stamp, int]:
    """Return a trigger that the network never knew: the same one on images upside down, to another label.

    Turned by half, it has the size and the contrast of the other, so that what it takes to learn it is what
    any such backdoor takes.
    """

    def turned(pixels: Tensor) -> Tensor:
        return trigger(pixels.flip(2, 3)).flip(2, 3)

    return turned, (target + 1) % classes
