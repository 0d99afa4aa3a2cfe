"""Design-based intervals of weighted shares, their ratios and their differences.

A survey's rows are drawn within strata, often by clusters, and weigh differently; variances are those of
`trivet.fairness.intervals.linearised`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri, stdtr, stdtrit

from trivet.estimate import Estimate
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.intervals.comparisons import TestResult, recovered_difference, recovered_ratio
from trivet.fairness.intervals.linearised import Sample
from trivet.fairness.intervals.shares import LARGE, Floats, Limits, bounds_of
from trivet.settings import Share, require

__all__ = ["weighted_differences", "weighted_equality", "weighted_ratios", "weighted_shares"]

_NO_ROW = "there is no weighted row to take a share of"
_NO_PAIR = "a group has no weighted row to take a share of"
_FEW = "its rows are in too few sampling units to know the error"
_SHARES = "Korn-Graubard, Wilson score", "Korn-Graubard, Clopper-Pearson"
_HYBRID = "hybrid of Korn-Graubard"
#: Halvings of a p-value's bracket: twelve digits.
_HALVINGS = 40

Ends = tuple[Floats, Floats]
Bools = NDArray[np.bool_]
_Cells = tuple[tuple[float, ...], ...]


def weighted_shares(
    counts: GroupCounts, numerator: ArrayLike, denominator: ArrayLike, *, level: float = 0.95
) -> tuple[Estimate, ...]:
    """Return an interval of a weighted share of each group.

    The share is taken for one of so many rows of a simple sample as have the same variance (E. L. Korn, B.
    I. Graubard, Survey Methodology 24, 1998): p(1 - p) over the design's variance, times the squared ratio of
    the quantiles of t with n - 1 and with the group's degrees of freedom, and n at most. With these counts
    it is Wilson's interval where more than 30 succeed and more than 30 fail, else Clopper and Pearson's.
    Where all rows agree the variance is 0 and says nothing; then it is Kish's number of rows, (sum w)^2 /
    sum w^2, and of clusters a number between that of whole clusters and that of all groups together.

    Parameters
    ----------
    counts
        Counts with weights.
    numerator, denominator
        The cells [label, prediction] that count, shape (classes, classes), each in the numerator one of the
        denominator.
    level
        Confidence level, in (0, 1).

    Returns
    -------
    tuple of Estimate
        One for each group; without ends where the rows are in too few units, without any figure where there
        is none.

    Raises
    ------
    UsageError
        If the counts have no weights, or the level is out of range.
    """
    require(Share, level=level)
    rates = _Rates.of(counts, numerator, denominator)
    limits = rates.limits(level, rates.large(level))
    reasons = [
        _NO_ROW if missing else _FEW if unknown else None
        for missing, unknown in zip(np.isnan(rates.share), np.isnan(limits.low), strict=True)
    ]
    return bounds_of(rates.share, limits, level=level, names=_SHARES, reasons=reasons)


def weighted_ratios(
    counts: GroupCounts, numerator: ArrayLike, denominator: ArrayLike, reference: int, *, level: float = 0.95
) -> tuple[Estimate, ...]:
    """Return an interval of each group's weighted share over the reference group's.

    Where the effective successes and failures of both groups are more than 30 it is symmetric on the scale
    of logarithms, with the covariance of the groups through shared clusters and strata and a quantile of t.
    Else it is put together from the exact intervals of the two shares, as `ratio_interval` does it; where
    clusters tie the groups so that one is high when the other is low, with their correlation (A. Donner, G.
    Y. Zou, Statistical Methods in Medical Research 21, 2012, equation 9).

    Parameters
    ----------
    counts, numerator, denominator, level
        As of `weighted_shares`.
    reference
        Place of the reference group, whose own ratio is 1.

    Returns
    -------
    tuple of Estimate
        One for each group, as of `ratio_interval` where shares are 0.

    Raises
    ------
    UsageError
        If the counts have no weights, or the level is out of range.
    """
    require(Share, level=level)
    pairs = _Pairs(_Rates.of(counts, numerator, denominator), reference)
    low, high = pairs.ratio_ends(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = pairs.share / pairs.other
        relative = pairs.variance(1 / pairs.share, 1 / pairs.other)
        reach = pairs.quantile(level) * np.sqrt(relative)
        large = pairs.large(level)
        low = np.where(large, ratio * np.exp(-reach), np.where((ratio == 0) | (ratio > 0), low, np.nan))
        high = np.where(large, ratio * np.exp(reach), high)
    reasons = [pairs.reason(place, ratio=True) for place in range(len(ratio))]
    names = "log-linearised t", _HYBRID
    return pairs.with_reference(ratio, Limits(low, high, large), 1.0, level, names, reasons)


def weighted_differences(
    counts: GroupCounts, numerator: ArrayLike, denominator: ArrayLike, reference: int, *, level: float = 0.95
) -> tuple[Estimate, ...]:
    """Return an interval of the reference group's weighted share minus each group's.

    Linearised, with the covariance of the groups and a quantile of t, where effective counts are large, as
    `weighted_ratios` has it; else put together from the two intervals of the shares.

    Parameters
    ----------
    counts, numerator, denominator, reference, level
        As of `weighted_ratios`.

    Returns
    -------
    tuple of Estimate
        One for each group, within [-1, 1]; the reference group's own is 0.

    Raises
    ------
    UsageError
        If the counts have no weights, or the level is out of range.
    """
    require(Share, level=level)
    pairs = _Pairs(_Rates.of(counts, numerator, denominator), reference)
    difference, large = pairs.other - pairs.share, pairs.large(level)
    low, high = pairs.difference_ends(level)
    reach = pairs.quantile(level) * np.sqrt(pairs.variance(1.0, 1.0))
    low, high = np.where(large, difference - reach, low), np.where(large, difference + reach, high)
    limits = Limits(np.clip(low, -1, 1), np.clip(high, -1, 1), large)
    reasons = [pairs.reason(place) for place in range(len(difference))]
    return pairs.with_reference(difference, limits, 0.0, level, ("linearised t", _HYBRID), reasons)


def weighted_equality(
    counts: GroupCounts, numerator: ArrayLike, denominator: ArrayLike, reference: int
) -> tuple[TestResult, ...]:
    """Test whether each group has the same weighted share as the reference group.

    A t test of the linearised difference where effective counts are large; else the smallest error at which
    the interval of `weighted_differences` leaves 0 out.

    Parameters
    ----------
    counts, numerator, denominator, reference
        As of `weighted_ratios`.

    Returns
    -------
    tuple of TestResult
        One for each group; without a p-value for the reference group and where a share is unknown.

    Raises
    ------
    UsageError
        If the counts have no weights.
    """
    pairs = _Pairs(_Rates.of(counts, numerator, denominator), reference)
    large = pairs.large(0.95)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.abs(pairs.other - pairs.share) / np.sqrt(pairs.variance(1.0, 1.0))
        p_values = np.where(large, 2 * stdtr(pairs.freedom, -statistic), pairs.inverted())
    found: list[TestResult] = []
    for place, p_value in enumerate(p_values.tolist()):
        method = "linearised t test" if large[place] else f"inverted {_HYBRID}"
        if place == reference:
            found.append(TestResult(None, method, "it is the reference group"))
        elif np.isnan(p_value):
            found.append(TestResult(None, method, pairs.reason(place) or _FEW))
        else:
            found.append(TestResult(p_value, method))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Rates:
    """One weighted share of each group, with what its error is made of; arrays of shape (groups,).

    `scores` (groups, classes, classes) are the derivatives, `totals` (parts, groups) their sums; `agreed` are
    the effective rows of groups whose rows all agree, which are `uniform`.
    """

    sample: Sample
    share: Floats
    uniform: Bools
    agreed: Floats
    scores: Floats
    totals: Floats
    variance: Floats
    rows: NDArray[np.int64]
    freedom: NDArray[np.int64]

    @classmethod
    def of(cls, counts: GroupCounts, numerator: ArrayLike, denominator: ArrayLike) -> "_Rates":
        """Return the shares of the cells in the numerator among those in the denominator."""
        cells = (np.asarray(each, dtype=np.float64) for each in (numerator, denominator))
        return cls._of(counts, *(tuple(map(tuple, each.tolist())) for each in cells))

    @classmethod
    @lru_cache(maxsize=2)  # one rate is wanted in turn: its ratios, its differences, at two levels
    def _of(cls, counts: GroupCounts, numerator: _Cells, denominator: _Cells) -> "_Rates":
        sample = Sample.of(counts)
        a, b = np.array(numerator), np.array(denominator)
        weights = sample.sums.sum(axis=0)
        over, under = (weights * a).sum(axis=(1, 2)), (weights * b).sum(axis=(1, 2))
        rest = (weights * (b - a)).sum(axis=(1, 2))
        # Exactly 0 and 1 where all rows agree.
        share = np.divide(over, over + rest, out=np.full(len(over), np.nan), where=under > 0)
        totals, scores, variance = _linearised(sample, a, b, share, under)
        within = (sample.rows * (b > 0)).sum(axis=(2, 3))
        units = (within > 0).sum(axis=0) if sample.squares is None else within.sum(axis=0)
        strata = (sample.by_stratum(within) > 0).sum(axis=0)
        rows = within.sum(axis=0)
        return cls(
            sample=sample,
            share=share,
            uniform=(share == 0) | (share == 1),
            agreed=_agreed(sample, a, b, rows),
            scores=scores,
            totals=totals,
            variance=variance,
            rows=rows,
            freedom=np.minimum(units - strata, sample.freedom),
        )

    def effective(self, level: float | Floats) -> Floats:
        """Return the rows of a simple sample whose share is as uncertain, NaN where that is unknown."""
        with np.errstate(invalid="ignore", divide="ignore"):
            further = _quantile(self.rows - 1, level) / _quantile(self.freedom, level)
            equal = self.share * (1 - self.share) / self.variance * further**2
        equal = np.where(self.freedom > 0, np.fmin(equal, self.rows), np.nan)
        return np.where(self.uniform, self.agreed, np.where(np.isnan(self.share), np.nan, equal))

    def large(self, level: float) -> Bools:
        """Return True where effective successes and failures suffice for a normal approximation."""
        further = max(1.0, (ndtri((1 + level) / 2) / ndtri(0.975)) ** 2)
        return self.effective(level) * np.minimum(self.share, 1 - self.share) > LARGE * further

    def limits(self, level: float | Floats, large: Bools) -> Limits:
        """Return the ends of the shares' intervals."""
        n, share, z, tail = self.effective(level), self.share, ndtri((1 + level) / 2), (1 - level) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            centre, shrink = share + z**2 / (2 * n), 1 + z**2 / n
            spread = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
            low = np.where(
                large, (centre - spread) / shrink, betaincinv(n * share, n * (1 - share) + 1, tail)
            )
            exact = betaincinv(n * share + 1, n * (1 - share), 1 - tail)
            high = np.where(large, (centre + spread) / shrink, exact)
        known = ~np.isnan(n)
        low, high = np.where(known & (share == 0), 0.0, low), np.where(known & (share == 1), 1.0, high)
        return Limits(low, high, large)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Each group beside the reference group."""

    rates: _Rates
    reference: int

    @property
    def share(self) -> Floats:
        """Share of each group."""
        return self.rates.share

    @property
    def other(self) -> float:
        """Share of the reference group."""
        return self.rates.share[self.reference]

    def large(self, level: float) -> Bools:
        """Return True where the effective counts of both groups are large."""
        large = self.rates.large(level)
        return large & large[self.reference]

    def variance(self, scale: float | Floats, other: float | Floats) -> Floats:
        """Return the variance of a share times its scale minus that of the reference times another."""
        rates, sample, reference = self.rates, self.rates.sample, self.reference
        # A row is in one group alone, so that only the reference has products of its own with itself.
        own = np.zeros(len(rates.share))
        own[reference] = (sample.cells[reference] * rates.scores[reference] ** 2).sum()
        shared = sample.covariances(rates.totals, rates.totals[:, [reference]], own)
        joint = rates.variance * scale**2 + rates.variance[reference] * other**2 - 2 * shared * scale * other
        return np.maximum(joint, 0.0)

    @property
    def freedom(self) -> Floats:
        """Satterthwaite's degrees of freedom of two groups together, no more than the design's."""
        variance, own, design = self.rates.variance, self.rates.freedom, self.rates.sample.freedom
        theirs = variance[self.reference], own[self.reference]
        with np.errstate(invalid="ignore", divide="ignore"):
            joint = (variance + theirs[0]) ** 2 / (variance**2 / own + theirs[0] ** 2 / theirs[1])
        return np.minimum(joint, design)

    def quantile(self, level: float) -> Floats:
        """Return the quantile of t for each comparison."""
        return _quantile(self.freedom, level)

    def limits(self, level: float | Floats) -> tuple[Limits, Limits]:
        """Return the exact ends of each group's share, and of the reference's as often."""
        few = np.zeros(len(self.share), dtype=np.bool_)
        mine = self.rates.limits(level, few)
        if np.ndim(level) == 0:
            low, high = (np.full_like(each, each[self.reference]) for each in (mine.low, mine.high))
            return mine, Limits(low, high, few)
        alone = _only(self.rates, self.reference, len(self.share))
        return mine, alone.limits(level, few)

    @property
    def correlation(self) -> Floats:
        """Correlation with the reference group through shared clusters and strata, 0 where it is positive."""
        variance = self.rates.variance
        joint = variance + variance[self.reference] - self.variance(1.0, 1.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = joint / (2 * np.sqrt(variance * variance[self.reference]))
        # A positive one would make intervals narrower, and rests on few rows here.
        return np.clip(np.nan_to_num(found, nan=0.0), -1.0, 0.0)

    def ratio_ends(self, level: float) -> Ends:
        """Return the ends of a ratio that follow from those of both shares."""
        return recovered_ratio(*self._pair(level), self.correlation)

    def difference_ends(self, level: float | Floats) -> Ends:
        """Return the ends of a difference that follow from those of both shares."""
        return recovered_difference(*self._pair(level), self.correlation)

    def _pair(self, level: float | Floats) -> tuple[Floats, Floats, Floats]:
        """Return both shares and their ends, with the group on the first axis."""
        mine, theirs = self.limits(level)
        shares = np.stack([self.share, np.full_like(self.share, self.other)])
        return shares, np.stack([mine.low, theirs.low]), np.stack([mine.high, theirs.high])

    def inverted(self) -> Floats:
        """Return the smallest error at which the joined interval of the difference leaves 0 out."""
        inside, outside = np.zeros(len(self.share)), np.ones(len(self.share))
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            low, high = self.difference_ends(1 - middle)
            excluded = (low > 0) | (high < 0)
            inside, outside = np.where(excluded, inside, middle), np.where(excluded, middle, outside)
        unknown = np.isnan(self.rates.effective(0.95))
        return np.where(unknown | unknown[self.reference], np.nan, outside)

    def reason(self, place: int, *, ratio: bool = False) -> str | None:
        """Say why a comparison lacks something."""
        pair = [place, self.reference]
        if np.isnan(self.share[pair]).any():
            return _NO_PAIR
        if np.isnan(self.rates.effective(0.95)[pair]).any():
            return _FEW
        if not ratio or self.other > 0:
            return None
        if self.share[place] == 0:
            return "both shares are 0, and 0/0 is unknown"
        return "the reference group's share is 0: the ratio has no upper bound"

    def with_reference(
        self,
        values: Floats,
        limits: Limits,
        itself: float,
        level: float,
        names: tuple[str, str],
        reasons: list[str | None],
    ) -> tuple[Estimate, ...]:
        """Put arrays into values; the reference group against itself has no error."""
        found = list(bounds_of(values, limits, level=level, names=names, reasons=reasons))
        if found[self.reference].value is not None:
            found[self.reference] = Estimate(itself, itself, itself, level, "the reference group itself")
        return tuple(found)


def _linearised(
    sample: Sample, a: Floats, b: Floats, share: Floats, under: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return sums of the derivatives by part, the derivatives of each cell, and the variances."""
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = (a - share[:, None, None] * b) / under[:, None, None]
    scores = np.where(np.isnan(share)[:, None, None], 0.0, scores)
    totals = np.einsum("ugij,gij->ug", sample.sums, scores)
    own = (sample.cells * scores**2).sum(axis=(1, 2))
    return totals, scores, np.maximum(sample.covariances(totals, totals, own), 0.0)


