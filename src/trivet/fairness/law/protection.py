"""Choice of the lines of some tables to withhold, so that no small count can be computed from the others.

Tables by several columns and by all of them together are sums of the same cells: whoever knows all lines but
one, and the total, knows that one. A line with a small count is withheld, and then others, until the least
and the greatest value that each withheld count can have, given all that is published, are apart
(complementary suppression; L. H. Cox, JASA 75, 1980). Both are found by linear programmes over the cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

__all__ = ["PARTLY", "PUBLISHED", "WITHHELD", "Line", "protect"]

#: All counts of a line are published; those that do not tell errors apart; or none.
PUBLISHED, PARTLY, WITHHELD = 0, 1, 2
#: Counts other than of rows can have as many values more at least.
_APART: Final = 2
#: Cells beyond which the table by all columns is withheld as a whole.
_MOST_CELLS: Final = 300

_ROUNDING: Final = 1e-9
#: Withheld lines beyond which none is published again.
_MOST_TRIED: Final = 60

#: Kinds of rows: with labels negative and positive label, each not selected and selected; else the last two.
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A line of a table.

    Attributes
    ----------
    table : Place of its table; the table by all columns is the last one.
    cells : Places of the cells that it is the sum of.
    kept : Whether others are withheld before it, as it is what they are compared with.
    rows_only : Whether only its rows are published, of whatever kind.
    """

    table: int
    cells: tuple[int, ...]
    kept: bool = False
    rows_only: bool = False

    def forms(self, kinds: int) -> NDArray[np.int64]:
        """Return the counts that are published of it in any case, as sums of kinds: rows come first."""
        return _forms(kinds)[: 1 if self.rows_only else None]


def protect(counts: Counts, lines: Sequence[Line], *, fewest: int) -> list[int]:
    """Return of each line of all tables whether it is published, partly or not at all.

    `counts` are rows by cell and kind, shape (cells, 2), or (cells, 4) with labels. Their total is published.
    """
    sums = np.array([counts[list(line.cells)].sum(axis=0) for line in lines])
    levels = [_level(line, own, fewest) for line, own in zip(lines, sums, strict=True)]
    if not any(levels):
        return levels
    last = max(line.table for line in lines)
    if len(counts) > _MOST_CELLS and last > 0:
        return _apart(lines, sums, levels, last, fewest)
    return _withheld_until_safe(counts, lines, sums, levels, fewest)


def _level(line: Line, own: Counts, fewest: int) -> int:
    """Return what must be withheld of a line by itself."""
    if (line.forms(len(own)) @ own < fewest).any():
        return WITHHELD
    return PARTLY if not line.rows_only and (own < fewest).any() else PUBLISHED


def _forms(kinds: int) -> NDArray[np.int64]:
    if kinds == 2:  # noqa: PLR2004 - without labels
        return np.array([[1, 1], [0, 1], [1, 0]])
    return np.array([[1, 1, 1, 1], [0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1], [1, 1, 0, 0]])


def _apart(lines: Sequence[Line], sums: Counts, levels: Sequence[int], last: int, fewest: int) -> list[int]:
    """Withhold the table by all columns, and protect each of the others, which then share the total alone."""
    found = [WITHHELD if line.table == last else level for line, level in zip(lines, levels, strict=True)]
    for table in range(last):
        own = [place for place, line in enumerate(lines) if line.table == table]
        alone = [replace(lines[place], table=0, cells=(number,)) for number, place in enumerate(own)]
        chosen = _withheld_until_safe(sums[own], alone, sums[own], [levels[place] for place in own], fewest)
        for place, level in zip(own, chosen, strict=True):
            found[place] = level
    return found


