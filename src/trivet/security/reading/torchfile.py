"""The content of a `.pth` file in both of torch.save's layouts, read without unpickling.

The layout since PyTorch 1.6 is a zip: ``data.pkl`` describes the content, ``data/KEY`` holds the
numbers of each storage. The older one is a row of pickles with the numbers behind them.
"""

import io
import math
import pickle
import pickletools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, Any, Final

from trivet.errors import CheckpointError
from trivet.security.reading.foreign import zip_of
from trivet.security.reading.harm import is_harmful
from trivet.security.reading.zipped import ZippedFile
from trivet.wording import first_line, quote

__all__ = [
    "BYTES",
    "FLOATING",
    "MAX_PICKLE_BYTES",
    "LazyTensor",
    "Opaque",
    "Pickle",
    "Storage",
    "counts",
    "read_legacy",
    "read_pickle",
    "read_zipped",
    "strides_of",
]

#: The numbers that weights are saved as, by their names in safetensors, and the bytes of each.
BYTES: Final[dict[str, int]] = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I64": 8,
    "U64": 8,
    "I32": 4,
    "U32": 4,
    "I16": 2,
    "U16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
FLOATING: Final = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
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
class LazyTensor:
    """A tensor that a file describes; nothing of it is read until `view` is called."""

    shape: tuple[int, ...]
    dtype: str | None
    storage: Storage
    stride: tuple[int, ...]
    offset: int = 0

    def view(self, content: bytearray) -> bytes | memoryview:
        """Return the numbers in row-major order out of a storage's content, once `shape` is known to fit."""
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
#: Storages of numbers that no weights are saved as, and the bytes of each: what lies behind them is read.
OTHER_STORAGES: Final[dict[str, int]] = {
    "torch.ComplexDoubleStorage": 16,
    "torch.ComplexFloatStorage": 8,
    "torch.QInt32Storage": 4,
    "torch.QInt8Storage": 1,
    "torch.QUInt8Storage": 1,
}
#: Storages whose numbers have a type only together with a tensor's.
UNTYPED: Final = "torch.storage.UntypedStorage"
TORCH_DTYPES: Final[dict[str, str]] = {
    "torch.float32": "F32",
    "torch.float64": "F64",
    "torch.float16": "F16",
    "torch.bfloat16": "BF16",
    "torch.float8_e4m3fn": "F8_E4M3",
    "torch.float8_e5m2": "F8_E5M2",
    "torch.int64": "I64",
    "torch.uint64": "U64",
    "torch.int32": "I32",
    "torch.uint32": "U32",
    "torch.int16": "I16",
    "torch.uint16": "U16",
    "torch.int8": "I8",
    "torch.uint8": "U8",
    "torch.bool": "BOOL",
}


@dataclass(eq=False)
class Opaque:
    """Stand-in for an object, of which nothing is made: its class, with what it is given and holds."""

    name: str
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict[Any, Any])
    arguments: tuple[Any, ...] = ()


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_gradient: Any) -> LazyTensor | Opaque:
    if type(storage) is Opaque:  # of numbers that no weights are saved as
        return storage
    if type(storage) is not Storage:
        raise ValueError("what should be a tensor is none")
    sizes, steps, (start,) = counts(shape), counts(stride), counts([offset])
    if len(sizes) != len(steps):
        raise ValueError("what should be a tensor is none")
    return LazyTensor(sizes, storage.dtype, storage, steps, start)


