"""Figure on a page: inline SVG that enlarges, with its data to save."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trivet.report import tree
from trivet.report.escape import escape_html
from trivet.report.figure_data import figure_csv
from trivet.report.svg import inline_svg

__all__ = ["drawing", "figure_tools", "view_name"]


def view_name(node: tree.Figure) -> str:
    """Name the part of the page that is enlarged."""
    return f"view:{node.name}"


def drawing(node: tree.Figure, folder: Path) -> str:
    """Write a figure's drawing, which a link to it enlarges where no script does."""
    svg = inline_svg(folder / f"{node.name}.svg", prefix=f"{node.name}-", alt=node.alt, wide=node.wide)
    close = f'<a class="close" href="#{node.target.identifier}">Close</a>'
    return f'<div class="drawing" id="{view_name(node)}">{svg}{close}</div>\n'


def figure_tools(node: tree.Figure, record: Mapping[str, Any]) -> str:
    """Write the links below a figure: to enlarge it, and to save its data."""
    which = f'<span class="unseen"> {escape_html(node.target.text)}</span>'
    links = [f'<a class="enlarge" href="#{view_name(node)}">Enlarge{which}</a>']
    table = figure_csv(record, node.name)
    if table is not None:
        # With a byte order mark, or a spreadsheet takes it for the encoding of its country.
        content = quote(f"\ufeff{table}".encode("utf-8", "backslashreplace"), safe=",.:;()[]/*@!$")
        links.append(
            f'<a download="{node.name}.csv" href="data:text/csv;charset=utf-8,{escape_html(content)}">'
            f"Data (CSV){which}</a>"
        )
    return f'<p class="tools">{" ".join(links)}</p>\n'
