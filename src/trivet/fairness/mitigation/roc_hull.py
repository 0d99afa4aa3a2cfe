"""True and false positive rates that one group's scores reach with randomised thresholds.

The best of them make up the upper convex hull of the ROC curve (M. Hardt, E. Price, N. Srebro, Equality of
Opportunity in Supervised Learning, 2016, section 4.2). A vertex is a threshold; an edge is a lot drawn
between the thresholds at its ends.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from trivet.errors import DataError
from trivet.fairness.metrics.comparisons import ROUNDING
from trivet.fairness.mitigation.thresholds_cuts import Cuts
from trivet.fairness.mitigation.thresholds_mixture import MixedThreshold

__all__ = ["RocHull", "roc_hull"]


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
        """Return randomised thresholds that reach a point on the hull, or between it and the diagonal.

        The line from the origin through the point meets the hull on an edge. The lot falls on the ends of
        that edge, and, the farther the point is from it, the more often on selecting nobody.
        """
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
    """Return the hull of one group, in O(cuts).

    The least concave majorant of a curve has the slopes of a decreasing isotonic regression of the curve's
    slopes. It is found over the selected rows in place of the false positives: a linear map between the two
    keeps the hull, and no slope is infinite.
    """
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
