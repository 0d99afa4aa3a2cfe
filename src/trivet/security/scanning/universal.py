"""Search for one change of bounded size that sends images of all classes to a label: spread, or moved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trivet.datasets.images import ImageSet
from trivet.security.adapting import GRADIENT, guarded
from trivet.security.evaluation import images_at_once, pixels_at
from trivet.security.networks import Scorer
from trivet.security.scanning.search import NonTargetSampler

__all__ = ["MOVED", "SPREAD", "Change", "Reached", "UniversalSettings", "reach_labels"]


class Change(Protocol):
    """A change that is the same for all images; each of its variables stays within a bound."""

    @property
    def bound(self) -> float:
        """Largest size of a variable."""
        ...

    @property
    def words(self) -> str:
        """Return what the change is."""
        ...

    def variables(self, shape: tuple[int, int, int]) -> tuple[int, ...]:
        """Return the shape of one label's variables, for images of `shape`."""
        ...

    def __call__(self, pixels: Tensor, variables: Tensor) -> Tensor:
        """Return pixels (n, channels, height, width), each changed by a row of variables (n, ...)."""
        ...


@dataclass(frozen=True)
class _Spread:
    """A perturbation of every pixel (Moosavi-Dezfooli et al. 2017), as blended triggers are."""

    bound: float = 8 / 255
    words: str = "a change of every pixel by at most 8/255"

    def variables(self, shape: tuple[int, int, int]) -> tuple[int, ...]:
        return shape

    def __call__(self, pixels: Tensor, variables: Tensor) -> Tensor:
        return (pixels + variables).clamp(0, 1)


#: Control points a side of a flow field (Nguyen and Tran 2021, section 3.2), and the size at which a bound
#: in pixels holds; on larger images it grows with their side.
CONTROL_POINTS: Final = 4
SMALL_SIDE: Final = 32


@dataclass(frozen=True)
class _Moved:
    """A smooth shift of pixels, as triggers that warp the image are."""

    bound: float = 1.5
    words: str = "a smooth shift of pixels by at most 1.5 at 32x32"

    def variables(self, shape: tuple[int, int, int]) -> tuple[int, ...]:
        del shape
        return (2, CONTROL_POINTS, CONTROL_POINTS)

    def __call__(self, pixels: Tensor, variables: Tensor) -> Tensor:
        height, width = pixels.shape[2:]
        field = functional.interpolate(variables, size=(height, width), mode="bicubic", align_corners=True)
        lines = [torch.linspace(-1, 1, size) for size in (width, height)]
        still = torch.stack(torch.meshgrid(*lines, indexing="xy"), dim=-1)
        grid = still + field.permute(0, 2, 3, 1) * (2 / SMALL_SIDE)
        return functional.grid_sample(pixels, grid.clamp(-1, 1), align_corners=True)


SPREAD: Final[Change] = _Spread()
MOVED: Final[Change] = _Moved()


@dataclass(frozen=True, kw_only=True)
class UniversalSettings:
    """Settings of the search: signed gradient steps that shrink to zero.

    Attributes
    ----------
    batch_size : images a label and step
    steps : from no change on
    step_size : of the first step, as a share of the bound
    held_out : other images a label that success is measured on
    """

    batch_size: int = 8
    steps: int = 15
    step_size: float = 0.4
    held_out: int = 100


@dataclass(frozen=True, eq=False)
class Reached:
    """Success of the change found for each label.

    Attributes
    ----------
    labels : which were looked at
    counts, images : held-out images of other classes that were sent to each, of how many
    image_steps : images pushed forward and back, three pushed forward counting as one
    """

    labels: NDArray[np.int64]
    counts: NDArray[np.int64]
    images: NDArray[np.int64]
    image_steps: int


def reach_labels(
    score: Scorer,
    images: ImageSet,
    held_out: ImageSet,
    change: Change,
    labels: Sequence[int],
    settings: UniversalSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> Reached:
    """Find for each label a change that lowers the cross-entropy towards it, and count whom it moves.

    Projected gradient descent with the sign of the gradient (Madry et al. 2018), over batches of images
    of other classes. All labels take as many steps within one bound, so that their success compares.
    """
    sampler = NonTargetSampler(images.labels, images.classes)
    shape = images.pixels.shape
    size = change.variables((shape[1], shape[2], shape[3]))
    at_once = images_at_once(score, pixels_at(images, slice(1)), at_most=200)
    block = max(1, at_once // settings.batch_size)
    counts, totals = [], []
    for first in range(0, len(labels), block):
        chosen = labels[first : first + block]
        variables = torch.zeros(len(chosen), *size)
        draws = [np.random.default_rng([seed, label]) for label in chosen]
        targets = torch.tensor(chosen).repeat_interleave(settings.batch_size)
        for step in range(settings.steps):
            rows = np.concatenate(
                [
                    sampler.draw(rng, label, (settings.batch_size,))
                    for rng, label in zip(draws, chosen, strict=True)
                ]
            )
            moved = variables.requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
            each = moved.repeat_interleave(settings.batch_size, dim=0)
            loss = functional.cross_entropy(
                score(change(pixels_at(images, rows), each)), targets, reduction="sum"
            )
            with guarded("the network", GRADIENT):
                (slope,) = torch.autograd.grad(loss, moved)
            length = change.bound * settings.step_size * (1 - step / settings.steps)
            variables = (variables.detach() - length * slope.sign()).clamp(-change.bound, change.bound)
        for label, found in zip(chosen, variables, strict=True):
            others = np.flatnonzero(held_out.labels != label)[: settings.held_out]
            counts.append(_sent(score, held_out, others, change, found, label, at_once))
            totals.append(len(others))
        progress((first + len(chosen)) / len(labels))
    steps = len(labels) * settings.steps * settings.batch_size + sum(totals) // 3
    return Reached(np.asarray(labels), np.asarray(counts), np.asarray(totals), steps)


def _sent(
    score: Scorer,
    images: ImageSet,
    rows: NDArray[np.int64],
    change: Change,
    variables: Tensor,
    label: int,
    at_once: int,
) -> int:
    """Count the images that the change sends to a label."""
    sent = 0
    with torch.inference_mode():
        for first in range(0, len(rows), at_once):
            pixels = pixels_at(images, rows[first : first + at_once])
            changed = change(pixels, variables.expand(len(pixels), *variables.shape))
            sent += int((score(changed).argmax(dim=1) == label).sum())
    return sent
