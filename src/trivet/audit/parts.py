"""Cache of finished parts, so that an audit that was killed resumes where it stopped."""

import hashlib
import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from numpy.typing import NDArray

from trivet.audit.legs import Progress
from trivet.audit.part_files import SUFFIX, PartFile, read_part, write_part
from trivet.work.result_files import (
    LOCK,
    UNFINISHED,
    hold_results,
    make_folder,
    make_subfolder,
    remove_result,
)

__all__ = ["Made", "Parts", "keep_parts"]

FOLDER: Final = ".parts"

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

    def take_or_make(
        self, name: str, kind: Any, decides: Mapping[str, Any], make: Callable[[], Made[_Value]]
    ) -> Made[_Value]:
        """Take over what an earlier run made of the same, or make it and keep it.

        Parameters
        ----------
        name
            Of the part; a part of this name that anything else decided on is not taken.
        kind
            Type of its value, which Pydantic reads back.
        decides
            Everything that decides on it, as plain values: settings, and digests of files. The versions
            of all that is installed are added.
        make
            Makes it.
        """
        if self.folder is None:
            return make()
        path = self.folder / f"{name}{SUFFIX}"
        key = _digest({"part": name, "installed": _installed(), **decides})
        found = read_part(path)
        if found is not None and found.document.get("key") == key:
            value = _read_back(kind, found.document.get("value"))
            if value is not None:
                leg, _, what = name.partition("-")
                self.progress(leg, f"{what or 'study'} taken over from a run that did not end", 1.0)
                return Made(value, found.arrays)
        made = make()
        text = _text(kind, made.value)
        plain = None if text is None else json.loads(text)
        if _text(kind, _read_back(kind, plain)) == text is not None:
            write_part(path, PartFile({"key": key, "value": plain}, made.arrays))
        return made

    def remove(self) -> None:
        """Remove all parts: the audit is done."""
        if self.folder is not None:
            for path in self.folder.glob(f"*{SUFFIX}"):
                remove_result(path)


@contextmanager
def keep_parts(out: str | Path, *, progress: Progress = lambda _leg, _step, _share: None) -> Generator[Parts]:
    """Keep finished parts below an audit's output folder, and a second run out of there.

    Parameters
    ----------
    out
        The output folder. The folder of the parts in it goes when none is left.
    progress
        Called when a part is taken over.

    Raises
    ------
    UsageError
        If the folder cannot be written, or another run writes there.
    """
    out = make_folder(Path(out))
    folder = make_subfolder(out, FOLDER)
    try:
        with hold_results(folder):
            for left in out.glob(UNFINISHED):  # of the record
                remove_result(left)
            try:
                yield Parts(folder, progress=progress)
            finally:
                if not any(folder.glob(f"*{SUFFIX}")):
                    remove_result(folder / LOCK)
    finally:
        with suppress(OSError):  # parts are left, or another run has come
            folder.rmdir()


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _installed() -> dict[str, str]:
    """Return the version of everything that is installed, trivet among it."""
    return {str(found.name): str(found.version) for found in distributions()}


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
