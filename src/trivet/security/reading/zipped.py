"""A zip of weights, opened without trust: vetted names, bounded sizes, nothing written."""

import io
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, cast

from trivet.errors import CheckpointError
from trivet.security.reading.archive import Member, refuse_unsafe, zip_members
from trivet.wording import first_line, one_line, quote
from trivet.work.bounded import BoundedStream

__all__ = ["ZippedFile", "open_zip"]

#: Beside each part once: its header, and the directory, which zipfile looks for from the end.
DIRECTORIES_BYTES = 64 * 2**20


class ZippedFile:
    """The members of a vetted zip, each with the size that it unpacks to."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._name = name
        self._members = _vetted(archive, name)
        self.sizes = {path: member.size for path, member in self._members.items()}

    def read(self, path: str, *, at_most: int) -> bytearray:
        """Return the content of a member."""
        member = self._members.get(path)
        if member is None:
            raise CheckpointError(f"{self._name} is damaged: its part {one_line(path)} is missing.")
        if member.size > at_most:
            raise CheckpointError(
                f"{self._name} was refused: its part {one_line(path)} unpacks to {member.size} bytes, "
                f"where at most {at_most} are expected."
            )
        content = bytearray(member.size)
        try:
            with member.open() as stream:
                complete = _fill(stream, content) == len(content) and not stream.read(1)
        except (CheckpointError, MemoryError):
            raise
        except Exception as error:  # a damaged zip can fail anywhere in the decoders
            raise CheckpointError(
                f"{self._name} is damaged: its part {one_line(path)} cannot be unpacked "
                f"({first_line(error)})."
            ) from error
        if not complete:
            raise CheckpointError(
                f"{self._name} is damaged: its part {one_line(path)} does not have the {member.size} bytes "
                "that it should have."
            )
        return content


@contextmanager
def open_zip(stream: IO[bytes], name: str) -> Generator[ZippedFile]:
    """Open a zip and vet every member of it; `name` is what messages call it."""
    size = stream.seek(0, io.SEEK_END)
    bounded = BoundedStream(stream, name, in_all=2 * size + DIRECTORIES_BYTES, error=CheckpointError)
    try:
        archive = zipfile.ZipFile(cast("IO[bytes]", bounded))
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # a damaged directory can fail anywhere in zipfile
        raise CheckpointError(f"{name} is damaged: its zip cannot be read ({first_line(error)}).") from error
    with archive:
        yield ZippedFile(archive, name)


def _vetted(archive: zipfile.ZipFile, name: str) -> dict[str, Member]:
    found: dict[str, Member] = {}
    for count, member in enumerate(zip_members(archive), start=1):
        refuse_unsafe(name, member, count)
        if member.is_folder:
            continue
        if member.name in found:
            raise CheckpointError(f"{name} was refused: it holds {quote(member.name)} twice.")
        found[member.name] = member
    roots = {path.partition("/")[0] for path in found}
    if len(roots) == 1 and all("/" in path for path in found):
        return {path.partition("/")[2]: member for path, member in found.items()}
    return found


def _fill(stream: IO[bytes], content: bytearray) -> int:
    view, count = memoryview(content), 0
    while count < len(content):
        block = stream.read(min(len(content) - count, 2**20))
        if not block:
            break
        view[count : count + len(block)] = block
        count += len(block)
    return count
