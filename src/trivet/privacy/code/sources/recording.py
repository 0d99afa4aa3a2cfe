"""Recording of a run: the functions that draw are replaced, and what they draw goes on a tape."""

import builtins
import os.path
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from types import BuiltinMethodType, CellType, FunctionType, ModuleType
from typing import Any, Final

import numpy as np

from trivet.privacy.code.carried.noise import Noisy, known, make_noise
from trivet.privacy.code.carried.rows import no_rows
from trivet.privacy.code.tape import Call, Tape

__all__ = ["Patches", "Put", "active", "choose", "noise_of", "recording", "uncovered"]

_stack: Final[list[Tape]] = []


def active() -> Tape | None:
    """Return the tape that runs, unless a library draws for itself."""
    return _stack[-1] if _stack and not _stack[-1].inside else None


@contextmanager
def uncovered() -> Generator[None]:
    """Let a library draw for itself, unrecorded: its caller records the whole."""
    tape = _stack[-1] if _stack else Tape()
    tape.inside += 1
    try:
        yield
    finally:
        tape.inside -= 1


class Patches:
    """Attributes and names that are replaced for the time of a run."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []
        #: What stands for each replaced function, by its identity.
        self.instead: dict[int, Any] = {}
        #: Each returns what stands for an object that draws; None of others.
        self.stand_ins: list[Callable[[Any], Any]] = []

    def put(self, owner: Any, name: str, new: Any) -> None:
        """Replace an attribute until `undo`."""
        own = name in getattr(owner, "__dict__", ())
        old = vars(owner)[name] if own else getattr(owner, name)
        if own or not isinstance(owner, type):
            self._undo.append(partial(setattr, owner, name, old))
        else:
            self._undo.append(partial(delattr, owner, name))
        self.instead[id(old)] = new
        setattr(owner, name, new)

    def put_name(self, names: dict[str, Any], name: str, new: Any) -> None:
        """Replace a name of a module until `undo`."""
        self._undo.append(partial(names.__setitem__, name, names[name]))
        names[name] = new

    def undo(self) -> None:
        """Put everything back, the last first."""
        while self._undo:
            self._undo.pop()()


#: Replaces what draws in one library.
Put = Callable[[Patches], None]


@contextmanager
def recording(
    tape: Tape, function: Callable[..., Any] | None, libraries: Mapping[str, Put]
) -> Generator[None]:
    """Put every draw of the code that runs within on a tape.

    `libraries` holds what to do for each module, now or as soon as the code imports it.
    """
    patches = Patches()
    waiting = dict(libraries)

    def put_libraries() -> None:
        for name in [name for name in waiting if name in sys.modules]:
            waiting.pop(name)(patches)

    load = builtins.__import__

    def importing(name: str, *args: Any, **options: Any) -> Any:
        # A library that draws while it is imported does not draw for the answer.
        outermost = not tape.inside
        with uncovered():
            module = load(name, *args, **options)
        if outermost and waiting:
            put_libraries()
        return module

    _stack.append(tape)
    try:
        put_libraries()
        _put_own(patches, function)
        patches.put(builtins, "__import__", importing)
        yield
    finally:
        patches.undo()
        _stack.pop()


def noise_of(
    tape: Tape,
    call: Call,
    sample: Callable[[tuple[int, ...]], Any],
    *,
    loc: Any = 0.0,
    scale: Any = 1.0,
    size: Any = None,
) -> Noisy:
    """Draw ``loc + scale * noise``; `sample` draws the standard distribution in a shape."""
    if size is None:
        shape = np.broadcast_shapes(np.shape(loc), np.shape(known(scale)))
    else:
        shape = tuple(int(each) for each in np.atleast_1d(known(size)))
    scalar = size is None and shape == ()
    with uncovered():
        columns = tape.draw(call, shape, lambda: sample(shape))
    return make_noise(tape, columns, loc=loc, scale=scale, shape=shape, scalar=scalar)


def choose(
    tape: Tape, source: str, count: int, pick: Callable[[], Any], probabilities: Any = None
) -> np.ndarray:
    """Draw whole numbers: with stated probabilities, or to select rows."""
    if probabilities is None:
        with uncovered():
            tape.draw(Call("selection", source), (count,), pick)
        return tape.drawn[-1].astype(np.int64)
    with np.errstate(divide="ignore"):
        logs = np.log(np.asarray(known(probabilities), dtype=np.float64))
    nothing = np.zeros(0)

    def outcome(_: Any) -> Any:
        with uncovered():
            return np.asarray(pick(), dtype=np.int64).reshape(-1)

    seen = tape.event("choice", source, nothing, no_rows(0), outcome, {"log_probabilities": logs})
    if len(seen) != count:
        raise tape.stop(f"chooses {count} times, and {len(seen)} times on the data", source, chosen=True)
    return np.array(seen)


# Generators and functions that the user's code holds already.

#: Most of what modules name; nothing stands in for these but what is put instead of a function or class.
_PLAIN: Final = frozenset({FunctionType, type, str, int, float, bool, type(None), ModuleType})


def _put_own(patches: Patches, function: Callable[..., Any] | None) -> None:
    while (inner := getattr(function, "__wrapped__", None)) is not None:
        function = inner
    named = getattr(function, "__module__", None)
    spaces = [vars(module) for module in _own_modules(named)]
    spaces.append(getattr(function, "__globals__", {}))
    kinds = {named, *(space.get("__name__") for space in spaces)}
    for names in {id(space): space for space in spaces}.values():
        for name, value in list(names.items()):
            if type(value) in _PLAIN and id(value) not in patches.instead:
                continue
            if (new := _stand_in(value, patches)) is not None:
                patches.put_name(names, name, new)
            elif type(value).__module__ in kinds:
                _put_attributes(patches, value)
    for cell in getattr(function, "__closure__", None) or ():
        _put_cell(patches, cell)
    _put_attributes(patches, getattr(function, "__self__", function))


def _put_attributes(patches: Patches, holder: Any) -> None:
    if isinstance(holder, ModuleType):
        return
    for name, value in list(getattr(holder, "__dict__", {}).items()):
        if (new := _stand_in(value, patches)) is not None:
            patches.put(holder, name, new)


def _put_cell(patches: Patches, cell: CellType) -> None:
    try:
        new = _stand_in(cell.cell_contents, patches)
    except ValueError:  # an empty cell
        return
    if new is not None:
        patches.put(cell, "cell_contents", new)


#: The last result of `_own_modules`: code is run hundreds of times among the same thousands of modules.
_last: tuple[str | None, list[tuple[str, ModuleType]], list[ModuleType]] = (None, [], [])


def _own_modules(named: str | None) -> list[ModuleType]:
    global _last  # noqa: PLW0603 - only what follows from the arguments and sys.modules
    loaded = list(sys.modules.items())
    if _last[:2] != (named, loaded):
        named_alone = {named, "__main__"}
        own = [
            module
            for name, module in loaded
            if isinstance(module, ModuleType)  # pyright: ignore[reportUnnecessaryIsInstance] - some are not
            and (name in named_alone or _is_own(vars(module).get("__file__")))
        ]
        _last = named, loaded, own
    return _last[2]


_HERE: Final = __file__.rpartition("privacy")[0]


@cache
def _is_own(file: str | None) -> bool:
    # Of thousands of modules, in each run: strings, and no paths.
    if file is None or "site-packages" in file or file.startswith((_HERE, sys.base_prefix)):
        return False
    return os.path.isabs(file)  # noqa: PTH117


def _stand_in(value: Any, patches: Patches) -> Any:
    for stand_in in patches.stand_ins:
        if (new := stand_in(value)) is not None:
            return new
        if isinstance(value, BuiltinMethodType) and (new := stand_in(value.__self__)) is not None:
            return getattr(new, value.__name__)
    if callable(value) and not isinstance(value, ModuleType):
        return patches.instead.get(id(value))
    return None
