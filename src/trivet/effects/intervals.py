"""Intervals of changes: of an AUROC on the same rows, and of a figure over samples without a common row."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata, t

from trivet.effects.results import Change, unmeasured
from trivet.errors import DataError
from trivet.estimate import Estimate
from trivet.privacy.membership.rates import auroc, placements

__all__ = [
    "FEWEST_SAMPLES",
    "STUDENT",
    "auroc_change",
    "auroc_influence",
    "change_over_samples",
    "mean_over_samples",
]

#: How the intervals over samples are made.
STUDENT: Final = "Student's, over samples that share no row"
FEWEST_SAMPLES: Final = 3


def auroc_influence(
    scores: NDArray[np.float64], inside: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """Return the AUROC of scores, and what each row adds to its error.

    The mean of the products of two scores' influences, divided by the number of rows, is near the
    covariance of their AUROCs that DeLong, DeLong and Clarke-Pearson 1988 give for the same rows.
    """
    members, others = scores[inside], scores[~inside]
    p, q = len(members), len(others)
    if not p or not q:
        raise DataError("an AUROC compares members with others, and there are none of one kind.")
    beaten, beating = placements(members, others)
    value = float(beaten.mean())
    influence = np.empty(p + q)
    influence[inside] = (beaten - value) * (p + q) / p
    influence[~inside] = (beating - value) * (p + q) / q
    return value, influence


def auroc_change(
    before: NDArray[np.float64], after: NDArray[np.float64], inside: NDArray[np.bool_], *, level: float
) -> Change:
    """Return the change of an AUROC when the same rows are scored anew.

    The interval is the normal one of DeLong, DeLong and Clarke-Pearson 1988 for two correlated AUROCs. Where
    one of them is 0 or 1 its variance is 0, which so many rows do not prove: there the intervals of the two
    are joined as those of independent figures (Zou and Donner 2008).
    """
    first, one = auroc_influence(before, inside)
    second, other = auroc_influence(after, inside)
    if np.array_equal(rankdata(before), rankdata(after)):
        return Change(first, second, 0.0, 0.0, 0.0)
    difference = other - one
    variance = sum(
        float(np.var(difference[side], ddof=1)) * int(side.sum()) / len(side) ** 2
        for side in (inside, ~inside)
        if side.sum() > 1
    )
    change = second - first
    if {first, second} & {0.0, 1.0} or variance == 0:
        return _joined(before, after, inside, level)
    reach = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance)
    return _cut(first, second, change, reach)


def change_over_samples(before: Sequence[float], after: Sequence[float], *, level: float) -> Change:
    """Return the mean change of a figure that was measured without and with a remedy on several samples."""
    differences = np.subtract(after, before)
    samples = len(differences)
    if samples < FEWEST_SAMPLES:
        raise DataError(f"expected {FEWEST_SAMPLES} samples or more, found {samples}.")
    reach = float(t.ppf((1 + level) / 2, samples - 1) * np.std(differences, ddof=1) / math.sqrt(samples))
    return _cut(float(np.mean(before)), float(np.mean(after)), float(np.mean(differences)), reach)


def _joined(
    before: NDArray[np.float64], after: NDArray[np.float64], inside: NDArray[np.bool_], level: float
) -> Change:
    one, other = (auroc(scores[inside], scores[~inside], level=level) for scores in (before, after))
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return unmeasured(one.reason or other.reason or "the AUROC has no interval")
    first, second = one.number, other.number
    change = second - first
    down = math.hypot(second - other.low, one.high - first)
    up = math.hypot(other.high - second, first - one.low)
    return Change(first, second, change, max(change - down, -1.0), min(change + up, 1.0))


def _cut(first: float, second: float, change: float, reach: float) -> Change:
    return Change(first, second, change, max(change - reach, -1.0), min(change + reach, 1.0))


def mean_over_samples(figures: Sequence[float], *, level: float, least: float, most: float) -> Estimate:
    """Return the mean of a figure over samples, with Student's interval, cut to its range."""
    samples = len(figures)
    if samples < FEWEST_SAMPLES:
        raise DataError(f"expected {FEWEST_SAMPLES} samples or more, found {samples}.")
    mean = float(np.mean(figures))
    reach = float(t.ppf((1 + level) / 2, samples - 1) * np.std(figures, ddof=1) / math.sqrt(samples))
    return Estimate(mean, max(mean - reach, least), min(mean + reach, most), level, STUDENT)
