"""Files that others wrote, read up to a size: no device, no pipe and no endless file is waited for."""

import errno
import os
import stat
from typing import Final

__all__ = ["read_bounded"]

#: A pipe opens at once, instead of waiting for its writer.
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_bounded(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the content of a regular file of at most `most` bytes."""
    named = os.fspath(path)
    if "\0" in named:
        raise OSError(errno.EINVAL, "its name holds a NUL character", named)
    number = os.open(named, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", named)
        with os.fdopen(number, "rb", closefd=False) as stream:
            content = stream.read(most + 1)
    finally:
        os.close(number)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {_size(most)}", named)
    return content


def _size(most: int) -> str:
    return f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
