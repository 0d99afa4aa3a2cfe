"""A zip from a stranger, opened without trust: vetted names, bounded sizes, nothing written."""

import stat
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import PurePosixPath, PureWindowsPath
from typing import IO

from trivet.errors import CheckpointError
from trivet.security.archive import MAX_MEMBERS, MAX_RATIO, RATIO_MATTERS_FROM_BYTES
from trivet.security.directory import read_directory
from trivet.wording import one_line, quoted, reason

__all__ = ["ZippedFile", "open_zip"]

ENCRYPTED = 0x1


class ZippedFile:
    """The members of a vetted zip, each with the size that it unpacks to.

    Attributes
    ----------
    sizes
        For each file's name, without the folder that PyTorch puts around all of them, its size in
        bytes when unpacked.
    """

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive, self._name = archive, name
        self._entries = _vetted(archive, name)
        self.sizes = {member: entry.file_size for member, entry in self._entries.items()}

    def read(self, member: str, *, at_most: int) -> bytearray:
        """Return the content of `member`.

        Raises
        ------
        CheckpointError
            If there is no such member, it is larger than `at_most` bytes, or it is damaged.
        """
        entry = self._entries.get(member)
        if entry is None:
            raise CheckpointError(f"{self._name} is damaged: its part {one_line(member)} is missing.")
        if entry.file_size > at_most:
            raise CheckpointError(
                f"{self._name} was refused: its part {one_line(member)} unpacks to {entry.file_size} bytes, "
                f"where at most {at_most} are expected."
            )
        content = bytearray(entry.file_size)
        try:
            with self._archive.open(entry) as stream:
                count = _fill(stream, content)
                complete = count == len(content) and not stream.read(1)
        except Exception as error:  # a damaged zip can fail anywhere in the decoders
            raise CheckpointError(
                f"{self._name} is damaged: its part {one_line(member)} cannot be unpacked ({reason(error)})."
            ) from error
        if not complete:
            raise CheckpointError(
                f"{self._name} is damaged: its part {one_line(member)} does not have the "
                f"{entry.file_size} bytes that it should have."
            )
        return content


@contextmanager
def open_zip(stream: IO[bytes], name: str) -> Generator[ZippedFile]:
    """Open and vet a zip; `name` is what messages call it.

    Every member is checked before one is read, so one hostile name refuses the whole file.

    Raises
    ------
    CheckpointError
        If it is damaged, encrypted, a bomb, or holds links, doubled names, or names that point out
        of it.
    """
    try:
        archive = read_directory(stream, name)
    except CheckpointError:
        raise
    except Exception as error:  # a damaged directory can fail anywhere in zipfile
        raise CheckpointError(f"{name} is damaged: its zip cannot be read ({reason(error)}).") from error
    with archive:
        yield ZippedFile(archive, name)


def _vetted(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MAX_MEMBERS:
        raise CheckpointError(f"{name} was refused: it holds more than {MAX_MEMBERS} parts.")
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        member = entry.orig_filename  # `filename` is already cut at a NUL
        _refuse_unsafe(entry, member, name)
        if entry.is_dir():
            continue
        if member in found:
            raise CheckpointError(f"{name} was refused: it holds {quoted(member)} twice.")
        found[member] = entry
    roots = {member.partition("/")[0] for member in found}
    if len(roots) == 1 and all("/" in member for member in found):
        return {member.partition("/")[2]: entry for member, entry in found.items()}
    return found


def _refuse_unsafe(entry: zipfile.ZipInfo, member: str, name: str) -> None:
    parts = PurePosixPath(member.replace("\\", "/")).parts
    if "\0" in member or ".." in parts or member.startswith(("/", "\\")) or PureWindowsPath(member).drive:
        raise CheckpointError(
            f"{name} was refused: the name {quoted(member)} in it points out of its folder."
        )
    if stat.S_IFMT(entry.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise CheckpointError(f"{name} was refused: {quoted(member)} in it is a link or a special file.")
    if entry.flag_bits & ENCRYPTED:
        raise CheckpointError(f"{name} is encrypted; unpack it where the password is known.")
    if entry.file_size > RATIO_MATTERS_FROM_BYTES and entry.file_size > MAX_RATIO * max(
        entry.compress_size, 1
    ):
        raise CheckpointError(
            f"{name} was refused: {quoted(member)} in it unpacks to "
            f"{entry.file_size / max(entry.compress_size, 1):.0f} times its packed size, as a decompression "
            "bomb does and weights do not."
        )


def _fill(stream: IO[bytes], content: bytearray) -> int:
    view, count = memoryview(content), 0
    while count < len(content):
        block = stream.read(min(len(content) - count, 2**20))
        if not block:
            break
        view[count : count + len(block)] = block
        count += len(block)
    return count
