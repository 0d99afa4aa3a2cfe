"""Images and labels from an untrusted ``.npz``: no pickles, no trust in any size that it claims."""

import io
import struct
import warnings
import zipfile
from pathlib import Path
from typing import IO, cast

import numpy as np

from trivet.datasets.arrays import RawArray, layout_of, read_labels, read_pixels
from trivet.datasets.images import ImageSet
from trivet.datasets.names import printable
from trivet.datasets.selection import MAX_CLASSES, choose_rows
from trivet.errors import DataError, TrivetError
from trivet.wording import quoted, reason
from trivet.work.bounded import BoundedStream

__all__ = ["read_npz"]

#: Names of the two arrays, whatever their case, as data sets in use have them.
IMAGES = ("images", "x", "x_test", "data")
LABELS = ("labels", "y", "y_test", "targets")
CLASS_NAMES = "class_names"
#: NumPy's own bound on what its parser of array headers is given.
MAX_HEADER_BYTES = 10_000
MAX_NAME_LETTERS = 200
#: Beside each array once: its header, and the directory, which zipfile looks for from the end.
DIRECTORIES_BYTES = 64 * 2**20
_REMEDY = "Save it again with numpy.savez(path, images=..., labels=...)."


def read_npz(path: Path, *, limit: int | None, seed: int) -> ImageSet:
    """Read images and labels from an ``.npz`` file."""
    try:
        with path.open("rb") as stream:
            most = 2 * stream.seek(0, io.SEEK_END) + DIRECTORIES_BYTES
            bounded = BoundedStream(stream, repr(path.name), in_all=most)
            with zipfile.ZipFile(cast("IO[bytes]", bounded)) as archive:
                return _read(archive, path, limit=limit, seed=seed)
    except (TrivetError, MemoryError):
        raise
    except Exception as error:  # a damaged file can fail anywhere in the readers
        raise DataError(
            f"{path.name!r} cannot be read as an .npz file ({reason(error)}). {_REMEDY}"
        ) from error


def _read(archive: zipfile.ZipFile, path: Path, *, limit: int | None, seed: int) -> ImageSet:
    images_member = _member(archive, IMAGES, path)
    labels_member = _member(archive, LABELS, path)
    with archive.open(images_member) as stream:
        images = _array(stream, images_member, path)
        layout_of(images)
        with archive.open(labels_member) as labels_stream:
            labels = read_labels(_array(labels_stream, labels_member, path), images.shape[0])
        names = _class_names(archive, path)
        classes = int(labels.max()) + 1
        if names is not None and len(names) < classes:
            raise DataError(
                f"{path.name!r} holds {len(names)} class names, but labels up to {classes - 1}. "
                "Name every class, or leave class_names out."
            )
        rows = choose_rows(labels, limit=limit, seed=seed, source=path.name)
        pixels = read_pixels(images, rows, source=path.name)
    return ImageSet(
        printable(path.name), pixels, labels[rows], classes if names is None else len(names), names
    )


def _member(archive: zipfile.ZipFile, names: tuple[str, ...], path: Path) -> zipfile.ZipInfo:
    found = [info for info in archive.infolist() if _array_name(info) in names]
    if len(found) == 1:
        return found[0]
    held = ", ".join(quoted(info.filename.removesuffix(".npy")) for info in (found or archive.infolist())[:8])
    raise DataError(
        f"{path.name!r} should hold one array called {', '.join(names[:-1])} or {names[-1]}; "
        f"found {held or 'nothing'}. {_REMEDY}"
    )


def _array_name(info: zipfile.ZipInfo) -> str:
    return info.filename.lower().removesuffix(".npy")


def _array(stream: IO[bytes], info: zipfile.ZipInfo, path: Path) -> RawArray:
    """Read the header of one array and hold it against the archive's table of contents."""
    name = f"{quoted(info.filename.removesuffix('.npy'))} of {path.name!r}"
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise DataError(f"{name} is packed in a way that NumPy does not write. {_REMEDY}")
    version = np.lib.format.read_magic(stream)
    width = 2 if version == (1, 0) else 4
    prefix = stream.read(width)
    (length,) = struct.unpack("<H" if version == (1, 0) else "<I", prefix)
    if version not in {(1, 0), (2, 0)} or length > MAX_HEADER_BYTES:
        raise DataError(f"{name} has a header that no array of numbers needs. {_REMEDY}")
    header = io.BytesIO(prefix + stream.read(length))
    parse = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape, fortran_order, dtype = parse(header, max_header_size=MAX_HEADER_BYTES)
    if dtype.hasobject:
        raise DataError(
            f"{name} is an array of Python objects, which only a pickle could hold, and a pickle can run "
            f"code; it was refused. Save images of one size, as one array of numbers."
        )
    if fortran_order and len(shape) > 1:
        raise DataError(
            f"{name} is in Fortran order. Save it in C order: numpy.savez(path, "
            "images=numpy.ascontiguousarray(...), labels=...)."
        )
    array = RawArray(stream, dtype, tuple(shape), name)
    expected = len(np.lib.format.magic(*version)) + width + length + array.nbytes
    if min(shape, default=0) < 0 or expected != info.file_size:
        raise DataError(
            f"{name} is damaged or lies: its header tells of {expected:,} bytes, the archive of "
            f"{info.file_size:,}. {_REMEDY}"
        )
    return array


def _class_names(archive: zipfile.ZipFile, path: Path) -> tuple[str, ...] | None:
    info = next((info for info in archive.infolist() if _array_name(info) == CLASS_NAMES), None)
    if info is None:
        return None
    with archive.open(info) as stream:
        array = _array(stream, info, path)
        if (
            array.dtype.kind != "U"
            or len(array.shape) != 1
            or array.shape[0] > MAX_CLASSES
            or not 0 < array.dtype.itemsize <= 4 * MAX_NAME_LETTERS  # four bytes a letter
        ):
            raise DataError(
                f"{array.name} should be a list of at most {MAX_CLASSES:,} strings of 1 to "
                f"{MAX_NAME_LETTERS} letters; found shape {array.shape} and type "
                f"{array.dtype}. Save numpy.array([...names...])."
            )
        return tuple(printable(name) for block in array.blocks() for name in block.tolist())
