"""Image sources to read or to spoil: good ones, and files whose headers say what they like."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIGN = "executed"


GREY = np.arange(6 * 4 * 5, dtype=np.uint8).reshape(6, 4, 5)


LABELS = np.array([0, 1, 0, 1, 0, 1])


@dataclass(frozen=True)
class Case:
    """An image source made by `build` in an empty folder; `message` is in its one line of error."""

    name: str
    build: Callable[[Path], Path]
    message: str


def write_png(path, pixels=GREY[0]):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "PNG")
    return path


def picture_folder(folder, classes=("cat", "dog"), each=2):
    """Write a good folder of pictures to spoil."""
    root = folder / "pictures"
    for name in classes:
        for number in range(each):
            write_png(root / name / f"{number}.png")
    return root


def encoded(mode="RGB", size=(5, 4), kind="PNG", **settings):
    """Return the bytes of a picture of noise."""
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(stream, kind, **settings)
    return stream.getvalue()


def png(width, height, data, *, depth=8, colour=0):
    """Return a PNG whose header says what it likes."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)),
        (b"IDAT", zlib.compress(data)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def tiff(side, data, *, compression=8):
    """Return a grey TIFF of 5x4 pixels in tiles with sides as long as it likes."""
    tags = {
        256: 5,
        257: 4,
        258: 8,
        259: compression,
        262: 1,
        277: 1,
        322: side,
        323: side,
        324: 8,
        325: len(data),
    }
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return (
        b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + fields + bytes(4)
    )


def save(**arrays):
    """Return a builder of an .npz file with these arrays."""

    def build(folder):
        np.savez(folder / "a.npz", **arrays)
        return folder / "a.npz"

    return build


def saved(images, labels=LABELS, **others):
    return save(images=images, labels=labels, **others)


def npy(shape, descr="'|u1'", *, fortran="False", extra=0):
    """Return the header of an array that claims what it likes."""
    header = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    header += b" " * (extra + 63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def zipped(images, *, labels=LABELS, claimed=None, method=zipfile.ZIP_STORED):
    """Return a builder of a zip with `images` for an array, of `claimed` bytes by its table."""

    def build(folder):
        path = folder / "a.npz"
        stream = io.BytesIO()
        np.save(stream, labels)
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("labels.npy", stream.getvalue())
            archive.writestr("images.npy", images)
        if claimed is not None:
            content = bytearray(path.read_bytes())
            place = content.rindex(b"PK\x01\x02", 0, content.rindex(b"images.npy"))
            content[place + 24 : place + 28] = struct.pack("<I", claimed)
            path.write_bytes(content)
        return path

    return build


def idx(shape, data, *, magic=None):
    """Return an IDX file of unsigned bytes."""
    head = bytes((0, 0, 8, len(shape))) if magic is None else magic
    return head + struct.pack(f">{len(shape)}I", *shape) + data


GOOD_IMAGES = idx((6, 4, 5), GREY.tobytes())


GOOD_LABELS = idx((6,), bytes(LABELS.tolist()))


def idx_pair(images=GOOD_IMAGES, labels=GOOD_LABELS, *, packed=False, ending=""):
    """Return a builder of an IDX pair; None leaves the labels out."""

    def build(folder):
        ends = ".gz" if packed else ending
        path = folder / f"t10k-images-idx3-ubyte{ends}"
        path.write_bytes(gzip.compress(images) if packed else images)
        if labels is not None:
            (folder / f"t10k-labels-idx1-ubyte{ends}").write_bytes(
                gzip.compress(labels) if packed else labels
            )
        return path

    return build


def file(content, name):
    def build(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return build
