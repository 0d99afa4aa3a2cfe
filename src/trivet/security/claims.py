"""Lazy descriptions of tensors in an untrusted file, compared before memory is spent on one of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from trivet.errors import CheckpointError

__all__ = ["BYTES", "FLOATING", "Claim", "Storage", "counts", "strides_of"]

#: The numbers that weights are saved as, by their names in safetensors, and the bytes of each.
BYTES: Final[dict[str, int]] = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
FLOATING: Final = frozenset({"F64", "F32", "F16", "BF16"})
#: As many as PyTorch's own tensors have.
MAX_AXES: Final = 64


@dataclass(frozen=True)
class Storage:
    """A run of little-endian numbers that a file says to hold."""

    key: str
    dtype: str
    elements: int
    file: str = field(repr=False)
    numbers: Callable[["Storage"], bytearray] = field(repr=False)


@dataclass(frozen=True)
class Claim:
    """A tensor that a file describes; nothing of it is read until `view` is called."""

    shape: tuple[int, ...]
    dtype: str | None
    storage: Storage
    stride: tuple[int, ...]
    offset: int = 0

    def view(self, content: bytearray) -> bytes | memoryview:
        """Return the numbers in row-major order, out of the content of the storage.

        Call it only after `shape` was found to be right.
        """
        if 0 in self.shape:
            return b""
        item = BYTES[self.storage.dtype]
        steps = tuple(step if size > 1 else 0 for size, step in zip(self.shape, self.stride, strict=True))
        reach = self.offset + sum((size - 1) * step for size, step in zip(self.shape, steps, strict=True)) + 1
        if reach * item > len(content):
            raise CheckpointError(
                f"{self.storage.file} was refused: a tensor in it reaches {reach * item} bytes into "
                f"{len(content)} bytes of numbers."
            )
        row_major = strides_of(self.shape)
        if all(size == 1 or a == b for size, a, b in zip(self.shape, self.stride, row_major, strict=True)):
            return memoryview(content)[self.offset * item : reach * item]
        import numpy as np  # noqa: PLC0415 - most files have no need of it

        numbers = np.frombuffer(content, f"u{item}", reach - self.offset, self.offset * item)
        strides = [step * item for step in steps]
        return np.lib.stride_tricks.as_strided(numbers, self.shape, strides, writeable=False).tobytes()


def strides_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of a tensor in row-major order."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def counts(values: object) -> tuple[int, ...]:
    """Return a shape or strides out of a file, checked before they are copied."""
    if not isinstance(values, (tuple, list)):
        raise TypeError("expected a list for a tensor's shape")
    if len(values) > MAX_AXES:  # pyright: ignore[reportUnknownArgumentType]
        raise ValueError(f"a tensor has more than {MAX_AXES} axes")
    found: list[int] = []
    for value in values:  # pyright: ignore[reportUnknownVariableType]
        if type(value) is not int or value < 0:  # pyright: ignore[reportUnknownArgumentType]
            raise ValueError("a tensor's shape holds more than counts")
        found.append(value)
    return tuple(found)
