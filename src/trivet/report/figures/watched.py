"""Figure of a disparity over time: the intervals of each group that hold at every look."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.estimate import Estimate
from trivet.fairness.monitoring.results import FairnessWatch, WatchedGroup
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    CORRECTED,
    INK,
    PALE,
    SMALL,
    drawn_text,
    new_figure,
    styled,
)
from trivet.wording import one_line

__all__ = ["FIGURES"]

#: Groups that are drawn, those with the most evidence.
MOST_GROUPS: Final = 4
#: Inches of one group, and points of its name.
PANEL_HEIGHT: Final = 1.15
NAME_POINTS: Final = 150.0
#: Characters of a look's name, and of all names that stand side by side.
LOOK_CHARACTERS: Final = 20
LINE_CHARACTERS: Final = 48
#: Ratios that are drawn at all.
LOWEST, HIGHEST = 0.1, 10.0
TICKS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@styled
def draw_watch(watch: FairnessWatch) -> Figure:
    """Show the interval of each group's disparity at each look, and its alarms."""
    groups = _shown(watch)
    figure = new_figure(width=COLUMN_WIDTH, height=0.45 + PANEL_HEIGHT * len(groups))
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    for axes, group in zip(panels, groups, strict=True):
        _draw_group(axes, watch, group)
    what = "ratio of rates" if watch.difference is None else "difference of rates"
    figure.supylabel(what, fontsize=8.0)
    panels[-1].set_xlabel("look")
    places, names = _ticks(watch)
    panels[-1].set_xticks(places, names)
    return figure


def alt_watch(watch: FairnessWatch) -> str:
    """Describe `draw_watch` in words."""
    told: list[str] = []
    for group in _shown(watch):
        last = _found(watch, group.looks[-1].ratio, group.looks[-1].difference)
        high = "no upper end" if last.high is None else f"{last.high:.4f}"
        alarm = "no alarm" if group.first_alarm is None else f"first alarm at {group.first_alarm}"
        low = 0.0 if last.low is None else last.low
        told.append(
            f"{group.group}: {len(group.looks)} looks, the last interval {low:.4f} to {high}, {alarm}"
        )
    return (
        f"Intervals of the disparity against {watch.reference}, which hold at every look. {'; '.join(told)}."
    )


def _shown(watch: FairnessWatch) -> list[WatchedGroup]:
    return sorted(watch.groups, key=lambda group: max(each.log_e_band for each in group.looks), reverse=True)[
        :MOST_GROUPS
    ]


def _found(watch: FairnessWatch, ratio: Estimate, difference: Estimate) -> Estimate:
    return ratio if watch.difference is None else difference


def _ticks(watch: FairnessWatch) -> tuple[list[int], list[str]]:
    """Return places of looks, and their names, or numbers of those that cannot be drawn."""
    number = len(watch.looks)
    longest = max(len(one_line(name, limit=LOOK_CHARACTERS)) for name in watch.looks)
    most = max(2, min(number, LINE_CHARACTERS // (longest + 2)))
    places = sorted({round(place) for place in np.linspace(1, number, most)})
    names = [
        drawn_text(one_line(watch.looks[place - 1], limit=LOOK_CHARACTERS), width=NAME_POINTS)
        for place in places
    ]
    return places, [name or str(place) for place, name in zip(places, names, strict=True)]


def _draw_group(axes: Axes, watch: FairnessWatch, group: WatchedGroup) -> None:
    first = len(watch.looks) - len(group.looks) + 1
    places = np.arange(first, len(watch.looks) + 1)
    found = [_found(watch, each.ratio, each.difference) for each in group.looks]
    ratios = watch.difference is None
    least, most = (LOWEST, HIGHEST) if ratios else (-1.0, 1.0)
    low = np.array([least if each.low is None else max(each.low, least) for each in found])
    high = np.array([most if each.high is None else min(each.high, most) for each in found])
    ends = (watch.four_fifths, 1 / watch.four_fifths)
    if watch.difference is not None:
        ends = (-watch.difference, watch.difference)
    axes.axhspan(*ends, color=PALE, alpha=0.6, linewidth=0, zorder=0.2)
    axes.axhline(1.0 if ratios else 0.0, color=INK, linewidth=0.6, zorder=0.5)
    axes.fill_between(places, low, high, color=CORRECTED, alpha=0.25, linewidth=0, zorder=1)
    axes.plot(places, low, color=CORRECTED, linewidth=0.7)
    axes.plot(places, high, color=CORRECTED, linewidth=0.7)
    value = [np.nan if each.value is None else min(max(each.value, least), most) for each in found]
    axes.plot(places, value, color=INK, linewidth=1.0)
    alarms = [place for place, each in zip(places, group.looks, strict=True) if each.alarm]
    if alarms:
        at = alarms[0]
        axes.plot(at, value[at - first], "D", color=ATTACKED, clip_on=False, zorder=4)
    if ratios:
        axes.set_yscale("log")
        ticks = [tick for tick in TICKS if tick >= min(0.5, low.min()) and tick <= max(2.0, high.max())]
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.yaxis.minorticks_off()
    name = drawn_text(group.group, width=NAME_POINTS) or f"group {watch.groups.index(group) + 1}"
    axes.set_title(name, loc="left", fontsize=SMALL, fontweight="bold")


FIGURES: Final = (
    FigureRow(
        "watch_ratio",
        "watch",
        draw_watch,
        alt_watch,
        ("four_fifths", "difference", "reference", "groups"),
    ),
)
