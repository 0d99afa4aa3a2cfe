"""Labelled images, the currency of the security leg."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from importlib.resources import as_file, files
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from trivet.errors import DataError

__all__ = ["ImageSet", "Pixels", "in_kind", "load_colour_digits", "load_digit_pairs", "load_mnist"]


Pixels = NDArray[np.float32 | np.uint8]
#: All rows, in their order.
ALL: Final = slice(None)


def in_kind(pixels: Pixels, dtype: DTypeLike) -> Any:
    """Return pixels as they are where they are of `dtype`, and bytes as float32 in [0, 1] otherwise."""
    return pixels if pixels.dtype == dtype else np.divide(pixels, np.float32(255), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with pixels in [0, 1] and their true classes.

    Attributes
    ----------
    name
        What the images are, for reports: ``"mnist/test"``.
    pixels
        Shape (n, channels, height, width): float32 in [0, 1], or uint8, whose 255 stands for 1. `unit`
        returns some of them as numbers in [0, 1], so that bytes stay bytes until they are used.
    labels
        Shape (n,), int64 in [0, classes).
    classes
        How many classes there are, whether or not each occurs.
    class_names
        The name of each class by its number, where the classes have names.
    notes
        What may surprise in the files, and how it was read: a sentence for each kind, with a count.
    """

    name: str
    pixels: Pixels
    labels: NDArray[np.int64]
    classes: int
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def unit(self, rows: ArrayLike | slice = ALL) -> NDArray[np.float32]:
        """Return the pixels of some images as float32 in [0, 1], shape (rows, channels, height, width)."""
        return in_kind(self.pixels[rows if isinstance(rows, slice) else np.asarray(rows)], np.float32)

    def take(self, rows: ArrayLike) -> Self:
        """Return the images at `rows`, an array of positions or a boolean mask, in that order."""
        index = np.asarray(rows)
        return replace(self, pixels=self.pixels[index], labels=self.labels[index])

    def among(self, others: "ImageSet") -> NDArray[np.bool_]:
        """Return which of the images are among others as well, pixel for pixel; shape (n,)."""
        there = set(map(_digest, others.pixels))
        return np.array([_digest(pixels) in there for pixels in self.pixels], dtype=np.bool_)

    def numbered(self, numbers: Sequence[int], how: str) -> Self:
        """Return the same images with other numbers for their classes, and with `how` beside their name."""
        if list(numbers) == list(range(self.classes)):
            return self
        classes = max(numbers) + 1
        names = list(map(str, range(classes)))
        for place, number in enumerate(numbers):
            names[number] = str(place) if self.class_names is None else self.class_names[place]
        return replace(
            self,
            name=f"{self.name} ({how})",
            labels=np.asarray(numbers, dtype=np.int64)[self.labels],
            classes=classes,
            class_names=tuple(names),
        )

    def split(self, fraction: float, *, seed: int) -> tuple[Self, Self]:
        """Return two disjoint parts of a seeded shuffle, the first with `fraction` of the images."""
        order = np.random.default_rng(seed).permutation(len(self))
        cut = round(fraction * len(self))
        return self.take(order[:cut]), self.take(order[cut:])


def _digest(pixels: Pixels) -> bytes:
    """Return a digest of one image, the same for bytes and for numbers."""
    return blake2b(in_kind(pixels, np.float32).tobytes(), digest_size=16).digest()


def load_mnist(split: Literal["train", "test"]) -> ImageSet:
    """Load one part of MNIST in the order of the original files.

    Parameters
    ----------
    split
        ``"train"`` (60,000 images) or ``"test"`` (10,000).

    Returns
    -------
    ImageSet
        Pixels of shape (n, 1, 28, 28), float32 in [0, 1].

    Raises
    ------
    DataError
        If the package's copy is missing or damaged.

    Notes
    -----
    Source: Y. LeCun, C. Cortes, C. Burges, CC BY-SA 3.0; see ``datasets/README.md``.
    """
    resource = files("trivet.datasets") / "data" / f"mnist-{split}.npz"
    try:
        with as_file(resource) as path, np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"the embedded MNIST {split} images cannot be read ({error}). Reinstall trivet, or build the "
            "file again with tools/build_mnist.py."
        ) from error
    pixels = np.divide(images[:, np.newaxis], np.float32(255), dtype=np.float32)
    return ImageSet(f"mnist/{split}", pixels, labels.astype(np.int64), classes=10)


