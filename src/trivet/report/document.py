"""Document of a report: the prose with the record's values, before any output format."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trivet.errors import ReportError
from trivet.report import tree
from trivet.report.citations import resolve_citation, take_sources
from trivet.report.conditions import keep_what_belongs
from trivet.report.floats import make_figure, make_table, words
from trivet.report.guards import check_prose
from trivet.report.numbering import number
from trivet.report.pandoc import read_markdown
from trivet.report.repetition import repeat_rows
from trivet.report.shortening import shorten_tables
from trivet.report.values import Value, make_value, refuse_collisions


@dataclass(frozen=True)
class Document:
    """A report that any writer can set."""

    api_version: list[int]
    title: str
    authors: tuple[str, ...]
    keywords: tuple[str, ...]
    abstract: tree.Nodes
    blocks: tree.Nodes
    sources: tuple[tree.Source, ...]
    targets: Mapping[str, tree.Target]
    values: Mapping[str, Value]


def read_templates(*folders: Path) -> dict[str, str]:
    """Read the Markdown files of folders, by name and in the order of their names."""
    files: list[Path] = []
    for folder in folders:
        found = list(folder.glob("*.md"))
        if not found:
            raise ReportError(f"No prose found: expected Markdown files (*.md) in {folder}.")
        files += found
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: file.name)}


def make_document(
    record: Mapping[str, Any],
    prose: Mapping[str, str],
    *,
    alt: Mapping[str, str] | None = None,
    whole: bool = True,
) -> Document:
    """Fill the prose with the record's values and number it."""
    parsed = read_markdown("\n\n".join(prose.values()))
    if complaints := check_prose(parsed):
        raise ReportError("; ".join(_placed(prose, complaint) for complaint in complaints))
    values: dict[str, Value] = {}
    try:
        kept = keep_what_belongs(repeat_rows(parsed["blocks"], record), record)
        kept, sources = take_sources(kept if whole else shorten_tables(kept))
        targets = number(kept)
        kept = _resolve(kept, record, targets=targets, sources=sources, values=values)
        blocks = _join_equations(_gather(kept, targets, alt or {}))
    except (LookupError, ReportError) as error:
        raise ReportError(_placed(prose, error.args[0])) from error
    abstract: tree.Nodes = []
    meta = parsed["meta"]
    return Document(
        api_version=parsed["pandoc-api-version"],
        title=record["audit"]["title"] or ", ".join(_texts(meta, "title")),
        authors=_texts(meta, "author"),
        keywords=_texts(meta, "keywords"),
        blocks=tree.walk(blocks, lambda node: _take_abstract(node, abstract)),
        abstract=abstract,
        sources=tuple(sources.values()),
        targets=targets,
        values=dict(sorted(values.items())),
    )


def _resolve(
    nodes: tree.Nodes,
    record: Mapping[str, Any],
    *,
    targets: Mapping[str, tree.Target],
    sources: dict[str, tree.Source],
    values: dict[str, Value],
) -> tree.Nodes:
    """Put values, references and citations in the place of their markup; `values` is filled."""

    def resolve(node: tree.Node) -> tree.Nodes | None:
        match tree.kind(node):
            case "Span" if path := dict(tree.attributes(node)).get("v"):
                value = make_value(record, path, dict(tree.attributes(node)).get("f"))
                refuse_collisions(values, value)
                values[value.macro] = value
                return [tree.Shown(value, code="code" in tree.classes(node))]
            case "Link" if node["c"][2][0].startswith("#"):
                target = _target(targets, node["c"][2][0][1:])
                return [tree.Reference(target, tree.walk(node["c"][1], resolve) or None)]
            case "Cite":
                return [resolve_citation(node, sources)]
            case "RawBlock" | "RawInline":  # a comment: check_prose lets no other pass
                return []
            case _:
                return None

    return tree.walk(nodes, resolve)


def _target(targets: Mapping[str, tree.Target], name: str) -> tree.Target:
    if name not in targets:
        close = ", ".join(difflib.get_close_matches(name, targets, n=3)) or "none is near it"
        raise ReportError(
            f"The prose refers to “#{name}”, which nothing in this report is. Nearest: {close}."
        )
    return targets[name]


def _gather(nodes: tree.Nodes, targets: Mapping[str, tree.Target], alt: Mapping[str, str]) -> tree.Nodes:
    """Put this project's nodes in the place of pandoc's headings, figures, tables and equations."""

    def gather(node: tree.Node) -> tree.Nodes | None:
        match tree.kind(node):
            case "Header":
                level, (name, _, _), title = node["c"]
                return [tree.Section(name, targets.get(name), level, title, _is_appendix(targets.get(name)))]
            case "Figure":
                return [make_figure(node, targets[tree.identifier(node)], alt)]
            case "Table":
                return [make_table(node, targets[tree.identifier(node)])]
            case "Span" if tree.identifier(node).startswith("eq:"):
                return [_equation(node, targets[tree.identifier(node)])]
            case _:
                return None

    return tree.walk(nodes, gather)


def _is_appendix(target: tree.Target | None) -> bool:
    return target is not None and target.kind == "appendix"


def _equation(node: tree.Node, target: tree.Target) -> tree.Equation:
    content = [inner for inner in node["c"][1] if tree.kind(inner) not in {"Space", "SoftBreak"}]
    if len(content) != 1 or tree.kind(content[0]) != "Math":
        raise ReportError(f"“#{target.identifier}” is not an equation: expected [$$ ... $$]{{#eq:name}}.")
    return tree.Equation(target, content[0]["c"][1].strip())


def _join_equations(thing: Any) -> Any:
    """Join each equation to the paragraph before it, and to one after it that goes on in lower case."""
    if isinstance(thing, Mapping):
        return {key: _join_equations(child) for key, child in thing.items()}
    if not isinstance(thing, list):
        return thing
    joined: list[Any] = []
    for child in map(_join_equations, thing):
        before = (
            joined[-1]["c"] if joined and tree.is_node(joined[-1]) and tree.kind(joined[-1]) == "Para" else []
        )
        if before and tree.is_node(child) and tree.kind(child) == "Para":
            content = child["c"]
            goes_on = tree.kind(content[0]) == "Str" and content[0]["c"][0].islower()
            if _is_equation(content) or (goes_on and tree.kind(before[-1]) == "Equation"):
                joined[-1] = {"t": "Para", "c": [*before, {"t": "SoftBreak"}, *content]}
                continue
        joined.append(child)
    return joined


def _is_equation(inlines: tree.Nodes) -> bool:
    return len(inlines) == 1 and tree.kind(inlines[0]) == "Equation"


def _take_abstract(node: tree.Node, abstract: tree.Nodes) -> tree.Nodes | None:
    if tree.kind(node) != "Div" or "abstract" not in tree.classes(node):
        return None
    abstract.extend(node["c"][1])
    return []


def _texts(meta: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Give the metadata's entry as plain texts, one or a list of them."""
    entry = meta.get(name, {"t": "MetaList", "c": []})
    entries = entry["c"] if entry["t"] == "MetaList" else [entry]
    return tuple(words(one["c"]) for one in entries)


def _placed(prose: Mapping[str, str], complaint: str) -> str:
    """Begin a complaint with the file and line of the prose where what it quotes stands."""
    quoted = complaint.partition("“")[2].partition("”")[0]
    whole = re.compile(rf"(?<!\w){re.escape(quoted)}(?!\w)")
    for name, content in prose.items():
        for line, written in enumerate(content.splitlines(), start=1):
            if quoted and whole.search(written):
                return f"{name}:{line}: {complaint}"
    return complaint
