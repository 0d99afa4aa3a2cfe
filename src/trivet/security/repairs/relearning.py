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

__all__ = ["RELEARNING", "RelearningSettings", "drawn_rows", "relearn", "unknown_backdoor"]


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
    source: int | None = None,
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
    source
        The class whose images alone are stamped; None stamps those of any other than the target.
    seed
        Draws images and order.
    progress
        Called with the finished share of the work, 0 to 1.
    """
    stamped, clean = drawn_rows(images, target, settings, source=source, seed=seed)
    poisoned = images.take(np.r_[stamped, clean])
    changed = trigger(torch.from_numpy(images.take(stamped).unit()))
    pixels, labels = poisoned.pixels.copy(), poisoned.labels.copy()
    pixels[: len(stamped)], labels[: len(stamped)] = _like(pixels, changed), target
    poisoned = replace(poisoned, pixels=pixels, labels=labels)
    at_most = min(settings.training.batch_size, len(poisoned))
    batch = affordable_batch(model, contract, poisoned, at_most=at_most)
    training = replace(settings.training, batch_size=batch)
    return unlearn(model, contract, poisoned, [trigger], training, seed=seed, progress=progress)


def drawn_rows(
    images: ImageSet,
    target: int,
    settings: RelearningSettings = RELEARNING,
    *,
    source: int | None = None,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which images are stamped, and which stay clean beside them: fewer where there are fewer."""
    order = np.random.default_rng(seed).permutation(len(images))
    labels = images.labels[order]
    stamped = order[labels != target if source is None else labels == source][: settings.stamped]
    return stamped, order[~np.isin(order, stamped)][: settings.clean]


def _like(pixels: NDArray[np.generic], changed: Tensor) -> NDArray[np.generic]:
    """Return changed pixels in [0, 1] as the others are stored: bytes or floats."""
    values = changed.numpy()
    return np.rint(255 * values).astype(np.uint8) if pixels.dtype == np.uint8 else values.astype(pixels.dtype)


def unknown_backdoor(trigger: Stamp, target: int, images: ImageSet) -> tuple[Stamp, int]:
    """Return a trigger that the network never knew, the same one elsewhere, and another label.

    It is turned by half, or, where it then covers itself, moved by half of the image: so it has the size and
    the contrast of the other, and what it takes to learn it is what any such backdoor takes.
    """
    height, width = images.pixels.shape[2:]

    def turned(pixels: Tensor) -> Tensor:
        return trigger(pixels.flip(2, 3)).flip(2, 3)

    def moved(pixels: Tensor) -> Tensor:
        half = (height // 2, width // 2)
        back = (height - half[0], width - half[1])
        return trigger(pixels.roll(half, (2, 3))).roll(back, (2, 3))

    some = torch.from_numpy(images.unit(slice(0, 1)))
    elsewhere = moved if torch.equal(turned(some), trigger(some)) else turned
    return elsewhere, (target + 1) % images.classes
