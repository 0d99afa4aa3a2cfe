"""Do scores mean the same in each group? Observed shares of positives against mean scores."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.intervals.results import Bounds
from trivet.fairness.intervals.shares import checked_level, wilson_limits
from trivet.fairness.metrics.results import CalibrationBin, GroupCalibration
from trivet.fairness.metrics.scored_rows import scored_rows
from trivet.wording import one_line

__all__ = ["group_calibration"]


def group_calibration(
    y_true: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    names: Sequence[str],
    bins: int = 10,
    level: float = 0.95,
) -> tuple[GroupCalibration, ...]:
    """Compare scores with the shares of positives that they stand for, in each group.

    Parameters
    ----------
    y_true
        Labels, 0 or 1, shape (rows,).
    scores
        Probabilities of a positive label, in [0, 1], shape (rows,).
    groups
        For each row the place of its group in `names`, shape (rows,).
    names
        What each group is called.
    bins
        Number of bins of equal width.
    level
        Confidence level of the Wilson interval of each observed share, in (0, 1).

    Returns
    -------
    tuple of GroupCalibration
        One for each group.

    Raises
    ------
    DataError
        If the columns differ in length or hold what they should not.
    UsageError
        If there is no bin, or the level is not between 0 and 1.

    Notes
    -----
    The expected calibration error is that of M. P. Naeini, G. F. Cooper and M. Hauskrecht (AAAI 2015). It
    depends on the bins, and in small groups chance alone makes it larger: read it beside the
    intervals. Calibration-in-the-large: D. R. Cox, Biometrika 45, 1958; E. W. Steyerberg, Clinical
    Prediction Models, 2009.
    """
    if bins < 1:
        raise UsageError(f"a calibration needs one bin or more, found {bins}.")
    checked_level(level)
    rows = scored_rows(y_true, scores, groups, names)
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
                observed=Bounds(
                    estimate=float(positives[i] / counted[i]),
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
