"""Which metrics are there? All that are functions of counts, in the order of the reference table."""

from trivet.fairness.metrics.disparities import DISPARITIES
from trivet.fairness.metrics.disparity import Disparity
from trivet.fairness.metrics.group_rate import GroupMean, GroupRate
from trivet.fairness.metrics.group_rates import GROUP_METRICS
from trivet.fairness.metrics.inequality import INEQUALITIES, Inequality
from trivet.fairness.metrics.spread import Spread
from trivet.fairness.metrics.spreads import SPREADS

__all__ = ["METRICS", "Metric"]

Metric = GroupRate | GroupMean | Disparity | Spread | Inequality

METRICS: tuple[Metric, ...] = (*GROUP_METRICS, *DISPARITIES, *SPREADS, *INEQUALITIES)
