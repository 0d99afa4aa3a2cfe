"""Audit of rankings by group: exposure, and the share among the first places."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError
from trivet.estimate import Estimate
from trivet.fairness.auditing.band import verdict_on
from trivet.fairness.auditing.results import Caution
from trivet.fairness.auditing.settings import TableOptions
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.weights import WeightSums
from trivet.fairness.intervals.comparisons import ratio_intervals
from trivet.fairness.intervals.shares import share_intervals, simultaneous_level
from trivet.fairness.intervals.weighted import weighted_ratios, weighted_shares
from trivet.fairness.outcomes.comparing import (
    adjusted,
    attributes_of,
    comparisons_of,
    farthest,
    reference_of,
    sentence,
    verdict_of,
    worst_of,
)
from trivet.fairness.outcomes.means import GroupMeans, RowDesign
from trivet.fairness.outcomes.reading import NumberRows
from trivet.fairness.outcomes.results import GroupRanking, RankingAttribute, RankingAudit
from trivet.wording import one_line, quote

__all__ = ["audit_rankings"]

Ints = NDArray[np.int64]

LIMITS: Final = (
    "Exposure is by place alone: nothing is said of how relevant a row is, or whether it should be shown."
)
#: Permutations of groups over the places of one ranking.
_PERMUTED: Final = 1_999
_CHUNK: Final = 4_000_000
_SELECTED: Final = np.array([[0, 1], [0, 1]]), np.ones((2, 2))


def audit_rankings(rows: NumberRows, settings: TableOptions, *, data: str, seed: int) -> RankingAudit:
    """Compare the exposure of groups, 1 / log2(1 + rank), for each sensitive column and all together.

    The weight of a place is that of discounted cumulative gain, as A. Singh and T. Joachims measure exposure
    (Fairness of exposure in rankings, KDD 2018). With queries these are the sampling units.
    """
    ranks = rows.numbers
    if (ranks < 1).any():
        raise DataError(
            f"ranks are 1 for the first place, 2 for the next; {quote(settings.rank or '')} holds "
            f"{ranks.min():g}."
        )
    if (part := ranks[2 * ranks != np.floor(2 * ranks)]).size:
        raise DataError(
            f"ranks are whole numbers, or halves where places are shared; {quote(settings.rank or '')} holds "
            f"{part[0]:g}. Name a column of ranks; amounts are an outcome."
        )
    queries = 1 if rows.query is None else int(rows.query.max()) + 1
    comparisons = comparisons_of(rows)
    attributes = adjusted(
        [
            _attribute(rows, columns, settings, comparisons, seed=seed)
            for columns in attributes_of(rows.columns, rows.values)
        ]
    )
    verdict, reason = worst_of(attributes, lambda each: each.exposure_ratio)
    return RankingAudit(
        data=Path(data).name,
        rank=settings.rank or "",
        query=settings.query,
        rows=len(ranks),
        queries=queries,
        top=settings.top,
        four_fifths=settings.four_fifths,
        level=settings.level,
        attributes=attributes,
        cautions=tuple(Caution("rows", note) for note in (*rows.notes, *_ties(ranks, settings))),
        verdict=verdict,
        reason=reason,
        limits=LIMITS,
    )


def _ties(ranks: NDArray[np.float64], settings: TableOptions) -> Iterator[str]:
    """Say where one ranking has several first rows, or places for more rows than there are."""
    if ranks.max() > len(ranks):
        yield (
            f"The last rank is {ranks.max():,.0f}, and there are {len(ranks):,} rows: these are a part of a "
            "ranking, or no ranks."
        )
    first = int((ranks == ranks.min()).sum())
    if settings.query is None and first > 1:
        yield (
            f"{first:,} rows have rank {ranks.min():g}, and all are taken for one ranking; name the column "
            "of the query where there are several."
        )


def _attribute(
    rows: NumberRows, columns: tuple[str, ...], settings: TableOptions, comparisons: int, *, seed: int
) -> RankingAttribute:
    groups, names, values = rows.over(*columns)
    sizes = np.bincount(groups, minlength=len(names))
    reference, why = reference_of(columns, values, sizes, settings.privileged, rows.columns)
    exposure = 1 / np.log2(1 + rows.numbers)
    design = None
    if rows.query is not None:
        nothing = np.zeros(len(groups), dtype=np.int64)
        design = RowDesign(np.ones(len(groups)), nothing, rows.query)
    means = GroupMeans.of(exposure, groups, len(names), design=design, seed=seed)
    level, together = settings.level, simultaneous_level(settings.level, comparisons)
    top = (rows.numbers <= settings.top).astype(np.int64)
    shares, ratios = _top(rows, groups, names, top, reference, level)
    rng = np.random.default_rng(seed)
    tests = [
        None
        if k == reference
        else means.p_value(k, reference)
        if rows.query is not None
        else _permuted(exposure[groups == k], exposure[groups == reference], rng)
        for k in range(len(names))
    ]
    found: list[GroupRanking] = []
    for k, name in enumerate(names):
        own, wide = k == reference, means.ratio(k, reference, together)
        found.append(
            GroupRanking(
                group=name,
                rows=int(sizes[k]),
                exposure=means.mean(k, level),
                top_share=shares[k],
                exposure_ratio=None if own else means.ratio(k, reference, level),
                top_ratio=None if own else ratios[k],
                simultaneous_low=None if own else wide.low,
                simultaneous_high=None if own else wide.high,
                p_value=tests[k],
                p_adjusted=None,
                test=None if own else "t test over queries" if design else "permutation of places",
                verdict=verdict_of(k, reference, wide, four_fifths=settings.four_fifths),
            )
        )
    verdict = verdict_on(found)
    return RankingAttribute(
        columns=columns,
        name=" x ".join(columns),
        reference=names[reference],
        reference_why=why,
        groups=tuple(found),
        verdict=verdict,
        reason=_reason(found, names[reference], verdict, settings, comparisons),
    )


def _top(
    rows: NumberRows, groups: Ints, names: tuple[str, ...], top: Ints, reference: int, level: float
) -> tuple[tuple[Estimate, ...], tuple[Estimate, ...]]:
    """Return the share of each group in the first places, and its ratio to the reference group's."""
    number = len(names)
    if rows.query is None:
        x = np.bincount(groups, top, minlength=number).astype(np.int64)
        n = np.bincount(groups, minlength=number)
        return (
            share_intervals(x, n, level=level),
            ratio_intervals(x, n, x[reference], n[reference], level=level),
        )
    queries = int(rows.query.max()) + 1
    shape = queries, number, 2, 2
    cells = np.ravel_multi_index((rows.query, groups, np.zeros_like(groups), top), shape)
    table = np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)
    sums = WeightSums("1", np.zeros(queries, dtype=np.int64), table, table.astype(np.float64), None)
    counts = GroupCounts(
        ("group",),
        tuple((name,) for name in names),
        ("0", "1"),
        table.sum(axis=0),
        labelled=False,
        weights=sums,
    )
    return (
        weighted_shares(counts, *_SELECTED, level=level),
        weighted_ratios(counts, *_SELECTED, reference, level=level),
    )


