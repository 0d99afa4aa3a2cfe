"""Accuracy, rates and disparities, as functions of counts alone.

Every function takes counts of shape (..., groups, 2, 2), indexed [group, label, prediction] with the
protected group first, and works on all leading axes at once: the replicates of a bootstrap or the
points of a grid are one call.
"""

from trivet.fairness.metrics.disparities import (
    ROUNDING,
    demographic_parity_difference,
    disparate_impact,
    within_band,
)
from trivet.fairness.metrics.group_rate import Counts, Rates
from trivet.fairness.metrics.group_rates import (
    accuracies,
    base_rates,
    false_positive_rates,
    selection_rates,
    true_positive_rates,
)

__all__ = [
    "ROUNDING",
    "accuracy",
    "base_rates",
    "demographic_parity_difference",
    "disparate_impact",
    "false_positive_rates",
    "group_sizes",
    "selected",
    "selection_rates",
    "true_positive_rates",
    "within_band",
]


def accuracy(counts: Counts) -> Rates:
    """Share of rows of all groups whose prediction is the label, P(y_hat = y) (equation 9); shape (...)."""
    return accuracies.overall(counts)


def group_sizes(counts: Counts) -> Counts:
    """Rows of each group; shape (..., groups)."""
    return selection_rates.fractions(counts)[1]


def selected(counts: Counts) -> Counts:
    """Rows of each group that are predicted positive; shape (..., groups)."""
    return selection_rates.fractions(counts)[0]
