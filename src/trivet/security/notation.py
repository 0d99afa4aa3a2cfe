"""How is a call written in an exported program? JSON becomes a `Step`; symbols are never evaluated.

The notation is that of torch/_export/serde/schema.py, schema version 8. Its symbolic expressions,
which PyTorch's own loader hands to sympy to evaluate, describe shapes; a graph that runs has no need
of them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch

from trivet.security.graph import Slot, Step
from trivet.security.operators import is_in_place, resolve

__all__ = ["SCALAR_TYPES", "read_argument", "read_step"]

#: Codes of `ScalarType`.
SCALAR_TYPES: Final[dict[int, torch.dtype]] = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
HALVES = frozenset({torch.float16, torch.bfloat16})
#: Codes of `MemoryFormat` and of `Layout`.
MEMORY_FORMATS: Final[dict[int, torch.memory_format]] = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    4: torch.preserve_format,
}
LAYOUTS: Final[dict[int, torch.layout]] = {7: torch.strided}
#: Numbers that JSON has no sign for.
INFINITE = frozenset({"Infinity", "-Infinity", "NaN"})
#: Whatever mode a graph was written down in, a network is analysed in evaluation mode.
IN_EVALUATION: Final[dict[str, Any]] = {"train": False, "dropout_p": 0.0}


def read_step(node: Mapping[str, Any], file: str) -> Step:
    """Return the call that a node of the graph stands for.

    Raises
    ------
    CheckpointError
        If its operator is not on the list; `file` is the graph's name, for the message.
    ValueError, KeyError, TypeError
        If it is not written as a call is.
    """
    target = _text(node["target"])
    function = resolve(target, file)
    arguments = [(_text(part["name"]), read_argument(part["arg"])) for part in node["inputs"]]
    first = arguments[0][1] if arguments else None
    outputs = [read_argument(part) for part in node["outputs"]]
    is_list = len(outputs) == 1 and type(outputs[0]) is list
    of_python = target.startswith("_operator.")
    keyword = {} if of_python else {name: IN_EVALUATION.get(name, value) for name, value in arguments}
    if "training" in keyword:  # PyTorch crashes where batch norm shall use statistics that are not there
        keyword["training"] = keyword.get("running_mean") is None
    return Step(
        function,
        positional=tuple(value for _, value in arguments) if of_python else (),
        keyword=keyword,
        results=tuple(_slot(part).name for part in (outputs[0] if is_list else outputs)),
        in_parts=is_list or len(outputs) > 1,
        overwrites=_slot(first).name if is_in_place(target) else None,
    )


def read_argument(written: Mapping[str, Any]) -> Any:
    """Return an argument: a plain value, a `Slot`, or a list of such.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it is of a kind that no image classifier needs, or not written as its kind is.
    """
    ((kind, value),) = written.items()
    if kind not in _KINDS:
        raise ValueError(f"an argument is of the kind {kind!r}")
    return _KINDS[kind](value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("a name is no text")
    return value


def _slot(value: Any) -> Slot:
    if type(value) is not Slot:
        raise TypeError("a result has no name")
    return value


def _named(value: Mapping[str, Any]) -> Slot:
    return Slot(_text(value["name"]))


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("a count is none")
    return value


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError("a switch is none")
    return value


def _real(value: Any) -> float:
    if type(value) not in {int, float} and value not in INFINITE:
        raise TypeError("a number is none")
    return float(value)


def _scalar_type(code: int) -> torch.dtype:
    """Return the type that results have: weights of half precision become float32, so do these."""
    dtype = SCALAR_TYPES[code]
    return torch.float32 if dtype in HALVES else dtype


def _symbolic(literal: str, read: Callable[[Any], Any]) -> Callable[[Mapping[str, Any]], Any]:
    """Return the reader of a size that is either known or the result of an earlier step."""

    def reader(value: Mapping[str, Any]) -> Any:
        return Slot(_text(value["as_name"])) if "as_name" in value else read(value[literal])

    return reader


def _many(read: Callable[[Any], Any]) -> Callable[[list[Any]], list[Any]]:
    return lambda values: [read(value) for value in values]


def _nothing(_value: Any) -> None:
    return None


_SIZE = _symbolic("as_int", _whole)
_SCALE = _symbolic("as_float", _real)
_CONDITION = _symbolic("as_bool", _truth)
#: The kinds of `Argument`. Left out are graphs, operators and objects; a device is always this one.
_KINDS: dict[str, Callable[[Any], Any]] = {
    "as_none": _nothing,
    "as_tensor": _named,
    "as_tensors": _many(_named),
    "as_optional_tensor": read_argument,
    "as_optional_tensors": _many(read_argument),
    "as_int": _whole,
    "as_ints": _many(_whole),
    "as_float": _real,
    "as_floats": _many(_real),
    "as_bool": _truth,
    "as_bools": _many(_truth),
    "as_string": _text,
    "as_sym_int": _SIZE,
    "as_sym_ints": _many(_SIZE),
    "as_sym_float": _SCALE,
    "as_sym_floats": _many(_SCALE),
    "as_sym_bool": _CONDITION,
    "as_sym_bools": _many(_CONDITION),
    "as_scalar_type": _scalar_type,
    "as_memory_format": MEMORY_FORMATS.__getitem__,
    "as_layout": LAYOUTS.__getitem__,
    "as_device": lambda _device: torch.device("cpu"),
}
