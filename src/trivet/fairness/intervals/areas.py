"""Confidence intervals for areas under the ROC curve."""

import math

from scipy.optimize import root_scalar
from scipy.special import expit, logit

from trivet.fairness.intervals.results import Bounds
from trivet.fairness.intervals.shares import normal_quantile

__all__ = ["area_interval"]

#: With fewer rows of a label DeLong's standard error is too unsure of itself.
MANY = 100
TINY = 1e-9


def area_interval(
    area: float, positives: int, negatives: int, standard_error: float | None, *, level: float = 0.95
) -> Bounds:
    """Return an interval of an area under the ROC curve.

    With more than 100 rows of each label it is normal on the scale of logits, with DeLong's standard error.
    Else, and where no pair is in the wrong order, it is the score-like one of R. G. Newcombe (Statistics in
    Medicine 25, 2006, page 559, method 5): the areas at most z standard errors away, after
    Hanley and McNeil at these areas themselves.
    """
    z = normal_quantile(level)
    if standard_error and min(positives, negatives) > MANY and 0 < area < 1:
        reach = z * standard_error / (area * (1 - area))
        low, high = expit(logit(area) - reach), expit(logit(area) + reach)
        return Bounds(area, float(low), float(high), level, "DeLong, logit")

    def beyond(bound: float) -> float:
        return abs(bound - area) - z * math.sqrt(_variance(bound, positives, negatives))

    # At 0 and 1 the variance is 0, which makes each of them an end of itself.
    low = 0.0 if area == 0 else float(root_scalar(beyond, bracket=(0.0, min(area, 1 - TINY))).root)
    high = 1.0 if area == 1 else float(root_scalar(beyond, bracket=(max(area, TINY), 1.0)).root)
    return Bounds(area, low, high, level, "Newcombe, Hanley-McNeil")


def _variance(area: float, positives: int, negatives: int) -> float:
    """Return the variance of an area after Hanley and McNeil (Radiology 143, 1982), with equal groups."""
    rows = (positives + negatives) / 2
    pairs = 1 + (rows - 1) * ((1 - area) / (2 - area) + area / (1 + area))
    return area * (1 - area) * pairs / (positives * negatives)