def _typed_tensor(
    storage: Any, offset: Any, shape: Any, stride: Any, _gradient: Any, _hooks: Any, dtype: Any, *_more: Any
) -> LazyTensor | Opaque:
    named = dtype.name if type(dtype) is _Global else "torch._utils._rebuild_tensor_v3"
    kind = TORCH_DTYPES.get(named)
    if kind is None or type(storage) is not Storage:
        return Opaque(named)
    typed = replace(storage, dtype=kind, elements=storage.elements // BYTES[kind])
    return _tensor(typed, offset, shape, stride)


def _parameter(tensor: Any, *_gradient: Any) -> LazyTensor | Opaque:
    if type(tensor) is not LazyTensor and type(tensor) is not Opaque:
        raise ValueError("what should be a parameter is none")
    return tensor


def _itself(value: Any, *_index: Any) -> Any:
    return value


def _of_class(function: Any, kind: Any, arguments: Any, *_attributes: Any) -> LazyTensor | Opaque:
    """Return a tensor of a class of its own, or with attributes, as the tensor that it is made of."""
    maker = TENSORS.get(function.name) if type(function) is _Global else None
    if maker is not None and type(arguments) is tuple:
        return maker(*arguments)
    return Opaque(kind.name if type(kind) is _Global else "torch._tensor._rebuild_from_type_v2")


#: What makes tensors of numbers that the file holds.
TENSORS: Final[dict[str, Callable[..., LazyTensor | Opaque]]] = {
    "torch._utils._rebuild_tensor": _tensor,  # until PyTorch 0.3
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _typed_tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _parameter,
}
#: What is called, and what stands in for it: nothing that copies, so that memory stays bounded.
CALLS: Final[dict[str, Callable[..., Any]]] = {
    **TENSORS,
    "torch._tensor._rebuild_from_type_v2": _of_class,
    "torch.Size": _itself,
    "torch.device": _itself,
    "_codecs.encode": _itself,
}
#: Made as a dictionary of their own; of Python 2 with their items in a list.
DICTIONARIES: Final = frozenset({"collections.OrderedDict", "builtins.dict", "__builtin__.dict"})
SETS: Final = frozenset({"builtins.set", "__builtin__.set"})
#: Looks an attribute up, as of an enumeration's member or a bound method.
LOOK_UP: Final = frozenset({"builtins.getattr", "__builtin__.getattr"})
#: No class and no attribute has a longer name.
MAX_NAME: Final = 1_000

#: A network of a thousand layers, with its optimiser, needs a quarter of either.
MAX_PICKLE_BYTES = 4 * 2**20
MAX_INSTRUCTIONS = 250_000
#: Keys whose hash takes no stack, as a nested tuple's does, and that cannot be made to collide in numbers.
PLAIN_KEYS = frozenset({str, int, bool, type(None)})
#: Older optimisers key their state by addresses. A hash is the key modulo 2**61 - 1, so at most a dozen
#: keys of 64 bits share one.
MAX_INTEGER_KEY = 2**64
#: No call and no pointer that torch.save writes has more parts.
MAX_PARTS = 16


@dataclass(frozen=True)
class Pickle:
    """Content of a pickle."""

    value: Any
    length: int
    storages: Mapping[str, Storage]
    #: By their keys the elements of storages that are passed over, and the bytes of each element.
    others: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])


def read_pickle(content: bytes, name: str, numbers: Callable[[Storage], bytearray]) -> Pickle:
    """Return what the pickle at the start of `content` describes."""
    stream = io.BytesIO(content[:MAX_PICKLE_BYTES])
    machine = _Machine(name, numbers)
    try:
        for instruction, argument, _ in pickletools.genops(stream):
            machine.follow(instruction.name, argument)
        return Pickle(machine.stack.pop(), stream.tell(), machine.storages, machine.others)
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # other files can fail anywhere
        raise CheckpointError(
            f"{name} cannot be read as a PyTorch checkpoint: its pickle is damaged or too long "
            f"({first_line(error)}). Expected a state dict saved with torch.save, or a .safetensors file."
        ) from error


@dataclass(frozen=True)
class _Global:
    """The name of what the pickle would import."""

    name: str


