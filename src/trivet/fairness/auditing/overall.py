"""Accuracy and rates of all rows together, with intervals."""

from trivet.fairness.auditing.results import OverallRates
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.intervals.shares import share_interval

__all__ = ["overall_rates"]


def overall_rates(counts: GroupCounts, *, level: float) -> OverallRates:
    """Measure all rows, whatever their group."""
    (true_negatives, false_positives), (false_negatives, true_positives) = counts.table.sum(axis=0).tolist()
    rows, positives = counts.rows, false_negatives + true_positives
    chosen = false_positives + true_positives
    return OverallRates(
        rows=rows,
        positives=positives,
        selected=chosen,
        accuracy=share_interval(true_negatives + true_positives, rows, level=level),
        base_rate=share_interval(positives, rows, level=level),
        selection_rate=share_interval(chosen, rows, level=level),
        true_positive_rate=share_interval(true_positives, positives, level=level),
        false_positive_rate=share_interval(false_positives, rows - positives, level=level),
    )
