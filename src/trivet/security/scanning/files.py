"""The files of a folder: which are checkpoints, which cannot be opened, and which are something else."""

import codecs
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from trivet.errors import DataError
from trivet.security.reading.parts import INDEX, ONNX, find_parts
from trivet.security.scanning.results import Failure, Skipped
from trivet.wording import one_line
from trivet.work.bounded import FOLDER, require_path
from trivet.work.confined import Confined

__all__ = ["ModelFile", "find_models"]

#: How much of a file is looked at: at its start, and of what gzip packs there.
START_BYTES: Final = 64 * 1024
UNPACKED_BYTES: Final = 4 * 1024
#: Where the directory of a zip archive ends, which may follow anything.
ZIP_END: Final = b"PK\x05\x06"

PICTURE, TABLE, PROGRAM = "a picture", "a table", "a program"
#: How files begin that hold no network.
BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"GIF87a", PICTURE),
    (b"GIF89a", PICTURE),
    (b"II*\x00", PICTURE),
    (b"MM\x00*", PICTURE),
    (b"%PDF-", "a PDF"),
    (b"PAR1", TABLE),
    (b"SQLite format 3\x00", TABLE),
    (b"\x7fELF", PROGRAM),
    (b"\xcf\xfa\xed\xfe", PROGRAM),
    (b"\x00\x00\x00\x01Bud1", "settings of a folder's view"),
    (b"\x00\x05\x16\x07", "settings of a folder's view"),
    (b"\x00\x00\x08\x01", "labels in IDX format"),
    (b"\x00\x00\x08\x03", "images in IDX format"),
)
#: First members of the zip archives that office documents and sets of images are.
FIRST_MEMBERS: Final = {
    b"[Content_Types].xml": "an office document",
    b"mimetype": "an office document",
    b"images.npy": "a set of images",
    b"labels.npy": "a set of images",
}
GIT_LFS: Final = b"version https://git-lfs.github.com/"
#: How weights begin that are text: pickles of the oldest protocol, and what Lua's Torch writes.
WEIGHTS_AS_TEXT: Final = re.compile(rb"\([dl]p\d*\n|c[\w.]+\n[\w.]+\n[(p]|\(?L\d+L?\n|\d+\n\d+\n\d+\nV \d")
#: Control characters that stand in text: tabulator, line breaks, form feed, escape.
IN_TEXT: Final = frozenset(map(ord, "\t\n\r\f\x1b"))


def other_than_checkpoint(path: Path) -> str | None:
    """Return what a file holds, such as "text", where that is known and not a checkpoint.

    None stands for all else: a checkpoint, or something unknown.
    """
    with path.open("rb") as stream:
        start = stream.read(START_BYTES)
        end = stream.seek(0, 2)
        stream.seek(max(0, end - START_BYTES))
        tail = stream.read(START_BYTES)
    if not start:
        return "an empty file"
    if start.startswith(b"PK\x03\x04"):
        length = int.from_bytes(start[26:28], "little")
        return FIRST_MEMBERS.get(start[30 : 30 + length])
    if ZIP_END in tail:
        return None
    if start.startswith(b"\x1f\x8b"):
        inner = _unpacked(start)
        return None if not inner else _plain(inner, whole=False)
    return _plain(start, whole=end <= START_BYTES)


def _plain(start: bytes, *, whole: bool) -> str | None:
    for beginning, what in BEGINNINGS:
        if start.startswith(beginning):
            return what
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return PICTURE
    if start.startswith(b"BM") and start[6:10] == bytes(4) and start[15:18] == bytes(3):
        return PICTURE
    if start[2:4] == b"\r\n" and start[4:8] in {bytes(4), b"\x01\0\0\0", b"\x03\0\0\0"}:
        return "compiled Python"
    if start.startswith(b"\x93NUMPY") and b"'|O'" not in start[:200]:
        return "one array of numbers"
    return "text" if _is_text(start, whole=whole) else None


def _is_text(start: bytes, *, whole: bool) -> bool:
    if start.startswith(GIT_LFS) or WEIGHTS_AS_TEXT.match(start):
        return False
    encoding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start, final=whole)
    except UnicodeDecodeError:
        return False
    return all(ord(character) >= 32 or ord(character) in IN_TEXT for character in text)  # noqa: PLR2004


