"""Sets of rows as bits, in blocks of rows whose counts are taken together."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blocks", "Words", "sizes"]

Words = NDArray[np.uint64]

_BITS: Final = 64
_BYTE: Final = 8
#: Blocks at most; with hundreds of them correlations of counts are known to a few percent.
MOST_BLOCKS: Final = 4096
#: Blocks that large tables are divided into.
USUAL_BLOCKS: Final = 1024


@dataclass(frozen=True)
class Blocks:
    """Division of rows, in an order of their own, into blocks.

    Attributes
    ----------
    rows : How many rows there are.
    blocks : How many blocks.
    deep : Words of 64 rows in a block; 0 where a block is a byte or a single row.
    single : Whether a block is one row; else, without words, it is a byte of eight.
    """

    rows: int
    blocks: int
    deep: int
    single: bool

    @classmethod
    def of(cls, rows: int) -> "Blocks":
        """Divide rows into single ones where they are few, and else into about a thousand blocks or more."""
        if rows <= MOST_BLOCKS:
            return cls(rows, rows, 0, single=True)
        if rows <= _BYTE * MOST_BLOCKS:
            return cls(rows, math.ceil(rows / _BYTE), 0, single=False)
        deep = max(1, math.ceil(rows / (_BITS * USUAL_BLOCKS)))
        return cls(rows, math.ceil(rows / (_BITS * deep)), deep, single=False)

    @property
    def words(self) -> int:
        """Words of a set."""
        return self.deep * self.blocks if self.deep else math.ceil(self.rows / _BITS)

    def pack(self, members: NDArray[np.bool_]) -> Words:
        """Return sets of shape (..., rows) as words of shape (..., words)."""
        packed = np.packbits(members, axis=-1, bitorder="little")
        found = np.zeros((*members.shape[:-1], self.words * _BYTE), dtype=np.uint8)
        found[..., : packed.shape[-1]] = packed
        return found.view(np.uint64)

    def pack_in_order(self, members: NDArray[np.bool_]) -> Words:
        """Return sets as `pack` does, with neighbouring rows in the same block."""
        if not self.deep:
            return self.pack(members)
        whole = np.zeros((*members.shape[:-1], self.words * _BITS), dtype=np.bool_)
        whole[..., : self.rows] = members
        divided = whole.reshape(*members.shape[:-1], self.blocks, self.deep, _BITS)
        packed = np.packbits(np.swapaxes(divided, -3, -2), axis=-1, bitorder="little")
        return np.ascontiguousarray(packed).reshape(*members.shape[:-1], -1).view(np.uint64)

    def unpack_in_order(self, words: Words) -> NDArray[np.bool_]:
        """Return one set, shape (words,), that `pack_in_order` packed, as shape (rows,)."""
        if not self.deep:
            return self.unpack(words)
        divided = np.ascontiguousarray(words.reshape(self.deep, self.blocks).T).view(np.uint8)
        bits = np.unpackbits(divided.ravel(), bitorder="little")
        return bits[: self.rows].astype(np.bool_)

    @property
    def first_rows(self) -> NDArray[np.int64]:
        """First row of each block among rows in their order, shape (blocks,)."""
        return np.arange(self.blocks) * (1 if self.single else _BITS * self.deep if self.deep else _BYTE)

    def unpack(self, words: Words) -> NDArray[np.bool_]:
        """Return sets of shape (..., words) as shape (..., rows)."""
        bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=-1, bitorder="little")
        return bits[..., : self.rows].astype(np.bool_)

    def count(self, words: Words) -> NDArray[np.unsignedinteger]:
        """Count the members of sets, shape (sets, words), in each block: shape (sets, blocks)."""
        if self.deep:
            # Word k * blocks + b belongs to block b, so that blocks are added up as whole vectors.
            counts = np.bitwise_count(words).reshape(len(words), self.deep, self.blocks)
            narrow = self.deep * _BITS <= np.iinfo(np.uint16).max
            return np.add.reduce(counts, axis=1, dtype=np.uint16 if narrow else np.uint32)
        octets = words.view(np.uint8)
        if self.single:
            return np.unpackbits(octets, axis=-1, bitorder="little")[:, : self.rows].astype(np.uint16)
        return np.bitwise_count(octets)[:, : self.blocks].astype(np.uint16)


def sizes(words: Words) -> NDArray[np.int64]:
    """Count the members of sets of shape (..., words)."""
    return np.bitwise_count(words).sum(axis=-1, dtype=np.int64)
