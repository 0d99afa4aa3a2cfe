"""Labelled images from whatever a user names: an embedded data set, a folder, or a file."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from trivet.datasets.arrays import find_idx_pair, is_idx_name, read_idx, read_npz, refuse_too_large
from trivet.datasets.classes import choose_rows, printable
from trivet.datasets.fitting import AS_THEY_ARE, Fit
from trivet.datasets.images import ImageSet, load_colour_digits, load_digit_pairs, load_mnist
from trivet.datasets.pictures import read_folder
from trivet.errors import DataError
from trivet.wording import first_line, quote
from trivet.work.bounded import FILE, FOLDER, kind_of
from trivet.work.confined import Confined, Limits, seconds_for

__all__ = ["EMBEDDED", "load_images", "read", "read_images"]

PIXELS: Final = "pixels"
LABELS: Final = "labels"
#: All pixels may take 1 GiB, and a third of it once more where a colour picture comes after grey ones.
MEMORY_MIB: Final = 2_048
#: What many pictures may take beyond the processor time that any source may.
PICTURES_A_SECOND: Final = 20

#: Names that stand for data in the package; the short one is the part that networks were not trained on.
EMBEDDED: dict[str, Callable[[], ImageSet]] = {
    "mnist": lambda: load_mnist("test"),
    "mnist/test": lambda: load_mnist("test"),
    "mnist/train": lambda: load_mnist("train"),
    "colour-digits": lambda: load_colour_digits("test"),
    "digit-pairs": lambda: load_digit_pairs("test"),
}


def load_images(
    source: str | os.PathLike[str], *, limit: int | None = None, seed: int = 0, fit: Fit = AS_THEY_ARE
) -> ImageSet:
    """Load labelled images, grey or colour, of one size, of at least two classes.

    Nothing in the files is executed, no link is followed out of a folder, and all pixels together
    take at most 1 GiB. Files are read in a process of their own, with limits of memory and time.

    Parameters
    ----------
    source
        A name in `EMBEDDED`, or a path: a folder of pictures with a subfolder a class, an ``.npz``
        file, the ``...-images-idx3-ubyte`` file of an IDX pair (packed by gzip or not), or a folder
        with one such pair. A name wins over a folder that is called like it; write ``./mnist`` for
        the folder.
    limit
        Take at most that many images, the same number of each class as far as there are; None
        takes all.
    seed
        Seed of that choice. Images stay in the order of the source.
    fit
        What is done to each image: scaled, cut, made a colour image.

    Returns
    -------
    ImageSet
        Pixels of shape (n, 1 or 3, height, width). A folder's classes are numbered in the order of
        their folders' names: by value where all are decimal numbers (0, 1, 2, ..., 10), by code
        points otherwise (``bird`` is 0, ``cat`` is 1); these names are its `class_names`. Classes
        of an ``.npz`` or IDX file are its labels, their number the largest label plus one, or the
        number of `class_names` that an ``.npz`` holds.

    Raises
    ------
    DataError
        If there is nothing there, it cannot be read, or it is not what it should be.
    UsageError
        If `limit` is too small for the number of classes.
    """
    if isinstance(source, str) and source in EMBEDDED:
        images = EMBEDDED[source]()
        if limit is not None and limit < len(images):
            images = images.take(choose_rows(images.labels, limit=limit, seed=seed, source=images.name))
        return _coloured(_fitted(images, fit), fit)
    path = Path(source)
    request = {"path": str(path), "limit": limit, "seed": seed, "resize": fit.resize, "crop": fit.crop}
    with Confined(Limits(memory_mib=MEMORY_MIB)) as child:
        told: dict[str, Any] = child.ask(
            "trivet.datasets.source:read", request, name=repr(printable(path.name)), seconds=_seconds(path)
        )
        shape: list[int] = told["shape"]
        pixels = np.fromfile(child.file(PIXELS), np.dtype(told["dtype"])).reshape(shape)
        labels = np.fromfile(child.file(LABELS), np.int64).reshape(shape[:1])
    names = told["class_names"]
    classes = None if names is None else tuple(names)
    found = ImageSet(told["name"], pixels, labels, told["classes"], classes, tuple(told["notes"]))
    return _coloured(found, fit)


def _coloured(images: ImageSet, fit: Fit) -> ImageSet:
    count, channels, height, width = images.pixels.shape
    if not fit.rgb or channels != 1:
        return images
    refuse_too_large(count, 3, height, width, dtype=images.pixels.dtype, source=images.name)
    return replace(images, pixels=np.repeat(images.pixels, 3, axis=1))


def _fitted(images: ImageSet, fit: Fit) -> ImageSet:
    if not fit.scales:
        return images
    first = fit.apply(images.pixels[0], images.name)
    refuse_too_large(len(images), *first.shape, dtype=first.dtype, source=images.name)
    return replace(images, pixels=np.stack([fit.apply(image, images.name) for image in images.pixels]))


def read(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Read images, write their pixels and labels as plain arrays into `folder`, and describe them."""
    fit = Fit(request.get("resize"), request.get("crop"))
    images = read_images(Path(request["path"]), limit=request["limit"], seed=request["seed"], fit=fit)
    images.pixels.tofile(folder / PIXELS)
    images.labels.tofile(folder / LABELS)
    return {
        "name": images.name,
        "shape": images.pixels.shape,
        "dtype": images.pixels.dtype.name,
        "classes": images.classes,
        "class_names": images.class_names,
        "notes": images.notes,
    }


def read_images(path: Path, *, limit: int | None = None, seed: int = 0, fit: Fit = AS_THEY_ARE) -> ImageSet:
    """Read images in this process; `load_images` does it in the child process."""
    read_from, place = _reader(path)
    if read_from is read_folder:
        return read_folder(place, limit=limit, seed=seed, fit=fit)
    return _fitted(read_from(place, limit=limit, seed=seed), fit)


def _reader(path: Path) -> tuple[Callable[..., ImageSet], Path]:
    """Return what reads the images at `path`, and which file or folder to give it."""
    try:
        found = kind_of(path)
        if found == FOLDER:
            pair = find_idx_pair(path)
            return (read_folder, path) if pair is None else (read_idx, pair)
        if found != FILE:
            shown = repr(str(path))
            there = f"there are no images at {shown}" if found is None else f"{shown} is {found}"
            raise DataError(f"{there}; expected {_expected()}.")
        if path.suffix.lower() == ".npz":
            return read_npz, path
        if is_idx_name(path.name):
            return read_idx, path
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or first_line(error)
        shown = quote(str(path))
        raise DataError(f"{shown} cannot be read ({why}); expected {_expected()}.") from error
    raise DataError(f"{path.name!r} is not a file of images that trivet reads; expected {_expected()}.")


def _seconds(path: Path) -> float:
    """Return how much processor time reading may take, by what there is to read."""
    try:
        if not path.is_dir():
            return seconds_for(path)
        with os.scandir(path) as entries:
            folders = [path, *(Path(entry.path) for entry in entries if entry.is_dir())]
        pictures = sum(1 for folder in folders for _ in folder.iterdir())
        return seconds_for() + pictures / PICTURES_A_SECOND
    except (OSError, ValueError):
        return seconds_for()  # the reader says what is wrong


def _expected() -> str:
    return (
        f"one of {', '.join(EMBEDDED)}, a folder of pictures with a subfolder a class, an .npz file, or an "
        "...-images-idx3-ubyte file with its labels beside it"
    )
