"""Which tensors does a file claim to hold, before memory is spent on one of them?"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from trivet.errors import CheckpointError

__all__ = ["DTYPES", "Claim", "extent", "strided"]

#: The numbers that weights are saved as, with the names that safetensors gives them.
DTYPES: Final[dict[str, torch.dtype]] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class Claim:
    """A tensor that a file describes; nothing of it is read until `load` is called.

    Attributes
    ----------
    shape
        As the file has it: any numbers, however large.
    dtype
        What its numbers are saved as; None for a kind that no layer holds.
    load
        Reads the tensor. Call it only after `shape` was found to be right.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype | None
    load: Callable[[], Tensor]


def extent(shape: tuple[int, ...], stride: tuple[int, ...], offset: int) -> int:
    """Return how many elements of a storage a view reaches, from its start to the view's last one."""
    if math.prod(shape) == 0:
        return 0
    return offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True)) + 1


def strided(
    content: bytearray,
    dtype: torch.dtype,
    *,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    offset: int,
    name: str,
) -> Tensor:
    """Return a view of raw little-endian numbers; offset and strides count elements.

    Raises
    ------
    CheckpointError
        If the view reaches beyond `content`; `name` is the file's, for the message.
    """
    reach = extent(shape, stride, offset)
    if reach * dtype.itemsize > len(content):
        raise CheckpointError(
            f"{name} was refused: a tensor in it reaches {reach * dtype.itemsize} bytes into "
            f"{len(content)} bytes of numbers."
        )
    if reach == 0:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(content, dtype=dtype, count=reach).as_strided(shape, stride, offset)
