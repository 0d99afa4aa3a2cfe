"""The strongest subgroups, without those whose gap another one explains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.search.bitsets import Words, sizes
from trivet.fairness.search.rates import Rate
from trivet.fairness.search.tree import Groups, chunks_of, words_of

__all__ = ["MOST_LOOKED_AT", "SHOWN", "Chosen", "Difference", "choose_differences"]

#: Subgroups of each rate that are listed.
SHOWN: Final = 20
#: The strongest differences of each rate; the weaker ones are counted only.
MOST_LOOKED_AT: Final = 300


@dataclass(frozen=True)
class Difference:
    """A subgroup by its place, a rate by its place, and how far its difference is out."""

    group: int
    rate: int
    z: float


@dataclass(frozen=True)
class Chosen:
    """Differences to list, each with those that it explains."""

    listed: tuple[Difference, ...]
    explained: tuple[tuple[Difference, ...], ...]


def choose_differences(
    found: Sequence[Difference],
    words: Words,
    groups: Groups,
    masks: Words,
    rates: Sequence[Rate],
    *,
    critical: float,
    shown: int = SHOWN,
) -> Chosen:
    """Choose the strongest differences of each rate, without those that a chosen one explains.

    A difference is explained by one that is chosen before it where it does not stand, beyond the same
    critical value, among rows that are alike in that subgroup: the test of N. Mantel and W. Haenszel (J. of
    the National Cancer Institute 22, 1959), with the rows of that subgroup and all others as the strata.
    """
    lengths = groups.lengths
    listed: list[Difference] = []
    explained: list[tuple[Difference, ...]] = []
    for place, rate in enumerate(rates):
        # Of equal ones, which can be the same rows, the shortest and first conjunction.
        own = sorted(
            (each for each in found if each.rate == place),
            key=lambda each: (-abs(each.z), int(lengths[each.group]), *groups.members[each.group].tolist()),
        )
        left = own[:MOST_LOOKED_AT]
        count = 0
        while left and count < shown:
            best, *left = left
            count += 1
            listed.append(best)
            gone: list[Difference] = []
            if left:
                still = _stands(best, left, words, groups, masks, rate, critical)
                gone = [each for each, stays in zip(left, still.tolist(), strict=True) if not stays]
                left = [each for each, stays in zip(left, still.tolist(), strict=True) if stays]
            explained.append(tuple(gone))
    order = sorted(range(len(listed)), key=lambda place: -abs(listed[place].z))
    return Chosen(tuple(listed[place] for place in order), tuple(explained[place] for place in order))


def _stands(
    best: Difference,
    others: Sequence[Difference],
    words: Words,
    groups: Groups,
    masks: Words,
    rate: Rate,
    critical: float,
) -> NDArray[np.bool_]:
    """Return which differences stand with membership of the best one's subgroup held fixed."""
    inside = words_of(words, groups.members[best.group])
    members = groups.members[[each.group for each in others]]
    within = np.stack(
        [np.concatenate([sizes(each) for each in chunks_of(words, members, mask & inside)]) for mask in masks]
    )
    everywhere = np.stack(
        [np.concatenate([sizes(each) for each in chunks_of(words, members, mask)]) for mask in masks]
    )
    of_best, of_all = sizes(masks & inside), sizes(masks)
    over, variance = np.zeros(len(others)), np.zeros(len(others))
    for sums, whole in ((within, of_best), (everywhere - within, of_all - of_best)):
        x, n = rate.selects @ sums, (rate.among @ sums).astype(np.float64)
        all_x, all_n = float(rate.selects @ whole), float(rate.among @ whole)
        if all_n > 1:
            over += x - n * all_x / all_n
            variance += n * (all_n - n) * all_x * (all_n - all_x) / (all_n**2 * (all_n - 1))
    # A subgroup that is the best one, or the rest of it, has no variance left.
    return np.abs(over) > critical * np.sqrt(np.maximum(variance, 1e-12))
