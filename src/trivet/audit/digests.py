"""Digests of file contents, which decide whether a finished part of an audit still holds."""

import hashlib
import importlib.util
from pathlib import Path
from typing import Final

from trivet.work.own_code import OWN_CODE

__all__ = ["code_digest", "path_digest"]

#: Separates the file of a database from the name of a table in it.
TABLE: Final = ":"


def path_digest(named: str | Path) -> str | None:
    """Return the SHA-256 of a file, or of all files in a folder with their paths in it."""
    path = Path(named)
    try:
        if not path.exists() and TABLE in str(named):
            path = Path(str(named).rpartition(TABLE)[0])
        if path.is_file():
            return _file_digest(path)
        if not path.is_dir():
            return None
        digest = hashlib.sha256()
        for below in sorted(path.rglob("*")):
            if below.is_file():
                digest.update(f"{below.relative_to(path).as_posix()}\0{_file_digest(below)}\n".encode())
        return digest.hexdigest()
    except (OSError, UnicodeError, ValueError):
        return None


def code_digest(named: str | None) -> str | None:
    """Return the SHA-256 of the module in ``package.module:name``; None where no module is named or found.

    What the module imports in its turn is not looked at.
    """
    if named is None or not OWN_CODE.fullmatch(named):
        return None
    module = named.partition(":")[0]
    beside = Path(*module.split(".")).with_suffix(".py")  # the current directory
    if beside.is_file():
        return path_digest(beside)
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    return None if found is None or found.origin is None else path_digest(found.origin)


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]
