"""Folders of pictures that are broken or hostile, and what has to be said about each."""

import os
import zlib

from image_sources import Case, encoded, file, picture_folder, png, tiff, write_png

ESCAPES = "cat\x1b]0;owned\x07\x1b[31m"


def with_picture(content, name="cat/0.png"):
    """Return a builder of a good folder in which one picture has other content."""

    def build(folder):
        root = picture_folder(folder)
        (root / name).write_bytes(content if isinstance(content, bytes) else content())
        return root

    return build


def enormous_file(folder):
    root = picture_folder(folder)
    with (root / "cat" / "0.png").open("r+b") as stream:
        stream.truncate(2**32)  # a hole, which takes no room
    return root


def nothing(folder):
    return folder / "nowhere"


def empty_folder(folder):
    return folder


def flat_folder(folder):
    for number in range(4):
        write_png(folder / f"{number}.png")
    return folder


def folder_of_parts(folder):
    picture_folder(folder / "train")
    picture_folder(folder / "test")
    return folder


def folder_of_texts(folder):
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        (folder / name / "notes.txt").write_text("no picture")
        (folder / name / ".hidden.png").write_bytes(encoded())
        os.mkfifo(folder / name / "pipe.png")
    return folder


def one_class(folder):
    return picture_folder(folder, classes=("cat",))


def an_empty_class(folder):
    root = picture_folder(folder)
    (root / "ant").mkdir()
    return root


def an_escaping_class(folder):
    root = picture_folder(folder, classes=(ESCAPES, "dog"))
    (root / ESCAPES / "0.png").write_bytes(b"no picture")
    return root


def an_escaping_picture(folder):
    root = picture_folder(folder)
    (root / "dog" / "\x1b[2J.png").write_bytes(b"no picture")
    return root


def link(name, target, *, directory=False):
    """Return a builder of a good folder with a link in it."""

    def build(folder):
        root = picture_folder(folder)
        outside = folder / "outside"
        picture_folder(outside)
        (root / name).symlink_to(outside / target, target_is_directory=directory)
        return root

    return build


def enormous_pictures(folder):
    root = picture_folder(folder)
    for path in list(root.glob("*/*.png")):
        for number in range(4):
            path.with_name(f"{number}-{path.name}").write_bytes(png(9_000, 9_000, b""))
        path.unlink()
    return root


SMALL_JPEG = encoded(size=(64, 64), kind="JPEG")

PICTURE_CASES = (
    # What is not there, or is something else.
    Case("nothing there", nothing, "there are no images at"),
    Case("a text file", file(b"hello", "a.txt"), "'a.txt' is not a file of images"),
    Case("an empty folder", empty_folder, "has no subfolders; expected one with pictures for each class"),
    Case("pictures without class folders", flat_folder, "has no subfolders"),
    Case("parts above the classes", folder_of_parts, "Give the path of the folder whose subfolders are"),
    Case("texts, hidden files, pipes", folder_of_texts, "left out: 'cat/notes.txt' and 3 more"),
    # Classes.
    Case("one class", one_class, "are of one class; expected images of at least two classes"),
    Case("a class without pictures", an_empty_class, "too few images of some classes: 'ant' (0); at least 2"),
    # Pictures.
    Case(
        "another size",
        with_picture(encoded(size=(5, 6)), "dog/1.png"),
        "'cat/0.png' has 5x4 pixels and 'dog/1.png' has 5x6",
    ),
    Case("a picture on its side", with_picture(encoded(size=(4, 5)), "dog/1.png"), "'dog/1.png' has 4x5"),
    Case("a bomb", with_picture(png(60_000, 60_000, b"")), "'cat/0.png' was refused: it claims more than"),
    Case("a later bomb", with_picture(png(60_000, 60_000, b""), "dog/1.png"), "'dog/1.png' was refused"),
    Case("a smaller bomb", with_picture(png(10_000, 9_000, b""), "dog/1.png"), "'dog/1.png' was refused"),
    Case("enormous pictures", enormous_pictures, "16 images of 9000x9000 pixels and 1 channel in 'pictures'"),
    Case("a picture without pixels", with_picture(png(5, 4, b"")), "the picture 'cat/0.png' cannot be read"),
    Case("a picture of nothing", with_picture(png(0, 0, b"")), "the picture 'cat/0.png' cannot be read"),
    Case("a truncated JPEG", with_picture(SMALL_JPEG[:-300]), "the picture 'cat/0.png' cannot be read"),
    Case(
        "a truncated PNG",
        with_picture(encoded()[:-40], "dog/0.png"),
        "the picture 'dog/0.png' cannot be read",
    ),
    Case(
        "a truncated WebP", with_picture(encoded(kind="WEBP")[:-9]), "the picture 'cat/0.png' cannot be read"
    ),
    Case("a truncated GIF", with_picture(encoded("P", (64, 64), "GIF")[:900]), "'cat/0.png' cannot be read"),
    Case("a truncated TIFF", with_picture(encoded(kind="TIFF")[:-60]), "'cat/0.png' cannot be read"),
    Case(
        "a TIFF of broken strips",
        with_picture(tiff(16, b"no deflate")),
        "the picture 'cat/0.png' cannot be read",
    ),
    Case(
        "a bomb of tiles",
        with_picture(tiff(32_768, zlib.compress(bytes(2**24)))),
        "packed in tiles larger than",
    ),
    Case("an enormous file", enormous_file, "the picture 'cat/0.png' has 4,294,967,296 bytes"),
    Case("an empty picture", with_picture(b""), "the picture 'cat/0.png' cannot be read"),
    Case("PostScript", with_picture(b"%!PS-Adobe-3.0 EPSF-3.0\n"), "the picture 'cat/0.png' cannot be read"),
    Case("an icon", with_picture(encoded(kind="ICO")), "the picture 'cat/0.png' cannot be read"),
    Case("floats in a TIFF", with_picture(encoded("F", kind="TIFF")), "has pixels of the kind 'F'"),
    Case("a name with escapes", an_escaping_picture, r"the picture 'dog/\x1b[2J.png' cannot be read"),
    Case(
        "a class with escapes", an_escaping_class, r"the picture 'cat\x1b]0;owned\x07\x1b[31m/0.png' cannot"
    ),
    Case(
        "a linked picture",
        link("cat/2.png", "pictures/cat/0.png"),
        "'cat/2.png' in 'pictures' is a link out of",
    ),
    Case(
        "a linked class", link("ant", "pictures/cat", directory=True), "'ant' in 'pictures' is a link out of"
    ),
)
