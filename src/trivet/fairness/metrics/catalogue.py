"""The reference table of all metrics, as Markdown."""

from trivet.fairness.metrics.disparities import DISPARITIES
from trivet.fairness.metrics.group_rates import GROUP_METRICS
from trivet.fairness.metrics.inequality import INEQUALITIES
from trivet.fairness.metrics.registry import Metric
from trivet.fairness.metrics.spreads import SPREADS

__all__ = ["metrics_markdown"]

_SECTIONS: tuple[tuple[str, str, tuple[Metric, ...]], ...] = (
    ("Rates of each group", "One value for each group.", GROUP_METRICS),
    (
        "Disparities of two groups",
        "Differences are of the reference (privileged) group minus another, ratios of another over it.",
        DISPARITIES,
    ),
    (
        "Spreads over all groups",
        "No group is the reference. A group without a rate is left out of the comparison of it, and named.",
        SPREADS,
    ),
    (
        "Inequality of benefits",
        "One value for all rows. The benefit of a row is its prediction minus its label plus 1.",
        INEQUALITIES,
    ),
)


def metrics_markdown() -> str:
    """Return a section with a table for each kind of metric: name, formula, when undefined, source."""
    return "\n".join(_section(*section) for section in _SECTIONS)


def _section(heading: str, explanation: str, metrics: tuple[Metric, ...]) -> str:
    """Return one section."""
    rows = [
        f"| `{metric.name}` | {metric.title} | ${metric.formula}$ "
        f"| {metric.undefined.format(group='the group')} | {metric.source} |"
        for metric in metrics
    ]
    head = ["| Name | In words | Formula | Undefined where | Source |", "|---|---|---|---|---|"]
    return "\n".join([f"## {heading}", "", explanation, "", *head, *rows, ""])
