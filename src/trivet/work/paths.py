"""Kinds of paths, and the one way to say that one is not what was expected."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from trivet.errors import TrivetError
from trivet.wording import one_line

__all__ = ["FILE", "FOLDER", "kind_of", "kind_of_mode", "require_path"]

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
