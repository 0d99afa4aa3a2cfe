"""Scores by group: ranking quality and calibration."""

from trivet.fairness.auditing.results import ScoreAudit
from trivet.fairness.auditing.rows import Predicted
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.intervals.areas import area_interval
from trivet.fairness.intervals.results import Bounds
from trivet.fairness.metrics.results import GroupAuc
from trivet.fairness.metrics.scores import group_aucs, group_calibration

__all__ = ["area_bounds", "audit_scores"]


def audit_scores(predicted: Predicted, counts: GroupCounts, *, level: float) -> tuple[ScoreAudit, ...]:
    """Measure the scores of each group."""
    if predicted.scores is None:
        return ()
    groups = predicted.codes(counts.columns, counts.groups)
    labels = predicted.rows.labels[predicted.places]
    found = group_aucs(labels, predicted.scores, groups, names=counts.names)
    areas = (
        [area_bounds(area, level) for area in found if area.metric == metric]
        for metric in ("auc", "bpsn_auc", "bnsp_auc")
    )
    calibrations = group_calibration(labels, predicted.scores, groups, names=counts.names, level=level)
    return tuple(ScoreAudit(*each) for each in zip(*areas, calibrations, strict=True))


def area_bounds(area: GroupAuc, level: float) -> Bounds:
    """Return an area with its interval, or why there is none."""
    if area.value is None:
        return Bounds(None, None, None, level, "none", area.reason)
    return area_interval(area.value, area.positives, area.negatives, area.standard_error, level=level)
