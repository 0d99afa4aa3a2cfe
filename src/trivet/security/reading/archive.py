"""One checkpoint out of an untrusted archive: nothing of it is followed, nothing else is unpacked.

All but `ask_for_member` runs in the child process of `trivet.work.confined`.
"""

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, Final, cast

import rarfile

from trivet.errors import CheckpointError, UsageError
from trivet.wording import describe_error, one_line, quote
from trivet.work.bounded import BoundedStream, require_path
from trivet.work.confined import Confined, Limits

__all__ = [
    "EXTRACTED",
    "MAX_MEMBERS",
    "Member",
    "ask_for_member",
    "extract",
    "index_from_student_id",
    "refuse_unsafe",
    "zip_members",
]

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
        raise CheckpointError(f"{file} was refused: the name {quote(name)} in it points out of its folder.")
    if not member.is_regular and not member.is_folder:
        raise CheckpointError(
            f"{file} was refused: {quote(name)} in it is a link or a special file; expected files and "
            "folders only."
        )
    if count > MAX_MEMBERS:
        raise CheckpointError(f"{file} was refused: it holds more than {MAX_MEMBERS} parts.")
    if member.locked:
        raise CheckpointError(f"{file} is encrypted; unpack it where the password is known.")
    if not member.method_known:
        raise CheckpointError(
            f"{file} was refused: {quote(name)} in it is packed by another method than deflate. Pack it "
            "again, or save the weights again with torch.save."
        )
    if (
        member.packed is not None
        and member.size > RATIO_MATTERS_FROM_BYTES
        and member.size > MAX_RATIO * max(member.packed, 1)
    ):
        raise CheckpointError(
            f"{file} was refused: {quote(name)} in it unpacks to {member.size / max(member.packed, 1):.0f} "
            "times its packed size, as a decompression bomb does and weights do not."
        )


EXTRACTED: Final = "member"
MAX_MEMBER_BYTES: Final = 512 * 2**20
MAX_TOTAL_BYTES = 2**30
BLOCK_BYTES: Final = 2**20
TAR_BLOCK: Final = 512
LONGEST_FILE_NAME: Final = 255
#: The tools that unpack a rar are programs of their own.
LIMITS: Final = Limits(processes=True)

#: Both spellings of the study's files, in each format that a checkpoint is read from.
CHECKPOINT_NAME = re.compile(r"pois[eo]ned_model_(\d+)\.(?:pth|pt|safetensors)", re.IGNORECASE)


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


def ask_for_member(child: Confined, path: Path, index: int) -> tuple[str, Path]:
    """Have the child unpack one checkpoint; return its name, and the file that it is in now."""
    advice = "check the path given with --archive"
    require_path(path, "archive", error=CheckpointError, advice=advice)
    request = {"path": str(path.absolute()), "name": path.name, "index": index}
    shown = one_line(path.name, limit=LONGEST_FILE_NAME)
    name = child.ask("trivet.security.reading.archive:extract", request, name=shown, error=CheckpointError)
    return str(name), child.file(EXTRACTED)


def extract(request: dict[str, Any], folder: Path) -> str:
    """Unpack the checkpoint ``index`` of the archive at ``path`` into `EXTRACTED`; return its name."""
    path, index = Path(request["path"]), request["index"]
    shown = one_line(path.name, limit=LONGEST_FILE_NAME)
    found: list[str] = []
    indices: set[int] = set()
    total = 0
    try:
        for count, member in enumerate(_members(path, shown), start=1):
            total += member.size
            refuse_unsafe(shown, member, count)
            _refuse_large(shown, member.size, total)
            name = PurePosixPath(member.name.replace("\\", "/")).name
            match = CHECKPOINT_NAME.fullmatch(name)
            if match is None or not member.is_regular:
                continue
            indices.add(int(match[1]))
            if int(match[1]) == index:
                found.append(name)
                _copy(member, folder / EXTRACTED, shown)
    except (CheckpointError, MemoryError):
        raise
    except rarfile.RarCannotExec as error:
        raise CheckpointError(
            f"{shown} is a compressed rar archive and no tool to unpack it was found. "
            "Install one of unrar, unar, 7z or bsdtar (Debian: apt-get install libarchive-tools)."
        ) from error
    except Exception as error:  # a damaged archive can fail anywhere in its library
        raise CheckpointError(
            f"the archive {shown} cannot be read: "
            f"{getattr(error, 'strerror', None) or describe_error(error)}. "
            "It may be truncated, damaged or encrypted; fetch it again."
        ) from error
    if not found:
        held = ", ".join(map(str, sorted(indices))) or "none"
        raise CheckpointError(
            f"{shown} holds no checkpoint of model {index}: expected a file named "
            f"poisoned_model_{index}.pth (or poisened_model_{index}.pth); models found: {held}."
        )
    if len(found) > 1:
        raise CheckpointError(
            f"{shown} holds {len(found)} checkpoints of model {index}; "
            "unpack the right one and give it with --checkpoint."
        )
    return found[0]


