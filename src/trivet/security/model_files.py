"""The files of a folder: which are checkpoints, which cannot be opened, and which are something else."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from trivet.errors import DataError
from trivet.security.file_content import other_than_checkpoint
from trivet.security.many_results import Failure, Skipped
from trivet.wording import one_line, reason

__all__ = ["SUFFIXES", "FolderFiles", "ModelFile", "find_models"]

#: Ends of names, in any case, that promise a checkpoint: such a file is one whatever it holds.
SUFFIXES: Final = frozenset(
    {
        *(".pth", ".pt", ".safetensors", ".pt2", ".onnx", ".ckpt", ".bin", ".th", ".t7", ".tar", ".pkl"),
        *(".h5", ".keras", ".pb", ".tflite", ".gguf", ".caffemodel"),
    }
)
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
    folder counts as one more file. What leads out of the folder, or cannot be opened as a file, is
    returned as a model with its failure. Linked folders, and those of version control, are not entered.
    """
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - a linked folder keeps its name
    try:
        is_folder = root.is_dir()
    except (OSError, ValueError) as error:  # a name too long, a folder above it that is locked, a NUL
        why = getattr(error, "strerror", None) or reason(error)
        raise DataError(f"the folder {one_line(folder)} cannot be read: {why}.") from error
    if not is_folder:
        raise DataError(f"there is no folder at {one_line(folder)}; expected one that holds checkpoints.")
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
        named = PurePath(path.name).suffix.lower() in SUFFIXES
        what = None if named else other_than_checkpoint(path)
        if what is None:
            self.models.append(ModelFile(self._name(path), path))
        else:
            self.skip(path, what)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()
