"""Triggers of many labels as one stack of variables that a flat Adam moves together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trivet.security.classifier import Scorer
from trivet.security.guard import GRADIENT, guarded
from trivet.security.trigger import apply_trigger

__all__ = ["OtherClasses", "TriggerStack"]

ADAM_EPSILON = 1e-8


class OtherClasses:
    """Draws, for a target label, rows of images of all the other classes.

    Images are ordered by class once, so that leaving a class out is a shift and costs no memory
    for each target.
    """

    def __init__(self, labels: NDArray[np.int64], classes: int) -> None:
        self._order = np.argsort(labels, kind="stable")
        counts = np.bincount(labels, minlength=classes)
        self._first = np.concatenate([[0], np.cumsum(counts)])

    def draw(self, rng: np.random.Generator, target: int, size: tuple[int, ...]) -> NDArray[np.int64]:
        """Return rows drawn with replacement from the images that are not of class `target`."""
        start, stop = self._first[target], self._first[target + 1]
        places = rng.integers(0, len(self._order) - (stop - start), size)
        return self._order[np.where(places < start, places, places + (stop - start))]


@dataclass(eq=False)
class TriggerStack:
    """Free variables of masks and patterns, one row a label, with their Adam state.

    Labels do not influence each other: what a row becomes does not depend on its neighbours.
    """

    targets: Tensor
    variables: Tensor
    mean: Tensor
    square: Tensor
    penalty: Tensor
    steps: int = 0

    @classmethod
    def start(
        cls,
        targets: Sequence[int],
        shape: tuple[int, int, int],
        *,
        penalty: float,
        mask: float,
        pattern: float,
    ) -> Self:
        """Return a stack for images of `shape` whose variables start at `mask` and `pattern`."""
        channels, height, width = shape
        variables = torch.full((len(targets), 1 + channels, height, width), pattern)
        variables[:, 0] = mask
        zeros = torch.zeros_like(variables)
        return cls(
            torch.tensor(targets), variables, zeros, zeros.clone(), torch.full((len(targets),), penalty)
        )

    def take(self, rows: Tensor) -> Self:
        """Return the rows at `rows` as a stack of their own."""
        return type(self)(
            self.targets[rows],
            self.variables[rows],
            self.mean[rows],
            self.square[rows],
            self.penalty[rows],
            self.steps,
        )

    def put(self, rows: Tensor, block: "TriggerStack") -> None:
        """Write a block that was taken from `rows` back to its place."""
        self.variables[rows], self.mean[rows], self.square[rows] = block.variables, block.mean, block.square
        self.penalty[rows] = block.penalty

    @property
    def masks(self) -> Tensor:
        """Masks in [0, 1], shape (rows, 1, height, width)."""
        return self.variables[:, :1].sigmoid()

    @property
    def patterns(self) -> Tensor:
        """Patterns in [0, 1], shape (rows, channels, height, width)."""
        return self.variables[:, 1:].sigmoid()

    @property
    def norms(self) -> NDArray[np.float64]:
        """Mask norms |m|_1 in pixels, shape (rows,)."""
        return self.masks.sum(dim=(1, 2, 3), dtype=torch.float64).numpy()

    def step(
        self,
        score: Scorer,
        pixels: Tensor,
        *,
        learning_rate: float,
        betas: tuple[float, float],
        at_once: int | None = None,
    ) -> Tensor:
        """Move every row one step of Adam down its objective.

        The objective of row y is the mean cross-entropy of its triggered images towards y plus
        ``penalty * mean(mask)``: Wang et al. 2019, equation 3, with the norm as a share of the
        image.
        """
        rows, batch = pixels.shape[:2]
        targets = self.targets.repeat_interleave(batch)
        variables = self.variables.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
        shown = variables.sigmoid()[:, None]
        mask = shown[:, :, :1]
        stamped = apply_trigger(pixels, mask, shown[:, :, 1:]).flatten(0, 1)
        penalty = (self.penalty * mask.mean(dim=(1, 2, 3, 4))).sum()
        parts = [
            _gradient(score, images, labels, batch)
            for images, labels in zip(
                *(tensor.split(at_once or len(stamped)) for tensor in (stamped.detach(), targets)),
                strict=True,
            )
        ]
        moved = torch.cat([part for part, _ in parts])
        # One number, not [stamped, penalty] with `moved`: for given gradients PyTorch imports SymPy, .5 s.
        (gradient,) = torch.autograd.grad((stamped * moved).sum() + penalty, variables)
        self._move(gradient, learning_rate, betas)
        reached = torch.cat([part for _, part in parts])
        return reached.view(rows, batch).float().mean(dim=1)

    def _move(self, gradient: Tensor, learning_rate: float, betas: tuple[float, float]) -> None:
        """Kingma and Ba 2015, algorithm 1."""
        first, second = betas
        self.steps += 1
        self.mean.mul_(first).add_(gradient, alpha=1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        spread = (self.square / (1 - second**self.steps)).sqrt_().add_(ADAM_EPSILON)
        self.variables.addcdiv_(self.mean, spread, value=-learning_rate / (1 - first**self.steps))


def _gradient(score: Scorer, images: Tensor, labels: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Return how the cross-entropy moves with each image, and which images are given their label."""
    images = images.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
    logits = score(images)
    loss = functional.cross_entropy(logits, labels, reduction="sum") / batch
    with guarded("the network", GRADIENT):
        (gradient,) = torch.autograd.grad(loss, images)
    return gradient, logits.detach().argmax(dim=1) == labels
