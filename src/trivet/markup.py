"""Escaped HTML for notebooks.

Every element carries its own style: a style sheet would reach the whole notebook, and much of it is
taken away where notebooks are shown to others.
"""

import base64
import html
from collections.abc import Mapping, Sequence
from typing import Final

from trivet.verdict import Tone
from trivet.wording import one_line

__all__ = ["TONES", "number", "panel", "picture", "plain", "table"]

#: Colour of the bar beside a result, by the tone of its verdict; words and signs say the same.
TONES: Final[Mapping[Tone, str]] = {
    "bad": "#D55E00",
    "unsure": "#E69F00",
    "good": "#009E73",
    "note": "#767676",
}

#: What MathJax, in its second and third version, leaves alone.
NO_MATHEMATICS: Final = "tex2jax_ignore mathjax_ignore"
LINE_CHARACTERS: Final = 1_000
CELL: Final = "text-align:{};padding:0.1em 0.5em;vertical-align:top"


def plain(text: str) -> str:
    """Write a text so that it is shown as it is: no markup, and nothing that begins mathematics."""
    return "".join(f"<span>{sign}</span>" if sign in "$\\" else sign for sign in _escaped(text))


def number(value: float | None, digits: int) -> str:
    """Write a number with so many decimals; no sign before a zero."""
    if value is None:
        return "none"
    written = f"{value:.{digits}f}"
    return written.lstrip("-") if float(written) == 0 else written.replace("-", "\N{MINUS SIGN}")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, marked: int | None = None) -> str:
    """Write a table whose first column holds names; columns of numbers stand to the right."""
    styles = [
        _cell(number=place > 0 and all(_is_number(row[place]) for row in rows))
        for place in range(len(header))
    ]
    heads = "".join(
        f'<th scope="col" style="{style}">{plain(name)}</th>'
        for style, name in zip(styles, header, strict=True)
    )
    body = "".join(_row(row, styles, marked=place == marked) for place, row in enumerate(rows))
    return (
        '<div style="max-width:100%;overflow-x:auto">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def picture(png: bytes, caption: str, *, width: int) -> str:
    """Write a picture with a caption, its bytes inside."""
    source = base64.b64encode(png).decode("ascii")
    return (
        f'<figure style="margin:0;width:{width + 20}px">'
        f'<img alt="{_escaped(caption)}" src="data:image/png;base64,{source}" '
        f'style="width:{width}px;image-rendering:pixelated">'
        f"<figcaption><small>{plain(caption)}</small></figcaption></figure>"
    )


def panel(colour: str, title: str, subject: str, parts: Sequence[str]) -> str:
    """Write what a result shows: a title, what it is about, and parts that are HTML already."""
    return (
        f'<div class="{NO_MATHEMATICS}" '
        f'style="border-left:4px solid {colour};padding-left:1em;max-width:52em">'
        f"<p><strong>{plain(title)}</strong> {plain(subject)}</p>{''.join(parts)}</div>"
    )


def _row(cells: Sequence[str], styles: Sequence[str], *, marked: bool) -> str:
    name, *others = map(plain, cells)
    # A name that is written from right to left would carry the number before it along.
    name = f'<bdi dir="ltr">{name}</bdi>'
    first = f"<strong>▸ {name}</strong>" if marked else name
    written = (
        f'<td style="{style}">{content}</td>' for style, content in zip(styles, (first, *others), strict=True)
    )
    return f"<tr>{''.join(written)}</tr>"


def _cell(*, number: bool) -> str:
    return CELL.format("right" if number else "left")


def _is_number(cell: str) -> bool:
    """Tell whether a cell holds a number, with its interval or without, or none."""
    return cell.lstrip("-+\N{MINUS SIGN}")[:1].isdigit() or cell in {"", "-", "none"}


def _escaped(text: str) -> str:
    return html.escape(one_line(text, limit=LINE_CHARACTERS))
