"""Allow-list of the globals in pickled state dicts, with inert replacements."""

from collections.abc import Callable
from typing import Any, Final

from trivet.security.claims import Claim, Storage, counts

__all__ = ["CALLS", "NAMES", "STORAGES"]

STORAGES: Final[dict[str, str]] = {
    "torch.FloatStorage": "F32",
    "torch.DoubleStorage": "F64",
    "torch.HalfStorage": "F16",
    "torch.BFloat16Storage": "BF16",
    "torch.LongStorage": "I64",
    "torch.IntStorage": "I32",
    "torch.ShortStorage": "I16",
    "torch.CharStorage": "I8",
    "torch.ByteStorage": "U8",
    "torch.BoolStorage": "BOOL",
}
DTYPES: Final = (
    *("torch.float32", "torch.float64", "torch.float16", "torch.bfloat16", "torch.bool"),
    *("torch.int64", "torch.int32", "torch.int16", "torch.int8", "torch.uint8"),
)


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_gradient: Any) -> Claim:
    if type(storage) is not Storage:
        raise ValueError("what should be a tensor is none")
    sizes, steps, (start,) = counts(shape), counts(stride), counts([offset])
    if len(sizes) != len(steps):
        raise ValueError("what should be a tensor is none")
    return Claim(sizes, storage.dtype, storage, steps, start)


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
NAMES: Final[frozenset[str]] = frozenset({*STORAGES, *DTYPES})
