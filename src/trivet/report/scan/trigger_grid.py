"""Figure of the reconstructed triggers of all labels, or of the most unusual where there are many."""

from typing import Final

from matplotlib.figure import Figure

from trivet.report.figures.names import drawn_name
from trivet.report.figures.pixels import on_grey, show_pixels
from trivet.report.figures.placing import MARGIN, column_figure, picture_axes, picture_height
from trivet.report.figures.style import ATTACKED, COLUMN_WIDTH, INK, PALE, SMALL, styled
from trivet.report.scan.scanned import Scanned
from trivet.security.scan_results import LabelScan

__all__ = ["SHOWN", "draw_trigger_grid", "shown_labels"]

#: Triggers that one figure has room for.
SHOWN: Final = 20
COLUMNS: Final = 5
#: Inches: above each picture, for its label and its norm, and between columns.
TITLE: Final = 0.35
BETWEEN: Final = 0.09
NAME_POINTS: Final = 46


def shown_labels(scanned: Scanned) -> tuple[LabelScan, ...]:
    """Return all labels in their order, or the most unusual ones where there are more than `SHOWN`."""
    if len(scanned.result.labels) <= SHOWN:
        return scanned.result.labels
    return scanned.by_evidence[:SHOWN]


@styled
def draw_trigger_grid(scanned: Scanned) -> Figure:
    """Show triggers on mid-grey, with the norms of their masks; the suspected one has a frame."""
    labels = shown_labels(scanned)
    columns = min(len(labels), COLUMNS)
    wide = (COLUMN_WIDTH - 2 * MARGIN - (columns - 1) * BETWEEN) / columns
    high = picture_height(scanned.masks, wide=wide)
    figure = column_figure(-(-len(labels) // columns) * (TITLE + high) + MARGIN)
    for place, label in enumerate(labels):
        row, column = divmod(place, columns)
        axes = picture_axes(
            figure,
            left=MARGIN + column * (wide + BETWEEN),
            top=TITLE + row * (TITLE + high),
            wide=wide,
            high=high,
        )
        show_pixels(axes, on_grey(scanned.masks[label.label], scanned.patterns[label.label]))
        suspected = label is scanned.suspect
        name = drawn_name(label.label, label.name, width=NAME_POINTS)
        axes.set_title(
            f"{name}\n{scanned.drawn_norm(label.label):.1f}",
            color=ATTACKED if suspected else INK,
            fontweight="bold" if suspected else "normal",
            fontsize=SMALL,
            pad=2.5,
        )
        for spine in axes.spines.values():
            spine.set(color=ATTACKED if suspected else PALE, linewidth=1.6 if suspected else 0.6)
    return figure
