"""Groups in the figures of a fairness audit: choice, order and names."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trivet.estimate import Estimate
from trivet.fairness.auditing.results import AttributeAudit, FairnessAudit, GroupAudit
from trivet.ratios import INFINITE, is_infinite, ratio_figure
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.labels import write_above
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    CORRECTED,
    INK,
    PALE,
    PRIVILEGED,
    PROTECTED,
    PUBLISHED_TEXT,
    SMALL,
    drawn_text,
    group_text,
    new_figure,
    styled,
)
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED, rank

__all__ = [
    "FIGURES",
    "MOST_GROUPS",
    "NAME_POINTS",
    "ROW_HEIGHT",
    "bounds_text",
    "disparity",
    "draw_compared",
    "figure_text",
    "heading_text",
    "mark_band",
    "most_disparate_first",
    "name_rows",
    "ratio_axis",
    "ratio_text",
    "with_figure",
    "write_at_edge",
]

#: Inches.
ROW_HEIGHT: Final = 0.165
NAME_POINTS: Final = 84
#: Room of the values beyond the right edge.
COLUMN_POINTS: Final = 30
#: More groups than this are in the tables only; the most disparate ones are drawn.
MOST_GROUPS: Final = 24


@dataclass(frozen=True)
class GroupRow:
    """A line of a figure: a group, or the heading of its attribute where `group` is None."""

    text: str
    attribute: AttributeAudit
    group: GroupAudit | None


def group_rows(audit: FairnessAudit, *, reference: bool) -> tuple[GroupRow, ...]:
    """List each attribute as a heading with its groups, the most disparate first."""
    kept = {id(group) for group in sorted(_compared(audit), key=disparity, reverse=True)[:MOST_GROUPS]}
    rows: list[GroupRow] = []
    for number, attribute in enumerate(audit.attributes, start=1):
        groups = [group for group in attribute.groups if id(group) in kept]
        groups.sort(key=disparity, reverse=True)
        if reference and groups:
            groups += [group for group in attribute.groups if group.group == attribute.reference]
        if groups:
            rows.append(GroupRow(heading_text(attribute, number), attribute, None))
        for group in groups:
            place = attribute.groups.index(group) + 1
            text = group_text(group.group, place, width=NAME_POINTS)
            rows.append(GroupRow(text, attribute, group))
    return tuple(rows)


def disparity(group: GroupAudit) -> tuple[int, float]:
    """Rank a group: by what is settled of it, then by how far its disparate impact is from 1, as |ln DI|."""
    impact = None if (drawn := with_figure(group.disparate_impact)) is None else drawn.value
    place = rank(group.verdict)
    settled = -1 if place is None else place
    if impact is None:
        return settled, -1.0
    return settled, abs(math.log(impact)) if impact > 0 else math.inf


def most_disparate_first(audit: FairnessAudit) -> list[AttributeAudit]:
    """Order the attributes by their most disparate group."""
    return sorted(
        audit.attributes,
        key=lambda attribute: max(map(disparity, attribute.groups), default=(-1, -1.0)),
        reverse=True,
    )


def left_out_text(audit: FairnessAudit) -> str:
    """Say below an axis that groups were left out, nothing where none was."""
    count = len(_compared(audit))
    return f"\nthe {MOST_GROUPS} most disparate of {count} groups" if count > MOST_GROUPS else ""


def heading_text(attribute: AttributeAudit, number: int) -> str:
    """Name an attribute, by its number where the figures' font cannot draw its name."""
    return drawn_text(attribute.name, width=NAME_POINTS) or f"attribute {number}"


def name_rows(axes: Axes, names: Sequence[str], headings: Sequence[bool]) -> None:
    """Make the vertical axis a list of names, the first at the top, headings in bold."""
    axes.set(ylim=(len(names) - 0.5, -0.6))
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for text, heading in zip(axes.get_yticklabels(), headings, strict=True):
        text.set_fontweight("bold" if heading else "normal")
        text.set_color(INK if heading else PUBLISHED_TEXT)


