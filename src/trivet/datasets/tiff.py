"""What a TIFF picture needs beyond the rest: a bound on its tiles, and a decoder that keeps quiet."""

import os
from collections.abc import Generator
from contextlib import contextmanager

from PIL import Image
from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH, TiffImageFile

from trivet.errors import DataError

__all__ = ["keep_libtiff_quiet", "refuse_large_tiles"]

#: Writers cut pictures into tiles of 128 to 1,024 pixels.
MAX_TILE = 4_096
STANDARD_ERROR = 2


def refuse_large_tiles(picture: Image.Image, name: str) -> None:
    """Refuse a picture whose tiles are far larger than any picture needs.

    libtiff unpacks a whole tile for the few pixels that lie in the picture, so that a small file
    of a small picture can take gigabytes, which Pillow's bound on the pixels does not see.

    Raises
    ------
    DataError
        If a side of the tiles is longer than `MAX_TILE` pixels.
    """
    if not isinstance(picture, TiffImageFile):
        return
    sides = [picture.tag_v2.get(tag, 0) for tag in (TILEWIDTH, TILELENGTH)]
    if any(not isinstance(side, int) or side > MAX_TILE for side in sides):
        raise DataError(
            f"the picture {name!r} was refused: it is packed in tiles larger than {MAX_TILE}x{MAX_TILE} "
            "pixels, as a decompression bomb is. Save it again as PNG if you trust it."
        )


@contextmanager
def keep_libtiff_quiet(picture: Image.Image) -> Generator[None]:
    """Keep the process's standard error closed to libtiff while it decodes.

    It writes its own complaints there, past Python, a line for each broken strip.
    """
    if not isinstance(picture, TiffImageFile) or picture.info.get("compression") == "raw":
        yield
        return
    try:
        kept = os.dup(STANDARD_ERROR)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STANDARD_ERROR)
        yield
    finally:
        os.dup2(kept, STANDARD_ERROR)
        os.close(kept)
        os.close(nowhere)
