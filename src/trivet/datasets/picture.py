"""One picture file of a stranger into pixels in [0, 1]."""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from trivet.datasets.tiff import refuse_large_tiles
from trivet.errors import DataError

__all__ = ["SUFFIXES", "Size", "picture_size", "read_picture"]

#: Pillow's names of the formats that are read; none of them runs another program or needs a network.
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
#: Files with other endings do not count as pictures.
SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"}
)
GREY_MODES = frozenset({"1", "L", "LA"})
COLOUR_MODES = frozenset({"RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "P", "PA"})
WIDE_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
FULL_WIDE = 65_535
#: Some decoders read the whole file before they look at the header.
MAX_FILE_BYTES = 2**28

# What Pillow logs of a broken picture is said in the error; without a handler it would also be printed.
logging.getLogger("PIL").addHandler(logging.NullHandler())

#: Width and height in pixels.
Size = tuple[int, int]


def picture_size(path: Path, name: str) -> Size:
    """Return the width and height that the file's header tells of, before any rotation."""
    with _explained(name), _open(path, name) as picture:
        return picture.size


def read_picture(path: Path, name: str, like: tuple[str, Size] | None = None) -> NDArray[np.float32]:
    """Decode the first frame of a picture."""
    with _explained(name), _open(path, name) as picture:
        if like is not None and sorted(picture.size) != sorted(like[1]):
            raise DataError(_other_size(name, picture.size, *like))
        refuse_large_tiles(picture, name)
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        if like is not None and picture.size != like[1]:
            raise DataError(_other_size(name, picture.size, *like))
        return _pixels(picture, name)


def _open(path: Path, name: str) -> Image.Image:
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise DataError(
            f"the picture {name!r} has {size:,} bytes; expected at most {MAX_FILE_BYTES // 2**20} MiB. "
            "Make it smaller."
        )
    return Image.open(path, formats=FORMATS)


@contextmanager
def _explained(name: str) -> Generator[None]:
    """Turn whatever a decoder raises into one line about the picture; silence its warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (DataError, MemoryError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(
            f"the picture {name!r} was refused: it claims more than {Image.MAX_IMAGE_PIXELS:,} pixels, as a "
            "decompression bomb does. Make it smaller if you trust it."
        ) from error
    except Exception as error:  # a damaged file can fail anywhere in a decoder
        raise DataError(
            f"the picture {name!r} cannot be read: it is damaged, or none of {', '.join(FORMATS)}. "
            "Save it again as PNG, or leave it out."
        ) from error


def _pixels(picture: Image.Image, name: str) -> NDArray[np.float32]:
    if picture.mode in WIDE_MODES:
        wide = np.asarray(picture)
        if int(wide.min()) < 0 or int(wide.max()) > FULL_WIDE:
            raise DataError(
                f"the picture {name!r} has grey levels beyond 16 bits; expected 0 to {FULL_WIDE}. Save it as "
                "PNG."
            )
        return np.divide(wide[np.newaxis], np.float32(FULL_WIDE), dtype=np.float32)
    if picture.mode in GREY_MODES:
        return _unit(np.asarray(picture.convert("L"))[np.newaxis])
    if picture.mode not in COLOUR_MODES:
        raise DataError(
            f"the picture {name!r} has pixels of the kind {picture.mode!r}; expected grey, palette or colour "
            "pixels of 8 bits. Save it as PNG."
        )
    colours = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    if picture.mode in {"P", "PA"} and (colours == colours[:1]).all():
        colours = colours[:1]
    return _unit(colours)


def _unit(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.divide(levels, np.float32(255), dtype=np.float32)


def _other_size(name: str, size: Size, first: str, expected: Size) -> str:
    return (
        f"all pictures must have one size, but {first!r} has {expected[0]}x{expected[1]} pixels and {name!r} "
        f"has {size[0]}x{size[1]}. Scale or cut them to one size first."
    )