def write_at_edge(
    axes: Axes,
    text: str,
    place: int,
    *,
    right: bool,
    color: str = INK,
    over: bool = False,
) -> None:
    """Write inside the left edge of a row, or in a column beyond its right one."""
    axes.annotate(
        text,
        (1.0 if right else 0.0, place),
        xycoords=axes.get_yaxis_transform(),
        xytext=(COLUMN_POINTS if right else 2, 0),
        textcoords="offset points",
        ha="right" if right else "left",
        va="center",
        fontsize=SMALL,
        color=color,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5} if over else None,
        annotation_clip=False,
    )


def _compared(audit: FairnessAudit) -> list[GroupAudit]:
    return [
        group
        for attribute in audit.attributes
        for group in attribute.groups
        if group.group != attribute.reference
    ]


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
            together = row.group.simultaneous_low, row.group.simultaneous_high
            draw_compared(
                axes,
                with_figure(row.group.disparate_impact),
                together,
                row.group.verdict,
                place,
                (low, high),
                ratio_text,
            )
    name_rows(axes, [row.text for row in rows], [row.group is None for row in rows])
    axes.set_xlabel(f"disparate impact{left_out_text(audit)}")
    return figure


def alt_impact(audit: FairnessAudit) -> str:
    """Describe `draw_impact` in words."""
    told: list[str] = []
    for row in group_rows(audit, reference=False):
        impact = None if row.group is None else with_figure(row.group.disparate_impact)
        if row.group is None or impact is None:
            continue
        name = f"{row.attribute.name} {row.group.group}"
        if impact.value is None:
            told.append(f"{name}: undefined")
        else:
            told.append(
                f"{name}: {figure_text(impact.value)} ({bounds_text(impact.low, impact.high)}), "
                f"{row.group.verdict}"
            )
    return (
        "Disparate impact of each group against its reference group, with its interval, on a logarithmic "
        f"axis with the band from {audit.four_fifths:g} to {1 / audit.four_fifths:g}. {'; '.join(told)}."
    )


