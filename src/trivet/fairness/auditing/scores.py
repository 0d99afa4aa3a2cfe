"""What are the scores of each group worth: how well they rank, and whether they mean what they say."""

from trivet.fairness.auditing.results import ScoreAudit
from trivet.fairness.auditing.rows import Predicted
from trivet.fairness.counting.counted import GroupCounts
from trivet.fairness.intervals.results import Bounds
from trivet.fairness.intervals.shares import normal_quantile
from trivet.fairness.metrics.calibration import group_calibration
from trivet.fairness.metrics.results import GroupAuc
from trivet.fairness.metrics.scored import group_aucs

__all__ = ["audit_scores"]


def audit_scores(predicted: Predicted, counts: GroupCounts, *, level: float) -> tuple[ScoreAudit, ...]:
    """Measure the scores of each group.

    Parameters
    ----------
    predicted
        Rows with scores.
    counts
        Whose groups are measured.
    level
        Confidence level of every interval, in (0, 1).
    """
    if predicted.scores is None:
        return ()
    groups = predicted.codes(counts.columns, counts.groups)
    labels = predicted.rows.labels[predicted.places]
    found = group_aucs(labels, predicted.scores, groups, names=counts.names)
    areas = (
        [_bounds(area, level) for area in found if area.metric == metric]
        for metric in ("auc", "bpsn_auc", "bnsp_auc")
    )
    calibrations = group_calibration(labels, predicted.scores, groups, names=counts.names, level=level)
    return tuple(ScoreAudit(*each) for each in zip(*areas, calibrations, strict=True))


def _bounds(area: GroupAuc, level: float) -> Bounds:
    """Return an area with the normal interval of its standard error, cut at 0 and 1."""
    low = high = None
    if area.value is not None and area.standard_error is not None:
        reach = normal_quantile(level) * area.standard_error
        low, high = max(0.0, area.value - reach), min(1.0, area.value + reach)
    return Bounds(area.value, low, high, level, "DeLong", area.reason)
