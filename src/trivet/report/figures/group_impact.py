"""Figure of audited predictions: each group's disparate impact, against the four-fifths band."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.fairness.auditing.results import DISPARATE, IN_BAND, UNSETTLED, FairnessAudit, GroupAudit
from trivet.report.figures.group_rows import (
    NAME_POINTS,
    ROW_HEIGHT,
    group_rows,
    left_out_text,
    name_rows,
    write_at_edge,
)
from trivet.report.figures.names import drawn_text
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    CORRECTED,
    INK,
    PALE,
    PUBLISHED_TEXT,
    SMALL,
    new_figure,
    styled,
)

__all__ = ["alt_impact", "draw_impact", "has_impact", "mark_band", "ratio_axis"]

#: Narrowest and widest range of the axis: beyond the widest a mark stands at the edge.
INNER: Final = (0.6, 1.6)
OUTER: Final = (0.01, 100.0)
#: Distance of the outermost bound from the axis' end, as a factor.
MARGIN: Final = 1.12
#: Below it two decimals are too few.
SMALL_RATIO: Final = 0.1
#: Ticks, the most that are used.
STEPS: Final = ((1, 2, 5), (1, 3), (1,))
MOST_TICKS: Final = 7


class _Mark(NamedTuple):
    """Style of a verdict."""

    shape: str
    color: str
    filled: bool


_MARKS: Final = {
    DISPARATE: _Mark("D", ATTACKED, filled=True),
    UNSETTLED: _Mark("s", PUBLISHED_TEXT, filled=False),
    IN_BAND: _Mark("o", CORRECTED, filled=True),
}


@styled
def draw_impact(audit: FairnessAudit) -> Figure:
    """Show the disparate impact of each group, with its interval and that for all groups at once."""
    rows = group_rows(audit, reference=False)
    figure = new_figure(width=COLUMN_WIDTH, height=0.7 + ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    low, high = ratio_axis(axes, [end for row in rows for end in _ends(row.group)])
    mark_band(axes, audit.four_fifths)
    for place, row in enumerate(rows):
        if row.group is None:
            against = drawn_text(row.attribute.reference, width=NAME_POINTS) or "the reference group"
            write_at_edge(axes, f"against {against}", place, right=False)
        else:
            _draw_group(axes, row.group, place, low, high)
    name_rows(axes, [row.text for row in rows], [row.group is None for row in rows])
    axes.set_xlabel(f"disparate impact{left_out_text(audit)}")
    return figure


def alt_impact(audit: FairnessAudit) -> str:
    """Describe `draw_impact` in words."""
    told: list[str] = []
    for row in group_rows(audit, reference=False):
        impact = None if row.group is None else row.group.disparate_impact
        if row.group is None or impact is None:
            continue
        name = f"{row.attribute.name} {row.group.group}"
        if impact.estimate is None:
            told.append(f"{name}: undefined")
        else:
            told.append(
                f"{name}: {impact.estimate:.4f} ({_bounds(impact.low, impact.high)}), {row.group.verdict}"
            )
    return (
        "Disparate impact of each group against its reference group, with its interval, on a logarithmic "
        f"axis with the band from {audit.four_fifths:g} to {1 / audit.four_fifths:g}. {'; '.join(told)}."
    )


def has_impact(audit: FairnessAudit) -> bool:
    """Tell whether any group has a disparate impact."""
    return any(
        group.disparate_impact is not None and group.disparate_impact.estimate is not None
        for attribute in audit.attributes
        for group in attribute.groups
    )


def ratio_axis(axes: Axes, ratios: Sequence[float]) -> tuple[float, float]:
    """Make the horizontal axis logarithmic and wide enough for some ratios; give its ends."""
    positive = [ratio for ratio in ratios if ratio > 0]
    low = max(min([INNER[0], *(ratio / MARGIN for ratio in positive)]), OUTER[0])
    high = min(max([INNER[1], *(ratio * MARGIN for ratio in positive)]), OUTER[1])
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks: list[float] = []
    for steps in STEPS:
        ticks = [step * 10.0**power for power in range(-2, 3) for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= MOST_TICKS:
            break
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.minorticks_off()
    return low, high


def mark_band(axes: Axes, four_fifths: float) -> None:
    """Shade where disparate impact counts as parity, and draw parity itself."""
    axes.axvspan(four_fifths, 1 / four_fifths, color=PALE, alpha=0.6, linewidth=0, zorder=0.2)
    axes.axvline(1.0, color=INK, linewidth=0.6, zorder=0.5)
    axes.annotate(
        f"{four_fifths:g} to {1 / four_fifths:g}",
        (1.0, 1.0),
        xycoords=axes.get_xaxis_transform(),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=SMALL,
        annotation_clip=False,
    )


def _draw_group(axes: Axes, group: GroupAudit, place: int, low: float, high: float) -> None:
    impact = group.disparate_impact
    if impact is None or impact.estimate is None:
        write_at_edge(axes, "undefined", place, right=True, color=PUBLISHED_TEXT)
        return
    shape, color, filled = _MARKS.get(group.verdict, _MARKS[UNSETTLED])
    for ends, width in (
        ((group.simultaneous_low, group.simultaneous_high), 0.6),
        ((impact.low, impact.high), 1.5),
    ):
        if width < 1 and ends == (None, None):  # there is no simultaneous interval
            continue
        left, right = (limit if end is None else end for end, limit in zip(ends, (low, high), strict=True))
        axes.plot([max(left, low), min(right, high)], [place, place], color=color, linewidth=width)
    drawn = min(max(impact.estimate, low), high)
    axes.plot(
        drawn,
        place,
        shape if drawn == impact.estimate else "<" if drawn == low else ">",
        color=color,
        markerfacecolor=color if filled else "white",
        clip_on=False,
    )
    write_at_edge(
        axes,
        f"{impact.estimate:.2f}" if impact.estimate >= SMALL_RATIO else f"{impact.estimate:.2g}",
        place,
        right=True,
        color=color,
    )


def _ends(group: GroupAudit | None) -> list[float]:
    if group is None or group.disparate_impact is None:
        return []
    impact = group.disparate_impact
    return [end for end in (impact.low, impact.estimate, impact.high) if end is not None]


def _bounds(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        known = "no interval" if low is None and high is None else ""
        return known or (f"up to {high:.4f}" if low is None else f"from {low:.4f}")
    return f"{low:.4f} to {high:.4f}"
