"""Content of a file that is not a checkpoint, by its first bytes and never by its name."""

import codecs
import re
import zlib
from pathlib import Path
from typing import Final

__all__ = ["other_than_checkpoint"]

#: How much of a file is looked at: at its start, and of what gzip packs there.
START_BYTES: Final = 64 * 1024
UNPACKED_BYTES: Final = 4 * 1024
#: Where the directory of a zip archive ends, which may follow anything.
ZIP_END: Final = b"PK\x05\x06"

PICTURE, TABLE, PROGRAM = "a picture", "a table", "a program"
#: How files begin that hold no network.
BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"GIF87a", PICTURE),
    (b"GIF89a", PICTURE),
    (b"II*\x00", PICTURE),
    (b"MM\x00*", PICTURE),
    (b"%PDF-", "a PDF"),
    (b"PAR1", TABLE),
    (b"SQLite format 3\x00", TABLE),
    (b"\x7fELF", PROGRAM),
    (b"\xcf\xfa\xed\xfe", PROGRAM),
    (b"\x00\x00\x00\x01Bud1", "settings of a folder's view"),
    (b"\x00\x05\x16\x07", "settings of a folder's view"),
    (b"\x00\x00\x08\x01", "labels in IDX format"),
    (b"\x00\x00\x08\x03", "images in IDX format"),
)
#: First members of the zip archives that office documents and sets of images are.
FIRST_MEMBERS: Final = {
    b"[Content_Types].xml": "an office document",
    b"mimetype": "an office document",
    b"images.npy": "a set of images",
    b"labels.npy": "a set of images",
}
GIT_LFS: Final = b"version https://git-lfs.github.com/"
#: How weights begin that are text: pickles of the oldest protocol, and what Lua's Torch writes.
WEIGHTS_AS_TEXT: Final = re.compile(rb"\([dl]p\d*\n|c[\w.]+\n[\w.]+\n[(p]|\(?L\d+L?\n|\d+\n\d+\n\d+\nV \d")
#: Control characters that stand in text: tabulator, line breaks, form feed, escape.
IN_TEXT: Final = frozenset(map(ord, "\t\n\r\f\x1b"))


def other_than_checkpoint(path: Path) -> str | None:
    """Return what a file holds, such as "text", where that is known and not a checkpoint.

    None stands for all else: a checkpoint, or something unknown.
    """
    with path.open("rb") as stream:
        start = stream.read(START_BYTES)
        end = stream.seek(0, 2)
        stream.seek(max(0, end - START_BYTES))
        tail = stream.read(START_BYTES)
    if not start:
        return "an empty file"
    if start.startswith(b"PK\x03\x04"):
        length = int.from_bytes(start[26:28], "little")
        return FIRST_MEMBERS.get(start[30 : 30 + length])
    if ZIP_END in tail:
        return None
    if start.startswith(b"\x1f\x8b"):
        inner = _unpacked(start)
        return None if not inner else _plain(inner, whole=False)
    return _plain(start, whole=end <= START_BYTES)


def _plain(start: bytes, *, whole: bool) -> str | None:
    for beginning, what in BEGINNINGS:
        if start.startswith(beginning):
            return what
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return PICTURE
    if start.startswith(b"BM") and start[6:10] == bytes(4) and start[15:18] == bytes(3):
        return PICTURE
    if start[2:4] == b"\r\n" and start[4:8] in {bytes(4), b"\x01\0\0\0", b"\x03\0\0\0"}:
        return "compiled Python"
    if start.startswith(b"\x93NUMPY") and b"'|O'" not in start[:200]:
        return "one array of numbers"
    return "text" if _is_text(start, whole=whole) else None


def _is_text(start: bytes, *, whole: bool) -> bool:
    if start.startswith(GIT_LFS) or WEIGHTS_AS_TEXT.match(start):
        return False
    encoding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start, final=whole)
    except UnicodeDecodeError:
        return False
    return all(ord(character) >= 32 or ord(character) in IN_TEXT for character in text)  # noqa: PLR2004


def _unpacked(start: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(start, UNPACKED_BYTES)
    except zlib.error:
        return b""
