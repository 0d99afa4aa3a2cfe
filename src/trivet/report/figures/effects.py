"""Figure of the effects: each remedy of a leg, and by how much the figures of the other legs change."""

from collections.abc import Sequence
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
    Intervention,
    Measurement,
)
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.groups import name_rows
from trivet.report.figures.style import (
    ATTACKED,
    CORRECTED,
    INK,
    PAGE_WIDTH,
    PUBLISHED,
    PUBLISHED_TEXT,
    SMALL,
    drawn_text,
    new_figure,
    signed,
    styled,
)

__all__ = ["FIGURES"]

#: Inches: a row, and what stands above and below the rows of a leg.
ROW_HEIGHT: Final = 0.2
AROUND: Final = 0.66
NAME_POINTS: Final = 84
COLUMN_POINTS: Final = 62
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
    blocks = _blocks(matrix)
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
            text = "" if effect is None else "not measured"
            axes.annotate(
                text,
                (0.5, place),
                xycoords=axes.get_yaxis_transform(),
                ha="center",
                va="center",
                fontsize=SMALL,
                color=PUBLISHED_TEXT,
                backgroundcolor="white",
            )
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


_SHOWN: Final = ("row", "column", "before", "after", "change", "low", "high", "outcome")

FIGURES: Final = (
    FigureRow(
        "effects_matrix",
        "effects",
        draw_effects,
        alt_effects,
        tuple(f"effects.*.{name}" for name in _SHOWN),
        wide=lambda _: True,
        present=has_effects,
    ),
)