def _unpacked(start: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(start, UNPACKED_BYTES)
    except zlib.error:
        return b""


#: Ends of names, in any case, that promise a checkpoint: such a file is one whatever it holds.
SUFFIXES: Final = frozenset(
    {
        *(".pth", ".pt", ".safetensors", ".pt2", ".onnx", ".ckpt", ".bin", ".th", ".t7", ".tar", ".pkl"),
        *(".h5", ".keras", ".pb", ".tflite", ".gguf", ".caffemodel"),
    }
)
#: In the name of one of several files of a checkpoint.
SHARD: Final = re.compile(r"-\d+-of-\d+\.")
#: Folders of version control hold copies of what lies beside them, packed.
VERSION_CONTROL: Final = frozenset({".git", ".hg", ".svn"})


@dataclass(frozen=True)
class ModelFile:
    """A checkpoint of the folder, or what may be one and cannot be opened."""

    name: str
    path: Path
    failure: Failure | None = None


@dataclass(frozen=True)
class FolderFiles:
    """All that lies in a folder, in the order of the paths."""

    models: tuple[ModelFile, ...]
    skipped: tuple[Skipped, ...]


def find_models(folder: Path, *, leave_out: Path) -> FolderFiles:
    """Sort the files in a folder and all folders below it, hidden ones included.

    A file is a checkpoint by the end of its name, or where its content is not known to be something
    else (`other_than_checkpoint`), so that no model is left out in silence. A link to a file of the same
    folder counts as one more file; the parts of a checkpoint in several files count with the index, or the
    graph, that names them. What leads out of the folder, or cannot be opened as a file, is
    returned as a model with its failure. Linked folders, and those of version control, are not entered.
    """
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - a linked folder keeps its name
    require_path(folder, "folder", wanted=FOLDER, error=DataError, advice="name one that holds checkpoints")
    found = _Found(root, leave_out.stat() if leave_out.is_dir() else None)
    folders = [root]
    while folders:
        here = folders.pop()
        try:
            folders += found.enter(here)
        except OSError as error:
            if here == root:
                raise DataError(f"the folder {folder} cannot be read: {error.strerror}.") from error
            found.refuse(here, "OSError", f"cannot be read: {error.strerror}.")
    found.join_parts()
    if not found.models:
        raise DataError(
            f"the folder {folder} holds no checkpoints; by name and content, all in it is something else "
            f"({len(found.skipped)} files and folders)."
        )
    return FolderFiles(
        tuple(sorted(found.models, key=lambda model: model.name)),
        tuple(sorted(found.skipped, key=lambda skipped: skipped.file)),
    )


def _is_result(name: str) -> bool:
    return name.endswith(".json") or name.startswith(".trivet-")


def _names_others(path: Path) -> bool:
    return path.name.lower().endswith((*INDEX, ONNX))


class _Found:
    """The files so far."""

    def __init__(self, root: Path, results: os.stat_result | None) -> None:
        self._root, self._real, self._results = root, Path(os.path.realpath(root)), results
        self.models: list[ModelFile] = []
        self.skipped: list[Skipped] = []

    def enter(self, here: Path) -> list[Path]:
        """Take in the files of a folder, and return the folders in it that are to be entered."""
        with os.scandir(here) as scanned:
            entries = list(scanned)
        among_results = self._results is not None and os.path.samestat(here.stat(), self._results)
        if among_results and here != self._root:
            return []
        folders: list[Path] = []
        for entry in entries:
            path = Path(entry.path)
            if not entry.is_dir(follow_symlinks=False):
                if not (among_results and _is_result(entry.name)):
                    self._add(path, linked=entry.is_symlink())
            elif entry.name in VERSION_CONTROL:
                self.skip(path, "a folder of version control, not entered")
            else:
                folders.append(path)
        return folders

    def skip(self, path: Path, what: str) -> None:
        """Leave out what is not a checkpoint."""
        self.skipped.append(Skipped(self._name(path), what))

    def join_parts(self) -> None:
        """Leave out the parts of checkpoints that consist of several files, where their names say so too."""
        whole = [each for each in self.models if each.failure is None and _names_others(each.path)]
        if not whole:
            return
        with Confined() as child:
            part_of = {part: model for model in whole for part in find_parts(model.path, child)[1:]}
        for part in [each for each in self.models if each.path in part_of]:
            if SHARD.search(part.path.name) or part.path.suffix.lower() not in SUFFIXES:
                self.models.remove(part)
                self.skip(part.path, f"a part of {one_line(part_of[part.path].path.name)}")

    def refuse(self, path: Path, kind: str, why: str) -> None:
        """Take in what cannot be opened."""
        failure = Failure(kind, f"{one_line(path.name)!r} {why}")
        self.models.append(ModelFile(self._name(path), path, failure))

    def _add(self, path: Path, *, linked: bool) -> None:
        """Take in an entry other than a folder."""
        try:
            self._sort(path, linked=linked)
        except OSError as error:
            self.refuse(path, "OSError", f"cannot be read: {error.strerror}.")

    def _sort(self, path: Path, *, linked: bool) -> None:
        if linked and not Path(os.path.realpath(path)).is_relative_to(self._real):
            self.refuse(
                path,
                "CheckpointError",
                "is a link out of the folder, which is not followed. Put a copy in its place, or remove it.",
            )
            return
        if path.is_dir():
            self.skip(path, "a link to a folder that is looked at where it lies")
            return
        if not path.is_file():
            what = "is a link that leads nowhere" if linked else "is neither a file nor a folder"
            self.refuse(path, "CheckpointError", f"{what}; expected a checkpoint.")
            return
        named = PurePath(path.name).suffix.lower() in SUFFIXES or _names_others(path)
        what = None if named else other_than_checkpoint(path)
        if what is None:
            self.models.append(ModelFile(self._name(path), path))
        else:
            self.skip(path, what)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()
