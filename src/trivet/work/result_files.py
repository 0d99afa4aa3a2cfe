"""The one way to write files: whole or not at all, never through a link, and read back only when whole.

A file is written under a new random name in the same folder, synced, and renamed. So a link, a device or
a pipe in its place is replaced and nothing is written to where it leads, a kill or a full disk leaves the
earlier file as it was, and no reader sees half of one. The folder that a user names may be a link; one
that is made below it may not.
"""

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from trivet.errors import TrivetError, UsageError
from trivet.wording import first_line, one_line
from trivet.work.bounded import read_bounded

__all__ = [
    "DISK_ERRORS",
    "hold_results",
    "make_folder",
    "make_subfolder",
    "read_result",
    "remove_result",
    "result_name",
    "write_new",
    "write_result",
    "write_text",
    "write_whole",
]

#: File systems take 255 bytes; a name keeps some distance.
LONGEST_NAME: Final = 200
KEPT_OF_LONG_NAMES: Final = 120
SAFE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
LOCK: Final = ".trivet-lock"
UNFINISHED: Final = ".trivet-*.tmp"
#: What no other folder on the same disk mends.
DISK_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
#: Of a path in a message.
MOST_CHARACTERS: Final = 500
#: More than a result of ten thousand classes takes.
MOST_BYTES: Final = 64 * 2**20


def result_name(model: str) -> str:
    """Return the name of a model's result file; no two models have the same."""
    safe = "".join(
        character if character in SAFE else "".join(f"%{byte:02X}" for byte in os.fsencode(character))
        for character in model
    )
    if len(safe) > LONGEST_NAME:
        safe = f"{safe[:KEPT_OF_LONG_NAMES]}~{hashlib.sha256(os.fsencode(model)).hexdigest()}"
    return f"{safe}.json"


def make_folder(folder: Path) -> Path:
    """Make the folder that a user named, and try before any work that files can be written there."""
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = _unfinished(folder)
        try:
            probe.open("xb").close()
        finally:
            probe.unlink(missing_ok=True)
    return folder


def make_subfolder(folder: Path, name: str) -> Path:
    """Make a folder below one that a user named."""
    inner = folder / name
    with _explained(folder):
        inner.mkdir(parents=True, exist_ok=True)
        if inner.is_symlink():
            raise UsageError(
                f"{_name(inner)} is a link, and nothing is written through links; "
                "remove it, or choose another folder with --out."
            )
    return inner


@contextmanager
def hold_results(out: Path) -> Generator[None]:
    """Make the folder, keep a second run out of it, and remove what a killed one left unfinished."""
    flags = (
        os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    )
    with _explained(out):
        out.mkdir(parents=True, exist_ok=True)
        stream = os.fdopen(os.open(out / LOCK, flags, 0o666), "ab")
    with stream:
        if _lock(stream, out):
            for left in out.glob(UNFINISHED):
                remove_result(left)
        yield


def write_result(path: Path, document: Mapping[str, Any]) -> None:
    """Write a result as JSON, so that the file is there whole or not at all."""
    write_text(path, _text(document))


def write_text(path: Path, text: str) -> Path:
    """Write a text as UTF-8, as `write_whole` does; half a character stands as its escape."""
    return write_whole(path, text.encode("utf-8", "backslashreplace"))


def write_whole(path: Path, content: bytes | memoryview) -> Path:
    """Write a file, so that it is there whole or not at all."""
    with _finished(path, content) as unfinished:
        unfinished.replace(path)
    return path


def write_new(path: Path, content: bytes, *, mode: int = 0o666) -> Path:
    """Write a file as `write_whole` does, where nothing has its name, not even a link that leads nowhere.

    `mode` has the permissions that the process's mask then limits, from the first byte on.
    """
    with _finished(path, content, mode) as unfinished:
        try:
            path.hardlink_to(unfinished)
        except OSError as error:
            if os.path.lexists(path):
                raise UsageError(
                    f"{_name(path)} exists already and was left alone; name another file."
                ) from error
            unfinished.replace(path)  # a file system without hard links
    return path


def remove_result(path: Path) -> None:
    """Remove a file that `write_whole` wrote or began, if it is there; of a link, the link."""
    with _explained(path.parent):
        path.unlink(missing_ok=True)


def read_result(path: Path) -> dict[str, Any] | None:
    """Return what `write_result` wrote; None where there is no such file, or another hand was in it."""
    try:
        text = read_bounded(path, MOST_BYTES).decode("utf-8")
        document = json.loads(text)
        whole = isinstance(document, dict) and _text(document) == text
    except (OSError, ValueError, RecursionError):
        return None
    return document if whole else None


def _text(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # half a character as JSON's own escape


def _lock(stream: IO[bytes], out: Path) -> bool:
    """Lock the folder until the stream is closed, which the end of the process does too."""
    try:
        import fcntl  # noqa: PLC0415 - not on every system
    except ImportError:
        return False
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"another run writes to {_name(out)}; wait until it ends, or choose another folder with --out."
        ) from error
    except OSError:
        return False
    return True


@contextmanager
def _finished(path: Path, content: bytes | memoryview, mode: int = 0o666) -> Generator[Path]:
    """Yield a whole file beside `path`, which is removed unless it was renamed."""
    unfinished = _unfinished(path.parent)
    with _explained(path.parent):
        try:
            number = os.open(
                unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode
            )
            with os.fdopen(number, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            yield unfinished
        finally:
            unfinished.unlink(missing_ok=True)


def _unfinished(folder: Path) -> Path:
    return folder / UNFINISHED.replace("*", secrets.token_hex(8))


@contextmanager
def _explained(folder: Path) -> Generator[None]:
    """Turn an error of the file system into one for people."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: Exception) -> TrivetError:
    nul = "its name holds a NUL character" if "\0" in str(folder) else None
    why = nul or getattr(error, "strerror", None) or first_line(error)
    if getattr(error, "errno", None) in DISK_ERRORS:
        return TrivetError(
            f"{_name(folder)} was not written: {why}. What was there is unchanged; make room, or choose "
            "another folder with --out."
        )
    return UsageError(
        f"the output folder {_name(folder)} cannot be written: {why}. Choose another with --out."
    )


def _name(folder: Path) -> str:
    return one_line(folder, limit=MOST_CHARACTERS)
