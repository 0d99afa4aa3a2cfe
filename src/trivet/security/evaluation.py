"""Accuracy and attack success of a network on clean and triggered images."""

from collections.abc import Iterator
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from trivet.datasets.images import ImageSet
from trivet.errors import DataError
from trivet.security.networks import Scorer
from trivet.security.trigger import Stamp, Trigger

__all__ = [
    "ONE",
    "OperatorMode",
    "attack_rates",
    "attack_success_rate",
    "batches",
    "bytes_an_image",
    "clean_accuracy",
    "confusion_matrix",
    "images_at_once",
    "pixels_at",
    "predict",
    "robust_accuracy",
    "share_classified_as",
]

#: The first image alone, to measure a network by.
ONE: Final = slice(1)


def pixels_at(images: ImageSet, rows: slice | Tensor | NDArray[np.int64]) -> Tensor:
    """Return the pixels of some images in [0, 1], float32, with the axes of `rows` in place of the first."""
    return torch.from_numpy(images.unit(rows))


def batches(count: int, size: int) -> Iterator[slice]:
    """Yield the rows of `count` images in parts of at most `size`."""
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


#: What all results of one batch may take, kept for the gradient or not.
RESULTS_BUDGET: Final = 512 * 2**20


def images_at_once(score: Scorer, image: Tensor, *, at_most: int, budget: int = RESULTS_BUDGET) -> int:
    """Return how many images like `image`, shape (1, channels, h, w), a batch may have: 1 to `at_most`."""
    return max(1, min(at_most, budget // bytes_an_image(score, image)))


#: Bytes of one more image, by its shape: each network meets the same images hundreds of times.
_measured: Final[WeakKeyDictionary[Scorer, dict[tuple[int, ...], int]]] = WeakKeyDictionary()


def bytes_an_image(score: Scorer, image: Tensor) -> int:
    """Return how many bytes the results of all operators take for one more image."""
    try:
        known = _measured.setdefault(score, {})
    except TypeError:  # an object that nothing can refer to weakly
        known = {}
    shape = tuple(image.shape)
    if shape not in known:
        one, two = (_result_bytes(score, image.expand(count, -1, -1, -1)) for count in (1, 2))
        known[shape] = max(1, two - one or one)  # images in fixed numbers show no difference
    return known[shape]


def _result_bytes(score: Scorer, pixels: Tensor) -> int:
    with torch.no_grad(), _Results() as results:
        score(pixels)
    return results.bytes


class OperatorMode(TorchDispatchMode):
    """Sees every operator that runs within."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or PyTorch imports its compiler only to switch it off here


class _Results(OperatorMode):
    """Adds up the bytes of what operators return, views and results in place left out."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {_place(leaf) for leaf in tree_iter((args, kwargs)) if isinstance(leaf, Tensor)}
        self.bytes += sum(
            leaf.numel() * leaf.element_size()
            for leaf in tree_iter(result)
            if isinstance(leaf, Tensor) and _place(leaf) not in given
        )
        return result


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


#: Images at a time at most: enough to keep the cores busy, few enough for activations to stay in the cache.
BATCH = 200


def margins_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Return by how much a label of each row, shape (n,), is ahead of the best other one, f_y - max f_j."""
    own = logits.gather(1, labels[:, None])[:, 0]
    return own - logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1)


def predict(
    score: Scorer,
    images: ImageSet,
    trigger: Stamp | None = None,
    *,
    at_once: int | None = None,
) -> NDArray[np.int64]:
    """Return the predicted class of every image.

    Parameters
    ----------
    score
        A network in its contract: pixels of shape (n, channels, height, width) in [0, 1] to scores of shape
        (n, classes).
    images
        Images with their true classes.
    trigger
        Changes pixels first; the result has the same shape.
    at_once
        Images that go through the network together; by default as many as memory allows, 200 at most.

    Returns
    -------
    array of shape (images,)
        Classes from 0 up.
    """
    if not len(images):
        return np.empty(0, dtype=np.int64)
    parts: list[Tensor] = []
    size = at_once or images_at_once(score, pixels_at(images, ONE), at_most=BATCH)
    with torch.inference_mode():
        for rows in batches(len(images), size):
            pixels = pixels_at(images, rows)
            stamped = pixels if trigger is None else trigger(pixels)
            parts.append(score(stamped).argmax(dim=1))
    return torch.cat(parts).numpy()


def clean_accuracy(score: Scorer, images: ImageSet) -> float:
    """Return the share of unmodified images that get their true class, in [0, 1].

    Parameters
    ----------
    score
        A network in its contract: pixels of shape (n, channels, height, width) in [0, 1] to scores of shape
        (n, classes).
    images
        Images with their true classes.

    Raises
    ------
    DataError
        If there are none.
    """
    if not len(images):
        raise DataError("there are no images to measure accuracy on; give clean images with true classes.")
    return float(np.mean(predict(score, images) == images.labels))


def share_classified_as(score: Scorer, images: ImageSet, trigger: Trigger, target: int) -> float:
    """Return the share of all triggered images classified as `target`, the study's equation 4."""
    return float(np.mean(predict(score, images, trigger) == target))


def attack_rates(score: Scorer, images: ImageSet, trigger: Stamp, target: int) -> tuple[float, float]:
    """Return `attack_success_rate` and `robust_accuracy`, with one pass over the images for both.

    Parameters and errors are those of either.
    """
    others = _without(images, target)
    predicted = predict(score, others, trigger)
    return float(np.mean(predicted == target)), float(np.mean(predicted == others.labels))


def attack_success_rate(score: Scorer, images: ImageSet, trigger: Stamp, target: int) -> float:
    """Return the share of triggered images of other classes that are classified as `target`, in [0, 1].

    The definition of BackdoorBench (Wu et al., NeurIPS 2022).

    Parameters
    ----------
    score
        A network in its contract: pixels of shape (n, channels, height, width) in [0, 1] to scores of shape
        (n, classes).
    images
        Images with their true classes.
    trigger
        Changes pixels; the result has the same shape.
    target
        The class that the trigger is to lead to.

    Raises
    ------
    DataError
        If every image is of the target class.
    """
    return attack_rates(score, images, trigger, target)[0]


def robust_accuracy(score: Scorer, images: ImageSet, trigger: Stamp, target: int) -> float:
    """Return the share of triggered images of other classes that still get their true class, in [0, 1].

    The definition of BackdoorBench (Wu et al., NeurIPS 2022). Parameters and errors are those of
    `attack_success_rate`.
    """
    return attack_rates(score, images, trigger, target)[1]


def confusion_matrix(score: Scorer, images: ImageSet) -> NDArray[np.float64]:
    """Return P(predicted | true) on clean images: shape (classes, classes), rows sum to 1.

    The row of a class without images is zero.

    Parameters
    ----------
    score
        A network in its contract: pixels of shape (n, channels, height, width) in [0, 1] to scores of shape
        (n, classes).
    images
        Images with their true classes.
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
