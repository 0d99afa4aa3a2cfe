"""Untrusted paths and files: of what kind they are, and streams that hand over no more than is sensible."""

import errno
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import IO, Any, Final

from trivet.errors import DataError, TrivetError
from trivet.wording import first_line, one_line

__all__ = [
    "FILE",
    "FOLDER",
    "BoundedStream",
    "kind_of",
    "kind_of_mode",
    "read_bounded",
    "read_toml",
    "require_path",
]

MIB: Final = 2**20
#: A zip's directory of ten thousand members with long names; in memory it takes ten times as much.
AT_ONCE: Final = 4 * MIB


class BoundedStream:
    """A stream whose reader the file itself may lead: what it asks for is counted, not what it gets."""

    def __init__(
        self,
        stream: IO[bytes],
        name: str,
        *,
        in_all: int,
        at_once: int = AT_ONCE,
        error: type[TrivetError] = DataError,
    ) -> None:
        self._stream, self._name, self._error = stream, name, error
        self._most, self._left, self._at_once = in_all, in_all, at_once

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes."""
        wanted = self._at_once + 1 if size is None or size < 0 else min(size, self._at_once + 1)
        block = self._stream.read(wanted)
        if len(block) > self._at_once:
            raise self._error(
                f"{self._name} was refused: a description in it, such as a zip's directory, takes more than "
                f"{self._at_once // MIB} MiB."
            )
        self._left -= len(block) if size is None or size < 0 else wanted
        if self._left < 0:
            raise self._error(
                f"{self._name} was refused: more than {self._most / MIB:.0f} MiB are unpacked from it, far "
                "more than is needed. Unpack it yourself if you trust it."
            )
        return block

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place of the stream."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the stream."""
        return self._stream.tell()

    def seekable(self) -> bool:
        """Tell zipfile that it may seek."""
        return True


#: A pipe opens at once, instead of waiting for its writer.
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_bounded(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the content of a regular file of at most `most` bytes."""
    named = os.fspath(path)
    if "\0" in named:
        raise OSError(errno.EINVAL, "its name holds a NUL character", named)
    number = os.open(named, _FLAGS)
    try:
        status = os.fstat(number)
        kind = kind_of_mode(status.st_mode)
        if kind != FILE:
            raise OSError(errno.EINVAL, f"it is not a regular file but {kind}", named)
        content = b""
        if status.st_size <= most:
            with os.fdopen(number, "rb", closefd=False) as stream:
                content = stream.read(most + 1)  # it may grow
    finally:
        os.close(number)
    if max(status.st_size, len(content)) > most:
        raise OSError(errno.EFBIG, f"it is larger than {_size(most)}", named)
    return content


def _size(most: int) -> str:
    return f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"


#: More than ten thousand requirements take.
MOST_BYTES: Final = 2**20
#: The parser's time grows with the square of a key's parts.
MOST_PARTS: Final = 32
DEEPEST: Final = 32
_STRINGS_AND_COMMENTS: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*+"' r"|'[^'\n]*+'|#[^\n]*",
    re.DOTALL,
)
_LONG_KEY: Final = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{MOST_PARTS}}}")


def read_toml(path: str | os.PathLike[str], *, most: int = MOST_BYTES) -> dict[str, Any]:
    """Return what stands in a TOML file."""
    content = read_bounded(path, most)
    try:
        text = content.decode("utf-8")
        if _LONG_KEY.search(_STRINGS_AND_COMMENTS.sub("x", text)):
            raise ValueError(f"a key has more than {MOST_PARTS} parts")  # noqa: TRY301 - reported like the parser's own
        parsed = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(first_line(error)) from error
    if _is_deep(parsed):
        raise ValueError("it is nested too deeply")
    return parsed


def _is_deep(parsed: object) -> bool:
    level = [parsed]
    for _ in range(DEEPEST):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


FILE, FOLDER = "a file", "a folder"
_KINDS: Final = {
    stat.S_IFREG: FILE,
    stat.S_IFDIR: FOLDER,
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}
#: File systems take no longer names.
_MOST_CHARACTERS: Final = 255


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """Return in words what a path leads to, None for nothing; an OSError says that it is locked."""
    try:
        kind = kind_of_mode(os.stat(path).st_mode)  # noqa: PTH116 - a path of any type
    except (FileNotFoundError, NotADirectoryError):
        return "a link that leads nowhere" if os.path.islink(path) else None  # noqa: PTH114 - as above
    except ValueError:  # no path holds this
        return None
    needed = {FILE: os.R_OK, FOLDER: os.R_OK | os.X_OK}.get(kind, os.F_OK)
    if not os.access(path, needed):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
    return kind


def kind_of_mode(mode: int) -> str:
    """Return in words of what kind a file of a mode is."""
    return _KINDS.get(stat.S_IFMT(mode), "a device")


def require_path(
    path: Path, what: str, *, error: type[TrivetError], wanted: str = FILE, advice: str = "check the path"
) -> Path:
    """Return a path where there is a file or a folder that can be read, or say what is there instead."""
    shown = one_line(path, limit=_MOST_CHARACTERS)
    try:
        found = kind_of(path)
    except OSError as problem:  # a name too long, a folder that is locked
        raise error(f"the {what} {shown} cannot be read: {problem.strerror}.") from problem
    if found is None:
        raise error(f"there is no {what} at {shown}; {advice}.")
    if found != wanted:
        raise error(f"the {what} {shown} is not {wanted} but {found}; {advice}.")
    return path
