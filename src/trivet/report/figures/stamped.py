"""Figure of the strip: images, clean and with the suspected trigger, and what the network sees in them."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trivet.report.figures.names import drawn_name
from trivet.report.figures.pixels import show_pixels, viewable
from trivet.report.figures.placing import MARGIN, column_figure, picture_axes, picture_height
from trivet.report.figures.style import ATTACKED, COLUMN_WIDTH, INK, SMALL, styled
from trivet.security.scan_results import Strip

__all__ = ["draw_stamped"]

Pixels = NDArray[np.float32]

COLUMNS: Final = 4
#: What is left of a picture's width beside the mark.
NAME_POINTS: Final = 38
RIGHT: Final = "✓"
WRONG: Final = "\N{MULTIPLICATION SIGN}"  # the cross that the font has

#: Inches: left of the pictures, between columns, above a clean picture, under any picture for each line
#: of words and after them, and between blocks.
LEFT: Final = 0.5
BETWEEN: Final = 0.08
TITLE: Final = 0.17
LINE: Final = 0.125
AFTER_LINES: Final = 0.07
BETWEEN_BLOCKS: Final = 0.1
#: Points from a picture to the first line, and from line to line.
FIRST_LINE: Final = 2.0
NEXT_LINE: Final = 72 * LINE


@styled
def draw_stamped(strip: Strip, pixels: Pixels, stamped: Pixels, names: Sequence[str]) -> Figure:
    """Show each image clean and stamped, with the predicted class under it, before and after a repair.

    A cross before a class says that it is not the true one.
    """
    columns = min(strip.images, COLUMNS)
    blocks = -(-strip.images // columns)
    wide = (COLUMN_WIDTH - LEFT - MARGIN - (COLUMNS - 1) * BETWEEN) / COLUMNS
    high = picture_height(pixels, wide=wide)
    words = (1 if strip.clean_after is None else 2) * LINE + AFTER_LINES
    block_high = TITLE + 2 * (high + words) + BETWEEN_BLOCKS
    figure = column_figure(blocks * block_high - BETWEEN_BLOCKS + MARGIN)
    for place in range(strip.images):
        block, column = divmod(place, columns)
        left = LEFT + column * (wide + BETWEEN)
        for with_trigger, shown in enumerate((pixels, stamped)):
            top = MARGIN + block * block_high + TITLE + with_trigger * (high + words)
            axes = picture_axes(figure, left=left, top=top, wide=wide, high=high)
            show_pixels(axes, viewable(shown[place]))
            first = column == 0
            if not with_trigger:
                _write(axes, "true class" if first else "", _name(names, strip.labels[place]), (1, 2))
            if first:
                _write(axes, "stamped" if with_trigger else "clean", "", (0.5, 0), upright="center")
            _say(axes, names, strip, place, stamped=bool(with_trigger), first=first)
    return figure


def _say(axes: Axes, names: Sequence[str], strip: Strip, place: int, *, stamped: bool, first: bool) -> None:
    """Write the predicted classes under a picture, a line each."""
    before, after = (
        (strip.stamped_before, strip.stamped_after) if stamped else (strip.clean_before, strip.clean_after)
    )
    lines = [("predicted", before)] if after is None else [("before", before), ("after", after)]
    for line, (what, predicted) in enumerate(lines):
        label = predicted[place]
        right = label == strip.labels[place]
        _write(
            axes,
            what if first else "",
            f"{RIGHT if right else WRONG} {_name(names, label)}",
            (0, -FIRST_LINE - line * NEXT_LINE),
            upright="top",
            wrong=not right,
        )


def _write(
    axes: Axes,
    what: str,
    text: str,
    place: tuple[float, float],
    *,
    upright: Literal["bottom", "center", "top"] = "bottom",
    wrong: bool = False,
) -> None:
    """Write a text in the middle of a picture's width, and left of the picture what it is.

    `place` is a height as a share of the picture's, and points above it.
    """
    share, points = place
    style: dict[str, Any] = {
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "va": upright,
        "fontsize": SMALL,
    }
    axes.annotate(what, (0.0, share), xytext=(-4.0, points), ha="right", **style)
    axes.annotate(
        text,
        (0.5, share),
        xytext=(0.0, points),
        ha="center",
        color=ATTACKED if wrong else INK,
        fontweight="bold" if wrong else "normal",
        **style,
    )


def _name(names: Sequence[str], label: int) -> str:
    return drawn_name(label, names[label], width=NAME_POINTS)
