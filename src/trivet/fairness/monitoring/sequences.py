"""Confidence sequences for two groups' rates: intervals that hold at all looks together.

Of one group let X_1, X_2, ... be what is decided of its rows, in [0, 1], and p_i the mean of X_i given all
that came before. With x the sum of the first n outcomes, p their average rate (p_1 + ... + p_n) / n, and any
number l, the product of exp(l X_i) / (1 - p_i + p_i e^l) is a supermartingale that begins at 1, for exp is
convex; and since log(1 - p + p e^l) is concave in p,

    K(p) = weighted mean over l of exp(l x - n log(1 - p + p e^l))

is at most such a supermartingale, for fixed numbers l and weights. So is the product of the two groups' K,
and by Ville's inequality (J. Ville 1939) it exceeds 1/a at any time with a chance of at most a. The pairs of
rates at which it does not are a confidence sequence of the two average rates (betting: I. Waudby-Smith and A.
Ramdas, J. Royal Statistical Society B 86, 2024; mixtures: S. R. Howard, A. Ramdas, J. McAuliffe and J.
Sekhon, Annals of Statistics 49, 2021). It needs neither independent rows nor a constant rate, nor a plan of
when to look. The set is convex, and the intervals are what it allows of the difference and of the ratio.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

__all__ = ["Tallied", "log_capital", "log_e_value", "rate_limits", "upper_difference", "upper_ratio"]

Floats = NDArray[np.float64]

#: Numbers l, on both sides: from those for a few rows to those for ten million, the likeliest for thousands.
_PLACES: Final = np.arange(31)
_SIZES: Final = 8.0 * 2.0 ** (-_PLACES / 2)
_BETS: Final = np.concatenate([-_SIZES, _SIZES])
_STAKES: Final = np.expm1(_BETS)
_WEIGHTS: Final = np.tile(1 / (1 + ((_PLACES - 11) / 5) ** 2), 2)
_LOG_WEIGHTS: Final = np.log(_WEIGHTS / _WEIGHTS.sum())
#: Halvings, and steps of a golden section search, between these log odds and their opposites.
_HALVINGS: Final = 44
_SECTIONS: Final = 62
_FAR: Final = 45.0
_GOLDEN: Final = (5**0.5 - 1) / 2


class Tallied(NamedTuple):
    """Successes and rows of a group up to some looks, shape (looks,), with its rate of least capital."""

    successes: Floats
    rows: Floats
    lowest_at: Floats
    lowest: Floats

    @classmethod
    def of(cls, successes: ArrayLike, rows: ArrayLike) -> "Tallied":
        """Return them as arrays, and where the capital is least."""
        x, n = (np.asarray(each, dtype=np.float64) for each in np.broadcast_arrays(successes, rows))
        place = minimum(lambda p: log_capital(x, n, p), np.zeros(x.shape), np.ones(x.shape))
        return cls(x, n, place, log_capital(x, n, place))

    def capital(self, rates: Floats) -> Floats:
        """Return the logarithm of K at some rates."""
        return log_capital(self.successes, self.rows, rates)


def log_capital(successes: Floats, rows: Floats, rates: Floats) -> Floats:
    """Return log K(p), the evidence that outcomes give against an average rate of p."""
    with np.errstate(divide="ignore"):
        grown = np.log1p(rates[..., None] * _STAKES)
    # Of no rows nothing is known, whatever the rate.
    terms = successes[..., None] * _BETS - np.where(rows[..., None] > 0, rows[..., None] * grown, 0.0)
    terms += _LOG_WEIGHTS
    top = terms.max(axis=-1)
    return top + np.log(np.exp(terms - top[..., None]).sum(axis=-1))


def minimum(function: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Return where a function of one peak downwards is least, by golden sections."""
    # By log odds: of many rows that hardly ever count, or nearly always, rates that are apart by less than
    # any part of [0, 1] that is looked at are as different as others.
    low, high = (np.clip(logit(end), -_FAR, _FAR) for end in (low, high))
    first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_first, at_second = function(expit(first)), function(expit(second))
    for _ in range(_SECTIONS):
        falls = at_first > at_second
        low, high = np.where(falls, first, low), np.where(falls, high, second)
        new = np.where(falls, low + _GOLDEN * (high - low), high - _GOLDEN * (high - low))
        at_new = function(expit(new))
        first, second = np.where(falls, second, new), np.where(falls, new, first)
        at_first, at_second = np.where(falls, at_second, at_new), np.where(falls, at_new, at_first)
    return expit((low + high) / 2)


