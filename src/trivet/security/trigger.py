"""A trigger: a mask, a pattern, and how they are laid over an image."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Stamp", "Trigger", "apply_trigger"]

#: A change of pixels in [0, 1], shape (n, channels, height, width): a trigger, or any other.
Stamp = Callable[[Tensor], Tensor]


def apply_trigger(pixels: Tensor, mask: Tensor, pattern: Tensor) -> Tensor:
    """Return ``(1 - mask) * pixels + mask * pattern``, Wang et al. 2019, equation 2.

    All three are in [0, 1] and broadcast against each other: pixels (n, channels, h, w), mask
    (1, h, w) or (n, 1, h, w), pattern (channels, h, w) or (n, channels, h, w).
    """
    return (1 - mask) * pixels + mask * pattern


@dataclass(frozen=True, eq=False)
class Trigger:
    """A backdoor trigger in pixel space.

    Attributes
    ----------
    mask
        How much of each pixel is replaced: shape (1, height, width), float32 in [0, 1].
    pattern
        What replaces it: shape (channels, height, width), float32 in [0, 1].
    """

    mask: NDArray[np.float32]
    pattern: NDArray[np.float32]

    @classmethod
    def square(cls, *, row: int, column: int, size: int, value: float, shape: tuple[int, int, int]) -> Self:
        """Return a filled square whose upper left pixel is (row, column), for images of `shape`."""
        mask = np.zeros((1, *shape[1:]), dtype=np.float32)
        mask[:, row : row + size, column : column + size] = 1
        return cls(mask, np.full(shape, value, dtype=np.float32))

    @property
    def l1(self) -> float:
        """The mask's L1 norm: how many pixels' worth of image the trigger replaces."""
        return float(self.mask.sum(dtype=np.float64))

    def __call__(self, pixels: Tensor) -> Tensor:
        """Stamp the trigger on pixels of shape (n, channels, height, width)."""
        return apply_trigger(pixels, torch.from_numpy(self.mask), torch.from_numpy(self.pattern))
