"""Calibration of scores in every subgroup: the range of the cumulative sum of label minus score.

With rows sorted by score, C_k the sum of y_i - p_i over the first k rows of a subgroup, and the scores
right, C over sqrt(sum p_i (1 - p_i)) is close to Brownian motion, so that its range, the statistic of N. H.
Kuiper (1960) for sums (M. Tygert, arXiv:2105.13324, 2021), has the law that W. Feller found in 1951.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from trivet.fairness.intervals.shares import holm
from trivet.fairness.search.bitsets import Blocks, Words
from trivet.fairness.search.results import CalibrationSearch, Condition, MiscalibratedSubgroup, description_of
from trivet.fairness.search.tree import NONE, Groups, Places, chunks_of, over_batches, words_of

__all__ = ["ALL_ROWS", "Scored", "range_tail", "search_calibration", "signed_root"]

Floats = NDArray[np.float64]

#: Below it the tail is 1 in double precision.
LEAST: Final = 0.25
_TERMS: Final = 40
_HALVINGS: Final = 80


def range_tail(r: float) -> float:
    """Return P(R >= r) for the range R of Brownian motion on [0, 1], with 0 in it.

    The density of R is 8 sum_k (-1)^(k-1) k^2 phi(k r) (W. Feller, Annals of Mathematical Statistics 22,
    1951); its tail is 8 sum_k (-1)^(k-1) k (1 - Phi(k r)).
    """
    if r <= LEAST:
        return 1.0
    terms = np.arange(1, max(_TERMS, math.ceil(10 / r)) + 1)
    signs = np.where(terms % 2, 1.0, -1.0)
    return min(1.0, max(0.0, float(8 * np.sum(signs * terms * ndtr(-terms * r)))))


def signed_root(total: float, rows: Floats, shares: Floats) -> float:
    """Return the normal quantile that a sum above its mean stands for, to first order far out in the tail.

    With K the cumulant function of the sum of independent coins about its mean it is sqrt(2 sup_s (s total -
    K(s))), the signed root of the saddlepoint approximation (R. Lugannani, S. Rice, Advances in Applied
    Probability 12, 1980), which is below the standardised sum where the sum is skewed that way.

    Parameters
    ----------
    total
        The sum minus its mean, above 0.
    rows, shares
        How many coins there are of each kind, and their probability of 1, shape (kinds,).
    """
    mean = rows * shares
    if total >= float((rows - mean).sum()):
        return math.inf

    def slope(s: float) -> float:
        odds = shares * math.exp(s)
        return float((rows * odds / (1 - shares + odds) - mean).sum())

    high = 1.0
    while slope(high) < total and high < 500:  # noqa: PLR2004 - beyond it exp overflows
        high *= 2
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < total else (low, middle)
    cumulant = float((rows * np.log1p(shares * math.expm1(low)) - low * mean).sum())
    return math.sqrt(max(0.0, 2 * (low * total - cumulant)))


ALL_ROWS: Final = "all rows"
#: With a smaller variance of the sum its law is too far from that of Brownian motion.
LEAST_VARIANCE: Final = 20.0
#: Bits of a score's place between the lowest and the highest one of its block.
_PLANES: Final = 4
#: Subgroups whose statistic is taken row by row; that of others is taken at the ends of blocks, and is lower.
MOST_EXACT: Final = 200
#: How far above the level an adjusted p-value from the blocks is looked at row by row.
_NEAR: Final = 5.0
SHOWN: Final = 10
#: Variance below which nothing but rounding is left.
TINY: Final = 1e-9


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows in the order of their scores, in blocks of neighbours.

    Attributes
    ----------
    labels, scores : Shape (rows,), in that order.
    sets : Rows with a positive label, and one set for each bit of a score's place in its block.
    lowest, steps : Lowest score of each block, and what its last bit is worth, shape (blocks,).
    """

    blocks: Blocks
    labels: NDArray[np.bool_]
    scores: Floats
    sets: Words
    lowest: Floats
    steps: Floats

    @classmethod
    def of(cls, labels: NDArray[np.bool_], scores: Floats) -> "Scored":
        """Take rows that are sorted by score."""
        blocks = Blocks.of(len(scores))
        first = blocks.first_rows
        lowest = scores[first]
        highest = scores[np.append(first[1:], len(scores)) - 1]
        most = 2**_PLANES - 1
        steps = (highest - lowest) / most
        size = np.diff(np.append(first, len(scores)))
        spread = np.repeat(steps, size)
        places = np.divide(
            scores - np.repeat(lowest, size), spread, out=np.zeros(len(scores)), where=spread > 0
        )
        codes = np.clip(np.rint(places), 0, most).astype(np.uint8)
        planes = ((codes >> bit) & 1 > 0 for bit in range(_PLANES))
        sets = np.stack([blocks.pack_in_order(each) for each in (labels, *planes)])
        return cls(blocks, labels, scores, sets, lowest, steps)

    def sums(self, words: Words) -> tuple[Floats, Floats, Floats]:
        """Return rows, positive labels and scores of subgroups added up in each block, (groups, blocks)."""
        rows = self.blocks.count(words).astype(np.float64)
        positives = self.blocks.count(words & self.sets[0]).astype(np.float64)
        scores = rows * self.lowest
        if self.steps.any():
            places = np.zeros_like(rows)
            for bit, plane in enumerate(self.sets[1:]):
                places += 2.0**bit * self.blocks.count(words & plane)
            scores += places * self.steps
        return rows, positives, scores


