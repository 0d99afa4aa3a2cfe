"""Thresholds that give all groups equal error rates, or nearly equal ones, at the best objective.

By geometry, or a linear programme over the hulls of ROC curves, and not by a grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression, linprog

from trivet.errors import DataError, UsageError
from trivet.fairness.metrics.comparisons import ROUNDING
from trivet.fairness.mitigation.mixtures import Limits
from trivet.fairness.mitigation.thresholds.cuts import Cuts, Objective, cuts_by_group, gains_of
from trivet.fairness.mitigation.thresholds.limits import Attribute, spread_limits
from trivet.fairness.mitigation.thresholds.randomised import MixedThreshold

__all__ = [
    "RocHull",
    "best_points",
    "equal_opportunity_thresholds",
    "equalized_odds_thresholds",
    "hulls_of",
    "rate_limits",
    "roc_hull",
]


@dataclass(frozen=True, eq=False)
class RocHull:
    """The upper convex hull of one group's ROC curve."""

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    threshold: NDArray[np.float64]
    positives: float
    negatives: float

    def highest_tpr(self, false_positive_rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest true positive rate at each false positive rate."""
        # Where the hull starts upright, its top counts.
        start = int(np.searchsorted(self.false_positive_rate, 0, side="right")) - 1
        return np.interp(
            false_positive_rate, self.false_positive_rate[start:], self.true_positive_rate[start:]
        )

    def lowest_fpr(self, true_positive_rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the smallest false positive rate at each true positive rate."""
        end = int(np.searchsorted(self.true_positive_rate, 1, side="left")) + 1
        return np.interp(true_positive_rate, self.true_positive_rate[:end], self.false_positive_rate[:end])

    def mixture(self, false_positive_rate: float, true_positive_rate: float) -> MixedThreshold:
        """Return randomised thresholds that reach a point on the hull, or between it and the diagonal."""
        # The line from the origin through the point meets the hull on an edge. The lot falls on the edge's
        # ends, and, the farther the point is from it, the more often on selecting nobody.
        x, y = self.false_positive_rate, self.true_positive_rate
        if true_positive_rate <= 0:
            return MixedThreshold((float(self.threshold[0]),), (1.0,))
        # Above the line, and on it, are the vertices up to some one of them.
        height = y * false_positive_rate - x * true_positive_rate
        near = max(1, int(np.flatnonzero(height >= 0)[-1]))
        far = min(near + 1, len(x) - 1)
        fall = height[near] - height[far]
        along = min(max(height[near] / fall, 0.0), 1.0) if fall > 0 else 0.0
        reached = min(true_positive_rate / (y[near] + along * (y[far] - y[near])), 1.0)
        shares = {0: 1 - reached, near: reached * (1 - along), far: reached * along}
        if far == near:
            shares[near] = reached
        kept = {vertex: share for vertex, share in shares.items() if share > ROUNDING}
        total = sum(kept.values())
        return MixedThreshold(
            thresholds=tuple(float(self.threshold[vertex]) for vertex in kept),
            shares=tuple(float(share / total) for share in kept.values()),
        )


def roc_hull(cuts: Cuts, *, name: str) -> RocHull:
    """Return the hull of one group, in O(cuts)."""
    # The least concave majorant has the slopes of a decreasing isotonic regression of the curve's slopes.
    # Over the selected rows in place of the false positives the hull stays, and no slope is infinite.
    positives, negatives = cuts.positives, cuts.rows - cuts.positives
    if not positives or not negatives:
        missing = "negative" if positives else "positive"
        raise DataError(
            f"equal error rates need rows of both labels in each group, found no {missing} one in {name}. "
            "Leave the group out, or use a constraint on selection rates."
        )
    width = np.diff(cuts.selected)
    fit = isotonic_regression(np.diff(cuts.true_positives) / width, weights=width, increasing=False)
    vertices = fit.blocks
    return RocHull(
        false_positive_rate=cuts.false_positives[vertices] / negatives,
        true_positive_rate=cuts.true_positives[vertices] / positives,
        threshold=cuts.threshold[vertices],
        positives=positives,
        negatives=negatives,
    )


def equalized_odds_thresholds(
    y_true: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    bound: float = 0,
    objective: Objective = "accuracy",
    sample_weight: ArrayLike | None = None,
) -> tuple[MixedThreshold, ...]:
    """Return mixtures of at most three thresholds whose error rates differ between groups by `bound`."""
    # M. Hardt, E. Price, N. Srebro, NeurIPS 2016, section 4.2. The best equal rates are on the lower envelope
    # of the upper hulls. The objective is concave along it, so the best vertex of any hull is next to the
    # best point: O(n log n). Of equally good ones those with the fewest false positives.
    hulls, worth = _hulls(y_true, scores, groups, objective, sample_weight)
    _require_bound(bound)
    if bound > 0:
        return best_points(hulls, worth, rate_limits(hulls, bound, (0, 1)))
    positive, negative = worth

    def value(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        lowest = np.min([hull.highest_tpr(x) for hull in hulls], axis=0)
        return positive.sum() * lowest - negative.sum() * x, lowest

    x = np.unique(np.concatenate([hull.false_positive_rate for hull in hulls]))
    best = int(np.argmax(value(x)[0]))
    near = [x[max(best - 1, 0)], x[best], x[min(best + 1, len(x) - 1)]]
    candidates = np.unique(
        [*near, *_crossings(hulls, near[0], near[1]), *_crossings(hulls, near[1], near[2])]
    )
    found, lowest = value(candidates)
    at = int(np.argmax(found))
    return tuple(hull.mixture(float(candidates[at]), float(lowest[at])) for hull in hulls)


def equal_opportunity_thresholds(
    y_true: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    bound: float = 0,
    objective: Objective = "accuracy",
    sample_weight: ArrayLike | None = None,
) -> tuple[MixedThreshold, ...]:
    """Return mixtures of two thresholds whose true positive rates differ between groups by `bound`."""
    # M. Hardt, E. Price, N. Srebro, NeurIPS 2016, section 4.2. The weighted sum of smallest false positive
    # rates is convex and piecewise linear in the common rate, so the best is that of some vertex of some
    # hull: O(n log n). Of equally good ones those with the lowest true positive rate.
    hulls, worth = _hulls(y_true, scores, groups, objective, sample_weight)
    _require_bound(bound)
    if bound > 0:
        return best_points(hulls, worth, rate_limits(hulls, bound, (1,)))
    positive, negative = worth
    y = np.unique(np.concatenate([hull.true_positive_rate for hull in hulls]))
    lost = sum(cost * hull.lowest_fpr(y) for cost, hull in zip(negative, hulls, strict=True))
    at = int(np.argmax(positive.sum() * y - lost))
    return tuple(hull.mixture(float(hull.lowest_fpr(y[at : at + 1])[0]), float(y[at])) for hull in hulls)


def rate_limits(
    hulls: Sequence[RocHull], bound: float, labels: tuple[int, ...], attributes: Sequence[Attribute] = ()
) -> Limits:
    """Return that error rates of rows with some labels differ by `bound` between an attribute's values."""
    # Without attributes each group is its own.
    chosen = attributes or [Attribute(np.arange(len(hulls)), 0)]
    kinds: list[NDArray[np.float64]] = []
    for attribute in chosen:
        for label in labels:
            sizes = np.array([hull.positives if label else hull.negatives for hull in hulls])
            means = attribute.means(sizes)
            kinds.append(np.hstack([0 * means, means] if label else [means, 0 * means]))
    return spread_limits(kinds, bound)


def best_points(
    hulls: Sequence[RocHull],
    worth: tuple[NDArray[np.float64], NDArray[np.float64]],
    limits: Limits,
) -> tuple[MixedThreshold, ...]:
    """Return thresholds of the best points below the hulls whose rates are within limits.

    Rates are all false positive rates, then all true positive rates, shape (2 hulls,).
    """
    # A. F. Cruz, M. Hardt, Unprocessing seven years of algorithmic fairness, ICLR 2024. A point is a mixture
    # of the hull's vertices, whose ends are selecting nobody and everybody: all between hull and diagonal.
    vertices = [len(hull.threshold) for hull in hulls]
    owner = np.repeat(np.arange(len(hulls)), vertices)
    rates = np.zeros((2 * len(hulls), len(owner)))
    rates[owner, np.arange(len(owner))] = np.concatenate([hull.false_positive_rate for hull in hulls])
    rates[len(hulls) + owner, np.arange(len(owner))] = np.concatenate(
        [hull.true_positive_rate for hull in hulls]
    )
    positive, negative = worth
    scale = positive.sum() + negative.sum() or 1.0
    gain = np.concatenate([-negative, positive]) / scale @ rates
    free = limits.free.shape[1]
    solved = linprog(
        np.concatenate([-gain, np.zeros(free)]),
        A_ub=np.hstack([limits.matrix @ rates, limits.free]),
        b_ub=limits.most,
        A_eq=np.hstack([np.equal.outer(np.arange(len(hulls)), owner), np.zeros((len(hulls), free))]),
        b_eq=np.ones(len(hulls)),
        bounds=[*[(0, None)] * len(owner), *[(None, None)] * free],
        method="highs-ds",
    )
    if solved.status != 0:
        raise DataError(f"no thresholds were found: {solved.message}")
    points = np.clip(rates @ solved.x[: len(owner)], 0, 1)
    return tuple(
        hull.mixture(float(x), float(y))
        for hull, x, y in zip(hulls, points[: len(hulls)], points[len(hulls) :], strict=True)
    )


def _require_bound(bound: float) -> None:
    if not 0 <= bound <= 1:
        raise UsageError(f"the bound on a difference should be from 0 to 1, found {bound}.")


def _hulls(
    y_true: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    objective: Objective,
    sample_weight: ArrayLike | None,
) -> tuple[list[RocHull], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the hulls, and for each what a true positive rate of 1 gains and a false one loses."""
    cuts = cuts_by_group(y_true, scores, groups, sample_weight=sample_weight)
    return hulls_of(cuts, objective)


def hulls_of(
    cuts: tuple[Cuts, ...], objective: Objective
) -> tuple[list[RocHull], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the same for cuts."""
    gains = gains_of(objective, cuts)
    hulls = [roc_hull(group, name=f"group {code}") for code, group in enumerate(cuts)]
    return hulls, (
        np.array([gains.positive * hull.positives for hull in hulls], dtype=np.float64),
        np.array([gains.negative * hull.negatives for hull in hulls], dtype=np.float64),
    )


def _crossings(hulls: list[RocHull], start: float, end: float) -> list[float]:
    """Return where the lower envelope of the hulls bends between two places with no vertex between them."""
    heights = np.array([hull.highest_tpr(np.array([start, end])) for hull in hulls])
    left, slope = heights[:, 0], heights[:, 1] - heights[:, 0]
    lowest = int(np.lexsort((slope, left))[0])
    found: list[float] = []
    while (flatter := np.flatnonzero(slope < slope[lowest])).size:
        meets = (left[flatter] - left[lowest]) / (slope[lowest] - slope[flatter])
        first = meets.min()
        if first >= 1:
            break
        found.append(start + first * (end - start))
        nexts = flatter[meets == first]
        lowest = int(nexts[np.argmin(slope[nexts])])
    return found
