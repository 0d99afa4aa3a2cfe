"""Member of an untrusted archive, and the reasons to refuse the whole archive for it."""

import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import IO, Final

from trivet.errors import CheckpointError
from trivet.wording import quoted

__all__ = ["MAX_MEMBERS", "Member", "refuse_unsafe", "zip_members"]

MAX_MEMBERS: Final = 10_000
#: Weights hardly compress; what shrinks more than this, beyond a small size, is a bomb.
MAX_RATIO: Final = 200
RATIO_MATTERS_FROM_BYTES: Final = 2**20
#: Python's bzip2 and LZMA unpack a member of a zip in one go, whatever it claims to hold.
METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
LOCKED: Final = 0x1


@dataclass(frozen=True)
class Member:
    """A member as the archive describes it; `packed` is None where members are packed together."""

    name: str
    size: int
    packed: int | None
    is_folder: bool
    is_regular: bool
    open: Callable[[], IO[bytes]]
    locked: bool = False
    method_known: bool = True


def zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    """Yield the members of a zip."""
    for info in archive.infolist():
        name = info.orig_filename  # `filename` is already cut at a NUL
        kind = stat.S_IFMT(info.external_attr >> 16)
        is_folder = name.endswith("/")
        yield Member(
            name=name,
            size=info.file_size,
            packed=info.compress_size,
            is_folder=is_folder and kind in {0, stat.S_IFDIR, stat.S_IFREG},
            is_regular=not is_folder and kind in {0, stat.S_IFREG},
            open=lambda info=info: archive.open(info),
            locked=bool(info.flag_bits & LOCKED),
            method_known=info.compress_type in METHODS,
        )


def refuse_unsafe(file: str, member: Member, count: int) -> None:
    """Refuse a whole file for one member; `count` is the number of the member."""
    name = member.name
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if "\0" in name or ".." in parts or name.startswith(("/", "\\")) or PureWindowsPath(name).drive:
        raise CheckpointError(f"{file} was refused: the name {quoted(name)} in it points out of its folder.")
    if not member.is_regular and not member.is_folder:
        raise CheckpointError(
            f"{file} was refused: {quoted(name)} in it is a link or a special file; expected files and "
            "folders only."
        )
    if count > MAX_MEMBERS:
        raise CheckpointError(f"{file} was refused: it holds more than {MAX_MEMBERS} parts.")
    if member.locked:
        raise CheckpointError(f"{file} is encrypted; unpack it where the password is known.")
    if not member.method_known:
        raise CheckpointError(
            f"{file} was refused: {quoted(name)} in it is packed by another method than deflate. Pack it "
            "again, or save the weights again with torch.save."
        )
    if (
        member.packed is not None
        and member.size > RATIO_MATTERS_FROM_BYTES
        and member.size > MAX_RATIO * max(member.packed, 1)
    ):
        raise CheckpointError(
            f"{file} was refused: {quoted(name)} in it unpacks to {member.size / max(member.packed, 1):.0f} "
            "times its packed size, as a decompression bomb does and weights do not."
        )
