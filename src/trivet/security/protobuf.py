"""Fields of a protobuf message and their lengths, read without building a message."""

from collections.abc import Iterator

__all__ = ["fields"]

#: Wire types of https://protobuf.dev/programming-guides/encoding/: a variable-length integer, eight
#: bytes, a length with as many bytes behind it, four bytes.
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
VARINT_BYTES = 10


def fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the number and the content of each field, in order."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        kind = key & 7
        start = position
        if kind == VARINT:
            _, position = _varint(message, position)
        elif kind == LENGTH:
            length, start = _varint(message, position)
            position = start + length
        elif kind in {FIXED32, FIXED64}:
            position += 4 if kind == FIXED32 else 8
        else:
            raise ValueError("expected a protobuf message")
        if position > len(message):
            raise ValueError("it ends within a field")
        yield key >> 3, message[start:position]


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the integer at `position`, and where it ends."""
    value = 0
    for index, byte in enumerate(message[position : position + VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more bytes follow
            return value, position + index + 1
    raise ValueError("it ends within a number")
