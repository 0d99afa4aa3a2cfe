"""One run of the audited code, recorded or replayed, and its answer."""

import contextlib
import copy
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from math import isnan
from typing import Any, Final

import numpy as np

from trivet.errors import UsageError
from trivet.privacy.code.carried.noise import Noisy, known
from trivet.privacy.code.sources.libraries import put_diffprivlib, put_opendp
from trivet.privacy.code.sources.numpy_noise import put_numpy
from trivet.privacy.code.sources.recording import Patches, Put, recording
from trivet.privacy.code.sources.standard_noise import put_math, put_random, put_scipy
from trivet.privacy.code.tape import Diverged, Shift, Tape
from trivet.privacy.mechanism.answers import Path, Plain, leaves, plain, spelled
from trivet.wording import describe_error, one_line

__all__ = ["COVERED", "Run", "differences", "require_run", "run"]

#: What the record follows, for people.
COVERED: Final = (
    "numpy.random, the module random, scipy.stats, torch, OpenDP measurements, diffprivlib mechanisms"
)


def _put_torch(patches: Patches) -> None:
    from trivet.privacy.code.sources.tensors import put_torch  # noqa: PLC0415 - only code with torch in it needs torch

    put_torch(patches)


LIBRARIES: Final[Mapping[str, Put]] = {
    "numpy": put_numpy,
    "random": put_random,
    "math": put_math,
    "scipy.stats": put_scipy,
    "torch": _put_torch,
    "opendp.mod": put_opendp,
    "diffprivlib.mechanisms": put_diffprivlib,
}
_DEEPEST: Final = 20
#: Places of an answer that a message names.
_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class Run:
    """A tape and the answer at its end: single values by their places; and types that are not compared."""

    tape: Tape
    answer: dict[Path, Plain]
    foreign: tuple[str, ...]
    error: str = ""


def run(
    function: Callable[[Any], Any],
    data: Any,
    *,
    recorded: Tape | None = None,
    shift: Shift | None = None,
) -> Run:
    """Call the code on a copy of the data; an error of its own is described in the result.

    Raises
    ------
    Diverged
        A replay left the record.
    """
    tape = Tape(recorded=recorded, shift=shift)
    foreign: list[str] = []
    answer: Any = None
    error = ""
    with contextlib.redirect_stdout(sys.stderr), recording(tape, function, LIBRARIES):
        try:
            answer = _settled(function(copy.deepcopy(data)), foreign)
            tape.finish()
        except Diverged:
            raise
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - the user's code can fail in any way
            error = describe_error(raised)
    if tape.diverged is not None:  # the code caught it
        raise tape.diverged
    return Run(tape, {} if error else dict(leaves(answer)), tuple(foreign), error)


def _settled(value: Any, foreign: list[str], depth: int = 0) -> Plain:
    """Look at all noise in an answer, and make it plain; what cannot be compared is named and left out."""
    if depth > _DEEPEST:
        foreign.append("value that is nested too deeply")
        return None
    parts = _parts(_looked(value))
    if isinstance(parts, Mapping):
        return {str(key): _settled(known(each), foreign, depth + 1) for key, each in parts.items()}
    if isinstance(parts, (list, tuple)):
        return tuple(_settled(each, foreign, depth + 1) for each in parts)
    if isinstance(parts, (set, frozenset)):
        return tuple(sorted((_settled(each, foreign, depth + 1) for each in parts), key=repr))
    try:
        return plain(parts)
    except TypeError:
        foreign.append(type(parts).__name__)
        for each in getattr(parts, "__dict__", {}).values():
            _looked(each)
        return None


def _looked(value: Any) -> Any:
    if type(value).__name__ == "NoisyTensor":
        value = value.noise
    return value.look("answer") if isinstance(value, Noisy) else value


def _parts(value: Any) -> Any:
    """Return what an object is made of, where it is made of parts."""
    if hasattr(value, "state_dict"):  # a network
        return dict(value.state_dict())
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    if hasattr(value, "iloc"):  # a data frame or a column
        return value.to_dict()
    if isinstance(value, np.ndarray) and value.dtype == object:
        return value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return value


def differences(one: Run, two: Run, same: float) -> str:
    """Name the places at which two answers differ by more than rounding; empty where they agree."""
    if one.answer.keys() != two.answer.keys():
        extra = [spelled(path) for path in one.answer.keys() ^ two.answer.keys()]
        return f"the answer has another form: {one_line(', '.join(sorted(extra)[:_MOST_NAMED]))}"
    unequal = [path for path in one.answer if not _equal(one.answer[path], two.answer[path], same)]
    if not unequal:
        return ""
    shown = [
        f"{spelled(path)} is {one_line(two.answer[path], limit=24)} and not "
        f"{one_line(one.answer[path], limit=24)}"
        for path in unequal[:_MOST_NAMED]
    ]
    return ", ".join(shown) + (f", and {len(unequal) - _MOST_NAMED} more" if unequal[_MOST_NAMED:] else "")


def _equal(one: Plain, two: Plain, same: float) -> bool:
    if isinstance(one, float) and isinstance(two, float):
        if isnan(one) or isnan(two):
            return isnan(one) and isnan(two)
        return one == two or abs(one - two) <= same * max(abs(one), abs(two))
    return type(one) is type(two) and one == two


def require_run(made: Run, name: str, data: Any) -> Run:
    """Raise UsageError where the code failed on the data itself."""
    if made.error:
        kind = type(data)
        given = f"{kind.__module__.partition('.')[0]}.{kind.__name__}".removeprefix("builtins.")
        raise UsageError(
            f"the code {name} failed on the data: {made.error}. It was given a {one_line(given)}."
        )
    return made