class _Machine:
    """A stack of plain values, which the instructions move about."""

    def __init__(self, file: str, numbers: Callable[[Storage], bytearray]) -> None:
        self.file = file
        self.numbers = numbers
        self.storages: dict[str, Storage] = {}
        self.others: dict[str, tuple[int, int]] = {}
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # one stack for each open mark
        self.memo: dict[int, Any] = {}
        self.followed = self.copied = 0

    def follow(self, instruction: str, argument: Any) -> None:
        self.followed += 1
        if self.followed > MAX_INSTRUCTIONS:
            raise CheckpointError(
                f"{self.file} was refused: its pickle has more than {MAX_INSTRUCTIONS} instructions. Save "
                "only the state dict."
            )
        if instruction in _LITERALS:
            self.stack.append(argument)
        elif instruction in _CONSTANTS:
            self.stack.append(_CONSTANTS[instruction]())
        elif instruction in _STEPS:
            _STEPS[instruction](self, argument)
        else:
            raise self.refusal(f"holds the instruction {instruction}, which weights never need")

    def refusal(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"{self.file} was refused: it is a pickle that {what}. If you trust it, load it where it was "
            "made and save only its state dict: "
            "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
        )

    def open_mark(self, _argument: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def close_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def pop(self, _argument: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.stack = self.below.pop()

    def remember(self, index: int | None) -> None:
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def recall(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def tuple_since_mark(self, _argument: Any) -> None:
        items = self.close_mark()
        self.stack.append(tuple(items))

    def tuple_of(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.stack.append(items)

    def list_since_mark(self, _argument: Any) -> None:
        items = self.close_mark()
        self.stack.append(items)

    def dictionary_since_mark(self, _argument: Any) -> None:
        items = self.close_mark()
        self.stack.append({})
        self.update(items)

    def set_since_mark(self, _argument: Any) -> None:
        self.close_mark()
        self.stack.append(Opaque("builtins.frozenset"))

    def drop_since_mark(self, _argument: Any) -> None:
        self.close_mark()

    def double(self, _argument: Any) -> None:
        self.stack.append(self.stack[-1])

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is list:
            target.extend(items)
        elif type(target) is Opaque:
            for item in items:  # of a set by themselves, of a list by their places
                target.items[item if type(item) is str else len(target.items)] = item
        else:
            raise self.refusal("appends to something other than a list")

    def update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        held = target.items if type(target) is Opaque else target
        if type(held) is not dict:
            raise self.refusal("sets items of something other than a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # No weights are kept by other keys, whose hash could take any time.
            if type(key) in PLAIN_KEYS and not (type(key) is int and abs(key) >= MAX_INTEGER_KEY):
                held[key] = value

    def name(self, path: str) -> None:
        self.stack.append(_Global(self.harmless(path)))

    def harmless(self, path: str) -> str:
        if len(path) > MAX_NAME:
            raise self.refusal(f"has a name of {len(path)} letters")
        if is_harmful(path):
            raise self.refusal(f"asks for {quote(path)}, where only weights are expected, and could run code")
        return path

    def object_of(self, parts: int) -> None:
        """Make the stand-in for an instance, of its class and `parts` arguments on the stack."""
        made = self.stack[-1 - parts]
        if type(made) not in {_Global, Opaque}:
            raise self.refusal("makes an object of what is not a class")
        arguments = self.stack[-parts]
        del self.stack[-1 - parts :]
        self.stack.append(self.made(made.name))
        if type(self.stack[-1]) is Opaque and type(arguments) is tuple:
            self.stack[-1].arguments = arguments

    def object_since_mark(self, _argument: Any) -> None:
        items = self.close_mark()
        if not items or type(items[0]) is not _Global:
            raise self.refusal("makes an object of what is not a class")
        self.stack.append(self.made(items[0].name))

    def instance(self, pair: str) -> None:
        self.close_mark()
        self.name(".".join(pair.split(" ", 1)))
        self.stack.append(self.made(self.stack.pop().name))

    def name_from_stack(self, _argument: Any) -> None:
        attribute, module = self.stack.pop(), self.stack.pop()
        if type(attribute) is not str or type(module) is not str:
            raise self.refusal("asks for what has no name")
        self.name(f"{module}.{attribute}")

    def call(self, _argument: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(function) not in {_Global, Opaque} or type(arguments) is not tuple:
            raise self.refusal("calls what has no name")
        if len(arguments) > MAX_PARTS:
            raise self.refusal(f"calls {quote(function.name)} with {len(arguments)} arguments")
        if function.name in LOOK_UP:
            self.stack.append(self.attribute(function.name, *arguments))
            return
        stand_in = CALLS.get(function.name) if type(function) is _Global else None
        self.stack.append(self.made(function.name, *arguments) if stand_in is None else stand_in(*arguments))

    def attribute(self, look_up: str, target: Any = None, name: Any = None, *_default: Any) -> Opaque:
        """Return the stand-in for an attribute of what has a name."""
        if type(target) not in {_Global, Opaque} or type(name) is not str:
            raise self.refusal(f"asks for {quote(look_up)} of what has no name, and could run code")
        return Opaque(self.harmless(f"{target.name}.{name}"))

    def made(self, name: str, *arguments: Any) -> Any:
        """Return the stand-in for an object of some class; of a dictionary's, a dictionary."""
        if name not in DICTIONARIES | SETS:
            return Opaque(name, arguments=arguments)
        if not arguments:
            return Opaque(name) if name in SETS else {}
        items = arguments[0]
        if type(items) is not list:
            raise ValueError("a dictionary is made as a copy")
        self.copied += len(items)
        if self.copied > MAX_INSTRUCTIONS:
            raise self.refusal("copies dictionaries again and again")
        if name in SETS:
            return Opaque(name, items={item: None for item in items if type(item) is str})
        pairs = [item for item in items if type(item) in {list, tuple} and len(item) == 2]  # noqa: PLR2004
        return {key: value for key, value in pairs if type(key) is str}

    def set_state(self, _argument: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is Opaque:
            target.state = state
        elif type(target) not in {
            dict,
            LazyTensor,
        }:  # the versions of the layers, and a parameter's attributes
            raise self.refusal("sets the state of something other than an object")

    def point(self, _argument: Any) -> None:
        pointer = self.stack.pop()
        if type(pointer) is tuple and 1 < len(pointer) <= MAX_PARTS and pointer[0] == "module":
            self.stack.append(pointer[1])  # a class, with its source, which nothing looks at
            return
        if type(pointer) is not tuple or len(pointer) > MAX_PARTS or pointer[:1] != ("storage",):
            raise self.refusal("points to something other than a storage of weights")
        kind, key, _device, elements, *view = pointer[1:]
        if type(kind) is not _Global or type(key) is not str or type(elements) is not int or elements < 0:
            raise self.refusal("points to a storage of an unknown kind")
        if any(part is not None for part in view):
            raise self.refusal("points to a part of a storage")
        dtype = "U8" if kind.name == UNTYPED else STORAGES.get(kind.name)
        if dtype is None:
            self.others[key] = elements, OTHER_STORAGES.get(kind.name, 1)
            self.stack.append(Opaque(kind.name))
            return
        storage = Storage(key, dtype, elements, self.file, self.numbers)
        if self.storages.setdefault(key, storage) != storage:
            raise self.refusal("describes one storage in two ways")
        self.stack.append(storage)


#: Instructions that put their argument on the stack, those that put a new value there, and the rest.
_LITERALS = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "INT", "LONG", "FLOAT"}
    | {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"}
    | {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
)
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": lambda: Opaque("builtins.set"),
}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda _machine, _version: None,
    "FRAME": lambda _machine, _length: None,
    "STOP": lambda _machine, _nothing: None,
    "MARK": _Machine.open_mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.drop_since_mark,
    "DUP": _Machine.double,
    "PUT": _Machine.remember,
    "GET": _Machine.recall,
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "MEMOIZE": _Machine.remember,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "TUPLE": _Machine.tuple_since_mark,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "LIST": _Machine.list_since_mark,
    "DICT": _Machine.dictionary_since_mark,
    "ADDITEMS": lambda machine, _: machine.extend(machine.close_mark()),
    "FROZENSET": _Machine.set_since_mark,
    "NEWOBJ": lambda machine, _: machine.object_of(1),
    "NEWOBJ_EX": lambda machine, _: machine.object_of(2),
    "OBJ": _Machine.object_since_mark,
    "INST": _Machine.instance,
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.close_mark()),
    "SETITEM": lambda machine, _: machine.update([machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine, _: machine.update(machine.close_mark()),
    "GLOBAL": lambda machine, pair: machine.name(".".join(pair.split(" ", 1))),
    "STACK_GLOBAL": _Machine.name_from_stack,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.set_state,
    "BINPERSID": _Machine.point,
}


#: torch/serialization.py, `MAGIC_NUMBER` and `PROTOCOL_VERSION` of the layout before 1.6.
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
COUNT = struct.Struct("<q")


def read_zipped(archive: ZippedFile, name: str) -> Any:
    """Return what a zip of torch.save holds, as `LazyTensor`s that load while it is open."""
    if "data.pkl" not in archive.sizes:
        raise CheckpointError(
            f"{name} cannot be read as a PyTorch checkpoint: it is a zip of {zip_of(archive.sizes)}. "
            "Expected a state dict saved with torch.save, or a .safetensors file."
        )
    order = bytes(archive.read("byteorder", at_most=8)) if "byteorder" in archive.sizes else b"little"
    if order not in {b"little", b"big"}:
        raise CheckpointError(f"{name} is damaged: its byte order is neither little nor big.")

    def numbers(storage: Storage) -> bytearray:
        width = BYTES[storage.dtype]
        content = archive.read(f"data/{storage.key}", at_most=storage.elements * width)
        if order == b"little":
            return content
        turned = bytearray(len(content))
        for place in range(width):
            turned[place::width] = content[width - 1 - place :: width]
        return turned

    return read_pickle(bytes(archive.read("data.pkl", at_most=MAX_PICKLE_BYTES)), name, numbers).value


def read_legacy(stream: IO[bytes], name: str) -> Any:
    """Return what a file from before PyTorch 1.6 holds, as `LazyTensor`s that load while it is open."""
    if stream.read(1) != pickle.PROTO:
        raise CheckpointError(
            f"{name} is not a PyTorch checkpoint. Expected a state dict saved with torch.save, or a "
            ".safetensors file."
        )
    places: dict[str, tuple[int, int]] = {}

    def numbers(storage: Storage) -> bytearray:
        start, length = places.get(storage.key, (0, 0))
        stream.seek(start)
        return bytearray(stream.read(length))

    pickles: list[Pickle] = []
    position = 0
    for _ in ("magic number", "protocol", "machine", "content", "keys of the storages"):
        stream.seek(position)
        pickles.append(read_pickle(stream.read(MAX_PICKLE_BYTES), name, numbers))
        position += pickles[-1].length
        if pickles[0].value != MAGIC:
            raise CheckpointError(
                f"{name} was refused: it is a pickle that torch.save did not write. Expected a state dict "
                "saved with torch.save, or a .safetensors file."
            )
    _, protocol, machine, content, keys = pickles
    written = machine.value if type(machine.value) is dict else {}
    if protocol.value != PROTOCOL or written.get("little_endian") is not True:
        raise CheckpointError(f"{name} was saved by another PyTorch or machine; save it again on this one.")
    if type(keys.value) is not list or set(map(type, keys.value)) - {str}:
        raise CheckpointError(f"{name} is damaged: the list of its storages is none.")
    places.update(_places(stream, position, keys.value, content, name))
    return content.value


def _places(
    stream: IO[bytes], position: int, keys: list[str], content: Pickle, name: str
) -> dict[str, tuple[int, int]]:
    """Return for each storage at which byte its numbers start, and how many bytes they take."""
    end = stream.seek(0, 2)
    places: dict[str, tuple[int, int]] = {}
    for key in keys:
        stream.seek(position)
        count = stream.read(COUNT.size)
        storage = content.storages.get(key)
        held = content.others.get(key) if storage is None else (storage.elements, BYTES[storage.dtype])
        if held is None or len(count) < COUNT.size or COUNT.unpack(count)[0] != held[0]:
            raise CheckpointError(f"{name} is damaged: its storage {quote(key)} is not as described.")
        length = math.prod(held)
        places[key] = (position + COUNT.size, length)
        position += COUNT.size + length
        if position > end:
            raise CheckpointError(f"{name} is damaged: it ends within its storage {quote(key)}.")
    return places
