"""What does the pickle of a state dict name and call, and what stands in for each?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor

from trivet.security.claims import Claim, strided

__all__ = ["CALLS", "NAMES", "STORAGES", "Storage"]

STORAGES: Final[dict[str, torch.dtype]] = {
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}


@dataclass(frozen=True)
class Storage:
    """A run of numbers that a file says to hold.

    Attributes
    ----------
    key
        Its name in the file.
    dtype, elements
        What kind of numbers they are, and how many.
    file
        The file's name, for messages.
    numbers
        Reads them, when they are wanted.
    """

    key: str
    dtype: torch.dtype
    elements: int
    file: str = field(repr=False)
    numbers: Callable[["Storage"], bytearray] = field(repr=False)


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_gradient: Any) -> Claim:
    counts = (offset, *shape, *stride)
    if type(storage) is not Storage or len(shape) != len(stride):
        raise ValueError("what should be a tensor is none")
    if any(type(count) is not int or count < 0 for count in counts):
        raise ValueError("a tensor's shape holds more than counts")
    size, step = tuple(shape), tuple(stride)

    def load() -> Tensor:
        content = storage.numbers(storage)
        return strided(content, storage.dtype, shape=size, stride=step, offset=offset, name=storage.file)

    return Claim(size, storage.dtype, load)


def _parameter(tensor: Any, *_gradient: Any) -> Claim:
    if type(tensor) is not Claim:
        raise ValueError("what should be a parameter is none")
    return tensor


def _ordered(*items: Any) -> dict[Any, Any]:
    if items:
        raise ValueError("a dictionary is made as a copy")
    return {}


def _itself(value: Any, *_index: Any) -> Any:
    return value


#: What is called, and what stands in for it: nothing that copies, so that memory stays bounded.
CALLS: Final[dict[str, Callable[..., Any]]] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "collections.OrderedDict": _ordered,
    "torch.Size": _itself,
    "torch.device": _itself,
    "_codecs.encode": _itself,
}
#: What is named and not called.
NAMES: Final[frozenset[str]] = frozenset({*STORAGES, *map(str, STORAGES.values())})
