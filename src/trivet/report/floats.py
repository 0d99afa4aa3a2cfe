"""Figures and tables of a document, and the columns that must wrap."""

from collections.abc import Mapping
from typing import Any

from trivet.errors import ReportError
from trivet.report import tree

#: Characters of 8 pt text that fit one column and both, less what stands between table columns.
_CAPACITY = {False: 62, True: 130}
_BETWEEN_COLUMNS = 3
_ALIGN = {"AlignLeft": "left", "AlignDefault": "left", "AlignRight": "right", "AlignCenter": "center"}


def make_figure(node: tree.Node, target: tree.Target, alt: Mapping[str, str]) -> tree.Figure:
    """Read a pandoc figure; `alt` has a text for those who cannot see it, by name."""
    image = next((inner for inner in tree.nodes_of(node) if tree.kind(inner) == "Image"), None)
    if image is None:
        raise ReportError(f"The figure #{target.identifier} of the prose holds no picture.")
    name = image["c"][2][0]
    caption = _caption(node["c"][1], target)
    wide = "wide" in tree.classes(image) + tree.classes(node)
    return tree.Figure(target, name, caption, alt.get(name, words(caption)), wide)


def make_table(node: tree.Node, target: tree.Target) -> tree.Table:
    """Read a pandoc table and decide which of its columns wrap."""
    _, caption, columns, head, bodies, _ = node["c"]
    rows = tuple(_cells(row) for body in bodies for row in body[3])
    header = tuple(_cells(row) for row in head[1])
    wide = "wide" in tree.classes(node)
    return tree.Table(
        target=target,
        caption=_caption(caption, target),
        align=tuple(_ALIGN[column[0]["t"]] for column in columns),
        stretch=_stretch(header + rows, wide=wide),
        header=header[0] if header else (),
        rows=rows,
        wide=wide,
    )


def words(inlines: tree.Nodes) -> str:
    """Give the plain text of inline nodes, as a reader sees it."""
    return "".join(_word(node) for node in inlines)


def _word(node: tree.Node) -> str:
    match node:
        case tree.Shown():
            written = node.value.text
        case tree.Reference():
            written = node.target.text if node.text is None else words(node.text)
        case tree.Citation():
            written = ", ".join(f"[{source.number}]" for source, _ in node.cited)
        case {"c": str(content)} | {"c": [_, str(content)]}:  # text; mathematics and code
            written = content
        case {"c": [_, list(inner), *_]} | {"c": list(inner)}:  # quotations and links; emphasis
            written = words(inner)
        case _:
            written = " "
    return written


def _caption(caption: list[Any], target: tree.Target) -> tree.Nodes:
    inlines = caption[1][0]["c"] if caption[1] else []
    if not inlines:
        raise ReportError(f"#{target.identifier} of the prose has no caption; say there what to see.")
    return inlines


def _cells(row: list[Any]) -> tuple[tree.Nodes, ...]:
    return tuple(cell[4][0]["c"] if cell[4] else [] for cell in row[1])


def _stretch(rows: tuple[tuple[tree.Nodes, ...], ...], *, wide: bool) -> tuple[bool, ...]:
    lengths = [max(len(words(cell)) for cell in column) for column in zip(*rows, strict=True)]
    room = _CAPACITY[wide] - _BETWEEN_COLUMNS * (len(lengths) - 1)
    if sum(lengths) <= room:
        return (False,) * len(lengths)
    return tuple(length > room / len(lengths) for length in lengths)
