"""A folder of pictures, with a subfolder a class, into labelled images."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from trivet.datasets.arrays import refuse_too_large
from trivet.datasets.images import ImageSet
from trivet.datasets.names import in_class_order, printable
from trivet.datasets.picture import SUFFIXES, picture_size, read_picture
from trivet.datasets.selection import MAX_CLASSES, choose_rows
from trivet.errors import DataError

__all__ = ["read_folder"]


@dataclass(frozen=True)
class _Contents:
    """Files of one kind in a folder, in order, and those that go unused."""

    names: list[str]
    others: int
    folders: int


def read_folder(folder: Path, *, limit: int | None, seed: int) -> ImageSet:
    """Read every picture that lies in a subfolder; the subfolder is its class.

    Classes are numbered from 0 in the order of their folders' names: by value where all names are
    decimal numbers, by code points otherwise. So class 2 is the folder ``2`` only where ``0`` and
    ``1`` are there as well. Within a class, pictures are in the order of their names. Hidden
    files, files other than pictures, and folders below the class folders are left out.
    """
    try:
        root = folder.resolve()
        classes = _classes(root)
        held = [_pictures(root, name) for name in classes]
    except (OSError, RuntimeError) as error:
        raise DataError(f"the folder {folder.name!r} cannot be read ({error}).") from error
    _refuse_empty(root.name, held)
    labels = np.repeat(np.arange(len(classes)), [len(contents.names) for contents in held])
    rows = choose_rows(
        labels, limit=limit, seed=seed, source=root.name, class_names=classes, may_be_absent=False
    )
    files = [f"{classes[label]}/{name}" for label, contents in enumerate(held) for name in contents.names]
    pixels = _read_all(root, [files[row] for row in rows])
    return ImageSet(
        printable(root.name), pixels, labels[rows], len(classes), tuple(printable(name) for name in classes)
    )


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _classes(root: Path) -> list[str]:
    names = [entry.name for entry in _visible(root) if entry.is_dir() and _stays_inside(root, entry)]
    if not names:
        raise DataError(
            f"the folder {root.name!r} has no subfolders; expected one with pictures for each class, such as "
            f"{root.name + '/cat/1.png'!r}."
        )
    if len(names) > MAX_CLASSES:
        raise DataError(f"the folder {root.name!r} has {len(names):,} subfolders; expected one a class.")
    return in_class_order(names)


def _pictures(root: Path, name: str) -> _Contents:
    names: list[str] = []
    others = folders = 0
    for entry in _visible(root / name):
        if PurePath(entry.name).suffix.lower() in SUFFIXES and entry.is_file() and _stays_inside(root, entry):
            names.append(entry.name)
        elif entry.is_dir(follow_symlinks=False):
            folders += 1
        else:
            others += 1
    return _Contents(sorted(names), others, folders)


def _stays_inside(root: Path, entry: os.DirEntry[str]) -> bool:
    """Return True, or refuse the folder for a link that leads out of it."""
    if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
        shown = str(Path(entry.path).relative_to(root))
        raise DataError(
            f"{shown!r} in {root.name!r} is a link out of the folder, which is not followed. Put a copy in "
            "its place, or remove it."
        )
    return True


def _refuse_empty(name: str, held: list[_Contents]) -> None:
    if any(contents.names for contents in held):
        return
    others, folders = sum(c.others for c in held), sum(c.folders for c in held)
    nested = " Give the path of the folder whose subfolders are the classes." if folders else ""
    raise DataError(
        f"the {len(held)} subfolders of {name!r} hold no pictures ({', '.join(sorted(SUFFIXES))}); they hold "
        f"{others:,} other files and {folders:,} folders, which are left out.{nested}"
    )


def _read_all(root: Path, files: list[str]) -> NDArray[np.float32]:
    """Decode the pictures, one after the other, into one array."""
    width, height = picture_size(root / files[0], files[0])
    refuse_too_large(len(files), 1, height, width, source=root.name)
    first = read_picture(root / files[0], files[0])
    like = files[0], (first.shape[2], first.shape[1])
    pixels = _room(len(files), first, root.name)
    for row, name in enumerate(files):
        picture = read_picture(root / name, name, like) if row else first
        if len(picture) > pixels.shape[1]:
            grey, pixels = pixels, _room(len(files), picture, root.name)
            pixels[:row] = grey[:row]
        pixels[row] = picture
    return pixels


def _room(count: int, picture: NDArray[np.float32], source: str) -> NDArray[np.float32]:
    refuse_too_large(count, *picture.shape, source=source)
    return np.empty((count, *picture.shape), np.float32)
