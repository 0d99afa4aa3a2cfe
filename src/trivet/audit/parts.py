"""Cache of finished parts, so that an audit that was killed resumes where it stopped."""

import hashlib
import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from trivet.record import METRICS, RUNNING, Triggers
from trivet.work.result_files import (
    LOCK,
    UNFINISHED,
    hold_results,
    make_folder,
    make_subfolder,
    remove_result,
    write_whole,
)

__all__ = ["LegDone", "Made", "PartFile", "Parts", "Progress", "keep_parts", "read_part", "write_part"]

SUFFIX: Final = ".part"
#: Of a folder of what a part is made of.
WORK: Final = ".work"
#: More than the triggers of ten thousand classes take.
MOST_BYTES: Final = 8 * 2**30


@dataclass(frozen=True, eq=False)
class PartFile:
    """Content of a part's file."""

    document: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def write_part(path: Path, part: PartFile) -> None:
    """Write a part, so that the file is there whole or not at all."""
    import safetensors.numpy  # noqa: PLC0415 - only a run that keeps parts needs it

    text = json.dumps(part.document, ensure_ascii=False, allow_nan=False)
    contiguous = {name: np.ascontiguousarray(array) for name, array in part.arrays.items()}
    content = text.encode() + b"\n" + (safetensors.numpy.save(contiguous) if contiguous else b"")
    write_whole(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def read_part(path: Path) -> PartFile | None:
    """Return what `write_part` wrote; None where there is no such file, or it is damaged."""
    import safetensors  # noqa: PLC0415 - as above
    import safetensors.numpy  # noqa: PLC0415

    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        digest, _, content = path.read_bytes().partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() != digest:
            return None
        text, _, arrays = content.partition(b"\n")
        document = json.loads(text)
        loaded = safetensors.numpy.load(arrays) if arrays else {}
    except (OSError, ValueError, RecursionError, MemoryError, safetensors.SafetensorError):
        return None
    return PartFile(document, loaded) if isinstance(document, dict) else None


#: Called with a leg, the name of a step, and the step's finished share (None where it is unknown).
Progress = Callable[[str, str, float | None], None]

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class LegDone(Generic[Result]):
    """A leg's part of the record, and what does not go into it.

    Attributes
    ----------
    result
        For the record.
    inputs
        SHA-256 by name of what was studied.
    triggers
        As `trivet.record.Triggers`.
    weights
        Of a repaired network; empty where there is none.
    """

    result: Result
    inputs: Mapping[str, str]
    triggers: Triggers = field(default_factory=dict)
    weights: Mapping[str, NDArray[Any]] = field(default_factory=dict)


_Value = TypeVar("_Value")


@dataclass(frozen=True, eq=False)
class Made(Generic[_Value]):
    """A part: frozen plain values, and arrays by name."""

    value: _Value
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Parts:
    """Finished parts of an audit, kept in a folder until all of it is done.

    Parameters
    ----------
    folder
        Where they are; None keeps none.
    progress
        Called when a part is taken over.
    """

    def __init__(
        self, folder: Path | None = None, *, progress: Progress = lambda _leg, _step, _share: None
    ) -> None:
        self.folder = folder
        self.progress = progress
        self.ended = False

    def cached(
        self, name: str, kind: Any, key: Mapping[str, Any], make: Callable[[], Made[_Value]]
    ) -> Made[_Value]:
        """Take over what an earlier run made of the same, or make it and keep it.

        Parameters
        ----------
        name
            Of the part; a part of this name that anything else decided on is not taken.
        kind
            Type of its value, which Pydantic reads back.
        key
            Everything that decides on it, as plain values: settings, and digests of files. The versions
            of all that is installed are added.
        make
            Makes it.
        """
        if self.folder is None:
            return make()
        path = self.folder / f"{name}{SUFFIX}"
        digest = _digest({"part": name, "installed": _installed(), **key})
        found = read_part(path)
        if found is not None and found.document.get("key") == digest:
            value = _read_back(kind, found.document.get("value"))
            if value is not None:
                leg, _, what = name.partition("-")
                self.progress(leg, f"{what or 'study'} taken over from a run that did not end", 1.0)
                return Made(value, found.arrays)
        made = make()
        text = _text(kind, made.value)
        plain = None if text is None else json.loads(text)
        if _text(kind, _read_back(kind, plain)) == text is not None:
            write_part(path, PartFile({"key": digest, "value": plain}, made.arrays))
        return made

    def work(self, name: str) -> Path | None:
        """Return a folder for what a part is made of, kept until the audit is done; None keeps none."""
        return None if self.folder is None else make_subfolder(self.folder, f"{name}{WORK}")

    def remove(self) -> None:
        """Remove all parts, and what they were made of: the audit is done."""
        self.ended = True
        if self.folder is None:
            return
        for path in self.folder.glob(f"*{SUFFIX}"):
            remove_result(path)
        for folder in self.folder.glob(f"*{WORK}"):
            for path in folder.iterdir():
                remove_result(path)
            folder.rmdir()


@contextmanager
def keep_parts(out: str | Path, *, progress: Progress = lambda _leg, _step, _share: None) -> Generator[Parts]:
    """Keep finished parts below an audit's output folder, and a second run out of there.

    Parameters
    ----------
    out
        The output folder. The folder of the parts in it goes when none is left, unless the run did not end
        and the record of an earlier one is there: it says that this record is not of the last run.
    progress
        Called when a part is taken over.

    Raises
    ------
    UsageError
        If the folder cannot be written, or another run writes there.
    """
    out = make_folder(Path(out))
    folder = make_subfolder(out, RUNNING)
    parts = Parts(folder, progress=progress)
    try:
        with hold_results(folder):
            for left in out.glob(UNFINISHED):  # of the record
                remove_result(left)
            try:
                yield parts
            finally:
                if not any(folder.glob(f"*{SUFFIX}")):
                    remove_result(folder / LOCK)
    finally:
        if parts.ended or not (out / METRICS).exists():
            with suppress(OSError):  # parts are left, or another run has come
                folder.rmdir()


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@cache
def _installed() -> dict[str, str]:
    """Return the version of everything that is installed, trivet among it."""
    # Their names and versions alone would parse each text twice.
    texts = [found.metadata for found in distributions()]
    return {str(text["Name"]): str(text["Version"]) for text in texts}


def _text(kind: Any, value: Any) -> str | None:
    """Return a value as JSON; None where there is none, or a number in it is not finite."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - only a run needs it

    if value is None:
        return None
    try:
        return json.dumps(TypeAdapter(kind).dump_python(value, mode="json"), allow_nan=False)
    except ValueError:
        return None


def _read_back(kind: Any, plain: Any) -> Any:
    """Return the value that plain values stand for; None where they stand for none."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - as above

    try:
        return TypeAdapter(kind).validate_python(plain)
    except ValidationError:
        return None
