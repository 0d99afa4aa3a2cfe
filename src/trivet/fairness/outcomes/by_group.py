"""Any metric by group, with bootstrap intervals."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, stdtrit

from trivet.errors import DataError, UsageError
from trivet.estimate import Estimate
from trivet.fairness.columns import require_same_length, require_same_order
from trivet.fairness.counting.arrays import combined_codes, factorised, sensitive_arrays
from trivet.fairness.counting.naming import in_order, name_of
from trivet.fairness.counting.tabulate import require_few_groups, require_no_missing
from trivet.fairness.intervals.shares import finite
from trivet.fairness.outcomes.results import ByGroup, GroupMetric, MetricGap
from trivet.settings import Count, Seed, Share, require
from trivet.wording import first_line, one_line, quote

__all__ = ["by_group"]

Floats = NDArray[np.float64]
Metric = Callable[..., float]

#: Groups of more rows have intervals of percentiles; of fewer ones these are corrected by a jackknife.
_JACKKNIFED: Final = 300
#: Pairs of more groups are not looked at one by one.
_PAIRED: Final = 50
_NAMELESS: Final = "metric"
_NO_FIGURE: Final = (ValueError, ArithmeticError, IndexError)


def by_group(
    metric: Metric | Mapping[str, Metric],
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sensitive_features: Any,
    *,
    sample_weight: ArrayLike | None = None,
    level: float = 0.95,
    replicates: int = 1_000,
    seed: int = 0,
) -> ByGroup:
    """Measure any metric in each group, of all rows, and between groups, with bootstrap intervals.

    Rows are drawn anew within each group (B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap,
    1993). Intervals of a group are of percentiles, in groups of 300 rows or fewer corrected for bias and
    acceleration. Those of the largest difference and the smallest ratio follow from bands around all
    differences at once (the studentised maximum), which holds where groups are equal as well.

    Parameters
    ----------
    metric
        A function of (y_true, y_pred) that returns a number, or several by name; where weights are given
        they are called with sample_weight=... as well.
    y_true, y_pred
        Labels, and predictions or scores, shape (rows,) each.
    sensitive_features
        Groups, shape (rows,), or several columns: a frame or a mapping from names.
    sample_weight
        Weights, shape (rows,), handed on to each metric.
    level
        Confidence level, in (0, 1).
    replicates
        Bootstrap samples.
    seed
        Of the samples.

    Returns
    -------
    ByGroup
        `by_group`, and `gaps` with the metric of all rows, difference and ratio. A figure that is undefined
        is None with the reason.

    Raises
    ------
    UsageError, DataError
        If no metric is given or one is not a function, columns differ in length or lack a value, or a number
        is out of range.
    """
    require(Share, level=level)
    require(Count, replicates=replicates)
    require(Seed, seed=seed)
    metrics = _named(metric)
    truth, predicted = _column(y_true, "y_true"), _column(y_pred, "y_pred")
    arrays = sensitive_arrays(sensitive_features)
    require_same_order(y_true=y_true, y_pred=y_pred)
    for name, values in arrays.items():
        require_same_order(y_true=y_true, **{one_line(name): values})
    columns = {one_line(name): np.asarray(values) for name, values in arrays.items()}
    require_same_length(y_true=truth, y_pred=predicted, **columns)
    weights = None if sample_weight is None else _column(sample_weight, "sample_weight")
    if weights is not None:
        require_same_length(y_true=truth, sample_weight=weights)
    groups, names = _groups(arrays)
    places = [np.flatnonzero(groups == k) for k in range(len(names))]
    by: list[GroupMetric] = []
    gaps: list[MetricGap] = []
    for title, function in metrics.items():
        measure = _Measure(function, truth, predicted, weights)
        found = _bootstrapped(measure, places, replicates=replicates, seed=seed)
        by += [
            GroupMetric(title, name, len(places[k]), found.of_group(k, level)) for k, name in enumerate(names)
        ]
        gaps.append(
            MetricGap(title, found.overall(level), found.difference(level, names), found.ratio(level, names))
        )
    return ByGroup(
        columns=tuple(arrays),
        rows=len(truth),
        by_group=tuple(by),
        gaps=tuple(gaps),
        replicates=replicates,
        seed=seed,
        level=level,
    )


class _Measure:
    """A metric of some rows; NaN where it has none, and the first reason why."""

    def __init__(
        self, function: Metric, truth: NDArray[Any], predicted: NDArray[Any], weights: NDArray[Any] | None
    ) -> None:
        self.function, self.truth, self.predicted, self.weights = function, truth, predicted, weights
        self.why: str | None = None

    def __call__(self, rows: NDArray[np.int64]) -> float:
        more = {} if self.weights is None else {"sample_weight": self.weights[rows]}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = self.function(self.truth[rows], self.predicted[rows], **more)
            return _number(found)
        except _NO_FIGURE as error:
            self.why = self.why or first_line(error)
            return np.nan


def _number(found: Any) -> float:
    try:
        return float(found)
    except TypeError as error:
        raise UsageError(
            f"a metric returns a number, found {quote(type(found).__name__)}; give one for each number."
        ) from error


@dataclass(frozen=True, eq=False)
class _Found:
    """A metric of the groups and of all rows, and of bootstrap samples of both; `why` has -1 for all rows."""

    values: Floats
    draws: Floats
    whole: tuple[float, Floats]
    jackknifes: dict[int, Floats]
    why: dict[int, str]
    rows: list[int]

    def of_group(self, place: int, level: float) -> Estimate:
        """Return the metric of one group."""
        jackknife = self.jackknifes.get(place)
        return _interval(
            float(self.values[place]),
            self.draws[:, place],
            _expanded(level, self.rows[place]),
            jackknife,
            self.why.get(place),
            level=level,
        )

    def overall(self, level: float) -> Estimate:
        """Return the metric of all rows."""
        wider = _expanded(level, sum(self.rows))
        return _interval(self.whole[0], self.whole[1], wider, None, self.why.get(-1), level=level)

    def difference(self, level: float, names: tuple[str, ...]) -> Estimate:
        """Return the largest minus the smallest value of the groups."""
        return self._gap(self.values, self.draws, level, names)

    def ratio(self, level: float, names: tuple[str, ...]) -> Estimate:
        """Return the smallest over the largest value of the groups, where none is below 0."""
        known = self.values[~np.isnan(self.values)]
        if len(known) and known.min() < 0:
            return Estimate(None, None, None, level, "none", "a value is below 0: a ratio says nothing")
        if len(known) and known.max() == 0:
            return Estimate(
                None, None, None, level, "none", "the metric is 0 in every group, and 0/0 is unknown"
            )
        if len(known) > 1 and known.min() == 0:
            gap = self._gap(self.values, self.draws, level, names)
            reason = gap.reason or "a value is 0, from where a ratio has no scale"
            return Estimate(0.0, None, None, level, gap.method, reason)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = self._gap(np.log(self.values), np.log(self.draws), level, names)
        low, high, value = (
            None if each is None else float(np.exp(-each)) for each in (gap.high, gap.low, gap.value)
        )
        return Estimate(value, low, high, level, gap.method, gap.reason)

    def _gap(self, values: Floats, draws: Floats, level: float, names: tuple[str, ...]) -> Estimate:
        method = "studentised maximum bootstrap"
        if np.isnan(values).any():
            missing = ", ".join(
                one_line(name) for name, each in zip(names, values, strict=True) if np.isnan(each)
            )
            why = f"the metric is unknown for {one_line(missing, limit=200)}"
            return Estimate(None, None, None, level, method, why)
        if len(values) == 1:
            return Estimate(None, None, None, level, method, "there is only one group")
        value = float(values.max() - values.min())
        kept = draws[np.isfinite(draws).all(axis=1)]
        if len(kept) < level * len(draws) or not np.isfinite(value):
            lost = 1 - len(kept) / len(draws)
            return Estimate(
                finite(value), None, None, level, method, f"{lost:.1%} of the draws have no figure"
            )
        fixed = (kept == kept[:1]).all(axis=0)
        if fixed.any():
            # Not without error, such as where one row is drawn again and again.
            named = ", ".join(one_line(name) for name, each in zip(names, fixed, strict=True) if each)
            why = f"no draw has another figure for {one_line(named, limit=200)}, so that its error is unknown"
            return Estimate(value, None, None, level, method, why)
        wider = float(ndtri((1 + _expanded(level, min(self.rows))) / 2) / ndtri((1 + level) / 2))
        if len(values) > _PAIRED:
            error = kept.std(axis=0)
            reach = _largest(np.abs(kept - values), error, level) * wider
            low = (values - reach * error).max() - (values + reach * error).min()
            high = (values + reach * error).max() - (values - reach * error).min()
        else:
            one, other = (np.array(each) for each in zip(*combinations(range(len(values)), 2), strict=True))
            apart, drawn = values[one] - values[other], kept[:, one] - kept[:, other]
            error = drawn.std(axis=0)
            reach = _largest(np.abs(drawn - apart), error, level) * wider
            low = (np.abs(apart) - reach * error).max()
            high = (np.abs(apart) + reach * error).max()
        lost = len(draws) - len(kept)
        reason = f"{lost} of the draws have no figure" if lost else None
        return Estimate(value, max(float(low), 0.0), float(high), level, method, reason)


def _largest(apart: Floats, error: Floats, level: float) -> float:
    """Return the quantile of the largest distance in standard errors."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(error > 0, apart / error, 0.0)
    return float(np.quantile(scaled.max(axis=1), level))


