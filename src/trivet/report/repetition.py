"""Table rows and list items repeated for every item of a list of the record.

Inside ``::: {each="path"}``, which stands for nothing else, a row or list item whose values or
conditions are ``@`` or begin with ``@.`` is repeated, with the item's place (``path.0``, ``path.1``,
...) instead of the ``@``. A path may go through lists: ``attributes.*.groups`` repeats for every group
of every attribute, and ``@^.`` is then the place that the last ``*`` stands for.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from trivet.errors import ReportError
from trivet.places import find
from trivet.report import tree

_WHOLE = "@"
_ITEM = "@."
_AROUND = "@^."
_STAR = ".*"
_NAMES = ("v", "when", "unless")


class _Place(NamedTuple):
    """Place of an item, and the item of an outer list that contains it, if any."""

    item: str
    around: str


def repeat_rows(nodes: tree.Nodes, record: Mapping[str, Any]) -> tree.Nodes:
    """Write the rows of every table, and the items of every list, that ask for it."""

    def repeat(node: tree.Node) -> tree.Nodes | None:
        path = dict(tree.attributes(node)).get("each")
        if tree.kind(node) != "Div" or path is None:
            return None
        places = [
            _Place(f"{list_path}.{index}", around)
            for list_path, around in _spelled_out(record, path)
            for index in range(_count(record, list_path))
        ]
        return _repeated(node["c"][1], places)

    return tree.walk(nodes, repeat)


def spell_out(record: Mapping[str, Any], path: str) -> list[str]:
    """Give a path once for every item that each ``*`` in it stands for."""
    return [spelled for spelled, _ in _spelled_out(record, path)]


def _spelled_out(record: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
    """Give each path with what its last star stands for, which is empty where there is none."""
    first, *rest = path.split(_STAR)
    found = [(first, "")]
    for more in rest:
        items = [f"{before}.{index}" for before, _ in found for index in range(_count(record, before))]
        found = [(f"{item}{more}", item) for item in items]
    return found


def _count(record: Mapping[str, Any], path: str) -> int:
    items = find(record, path)
    if not isinstance(items, list | tuple | None):
        raise ReportError(f"“{path}” cannot be repeated: expected a list there.")
    return len(items or ())


def _repeated(content: tree.Nodes, places: list[_Place]) -> tree.Nodes:
    def repeat(node: tree.Node) -> tree.Nodes | None:
        if tree.kind(node) == "BulletList":
            return [{"t": "BulletList", "c": [new for item in node["c"] for new in _copies(item, places)]}]
        if tree.kind(node) != "Table":
            return None
        attr, caption, columns, head, bodies, foot = node["c"]
        bodies = [[*body[:3], [new for row in body[3] for new in _copies(row, places)]] for body in bodies]
        return [{"t": "Table", "c": [attr, caption, columns, head, bodies, foot]}]

    return tree.walk(content, repeat)


def _copies(row: list[Any], places: list[_Place]) -> list[list[Any]]:
    named = [value for node in tree.nodes_of(row) for key, value in tree.attributes(node) if key in _NAMES]
    if not any(value == _WHOLE or value.startswith((_ITEM, _AROUND)) for value in named):
        return [row]
    return [_placed(row, place) for place in places]


def _placed(thing: Any, place: _Place) -> Any:
    """Copy a row with every `@` of its attributes replaced by a place."""
    if isinstance(thing, Mapping):
        return {key: _placed(child, place) for key, child in thing.items()}
    if isinstance(thing, list):
        if len(thing) == 2 and thing[0] in _NAMES and isinstance(thing[1], str):  # noqa: PLR2004 (a key and a value)
            return [thing[0], _written(thing[1], place)]
        return [_placed(child, place) for child in thing]
    return thing


def _written(named: str, place: _Place) -> str:
    if named == _WHOLE:
        return place.item
    return named.replace(_AROUND, f"{place.around}.").replace(_ITEM, f"{place.item}.")
