"""How thresholds, and lots drawn between thresholds, become predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import require_same_length, score_column
from trivet.fairness.mitigation.thresholds_cuts import group_column

__all__ = ["MixedThreshold", "apply_group_thresholds", "selection_probability"]

_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class MixedThreshold:
    """A threshold that is drawn by lot for each row.

    Attributes
    ----------
    thresholds
        Scores from which a row is selected, decreasing.
    shares
        How often each is drawn: positive, with the sum 1.
    """

    thresholds: tuple[float, ...]
    shares: tuple[float, ...]


def selection_probability(
    scores: ArrayLike, groups: ArrayLike, thresholds: Sequence[float | MixedThreshold]
) -> NDArray[np.float64]:
    """Return how likely each row is selected: 0 or 1 unless its group's threshold is drawn by lot.

    Within a group a higher score is never selected with a lower probability.

    Parameters
    ----------
    scores, groups
        Score and group of each row, shape (rows,).
    thresholds
        For each group.

    Raises
    ------
    DataError
        If the columns differ in length or hold what they should not, or a group has no threshold.
    """
    values, codes = score_column(scores, "scores"), group_column(groups)
    require_same_length(scores=values, groups=codes)
    if codes.max() >= len(thresholds):
        raise DataError(f"there are thresholds for {len(thresholds)} groups, found group {codes.max()}.")
    probability = np.zeros(len(values))
    for code, threshold in enumerate(thresholds):
        rows = np.flatnonzero(codes == code)
        mixed = threshold if isinstance(threshold, MixedThreshold) else MixedThreshold((threshold,), (1.0,))
        reached = np.concatenate([[0], np.cumsum(mixed.shares[::-1])])
        reached[-1] = 1  # whatever the sum is rounded to
        probability[rows] = reached[np.searchsorted(mixed.thresholds[::-1], values[rows], side="right")]
    return probability


def apply_group_thresholds(
    scores: ArrayLike,
    groups: ArrayLike,
    thresholds: Sequence[float | MixedThreshold],
    *,
    random_state: int = 0,
) -> NDArray[np.int64]:
    """Predict positive every row whose score reaches its group's threshold, drawn by lot where it is mixed.

    A lot depends on `random_state`, the row's score, and how many rows of the same score and group stand
    before it in the call, and on nothing else. So the same call gives the same predictions, and a row with
    a score of its own gets the same prediction in any order and any company; rows that tie draw each for
    itself.

    Parameters
    ----------
    scores, groups, thresholds
        As for `selection_probability`.
    random_state
        Seed of the lots, from 0 to 2^32 - 1.

    Returns
    -------
    numpy.ndarray
        Predictions, shape (rows,), 0 or 1.

    Raises
    ------
    DataError
        As `selection_probability` does.
    UsageError
        If the seed is out of range.
    """
    if not 0 <= random_state < 2**32:
        raise UsageError(f"the random_state should be from 0 to 2^32 - 1, found {random_state}.")
    probability = selection_probability(scores, groups, thresholds)
    open_rows = np.flatnonzero((probability > 0) & (probability < 1))
    lots = np.zeros(len(probability))
    lots[open_rows] = _lots(np.asarray(scores)[open_rows], np.asarray(groups)[open_rows], random_state)
    return (lots < probability).astype(np.int64)


def _lots(scores: NDArray[np.float64], groups: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each row, by hashing (splitmix64: Steele, Lea, Flood, OOPSLA 2014)."""
    values = scores.astype(np.float64) + 0.0  # minus zero ties with zero
    order = np.lexsort((values, groups))
    ranked, owners = values[order], groups[order]
    places = np.arange(len(order))
    starts = np.concatenate([[True], (ranked[1:] != ranked[:-1]) | (owners[1:] != owners[:-1])])[: len(order)]
    before = np.empty(len(order), dtype=np.uint64)
    before[order] = places - np.maximum.accumulate(np.where(starts, places, 0))
    mixed = np.full(len(order), seed, dtype=np.uint64)
    for part in (values.view(np.uint64), before):
        mixed = _scrambled(mixed ^ part)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2**53


def _scrambled(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the output function of splitmix64 after one step."""
    bits = bits + _MIX
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