def _agreed(sample: Sample, a: Floats, b: Floats, rows: NDArray[np.int64]) -> Floats:
    """Return the effective rows of each group where its rows agree, so that no variance tells."""
    inside = (b > 0).astype(np.float64)
    totals = (sample.sums * inside).sum(axis=(2, 3))
    clustered = sample.squares is None
    squares = totals**2 if sample.squares is None else (sample.squares * inside).sum(axis=(2, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        kish = np.fmin(totals.sum(axis=0) ** 2 / squares.sum(axis=0), rows)
    if not clustered:
        return kish
    # This is as if all rows of a cluster agreed. The design effect of all groups together is the best guess;
    # where they all agree as well nothing better is known.
    weights = sample.sums.sum(axis=(0, 1))
    under = np.array([(weights * b).sum()])
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (weights * a).sum() / under
    everybody = Sample(
        sample.stratum, sample.sizes, sample.rows, sample.sums.sum(axis=1, keepdims=True), sample.squares
    )
    _, _, (variance,) = _linearised(everybody, a, b, share, under)
    effect = float(share[0] * (1 - share[0]) / variance / rows.sum()) if variance > 0 else 0.0
    return np.fmax(kish, np.fmin(effect, 1.0) * rows)


def _only(rates: _Rates, place: int, times: int) -> _Rates:
    """Return one group's share as often."""
    fields = ("share", "uniform", "agreed", "variance", "rows", "freedom")
    repeated = {name: np.repeat(getattr(rates, name)[place], times) for name in fields}
    return _Rates(sample=rates.sample, scores=rates.scores, totals=rates.totals, **repeated)


def _quantile(freedom: NDArray[np.number], level: float | Floats) -> Floats:
    """Return the two-sided quantile of t, NaN without a degree of freedom."""
    known = np.where(freedom > 0, freedom, np.nan).astype(np.float64)
    return np.asarray(stdtrit(known, (1 + level) / 2), dtype=np.float64)
