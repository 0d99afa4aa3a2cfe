"""Labelled images from whatever a user names: an embedded data set, a folder, or a file."""

from collections.abc import Callable
from pathlib import Path

from trivet.datasets.composed import load_colour_digits, load_digit_pairs
from trivet.datasets.folder import read_folder
from trivet.datasets.idx import find_idx_pair, is_idx_name, read_idx
from trivet.datasets.images import ImageSet
from trivet.datasets.mnist import load_mnist
from trivet.datasets.npz import read_npz
from trivet.datasets.selection import choose_rows
from trivet.errors import DataError

__all__ = ["EMBEDDED", "load_images"]

#: Names that stand for data in the package; the short one is the part that networks were not trained on.
EMBEDDED: dict[str, Callable[[], ImageSet]] = {
    "mnist": lambda: load_mnist("test"),
    "mnist/test": lambda: load_mnist("test"),
    "mnist/train": lambda: load_mnist("train"),
    "colour-digits": lambda: load_colour_digits("test"),
    "digit-pairs": lambda: load_digit_pairs("test"),
}


def load_images(source: str | Path, *, limit: int | None = None, seed: int = 0) -> ImageSet:
    """Load labelled images, grey or colour, of one size, of at least two classes.

    Nothing in the files is executed, no link is followed out of a folder, and all pixels together
    take at most 1 GiB.

    Parameters
    ----------
    source
        A name in `EMBEDDED`, or a path: a folder of pictures with a subfolder a class, an ``.npz``
        file, the ``...-images-idx3-ubyte`` file of an IDX pair (packed by gzip or not), or a folder
        with one such pair. A name wins over a folder that is called like it; write ``./mnist`` for
        the folder.
    limit
        Take at most that many images, the same number of each class as far as there are; None
        takes all.
    seed
        Seed of that choice. Images stay in the order of the source.

    Returns
    -------
    ImageSet
        Pixels of shape (n, 1 or 3, height, width). A folder's classes are numbered in the order of
        their folders' names: by value where all are decimal numbers (0, 1, 2, ..., 10), by code
        points otherwise (``bird`` is 0, ``cat`` is 1); these names are its `class_names`. Classes
        of an ``.npz`` or IDX file are its labels, their number the largest label plus one, or the
        number of `class_names` that an ``.npz`` holds.

    Raises
    ------
    DataError
        If there is nothing there, it cannot be read, or it is not what it should be.
    UsageError
        If `limit` is too small for the number of classes.
    """
    if isinstance(source, str) and source in EMBEDDED:
        images = EMBEDDED[source]()
        if limit is None or limit >= len(images):
            return images
        return images.take(choose_rows(images.labels, limit=limit, seed=seed, source=images.name))
    path = Path(source)
    try:
        if path.is_dir():
            pair = find_idx_pair(path)
            read, place = (read_folder, path) if pair is None else (read_idx, pair)
        elif not path.is_file():
            raise DataError(f"there are no images at {str(path)!r}; expected {_expected()}.")
        elif path.suffix.lower() == ".npz":
            read, place = read_npz, path
        elif is_idx_name(path.name):
            read, place = read_idx, path
        else:
            raise DataError(f"{path.name!r} is no file of images that trivet reads; expected {_expected()}.")
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)!r} cannot be read ({error}); expected {_expected()}.") from error
    return read(place, limit=limit, seed=seed)


def _expected() -> str:
    return (
        f"one of {', '.join(EMBEDDED)}, a folder of pictures with a subfolder a class, an .npz file, or an "
        "...-images-idx3-ubyte file with its labels beside it"
    )
