"""Accuracy and attack success of a network on clean and triggered images."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trivet.datasets.images import ImageSet
from trivet.errors import DataError
from trivet.security.classifier import Scorer
from trivet.security.footprint import images_at_once
from trivet.security.trigger import Trigger

__all__ = [
    "attack_rates",
    "attack_success_rate",
    "clean_accuracy",
    "confusion_matrix",
    "predict",
    "robust_accuracy",
    "share_classified_as",
]

#: Images at a time at most: enough to keep the cores busy, few enough for activations to stay in the cache.
BATCH = 200


def predict(score: Scorer, images: ImageSet, trigger: Trigger | None = None) -> NDArray[np.int64]:
    """Return the predicted class of every image, stamped with `trigger` where one is given."""
    parts: list[Tensor] = []
    clean = torch.from_numpy(images.pixels)
    with torch.inference_mode():
        for pixels in clean.split(images_at_once(score, clean[:1], at_most=BATCH)):
            stamped = pixels if trigger is None else trigger(pixels)
            parts.append(score(stamped).argmax(dim=1))
    return torch.cat(parts).numpy()


def clean_accuracy(score: Scorer, images: ImageSet) -> float:
    """Return the share of unmodified images that get their true class."""
    return float(np.mean(predict(score, images) == images.labels))


def share_classified_as(score: Scorer, images: ImageSet, trigger: Trigger, target: int) -> float:
    """Return the share of all triggered images classified as `target`, the study's equation 4.

    Images of the target class count as successes here, which puts a floor of their share under
    the figure; `attack_success_rate` leaves them out.
    """
    return float(np.mean(predict(score, images, trigger) == target))


def attack_rates(score: Scorer, images: ImageSet, trigger: Trigger, target: int) -> tuple[float, float]:
    """Return `attack_success_rate` and `robust_accuracy`, which one look at the images gives."""
    others = _without(images, target)
    predicted = predict(score, others, trigger)
    return float(np.mean(predicted == target)), float(np.mean(predicted == others.labels))


def attack_success_rate(score: Scorer, images: ImageSet, trigger: Trigger, target: int) -> float:
    """Return the share of triggered images of other classes that are classified as `target`.

    The definition of BackdoorBench (Wu et al., NeurIPS 2022).

    Raises
    ------
    DataError
        If every image is of the target class.
    """
    return attack_rates(score, images, trigger, target)[0]


def robust_accuracy(score: Scorer, images: ImageSet, trigger: Trigger, target: int) -> float:
    """Return the share of triggered images of other classes that still get their true class.

    The definition of BackdoorBench (Wu et al., NeurIPS 2022).

    Raises
    ------
    DataError
        If every image is of the target class.
    """
    return attack_rates(score, images, trigger, target)[1]


def confusion_matrix(score: Scorer, images: ImageSet) -> NDArray[np.float64]:
    """Return P(predicted | true) on clean images: shape (classes, classes), rows sum to 1.

    The row of a class without images is zero.
    """
    counts = np.zeros((images.classes, images.classes))
    np.add.at(counts, (images.labels, predict(score, images)), 1)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _without(images: ImageSet, target: int) -> ImageSet:
    others = images.take(images.labels != target)
    if not len(others):
        raise DataError(
            f"all {len(images)} images are of class {target}; a success rate for target {target} needs "
            "images of other classes"
        )
    return others
