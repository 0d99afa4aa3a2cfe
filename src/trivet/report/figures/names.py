"""Untrusted names, shortened for tables and figures."""

from functools import cache
from typing import Final

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags

from trivet.report.figures.style import SMALL
from trivet.wording import one_line

__all__ = ["drawn_name", "drawn_text", "written_name"]

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
