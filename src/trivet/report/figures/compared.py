"""Figure of a comparison: the headline's differences and their intervals."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.comparison import Change, change_text, outcome_text
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    CORRECTED,
    INK,
    PUBLISHED_TEXT,
    drawn_text,
    new_figure,
    styled,
)

__all__ = ["FIGURES"]

ROW_HEIGHT: Final = 0.21
NAME_POINTS: Final = 118.0
#: Half-widths to either side that are drawn; beyond them a mark stands at the edge.
EDGE: Final = 6.0
_LOOKS: Final = {"better": ("o", CORRECTED), "worse": ("D", ATTACKED)}
_QUIET: Final = ("s", PUBLISHED_TEXT)


class _Scaled(NamedTuple):
    """A difference and the ends of its interval, in half-widths of that."""

    at: float
    low: float
    high: float


@styled
def draw_differences(headline: Sequence[Change]) -> Figure:
    """Show each difference of the headline over the half-width of its interval."""
    rows = _rows(headline)
    figure = new_figure(width=COLUMN_WIDTH, height=0.62 + ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=0.6, zorder=0.5)
    for place, (change, scaled) in enumerate(rows):
        _draw(axes, change, scaled, place)
    names = [drawn_text(change.title, width=NAME_POINTS) or "a group" for change, _ in rows]
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(
        xlim=(-EDGE - 0.4, EDGE + 0.4),
        ylim=(len(rows) - 0.5, -0.6),
        xlabel="after minus before, in half-widths",
    )
    return figure


def alt_differences(headline: Sequence[Change]) -> str:
    """Describe `draw_differences` in words."""
    told = "; ".join(f"{change_text(change)}, {outcome_text(change)}" for change, _ in _rows(headline))
    return f"Differences of the headline with their intervals; those that hold zero are noise. {told}."


def has_differences(headline: Sequence[Change]) -> bool:
    """Tell whether any difference of the headline has an interval."""
    return bool(_rows(headline))


def _rows(headline: Sequence[Change]) -> Sequence[tuple[Change, _Scaled]]:
    pairs = ((change, _scaled(change)) for change in headline)
    return [(change, scaled) for change, scaled in pairs if scaled is not None]


def _scaled(change: Change) -> _Scaled | None:
    at, low, high = change.difference, change.difference_low, change.difference_high
    if at is None or low is None or high is None or not (half := max(at - low, high - at)):
        return None
    return _Scaled(at / half, low / half, high / half)


def _draw(axes: Axes, change: Change, scaled: _Scaled, place: int) -> None:
    shape, color = _LOOKS.get(change.judged or "", _QUIET)
    if abs(scaled.at) > EDGE:  # far outside any doubt: an arrow at the edge
        side = 1 if scaled.at > 0 else -1
        axes.plot([side * EDGE], [place], marker=">" if side > 0 else "<", color=color, linestyle="")
        return
    axes.plot([scaled.low, scaled.high], [place, place], color=color, linewidth=1.2)
    fill = color if change.judged else "white"
    axes.plot([scaled.at], [place], marker=shape, color=color, markerfacecolor=fill, linestyle="")


FIGURES: Final = (
    FigureRow(
        "compared_differences",
        "headline",
        draw_differences,
        alt_differences,
        ("",),
        present=has_differences,
    ),
)
