"""The directory of a stranger's zip, which Python reads whole before anything can be said of it."""

import zipfile
from typing import IO, cast

from trivet.errors import CheckpointError

__all__ = ["read_directory"]

#: Ten thousand members with long names fit. In memory a directory takes ten times as much.
MAX_BYTES = 4 * 2**20


def read_directory(stream: IO[bytes], name: str) -> zipfile.ZipFile:
    """Open a zip whose directory is of a sensible size; `name` is what messages call it.

    Raises
    ------
    CheckpointError
        If the directory takes more than `MAX_BYTES`.
    zipfile.BadZipFile
        If there is none.
    """
    guarded = _Guarded(stream, name)
    archive = zipfile.ZipFile(cast("IO[bytes]", guarded))
    guarded.opened = True
    return archive


class _Guarded:
    """A stream that hands over no more than a directory at a time, until the zip is open."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream, self._name = stream, name
        self.opened = False

    def read(self, size: int = -1) -> bytes:
        if self.opened:
            return self._stream.read(size)
        most = MAX_BYTES + 1
        block = self._stream.read(most if size < 0 else min(size, most))
        if len(block) == most:
            raise CheckpointError(
                f"{self._name} was refused: its zip directory takes more than {MAX_BYTES // 2**20} MiB."
            )
        return block

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True
