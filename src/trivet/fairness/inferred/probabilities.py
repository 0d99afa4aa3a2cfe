"""Disparities where the probability of each row's group is known: all that they can be."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.auditing.settings import TableOptions
from trivet.fairness.inferred.bounds import RateEnd, cells_of, rate_ends
from trivet.fairness.inferred.disparities import (
    RATES,
    chosen_reference,
    disparity_of,
    quotient,
    summed_up,
)
from trivet.fairness.inferred.results import InferredAudit, InferredDisparity, InferredRate, Span
from trivet.fairness.intervals.shares import simultaneous_level
from trivet.paired import normal_quantile
from trivet.settings import Seed, Share, require
from trivet.wording import quote

__all__ = ["bounds_by_probability"]

Floats = NDArray[np.float64]

#: How far probabilities of a row may add up to more or less than 1.
_ROUNDING: Final = 1e-3
#: Rows that a group is expected to have at least.
_FEWEST: Final = 30
_FEW: Final = "where few rows bound a rate, its sampling error is taken as unknown"


@dataclass(frozen=True, eq=False)
class _Group:
    """Ends of one group's rate, and its estimators."""

    rows: float
    ends: tuple[RateEnd | None, RateEnd | None]
    weighted: float | None
    thresholded: float | None


def bounds_by_probability(
    probabilities: Mapping[str, Any],
    y_pred: Any,
    y_true: Any = None,
    *,
    privileged: str | None = None,
    four_fifths: float = TableOptions.four_fifths,
    level: float = TableOptions.level,
    seed: int = 0,
    data: str = "the table",
    prediction: str = "the prediction",
    label: str | None = None,
    columns: tuple[str, ...] = (),
) -> InferredAudit:
    """Bound disparities where the probability of each row's group is known.

    Parameters
    ----------
    probabilities
        By group, the probability that each row belongs to it, shape (rows,), in [0, 1]. Where they sum to
        less than 1, the rest is a further group.
    y_pred, y_true
        Predictions and labels, 0 or 1, shape (rows,); without labels only selection rates are bounded.
    privileged
        Group that the others are compared with; by default the one that most rows are expected to be of.
    four_fifths, level
        As of an audit; the level is of all comparisons at once.
    seed
        Of the division of rows into folds.
    data, prediction, label, columns
        Names, for the result.

    Returns
    -------
    InferredAudit
        For the selection rate, and with labels true and false positive rates.

    Raises
    ------
    UsageError, DataError
        If there are fewer than two groups, shapes differ, or a probability is none.
    """
    require(Share, level=level)
    require(Seed, seed=seed)
    groups, r = _checked(probabilities)
    chosen = _outcome(y_pred, len(r), "predictions")
    labels = None if y_true is None else _outcome(y_true, len(r), "labels")
    expected = r.sum(axis=0)
    reference, why = chosen_reference(groups, expected, privileged)
    kinds = [name for name, side in RATES.items() if side is None or labels is not None]
    family = len(kinds) * (len(groups) - 1)
    tail = normal_quantile(simultaneous_level(level, family))
    cells, best = cells_of(r), r.argmax(axis=1)
    rates: list[InferredRate] = []
    disparities: list[InferredDisparity] = []
    for metric in kinds:
        side = RATES[metric]
        among = np.ones(len(r), dtype=bool) if side is None or labels is None else labels == side
        found = [
            _Group(
                float(expected[place]),
                rate_ends(r[:, place], chosen & among, ~chosen & among, cells, seed=seed),
                _weighted_mean(chosen, r[:, place] * among),
                _weighted_mean(chosen, ((best == place) & among).astype(np.float64)),
            )
            for place in range(len(groups))
        ]
        rates += [
            InferredRate(metric, name, own.rows, _rate_span(own, tail), own.weighted, own.thresholded)
            for name, own in zip(groups, found, strict=True)
        ]
        other = found[reference]
        for place, name in enumerate(groups):
            if place != reference:
                difference, ratio = _compared(found[place], other, tail)
                disparities.append(
                    disparity_of(
                        metric,
                        name,
                        groups[reference],
                        difference,
                        ratio,
                        weighted=(found[place].weighted, other.weighted),
                        thresholded=(found[place].thresholded, other.thresholded),
                        adjusted=(None, None),
                        four_fifths=four_fifths,
                        level=level,
                    )
                )
    return summed_up(
        rates,
        disparities,
        data=data,
        rows=len(r),
        prediction=prediction,
        label=label,
        known="probabilities",
        columns=columns,
        error_rates=(),
        groups=groups,
        reference=groups[reference],
        why=why,
        four_fifths=four_fifths,
        level=level,
        method="dual bounds with cross-fitting, normal",
        seed=seed,
    )


