"""Table rows and list items repeated for every item of a list of the record.

Inside ``::: {each="pattern"}``, which stands for nothing else, a row or list item whose values or
conditions are ``@`` or begin with ``@.`` is repeated for every item of the lists that the pattern (see
`trivet.place`) reaches, with the item's place instead of the ``@``. ``attributes.*.groups`` repeats for
every group of every attribute, and ``@^.`` is then the place that the last ``*`` stands for. Of several
patterns with spaces between, the items of each follow one another.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from trivet.errors import ReportError
from trivet.place import EVERY, find, join, parse, spelling, spread
from trivet.ratios import figure_at
from trivet.report.text import tree

__all__ = ["MOST_ROWS", "shorten_tables", "spell_estimates"]

#: Short for a value of the record with its interval, or an interval alone, bracketed or not.
_SHORT: Final = re.compile(
    r'\[\]\{(?P<kind>estimate|interval|bracketed)="(?P<path>[^"]+)"(?P<format> f="[^"]*")?\}'
)


def spell_estimates(prose: str) -> str:
    """Write out what ``estimate``, ``interval`` and ``bracketed`` stand for, as values and conditions.

    ``[]{estimate="place"}`` is the value there, or *undefined*, and its interval in brackets, of which an
    end can be missing. ``[]{interval="place."}`` is the interval between ``place.low`` and ``place.high``.
    """

    def spelt(short: re.Match[str]) -> str:
        kind, path, spec = short["kind"], short["path"], short["format"] or ""
        if kind != "estimate":
            return _ends(path, spec, *(("(", ")") if kind == "bracketed" else ("", "")))
        value = f"{path}.value"
        told = f'[[]{{v="{value}"{spec}}}]{{when="{value}"}}[undefined]{{when="{path}" unless="{value}"}}'
        return f"{told} {_ends(f'{path}.', spec, '(', ')')}"

    return _SHORT.sub(spelt, prose)


def _ends(path: str, spec: str, begin: str, end: str) -> str:
    low, high = f"{path}low", f"{path}high"
    from_low, to_high = f'[]{{v="{low}"{spec}}}', f'[]{{v="{high}"{spec}}}'
    return (
        f'[{begin}{from_low}\\ to\\ {to_high}{end}]{{when="{low};{high}"}}'
        f'[{begin}from\\ {from_low}{end}]{{when="{low}" unless="{high}"}}'
        f'[{begin}up\\ to\\ {to_high}{end}]{{when="{high}" unless="{low}"}}'
    )


_WHOLE = "@"
_ITEM = "@."
_AROUND = "@^."
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
        return _repeated(node["c"][1], [item for pattern in path.split() for item in _items(record, pattern)])

    return tree.walk(nodes, repeat)


def _items(record: Mapping[str, Any], pattern: str) -> Iterator[_Place]:
    """Yield every item of the lists at a pattern, with what the last ``*`` of the pattern stands for."""
    inner = max((number for number, step in enumerate(parse(pattern), 1) if step.name == EVERY), default=0)
    for place in spread(record, pattern):
        items = find(record, place)
        if not isinstance(items, list | tuple | None):
            raise ReportError(f"“{place}” cannot be repeated: expected a list there.")
        around = join(parse(place)[:inner])
        yield from (_Place(f"{place}.{index}", around) for index in range(len(items or ())))


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


_CONDITIONS = ("when", "unless")
_GAPS = ("Space", "SoftBreak", "LineBreak")


def keep_what_belongs(nodes: tree.Nodes, record: Mapping[str, Any]) -> tree.Nodes:
    """Drop what a condition excludes and unwrap what it keeps."""

    def decide(node: tree.Node) -> tree.Nodes | None:
        own = tree.attributes(node)
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
    values = [figure_at(record, place) for place in spread(record, (selection + bracket + path).strip())]
    if equals:
        return any(spelling(value) == wanted.strip() for value in values)
    return any(not (value is None or value is False or value in ("", [], ())) for value in values)


def _without_holes(thing: Any) -> Any:
    """Remove paragraphs, lists, list items and table rows with nothing in them, and doubled gaps."""
    if isinstance(thing, dict):
        if isinstance(thing.get("c"), str):
            return thing
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


#: As many as fit a page where each takes two lines.
MOST_ROWS: Final = 24
#: Place of the blocks in a pandoc cell.
_BLOCKS: Final = 4


def shorten_tables(nodes: tree.Nodes) -> tree.Nodes:
    """Leave out the rows beyond `MOST_ROWS` of every table, and say so in a row of its own."""

    def shorten(node: tree.Node) -> tree.Nodes | None:
        if tree.kind(node) != "Table":
            return None
        attr, caption, columns, head, bodies, foot = node["c"]
        return [
            {"t": "Table", "c": [attr, caption, columns, head, [_shortened(body) for body in bodies], foot]}
        ]

    return tree.walk(nodes, shorten)


def _shortened(body: tree.Nodes) -> tree.Nodes:
    *before, rows = body
    if len(rows) <= MOST_ROWS:
        return body
    kept = rows[: MOST_ROWS - 1]
    last = copy.deepcopy(rows[-1])
    for cell in last[1]:
        cell[_BLOCKS] = []
    last[1][0][_BLOCKS] = [tree.plain([tree.text(f"… and {len(rows) - len(kept)} more")])]
    return [*before, [*kept, last]]