def search_calibration(
    scored: Scored,
    words: Words,
    groups: Groups,
    conditions: Sequence[Condition],
    *,
    level: float,
    workers: int,
) -> CalibrationSearch:
    """Test the calibration of each subgroup, and of all rows; `conditions` are the names of `words`."""
    everyone = scored.blocks.pack_in_order(np.ones(scored.blocks.rows, dtype=np.bool_))
    members = np.concatenate([np.full((1, 3), NONE), groups.members])

    def measured(batch: Places) -> Floats:
        return np.concatenate([_swings(scored, each) for each in chunks_of(words, batch)])

    swings = np.concatenate(
        [_swings(scored, everyone[None]), *over_batches(groups.members, measured, workers)]
    )
    tested = np.flatnonzero(swings[:, 1] >= LEAST_VARIANCE)
    swings, members = swings[tested], members[tested]
    if not len(tested):
        said = f"The scores of no subgroup vary enough (a sum of p (1 - p) of {LEAST_VARIANCE:g}) for a test."
        return CalibrationSearch(0, LEAST_VARIANCE, 0, (), said)

    def rows_of(place: int) -> Words:
        return everyone if members[place, 0] == NONE else words_of(words, members[place])

    z = swings[:, 0] / np.sqrt(swings[:, 1])
    p = np.array([range_tail(each) for each in z.tolist()])
    for place in np.argsort(-z, kind="stable")[:MOST_EXACT].tolist():
        if p[place] * len(p) <= _NEAR * (1 - level):
            z[place] = _exact_quantile(scored, rows_of(place))
            p[place] = range_tail(float(z[place]))
    adjusted = np.array(holm(p.tolist()), dtype=np.float64)
    beyond = np.flatnonzero(adjusted <= 1 - level).tolist()
    # All rows first; of p-values that are 0 the one farther out is the smaller one.
    beyond.sort(key=lambda place: (members[place, 0] != NONE, p[place], -z[place]))
    critical = float(-ndtri((1 - level) / 2 / len(p)))
    found = tuple(
        MiscalibratedSubgroup(
            *_named([conditions[each] for each in members[place].tolist() if each != NONE]),
            *_figures(scored, rows_of(place)),
            z=float(z[place]),
            p_value=float(p[place]),
            p_adjusted=float(adjusted[place]),
        )
        for place in _unexplained(scored, rows_of, beyond[:MOST_EXACT], critical)
    )
    said = _statement(found, len(p), len(beyond), level)
    return CalibrationSearch(len(p), LEAST_VARIANCE, len(beyond), found, said)


