"""Blockwise conversion of raw arrays in a file to pixels and labels."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from trivet.datasets.selection import MAX_CLASSES
from trivet.errors import DataError

__all__ = [
    "BLOCK_BYTES",
    "MAX_IMAGES",
    "MAX_PIXEL_BYTES",
    "RawArray",
    "layout_of",
    "read_labels",
    "read_pixels",
    "refuse_too_large",
]

#: All pixels together, as float32.
MAX_PIXEL_BYTES = 2**30
#: An array as it is in its file: pixels of that many bytes in double precision.
MAX_RAW_BYTES = 2**31
MAX_IMAGES = 2**24
#: What is unpacked at once.
BLOCK_BYTES = 2**22

#: Divisors that bring the two integer types into [0, 1].
FULL_SCALE = {"u1": 255, "u2": 65535}


@dataclass(frozen=True, eq=False)
class RawArray:
    """An array in C order whose values are still in a stream."""

    stream: IO[bytes]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    name: str

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Yield the array in parts of consecutive rows, each of about `BLOCK_BYTES`."""
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        at_once = max(1, BLOCK_BYTES // max(size, 1))
        for start in range(0, self.shape[0], at_once):
            rows = min(at_once, self.shape[0] - start)
            values = np.frombuffer(self._read(rows * size), self.dtype)
            yield values.reshape(rows, *self.shape[1:])
        if self.stream.read(1):
            raise DataError(f"{self.name} is damaged: it goes on after the values that its header tells of.")

    def _read(self, size: int) -> bytearray:
        content = bytearray()
        while len(content) < size:
            block = self.stream.read(min(BLOCK_BYTES, size - len(content)))
            if not block:
                raise DataError(f"{self.name} is truncated: it ends before the last value. Fetch it again.")
            content += block
        return content


def refuse_too_large(count: int, channels: int, height: int, width: int, *, source: str) -> None:
    """Refuse more pixels than fit into the memory that images may take."""
    if 4 * count * channels * height * width > MAX_PIXEL_BYTES:
        raise DataError(
            f"{count:,} images of {width}x{height} pixels and {channels} channel{'s'[: channels > 1]} in "
            f"{source!r} take more than {MAX_PIXEL_BYTES // 2**20} MiB. Take fewer, or make them smaller."
        )


def layout_of(array: RawArray) -> str:
    """Return which axes `array` has: ``"nhw"``, ``"nhwc"`` or ``"nchw"``."""
    shape = array.shape
    shown = "x".join(map(str, shape))
    if min(shape, default=0) < 1 or shape[0] > MAX_IMAGES or array.nbytes > MAX_RAW_BYTES:
        raise DataError(
            f"{array.name} claims the shape {shown}; expected at least one image, at most {MAX_IMAGES:,}, "
            f"and at most {MAX_RAW_BYTES // 2**20} MiB. Save fewer images."
        )
    if len(shape) == 3:  # noqa: PLR2004
        return "nhw"
    first, last = (shape[1] in {1, 3}, shape[3] in {1, 3}) if len(shape) == 4 else (False, False)  # noqa: PLR2004
    if first and last:
        raise DataError(
            f"{array.name} has the shape {shown}, in which the channels may come second or last. Save grey "
            "images as (n, height, width), or the images as a folder of pictures."
        )
    if not first and not last:
        raise DataError(
            f"{array.name} has the shape {shown}; expected (n, height, width), (n, height, width, channels) "
            "or (n, channels, height, width) with 1 or 3 channels. Reshape the array before it is saved."
        )
    return "nchw" if first else "nhwc"


def read_pixels(array: RawArray, rows: NDArray[np.int64], *, source: str) -> NDArray[np.float32]:
    """Return the images at `rows` (ascending) as pixels (len(rows), channels, height, width) in [0, 1].

    uint8 is divided by 255 and uint16 by 65535; floating-point values must lie in [0, 1].
    """
    layout = layout_of(array)
    sizes = dict(zip(layout, array.shape, strict=True))
    shape = (sizes.get("c", 1), sizes["h"], sizes["w"])
    refuse_too_large(len(rows), *shape, source=source)
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    if kind not in {*FULL_SCALE, "f2", "f4", "f8"}:
        raise DataError(
            f"{array.name} holds values of type {array.dtype}; expected uint8, uint16, or floating-point "
            "numbers in [0, 1]. Convert the array before it is saved, with .astype(numpy.uint8) for 0 to 255."
        )
    pixels = np.empty((len(rows), *shape), np.float32)
    start = 0
    for block in array.blocks():
        if array.dtype.kind == "f":
            _refuse_outside(block, array.name)
        first, last = np.searchsorted(rows, (start, start + len(block)))
        chosen = block[rows[first:last] - start].reshape(last - first, *array.shape[1:])
        if layout == "nhwc":
            chosen = chosen.transpose(0, 3, 1, 2)
        part = pixels[first:last]
        np.divide(
            chosen.reshape(part.shape), np.float32(FULL_SCALE.get(kind, 1)), out=part, casting="same_kind"
        )
        start += len(block)
    return pixels


def read_labels(array: RawArray, images: int) -> NDArray[np.int64]:
    """Return class numbers, shape (images,), from integers (n,) or (n, 1), or one-hot rows (n, classes)."""
    shape, kind = array.shape, array.dtype.kind
    shown = "x".join(map(str, shape))
    if len(shape) not in {1, 2} or shape[0] != images:
        raise DataError(
            f"{array.name} has the shape {shown}, but there are {images:,} images; expected one label for "
            f"each, shape ({images},). Save images and labels of the same set."
        )
    one_hot = len(shape) == 2 and shape[1] > 1  # noqa: PLR2004
    if kind not in ("iubf" if one_hot else "iu") or array.dtype.itemsize > 8:  # noqa: PLR2004
        raise DataError(
            f"{array.name} holds values of type {array.dtype}; expected integer class numbers, or one-hot "
            "rows. Convert the array before it is saved, with .astype(numpy.int64)."
        )
    if math.prod(shape[1:]) not in range(1, MAX_CLASSES + 1) or array.nbytes > MAX_RAW_BYTES:
        raise DataError(
            f"{array.name} has the shape {shown}; expected at most {MAX_CLASSES:,} classes and "
            f"{MAX_RAW_BYTES // 2**20} MiB. Save class numbers instead of one-hot rows."
        )
    labels = np.empty(images, np.int64)
    start = 0
    for block in array.blocks():
        part = labels[start : start + len(block)]
        part[:] = _hot(block, array.name) if one_hot else _numbers(block.reshape(-1), array.name)
        start += len(block)
    return labels


def _refuse_outside(block: NDArray[Any], name: str) -> None:
    low, high = float(block.min()), float(block.max())
    if low >= 0 and high <= 1:
        return
    if not math.isfinite(low) or not math.isfinite(high):
        raise DataError(f"{name} holds pixels that are not finite; expected values in [0, 1]. Save it again.")
    raise DataError(
        f"{name} holds pixels from {low:.6g} to {high:.6g}; expected values in [0, 1]. Divide by 255 or undo "
        "the normalisation before the array is saved."
    )


def _hot(block: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Return where each row has its one."""
    ones = block == 1
    if not (ones | (block == 0)).all() or not (ones.sum(axis=1) == 1).all():
        raise DataError(
            f"{name} is not one-hot: expected one 1 and otherwise 0 in each row. Save class numbers."
        )
    return ones.argmax(axis=1)


def _numbers(block: NDArray[Any], name: str) -> NDArray[Any]:
    low, high = int(block.min()), int(block.max())
    if low < 0 or high >= MAX_CLASSES:
        raise DataError(
            f"{name} holds the label {low if low < 0 else high}; expected class numbers from 0 to at most "
            f"{MAX_CLASSES - 1}. Number the classes from 0."
        )
    return block
