"""Checks for enough images of each class, and a balanced selection among them."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.wording import first_line, quote

__all__ = ["MAX_CLASSES", "choose_rows", "class_numbers", "in_class_order", "in_turns", "printable"]

#: Twice as many as any data set in use has; a larger label is a mistake or an attack on memory.
MAX_CLASSES = 2**16
#: One to work on and one to judge by.
MIN_PER_CLASS = 2
SHOWN_CLASSES = 3


def choose_rows(
    labels: NDArray[np.int64],
    *,
    limit: int | None,
    seed: int,
    source: str,
    class_names: Sequence[str] | None = None,
    may_be_absent: bool = True,
) -> NDArray[np.int64]:
    """Return the rows of the images to take, ascending: all, or `limit` evenly over the classes.

    Each class gets the same number, or all that it has where that is fewer; which ones, follows
    `seed`.
    """
    counts = np.bincount(labels, minlength=0 if class_names is None else len(class_names))
    present = int(np.count_nonzero(counts))
    if present < 2:  # noqa: PLR2004 - a classifier tells at least two apart
        raise DataError(
            f"all images of {source!r} are of one class; expected images of at least two classes. Add images "
            "of the others."
        )
    few = np.flatnonzero((counts < MIN_PER_CLASS) & ((counts > 0) | (not may_be_absent)))
    if len(few):
        shown = ", ".join(
            f"{int(label) if class_names is None else class_names[label]!r} ({counts[label]})"
            for label in few[:SHOWN_CLASSES]
        )
        more = f" and {len(few) - SHOWN_CLASSES} more" if len(few) > SHOWN_CLASSES else ""
        raise DataError(
            f"{source!r} has too few images of some classes: {shown}{more}; "
            f"at least {MIN_PER_CLASS} of each class are needed. Add images, or leave the class out."
        )
    if limit is None or limit >= len(labels):
        return np.arange(len(labels))
    if limit < MIN_PER_CLASS * present:
        raise UsageError(
            f"{limit} images are too few for the {present} classes of {source!r}; take at least "
            f"{MIN_PER_CLASS * present}, {MIN_PER_CLASS} of each class."
        )
    return _evenly(labels, counts, limit, seed=seed)


def _evenly(
    labels: NDArray[np.int64], counts: NDArray[np.int64], limit: int, *, seed: int
) -> NDArray[np.int64]:
    """Take the first of every class, then the second of every class, and so on, of a shuffle."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    turn = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(by_class[np.argsort(turn, kind="stable")[:limit]])


def in_turns(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows in turns: one of every class, then a second of every class, and so on."""
    turn = np.empty(len(labels), dtype=np.int64)  # how many of its class stand before
    for label in np.unique(labels):
        own = labels == label
        turn[own] = np.arange(own.sum())
    return np.argsort(turn, kind="stable")


def printable(text: str) -> str:
    r"""Return `text` with what a terminal or a reader could be misled by written as an escape.

    Control characters, text-direction marks, line separators and undecodable bytes become
    ``\x1b``, ``\u202e`` and the like; letters of every script and plain spaces stay.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def in_class_order(names: Iterable[str]) -> list[str]:
    """Return the names in the order in which they number the classes.

    By value where all are decimal numbers (2 comes before 10), otherwise by their letters' code
    points, as torchvision does.
    """
    listed = sorted(names)
    if all(name.isascii() and name.isdecimal() for name in listed):
        return sorted(listed, key=int)
    return listed


#: A file of class numbers takes a few bytes a class.
MAX_ORDER_BYTES = 16 * 2**20


def class_numbers(names: Sequence[str], order: str) -> tuple[int, ...]:
    """Return the number that each class has in an order.

    Parameters
    ----------
    names
        Of the classes as they are numbered now.
    order
        ``text`` (by their letters, as torchvision's ImageFolder, timm and Keras number folders), ``number``
        (decimal names by value, as they are read), or a .json file with the number of each name, such as
        ImageFolder's ``class_to_idx``.

    Raises
    ------
    UsageError
        If the file cannot be read, or does not give every class a number of its own.
    """
    if order == "number":
        return tuple(range(len(names)))
    if order == "text":
        places = {name: place for place, name in enumerate(sorted(names))}
        return tuple(places[name] for name in names)
    try:
        with Path(order).open("rb") as stream:
            given = json.loads(stream.read(MAX_ORDER_BYTES))
        found = {printable(str(name)): number for name, number in given.items()}
    except Exception as error:  # a file of any content
        raise UsageError(
            f"the order of classes {quote(order)} cannot be read ({first_line(error)}); expected text, "
            "number, or a .json file with the number of each class by its name."
        ) from error
    numbers: list[int] = []
    for name in names:
        number = found.get(name)
        if type(number) is not int or not 0 <= number < MAX_CLASSES:
            raise UsageError(
                f"{quote(order)} has no number for the class {quote(name)}; give each one from 0 to "
                f"{MAX_CLASSES - 1}."
            )
        numbers.append(number)
    if len(set(numbers)) < len(numbers):
        raise UsageError(f"{quote(order)} gives two classes one number; give each its own.")
    return tuple(numbers)
