"""Blockwise conversion of raw arrays in a file to pixels and labels."""

import gzip
import io
import math
import re
import struct
import warnings
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from trivet.datasets.classes import MAX_CLASSES, choose_rows, printable
from trivet.datasets.images import ImageSet, Pixels
from trivet.errors import DataError, TrivetError
from trivet.wording import describe_error, first_line, quote
from trivet.work.bounded import BoundedStream

__all__ = ["BLOCK_BYTES", "find_idx_pair", "is_idx_name", "read_idx", "read_npz", "refuse_too_large"]

#: All pixels together, as they are kept: bytes, or float32.
MAX_PIXEL_BYTES = 2**30
#: An array as it is in its file: pixels of that many bytes in double precision.
MAX_RAW_BYTES = 2**31
MAX_IMAGES = 2**24
#: What is unpacked at once.
BLOCK_BYTES = 2**22

#: Divisor that brings uint16 into [0, 1].
FULL_SCALE = 65_535


@dataclass(frozen=True, eq=False)
class RawArray:
    """An array in C order whose values are still in a stream."""

    stream: IO[bytes]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    name: str

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Yield the array in parts of consecutive rows, each of about `BLOCK_BYTES`."""
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        at_once = max(1, BLOCK_BYTES // max(size, 1))
        for start in range(0, self.shape[0], at_once):
            rows = min(at_once, self.shape[0] - start)
            values = np.frombuffer(self._read(rows * size), self.dtype)
            yield values.reshape(rows, *self.shape[1:])
        if self.stream.read(1):
            raise DataError(f"{self.name} is damaged: it goes on after the values that its header tells of.")

    def _read(self, size: int) -> bytearray:
        content = bytearray()
        while len(content) < size:
            block = self.stream.read(min(BLOCK_BYTES, size - len(content)))
            if not block:
                raise DataError(f"{self.name} is truncated: it ends before the last value. Fetch it again.")
            content += block
        return content


def refuse_too_large(
    count: int, channels: int, height: int, width: int, *, dtype: DTypeLike, source: str
) -> None:
    """Refuse more pixels than fit into the memory that images may take."""
    if np.dtype(dtype).itemsize * count * channels * height * width > MAX_PIXEL_BYTES:
        raise DataError(
            f"{count:,} images of {width}x{height} pixels and {channels} channel{'s'[: channels > 1]} in "
            f"{source!r} take more than {MAX_PIXEL_BYTES // 2**20} MiB. Take fewer, or make them smaller."
        )


def layout_of(array: RawArray) -> str:
    """Return which axes `array` has: ``"nhw"``, ``"nhwc"`` or ``"nchw"``."""
    shape = array.shape
    shown = "x".join(map(str, shape))
    if min(shape, default=0) < 1 or shape[0] > MAX_IMAGES or array.nbytes > MAX_RAW_BYTES:
        raise DataError(
            f"{array.name} claims the shape {shown}; expected at least one image, at most {MAX_IMAGES:,}, "
            f"and at most {MAX_RAW_BYTES // 2**20} MiB. Save fewer images."
        )
    if len(shape) == 3:  # noqa: PLR2004
        return "nhw"
    first, last = (shape[1] in {1, 3}, shape[3] in {1, 3}) if len(shape) == 4 else (False, False)  # noqa: PLR2004
    if first and last:
        raise DataError(
            f"{array.name} has the shape {shown}, in which the channels may come second or last. Save grey "
            "images as (n, height, width), or the images as a folder of pictures."
        )
    if not first and not last:
        raise DataError(
            f"{array.name} has the shape {shown}; expected (n, height, width), (n, height, width, channels) "
            "or (n, channels, height, width) with 1 or 3 channels. Reshape the array before it is saved."
        )
    return "nchw" if first else "nhwc"


def read_pixels(array: RawArray, rows: NDArray[np.int64], *, source: str) -> Pixels:
    """Return the images at `rows` (ascending) as pixels (len(rows), channels, height, width).

    uint8 stays; uint16 is divided by 65535, and floating-point values must lie in [0, 1].
    """
    layout = layout_of(array)
    sizes = dict(zip(layout, array.shape, strict=True))
    shape = (sizes.get("c", 1), sizes["h"], sizes["w"])
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    kept = np.uint8 if kind == "u1" else np.float32
    refuse_too_large(len(rows), *shape, dtype=kept, source=source)
    if kind not in {"u1", "u2", "f2", "f4", "f8"}:
        raise DataError(
            f"{array.name} holds values of type {array.dtype}; expected uint8, uint16, or floating-point "
            "numbers in [0, 1]. Convert the array before it is saved, with .astype(numpy.uint8) for 0 to 255."
        )
    pixels = np.empty((len(rows), *shape), kept)
    start = 0
    for block in array.blocks():
        if array.dtype.kind == "f":
            _refuse_outside(block, array.name)
        first, last = np.searchsorted(rows, (start, start + len(block)))
        chosen = block[rows[first:last] - start].reshape(last - first, *array.shape[1:])
        if layout == "nhwc":
            chosen = chosen.transpose(0, 3, 1, 2)
        part = pixels[first:last]
        if kind == "u2":
            np.divide(chosen.reshape(part.shape), np.float32(FULL_SCALE), out=part, casting="same_kind")
        else:
            part[:] = chosen.reshape(part.shape)
        start += len(block)
    return pixels


def read_labels(array: RawArray, images: int) -> NDArray[np.int64]:
    """Return class numbers, shape (images,), from integers (n,) or (n, 1), or one-hot rows (n, classes)."""
    shape, kind = array.shape, array.dtype.kind
    shown = "x".join(map(str, shape))
    if len(shape) not in {1, 2} or shape[0] != images:
        raise DataError(
            f"{array.name} has the shape {shown}, but there are {images:,} images; expected one label for "
            f"each, shape ({images},). Save images and labels of the same set."
        )
    one_hot = len(shape) == 2 and shape[1] > 1  # noqa: PLR2004
    if kind not in ("iubf" if one_hot else "iu") or array.dtype.itemsize > 8:  # noqa: PLR2004
        raise DataError(
            f"{array.name} holds values of type {array.dtype}; expected integer class numbers, or one-hot "
            "rows. Convert the array before it is saved, with .astype(numpy.int64)."
        )
    if math.prod(shape[1:]) not in range(1, MAX_CLASSES + 1) or array.nbytes > MAX_RAW_BYTES:
        raise DataError(
            f"{array.name} has the shape {shown}; expected at most {MAX_CLASSES:,} classes and "
            f"{MAX_RAW_BYTES // 2**20} MiB. Save class numbers instead of one-hot rows."
        )
    labels = np.empty(images, np.int64)
    start = 0
    for block in array.blocks():
        part = labels[start : start + len(block)]
        part[:] = _hot(block, array.name) if one_hot else _numbers(block.reshape(-1), array.name)
        start += len(block)
    return labels


def _refuse_outside(block: NDArray[Any], name: str) -> None:
    low, high = float(block.min()), float(block.max())
    if low >= 0 and high <= 1:
        return
    if not math.isfinite(low) or not math.isfinite(high):
        raise DataError(f"{name} holds pixels that are not finite; expected values in [0, 1]. Save it again.")
    raise DataError(
        f"{name} holds pixels from {low:.6g} to {high:.6g}; expected values in [0, 1]. Divide by 255 or undo "
        "the normalisation before the array is saved."
    )


def _hot(block: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Return where each row has its one."""
    ones = block == 1
    if not (ones | (block == 0)).all() or not (ones.sum(axis=1) == 1).all():
        raise DataError(
            f"{name} is not one-hot: expected one 1 and otherwise 0 in each row. Save class numbers."
        )
    return ones.argmax(axis=1)


