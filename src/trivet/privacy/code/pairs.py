"""Numbers that the code saw on both runs, and the parts of the loss that they make."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Final, Literal

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

__all__ = [
    "NOT_FINITE",
    "SAME",
    "Affine",
    "Part",
    "PartKind",
    "PathLoss",
    "Row",
    "close",
    "groups",
    "minus",
    "passes",
    "won",
]

#: An offset, and the factor of each draw by its column.
Affine = tuple[float, dict[int, float]]
NOT_FINITE: Final = "noise is added to a number that is not finite"
#: Relative difference that is taken for none.
_ROUNDING: Final = 1e-12
#: Relative difference that the rounding of sums explains.
SAME: Final = 1e-9
#: `laplace` and `pure`: a loss of `amount` at most (`laplace`: with that distribution); `gaussian`: a shift
#: in standard deviations, squared; `tested`: log ratio of what was seen; `scales`: see `facts`; `unlimited`
#: and `unknown`: see `words`; `approximate`: an (epsilon, delta) of a library.
PartKind = Literal["laplace", "pure", "gaussian", "tested", "scales", "unlimited", "unknown", "approximate"]


@dataclass(frozen=True)
class Part:
    """One contribution to the loss of a path."""

    kind: PartKind
    amount: float
    site: str
    draws: tuple[int, ...]
    words: str = ""
    facts: Mapping[str, float | str] = field(default_factory=dict)


@dataclass
class PathLoss:
    """Loss of a path by its parts, and how far the inputs of each draw moved.

    `moved` maps a draw's number to the L1 and L2 norm of the change in its units. `hidden` are places where
    randomness is used up unseen, so that the path does not say what the code reveals.
    """

    parts: list[Part] = field(default_factory=list)
    moved: dict[int, tuple[float, float]] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)


@dataclass
class Row:
    """One number seen on both runs: ``offset + factors @ draws``, on the data and on the neighbour."""

    kind: str
    site: str
    seen: float
    before: Affine
    after: Affine
    #: Of the comparisons of one search for the largest, the number of that search.
    search: int | None = None

    @property
    def moves(self) -> bool:
        """Tell whether the two differ by more than rounding."""
        (x, mine), (other, theirs) = self.before, self.after
        same = (
            x == other or abs(x - other) <= _ROUNDING * max(abs(x), abs(other)) or (isnan(x) and isnan(other))
        )
        return (
            not same
            or mine.keys() != theirs.keys()
            or any(abs(mine[c] - theirs[c]) > SAME * abs(mine[c]) for c in mine)
        )


def won(rows: list[Row], winner: int, search: int) -> list[Row]:
    """Return the comparisons that say that one row is the largest."""
    first = rows[winner]
    return [
        Row("ge", row.site, 1.0, minus(first.before, row.before), minus(first.after, row.after), search)
        for place, row in enumerate(rows)
        if place != winner
    ]


def passes(test: str, value: float) -> bool:
    """Tell whether a number passes a test against 0."""
    return bool({"gt": value > 0, "ge": value >= 0, "lt": value < 0, "le": value <= 0}[test])


def close(one: float, two: float) -> bool:
    """Tell whether two numbers agree but for rounding."""
    return abs(one - two) <= SAME * max(abs(one), abs(two), 1e-300)


def minus(one: Affine, two: Affine) -> Affine:
    """Return the difference of two numbers, draw by draw."""
    factors = dict(one[1])
    for column, factor in two[1].items():
        factors[column] = factors.get(column, 0.0) - factor
    return one[0] - two[0], {column: factor for column, factor in factors.items() if factor}


def groups(rows: list[Row]) -> Iterator[list[Row]]:
    """Divide rows into those that share draws."""
    columns = sorted({column for row in rows for column in (*row.before[1], *row.after[1])})
    place = {column: number for number, column in enumerate(columns)}
    edges = [
        (number, len(rows) + place[column])
        for number, row in enumerate(rows)
        for column in {*row.before[1], *row.after[1]}
    ]
    size = len(rows) + len(columns)
    if not size:
        return
    ends = np.array(edges or np.zeros((0, 2)), dtype=np.int64).reshape(-1, 2)
    graph = sparse.coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][: len(rows)]
    grouped: defaultdict[int, list[Row]] = defaultdict(list)
    for row, label in zip(rows, labels.tolist(), strict=True):
        grouped[label].append(row)
    yield from grouped.values()