def _checked(probabilities: Mapping[str, Any]) -> tuple[tuple[str, ...], Floats]:
    """Return the groups and the probabilities of each row, shape (rows, groups), which add up to 1."""
    names = [str(name) for name in probabilities]
    columns = [np.asarray(values, dtype=np.float64) for values in probabilities.values()]
    if not columns or any(each.ndim != 1 or each.shape != columns[0].shape for each in columns):
        raise UsageError("expected the probabilities of one group or more, each of shape (rows,).")
    r = np.stack(columns, axis=1)
    if not len(r):
        raise DataError("there is no row to take a share of; check that the table is the one.")
    if not bool(((r >= 0) & (r <= 1)).all()):
        raise DataError("a probability of a group is missing or not from 0 to 1; correct it.")
    total = r.sum(axis=1)
    beyond = int((total > 1 + _ROUNDING).sum())
    if beyond:
        raise DataError(
            f"the probabilities of the groups add up to more than 1 in {beyond:,} rows; a row is of one."
        )
    if (total < 1 - _ROUNDING).any():
        names.append(f"not {names[0]}" if len(names) == 1 else "other")
        r = np.column_stack([r, np.clip(1 - total, 0, 1)])
    elif len(names) == 1:
        raise DataError(f"{quote(names[0])} has a probability of 1 in every row; two groups are compared.")
    if len(set(names)) < len(names):
        raise UsageError(f"{quote(names[-1])} is named, and what is left of 1 is called so; rename it.")
    return tuple(names), r / r.sum(axis=1, keepdims=True)


def _outcome(values: Any, rows: int, what: str) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.shape != (rows,):
        raise DataError(f"expected {rows:,} {what}, as many as probabilities, and found {array.shape}.")
    if not bool(np.isin(array, (0, 1)).all()):
        raise DataError(f"the {what} should be 0 or 1, 1 being the positive one.")
    return array.astype(bool)


def _weighted_mean(outcome: NDArray[np.bool_], weights: Floats) -> float | None:
    return quotient(float(weights[outcome].sum()), float(weights.sum()))


def _rate_span(group: _Group, tail: float) -> Span:
    low, high = group.ends
    if low is None or high is None or group.rows < _FEWEST:
        return Span(None, None, None, None, _too_few(group))
    return Span(
        low.value,
        high.value,
        max(0.0, low.sampled - tail * _error(low.influence)),
        min(1.0, high.sampled + tail * _error(high.influence)),
        _few(low, high),
    )


def _few(*ends: RateEnd) -> str | None:
    return None if all(end.value == end.sampled for end in ends) else _FEW


def _error(influence: Floats) -> float:
    """Return the standard error of a figure, of how much each row moves it."""
    return float(influence.std() / math.sqrt(len(influence)))


def _too_few(*groups: _Group) -> str:
    least = min(group.rows for group in groups)
    if least < _FEWEST:
        return f"{least:.1f} rows are expected to be of a group, fewer than {_FEWEST}"
    return "no row of a group need count for this rate"


def _compared(group: _Group, other: _Group, tail: float) -> tuple[Span, Span]:
    """Return what the difference, other minus group, and the ratio, group over other, can be."""
    (low, high), (other_low, other_high) = group.ends, other.ends
    few = min(group.rows, other.rows) < _FEWEST
    if few or low is None or high is None or other_low is None or other_high is None:
        nothing = Span(None, None, None, None, _too_few(group, other))
        return nothing, nothing
    reason = _few(low, high, other_low, other_high)
    difference = Span(
        other_low.value - high.value,
        other_high.value - low.value,
        max(-1.0, _apart(other_low, high, -tail)),
        min(1.0, _apart(other_high, low, tail)),
        reason,
    )
    ratio = Span(
        quotient(low.value, other_high.value),
        quotient(high.value, other_low.value),
        _moved(low, other_high, -tail),
        _moved(high, other_low, tail),
        reason if other_low.sampled > 0 else "the other rate can be 0: the ratio has no upper end",
    )
    return difference, ratio


def _apart(one: RateEnd, other: RateEnd, tail: float) -> float:
    """Return a difference moved by its sampling error."""
    return one.sampled - other.sampled + tail * _error(one.influence - other.influence)


def _moved(upper: RateEnd, lower: RateEnd, tail: float) -> float | None:
    """Return a ratio moved by its sampling error, on the scale of logarithms; None without an end."""
    if lower.sampled <= 0:
        return None
    if upper.sampled <= 0:
        return 0.0
    error = _error(upper.influence / upper.sampled - lower.influence / lower.sampled)
    return upper.sampled / lower.sampled * math.exp(tail * error)
