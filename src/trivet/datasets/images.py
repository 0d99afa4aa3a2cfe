"""Labelled images, the currency of the security leg."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ImageSet"]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with pixels in [0, 1] and their true classes.

    Attributes
    ----------
    name
        What the images are, for reports: ``"mnist/test"``.
    pixels
        Shape (n, channels, height, width), float32 in [0, 1].
    labels
        Shape (n,), int64 in [0, classes).
    classes
        How many classes there are, whether or not each occurs.
    class_names
        The name of each class by its number, where the classes have names.
    """

    name: str
    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: int
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: ArrayLike) -> Self:
        """Return the images at `rows`, an array of positions or a boolean mask, in that order."""
        index = np.asarray(rows)
        return replace(self, pixels=self.pixels[index], labels=self.labels[index])

    def split(self, fraction: float, *, seed: int) -> tuple[Self, Self]:
        """Return two disjoint parts of a seeded shuffle, the first with `fraction` of the images."""
        order = np.random.default_rng(seed).permutation(len(self))
        cut = round(fraction * len(self))
        return self.take(order[:cut]), self.take(order[cut:])
