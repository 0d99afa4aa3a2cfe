"""Figure of a search for subgroups: gaps over the size of the subgroup, and which gaps would be found."""

import math
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.fairness.auditing.results import FairnessAudit
from trivet.fairness.search.results import SearchedMetric, Subgroup, SubgroupSearch
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    INK,
    PALE,
    PUBLISHED_TEXT,
    SMALL,
    new_figure,
    styled,
)

__all__ = ["FIGURES"]

#: Rates drawn at most, each in a panel of its own.
MOST_METRICS: Final = 3
#: Inches.
PANEL_HEIGHT: Final = 1.55
#: Normal quantile of a power of 80 %.
POWER: Final = 0.8416
_POINTS: Final = 60


@styled
def draw_subgroups(audit: FairnessAudit) -> Figure:
    """Show the gap of each subgroup that was found over its rows, and the smallest gap that would be."""
    search = audit.subgroups
    assert search is not None
    metrics = _metrics(search)
    figure = new_figure(width=COLUMN_WIDTH, height=0.35 + PANEL_HEIGHT * len(metrics))
    panels = np.atleast_1d(figure.subplots(len(metrics), 1, sharex=True))
    for axes, metric in zip(panels.tolist(), metrics, strict=True):
        _draw_metric(axes, search, metric)
    panels[-1].set_xlabel("rows of the subgroup")
    return figure


def alt_subgroups(audit: FairnessAudit) -> str:
    """Describe `draw_subgroups` in words."""
    search = audit.subgroups
    assert search is not None
    told = "; ".join(
        f"{number}: {each.description}, {each.metric.replace('_', ' ')} {_gap(each)}, {each.rows} rows"
        for number, each in enumerate(search.found, start=1)
        if each.metric in {metric.metric for metric in _metrics(search)}
    )
    return (
        "Gap between each subgroup that was found and the rest, in points, over the rows of the subgroup, "
        "with intervals that hold for all subgroups at once. The shaded gaps are found less than four times "
        f"in five. {told}."
    )


def has_subgroups(audit: FairnessAudit) -> bool:
    """Tell whether a search found a subgroup."""
    return audit.subgroups is not None and bool(audit.subgroups.found)


def _metrics(search: SubgroupSearch) -> list[SearchedMetric]:
    """List the rates with a subgroup that was found, that of the strongest one first."""
    order = list(dict.fromkeys(each.metric for each in search.found))
    known = {each.metric: each for each in search.metrics}
    return [known[name] for name in order[:MOST_METRICS]]


def _draw_metric(axes: Axes, search: SubgroupSearch, metric: SearchedMetric) -> None:
    own = [
        (number, each) for number, each in enumerate(search.found, start=1) if each.metric == metric.metric
    ]
    largest = max(metric.rows / 2, *(each.rows for _, each in own))
    axes.set_xscale("log")
    axes.set_xlim(0.8 * min(search.fewest, *(each.rows for _, each in own)), 1.25 * largest)
    axes.axhline(0.0, color=INK, linewidth=0.6, zorder=0.5)
    rate = metric.rate.value
    reach = [abs(100 * end) for _, each in own for end in (each.gap.low, each.gap.high) if end is not None]
    limit = 1.08 * max(reach, default=100.0)
    if rate is not None and search.mode == "simultaneous":
        sizes = np.geomspace(search.fewest, max(metric.rows - search.fewest, search.fewest + 1), _POINTS)
        spread = np.sqrt(rate * (1 - rate) / (sizes * (1 - sizes / metric.rows)))
        found = 100 * (search.critical + POWER) * spread
        axes.fill_between(sizes, -found, found, color=PALE, alpha=0.6, linewidth=0, zorder=0.2)
    axes.set_ylim(-limit, limit)
    for number, each in own:
        value, low, high = each.gap.value, each.gap.low, each.gap.high
        if value is None or low is None or high is None:
            continue
        axes.plot([each.rows] * 2, [100 * low, 100 * high], color=ATTACKED, linewidth=0.7)
        axes.plot(each.rows, 100 * value, "D", color=ATTACKED, markersize=3.0)
        axes.annotate(
            f"{number}",
            (each.rows, 100 * value),
            xytext=(3.5, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=PUBLISHED_TEXT,
        )
    axes.set_ylabel(f"points of the\n{metric.metric.replace('_', ' ')}")


def _gap(each: Subgroup) -> str:
    value, low, high = each.gap.value, each.gap.low, each.gap.high
    if value is None or low is None or high is None or not math.isfinite(value):
        return "undefined"
    return f"{100 * value:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})"


FIGURES: Final = (
    FigureRow(
        "fairness_audit_subgroups",
        "fairness.audit",
        draw_subgroups,
        alt_subgroups,
        (
            "subgroups.critical",
            "subgroups.fewest",
            "subgroups.metrics",
            "subgroups.found.*.description",
            "subgroups.found.*.metric",
            "subgroups.found.*.rows",
            "subgroups.found.*.gap",
        ),
        present=has_subgroups,
    ),
)
