"""Conditional elements of the prose.

``when`` and ``unless`` hold conditions joined by semicolons; each is ``path`` (present and true) or
``path=value`` (as JSON spells it). A ``*`` in a path stands for the items of a list, one of which has
to do. All conditions must hold, or the element goes, and with it a paragraph, a list item or a table
row that it leaves empty.
"""

from collections.abc import Mapping
from typing import Any

from trivet.places import find, spelling
from trivet.report import tree
from trivet.report.repetition import spell_out

_CONDITIONS = ("when", "unless")
_GAPS = ("Space", "SoftBreak", "LineBreak")


def keep_what_belongs(nodes: tree.Nodes, record: Mapping[str, Any]) -> tree.Nodes:
    """Drop what a condition excludes and unwrap what it keeps."""

    def decide(node: tree.Node) -> tree.Nodes | None:
        own = tree.attributes(node)
        if tree.kind(node) == "Figure":
            # Of the picture alone: a condition inside its caption is about a part of the caption.
            pictures = [inner for inner in tree.nodes_of(node["c"][2]) if tree.kind(inner) == "Image"]
            own = [pair for picture in pictures for pair in tree.attributes(picture)]
        if not belongs(record, own):
            return []
        if tree.kind(node) not in {"Span", "Div"} or not any(key in _CONDITIONS for key, _ in own):
            return None
        (name, classes, _), content = node["c"]
        rest = [pair for pair in own if pair[0] not in _CONDITIONS]
        content = tree.walk(content, decide)
        if name or classes or rest:
            return [{"t": node["t"], "c": [[name, classes, rest], content]}]
        return content

    return _without_holes(tree.walk(nodes, decide))


def belongs(record: Mapping[str, Any], attributes: list[tuple[str, str]]) -> bool:
    """Tell whether every ``when`` holds and no ``unless`` does."""
    return all(
        _holds(record, condition) == (name == "when")
        for name, conditions in attributes
        if name in _CONDITIONS
        for condition in conditions.split(";")
    )


def _holds(record: Mapping[str, Any], condition: str) -> bool:
    selection, bracket, tail = condition.rpartition("]")  # a [field=value] has an = of its own
    path, equals, wanted = tail.partition("=")
    values = [find(record, place) for place in spell_out(record, (selection + bracket + path).strip())]
    if equals:
        return any(spelling(value) == wanted.strip() for value in values)
    return any(not (value is None or value is False or value in ("", [], ())) for value in values)


def _without_holes(thing: Any) -> Any:
    """Remove paragraphs, lists, list items and table rows with nothing in them, and doubled gaps."""
    if isinstance(thing, dict):
        content = {key: _without_holes(child) for key, child in thing.items()}
        if tree.is_node(thing) and thing["t"] in {"BulletList", "OrderedList"}:
            *head, items = content["c"] if thing["t"] == "OrderedList" else (content["c"],)
            items = [item for item in items if item]
            content["c"] = [*head, items] if head else items
        elif tree.is_node(thing) and thing["t"] == "Table":
            for body in content["c"][4]:
                body[3] = [row for row in body[3] if any(cell[4] for cell in row[1])]
        return content
    if isinstance(thing, list):
        kept: list[Any] = []
        for child in map(_without_holes, thing):
            gap = tree.is_node(child) and tree.kind(child) in _GAPS
            if gap and kept and tree.is_node(kept[-1]) and tree.kind(kept[-1]) in _GAPS:
                continue
            if not (tree.is_node(child) and _is_hole(child)):
                kept.append(child)
        return kept
    return thing


def _is_hole(node: tree.Node) -> bool:
    if tree.kind(node) in {"Para", "Plain"}:
        return all(tree.kind(inline) in _GAPS for inline in node["c"])
    return tree.kind(node) == "BulletList" and not node["c"]