def _permuted(mine: NDArray[np.float64], theirs: NDArray[np.float64], rng: np.random.Generator) -> float:
    """Return the p-value of equal exposure, by groups that are dealt over the places anew."""
    both = np.concatenate([mine, theirs])
    few = min(len(mine), len(theirs))
    centre = both.mean()
    observed = abs(mine.mean() - theirs.mean())
    factor = 1 / few + 1 / (len(both) - few)
    # The difference of means is that of the smaller group's sum from its expectation, times this factor.
    if few * _PERMUTED > 5 * _CHUNK:
        from scipy.special import ndtr  # noqa: PLC0415 - of many rows alone

        return float(2 * ndtr(-observed / np.sqrt(both.var(ddof=1) * factor)))
    beyond = 0
    for _ in range(_PERMUTED):
        drawn = both[rng.choice(len(both), few, replace=False, shuffle=False)]
        beyond += abs(drawn.sum() - few * centre) * factor >= observed * (1 - 1e-9)
    return (1 + beyond) / (1 + _PERMUTED)


def _reason(
    groups: list[GroupRanking], reference: str, verdict: str, settings: TableOptions, comparisons: int
) -> str:
    """Say what the verdict rests on: the group shown to be farthest from the reference group."""
    far = farthest(groups, verdict, lambda each: each.exposure_ratio)
    ratio = far.exposure_ratio
    if ratio is None or ratio.value is None:
        return f"The exposure of {one_line(far.group)} against {one_line(reference)} is not known."
    return (
        f"{one_line(far.group)} has {ratio.value:.3f} times the exposure of {one_line(reference)} "
        + sentence(far, settings, comparisons)
    )
