"""Untrusted class names, printable, and in the order that numbers the classes."""

from collections.abc import Iterable

__all__ = ["in_class_order", "printable"]


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
