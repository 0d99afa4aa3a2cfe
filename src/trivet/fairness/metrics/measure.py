"""All metrics that are functions of counts: by name, as a reference table, and measured on groups."""

import math
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import numpy as np

from trivet.errors import UsageError
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.metrics.comparisons import DISPARITIES, SPREADS, Disparity, Spread
from trivet.fairness.metrics.group_rates import GROUP_METRICS, GroupMean, GroupRate
from trivet.fairness.metrics.inequality import INEQUALITIES, Inequality
from trivet.fairness.metrics.results import MetricValue
from trivet.wording import one_line

__all__ = ["METRICS", "Metric", "measure_groups", "metrics_markdown"]

Metric = GroupRate | GroupMean | Disparity | Spread | Inequality

#: By name, in the order of the reference table.
METRICS: Mapping[str, Metric] = MappingProxyType(
    {metric.name: metric for metric in (*GROUP_METRICS, *DISPARITIES, *SPREADS, *INEQUALITIES)}
)

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


_BINARY = 2


def measure_groups(
    counts: GroupCounts, *, reference: int, metrics: Iterable[Metric] = tuple(METRICS.values())
) -> tuple[MetricValue, ...]:
    """Evaluate metrics on the groups of a table.

    Parameters
    ----------
    counts
        Of two classes, of which the second is the positive one.
    reference
        Place of the group that every other group is compared with, as the privileged one.
    metrics
        By default all that are functions of counts. Without labels those that need none are evaluated.

    Returns
    -------
    tuple of MetricValue
        For each metric in turn: one value for each group, or one for each group but the reference, or
        one for all groups. A value is None exactly where a reason stands.

    Raises
    ------
    UsageError
        If there are other than two classes, or no such reference.
    """
    if len(counts.classes) != _BINARY:
        raise UsageError(
            f"the metrics need a positive and a negative class, found {len(counts.classes)} classes "
            f"({one_line(', '.join(counts.classes), limit=200)}). Take one against the rest."
        )
    if not 0 <= reference < len(counts.groups):
        raise UsageError(
            f"the reference group should be a place from 0 to {len(counts.groups) - 1}, found {reference}."
        )
    known = (metric for metric in metrics if counts.labelled or not _needs_labels(metric))
    return tuple(value for metric in known for value in _values(metric, counts, reference))


def _needs_labels(metric: Metric) -> bool:
    match metric:
        case GroupRate() | GroupMean():
            return metric.needs_labels
        case Disparity() | Spread():
            return any(rate.needs_labels for rate in metric.rates)
        case Inequality():
            return True


def _values(metric: Metric, counts: GroupCounts, reference: int) -> Iterator[MetricValue]:
    """Evaluate one metric."""
    names = counts.names
    match metric:
        case GroupRate() | GroupMean():
            yield from _of_groups(metric, counts)
        case Disparity():
            others = np.delete(np.arange(len(names)), reference).tolist()
            tables = counts.against(reference)
            for other, table, value in zip(others, tables, metric(tables).tolist(), strict=True):
                # Undefined values, and only these, have a reason; there can be a thousand groups.
                known = math.isfinite(value)
                yield MetricValue(
                    metric=metric.name,
                    group=names[other],
                    reference=names[reference],
                    value=value if known else None,
                    reason=None if known else metric.reason(table, (names[other], names[reference])),
                )
        case Spread() | Inequality():
            reason = metric.reason(counts.amounts, names)
            left_out = metric.left_out(counts.amounts) if isinstance(metric, Spread) else ()
            yield MetricValue(
                metric=metric.name,
                group=None,
                reference=None,
                value=None if reason else float(metric(counts.amounts)),
                reason=reason,
                left_out=tuple(names[group] for group in left_out),
            )


def _of_groups(metric: GroupRate | GroupMean, counts: GroupCounts) -> Iterator[MetricValue]:
    """Evaluate a metric of each group."""
    values, names = metric(counts.amounts).tolist(), counts.names
    shares = None
    if isinstance(metric, GroupRate) and metric.is_share and counts.weights is None:
        shares = metric.fractions(counts.table)
    for group, name in enumerate(names):
        reason = None if math.isfinite(values[group]) else metric.reason(counts.amounts, group, names)
        numerator, denominator = None, None
        if shares is not None:
            numerator, denominator = (int(rows[group]) for rows in shares)
        yield MetricValue(
            metric=metric.name,
            group=name,
            reference=None,
            value=None if reason else values[group],
            reason=reason,
            numerator=numerator,
            denominator=denominator,
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
