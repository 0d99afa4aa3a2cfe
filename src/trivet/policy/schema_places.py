"""Places that a record can have, from its schema."""

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from trivet.places import is_index
from trivet.policy.measuring import BOUNDS
from trivet.policy.short_names import SHORT_NAMES
from trivet.record import json_schema

__all__ = ["nearest_names", "nodes_at", "values_at"]

_STEP = re.compile(r"(?P<name>\w+|\*)(?:\[(?P<field>\w+)=[^\]]*\])?")
#: A value of each kind that a measurement can be.
_EXAMPLES: Mapping[str, Any] = {"number": 0.5, "integer": 1, "string": "", "boolean": True}
_Node = Mapping[str, Any]


def nodes_at(path: str) -> tuple[_Node, ...]:
    """Return what the schema says of a place; nothing where no record can have it."""
    here: list[_Node] = [_schema()]
    for step in path.split("."):
        match = _STEP.fullmatch(step)
        if match is None:
            return ()
        here = [found for node in here for found in _children(node, match["name"])]
        if field := match["field"]:
            items = [found for node in here for found in _children(node, "*")]
            here = [node for node in items if field in node.get("properties", {})]
    return tuple(here)


def values_at(path: str) -> tuple[Any, ...]:
    """Return an example of each kind of value that can stand at a place; a list where it is none alone.

    ``.low`` and ``.high`` are values too where the measurement before them has an interval.
    """
    nodes = nodes_at(path)
    head, _, tail = path.rpartition(".")
    if not nodes and tail in BOUNDS:
        return (0.5,) if _has_interval(head) else ()
    return tuple(
        0.5 if _is_bounds(node) else _EXAMPLES.get(node.get("type", ""), [])
        for node in nodes
        if node.get("type") != "null"
    )


def nearest_names(path: str) -> tuple[str, ...]:
    """Return up to three short names and places that are spelt most like a path."""
    spread = re.sub(r"\.\d+(?=\.|$)", ".*", path)
    known = (*SHORT_NAMES, *_leaves())
    leg, last = spread.partition(".")[0], spread.rpartition(".")[2]
    alike = [name for name in known if name.partition(".")[0] == leg and last in name.split(".")]
    begun = [name for name in SHORT_NAMES if name.startswith(spread)]
    close = difflib.get_close_matches(spread, known, n=3, cutoff=0.6)
    return tuple(dict.fromkeys([*begun, *close, *sorted(alike, key=len)]))[:3]


def _has_interval(path: str) -> bool:
    nodes = nodes_at(path)
    head, _, name = path.rpartition(".")
    beside = [node.get("properties", {}) for node in nodes_at(head)] if head else []
    return any(map(_is_bounds, nodes)) or any(
        f"{name}_interval" in names or f"{name}_low" in names for names in beside
    )


def _is_bounds(node: _Node) -> bool:
    return {"estimate", *BOUNDS} <= node.get("properties", {}).keys()


def _children(node: _Node, name: str) -> list[_Node]:
    if "items" in node and (name == "*" or is_index(name)):
        return _variants(node["items"])
    properties = node.get("properties", {})
    return _variants(properties[name]) if name in properties else []


def _variants(node: _Node) -> list[_Node]:
    """Return everything that a node may be, with references resolved."""
    if "$ref" in node:
        return [_schema()["$defs"][node["$ref"].rpartition("/")[2]]]
    if "anyOf" in node:
        return [each for option in node["anyOf"] for each in _variants(option)]
    return [node]


@cache
def _schema() -> _Node:
    return json_schema()


@cache
def _leaves() -> tuple[str, ...]:
    """Return every place with a single value."""
    return tuple(dict.fromkeys(_below(_schema(), "")))


def _below(node: _Node, path: str) -> Iterator[str]:
    if _is_bounds(node) or node.get("type") in _EXAMPLES:
        yield path
    if "items" in node:
        for child in _variants(node["items"]):
            yield from _below(child, f"{path}.*")
    for name, inner in node.get("properties", {}).items():
        for child in _variants(inner):
            yield from _below(child, f"{path}.{name}" if path else name)
