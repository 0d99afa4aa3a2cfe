"""Bit sets count what boolean arrays do, whatever the size of a block."""

import numpy as np
import pytest

from trivet.fairness.search.bitsets import Blocks, sizes


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 1000, 4096, 4097, 32_768, 32_769, 70_001, 200_003])
def test_counts_are_those_of_boolean_arrays(rows):
    generator = np.random.default_rng(rows)
    members = generator.random((3, rows)) < 0.3
    blocks = Blocks.of(rows)
    words = blocks.pack(members)
    assert words.shape == (3, blocks.words)
    assert (blocks.unpack(words) == members).all()
    assert sizes(words).tolist() == members.sum(axis=1).tolist()
    counts = blocks.count(words)
    assert counts.shape == (3, blocks.blocks)
    assert counts.sum(axis=1).tolist() == members.sum(axis=1).tolist()
    everyone = blocks.count(blocks.pack(np.ones((1, rows), dtype=bool)))[0]
    assert (counts <= everyone).all()
    assert blocks.blocks >= min(rows, 500)


@pytest.mark.parametrize("rows", [100, 5_000, 33_000, 150_000])
def test_blocks_of_neighbours_hold_neighbours(rows):
    generator = np.random.default_rng(rows)
    members = generator.random(rows) < 0.4
    blocks = Blocks.of(rows)
    words = blocks.pack_in_order(members)
    assert (blocks.unpack_in_order(words) == members).all()
    counts = blocks.count(words[None])[0]
    assert counts.tolist() == np.add.reduceat(members.astype(int), blocks.first_rows).tolist()


def test_intersections_are_bitwise():
    generator = np.random.default_rng(0)
    one, other = generator.random((2, 10_000)) < 0.5
    blocks = Blocks.of(10_000)
    both = blocks.pack(one) & blocks.pack(other)
    assert int(sizes(both)) == int((one & other).sum())
