"""One checkpoint out of a stranger's archive: nothing is written to disk, nothing is followed."""

import bz2
import gzip
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

import rarfile

from trivet.errors import CheckpointError, UsageError
from trivet.security.directory import read_directory
from trivet.wording import quoted

__all__ = ["ArchiveMember", "index_from_student_id", "read_checkpoint"]

MAX_MEMBERS = 10_000
MAX_MEMBER_BYTES = 512 * 2**20
MAX_TOTAL_BYTES = 2**30
#: Weights hardly compress; what shrinks more than this, beyond a small size, is a bomb.
MAX_RATIO = 200
RATIO_MATTERS_FROM_BYTES = 2**20

#: Both spellings of the study's files, in each format that a checkpoint is read from.
CHECKPOINT_NAME = re.compile(r"pois[eo]ned_model_(\d+)\.(?:pth|pt|safetensors)", re.IGNORECASE)


@dataclass(frozen=True)
class ArchiveMember:
    """A regular file of an archive: its name without folders, and its content."""

    name: str
    content: bytes


@dataclass(frozen=True)
class _Entry:
    """What the archive libraries are asked about one member."""

    name: str
    size: int
    packed: int | None  # None where the format packs members together
    is_folder: bool
    is_regular: bool
    open: Callable[[], IO[bytes]]


def index_from_student_id(student_id: str) -> int:
    """Return the model index that a student ID stands for: its last digit.

    Raises
    ------
    UsageError
        If the ID does not end in a digit.
    """
    text = student_id.strip()
    if not text or text[-1] not in "0123456789":
        raise UsageError(
            f"the student ID {student_id!r} does not end in a digit, so it names no model. "
            "Give an ID whose last digit is the model's number, or use --model-index."
        )
    return int(text[-1])


def read_checkpoint(path: Path, index: int) -> ArchiveMember:
    """Read the study's checkpoint number `index` out of a rar, zip or tar archive.

    Every member is checked before one is chosen, so an archive with a hostile name is refused
    whole even if the wanted member looks harmless. Content stays in memory.

    Parameters
    ----------
    path
        The archive; its kind is read from its first bytes, not from its name.
    index
        Number of the model, as in ``poisoned_model_4.pth`` (or ``poisened_model_4.pth``).

    Raises
    ------
    CheckpointError
        If the archive is missing, damaged, unsafe or too large, lacks the model, or needs a tool
        that is not installed.
    """
    found: list[ArchiveMember] = []
    indices: set[int] = set()
    total = 0
    try:
        for count, entry in enumerate(_entries(path), start=1):
            total += entry.size
            _refuse_unsafe(path, entry, count, total)
            name = PurePosixPath(entry.name.replace("\\", "/")).name
            match = CHECKPOINT_NAME.fullmatch(name)
            if match is None or not entry.is_regular:
                continue
            indices.add(int(match[1]))
            if int(match[1]) == index:
                found.append(ArchiveMember(name, _read(path, entry)))
    except rarfile.RarCannotExec as error:
        raise CheckpointError(
            f"{path.name} is a compressed rar archive and no tool to unpack it was found. "
            "Install one of unrar, unar, 7z or bsdtar (Debian: apt-get install libarchive-tools)."
        ) from error
    except (
        rarfile.Error,
        zipfile.BadZipFile,
        tarfile.TarError,
        lzma.LZMAError,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,  # zipfile's word for "encrypted"
    ) as error:
        raise CheckpointError(
            f"the archive {path.name} cannot be read: {error or type(error).__name__}. "
            "It may be truncated, damaged or encrypted; fetch it again."
        ) from error
    if not found:
        held = ", ".join(map(str, sorted(indices))) or "none"
        raise CheckpointError(
            f"{path.name} holds no checkpoint of model {index}: expected a file named "
            f"poisoned_model_{index}.pth (or poisened_model_{index}.pth); models found: {held}."
        )
    if len(found) > 1:
        raise CheckpointError(
            f"{path.name} holds {len(found)} checkpoints of model {index}; "
            "unpack the right one and give it with --checkpoint."
        )
    return found[0]


def _entries(path: Path) -> Iterator[_Entry]:
    if not path.is_file():
        raise CheckpointError(f"there is no archive at {path}; check the path given with --archive.")
    if rarfile.is_rarfile(path):
        return _rar_entries(path)
    if zipfile.is_zipfile(path):
        return _zip_entries(path)
    with path.open("rb") as stream:
        head = stream.read(6)
    for magic, opener in _DECOMPRESSORS.items():
        if head.startswith(magic):
            return _tar_entries(path, opener)
    if tarfile.is_tarfile(path):
        return _tar_entries(path, lambda p: p.open("rb"))
    raise CheckpointError(f"{path.name} is not a rar, zip or tar archive; expected one of these three.")