def _members(path: Path, shown: str) -> Iterator[Member]:
    """Yield the members; the first bytes say of what kind the archive is, before any search for it."""
    with path.open("rb") as stream:
        head = stream.read(TAR_BLOCK)
    if head.startswith(RAR):
        return _rar_members(path, shown)
    if head.startswith(ZIP):
        return _zip_members(path, shown)
    for magic, opener in _DECOMPRESSORS.items():
        if head.startswith(magic):
            return _tar_members(path, shown, opener)
    if _is_tar_header(head):
        return _tar_members(path, shown, lambda p: p.open("rb"))
    if rarfile.is_rarfile_sfx(path):
        return _rar_members(path, shown)
    if zipfile.is_zipfile(path):
        return _zip_members(path, shown)
    raise CheckpointError(f"{shown} is not a rar, zip or tar archive; expected one of these three.")


def _is_tar_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except Exception:  # noqa: BLE001 - it is none
        return block == bytes(TAR_BLOCK)  # an empty archive
    return True


def _rar_members(path: Path, shown: str) -> Iterator[Member]:
    with rarfile.RarFile(path) as archive:
        for info in archive.infolist():
            if info.needs_password():
                raise CheckpointError(f"{shown} is encrypted; unpack it where the password is known.")
            yield Member(
                name=info.filename,
                size=info.file_size,
                packed=info.compress_size,
                is_folder=info.is_dir(),
                is_regular=info.is_file() and not info.is_symlink(),
                open=lambda info=info: cast("IO[bytes]", archive.open(info)),
            )


def _zip_members(path: Path, shown: str) -> Iterator[Member]:
    with path.open("rb") as stream:
        most = 2 * stream.seek(0, io.SEEK_END) + 64 * BLOCK_BYTES
        bounded = BoundedStream(stream, shown, in_all=most, error=CheckpointError)
        with zipfile.ZipFile(cast("IO[bytes]", bounded)) as archive:
            yield from zip_members(archive)


def _tar_members(path: Path, shown: str, opener: Callable[[Path], IO[bytes]]) -> Iterator[Member]:
    with opener(path) as raw:
        most = MAX_TOTAL_BYTES + MAX_MEMBERS * 2 * TAR_BLOCK
        bounded = BoundedStream(raw, shown, in_all=most, error=CheckpointError)
        archive = tarfile.open(fileobj=cast("IO[bytes]", bounded), mode="r|")  # noqa: SIM115 - holds nothing
        for info in archive:
            yield Member(
                name=info.name,
                size=info.size,
                packed=None,
                is_folder=info.isdir(),
                is_regular=info.isreg() and not info.issparse(),
                open=lambda info=info: cast("IO[bytes]", archive.extractfile(info)),
            )


RAR: Final = b"Rar!\x1a\x07"
ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_DECOMPRESSORS: Final[dict[bytes, Callable[[Path], IO[bytes]]]] = {
    b"\x1f\x8b": lambda path: cast("IO[bytes]", gzip.open(path)),  # noqa: SIM115 - the caller closes it
    b"BZh": lambda path: cast("IO[bytes]", bz2.open(path)),  # noqa: SIM115 - likewise
    b"\xfd7zXZ\x00": lambda path: cast("IO[bytes]", lzma.open(path)),  # noqa: SIM115 - likewise
}


def _refuse_large(shown: str, size: int, total: int) -> None:
    if not 0 <= size <= MAX_MEMBER_BYTES or total > MAX_TOTAL_BYTES:
        raise CheckpointError(
            f"{shown} unpacks to more than {MAX_TOTAL_BYTES // 2**20} MiB, far more than a checkpoint needs; "
            "it was refused. Unpack it yourself if you trust it, and use --checkpoint."
        )


def _copy(member: Member, target: Path, shown: str) -> None:
    count = 0
    with member.open() as stream, target.open("wb") as file:
        while count <= member.size and (block := stream.read(BLOCK_BYTES)):
            file.write(block)
            count += len(block)
    if count != member.size:
        raise CheckpointError(
            f"{shown} is damaged: {quote(member.name)} should have {member.size} bytes, {count} were found."
        )