def _numbers(block: NDArray[Any], name: str) -> NDArray[Any]:
    low, high = int(block.min()), int(block.max())
    if low < 0 or high >= MAX_CLASSES:
        raise DataError(
            f"{name} holds the label {low if low < 0 else high}; expected class numbers from 0 to at most "
            f"{MAX_CLASSES - 1}. Number the classes from 0."
        )
    return block


#: Names of the two arrays, whatever their case, as data sets in use have them.
IMAGES = ("images", "image", "imgs", "x", "x_test", "test_images", "data", "arr_0")
LABELS = ("labels", "label", "y", "y_test", "test_labels", "targets", "target", "arr_1")
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
            f"{path.name!r} cannot be read as an .npz file ({first_line(error)}). {_REMEDY}"
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
    held = ", ".join(quote(info.filename.removesuffix(".npy")) for info in (found or archive.infolist())[:8])
    raise DataError(
        f"{path.name!r} should hold one array called {', '.join(names[:-1])} or {names[-1]}; "
        f"found {held or 'nothing'}. {_REMEDY}"
    )


def _array_name(info: zipfile.ZipInfo) -> str:
    return info.filename.lower().removesuffix(".npy")


def _array(stream: IO[bytes], info: zipfile.ZipInfo, path: Path) -> RawArray:
    """Read the header of one array and hold it against the archive's table of contents."""
    name = f"{quote(info.filename.removesuffix('.npy'))} of {path.name!r}"
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
            f"{path.name!r} and its labels cannot be read as IDX files ({describe_error(error)}). Fetch "
            "them again."
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
