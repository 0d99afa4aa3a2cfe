"""Neighbouring inputs to try: patterns of query answers, of which each may differ by 1.

One record may change every query of sensitivity 1 by 1, up or down. Which of these neighbours a mechanism
gives away depends on the mechanism; the patterns are those of Ding et al. 2018 (Section 5.2), also used by
Bichsel et al. 2021. The pair with the largest bound on answers that propose and choose events is tested, on
fresh answers and with the whole error rate, since no fresh answer had a part in the choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trivet.errors import UsageError

__all__ = ["MOST_QUERIES", "Neighbours", "neighbour_patterns", "pairs_of"]

#: More places of an answer are not looked at.
MOST_QUERIES: Final = 64


@dataclass(frozen=True)
class Neighbours:
    """Two neighbouring inputs, with the name of their pattern; empty for those of a user."""

    a: Any
    b: Any
    pattern: str = ""


def neighbour_patterns(queries: int) -> Mapping[str, tuple[list[int], list[int]]]:
    """Return pairs of lists of query answers that differ by 1 at most, by the name of the pattern."""
    if not 1 <= queries <= MOST_QUERIES:
        raise UsageError(f"queries is {queries}; expected 1 to {MOST_QUERIES}.")
    ones, half = [1] * queries, queries // 2
    rest = queries - 1
    found = {
        "one above": (ones, [2, *[1] * rest]),
        "one below": (ones, [0, *[1] * rest]),
        "one above, rest below": (ones, [2, *[0] * rest]),
        "one below, rest above": (ones, [0, *[2] * rest]),
        "half below, half above": (ones, [0] * half + [2] * (queries - half)),
        "all above": (ones, [2] * queries),
        "all below": (ones, [0] * queries),
        "halves crossed": ([1] * half + [0] * (queries - half), [0] * half + [1] * (queries - half)),
    }
    kept: dict[str, tuple[list[int], list[int]]] = {}
    for name, pair in found.items():  # of one query, some are the same
        if pair not in kept.values():
            kept[name] = pair
    return kept


def pairs_of(
    inputs: tuple[Any, Any], neighbours: Sequence[tuple[Any, Any]] | None, queries: int | None
) -> list[Neighbours]:
    """Return the pairs to try: the one, those of a list, or the patterns for so many queries."""
    if queries is not None:
        if neighbours is not None:
            raise UsageError("neighbours and queries both say which inputs to try; give one of them.")
        return [Neighbours(*pair, name) for name, pair in neighbour_patterns(queries).items()]
    chosen = [inputs] if neighbours is None else list(neighbours)
    if not chosen or any(len(pair) != 2 for pair in chosen):  # noqa: PLR2004 - a pair
        raise UsageError("the neighbours should be pairs of inputs, one or more.")
    return [Neighbours(*pair) for pair in chosen]
