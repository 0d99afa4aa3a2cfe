"""Images and labels from a pair of IDX files, as MNIST and its relatives are published."""

import gzip
import math
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np

from trivet.datasets.arrays import RawArray, layout_of, read_labels, read_pixels
from trivet.datasets.images import ImageSet
from trivet.datasets.names import printable
from trivet.datasets.selection import choose_rows
from trivet.errors import DataError, TrivetError
from trivet.wording import told

__all__ = ["find_idx_pair", "is_idx_name", "read_idx"]

#: As in ``t10k-images-idx3-ubyte.gz``; some copies have a full stop before ``idx3``.
IMAGES_NAME = re.compile(r"(.*)images([-.])idx3-ubyte(?:\.gz)?", re.DOTALL)
UNSIGNED_BYTES = 0x08
GZIP_MAGIC = b"\x1f\x8b"
#: Deflate packs 258 bytes into two bits at best.
MAX_DEFLATE_RATIO = 1_032


def is_idx_name(name: str) -> bool:
    """Tell whether a file of that name holds the images of an IDX pair."""
    return IMAGES_NAME.fullmatch(name) is not None


def find_idx_pair(folder: Path) -> Path | None:
    """Return the images file of the folder's IDX pair; None where there is no such file."""
    found = sorted(entry.name for entry in folder.iterdir() if is_idx_name(entry.name) and entry.is_file())
    if len(found) > 1:
        shown = ", ".join(map(repr, found[:4]))
        raise DataError(
            f"the folder {folder.name!r} holds {len(found)} files of images: {shown}. "
            "Give the path of one of them."
        )
    return _inside(folder / found[0]) if found else None


def read_idx(path: Path, *, limit: int | None, seed: int) -> ImageSet:
    """Read the images at `path` and the labels that lie beside them."""
    labels_path = _labels_beside(path)
    try:
        with _opened(path, dimensions=3) as images:
            layout_of(images)
            with _opened(labels_path, dimensions=1) as array:
                labels = read_labels(array, images.shape[0])
            rows = choose_rows(labels, limit=limit, seed=seed, source=path.name)
            pixels = read_pixels(images, rows, source=path.name)
    except (TrivetError, MemoryError):
        raise
    except Exception as error:  # a damaged file can fail anywhere in gzip and zlib
        raise DataError(
            f"{path.name!r} and its labels cannot be read as IDX files ({told(error)}). Fetch them again."
        ) from error
    return ImageSet(printable(path.name), pixels, labels[rows], int(labels.max()) + 1)


def _labels_beside(path: Path) -> Path:
    match = IMAGES_NAME.fullmatch(path.name)
    if match is None:
        raise DataError(
            f"{path.name!r} is not the images file of an IDX pair; expected ...-images-idx3-ubyte."
        )
    plain = f"{match[1]}labels{match[2]}idx1-ubyte"
    for name in (f"{plain}.gz", plain) if path.name.endswith(".gz") else (plain, f"{plain}.gz"):
        if path.with_name(name).is_file():
            return _inside(path.with_name(name))
    raise DataError(f"the labels of {path.name!r} are missing; expected {plain!r} (or with .gz) beside it.")


def _inside(path: Path) -> Path:
    if path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
        raise DataError(
            f"{path.name!r} is a link out of its folder, which is not followed. Put a copy in its place."
        )
    return path


@contextmanager
def _opened(path: Path, *, dimensions: int) -> Generator[RawArray]:
    """Open one file and hold its header against its length."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    length = path.stat().st_size
    with cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb") as stream:
        magic = stream.read(4)
        if magic != bytes((0, 0, UNSIGNED_BYTES, dimensions)):
            raise DataError(
                f"{path.name!r} begins with the bytes {magic.hex(' ') or '(none)'}; expected 00 00 08 "
                f"{dimensions:02x}, the mark of an IDX file of unsigned bytes in {dimensions} "
                f"dimension{'s'[: dimensions > 1]}. Fetch it again."
            )
        sizes = stream.read(4 * dimensions)
        shape = tuple(np.frombuffer(sizes.ljust(4 * dimensions, b"\0"), ">u4").tolist())
        claimed = 4 + 4 * dimensions + math.prod(shape)
        if claimed > length * MAX_DEFLATE_RATIO if packed else claimed != length:
            raise DataError(
                f"{path.name!r} is damaged or lies: its header tells of {claimed:,} bytes, but the file has "
                f"{length:,}{' packed' if packed else ''}. Fetch it again."
            )
        yield RawArray(stream, np.dtype(np.uint8), shape, repr(path.name))