def _end(tallied: Tallied, room: Floats, *, upwards: bool) -> Floats:
    """Return the end of the rates with a capital within `room`, never too near."""
    inside = np.clip(logit(tallied.lowest_at), -_FAR, _FAR)
    outside = np.full(inside.shape, _FAR if upwards else -_FAR)
    last = np.full(inside.shape, 1.0 if upwards else 0.0)
    # Where the end of the search is within, so may be what lies beyond.
    everything = (tallied.capital(last) <= room) | (tallied.capital(expit(outside)) <= room)
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        within = tallied.capital(expit(middle)) <= room
        inside, outside = np.where(within, middle, inside), np.where(within, outside, middle)
    return np.where(everything, last, expit(outside))


def rate_limits(successes: ArrayLike, rows: ArrayLike, *, error: float) -> tuple[Floats, Floats]:
    """Return the ends of one group's average rate, at all looks together with a chance of `error` to miss."""
    tallied = Tallied.of(successes, rows)
    room = np.full(tallied.rows.shape, -np.log(error))
    return _end(tallied, room, upwards=False), _end(tallied, room, upwards=True)


def upper_difference(group: Tallied, other: Tallied, *, error: float) -> Floats:
    """Return the most that the other group's average rate can be above the group's, in [-1, 1]."""
    return _projected(group, other, error, lambda own, theirs: theirs - own)


def upper_ratio(group: Tallied, other: Tallied, *, error: float) -> Floats:
    """Return the most that the other group's average rate can be over the group's; inf without an end."""

    def ratio(own: Floats, theirs: Floats) -> Floats:
        return np.divide(theirs, own, out=np.full(own.shape, np.inf), where=own > 0)

    return _projected(group, other, error, ratio)


def _projected(
    group: Tallied, other: Tallied, error: float, compare: Callable[[Floats, Floats], Floats]
) -> Floats:
    """Return the largest comparison of two rates whose capitals multiply to at most 1 / error."""
    # The other's rate is as large as the group's leaves room for. The best pair lies on an arc along which a
    # difference is concave and a ratio has one peak, and is never above the group's rate of least capital.
    room = np.full(group.rows.shape, -np.log(error))
    low = _end(group, room - other.lowest, upwards=False)

    def largest(own: Floats) -> Floats:
        left = np.maximum(room - group.capital(own), other.lowest)
        return compare(own, _end(other, left, upwards=True))

    best = minimum(lambda own: -largest(own), low, group.lowest_at)
    return np.maximum(largest(best), largest(low))


def log_e_value(group: Tallied, other: Tallied, *, slope: float = 1.0, shift: float = 0.0) -> Floats:
    """Return the log of the least product of capitals where the other's rate is slope x the group's + shift.

    An e-process of the hypothesis that the average rates are so at every look: it exceeds 1/a at any time
    with a chance of at most a.
    """
    shape = group.rows.shape
    low = np.full(shape, max(0.0, -shift / slope))
    high = np.full(shape, min(1.0, (1.0 - shift) / slope))

    def product(own: Floats) -> Floats:
        return group.capital(own) + other.capital(np.clip(slope * own + shift, 0.0, 1.0))

    place = minimum(product, low, high)
    return np.minimum(product(place), np.minimum(product(low), product(high)))
