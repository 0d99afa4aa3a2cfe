"""A folder of pictures, with a subfolder a class, into labelled images."""

import logging
import os
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH, TiffImageFile

from trivet.datasets.arrays import refuse_too_large
from trivet.datasets.classes import MAX_CLASSES, choose_rows, in_class_order, printable
from trivet.datasets.fitting import AS_THEY_ARE, Fit
from trivet.datasets.images import ImageSet, Pixels, in_kind
from trivet.errors import DataError
from trivet.wording import quote

__all__ = ["read_folder", "read_picture"]

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


#: Pillow's names of the formats that are read; none of them runs another program or needs a network.
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
#: Files with other endings do not count as pictures.
SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pbm"}
)
#: Folders that systems and programs put beside others; none is a class.
SYSTEM: Final = frozenset({"__MACOSX", "__pycache__", "lost+found", "$RECYCLE.BIN", "@eaDir"})
GREY_MODES = frozenset({"1", "L", "LA"})
COLOUR_MODES = frozenset({"RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "P", "PA"})
WIDE_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
FULL_WIDE = 65_535
#: Some decoders read the whole file before they look at the header.
MAX_FILE_BYTES = 2**28

# What Pillow logs of a broken picture is said in the error; without a handler it would also be printed.
logging.getLogger("PIL").addHandler(logging.NullHandler())

#: The tag of EXIF that tells how a camera was held, and what stands for upright.
ORIENTATION, UPRIGHT = 0x0112, 1
#: How a colour profile names the usual colours, in either of its encodings.
USUAL_COLOURS = (b"sRGB", "sRGB".encode("utf-16-be"))
OPAQUE = 255

#: Width and height in pixels.
Size = tuple[int, int]


def picture_size(path: Path, name: str) -> Size:
    """Return the width and height that the file's header tells of, before any rotation."""
    with _explained(name), _open(path, name) as picture:
        return picture.size


def read_picture(
    path: Path,
    name: str,
    like: tuple[str, Size] | None = None,
    fit: Fit = AS_THEY_ARE,
    odd: dict[str, list[str]] | None = None,
) -> Pixels:
    """Decode the first frame of a picture, and fit it: bytes, or float32 in [0, 1] for 16-bit greys.

    Pixels are those that torchvision loads, ``Image.open(path).convert("RGB")``, which neither turns pictures
    as EXIF says nor looks at colour profiles; only 16-bit greys are scaled where that cuts them off.
    What may surprise in a picture is added to `odd`, by what it is.
    """
    with _explained(name), _open(path, name) as picture:
        if like is not None and not fit.scales and sorted(picture.size) != sorted(like[1]):
            raise DataError(_other_size(name, picture.size, *like))
        refuse_large_tiles(picture, name)
        picture.load()
        if odd is not None:
            for what in _oddities(picture):
                odd.setdefault(what, []).append(name)
        if like is not None and not fit.scales and picture.size != like[1]:
            raise DataError(_other_size(name, picture.size, *like))
        found = fit.apply(_pixels(picture, name), name)
        size = found.shape[2], found.shape[1]
        if like is not None and size != like[1]:
            raise DataError(_other_size(name, size, *like))
        return found


def _oddities(picture: Image.Image) -> Iterator[str]:
    """Yield what of a picture's looks is not in its pixels as they are read, and what was done with it."""
    # Pillow itself turns a TIFF, and takes the tag away.
    orientation = UPRIGHT
    with suppress(Exception):  # a broken block has no say in the pixels
        orientation = picture.getexif().get(ORIENTATION, UPRIGHT)
    if orientation != UPRIGHT:
        yield "an EXIF orientation, which was not applied, as torchvision does not"
    if picture.mode == "CMYK":
        yield "CMYK colours, which became RGB without a profile, as in torchvision"
    alpha = picture.getextrema()[-1] if picture.mode in {"RGBA", "LA", "PA"} else (OPAQUE, OPAQUE)
    if "transparency" in picture.info or alpha[0] < OPAQUE:  # pyright: ignore[reportOperatorIssue, reportIndexIssue]
        yield "transparent pixels, whose colours were taken as they are, as in torchvision"
    if picture.mode in WIDE_MODES:
        yield "greys of 16 bits, which were scaled to [0, 1], where torchvision cuts them off at 255"
    profile = picture.info.get("icc_profile") or USUAL_COLOURS[0]
    if not any(usual in profile for usual in USUAL_COLOURS):
        yield "a colour profile other than sRGB, which was not applied, as torchvision does not"


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


def _pixels(picture: Image.Image, name: str) -> Pixels:
    if picture.mode in WIDE_MODES:
        wide = np.asarray(picture)
        if int(wide.min()) < 0 or int(wide.max()) > FULL_WIDE:
            raise DataError(
                f"the picture {name!r} has grey levels beyond 16 bits; expected 0 to {FULL_WIDE}. Save it as "
                "PNG."
            )
        return np.divide(wide[np.newaxis], np.float32(FULL_WIDE), dtype=np.float32)
    if picture.mode in GREY_MODES:
        return np.asarray(picture.convert("L"))[np.newaxis]
    if picture.mode not in COLOUR_MODES:
        raise DataError(
            f"the picture {name!r} has pixels of the kind {picture.mode!r}; expected grey, palette or colour "
            "pixels of 8 bits. Save it as PNG."
        )
    colours = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    if picture.mode in {"P", "PA"} and (colours == colours[:1]).all():
        colours = colours[:1]
    return colours


def _other_size(name: str, size: Size, first: str, expected: Size) -> str:
    return (
        f"all pictures must have one size, but {first!r} has {expected[0]}x{expected[1]} pixels and {name!r} "
        f"has {size[0]}x{size[1]}. Give --resize 32x32, or --resize 256 and --crop 224, as the network's "
        "own loader does."
    )


@dataclass(frozen=True)
class _Contents:
    """Files of one kind in a folder, in order, and those that go unused."""

    names: list[str]
    others: list[str]
    folders: list[str]


def read_folder(folder: Path, *, limit: int | None, seed: int, fit: Fit = AS_THEY_ARE) -> ImageSet:
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
    odd: dict[str, list[str]] = {}
    pixels = _read_all(root, [files[row] for row in rows], fit, odd)
    return ImageSet(
        printable(root.name),
        pixels,
        labels[rows],
        len(classes),
        tuple(printable(name) for name in classes),
        (
            *(
                f"{len(names)} of {len(rows)} pictures have {what} (the first is {quote(names[0])})."
                for what, names in odd.items()
            ),
            *_left_out(held),
        ),
    )


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _classes(root: Path) -> list[str]:
    found = [entry for entry in _visible(root) if entry.is_dir() and entry.name not in SYSTEM]
    names = [entry.name for entry in found if _stays_inside(root, entry)]
    if not names:
        raise DataError(
            f"the folder {root.name!r} has no subfolders; expected one with pictures for each class, such as "
            f"{root.name + '/cat/1.png'!r}."
        )
    if len(names) > MAX_CLASSES:
        raise DataError(f"the folder {root.name!r} has {len(names):,} subfolders; expected one a class.")
    return in_class_order(names)


def _pictures(root: Path, name: str) -> _Contents:
    contents = _Contents([], [], [])
    for entry in _visible(root / name):
        if PurePath(entry.name).suffix.lower() in SUFFIXES and entry.is_file() and _stays_inside(root, entry):
            contents.names.append(entry.name)
        elif entry.is_dir(follow_symlinks=False):
            contents.folders.append(f"{name}/{entry.name}")
        else:
            contents.others.append(f"{name}/{entry.name}")
    contents.names.sort()
    return contents


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
    nested = any(contents.folders for contents in held)
    remedy = (
        "Give the path of the folder whose subfolders are the classes." if nested else "Save some as PNG."
    )
    told = " ".join((*_left_out(held), remedy))
    raise DataError(f"no subfolder of {name!r} holds a picture ({', '.join(sorted(SUFFIXES))}). {told}")


def _left_out(held: list[_Contents]) -> Iterator[str]:
    """Yield what in the folders of the classes is not read."""
    for what, names in (
        ("Not pictures", sorted(name for contents in held for name in contents.others)),
        ("Below the classes' folders", sorted(name for c in held for name in c.folders)),
    ):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield f"{what}, and left out: {quote(names[0])}{more}."


def _read_all(root: Path, files: list[str], fit: Fit, odd: dict[str, list[str]]) -> Pixels:
    """Decode the pictures, one after the other, into one array; name in `odd` those that may surprise."""
    width, height = picture_size(root / files[0], files[0])
    refuse_too_large(1 if fit.scales else len(files), 1, height, width, dtype=np.uint8, source=root.name)
    first = read_picture(root / files[0], files[0], fit=fit, odd=odd)
    like = files[0], (first.shape[2], first.shape[1])
    pixels: Pixels = np.empty((0, *first.shape), first.dtype)
    for row, name in enumerate(files):
        picture = read_picture(root / name, name, like, fit, odd) if row else first
        channels = max(len(picture), pixels.shape[1])
        dtype = np.result_type(picture, pixels)
        if (channels, dtype) != (pixels.shape[1], pixels.dtype) or not row:
            shape = channels, *picture.shape[1:]
            refuse_too_large(len(files), *shape, dtype=dtype, source=root.name)
            before, pixels = pixels[:row], np.empty((len(files), *shape), dtype)
            pixels[:row] = in_kind(before, dtype)
        pixels[row] = in_kind(picture, dtype)
    return pixels