def _bootstrapped(
    measure: _Measure, places: list[NDArray[np.int64]], *, replicates: int, seed: int
) -> _Found:
    rng = np.random.default_rng(seed)
    every = np.concatenate(places)
    why: dict[int, str] = {}
    measured: list[float] = []
    for k, rows in enumerate([*places, np.sort(every)]):
        measure.why = None
        measured.append(measure(rows))
        if np.isnan(measured[-1]):
            why[k if k < len(places) else -1] = measure.why or "the metric is not a number there"
    values, whole = np.array(measured[:-1]), measured[-1]
    draws = np.empty((replicates, len(places)))
    together = np.empty(replicates)
    for i in range(replicates):
        drawn = [rows[rng.integers(0, len(rows), len(rows))] for rows in places]
        draws[i] = [np.nan if np.isnan(values[k]) else measure(rows) for k, rows in enumerate(drawn)]
        together[i] = np.nan if np.isnan(whole) else measure(np.concatenate(drawn))
    jackknifes = {
        k: np.array([measure(np.delete(rows, i)) for i in range(len(rows))])
        for k, rows in enumerate(places)
        if 1 < len(rows) <= _JACKKNIFED and np.isfinite(values[k])
    }
    return _Found(values, draws, (whole, together), jackknifes, why, [len(rows) for rows in places])


