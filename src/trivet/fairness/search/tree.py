"""Subgroups as conjunctions of conditions, found from short to long among those with enough rows."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.search.bitsets import Words, sizes

__all__ = ["NONE", "Groups", "chunks_of", "find_groups", "over_batches", "words_of"]

Places = NDArray[np.int64]
T = TypeVar("T")

#: Stands for no condition.
NONE: Final = -1
#: Bytes of sets that are worked on at a time: they stay in a core's cache.
_CACHED: Final = 1 << 20
#: Candidates are counted for each subgroup that may be kept, at most.
_CANDIDATES: Final = 4
_BATCH: Final = 256


@dataclass(frozen=True, eq=False)
class Groups:
    """Subgroups.

    Attributes
    ----------
    members : Places of up to three conditions, shape (groups, 3), in rising order and behind them `NONE`.
    rows : Rows of each, shape (groups,).
    unsearched : Longer conjunctions that were not looked at, for there are too many: 0 where none.
    """

    members: Places
    rows: NDArray[np.int64]
    unsearched: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of conditions of each."""
        return (self.members != NONE).sum(axis=1)


def find_groups(
    words: Words, columns: Places, rows: int, *, fewest: int, depth: int, most: int, workers: int
) -> Groups:
    """Find conjunctions of up to `depth` conditions on different columns, the largest ones extended first.

    One with the same rows as a shorter one is that one, and left out. The number of threads decides nothing.
    """
    counts = sizes(words)
    kept = np.flatnonzero((counts >= fewest) & (counts <= rows - fewest))[:most]
    found = [_padded(kept[:, None])]
    found_rows = [counts[kept]]
    conditions = len(words)
    #: Rows of each pair, or 0 where it is not a subgroup of its own.
    pairs = np.zeros((conditions, conditions), dtype=np.int64)
    parents, parent_rows = kept[:, None], counts[kept]
    unsearched = 0
    for length in range(2, depth + 1):
        left = most - sum(map(len, found))
        order = np.argsort(-parent_rows, kind="stable")
        extended = _extensions(parents[order], kept, columns, pairs if length > 2 else None)  # noqa: PLR2004
        members, ceilings, missed = _candidates(extended, counts, pairs, most=left)
        unsearched += missed
        sizes_found = _count(words, members, workers)
        # A conjunction as large as one with fewer conditions is the same set of rows.
        fits = (sizes_found >= fewest) & (sizes_found <= rows - fewest) & (sizes_found < ceilings)
        members, sizes_found = members[fits], sizes_found[fits]
        unsearched += max(0, len(members) - left)
        members, sizes_found = members[:left], sizes_found[:left]
        if length == 2:  # noqa: PLR2004 - pairs
            pairs[members[:, 0], members[:, 1]] = sizes_found
        found.append(_padded(members))
        found_rows.append(sizes_found)
        parents, parent_rows = members, sizes_found
    members, sizes_found = np.concatenate(found), np.concatenate(found_rows)
    return Groups(members, sizes_found, unsearched)


def _extensions(
    parents: Places, kept: Places, columns: Places, pairs: NDArray[np.int64] | None
) -> Iterator[tuple[Places, Places]]:
    """Yield each parent with the conditions behind its last one that may extend it."""
    for parent in parents:
        later = kept[kept > parent[-1]]
        fits = ~np.isin(columns[later], columns[parent])
        if pairs is not None:
            # Every part of a subgroup is one: it has as many rows, and is not the same as a shorter one.
            fits &= (pairs[parent[0], later] > 0) & (pairs[parent[1], later] > 0)
        yield parent, later[fits]


def _candidates(
    extended: Iterator[tuple[Places, Places]],
    counts: NDArray[np.int64],
    pairs: NDArray[np.int64],
    *,
    most: int,
) -> tuple[Places, NDArray[np.int64], int]:
    """Return candidates, the rows that each must stay below, and how many there are beyond the limit."""
    members: list[Places] = []
    ceilings: list[NDArray[np.int64]] = []
    taken, missed, width = 0, 0, 2
    for parent, later in extended:
        width = len(parent) + 1
        if taken >= _CANDIDATES * most:
            missed += len(later)
            continue
        taken += len(later)
        members.append(np.column_stack([np.broadcast_to(parent, (len(later), len(parent))), later]))
        if len(parent) == 1:
            ceilings.append(np.minimum(counts[parent[0]], counts[later]))
        else:
            first, second = parent.tolist()
            ceilings.append(
                np.minimum(pairs[first, second], np.minimum(pairs[first, later], pairs[second, later]))
            )
    if not members:
        return np.empty((0, width), dtype=np.int64), np.empty(0, dtype=np.int64), missed
    return np.concatenate(members), np.concatenate(ceilings), missed


def _padded(members: Places) -> Places:
    padded = np.full((len(members), 3), NONE, dtype=np.int64)
    padded[:, : members.shape[1]] = members
    return padded


def _count(words: Words, members: Places, workers: int) -> NDArray[np.int64]:
    """Count the rows of conjunctions, shape (groups, conditions)."""

    def counted(batch: Places) -> NDArray[np.int64]:
        return np.concatenate([sizes(each) for each in chunks_of(words, batch)])

    parts = over_batches(_padded(members), counted, workers)
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def over_batches(members: Places, work: Callable[[Places], T], workers: int) -> list[T]:
    """Return what is found for each batch of subgroups, in their order."""
    batches = [members[start : start + _BATCH] for start in range(0, len(members), _BATCH)]
    if workers == 1 or len(batches) <= 1:
        return list(map(work, batches))
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, batches))


def chunks_of(words: Words, members: Places, mask: Words | None = None) -> Iterator[Words]:
    """Yield the rows of subgroups, of those in `mask`, a few subgroups at a time and in their order."""
    step = max(1, _CACHED // max(1, words.shape[1] * words.itemsize))
    last = (members != NONE).sum(axis=1) - 1
    ends = members[np.arange(len(members)), last]
    starts = members.copy()
    starts[np.arange(len(members)), last] = NONE
    # Neighbours differ in their last condition only, so that the others are joined once.
    changes = np.flatnonzero((starts[1:] != starts[:-1]).any(axis=1)) + 1
    bounds = [0, *changes.tolist(), len(members)]
    for begin, end in pairwise(bounds):
        common = mask
        for place in starts[begin].tolist():
            if place != NONE:
                common = words[place] if common is None else common & words[place]
        for first in range(begin, end, step):
            chosen = words[ends[first : min(end, first + step)]]
            if common is not None:
                np.bitwise_and(chosen, common, out=chosen)
            yield chosen


def words_of(words: Words, members: Sequence[int] | Places) -> Words:
    """Return the rows of one subgroup."""
    (found,) = chunks_of(words, np.asarray(members, dtype=np.int64)[None])
    return found[0]
