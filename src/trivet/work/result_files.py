"""How do results survive a run that is killed: whole files, read back only when they are whole?"""

import hashlib
import json
import os
import secrets
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from trivet.errors import UsageError

__all__ = ["hold_results", "read_result", "remove_result", "result_name", "write_result", "write_whole"]

#: File systems take 255 bytes; a name keeps some distance.
LONGEST_NAME: Final = 200
KEPT_OF_LONG_NAMES: Final = 120
SAFE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
LOCK: Final = ".trivet-lock"
UNFINISHED: Final = ".trivet-*.tmp"
#: More than a result of ten thousand classes takes.
MOST_BYTES: Final = 64 * 2**20


def result_name(model: str) -> str:
    """Return the name of a model's result file; no two models have the same.

    Parameters
    ----------
    model
        Path below the folder, with ``/``.

    Notes
    -----
    What is not a letter, a digit or one of ``-_.`` is written as percent signs and hexadecimal
    bytes, as in addresses: ``a/b.pth`` becomes ``a%2Fb.pth.json``. A name too long for a file is
    cut and ends in ``~`` and a digest of the whole; ``~`` stands in no other name.
    """
    safe = "".join(
        character if character in SAFE else "".join(f"%{byte:02X}" for byte in os.fsencode(character))
        for character in model
    )
    if len(safe) > LONGEST_NAME:
        safe = f"{safe[:KEPT_OF_LONG_NAMES]}~{hashlib.sha256(os.fsencode(model)).hexdigest()}"
    return f"{safe}.json"


@contextmanager
def hold_results(out: Path) -> Generator[None]:
    """Make the folder, keep a second run out of it, and remove what a killed one left unfinished.

    Where the file system has no locks a second run is let in: files stay whole all the same, since
    each is written under a name of its own first.

    Raises
    ------
    UsageError
        If the folder cannot be written, or another run writes there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        stream = (out / LOCK).open("ab")
    except OSError as error:
        raise _unwritable(out, error) from error
    with stream:
        if _lock(stream, out):
            for left in out.glob(UNFINISHED):
                remove_result(left)
        yield


def write_result(path: Path, document: Mapping[str, Any]) -> None:
    """Write a result as JSON, so that the file is there whole or not at all.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    write_whole(path, _text(document).encode())


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file, so that it is there whole or not at all.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    unfinished = path.with_name(UNFINISHED.replace("*", secrets.token_hex(8)))
    try:
        try:
            with unfinished.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def remove_result(path: Path) -> None:
    """Remove a file that `write_result` wrote or began, if it is there.

    Raises
    ------
    UsageError
        If it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def read_result(path: Path) -> dict[str, Any] | None:
    """Return what `write_result` wrote; None where there is no such file, or another hand was in it."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        text = content.decode("utf-8")
        document = json.loads(text)
        whole = isinstance(document, dict) and _text(document) == text
    except (OSError, ValueError, RecursionError):
        return None
    return document if whole else None


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


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
            f"another run writes to {out}; wait until it ends, or choose another folder with --out."
        ) from error
    except OSError:
        return False
    return True


def _unwritable(out: Path, error: OSError) -> UsageError:
    return UsageError(
        f"the output folder {out} cannot be written: {error.strerror}. Choose another with --out."
    )
