"""Style of all figures: one palette, one font, one set of sizes.

The hues are those of Okabe and Ito (2008), which colour-blind readers tell apart. A colour has one
meaning in all figures, and no meaning rests on colour alone. Files are drawn on white; a page shows them
on its own paper, with `on_dark` in the place of each colour where that is dark.
"""

from functools import cache
from typing import Final

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags
from numpy.typing import NDArray

from trivet.wording import one_line

__all__ = [
    "ATTACKED",
    "COLUMN_WIDTH",
    "CORRECTED",
    "INK",
    "MARGIN",
    "PAGE_WIDTH",
    "PALE",
    "PRIVILEGED",
    "PROTECTED",
    "PUBLISHED",
    "PUBLISHED_TEXT",
    "SMALL",
    "column_figure",
    "drawn_name",
    "drawn_text",
    "group_text",
    "guide",
    "new_figure",
    "on_dark",
    "on_grey",
    "picture_axes",
    "picture_height",
    "show_pixels",
    "signed",
    "styled",
    "viewable",
    "written_name",
]

PUBLISHED: Final = "#999999"
CORRECTED: Final = "#0072B2"
ATTACKED: Final = "#D55E00"
PROTECTED: Final = "#E69F00"
PRIVILEGED: Final = "#56B4E9"
INK: Final = "#222222"
PALE: Final = "#DDDDDD"
#: Words in the published grey: darker than its marks, so that they reach a contrast of 4.5 on white.
PUBLISHED_TEXT: Final = "#6B6B6B"

#: The same on dark paper: as bright as words on it need, and as far from each other.
_DARK: Final = {
    PUBLISHED: "#9B9B9B",
    CORRECTED: "#2B86D1",
    ATTACKED: "#EE6C2D",
    PROTECTED: "#F0B636",
    PRIVILEGED: "#86CBF7",
    PUBLISHED_TEXT: "#A3ABB3",
}
#: Red, green and blue of the page's dark paper and of its ink there, for white and for black.
_DARK_PAPER: Final = (0x16, 0x19, 0x1D)
_DARK_INK: Final = (0xE4, 0xE6, 0xE8)
#: Least lightness of a picture's ink, the end of its greys.
_INK_LIGHTNESS: Final = int(INK[1:3], 16) / 255


def on_dark(color: str) -> str:
    """Return what stands for a colour of a figure on dark paper: of a grey its opposite, of others itself."""
    named = {light.lower(): dark for light, dark in _DARK.items()}
    color = color.lower()
    channels = {int(color[place : place + 2], 16) for place in (1, 3, 5)}
    if color in named or len(channels) > 1:
        return named.get(color, color).lower()
    share = min((1 - channels.pop() / 255) / (1 - _INK_LIGHTNESS), 1)
    mixed = (round(paper + share * (ink - paper)) for paper, ink in zip(_DARK_PAPER, _DARK_INK, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


#: Inches: one column of IEEEtran, and both.
COLUMN_WIDTH: Final = 3.5
PAGE_WIDTH: Final = 7.16

#: Points: direct labels and values. Axis labels and titles have 8.
SMALL: Final = 7.0

_STYLE: Final = {
    "font.family": "STIXGeneral",  # comes with matplotlib, so it is the same everywhere
    "mathtext.fontset": "stix",
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "axes.titlepad": 5.0,
    "axes.labelpad": 2.5,
    "figure.constrained_layout.h_pad": 0.045,
    "figure.constrained_layout.w_pad": 0.045,
    "figure.dpi": 220.0,  # the layout is solved at the resolution of the PNG
    "savefig.dpi": "figure",
    "pdf.fonttype": 42,  # whole TrueType fonts in the PDF, not Type 3 procedures
    "svg.fonttype": "path",  # a page that opens anywhere does not have the font
    "svg.hashsalt": "trivet",
}


styled = matplotlib.style.context(["default", _STYLE])
"""Decorator: run a function under this style alone, whatever matplotlibrc says, then restore it."""


def new_figure(*, width: float, height: float) -> Figure:
    """Return an empty figure of that many inches whose layout leaves room for every label."""
    return Figure(figsize=(width, height), layout="constrained")


def guide(axes: Axes, value: float, text: str, *, vertical: bool = False, side: str | None = None) -> None:
    """Draw a thin line at `value` with its name beside it."""
    if vertical:
        axes.axvline(value, color=INK, linewidth=0.6, zorder=0.5)
        transform = axes.get_xaxis_transform()
        place, offset, horizontal, upright = {
            "right": ((value, 1.0), (2.0, -1.0), "left", "top"),
            "end": ((value, 1.0), (0.0, 2.0), "center", "bottom"),
        }[side or "right"]
    else:
        axes.axhline(value, color=INK, linewidth=0.6, zorder=0.5)
        transform = axes.get_yaxis_transform()
        place, offset, horizontal, upright = {
            "above": ((0.0, value), (2.0, 1.5), "left", "bottom"),
            "below": ((0.0, value), (2.0, -1.5), "left", "top"),
            "under": ((1.0, value), (-2.0, -1.5), "right", "top"),
            "end": ((1.0, value), (2.0, 0.0), "left", "center"),
        }[side or "above"]
    axes.annotate(
        text,
        place,
        xycoords=transform,
        xytext=offset,
        textcoords="offset points",
        ha=horizontal,
        va=upright,
        fontsize=SMALL,
        annotation_clip=False,
    )


def signed(value: float, *, digits: int) -> str:
    """Write a number with a minus sign rather than a hyphen."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


#: Characters of a name in tables and sentences.
WRITTEN: Final = 28
#: As in `trivet.report.figures.style`.
FONT: Final = "STIXGeneral"
#: Characters that are measured at all.
MEASURED: Final = 80
CUT: Final = "…"


def written_name(label: int, name: str) -> str:
    """Return ``4``, or ``4 (cat)`` where the class is called otherwise than by its number."""
    text = one_line(name, limit=WRITTEN)
    return str(label) if text in {str(label), ""} else f"{label} ({text})"


def drawn_name(label: int, name: str, *, width: float) -> str:
    """Return ``4``, or ``4 cat`` where the class has a name that the figures' font can draw."""
    if name == str(label):
        return str(label)
    number = f"{label} "
    return f"{number}{drawn_text(name, width=width - _width(number))}".rstrip()


def drawn_text(text: str, *, width: float) -> str:
    """Return untrusted text as a figure can draw it, empty where the font lacks a letter of it."""
    text = one_line(text, limit=MEASURED)
    if not all(ord(letter) in _drawable() for letter in text):
        return ""
    shown = text
    while shown and _width(shown) > width:
        text = text[:-1]
        shown = f"{text.rstrip()}{CUT}" if text else ""
    return shown.replace("$", r"\$")


def group_text(group: str, place: int, *, width: float) -> str:
    """Return a group's name as a figure can draw it, or which group of the table it is."""
    return drawn_text(group, width=width) or f"group {place} in the table"


def _width(text: str) -> float:
    return sum(map(_advance, text))


@cache
def _advance(letter: str) -> float:
    """Points that a letter takes in small bold type."""
    font = get_font(_file("bold"))
    font.set_size(SMALL, 72)
    return font.load_char(ord(letter), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 2**16


@cache
def _drawable() -> frozenset[int]:
    """Code points that the font has, ordinary and bold."""
    plain, bold = (get_font(_file(weight)).get_charmap() for weight in ("normal", "bold"))
    return frozenset(plain) & frozenset(bold)


def _file(weight: str) -> str:
    return findfont(FontProperties(family=FONT, weight=weight))


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
