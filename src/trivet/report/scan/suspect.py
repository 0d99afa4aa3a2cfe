"""Figure of the suspected label's trigger."""

from typing import Final

from matplotlib.figure import Figure

from trivet.report.figures.names import drawn_name
from trivet.report.figures.pixels import on_grey, show_pixels
from trivet.report.figures.placing import MARGIN, column_figure, picture_axes, picture_height
from trivet.report.figures.style import ATTACKED, COLUMN_WIDTH, styled
from trivet.report.scan.scanned import Scanned
from trivet.security.scan_results import LabelScan

__all__ = ["draw_suspect"]

#: Inches: between the pictures, and what the words above and below take.
BETWEEN: Final = 0.1
TITLE: Final = 0.2
WORDS: Final = 0.27
NAME_POINTS: Final = 120


@styled
def draw_suspect(scanned: Scanned, suspect: LabelScan) -> Figure:
    """Show mask and trigger of the suspected label."""
    mask, pattern = scanned.masks[suspect.label], scanned.patterns[suspect.label]
    wide = (COLUMN_WIDTH - 2 * MARGIN - BETWEEN) / 2
    high = picture_height(mask, wide=wide)
    figure = column_figure(MARGIN + TITLE + high + WORDS)
    top, right = MARGIN + TITLE, MARGIN + wide + BETWEEN
    mask_axes, stamped_axes = (
        picture_axes(figure, left=left, top=top, wide=wide, high=high) for left in (MARGIN, right)
    )
    show_pixels(mask_axes, mask[0], colormap="Greys")
    show_pixels(stamped_axes, on_grey(mask, pattern))
    mask_axes.set_title("mask")
    stamped_axes.set_title("on a mid-grey image")
    name = drawn_name(suspect.label, suspect.name, width=NAME_POINTS)
    norm = scanned.drawn_norm(suspect.label)
    middle = WORDS / 2 / figure.get_figheight()
    figure.text(
        0.5, middle, f"label {name}: $L_1$ = {norm:.1f} pixels", color=ATTACKED, ha="center", va="center"
    )
    return figure
