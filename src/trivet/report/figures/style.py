"""Style of all figures: one palette, one font, one set of sizes.

The hues are those of Okabe and Ito (2008), which colour-blind readers tell apart. A colour has one
meaning in all figures, and no meaning rests on colour alone.
"""

from typing import Final

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = [
    "ATTACKED",
    "COLUMN_WIDTH",
    "CORRECTED",
    "INK",
    "PAGE_WIDTH",
    "PALE",
    "PRIVILEGED",
    "PROTECTED",
    "PUBLISHED",
    "PUBLISHED_TEXT",
    "SMALL",
    "guide",
    "new_figure",
    "signed",
    "styled",
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