def _swings(scored: Scored, words: Words) -> Floats:
    """Return range at the ends of blocks, and variance, of each cumulative sum, shape (groups, 2)."""
    rows, positives, scores = scored.sums(words)
    paths = np.cumsum(positives - scores, axis=1)
    ranges = np.maximum(paths.max(axis=1), 0) - np.minimum(paths.min(axis=1), 0)
    return np.column_stack([ranges, _variances(rows, scores)])


def _variances(rows: Floats, scores: Floats) -> Floats:
    """Return the sum of p (1 - p) of each subgroup, with the mean score of a block for each of its rows."""
    squares = np.divide(scores**2, rows, out=np.zeros_like(rows), where=rows > 0)
    return np.maximum(scores - squares, 0).sum(axis=1)


def _exact_quantile(scored: Scored, words: Words) -> float:
    """Return the range over all rows, in standard deviations of the sum and corrected for skewness."""
    inside = scored.blocks.unpack_in_order(words)
    scores = scored.scores[inside]
    path = np.cumsum(scored.labels[inside] - scores)
    # Rows with equal scores have no order.
    ends = np.append(0.0, path[np.append(scores[1:] > scores[:-1], True)])
    top, bottom = int(ends.argmax()), int(ends.argmin())
    swing = float(ends[top] - ends[bottom])
    variance = float((scores * (1 - scores)).sum())
    if variance <= 0 or swing <= 0:
        return math.inf if swing > 0 else 0.0
    (rows,), _, (sums,) = scored.sums(words[None])
    some = rows > 0
    shares = np.clip(sums[some] / rows[some], 0, 1)
    root = signed_root(swing, rows[some], shares if top > bottom else 1 - shares)
    return min(swing / math.sqrt(variance), root)


def _unexplained(
    scored: Scored, rows_of: Callable[[int], Words], strongest: Sequence[int], critical: float
) -> list[int]:
    """Return subgroups, in their order, without those whose mean residual one before them explains."""
    left, listed = list(strongest), list[int]()
    while left and len(listed) < SHOWN:
        best, *left = left
        listed.append(best)
        inside = rows_of(best)
        left = [place for place in left if _stands(scored, rows_of(place), inside, critical)]
    return listed


def _stands(scored: Scored, words: Words, best: Words, critical: float) -> bool:
    """Return whether a subgroup's residuals differ from those of rows alike in another subgroup."""
    everyone = scored.blocks.pack_in_order(np.ones(scored.blocks.rows, dtype=np.bool_))
    over, variance = 0.0, 0.0
    for stratum in (best, everyone & ~best):
        rows, positives, scores = scored.sums(np.stack([words & stratum, stratum]))
        (own, all_rows), (own_variance, all_variance) = rows.sum(axis=1), _variances(rows, scores)
        if all_rows > 0:
            share = own / all_rows
            residual, all_residual = (positives - scores).sum(axis=1)
            over += residual - share * all_residual
            variance += own_variance * (1 - 2 * share) + share**2 * all_variance
    return abs(over) > critical * math.sqrt(max(variance, TINY))


def _figures(scored: Scored, words: Words) -> tuple[int, float, float, float]:
    """Return rows, mean score, share of positive labels, and the range over the rows."""
    inside = scored.blocks.unpack_in_order(words)
    scores, labels = scored.scores[inside], scored.labels[inside]
    path = np.cumsum(labels - scores)[np.append(scores[1:] > scores[:-1], True)]
    swing = max(0.0, float(path.max())) - min(0.0, float(path.min()))
    return len(scores), float(scores.mean()), float(labels.mean()), swing / len(scores)


def _named(conditions: Sequence[Condition]) -> tuple[str, tuple[Condition, ...]]:
    return description_of(conditions) or ALL_ROWS, tuple(conditions)


def _statement(found: Sequence[MiscalibratedSubgroup], tested: int, beyond: int, level: float) -> str:
    of = f"{tested:,} sets of rows (all of them, and subgroups)"
    at = f"at {level:.0%} for all of them at once"
    if not found:
        return f"The scores of none of {of} are shown to be out of calibration, {at}."
    first = found[0]
    return (
        f"Out of calibration, {at}: {beyond:,} of {of}. First {first.description}: a mean score of "
        f"{first.mean_score:.3f}, a share of positive labels of {first.base_rate:.3f}."
    )
