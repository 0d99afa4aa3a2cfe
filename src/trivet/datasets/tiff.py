"""A bound on the tiles of a TIFF picture."""

from PIL import Image
from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH, TiffImageFile

from trivet.errors import DataError

__all__ = ["refuse_large_tiles"]

#: Writers cut pictures into tiles of 128 to 1,024 pixels.
MAX_TILE = 4_096


def refuse_large_tiles(picture: Image.Image, name: str) -> None:
    """Refuse a picture whose tiles are far larger than any picture needs.

    libtiff unpacks a whole tile for the few pixels that lie in the picture, so that a small file
    of a small picture can take gigabytes, which Pillow's bound on the pixels does not see.
    """
    if not isinstance(picture, TiffImageFile):
        return
    sides = [picture.tag_v2.get(tag, 0) for tag in (TILEWIDTH, TILELENGTH)]
    if any(not isinstance(side, int) or side > MAX_TILE for side in sides):
        raise DataError(
            f"the picture {name!r} was refused: it is packed in tiles larger than {MAX_TILE}x{MAX_TILE} "
            "pixels, as a decompression bomb is. Save it again as PNG if you trust it."
        )
