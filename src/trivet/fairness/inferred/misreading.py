"""Disparities where an inferred group is wrong at known rates: all that they can be."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.auditing.settings import TableOptions
from trivet.fairness.inferred.disparities import (
    RATES,
    chosen_reference,
    disparity_of,
    quotient,
    summed_up,
)
from trivet.fairness.inferred.misread import group_shares, misread_parts, misread_rates
from trivet.fairness.inferred.results import InferredAudit, InferredDisparity, InferredRate, Span
from trivet.fairness.intervals.bootstrap import bootstrap_bounds
from trivet.fairness.intervals.shares import simultaneous_level
from trivet.settings import Seed, Share, require
from trivet.wording import quote

__all__ = ["bounds_by_errors"]

Floats = NDArray[np.float64]

_ROUNDING: Final = 1e-3
_REPLICATES: Final = 4_000
#: Beyond this condition number no digit of the true shares would be left.
_WORST_CONDITION: Final = 1e6
_FEWEST_GROUPS: Final = 2
#: Rows of the numerator, and of the rest, of an end from which on its draws are taken to show its error.
_ENOUGH: Final = 15
_FEW: Final = "where few rows bound a rate, its sampling error is taken as unknown"


def bounds_by_errors(
    table: Any,
    groups: Sequence[str],
    errors: Any,
    *,
    labelled: bool = True,
    privileged: str | None = None,
    four_fifths: float = TableOptions.four_fifths,
    level: float = TableOptions.level,
    seed: int = 0,
    data: str = "the table",
    prediction: str = "the prediction",
    label: str | None = None,
    columns: tuple[str, ...] = (),
) -> InferredAudit:
    """Bound disparities where the inferred group is wrong at known rates.

    Parameters
    ----------
    table
        Counts by inferred group, label and prediction, shape (groups, 2, 2).
    groups
        Names, the same for the true and the inferred groups.
    errors
        Share of each true group that is inferred to be each group, shape (groups, groups).
    labelled
        Whether there are labels.
    privileged, four_fifths, level, seed, data, prediction, label, columns
        As of `bounds_by_probability`; the seed is of the bootstrap.

    Returns
    -------
    InferredAudit
        The same figures, with the estimator for errors that do not depend on the outcome beside them.

    Raises
    ------
    UsageError, DataError
        If shapes differ, the error rates are none, or they do not fit the rows.
    """
    require(Share, level=level)
    require(Seed, seed=seed)
    counts = np.asarray(table)
    rates = np.asarray(errors, dtype=np.float64)
    names = tuple(groups)
    _require_errors(counts, rates, names)
    shares = group_shares(counts.reshape(len(names), -1).astype(np.float64), rates)
    if (shares < 0).any():
        place = int(shares.argmin())
        raise DataError(
            f"with these error rates {shares[place]:.1%} of the rows would be {quote(names[place])}: they do "
            "not fit the table. Check which side is the true group."
        )
    reference, why = chosen_reference(names, shares * counts.sum(), privileged)
    kinds = [name for name, side in RATES.items() if side is None or labelled]
    wide = simultaneous_level(level, len(kinds) * (len(names) - 1))
    found: list[InferredRate] = []
    disparities: list[InferredDisparity] = []
    for metric in kinds:
        cells = _cells(counts, RATES[metric])
        whole = cells.astype(np.float64)
        plain = [quotient(hit, hit + miss) for hit, miss, _ in cells.tolist()]
        hits, rows = (each @ np.linalg.inv(rates) for each in (whole[:, 0], whole[:, :2].sum(axis=1)))
        adjusted = [
            quotient(hit, all_) if 0 <= hit <= all_ else None
            for hit, all_ in zip(hits.tolist(), rows.tolist(), strict=True)
        ]
        weighted = _reweighted(whole, rates)
        figure = partial(_figure, cells, rates, level=wide, seed=seed)
        for place, name in enumerate(names):
            span = figure(lambda ends, at=place: ends[..., at, :])
            found.append(
                InferredRate(
                    metric,
                    name,
                    float(shares[place] * counts.sum()),
                    span,
                    weighted[place],
                    plain[place],
                    adjusted[place],
                )
            )
        for place, name in enumerate(names):
            if place == reference:
                continue
            difference = figure(partial(_differences, own=place, other=reference))
            ratio = figure(partial(_ratios, own=place, other=reference))
            disparities.append(
                disparity_of(
                    metric,
                    name,
                    names[reference],
                    difference,
                    ratio,
                    weighted=(weighted[place], weighted[reference]),
                    thresholded=(plain[place], plain[reference]),
                    adjusted=(adjusted[place], adjusted[reference]),
                    four_fifths=four_fifths,
                    level=level,
                )
            )
    return summed_up(
        found,
        disparities,
        data=data,
        rows=int(counts.sum()),
        prediction=prediction,
        label=label,
        known="error rates",
        columns=columns,
        error_rates=tuple(map(tuple, rates.tolist())),
        groups=names,
        reference=names[reference],
        why=why,
        four_fifths=four_fifths,
        level=level,
        method="multinomial bootstrap of dual bounds",
        seed=seed,
    )


def _cells(counts: NDArray[np.int64], side: int | None) -> NDArray[np.int64]:
    """Return rows by inferred group: of the numerator, of the denominator alone, and of neither."""
    among = counts.sum(axis=1) if side is None else counts[:, side]
    neither = counts.sum(axis=(1, 2)) - among.sum(axis=1)
    return np.stack([among[:, 1], among[:, 0], neither], axis=1)


def _figure(cells: NDArray[np.int64], errors: Floats, compare: Any, *, level: float, seed: int) -> Span:
    """Return all that a figure can be, with a bootstrap interval of either end."""
    at = cells.astype(np.float64)
    # Draws from few rows are too much alike: the end of a rate that they give is 0 or 1 then.
    few = np.minimum(*misread_parts(at, errors)) * at.sum() < _ENOUGH

    def statistic(counts: NDArray[np.int64], end: int, *, sampled: bool = True) -> Floats:
        ends = misread_rates(counts.astype(np.float64), errors, at=at)
        if sampled:
            ends = np.where(few & ~np.isnan(ends), (0.0, 1.0), ends)
        with np.errstate(invalid="ignore", divide="ignore"):
            return compare(ends)[..., end]

    values = [float(statistic(cells, end, sampled=False)) for end in (0, 1)]
    low, high = (value if math.isfinite(value) else None for value in values)
    sampled = [
        bootstrap_bounds(cells, partial(statistic, end=end), replicates=_REPLICATES, level=level, seed=seed)
        for end in (0, 1)
    ]
    unknown = [each.reason or _FEW for each, value in zip(sampled, (low, high), strict=True) if value is None]
    # Which rates a figure is of shows in what it becomes without the few.
    told = any(each.value != value for each, value in zip(sampled, values, strict=True))
    reason = unknown[0] if unknown else _FEW if told else None
    return Span(low, high, sampled[0].low, sampled[1].high, reason)


def _differences(ends: Floats, own: int, other: int) -> Floats:
    return np.stack(
        [ends[..., other, 0] - ends[..., own, 1], ends[..., other, 1] - ends[..., own, 0]], axis=-1
    )


def _ratios(ends: Floats, own: int, other: int) -> Floats:
    return np.stack(
        [ends[..., own, 0] / ends[..., other, 1], ends[..., own, 1] / ends[..., other, 0]], axis=-1
    )


def _reweighted(cells: Floats, errors: Floats) -> list[float | None]:
    """Return the rates weighted by the probability of each true group given the inferred one."""
    rows = cells.sum(axis=1)
    joint = group_shares(cells, errors)[:, None] * errors
    posterior = np.divide(joint, rows, out=np.zeros(joint.shape), where=rows > 0)
    hits, whole = posterior @ cells[:, 0], posterior @ cells[:, :2].sum(axis=1)
    return [quotient(hit, all_) for hit, all_ in zip(hits.tolist(), whole.tolist(), strict=True)]


def _require_errors(counts: NDArray[Any], rates: Floats, names: tuple[str, ...]) -> None:
    if counts.shape != (len(names), 2, 2) or rates.shape != (len(names), len(names)):
        raise UsageError(
            f"expected counts of shape ({len(names)}, 2, 2) and error rates of shape ({len(names)}, "
            f"{len(names)}), found {counts.shape} and {rates.shape}."
        )
    if (
        len(names) < _FEWEST_GROUPS
        or not bool((rates >= 0).all())
        or not np.allclose(rates.sum(axis=1), 1, atol=_ROUNDING)
    ):
        raise UsageError(
            "error rates are shares of each true group, from 0 up, which add up to 1; two groups or more."
        )
    if np.linalg.cond(rates) > _WORST_CONDITION:
        raise UsageError("with these error rates an inferred group says nothing of the true one.")
