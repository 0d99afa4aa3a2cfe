"""Figures of the effects: every change with its interval, remedies on all legs at once, and classes."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from trivet.effects.results import (
    BETTER,
    BY_CONSTRUCTION,
    CHANGED,
    NO_EFFECT,
    NOT_MEASURED,
    WORSE,
    Effect,
    EffectMatrix,
    Frontier,
    Intervention,
    Measurement,
)
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.groups import name_rows
from trivet.report.figures.labels import write_undefined
from trivet.report.figures.style import (
    ATTACKED,
    CORRECTED,
    INK,
    PAGE_WIDTH,
    PUBLISHED,
    SMALL,
    drawn_name,
    drawn_text,
    new_figure,
    signed,
    styled,
)
from trivet.wording import one_line

__all__ = ["FIGURES"]

#: Inches: a row, and what stands above and below the rows of a leg.
ROW_HEIGHT: Final = 0.2
AROUND: Final = 0.66
NAME_POINTS: Final = 84
COLUMN_POINTS: Final = 62
#: Columns side by side.
MOST_COLUMNS: Final = 7
#: Mark, colour and filling of each outcome; no two differ by colour alone.
_MARKS: Final = {
    WORSE: ("D", ATTACKED, ATTACKED),
    BETTER: ("o", CORRECTED, CORRECTED),
    CHANGED: ("s", INK, INK),
    NO_EFFECT: ("o", PUBLISHED, "white"),
    BY_CONSTRUCTION: ("x", PUBLISHED, PUBLISHED),
}


def has_effects(matrix: EffectMatrix) -> bool:
    """Tell whether any cell was measured."""
    return any(effect.change is not None for effect in matrix.effects)


@styled
def draw_effects(matrix: EffectMatrix) -> Figure:
    """Show the change of each figure under each remedy as a mark with its interval, leg by leg."""
    blocks = _wrapped(_blocks(matrix))
    heights = [AROUND + ROW_HEIGHT * len(rows) for rows, _ in blocks]
    figure = new_figure(width=PAGE_WIDTH, height=sum(heights) + 0.3)
    grid = figure.add_gridspec(len(blocks), max(len(columns) for _, columns in blocks), height_ratios=heights)
    for place, (rows, columns) in enumerate(blocks):
        drawn: dict[str, list[Axes]] = {}
        for number, column in enumerate(columns):
            axes = figure.add_subplot(grid[place, number])
            cells = [_cell(matrix, row, column) for row in rows]
            _draw_column(axes, cells)
            title = [drawn_text(line, width=COLUMN_POINTS) for line in column.short.split("\n")]
            axes.set_title("\n".join(line or f"figure {number + 1}" for line in title), fontsize=SMALL)
            names = [drawn_text(row.short, width=NAME_POINTS) or row.leg for row in rows]
            name_rows(axes, names if number == 0 else [""] * len(rows), [False] * len(rows))
            drawn.setdefault(column.scale, []).append(axes)
        for several in drawn.values():
            _share(several)
    shown = [outcome for outcome in _MARKS if any(effect.outcome == outcome for effect in matrix.effects)]
    figure.legend(
        handles=[_key(outcome) for outcome in shown],
        loc="outside lower center",
        ncols=len(shown),
        frameon=False,
        fontsize=SMALL,
    )
    return figure


def alt_effects(matrix: EffectMatrix) -> str:
    """Describe `draw_effects` in words: every measurable change, and how many cells have none."""
    told = [
        f"{effect.row} on {effect.column}: {signed(effect.change, digits=4)} "
        f"({signed(effect.low, digits=4)} to {signed(effect.high, digits=4)}), {effect.outcome}"
        for effect in matrix.effects
        if effect.outcome in {BETTER, WORSE, CHANGED}
        and effect.change is not None
        and effect.low is not None
        and effect.high is not None
    ]
    found = f" {'; '.join(told)}." if told else ""
    return (
        "Change of each figure under each remedy of another leg, with its interval. "
        f"{matrix.statement}{found}"
    )


def _blocks(matrix: EffectMatrix) -> list[tuple[list[Intervention], list[Measurement]]]:
    """Divide the remedies of each leg into those that share figures, and name these."""
    blocks: list[tuple[list[Intervention], set[str]]] = []
    for row in matrix.interventions:
        asked = {effect.measurement for effect in matrix.effects if effect.intervention == row.name}
        for rows, names in blocks:
            if rows[0].leg == row.leg and names & asked:
                rows.append(row)
                names.update(asked)
                break
        else:
            if asked:
                blocks.append(([row], asked))
    return [(rows, [each for each in matrix.measurements if each.name in names]) for rows, names in blocks]


def _wrapped(
    blocks: Sequence[tuple[list[Intervention], list[Measurement]]],
) -> list[tuple[list[Intervention], list[Measurement]]]:
    """Give columns that are more than a line holds lines of their own, by leg and as even as they come."""
    found: list[tuple[list[Intervention], list[Measurement]]] = []
    for rows, columns in blocks:
        several = [columns]
        if len(columns) > MOST_COLUMNS:
            several = [list(same) for _, same in groupby(columns, key=lambda column: column.leg)]
        for same in several:
            lines = -(-len(same) // MOST_COLUMNS)
            size = -(-len(same) // lines)
            found += [(rows, same[first : first + size]) for first in range(0, len(same), size)]
    return found


def _cell(matrix: EffectMatrix, row: Intervention, column: Measurement) -> Effect | None:
    found = (
        effect
        for effect in matrix.effects
        if effect.intervention == row.name and effect.measurement == column.name
    )
    return next(found, None)


def _draw_column(axes: Axes, cells: Sequence[Effect | None]) -> None:
    axes.axvline(0, color=INK, linewidth=0.6, zorder=0.5)
    for place, effect in enumerate(cells):
        if effect is None or effect.outcome == NOT_MEASURED or effect.change is None:
            if effect is not None:
                write_undefined(axes, place, NOT_MEASURED)
            continue
        mark, color, filling = _MARKS[effect.outcome]
        if effect.low is not None and effect.high is not None:
            axes.plot([effect.low, effect.high], [place, place], color=color, linewidth=1.0)
        axes.plot(effect.change, place, mark, color=color, markerfacecolor=filling, markersize=3.6, zorder=3)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(2, symmetric=False))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}"))


def _share(several: Sequence[Axes]) -> None:
    """Give axes of one scale the same range, which holds 0."""
    ends = [end for axes in several for end in axes.get_xlim()]
    for axes in several:
        axes.set_xlim(min(ends), max(ends))


def _key(outcome: str) -> Line2D:
    mark, color, filling = _MARKS[outcome]
    return Line2D(
        [],
        [],
        color=color,
        marker=mark,
        markerfacecolor=filling,
        markersize=3.6,
        linewidth=1.0,
        label=outcome,
    )


#: Points of a remedy's name beside a frontier, and of a column's name above it.
REMEDY_POINTS: Final = 118
AXIS_POINTS: Final = 74


def has_frontier(matrix: EffectMatrix) -> bool:
    """Tell whether remedies were weighed against each other."""
    return bool(matrix.frontiers)


#: Mark, colour, filling and words of a point that is on the frontier, off it, or neither.
_PLACES: Final = {
    True: ("o", CORRECTED, CORRECTED, "outdone by none"),
    False: ("o", PUBLISHED, "white", "another is as good in all and better in one"),
    None: ("s", PUBLISHED, "white", "not measured in all"),
}


@styled
def draw_frontier(matrix: EffectMatrix) -> Figure:
    """Show each remedy as a row, and each figure of every leg as a column, with intervals.

    A filled mark and a bold name stand for a remedy that no other outdoes in all figures at once. The thin
    line is the system as it is.
    """
    shown = matrix.frontiers
    heights = [AROUND + ROW_HEIGHT * len(each.points) for each in shown]
    figure = new_figure(width=PAGE_WIDTH, height=sum(heights) + 0.3)
    grid = figure.add_gridspec(len(shown), max(len(each.axes) for each in shown), height_ratios=heights)
    for place, frontier in enumerate(shown):
        names = [drawn_text(point.title, width=REMEDY_POINTS) or "a remedy" for point in frontier.points]
        best = [point.on_frontier is True for point in frontier.points]
        for number, axis in enumerate(frontier.axes):
            axes = figure.add_subplot(grid[place, number])
            _draw_axis(axes, frontier, number)
            lines = [drawn_text(line, width=AXIS_POINTS) for line in axis.short.split("\n")]
            axes.set_title("\n".join([*lines, _WHICH_WAY[axis.better]]), fontsize=SMALL)
            name_rows(axes, names if number == 0 else [""] * len(names), best)
    places = {point.on_frontier for frontier in shown for point in frontier.points}
    handles = [
        Line2D(
            [], [], color=color, marker=mark, markerfacecolor=filling, markersize=4, linewidth=1, label=said
        )
        for place, (mark, color, filling, said) in _PLACES.items()
        if place in places
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=SMALL
    )
    return figure


_WHICH_WAY: Final = {
    "higher": "more is better \N{RIGHTWARDS ARROW}",
    "lower": "\N{LEFTWARDS ARROW} less is better",
}


def _draw_axis(axes: Axes, frontier: Frontier, number: int) -> None:
    """Draw one figure of every point."""
    first = frontier.points[0].figures[number].value
    if first is not None:
        axes.axvline(first, color=INK, linewidth=0.5, linestyle=(0, (4, 3)), zorder=0.5)
    for place, point in enumerate(frontier.points):
        figure = point.figures[number]
        if figure.value is None:
            write_undefined(axes, place, NOT_MEASURED)
            continue
        mark, color, filling, _ = _PLACES[point.on_frontier]
        if figure.low is not None and figure.high is not None:
            axes.plot([figure.low, figure.high], [place, place], color=color, linewidth=1.0)
        axes.plot(figure.value, place, mark, color=color, markerfacecolor=filling, markersize=4, zorder=3)
    axes.margins(x=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def alt_frontier(matrix: EffectMatrix) -> str:
    """Describe `draw_frontier` in words: every figure of every remedy, and which are on the frontier."""
    told: list[str] = []
    for frontier in matrix.frontiers:
        for point in frontier.points:
            figures = ", ".join(
                f"{axis.title} {figure:.3f}"
                for axis, figure in zip(frontier.axes, point.figures, strict=True)
            )
            told.append(f"{one_line(point.title)}: {figures}.")
        told.append(frontier.statement)
    return f"Each remedy in the figures of several legs at once. {' '.join(told)}"


#: Classes that a figure names under each repair: those that change most.
MOST_CLASSES: Final = 10
#: Repairs side by side.
MOST_REPAIRS: Final = 5


def has_classes(matrix: EffectMatrix) -> bool:
    """Tell whether accuracy was measured by class."""
    return bool(matrix.classes)


@styled
def draw_classes(matrix: EffectMatrix) -> Figure:
    """Show the change of each class's accuracy under each repair, with intervals that hold at once."""
    labels = _shown_classes(matrix)
    repairs = list(dict.fromkeys(each.intervention for each in matrix.classes))
    across = min(len(repairs), MOST_REPAIRS)
    down = -(-len(repairs) // across)
    figure = new_figure(width=PAGE_WIDTH, height=down * (AROUND + ROW_HEIGHT * len(labels)) + 0.3)
    grid = figure.add_gridspec(down, across)
    drawn: list[Axes] = []
    for place, repair in enumerate(repairs):
        axes = figure.add_subplot(grid[place // across, place % across])
        mine = {each.label: each for each in matrix.classes if each.intervention == repair}
        axes.axvline(0, color=INK, linewidth=0.6, zorder=0.5)
        for row, label in enumerate(labels):
            if (change := mine.get(label)) is None:
                continue
            mark, color, filling = _MARKS[change.outcome]
            axes.plot([change.low, change.high], [row, row], color=color, linewidth=1.0)
            axes.plot(
                change.change, row, mark, color=color, markerfacecolor=filling, markersize=3.6, zorder=3
            )
        first = next(iter(mine.values()))
        axes.set_title(
            drawn_text(first.row, width=2 * COLUMN_POINTS) or f"repair {place + 1}", fontsize=SMALL
        )
        named = {each.label: each.name for each in matrix.classes}
        names = [drawn_name(label, named[label], width=NAME_POINTS) for label in labels]
        name_rows(axes, names if place % across == 0 else [""] * len(labels), [False] * len(labels))
        axes.xaxis.set_major_locator(MaxNLocator(3, symmetric=False))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}"))
        drawn.append(axes)
    _share(drawn)
    outcomes = {each.outcome for each in matrix.classes}
    handles = [_key(outcome) for outcome in _MARKS if outcome in outcomes]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=SMALL
    )
    return figure


def _shown_classes(matrix: EffectMatrix) -> list[int]:
    """Return the classes that change most under any repair, in their order."""
    moved: dict[int, float] = {}
    for each in matrix.classes:
        moved[each.label] = max(moved.get(each.label, 0.0), abs(each.change))
    return sorted(sorted(moved, key=lambda label: (-moved[label], label))[:MOST_CLASSES])


def alt_classes(matrix: EffectMatrix) -> str:
    """Describe `draw_classes` in words: every measurable change of a class."""
    told = [
        f"{each.row}, class {each.name}: {signed(each.change, digits=3)} "
        f"({signed(each.low, digits=3)} to {signed(each.high, digits=3)}), {each.outcome}"
        for each in matrix.classes
        if each.outcome in {BETTER, WORSE}
    ]
    found = "; ".join(told) or "no class changes measurably"
    return f"Change of the accuracy of each class under each repair, with its interval: {found}."


_SHOWN: Final = ("row", "column", "before", "after", "change", "low", "high", "outcome")

FIGURES: Final = (
    FigureRow(
        "effects_frontier",
        "effects",
        draw_frontier,
        alt_frontier,
        ("frontiers",),
        wide=lambda _: True,
        present=has_frontier,
    ),
    FigureRow(
        "effects_matrix",
        "effects",
        draw_effects,
        alt_effects,
        tuple(f"effects.*.{name}" for name in _SHOWN),
        wide=lambda _: True,
        present=has_effects,
    ),
    FigureRow(
        "effects_classes",
        "effects",
        draw_classes,
        alt_classes,
        ("classes",),
        wide=lambda _: True,
        present=has_classes,
    ),
)
