"""Sources of the citations, and their order in the list of references."""

import difflib

from trivet.errors import ReportError
from trivet.report import tree


def take_sources(nodes: tree.Nodes) -> tuple[tree.Nodes, dict[str, tree.Source]]:
    """Take the references out of the document and number those that are cited."""
    entries: dict[str, tree.Nodes] = {}

    def take(node: tree.Node) -> tree.Nodes | None:
        if tree.kind(node) != "Div" or "references" not in tree.classes(node):
            return None
        for block in node["c"][1]:
            for item in block["c"]:
                key, entry = _entry(item)
                entries[key] = entry
        return []

    rest = tree.walk(nodes, take)
    sources: dict[str, tree.Source] = {}
    for node in tree.nodes_of(rest):
        if tree.kind(node) != "Cite":
            continue
        for citation in node["c"][0]:
            key = citation["citationId"]
            if key not in entries:
                close = ", ".join(difflib.get_close_matches(key, entries, n=3)) or ", ".join(entries)
                raise ReportError(
                    f"The prose cites @{key}, which the references do not have. Nearest: {close}."
                )
            sources.setdefault(key, tree.Source(key, len(sources) + 1, entries[key]))
    return rest, sources


def resolve_citation(node: tree.Node, sources: dict[str, tree.Source]) -> tree.Citation:
    """Turn pandoc's citation into one that knows its sources."""
    return tree.Citation(
        tuple((sources[one["citationId"]], _locator(one["citationSuffix"])) for one in node["c"][0])
    )


def _entry(item: tree.Nodes) -> tuple[str, tree.Nodes]:
    inlines = item[0]["c"] if item else []
    if not inlines or tree.kind(inlines[0]) != "Span" or "key" not in tree.classes(inlines[0]):
        raise ReportError("An entry of the references has no key; begin it with [name2019]{.key}.")
    key = "".join(node["c"] for node in inlines[0]["c"][1])
    return key, inlines[2:]


def _locator(suffix: tree.Nodes) -> tree.Nodes:
    """Drop the comma and the space that pandoc leaves before "Thm. 3.3"."""
    rest = list(suffix)
    while rest and (tree.kind(rest[0]) == "Space" or rest[0].get("c") == ","):
        rest.pop(0)
    return rest