def has_impact(audit: FairnessAudit) -> bool:
    """Tell whether any group has a disparate impact."""
    return any(
        (impact := with_figure(group.disparate_impact)) is not None and impact.value is not None
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
    write_above(axes, f"{four_fifths:g} to {1 / four_fifths:g}", 1.0)


def draw_compared(
    axes: Axes,
    compared: Estimate | None,
    together: tuple[float | None, float | None],
    verdict: str,
    place: int,
    limits: tuple[float, float],
    text: Callable[[float], str],
) -> None:
    """Draw how one group compares: a thick interval of its own, a thin one that holds for all, and a mark."""
    low, high = limits
    if compared is None or compared.value is None:
        write_at_edge(axes, "undefined", place, right=True, color=PUBLISHED_TEXT)
        return
    shape, color, filled = _MARKS.get(verdict, _MARKS[UNSETTLED])
    for ends, width in ((together, 0.6), ((compared.low, compared.high), 1.5)):
        if width < 1 and ends == (None, None):  # there is no simultaneous interval
            continue
        left, right = (limit if end is None else end for end, limit in zip(ends, (low, high), strict=True))
        axes.plot([max(left, low), min(right, high)], [place, place], color=color, linewidth=width)
    drawn = min(max(compared.value, low), high)
    axes.plot(
        drawn,
        place,
        shape if drawn == compared.value else "<" if drawn == low else ">",
        color=color,
        markerfacecolor=color if filled else "white",
        clip_on=False,
    )
    write_at_edge(axes, text(compared.value), place, right=True, color=color)


def with_figure(ratio: Estimate | None) -> Estimate | None:
    """Return a ratio with infinity as its value where it is infinite."""
    return None if ratio is None else replace(ratio, value=ratio_figure(ratio.value, ratio.low))


def figure_text(value: float) -> str:
    """Write a figure for the words beside a figure."""
    return INFINITE if is_infinite(value) else f"{value:.4f}"


def ratio_text(ratio: float) -> str:
    """Write a ratio beside its mark."""
    if is_infinite(ratio):
        return INFINITE
    return f"{ratio:.2f}" if ratio >= SMALL_RATIO else f"{ratio:.2g}"


def _ends(group: GroupAudit | None) -> list[float]:
    if group is None or group.disparate_impact is None:
        return []
    impact = group.disparate_impact
    return [end for end in (impact.low, impact.value, impact.high) if end is not None]


def bounds_text(low: float | None, high: float | None) -> str:
    """Write an interval for the words beside a figure."""
    if low is None or high is None:
        known = "no interval" if low is None and high is None else ""
        return known or (f"up to {high:.4f}" if low is None else f"from {low:.4f}")
    return f"{low:.4f} to {high:.4f}"


_RATES: Final = (
    ("selection_rate", "selection\nrate"),
    ("true_positive_rate", "true positive\nrate"),
    ("false_positive_rate", "false positive\nrate"),
)


@styled
def draw_outcome_rates(audit: FairnessAudit) -> Figure:
    """Show selection, true positive and false positive rates by group, with intervals."""
    rows = group_rows(audit, reference=True)
    figure = new_figure(width=COLUMN_WIDTH, height=0.72 + ROW_HEIGHT * len(rows))
    panels = figure.subplots(1, len(_RATES), sharey=True)
    for axes, (field, name) in zip(panels, _RATES, strict=True):
        reach = 0.0
        for place, row in enumerate(rows):
            if row.group is None:
                continue
            rate = getattr(row.group, field)
            if rate.value is None:
                write_at_edge(axes, "undefined", place, right=False, color=PUBLISHED_TEXT)
                continue
            reference = row.group.group == row.attribute.reference
            color, shape = (PRIVILEGED, "s") if reference else (PROTECTED, "o")
            if rate.low is not None and rate.high is not None:
                axes.plot([rate.low, rate.high], [place, place], color=color, linewidth=1.2)
                reach = max(reach, rate.high)
            axes.plot(rate.value, place, shape, color=color, clip_on=False)
            reach = max(reach, rate.value)
        axes.set(xlim=(0, 1.05 * reach if reach else 1.0), xlabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.grid(axis="x", color="#EEEEEE", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    if left_out := left_out_text(audit):
        figure.supxlabel(left_out.strip(), fontsize=SMALL)
    name_rows(panels[0], [row.text for row in rows], [row.group is None for row in rows])
    return figure


def alt_outcome_rates(audit: FairnessAudit) -> str:
    """Describe `draw_outcome_rates` in words."""
    told: list[str] = []
    for row in group_rows(audit, reference=True):
        if row.group is not None:
            rates = [getattr(row.group, field).value for field, _ in _RATES]
            shown = ", ".join("undefined" if rate is None else f"{rate:.4f}" for rate in rates)
            told.append(f"{row.attribute.name} {row.group.group}: {shown}")
    return (
        f"Selection, true positive and false positive rate of each group, with intervals. {'; '.join(told)}."
    )


_ATTRIBUTE: Final = ("attributes.*.name", "attributes.*.reference")


def _of_groups(*names: str) -> tuple[str, ...]:
    return tuple(f"attributes.*.groups.*.{name}" for name in names)


FIGURES: Final = (
    FigureRow(
        "fairness_audit_impact",
        "fairness.audit",
        draw_impact,
        alt_impact,
        (
            "four_fifths",
            *_ATTRIBUTE,
            *_of_groups("group", "disparate_impact", "simultaneous_low", "simultaneous_high", "verdict"),
        ),
        present=has_impact,
    ),
    FigureRow(
        "fairness_audit_rates",
        "fairness.audit",
        draw_outcome_rates,
        alt_outcome_rates,
        (*_ATTRIBUTE, *_of_groups("group", "selection_rate", "true_positive_rate", "false_positive_rate")),
        present=lambda audit: any(attribute.groups for attribute in audit.attributes),
    ),
)
