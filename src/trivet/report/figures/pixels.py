"""Display of images, masks and triggers as pixels."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from trivet.report.figures.style import PALE

__all__ = ["on_grey", "show_pixels", "viewable"]

_COLOUR_CHANNELS: Final = 3


def viewable(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn pixels (channels, height, width) into (height, width), or (height, width, 3) in colour."""
    return np.moveaxis(image, 0, -1) if len(image) == _COLOUR_CHANNELS else image[0]


def on_grey(mask: NDArray[np.float32], pattern: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stamp a trigger on a mid-grey image, so that its dark and its bright parts both show."""
    stamped = (1 - mask) * np.float32(0.5) + mask * pattern
    return viewable(stamped.astype(np.float32, copy=False))


def show_pixels(axes: Axes, image: NDArray[np.float32], *, colormap: str = "gray") -> None:
    """Show pixels in [0, 1] with a thin frame and no ticks; colours as they are."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=PALE)
    # "nearest" is resampled here; "none" would leave 28 pixels for each viewer to smooth.
    axes.imshow(image, cmap=colormap, vmin=0, vmax=1, interpolation="nearest")
