"""``.npz`` and IDX files that are broken or hostile, and what has to be said about each."""

import gzip
import os
import struct
import zipfile

import numpy as np
from image_sources import (
    GOOD_IMAGES,
    GOOD_LABELS,
    GREY,
    LABELS,
    SIGN,
    Case,
    file,
    idx,
    idx_pair,
    npy,
    save,
    saved,
    zipped,
)


class RunsCode:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


GOOD_ARRAY = npy((6, 4, 5)) + GREY.tobytes()


def npz_of_objects(folder):
    arrays = np.empty(6, object)
    arrays[:] = [RunsCode(folder / SIGN) for _ in range(6)]
    np.savez(folder / "a.npz", images=arrays, labels=LABELS)
    return folder / "a.npz"


def encrypted(folder):
    path = zipped(npy((6, 4, 5)) + bytes(120))(folder)
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.rindex(signature)
        content[place + offset] |= 1
    path.write_bytes(content)
    return path


def endless_table(folder):
    """Write a zip whose table of contents is said to be gigabytes long."""
    path = zipped(npy((6, 4, 5)) + bytes(120))(folder)
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    content[end:end] = bytes(6 * 2**20)
    end = content.rindex(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<I", 5 * 2**20)
    path.write_bytes(content)
    return path


def flipped_bit(folder):
    path = saved(GREY)(folder)
    content = bytearray(path.read_bytes())
    content[content.index(GREY.tobytes()) + 50] ^= 1
    path.write_bytes(content)
    return path


def gzip_bomb(folder):
    """Write 1,152 MiB of black images into a megabyte, and labels that belong to them."""
    path = idx_pair(b"", labels=idx((2**17,), bytes((0, 1)) * 2**16))(folder)
    path.write_bytes(gzip.compress(idx((2**17, 96, 96), b"")) + gzip.compress(bytes(2**24)) * 72)
    return path


def endless_gzip(folder):
    """Write images that go on for 512 MiB behind the last one."""
    path = idx_pair()(folder)
    path.write_bytes(gzip.compress(GOOD_IMAGES) + gzip.compress(bytes(2**24)) * 32)
    return path


def linked_labels(folder):
    path = idx_pair(labels=None)(folder)
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(GOOD_LABELS)
    inside = folder / "inside"
    inside.mkdir()
    path = path.rename(inside / path.name)
    (inside / "t10k-labels-idx1-ubyte").symlink_to(outside / "secret")
    return path


def linked_images(folder):
    path = idx_pair()(folder)
    inside = folder / "inside"
    inside.mkdir()
    (inside / path.name).symlink_to(path)
    (inside / "t10k-labels-idx1-ubyte").write_bytes(GOOD_LABELS)
    return inside


def piped_images(folder):
    os.mkfifo(folder / "t10k-images-idx3-ubyte")
    return folder


def two_pairs(folder):
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(GOOD_IMAGES)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(GOOD_LABELS)
    return folder


ARRAY_CASES = (
    # Archives of arrays.
    Case("no zip", file(b"not an archive", "a.npz"), "'a.npz' cannot be read as an .npz file"),
    Case("an empty npz", file(b"", "a.npz"), "'a.npz' cannot be read as an .npz file"),
    Case("a cut npz", file(b"PK\x03\x04" + bytes(60), "a.npz"), "'a.npz' cannot be read as an .npz file"),
    Case(
        "no labels",
        save(images=GREY),
        "y, y_test, test_labels, targets, target or arr_1; found 'images'",
    ),
    Case("no images", save(labels=LABELS), "should hold one array called images, image, imgs, x, x_test"),
    Case("two sets of images", saved(GREY, x_test=GREY), "found 'images', 'x_test'"),
    Case("pickled objects", npz_of_objects, "is an array of Python objects"),
    Case(
        "pickled class names",
        saved(GREY, class_names=np.array([{}, []], object)),
        "is an array of Python objects",
    ),
    Case(
        "class names that are numbers",
        saved(GREY, class_names=np.arange(2)),
        "should be a list of at most 65,536 strings",
    ),
    Case(
        "too few class names", saved(GREY, class_names=np.array(["a"])), "1 class names, but labels up to 1"
    ),
    Case(
        "a claim beyond the archive",
        zipped(npy((400_000, 28, 28)) + bytes(99)),
        "its header tells of 313,600,128 bytes",
    ),
    Case(
        "too many pixels",
        zipped(npy((1_100_000, 32, 32)), labels=np.arange(1_100_000) % 2, claimed=1_126_400_128),
        "1,100,000 images of 32x32 pixels and 1 channel in 'a.npz' take more than",
    ),
    Case("too many images", zipped(npy((2**25, 1, 2)), claimed=2**26 + 128), "claims the shape 33554432x1x2"),
    Case(
        "too many bytes",
        zipped(npy((6, 7_000, 7_000), "'<f8'"), claimed=2_352_000_128),
        "claims the shape 6x7000x7000",
    ),
    Case("a bomb of floats", zipped(npy((6, 16_000, 16_000), "'<f8'"), claimed=2**30), "is damaged or lies"),
    Case("more than a table can say", zipped(npy((2**40, 4, 5)), claimed=2**32 - 2), "is damaged or lies"),
    Case(
        "a lie in the table",
        zipped(GOOD_ARRAY[:-60], claimed=len(GOOD_ARRAY)),
        "'images' of 'a.npz' is truncated",
    ),
    Case("a flipped bit", flipped_bit, "'a.npz' cannot be read as an .npz file (Bad CRC-32"),
    Case("an endless table of contents", endless_table, "a zip's directory, takes more than 4 MiB"),
    Case(
        "an endless header",
        zipped(npy((6, 4, 5), extra=20_000) + bytes(120)),
        "has a header that no array of",
    ),
    Case("nested headers", zipped(npy("(" * 4000) + bytes(120)), "'a.npz' cannot be read as an .npz file"),
    Case("a negative shape", zipped(npy((-6, 4, 5)) + bytes(120)), "is damaged or lies"),
    Case("no numbers", zipped(npy((6, 4, 5), "'|V1'") + bytes(120)), "holds values of type |V1"),
    Case(
        "a strange compression",
        zipped(GOOD_ARRAY, method=zipfile.ZIP_LZMA),
        "packed in a way that NumPy does not",
    ),
    Case("an encrypted npz", encrypted, "encrypted"),
    Case("Fortran order", saved(np.asfortranarray(GREY)), "is in Fortran order"),
    Case("no images in the array", saved(GREY[:0], LABELS[:0]), "claims the shape 0x4x5"),
    Case("flat images", saved(GREY.reshape(6, 20)), "has the shape 6x20; expected (n, height, width)"),
    Case(
        "five channels", saved(np.zeros((6, 5, 8, 5), np.uint8)), "has the shape 6x5x8x5; expected (n, height"
    ),
    Case(
        "channels on both sides",
        saved(np.zeros((6, 3, 8, 3), np.uint8)),
        "the channels may come second or last",
    ),
    Case(
        "signed pixels",
        saved(GREY.astype(np.int64)),
        "holds values of type int64; expected uint8, uint16, or",
    ),
    Case("NaN pixels", saved(np.where(GREY == 7, np.nan, 0.5)), "holds pixels that are not finite"),
    Case("infinite pixels", saved(np.where(GREY == 7, np.inf, 0.5)), "holds pixels that are not finite"),
    Case(
        "pixels to 255",
        saved(GREY.astype(np.float32)),
        "holds pixels from 0 to 119; expected values in [0, 1]. Divide by 255",
    ),
    Case("normalised pixels", saved((GREY - 60.0) / 60), "holds pixels from -1 to 0.983333"),
    Case("labels for others", saved(GREY, LABELS[:4]), "has the shape 4, but there are 6 images"),
    Case(
        "labels of text", saved(GREY, np.array(list("ababab"))), "holds values of type <U1; expected integer"
    ),
    Case("labels with a half", saved(GREY, LABELS / 2), "holds values of type float64; expected integer"),
    Case("a negative label", saved(GREY, LABELS - 1), "holds the label -1; expected class numbers from 0"),
    Case("an enormous label", saved(GREY, LABELS * 2**40), "holds the label 1099511627776"),
    Case("two ones in a row", saved(GREY, np.ones((6, 2))), "is not one-hot"),
    # Pairs of IDX files.
    Case("no labels file", idx_pair(labels=None), "the labels of 't10k-images-idx3-ubyte' are missing"),
    Case("linked labels", linked_labels, "'t10k-labels-idx1-ubyte' is a link out of its folder"),
    Case("a pipe for images", piped_images, "has no subfolders; expected one with pictures for each class"),
    Case("linked images", linked_images, "'t10k-images-idx3-ubyte' is a link out of its folder"),
    Case(
        "two pairs", two_pairs, "holds 2 files of images: 't10k-images-idx3-ubyte', 'train-images-idx3-ubyte'"
    ),
    Case(
        "no IDX", idx_pair(b"hello, world, hello"), "begins with the bytes 68 65 6c 6c; expected 00 00 08 03"
    ),
    Case("an empty IDX", idx_pair(b""), "begins with the bytes (none)"),
    Case(
        "floats in an IDX",
        idx_pair(idx((6, 4, 5), bytes(480), magic=b"\0\0\x0d\x03")),
        "begins with the bytes 00 00 0d",
    ),
    Case("labels as images", idx_pair(GOOD_LABELS), "begins with the bytes 00 00 08 01"),
    Case(
        "an IDX of 2^31 images",
        idx_pair(idx((2**31, 28, 28), b"")),
        "its header tells of 1,683,627,180,048 bytes",
    ),
    Case(
        "a packed IDX of 2^31 images", idx_pair(idx((2**31, 28, 28), b""), packed=True), "is damaged or lies"
    ),
    Case("an IDX of 2^96 pixels", idx_pair(idx((2**32 - 1,) * 3, b"")), "is damaged or lies"),
    Case("a cut IDX", idx_pair(GOOD_IMAGES[:-1]), "its header tells of 136 bytes, but the file has 135"),
    Case("a cut header", idx_pair(GOOD_IMAGES[:7]), "is damaged or lies"),
    Case("an IDX with more behind", idx_pair(GOOD_IMAGES + b"x"), "but the file has 137"),
    Case("a packed cut IDX", idx_pair(GOOD_IMAGES[:-1], packed=True), "is truncated"),
    Case("a packed IDX with more", idx_pair(GOOD_IMAGES + b"x", packed=True), "it goes on after the values"),
    Case(
        "a gzip bomb that lies",
        idx_pair(idx((2**17, 64, 64), bytes(2**20)), packed=True),
        "is damaged or lies",
    ),
    Case(
        "a gzip bomb that does not",
        gzip_bomb,
        "131,072 images of 96x96 pixels and 1 channel in 't10k-images-idx3-ubyte'",
    ),
    Case("endless gzip", endless_gzip, "it goes on after the values"),
    Case(
        "gzip with damaged numbers",
        idx_pair(gzip.compress(GOOD_IMAGES)[:12] + b"\xff\xff" + gzip.compress(GOOD_IMAGES)[14:]),
        "cannot be read as IDX files (error:",
    ),
    Case("a broken gzip", idx_pair(gzip.compress(GOOD_IMAGES)[:-9]), "cannot be read as IDX files"),
    Case("labels for fewer", idx_pair(labels=idx((4,), bytes(4))), "has the shape 4, but there are 6 images"),
    # Classes.
    Case("one class in an npz", saved(GREY, LABELS * 0), "are of one class"),
    Case("a class of one image", saved(GREY, [0, 0, 0, 1, 1, 2]), "too few images of some classes: 2 (1);"),
)
