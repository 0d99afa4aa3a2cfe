"""Which checkpoints does a folder hold?"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from trivet.errors import DataError
from trivet.security.many_results import Failure
from trivet.wording import one_line

__all__ = ["SUFFIXES", "ModelFile", "find_models"]

#: Ends of names, in any case, that stand for checkpoints.
SUFFIXES: Final = (".pth", ".pt", ".safetensors", ".pt2", ".onnx")


@dataclass(frozen=True)
class ModelFile:
    """A checkpoint of the folder, or what stands in a checkpoint's place.

    Attributes
    ----------
    name
        Its path below the folder, with ``/``.
    path
        Where it is.
    failure
        Why it is not opened; None for a file that may be.
    """

    name: str
    path: Path
    failure: Failure | None = None


def find_models(folder: Path, *, leave_out: Path) -> tuple[ModelFile, ...]:
    """Return the checkpoints in a folder and all folders below it, in the order of their paths.

    Names that begin with a dot are skipped, folders too. A link to a checkpoint of the same folder
    counts as one more checkpoint. Linked folders are not entered. What leads out of the folder, or
    cannot be opened as a file, is returned with its failure.

    Parameters
    ----------
    folder
        Where to look.
    leave_out
        A folder that holds results, not models; it is not entered.

    Raises
    ------
    DataError
        If the folder cannot be read or holds no checkpoint.
    """
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - a linked folder keeps its name
    if not root.is_dir():
        raise DataError(f"there is no folder at {folder}; expected one that holds checkpoints.")
    real = Path(os.path.realpath(root))
    results = leave_out.stat() if leave_out.is_dir() else None
    found: list[ModelFile] = []
    folders = [root]
    while folders:
        here = folders.pop()
        try:
            with os.scandir(here) as scanned:
                entries = [entry for entry in scanned if not entry.name.startswith(".")]
        except OSError as error:
            if here == root:
                raise DataError(f"the folder {folder} cannot be read: {error.strerror}.") from error
            found.append(_refused(here, root, "OSError", f"cannot be read: {error.strerror}."))
            continue
        for entry in entries:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if results is None or not os.path.samestat(path.stat(), results):
                    folders.append(path)
            else:
                found.extend(_model(entry, path, root, real))
    if not found:
        raise DataError(
            f"the folder {folder} holds no checkpoints; expected files that end in {', '.join(SUFFIXES)}."
        )
    return tuple(sorted(found, key=lambda model: model.name))


def _model(entry: os.DirEntry[str], path: Path, root: Path, real: Path) -> Iterator[ModelFile]:
    """Yield what an entry that is no folder stands for: one model, or none."""
    linked = entry.is_symlink()
    named = PurePath(entry.name).suffix.lower() in SUFFIXES
    if linked and (named or path.is_dir()) and not Path(os.path.realpath(path)).is_relative_to(real):
        yield _refused(
            path,
            root,
            "CheckpointError",
            "is a link out of the folder, which is not followed. Put a copy in its place, or remove it.",
        )
    elif named and path.is_file():
        yield ModelFile(path.relative_to(root).as_posix(), path)
    elif named and not path.is_dir():
        what = "is a link that leads nowhere" if linked else "is neither a file nor a folder"
        yield _refused(path, root, "CheckpointError", f"{what}; expected a checkpoint.")


def _refused(path: Path, root: Path, kind: str, why: str) -> ModelFile:
    return ModelFile(path.relative_to(root).as_posix(), path, Failure(kind, f"{one_line(path.name)!r} {why}"))