def _withheld_until_safe(
    counts: Counts, lines: Sequence[Line], sums: Counts, levels: Sequence[int], fewest: int
) -> list[int]:
    """Withhold more lines until no withheld count can be computed."""
    found, rows, last = list(levels), sums.sum(axis=1), max(line.table for line in lines)
    # What cannot be computed from some lines cannot be from fewer: a line is looked at once a level.
    safe: dict[int, int] = {}
    lost: dict[int, int] = {}
    while (place := _computed(counts, lines, found, fewest, safe)) is not None:
        own = lines[place]
        near = [
            other
            for other, line in enumerate(lines)
            if found[other] < found[place]
            and (line.table == own.table or not set(line.cells).isdisjoint(own.cells))
        ]
        near = near or [other for other in range(len(lines)) if found[other] < found[place]]
        if not near:
            # Nothing is left to be withheld: only the total tells, and that is published.
            safe[place] = lost[place] = found[place]
            continue
        # Tables by single columns are what readers look for first.
        added = min(
            near, key=lambda other: (lines[other].kept, lines[other].table != last, rows[other], other)
        )
        found[added] = found[place]
    if sum(level > PUBLISHED for level in found) > _MOST_TRIED:
        return found
    # Not all that were withheld on the way were needed: those of a table, of which two tell each other, and
    # then the largest are published again where that is safe.
    extra = [place for place in range(len(lines)) if found[place] > levels[place]]
    extra.sort(key=lambda other: (lines[other].table == last, not lines[other].kept, -rows[other]))
    tables = [
        [place for place in extra if lines[place].table == own] for own in {line.table for line in lines}
    ]
    for chosen in [each for each in tables if len(each) > 1] + [[place] for place in extra]:
        tried = [levels[other] if other in chosen else level for other, level in enumerate(found)]
        if tried == found:
            continue
        if _computed(counts, lines, tried, fewest, dict(lost)) is None:
            found = tried
    return found


def _computed(
    counts: Counts, lines: Sequence[Line], levels: Sequence[int], fewest: int, safe: dict[int, int]
) -> int | None:
    """Return a line of which a withheld count can be computed, or narrowed down to too few values."""
    kinds = counts.shape[1]
    matrix = _published(counts, lines, levels)
    known = counts.ravel().astype(np.float64)
    basis = _fixed(matrix, known)
    for place, line in enumerate(lines):
        if levels[place] == PUBLISHED or safe.get(place) == levels[place]:
            continue
        asked = line.forms(kinds) if levels[place] == WITHHELD else np.eye(kinds, dtype=np.int64)[-1:]
        for number, form in enumerate(asked):
            cost = np.zeros((len(counts), kinds))
            cost[list(line.cells)] = form
            apart = fewest if levels[place] == WITHHELD and number == 0 else _APART
            if _reach(cost.ravel(), basis, known) < apart and _range(cost.ravel(), matrix, known) < apart:
                return place
        safe[place] = levels[place]
    return None


def _published(counts: Counts, lines: Sequence[Line], levels: Sequence[int]) -> Floats:
    """Return what is published as sums of the counts of cells, shape (sums, cells x kinds)."""
    cells, kinds = counts.shape
    equations: list[NDArray[np.int64]] = []
    total = Line(0, tuple(range(cells)))
    for level, line in [(PUBLISHED, total), *zip(levels, lines, strict=True)]:
        if level == WITHHELD:
            continue
        whole = level == PUBLISHED and not line.rows_only
        for form in np.eye(kinds, dtype=np.int64) if whole else line.forms(kinds):
            row = np.zeros((cells, kinds), dtype=np.int64)
            row[list(line.cells)] = form
            equations.append(row.ravel())
    return np.array(equations, dtype=np.float64)


def _fixed(matrix: Floats, known: Floats) -> Floats:
    """Return an orthonormal basis of what is published, with each count in units of itself."""
    _, sizes, basis = np.linalg.svd(matrix * known, full_matrices=False)
    return basis[sizes > _ROUNDING * max(sizes.max(initial=0.0), 1.0)]


def _reach(cost: Floats, basis: Floats, known: Floats) -> float:
    """Return a distance that the ends of a sum of counts are apart at least, by one step to either side."""
    # The step keeps what is published and is in units of the counts, so that small ones bound it least (as
    # in affine scaling). It spares most of the linear programmes.
    scaled = known * cost
    step = known * (scaled - basis.T @ (basis @ scaled))
    if (gained := float(cost @ step)) <= _ROUNDING:
        return 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.where(step != 0, known / np.abs(step), np.inf)
    return gained * float(sum(lengths[side].min(initial=np.inf) for side in (step < 0, step > 0)))


def _range(cost: Floats, matrix: Floats, known: Floats) -> float:
    """Return how far apart the least and the greatest value of a sum of counts are."""
    ends: list[float] = []
    equations, right = csr_array(matrix), matrix @ known
    for sign in (1, -1):
        found = linprog(sign * cost, A_eq=equations, b_eq=right, bounds=(0, None), method="highs")
        # The counts themselves are a solution and the total bounds them, so that there is an end.
        if found.status != 0:
            return 0.0
        ends.append(sign * found.fun)
    return ends[1] - ends[0] + 1e-6
