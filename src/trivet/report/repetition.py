"""Which rows of a table stand once for every item of a list?

Inside ``::: {each="path"}``, which stands for nothing else, a row whose values or conditions are ``@``
or begin with ``@.`` is repeated, with the item's place (``path.0``, ``path.1``, ...) instead of the
``@``.
"""

from collections.abc import Mapping
from typing import Any

from trivet.errors import ReportError
from trivet.places import find
from trivet.report import tree

_WHOLE = "@"
_ITEM = "@."
_NAMES = ("v", "when", "unless")


def repeat_rows(nodes: tree.Nodes, record: Mapping[str, Any]) -> tree.Nodes:
    """Write the rows of every table that asks for it.

    Raises
    ------
    LookupError
        ``each`` names no place in the record.
    ReportError
        What stands there is no list.
    """

    def repeat(node: tree.Node) -> tree.Nodes | None:
        path = dict(tree.attributes(node)).get("each")
        if tree.kind(node) != "Div" or path is None:
            return None
        items = find(record, path)
        if not isinstance(items, list | tuple | None):
            raise ReportError(f"“{path}” cannot be repeated: expected a list there.")
        places = [f"{path}.{index}" for index in range(len(items or ()))]
        return _repeated(node["c"][1], places)

    return tree.walk(nodes, repeat)


def _repeated(content: tree.Nodes, places: list[str]) -> tree.Nodes:
    def repeat(node: tree.Node) -> tree.Nodes | None:
        if tree.kind(node) != "Table":
            return None
        attr, caption, columns, head, bodies, foot = node["c"]
        bodies = [[*body[:3], [new for row in body[3] for new in _rows(row, places)]] for body in bodies]
        return [{"t": "Table", "c": [attr, caption, columns, head, bodies, foot]}]

    return tree.walk(content, repeat)


def _rows(row: list[Any], places: list[str]) -> list[list[Any]]:
    named = [value for node in tree.nodes_of(row) for key, value in tree.attributes(node) if key in _NAMES]
    if not any(value == _WHOLE or value.startswith(_ITEM) for value in named):
        return [row]
    return [_placed(row, place) for place in places]


def _placed(thing: Any, place: str) -> Any:
    """Copy a row with every `@` of its attributes replaced by `place`."""
    if isinstance(thing, Mapping):
        return {key: _placed(child, place) for key, child in thing.items()}
    if isinstance(thing, list):
        if len(thing) == 2 and thing[0] in _NAMES and isinstance(thing[1], str):  # noqa: PLR2004 (a key and a value)
            return [thing[0], place if thing[1] == _WHOLE else thing[1].replace(_ITEM, f"{place}.")]
        return [_placed(child, place) for child in thing]
    return thing