def _rar_entries(path: Path) -> Iterator[_Entry]:
    with rarfile.RarFile(path) as archive:
        for info in archive.infolist():
            if info.needs_password():
                raise CheckpointError(f"{path.name} is encrypted; unpack it where the password is known.")
            yield _Entry(
                name=info.filename,
                size=info.file_size,
                packed=info.compress_size,
                is_folder=info.is_dir(),
                is_regular=info.is_file() and not info.is_symlink(),
                open=lambda info=info: cast("IO[bytes]", archive.open(info)),
            )


def _zip_entries(path: Path) -> Iterator[_Entry]:
    with path.open("rb") as stream, read_directory(stream, path.name) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            yield _Entry(
                name=info.orig_filename,  # `filename` is already cut at a NUL
                size=info.file_size,
                packed=info.compress_size,
                is_folder=info.is_dir(),
                is_regular=not info.is_dir() and kind in {0, stat.S_IFREG},
                open=lambda info=info: archive.open(info),
            )


def _tar_entries(path: Path, opener: Callable[[Path], IO[bytes]]) -> Iterator[_Entry]:
    with opener(path) as raw:
        bounded = cast("IO[bytes]", _Bounded(raw, path))
        archive = tarfile.open(fileobj=bounded, mode="r|")  # noqa: SIM115 - holds nothing but `raw`
        for info in archive:
            yield _Entry(
                name=info.name,
                size=info.size,
                packed=None,
                is_folder=info.isdir(),
                is_regular=info.isreg(),
                open=lambda info=info: cast("IO[bytes]", archive.extractfile(info)),
            )


_DECOMPRESSORS: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": lambda path: cast("IO[bytes]", gzip.open(path)),  # noqa: SIM115 - the caller closes it
    b"BZh": lambda path: cast("IO[bytes]", bz2.open(path)),  # noqa: SIM115 - likewise
    b"\xfd7zXZ\x00": lambda path: cast("IO[bytes]", lzma.open(path)),  # noqa: SIM115 - likewise
}


class _Bounded:
    """A stream that stops a compressed tar before it unpacks more than it may.

    The check on members' sizes comes too late for the headers themselves, which may be huge.
    """

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream = stream
        self._path = path
        self._left = MAX_TOTAL_BYTES + MAX_MEMBERS * 1024

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise CheckpointError(_too_large(self._path))
        return block


def _too_large(path: Path) -> str:
    return (
        f"{path.name} unpacks to more than {MAX_TOTAL_BYTES // 2**20} MiB, far more than a checkpoint needs; "
        "it was refused. Unpack it yourself if you trust it, and use --checkpoint."
    )


def _refuse_unsafe(path: Path, entry: _Entry, count: int, total: int) -> None:
    name = entry.name
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if "\0" in name or ".." in parts or name.startswith(("/", "\\")) or PureWindowsPath(name).drive:
        raise CheckpointError(
            f"{path.name} was refused: the member name {quoted(name)} points out of the archive's folder."
        )
    if not entry.is_regular and not entry.is_folder:
        raise CheckpointError(
            f"{path.name} was refused: {quoted(name)} is a link or a special file; expected files and "
            "folders only."
        )
    if count > MAX_MEMBERS:
        raise CheckpointError(f"{path.name} was refused: it holds more than {MAX_MEMBERS} members.")
    if entry.size > MAX_MEMBER_BYTES or total > MAX_TOTAL_BYTES:
        raise CheckpointError(_too_large(path))
    if (
        entry.packed is not None
        and entry.size > RATIO_MATTERS_FROM_BYTES
        and entry.size > MAX_RATIO * max(entry.packed, 1)
    ):
        raise CheckpointError(
            f"{path.name} was refused: {quoted(name)} unpacks to {entry.size / max(entry.packed, 1):.0f} "
            "times its packed size, as a decompression bomb does and weights do not."
        )


def _read(path: Path, entry: _Entry) -> bytes:
    with entry.open() as stream:
        content = stream.read(MAX_MEMBER_BYTES + 1)
    if len(content) != entry.size:
        raise CheckpointError(
            f"{path.name} is damaged: {quoted(entry.name)} should have {entry.size} bytes, "
            f"{len(content)} were found."
        )
    return content
