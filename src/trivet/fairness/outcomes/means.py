"""Means of amounts by group, their differences and ratios, with intervals.

Of rows that count alike intervals are of Welch's t; where few rows are skewed, they are of the studentised
bootstrap (P. Hall, Annals of Statistics 16, 1988), since t then covers too rarely. Weighted ones are of t
with the variance by linearisation.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from trivet.estimate import Estimate
from trivet.fairness.intervals.linearised import Sample
from trivet.fairness.intervals.shares import finite

__all__ = ["GroupMeans", "RowDesign"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Draws of the studentised bootstrap.
_DRAWS: Final = 1_999
#: It is taken from so many rows on, up to so many, and where skewness over the root of rows is larger.
_FEWEST, _MOST, _SKEWED = 10, 5_000, 0.05
#: Upper ends of ratios at so many times the estimate are left open.
_BEYOND: Final = 1_000
_CHUNK: Final = 2_000_000
NEGATIVE: Final = "some values are below 0, so that a ratio of means says nothing"
ZERO: Final = "a mean is 0, and nothing can be divided by it"
ONE_ROW: Final = "one row says nothing of the error"


@dataclass(frozen=True, eq=False)
class RowDesign:
    """Design of a sample of rows: weights, and codes of strata and of clusters within them, shape (rows,).

    `clusters` are numbered over all strata; None where each row is a unit.
    """

    weights: Floats
    strata: Ints
    clusters: Ints | None = None

    @cached_property
    def sample(self) -> Sample:
        """The units of the strata."""
        strata = self._strata
        if self.clusters is None:
            sizes, places = np.bincount(strata), np.arange(strata.max() + 1)
        else:
            places = np.zeros(self._units.max() + 1, dtype=np.int64)
            places[self._units] = strata
            sizes = np.bincount(places)
        none = np.zeros((len(places), 0, 0, 0))
        squares = none if self.clusters is None else None
        return Sample(places, sizes, none.astype(np.int64), none, squares)

    def totals(self, z: Floats, groups: Ints, number: int, sample: Sample) -> tuple[Floats, Floats]:
        """Return the totals of z by part and group, and the rows' own products, which clusters lack."""
        parts = self._strata if self.clusters is None else self._units
        shape = len(sample.stratum), number
        flat = np.bincount(parts * number + groups, z, minlength=shape[0] * shape[1])
        totals = flat.astype(np.float64).reshape(shape)
        if self.clusters is not None:
            return totals, np.zeros(number)
        factors = np.where(sample.sizes > 1, sample.factors, 0.0)[self._strata]
        return totals, np.bincount(groups, factors * z**2, minlength=number).astype(np.float64)

    def freedom(self, groups: Ints, number: int) -> Ints:
        """Return units less strata with rows of each group that weigh something."""
        some = self.weights > 0
        groups = groups[some]
        strata = self._distinct(self._strata[some], groups, number)
        units = (
            np.bincount(groups, minlength=number)
            if self.clusters is None
            else self._distinct(self._units[some], groups, number)
        )
        return units - strata

    @cached_property
    def _strata(self) -> Ints:
        return np.unique(self.strata, return_inverse=True)[1]

    @cached_property
    def _units(self) -> Ints:
        return np.unique(self.clusters, return_inverse=True)[1]  # pyright: ignore[reportArgumentType,reportCallIssue]

    @staticmethod
    def _distinct(codes: Ints, groups: Ints, number: int) -> Ints:
        return np.bincount(np.unique(codes * number + groups) % number, minlength=number)


