"""Shortening of tables that are too long for a printed page."""

import copy
from typing import Final

from trivet.report import tree

__all__ = ["MOST_ROWS", "shorten_tables"]

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