COLOUR_SIZE: Final = 32
COLOUR_IMAGES: Final = 30_000
#: Images composed together, so that what stands between them stays small.
CHUNK: Final = 2_000
#: A digit is brighter than its background by at least this much, in the mean over the channels.
CONTRAST: Final = 0.3


def load_colour_digits(split: Literal["train", "test"]) -> ImageSet:
    """Return MNIST in colour: bright digits somewhere on a dark, shaded ground of 32x32 pixels.

    Composed the same way each time, from the split's own fixed seed.

    Parameters
    ----------
    split
        ``"train"`` (the first 30,000 images of MNIST's) or ``"test"`` (10,000).

    Returns
    -------
    ImageSet
        Pixels of shape (n, 3, 32, 32), float32 in [0, 1]; the ten classes of MNIST.
    """
    digits = load_mnist(split)
    digits = digits.take(np.arange(min(COLOUR_IMAGES, len(digits))))
    rng = np.random.default_rng([COLOUR_SIZE, split == "train"])
    count, size = len(digits), digits.pixels.shape[-1]
    pixels = np.empty((count, 3, COLOUR_SIZE, COLOUR_SIZE), dtype=np.float32)
    ramp = np.linspace(-0.5, 0.5, COLOUR_SIZE, dtype=np.float32)
    for first in range(0, count, CHUNK):
        rows = slice(first, min(first + CHUNK, count))
        number = rows.stop - rows.start
        front, back = _two_colours(rng, number)
        slopes = rng.uniform(-0.2, 0.2, (2, number, 1)).astype(np.float32)
        shade = (slopes[0] * ramp)[:, :, None] + (slopes[1] * ramp)[:, None, :]
        ground = np.clip(back[:, :, None, None] + shade[:, None], 0, 1)
        ink = np.zeros((number, 1, COLOUR_SIZE, COLOUR_SIZE), dtype=np.float32)
        for place, (row, column) in enumerate(rng.integers(0, COLOUR_SIZE - size + 1, (number, 2))):
            ink[place, 0, row : row + size, column : column + size] = digits.pixels[first + place, 0]
        pixels[rows] = ground + ink * (front[:, :, None, None] - ground)
    return ImageSet(f"colour-digits/{split}", pixels, digits.labels, classes=10)


def load_digit_pairs(split: Literal["train", "test"]) -> ImageSet:
    """Return pairs of MNIST digits side by side, each at half width: classes 0 to 99.

    Every image of the split stands once on the left; its neighbour is drawn from the split's own
    fixed seed.

    Parameters
    ----------
    split
        ``"train"`` (60,000 images) or ``"test"`` (10,000).

    Returns
    -------
    ImageSet
        Pixels of shape (n, 1, 28, 28), float32 in [0, 1]; class 10 a + b for the digits a, b.
    """
    digits = load_mnist(split)
    right = np.random.default_rng([100, split == "train"]).permutation(len(digits))
    narrow = digits.pixels.reshape(len(digits), 1, 28, 14, 2).mean(axis=-1)
    pixels = np.concatenate([narrow, narrow[right]], axis=-1)
    labels = 10 * digits.labels + digits.labels[right]
    return ImageSet(f"digit-pairs/{split}", pixels, labels, classes=100)


def _two_colours(rng: np.random.Generator, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw (n, 3) colours of digits and backgrounds until the two of each pair differ visibly."""
    colours = rng.random((2, count, 3), dtype=np.float32)
    while True:
        close = colours[0].mean(axis=1) - colours[1].mean(axis=1) < CONTRAST
        if not close.any():
            return colours[0], colours[1]
        colours[:, close] = rng.random((2, int(close.sum()), 3), dtype=np.float32)
