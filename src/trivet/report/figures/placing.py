"""Placement of images in a figure, in inches, whatever their shape.

A layout engine would make room for pictures of any shape by spreading them over the page.
"""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trivet.report.figures.style import COLUMN_WIDTH

__all__ = ["MARGIN", "column_figure", "picture_axes", "picture_height"]

#: Inches around everything.
MARGIN: Final = 0.05
#: Height over width of the room that a picture gets; one outside of these is drawn smaller.
FLATTEST: Final = 0.25
TALLEST: Final = 2.0


def column_figure(height: float) -> Figure:
    """Return an empty figure, one column wide, `height` inches high and without a layout engine."""
    return Figure(figsize=(COLUMN_WIDTH, height))


def picture_height(pixels: NDArray[np.float32], *, wide: float) -> float:
    """Return how high a picture is that is `wide` inches across; `pixels` end in (height, width)."""
    height, width = pixels.shape[-2:]
    return wide * min(max(height / width, FLATTEST), TALLEST)


def picture_axes(figure: Figure, *, left: float, top: float, wide: float, high: float) -> Axes:
    """Add axes whose upper left corner is so many inches from the figure's left and upper edges."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + high) / down, wide / across, high / down))
