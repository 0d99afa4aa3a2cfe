"""A reader of the pickles of weights, which follows their instructions and obeys not one of them.

A pickle is a small program. PyTorch's `weights_only` runs it with few callables at hand, yet one of
them is `bytearray`, which takes any amount of memory. Here nothing is looked up, imported or called:
the instructions that `torch.save` writes for a state dict are understood, any other refuses the file.
"""

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trivet.errors import CheckpointError
from trivet.security.claims import Storage
from trivet.security.storages import CALLS, NAMES, STORAGES
from trivet.wording import quoted, reason

__all__ = ["MAX_PICKLE_BYTES", "Pickle", "read_pickle"]

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


def read_pickle(content: bytes, name: str, numbers: Callable[[Storage], bytearray]) -> Pickle:
    """Return what the pickle at the start of `content` describes."""
    stream = io.BytesIO(content[:MAX_PICKLE_BYTES])
    machine = _Machine(name, numbers)
    try:
        for instruction, argument, _ in pickletools.genops(stream):
            machine.follow(instruction.name, argument)
        return Pickle(machine.stack.pop(), stream.tell(), machine.storages)
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # other files can fail anywhere
        raise CheckpointError(
            f"{name} cannot be read as a PyTorch checkpoint: its pickle is damaged or too long "
            f"({reason(error)}). Expected a state dict saved with torch.save, or a .safetensors file."
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
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # one stack for each open mark
        self.memo: dict[int, Any] = {}
        self.followed = 0

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
            raise self.refusal(f"holds the instruction {instruction}, which weights never need,")

    def refusal(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"{self.file} was refused: it is a pickle that {what} and could run code. If you trust it, load "
            "it where it was made and save only its state dict: "
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

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise self.refusal("appends to something other than a list")
        self.stack[-1].extend(items)

    def update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise self.refusal("sets items of something other than a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in PLAIN_KEYS:
                raise self.refusal(f"uses a {type(key).__name__} as a dictionary's key")
            if type(key) is int and abs(key) >= MAX_INTEGER_KEY:
                raise self.refusal("uses a number of more than 64 bits as a dictionary's key")
            target[key] = value

    def name(self, path: str) -> None:
        if path not in CALLS and path not in NAMES:
            raise self.refusal(f"asks for {quoted(path)}, where only weights are expected,")
        self.stack.append(_Global(path))

    def name_from_stack(self, _argument: Any) -> None:
        attribute, module = self.stack.pop(), self.stack.pop()
        if type(attribute) is not str or type(module) is not str:
            raise self.refusal("asks for what has no name")
        self.name(f"{module}.{attribute}")

    def call(self, _argument: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(function) is not _Global or function.name not in CALLS or type(arguments) is not tuple:
            raise self.refusal("calls what makes no tensor")
        if len(arguments) > MAX_PARTS:
            raise self.refusal(f"calls {function.name} with {len(arguments)} arguments")
        self.stack.append(CALLS[function.name](*arguments))

    def set_state(self, _argument: Any) -> None:
        self.stack.pop()  # the versions of the layers
        if type(self.stack[-1]) is not dict:
            raise self.refusal("sets the state of something other than a dictionary")

    def point(self, _argument: Any) -> None:
        pointer = self.stack.pop()
        if type(pointer) is not tuple or len(pointer) > MAX_PARTS or pointer[:1] != ("storage",):
            raise self.refusal("points to something other than a storage of weights")
        kind, key, _device, elements, *view = pointer[1:]
        dtype = STORAGES.get(kind.name) if type(kind) is _Global else None
        if dtype is None or type(key) is not str or type(elements) is not int or elements < 0:
            raise self.refusal("points to a storage of an unknown kind")
        if any(part is not None for part in view):
            raise self.refusal("points to a part of a storage")
        storage = Storage(key, dtype, elements, self.file, self.numbers)
        if self.storages.setdefault(key, storage) != storage:
            raise self.refusal("describes one storage in two ways")
        self.stack.append(storage)


#: Instructions that put their argument on the stack, those that put a new value there, and the rest.
_LITERALS = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
    | {"BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES"}
)
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda _machine, _version: None,
    "FRAME": lambda _machine, _length: None,
    "STOP": lambda _machine, _nothing: None,
    "MARK": _Machine.open_mark,
    "POP": _Machine.pop,
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "MEMOIZE": _Machine.remember,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "TUPLE": _Machine.tuple_since_mark,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
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
