"""Maximum margin of each class over all inputs, without data."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trivet.security.classifier import Scorer
from trivet.security.footprint import images_at_once
from trivet.security.guard import GRADIENT, guarded

__all__ = ["MarginSettings", "Margins", "maximum_margins"]

#: Images pushed through the network together at most: more outgrow the cache.
STACKED_IMAGES = 160


@dataclass(frozen=True, kw_only=True)
class MarginSettings:
    """Settings of the margin search: signed gradient steps that shrink to zero, inside [0, 1].

    Attributes
    ----------
    starts
        Random images a class.
    steps
        Steps from each.
    step_size
        Of the first step, as a share of the pixel range.
    """

    starts: int = 4
    steps: int = 30
    step_size: float = 0.15


@dataclass(frozen=True, eq=False)
class Margins:
    """The largest margin f_y - max_{j != y} f_j found for each class.

    Attributes
    ----------
    values
        In logits, shape (classes,); may be negative.
    image_steps
        Images pushed forward and back.
    """

    values: NDArray[np.float64]
    image_steps: int


def maximum_margins(
    score: Scorer,
    shape: tuple[int, int, int],
    classes: int,
    settings: MarginSettings,
    *,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Margins:
    """Maximise each class's margin over all images, Wang et al. 2024 (MM-BD), section III.

    A backdoor lets one class reach a margin that training on clean images gives to none. The paper
    takes 300 plain gradient steps from 30 images. Signed steps that shrink reach margins about as
    large, mostly larger, in a fiftieth of the work: the optimum lies near the corners of the pixel
    box.

    Parameters
    ----------
    score
        From pixels in [0, 1] to logits, with frozen weights.
    shape
        (channels, height, width) of the images.
    classes
        Number of classes.
    settings
        Starts and steps.
    seed
        Draws the random images, the same ones for every class.
    """
    generator = torch.Generator().manual_seed(seed)
    starts = torch.rand((settings.starts, *shape), generator=generator)
    labels = torch.arange(classes)
    found: list[Tensor] = []
    fitting = images_at_once(score, starts[:1], at_most=STACKED_IMAGES)
    for block in labels.split(max(1, fitting // settings.starts)):
        found.append(_largest(score, starts, block, settings))
        if progress is not None:
            progress(float(block[-1] + 1) / classes)
    steps = classes * settings.starts * (settings.steps + 1)
    return Margins(torch.cat(found).numpy().astype(np.float64), steps)


def _largest(score: Scorer, starts: Tensor, labels: Tensor, settings: MarginSettings) -> Tensor:
    """Largest margin met on the way from any start, for each of `labels`, shape (labels,)."""
    aimed = labels.repeat_interleave(len(starts))[:, None]
    pixels = starts.repeat(len(labels), 1, 1, 1)
    best = torch.full((len(pixels),), -torch.inf)
    for step in range(settings.steps + 1):
        pixels = pixels.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
        logits = score(pixels)
        rivals = logits.scatter(1, aimed, -torch.inf).amax(dim=1)
        margin = logits.gather(1, aimed)[:, 0] - rivals
        best = torch.maximum(best, margin.detach())
        with guarded("the network", GRADIENT):
            (gradient,) = torch.autograd.grad(margin.sum(), pixels)
        size = settings.step_size * (1 - step / settings.steps)
        pixels = (pixels + size * gradient.sign()).clamp(0, 1)
    return best.view(len(labels), -1).amax(dim=1)