@dataclass(frozen=True, eq=False)
class GroupMeans:
    """Means of each group, shape (groups,), with what their errors are made of.

    `covariance` has shape (groups, groups); `draws` are means and variances of bootstrap samples of groups
    whose rows are few and skewed, shape (draws,) each.
    """

    means: Floats
    covariance: Floats
    freedom: Floats
    negative: bool
    weighted: bool
    draws: dict[int, tuple[Floats, Floats]]

    @classmethod
    def of(
        cls, values: Floats, groups: Ints, number: int, *, design: RowDesign | None = None, seed: int = 0
    ) -> "GroupMeans":
        """Measure values of shape (rows,) whose groups are 0 to `number` - 1; each group has a row."""
        negative = bool((values < 0).any())
        if design is not None:
            return cls._weighted(values, groups, number, design, negative=negative)
        rows = np.bincount(groups, minlength=number)
        means = np.bincount(groups, values, minlength=number) / rows
        apart = values - means[groups]
        squares = np.bincount(groups, apart**2, minlength=number)
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = squares / (rows - 1) / rows
            skewness = np.bincount(groups, apart**3, minlength=number) / rows / (squares / rows) ** 1.5
        few = (rows >= _FEWEST) & (rows <= _MOST) & (np.abs(skewness) / np.sqrt(rows) > _SKEWED)
        rng = np.random.default_rng(seed)
        draws = {
            place: _drawn(values[groups == place], rng)
            for place in (range(number) if few.any() else ())
            if _FEWEST <= rows[place] <= _MOST
        }
        freedom = (rows - 1).astype(np.float64)
        return cls(means, np.diag(variance), freedom, negative, weighted=False, draws=draws)

    @classmethod
    def _weighted(
        cls, values: Floats, groups: Ints, number: int, design: RowDesign, *, negative: bool
    ) -> "GroupMeans":
        weights = design.weights
        under = np.bincount(groups, weights, minlength=number)
        means = np.bincount(groups, weights * values, minlength=number) / under
        z = weights * (values - means[groups]) / under[groups]
        sample = design.sample
        totals, own = design.totals(z, groups, number, sample)
        columns = [
            sample.covariances(totals, totals[:, [k]], np.where(np.arange(number) == k, own, 0.0))
            for k in range(number)
        ]
        freedom = np.minimum(design.freedom(groups, number), sample.freedom).astype(np.float64)
        return cls(means, np.stack(columns, axis=1), freedom, negative, weighted=True, draws={})

    def mean(self, place: int, level: float) -> Estimate:
        """Return one group's mean."""
        draws = None
        if place in self.draws:
            means, variances = self.draws[place]
            draws = _studentised(means - self.means[place], variances)
        freedom, variance = self.freedom[place], self.covariance[place, place]
        low, high = _ends(self.means[place], variance, freedom, draws, level)
        return self._estimate(self.means[place], low, high, level, freedom, drawn=draws is not None)

    def difference(self, place: int, reference: int, level: float) -> Estimate:
        """Return the reference group's mean minus one group's."""
        value = self.means[reference] - self.means[place]
        scale = np.ones(2)
        variance, freedom = self._joint(place, reference, scale)
        draws = None
        if place in self.draws and reference in self.draws:
            (mine, own), (theirs, other) = self.draws[place], self.draws[reference]
            draws = _studentised(theirs - mine - value, own + other)
        low, high = _ends(value, variance, freedom, draws, level)
        return self._estimate(value, low, high, level, freedom, drawn=draws is not None)

    def ratio(self, place: int, reference: int, level: float) -> Estimate:
        """Return one group's mean over the reference group's, where no value is below 0."""
        mine, theirs = self.means[place], self.means[reference]
        if self.negative or min(mine, theirs) <= 0:
            return Estimate(None, None, None, level, "none", NEGATIVE if self.negative else ZERO)
        variance, freedom = self._joint(place, reference, 1 / np.array([mine, theirs]))
        draws = None
        if place in self.draws and reference in self.draws:
            (means, own), (others, other) = self.draws[place], self.draws[reference]
            with np.errstate(divide="ignore", invalid="ignore"):
                errors = np.log(means / others) - np.log(mine / theirs)
                draws = _studentised(errors, own / means**2 + other / others**2)
        low, high = np.exp(_ends(np.log(mine / theirs), variance, freedom, draws, level))
        # An end beyond any use is none: the interval is open, and holds as well.
        high = high if high <= _BEYOND * mine / theirs else np.inf
        return self._estimate(mine / theirs, low, high, level, freedom, drawn=draws is not None)

    def p_value(self, place: int, reference: int) -> float | None:
        """Return the p-value of equal means by t, None where nothing is known of the error."""
        variance, freedom = self._joint(place, reference, np.ones(2))
        difference = abs(self.means[reference] - self.means[place])
        if not freedom > 0 or not variance > 0:
            return None
        return float(2 * stdtr(freedom, -difference / np.sqrt(variance)))

    def _joint(self, place: int, reference: int, scale: Floats) -> tuple[float, float]:
        """Return the variance of the scaled difference, and Satterthwaite's degrees of freedom."""
        pair = np.array([place, reference])
        own = self.covariance[pair, pair] * scale**2
        variance = own.sum() - 2 * self.covariance[place, reference] * scale.prod()
        with np.errstate(invalid="ignore", divide="ignore"):
            freedom = own.sum() ** 2 / (own**2 / np.maximum(self.freedom[pair], 0)).sum()
        return float(max(variance, 0.0)), float(np.nan_to_num(freedom, nan=0.0))

    def _estimate(
        self, value: float, low: float, high: float, level: float, freedom: float, *, drawn: bool
    ) -> Estimate:
        method = "linearised t" if self.weighted else "studentised bootstrap" if drawn else "Welch t"
        reason = None if freedom > 0 else ONE_ROW
        if reason is None and not self.weighted and not drawn and freedom + 1 < _FEWEST:
            reason = "of so few rows t supposes a nearly normal distribution"
        return Estimate(float(value), finite(float(low)), finite(float(high)), level, method, reason)


def _ends(
    value: float, variance: float, freedom: float, draws: Floats | None, level: float
) -> tuple[float, float]:
    """Return the ends of an interval by t, or by the quantiles of studentised draws."""
    if not freedom > 0 or not np.isfinite(variance):
        return np.nan, np.nan
    error = float(np.sqrt(variance))
    if draws is None:
        reach = float(stdtrit(freedom, (1 + level) / 2)) * error
        return value - reach, value + reach
    low, high = np.quantile(draws, [(1 + level) / 2, (1 - level) / 2], method="inverted_cdf")
    return value - float(low) * error, value - float(high) * error


def _studentised(errors: Floats, variances: Floats) -> Floats:
    """Divide by standard errors; a draw of equal rows is beyond every other, or at 0 without an error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = errors / np.sqrt(variances)
    return np.where(np.isnan(found), np.where(np.isnan(errors), np.inf, 0.0), found)


def _drawn(values: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return means of bootstrap samples, and the variances of these means."""
    size = max(1, _CHUNK // len(values))
    means, variances = [], []
    for start in range(0, _DRAWS, size):
        picked = values[rng.integers(0, len(values), (min(size, _DRAWS - start), len(values)))]
        means.append(picked.mean(axis=1))
        variances.append(picked.var(axis=1, ddof=1) / len(values))
    return np.concatenate(means), np.concatenate(variances)
