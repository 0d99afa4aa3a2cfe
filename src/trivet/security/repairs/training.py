"""Training loop of the repairs: a copy to train, batches in order, and light shifts."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from trivet.datasets.images import ImageSet
from trivet.errors import CheckpointError
from trivet.security.adapting import guarded
from trivet.security.contract import InputContract
from trivet.security.evaluation import ONE, images_at_once, pixels_at
from trivet.security.networks import Classifier, Scorer
from trivet.security.trigger import Stamp

__all__ = [
    "Method",
    "Progress",
    "RepairInput",
    "Repaired",
    "Search",
    "affordable_batch",
    "copied_network",
    "finished",
    "shifted",
    "shuffled_batches",
    "trainable_copy",
]

#: What all results of one batch may take: training keeps most of them, and their gradients.
RESULTS_BUDGET: Final = 384 * 2**20


def copied_network(model: Classifier) -> Classifier:
    """Return a copy of `model` in evaluation mode."""
    with guarded(model.name, "be copied"):
        return copy.deepcopy(model).eval()


def trainable_copy(model: Classifier, *, dropout: bool = False) -> Classifier:
    """Return a copy of `model` whose weights take gradients; batch norm keeps its statistics."""
    trained = copied_network(model).train(dropout)
    for module in trained.modules():
        if hasattr(module, "running_mean"):
            module.eval()
    weights = [parameter for parameter in trained.parameters() if parameter.is_floating_point()]
    if not weights:
        raise CheckpointError(
            "the network holds no weights that could be trained, so it cannot be repaired; load it from a "
            "state dict with --arch instead of from a program."
        )
    for weight in weights:
        weight.requires_grad_()
    return trained


def finished(model: Classifier) -> Classifier:
    """Return the trained copy in evaluation mode, its weights frozen and without gradients."""
    model.zero_grad(set_to_none=True)
    return model.eval().requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature


def shuffled_batches(images: int, *, batch_size: int, steps: int, seed: int) -> Iterator[Tensor]:
    """Yield the row numbers of `steps` batches, from one shuffled pass over the images after another."""
    order = torch.Generator().manual_seed(seed)
    left = steps
    while left > 0:
        for rows in torch.randperm(images, generator=order).split(batch_size)[:left]:
            yield rows
            left -= 1


def shifted(pixels: Tensor, *, at_most: int, generator: torch.Generator) -> Tensor:
    """Return each image moved by up to `at_most` pixels each way, its edge repeated where it leaves."""
    if at_most == 0:
        return pixels
    count, channels, height, width = pixels.shape
    wide = functional.pad(pixels, (at_most,) * 4, mode="replicate")
    moves = torch.randint(2 * at_most + 1, (count, 2), generator=generator)
    rows = moves[:, 0, None] + torch.arange(height)
    columns = moves[:, 1, None] + torch.arange(width)
    return wide[
        torch.arange(count)[:, None, None, None],
        torch.arange(channels)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]


def affordable_batch(model: Classifier, contract: InputContract, images: ImageSet, *, at_most: int) -> int:
    """Return how many images a training batch may have for its activations to fit into memory."""
    pixels = pixels_at(images, ONE)
    score = contract.bind(trainable_copy(model))
    return images_at_once(score, pixels, at_most=at_most, budget=RESULTS_BUDGET)


#: Called with the finished share of the work, 0 to 1.
Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Search:
    """A search for a trigger that leads to a label.

    Attributes
    ----------
    find
        From scorer, images, label and seed to the trigger.
    image_steps
        Images pushed forward and back by one search.
    """

    find: Callable[[Scorer, ImageSet, int, int], Stamp]
    image_steps: int


@dataclass(frozen=True, eq=False)
class RepairInput:
    """An attacked network and what is known of its backdoor.

    Attributes
    ----------
    model
        The network; no method changes it.
    contract
        What it expects of its inputs.
    images
        Clean images with true labels, to work with.
    trigger, target
        The reconstructed trigger, and the label that it leads to.
    search
        Looks for what is left of the trigger in a repaired copy.
    """

    model: Classifier
    contract: InputContract
    images: ImageSet
    trigger: Stamp
    target: int
    search: Search


@dataclass(frozen=True, eq=False)
class Repaired:
    """A repaired copy, in evaluation mode with frozen weights.

    Attributes
    ----------
    model
        The copy.
    work
        What was done, in a few words.
    image_steps
        Images pushed forward and back.
    """

    model: Classifier
    work: str
    image_steps: int


class Method(Protocol):
    """A way to repair."""

    def __call__(self, case: RepairInput, *, seed: int, progress: Progress) -> Repaired:
        """Return a repaired copy; `seed` draws all that is random."""
        ...
