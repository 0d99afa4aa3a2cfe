"""Thresholds that give all groups equal error rates at the best objective.

By geometry and not by a grid: the best point is a vertex of a concave, piecewise linear function.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from trivet.errors import DataError
from trivet.fairness.metrics.comparisons import ROUNDING
from trivet.fairness.mitigation.thresholds.cuts import Cuts, Objective, cuts_by_group, gains_of
from trivet.fairness.mitigation.thresholds.randomised import MixedThreshold

__all__ = ["RocHull", "equal_opportunity_thresholds", "equalized_odds_thresholds", "roc_hull"]


@dataclass(frozen=True, eq=False)
class RocHull:
    """The upper convex hull of one group's ROC curve."""

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    threshold: NDArray[np.float64]
    positives: int
    negatives: int

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
    y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike, *, objective: Objective = "accuracy"
) -> tuple[MixedThreshold, ...]:
    """Return mixtures of at most three thresholds that give every group the same error rates."""
    # M. Hardt, E. Price, N. Srebro, NeurIPS 2016, section 4.2. The best rates are on the lower envelope of
    # the upper hulls. The objective is concave along it, so the best vertex of any hull is next to the best
    # point: O(n log n). Of equally good ones those with the fewest false positives.
    hulls, positive, negative = _hulls(y_true, scores, groups, objective)

    def worth(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        lowest = np.min([hull.highest_tpr(x) for hull in hulls], axis=0)
        return positive * lowest - negative * x, lowest

    x = np.unique(np.concatenate([hull.false_positive_rate for hull in hulls]))
    best = int(np.argmax(worth(x)[0]))
    near = [x[max(best - 1, 0)], x[best], x[min(best + 1, len(x) - 1)]]
    candidates = np.unique(
        [*near, *_crossings(hulls, near[0], near[1]), *_crossings(hulls, near[1], near[2])]
    )
    value, lowest = worth(candidates)
    at = int(np.argmax(value))
    return tuple(hull.mixture(float(candidates[at]), float(lowest[at])) for hull in hulls)


def equal_opportunity_thresholds(
    y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike, *, objective: Objective = "accuracy"
) -> tuple[MixedThreshold, ...]:
    """Return mixtures of two thresholds that give every group the same true positive rate."""
    # M. Hardt, E. Price, N. Srebro, NeurIPS 2016, section 4.2. The weighted sum of smallest false positive
    # rates is convex and piecewise linear in the common rate, so the best is that of some vertex of some
    # hull: O(n log n). Of equally good ones those with the lowest true positive rate.
    hulls, positive, negative = _hulls(y_true, scores, groups, objective)
    y = np.unique(np.concatenate([hull.true_positive_rate for hull in hulls]))
    negatives = np.array([hull.negatives for hull in hulls])
    false_positives = sum(hull.negatives * hull.lowest_fpr(y) for hull in hulls)
    at = int(np.argmax(positive * y - negative / negatives.sum() * false_positives))
    return tuple(hull.mixture(float(hull.lowest_fpr(y[at : at + 1])[0]), float(y[at])) for hull in hulls)


def _hulls(
    y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike, objective: Objective
) -> tuple[list[RocHull], float, float]:
    """Return the hulls, and what a true positive rate of 1 gains and a false positive rate of 1 loses."""
    cuts = cuts_by_group(y_true, scores, groups)
    gains = gains_of(objective, cuts)
    hulls = [roc_hull(group, name=f"group {code}") for code, group in enumerate(cuts)]
    return (
        hulls,
        gains.positive * sum(hull.positives for hull in hulls),
        gains.negative * sum(hull.negatives for hull in hulls),
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
