"""Scores of each group: how well they rank its rows, and how far they are from the shares they stand for.

An AUC of 0.9 within each group says nothing of the order between them: where the negatives of one
group score as high as the positives of another, one cut for all treats them unequally. Borkan et al.
(Nuanced metrics for measuring unintended bias, WWW 2019 companion) therefore compare each group with the
background, which is all rows outside of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError
from trivet.estimate import Estimate
from trivet.fairness.columns import binary_column, require_same_length, score_column
from trivet.fairness.metrics.results import CalibrationBin, GroupAuc, GroupCalibration
from trivet.paired import wilson_limits
from trivet.settings import Count, Share, require
from trivet.wording import one_line

__all__ = ["group_aucs", "group_calibration"]

_Counts = NDArray[np.int64]
#: Where the positives and the negatives are, in words.
_Places = tuple[str, str]

#: Rows that a variance needs.
_ENOUGH = 2


def group_aucs(
    y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike, *, names: Sequence[str]
) -> tuple[GroupAuc, ...]:
    """Return ``auc``, ``bpsn_auc`` and ``bnsp_auc`` of each group in turn, in O(n log n)."""
    # Mann and Whitney's statistic with the error of DeLong et al. (Biometrics 44, 1988), by mid-ranks (X.
    # Sun, W. Xu, IEEE Signal Processing Letters 21, 2014); what training adds to the error is not in it.
    rows = _checked(y_true, scores, groups, names)
    order = np.argsort(rows.scores)
    ranked = rows.scores[order]
    place = np.zeros(len(ranked), dtype=np.int64)
    np.cumsum(ranked[1:] != ranked[:-1], out=place[1:])
    positive, group_of = rows.labels[order] == 1, rows.groups[order]
    distinct = int(place[-1]) + 1
    all_positives = np.bincount(place[positive], minlength=distinct)
    all_negatives = np.bincount(place[~positive], minlength=distinct)
    found: list[GroupAuc] = []
    for group, name in enumerate(rows.names):
        own = group_of == group
        positives = np.bincount(place[own & positive], minlength=distinct)
        negatives = np.bincount(place[own & ~positive], minlength=distinct)
        inside, outside = f"of {one_line(name)}", f"outside {one_line(name)}"
        found += [
            _area("auc", name, positives, negatives, (inside, inside)),
            _area("bpsn_auc", name, all_positives - positives, negatives, (outside, inside)),
            _area("bnsp_auc", name, positives, all_negatives - negatives, (inside, outside)),
        ]
    return tuple(found)


def _area(metric: str, group: str, positives: _Counts, negatives: _Counts, where: _Places) -> GroupAuc:
    """Return one area from the positives and the negatives at each distinct score, in ascending order."""
    m, n = int(positives.sum()), int(negatives.sum())
    value, error = None, None
    if m and n:
        # Twice the negatives below a score, ties by half: whole numbers, so that the value is exact.
        twice_below = 2 * np.cumsum(negatives) - negatives
        value = int(positives @ twice_below) / (2 * m * n)
        if min(m, n) >= _ENOUGH:
            twice_above = 2 * m - (2 * np.cumsum(positives) - positives)
            error = float(
                np.sqrt(
                    _variance(twice_below / (2 * n), positives, value) / m
                    + _variance(twice_above / (2 * m), negatives, value) / n
                )
            )
    return GroupAuc(
        metric=metric,
        group=group,
        value=value,
        standard_error=error,
        reason=next(_reasons(m, n, where), None),
        positives=m,
        negatives=n,
    )


def _variance(placements: NDArray[np.float64], rows: _Counts, mean: float) -> float:
    """Return the sample variance of values that `rows` rows have each."""
    return float(rows @ (placements - mean) ** 2) / (int(rows.sum()) - 1)


def _reasons(positives: int, negatives: int, where: _Places) -> Iterator[str]:
    """Say what an area or its standard error lacks, the graver first."""
    sides = tuple(zip((positives, negatives), ("positive", "negative"), where, strict=True))
    for rows, label, place in sides:
        if rows == 0:
            yield f"no row {place} has a {label} label"
    for rows, label, place in sides:
        if rows < _ENOUGH:
            yield f"one row {place} has a {label} label, and a standard error needs two"


def group_calibration(
    y_true: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    names: Sequence[str],
    bins: int = 10,
    level: float = 0.95,
) -> tuple[GroupCalibration, ...]:
    """Compare scores with the shares of positives that they stand for, in each group."""
    # Expected calibration error: M. P. Naeini et al., AAAI 2015. Calibration-in-the-large: D. R. Cox,
    # Biometrika 45, 1958; E. W. Steyerberg, Clinical Prediction Models, 2009.
    require(Count, bins=bins)
    require(Share, level=level)
    rows = _checked(y_true, scores, groups, names)
    lowest, highest = float(rows.scores.min()), float(rows.scores.max())
    if lowest < 0 or highest > 1:
        raise DataError(
            f"scores should be probabilities from 0 to 1, found {lowest} to {highest}. Calibrate them first."
        )
    edges = np.arange(bins + 1) / bins
    cells = rows.groups * bins + np.searchsorted(edges[1:-1], rows.scores, side="right")
    shape = (len(rows.names), bins)
    size = shape[0] * bins
    counted = np.bincount(cells, minlength=size).reshape(shape)
    positives = np.bincount(cells[rows.labels == 1], minlength=size).reshape(shape)
    sums = np.bincount(cells, weights=rows.scores, minlength=size).reshape(shape)
    return tuple(
        _of_group(name, counted[group], positives[group], sums[group], edges, level=level)
        for group, name in enumerate(rows.names)
    )


def _of_group(
    name: str,
    counted: NDArray[np.int64],
    positives: NDArray[np.int64],
    sums: NDArray[np.float64],
    edges: NDArray[np.float64],
    *,
    level: float,
) -> GroupCalibration:
    """Return the calibration of one group from rows, positives and sum of scores in each bin."""
    total = int(counted.sum())
    if total == 0:
        return GroupCalibration(name, 0, (), None, None, f"there is no row of {one_line(name)}")
    full = np.flatnonzero(counted)
    counted, positives, sums = counted[full], positives[full], sums[full]
    low, high = wilson_limits(positives, counted, level=level)
    return GroupCalibration(
        group=name,
        rows=total,
        bins=tuple(
            CalibrationBin(
                low=float(edges[place]),
                high=float(edges[place + 1]),
                rows=int(counted[i]),
                positives=int(positives[i]),
                mean_score=float(sums[i] / counted[i]),
                observed=Estimate(
                    value=float(positives[i] / counted[i]),
                    low=float(low[i]),
                    high=float(high[i]),
                    level=level,
                    method="Wilson score",
                ),
            )
            for i, place in enumerate(full.tolist())
        ),
        expected_error=float(np.abs(positives - sums).sum() / total),
        in_the_large=float((positives.sum() - sums.sum()) / total),
        reason=None,
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Label, score and group of each row, of shape (rows,), and the names of the groups."""

    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    groups: NDArray[np.int64]
    names: tuple[str, ...]


def _checked(y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike, names: Sequence[str]) -> _Rows:
    """Check the columns, which the public functions describe."""
    labels, values = binary_column(y_true, "y_true"), score_column(scores, "scores")
    places = np.asarray(groups)
    if places.ndim != 1 or places.dtype.kind not in "iu":
        raise DataError(
            "groups should be one column of whole numbers, the place of each row's group in names, found "
            f"{places.dtype} of shape {places.shape}. numpy.unique with return_inverse makes such places."
        )
    require_same_length(y_true=labels, scores=values, groups=places)
    if places.min() < 0 or places.max() >= len(names):
        raise DataError(
            f"groups should be places from 0 to {len(names) - 1}, found {places.min()} to {places.max()}. "
            "Give a name for each group."
        )
    return _Rows(labels, values, places.astype(np.int64), tuple(names))
