"""Sharp bounds of a group's rate where only the probability of the group is known, with sampling error.

Of a row with known facts R let r = P(group | R), and p_1, p_0 the probabilities, given R, that it counts for
the rate's numerator, and that it counts for its denominator alone. The rate is N / (N + M), with N and M the
probabilities that a row is of the group and counts so. Frechet's bounds say

    max(0, r - 1 + p_1) <= P(group, numerator | R) <= min(r, p_1)

and alike for M, and both ends are reached at once, as are the highest rate of one group and the lowest of
another: the group takes rows of the numerator first, the other one those of the denominator alone (N. Kallus,
X. Mao, A. Zhou, Management Science 68, 2022). A minimum is at most s p_1 + (1 - s) r for every s from 0 to 1,
and equal for the right one; so an s that other rows say is right gives a mean of rows, which is never
too tight, and whose sampling error is known (W. Ji, L. Lei, A. Spector, arXiv:2310.08115, dual bounds).
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["RateEnd", "cells_of", "rate_ends"]

Floats = NDArray[np.float64]

#: Rows of the cells in which p_1 and p_0 are estimated, at least.
_CELL: Final = 200
#: Rows of the numerator, and of the rest, from which on a mean of rows is taken as normal.
_ENOUGH: Final = 15
#: Parts of the rows: the s of each comes from the others.
_FOLDS: Final = 5


class RateEnd(NamedTuple):
    """One end of what a rate can be.

    `value` is what the rows say. `sampled` is what its sampling error is found of, with how much each row
    moves it, shape (rows,): the same, or where few rows bound the rate 0 or 1, which no row moves.
    """

    value: float
    sampled: float
    influence: Floats


def cells_of(probabilities: Floats) -> NDArray[np.int64]:
    """Divide rows, shape (rows, groups), into cells of alike probabilities; a number for each row."""
    cells = np.zeros(len(probabilities), dtype=np.int64)
    for number, rows in enumerate(_divided(probabilities, np.arange(len(probabilities)))):
        cells[rows] = number
    return cells


def _divided(probabilities: Floats, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each cell, halved where the probabilities differ most."""
    waiting = [rows]
    while waiting:
        here = waiting.pop()
        values = probabilities[here]
        for column in np.argsort(-np.ptp(values, axis=0), kind="stable").tolist():
            own = values[:, column]
            middle = np.median(own)
            below = own <= middle if (own > middle).any() else own < middle
            if min(below.sum(), (~below).sum()) >= _CELL:
                waiting += [here[below], here[~below]]
                break
        else:
            yield here


def rate_ends(
    probabilities: Floats,
    numerator: NDArray[np.bool_],
    rest: NDArray[np.bool_],
    cells: NDArray[np.int64],
    *,
    seed: int,
) -> tuple[RateEnd | None, RateEnd | None]:
    """Return the ends of what a group's rate can be; None where no row of the group need count for it.

    Parameters
    ----------
    probabilities
        That each row is of the group, shape (rows,), in [0, 1].
    numerator, rest
        Whether each row counts for the numerator of the rate, and for its denominator alone; not both.
    cells
        Of `cells_of`.
    seed
        Of the division into folds.
    """
    r, hit, miss = probabilities, numerator.astype(np.float64), rest.astype(np.float64)
    p1, p0 = (_foreseen(each, cells, seed) for each in (hit, miss))
    most = np.where(p1 < r, hit, r)
    least = np.where(r - 1 + p1 > 0, r - 1 + hit, 0.0)
    most_rest = np.where(p0 < r, miss, r)
    least_rest = np.where(r - 1 + p0 > 0, r - 1 + miss, 0.0)
    return _end(least, most_rest, edge=0.0), _end(most, least_rest, edge=1.0)


def _foreseen(outcome: Floats, cells: NDArray[np.int64], seed: int) -> Floats:
    """Return the share of an outcome in each row's cell, among the rows of other folds."""
    folds = np.random.default_rng(seed).integers(0, _FOLDS, len(outcome))
    count = int(cells.max()) + 1
    place = cells * _FOLDS + folds
    sums = np.bincount(place, weights=outcome, minlength=count * _FOLDS).reshape(count, _FOLDS)
    rows = np.bincount(place, minlength=count * _FOLDS).reshape(count, _FOLDS)
    others = rows.sum(axis=1, keepdims=True) - rows
    shares = (sums.sum(axis=1, keepdims=True) - sums) / np.maximum(others, 1)
    return np.where(others > 0, shares, outcome.mean())[cells, folds]


def _end(counted: Floats, rest: Floats, *, edge: float) -> RateEnd | None:
    """Return a rate of means of rows, N / (N + M), with its linearisation; `edge` is its end without rows."""
    # By chance a mean can be below 0, where the bound is 0.
    n, m = max(float(counted.mean()), 0.0), max(float(rest.mean()), 0.0)
    if n + m == 0:
        return None
    value = n / (n + m)
    if min(n, m) * len(counted) < _ENOUGH:
        return RateEnd(value, edge, np.zeros(len(counted)))
    return RateEnd(value, value, ((1 - value) * counted - value * rest) / (n + m))