def _expanded(level: float, rows: int) -> float:
    """Return the level at which percentiles reach as far as t does."""
    # T. C. Hesterberg, American Statistician 69 (2015), page 382.
    if rows < 2:  # noqa: PLR2004 - one row has no spread
        return level
    reach = float(stdtrit(rows - 1, (1 + level) / 2)) * np.sqrt(rows / (rows - 1))
    return float(2 * ndtr(reach) - 1)


def _interval(
    value: float,
    draws: Floats,
    wider: float,
    jackknife: Floats | None,
    why: str | None,
    *,
    level: float,
) -> Estimate:
    """Return the percentiles of draws, corrected for bias and acceleration where there is a jackknife."""
    method = "percentile bootstrap"
    if not np.isfinite(value):
        return Estimate(None, None, None, level, method, why or "the metric is not finite")
    tails = np.array([(1 - wider) / 2, (1 + wider) / 2])
    known = draws[~np.isnan(draws)]
    if not len(known) or (known == known[0]).all():
        return Estimate(value, None, None, level, method, "no draw has another figure")
    if jackknife is not None and np.isfinite(jackknife).all():
        below = ((known < value).mean() + (known <= value).mean()) / 2
        apart = jackknife.mean() - jackknife
        scale = 6 * (apart**2).sum() ** 1.5
        if 0 < below < 1 and scale > 0:
            bias, bend = ndtri(below), (apart**3).sum() / scale
            reach = bias + ndtri(tails)
            tails = ndtr(bias + reach / (1 - bend * reach))
            method = "BCa bootstrap"
    # A draw without a figure counts against both ends.
    undefined = np.isnan(draws)
    low = finite(float(np.quantile(np.where(undefined, -np.inf, draws), tails[0], method="inverted_cdf")))
    high = finite(float(np.quantile(np.where(undefined, np.inf, draws), tails[1], method="inverted_cdf")))
    share = undefined.mean()
    return Estimate(
        value, low, high, level, method, f"{share:.2%} of the draws have no figure" if share else None
    )


def _named(metric: Any) -> dict[str, Metric]:
    named: Any = metric
    if callable(metric):
        named = {str(getattr(metric, "__name__", _NAMELESS)): metric}
    if not isinstance(named, Mapping) or not named or not all(callable(each) for each in named.values()):
        raise UsageError("a metric is a function of (y_true, y_pred), or several of them by name.")
    return {str(name): function for name, function in named.items()}


def _column(values: Any, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:  # noqa: PLR2004 - a frame of one column
        array = array[:, 0]
    if array.ndim == 0 or not len(array):
        raise DataError(f"{quote(name)} should be one column with a row or more, found shape {array.shape}.")
    return array


def _groups(arrays: Mapping[str, ArrayLike]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the place of each row's group, and the groups' names."""
    coded = [factorised(_column(values, name), name) for name, values in arrays.items()]
    codes, kinds = combined_codes([(codes, len(known)) for codes, known in coded])
    require_few_groups(len(kinds), list(arrays))
    rows = np.bincount(codes, minlength=len(kinds))
    named: list[tuple[str, ...]] = []
    missing = dict.fromkeys(arrays, 0)
    for place, kind in enumerate(kinds.tolist()):
        names: list[str] = []
        for column, (_, known), code in zip(arrays, coded, kind, strict=True):
            called = name_of(known[code])
            missing[column] += 0 if called is not None else int(rows[place])
            names.append(called or "")
        named.append(tuple(names))
    require_no_missing({name: count for name, count in missing.items() if count}, len(codes))
    values = in_order(named)
    known_names = tuple(", ".join(each) for each in values)
    return np.array([values.index(each) for each in named], dtype=np.int64)[codes], known_names
