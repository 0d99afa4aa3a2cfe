"""A stream over an untrusted file that hands over no more at once, and no more in all, than is sensible."""

from typing import IO, Final

from trivet.errors import DataError, TrivetError

__all__ = ["AT_ONCE", "BoundedStream"]

MIB: Final = 2**20
#: A zip's directory of ten thousand members with long names; in memory it takes ten times as much.
AT_ONCE: Final = 4 * MIB


class BoundedStream:
    """A stream whose reader may be led by the file itself, as those of zip and tar are.

    What a reader asks for is counted, not only what it gets, so one that reads on behind the end
    is stopped as well.
    """

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
