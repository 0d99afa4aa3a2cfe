"""Tree of a document: pandoc's nodes, and a few of this project's own, walked and built.

A pandoc node is a dict with ``t`` (its kind) and ``c`` (its content). A node of this project is a
frozen dataclass: it stands in the tree until a writer turns it into pandoc's nodes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_uppercase
from typing import Any, NamedTuple, TypeAlias

from trivet.errors import ReportError
from trivet.report.text.values import Value

#: A pandoc node, or one of the dataclasses below.
Node: TypeAlias = Any
Nodes: TypeAlias = list[Node]
#: Called with each node: None keeps it (and walks on inside), a list stands in its place as it is.
Action: TypeAlias = Callable[[Node], Nodes | None]

#: Class of a division that a page folds away under its title: theory and method.
FOLD = "fold"

#: What has something below it. Trees come from JSON: they are plain dicts and lists.
_BRANCHES = (list, dict)


@dataclass(frozen=True)
class Target:
    """Target of a reference, and its numbering."""

    identifier: str
    kind: str  # equation, figure, table, section or appendix
    number: str  # "12", "3", "I", "II-A", "A"

    @property
    def text(self) -> str:
        """Text of a reference: "(12)", "Fig. 3", "Table I", "Section II-A", "Appendix A"."""
        if self.kind == "equation":
            return f"({self.number})"
        word = "Fig." if self.kind == "figure" else self.kind.capitalize()
        return f"{word}\N{NO-BREAK SPACE}{self.number}"


@dataclass(frozen=True)
class Shown:
    """A value of the record where the prose shows it, in code type or not."""

    value: Value
    code: bool


@dataclass(frozen=True)
class Equation:
    """A numbered equation, inside a paragraph; `tex` as the prose has it."""

    target: Target
    tex: str


@dataclass(frozen=True)
class Section:
    """A heading; `target` is None where it has no number."""

    identifier: str
    target: Target | None
    level: int
    title: Nodes
    appendix: bool

    @property
    def label(self) -> str:
        """Label before the title: "II.", "A.", "1)", "Appendix A", or nothing."""
        if self.target is None:
            return ""
        if self.level == 1:
            return f"Appendix {self.target.number}" if self.appendix else f"{self.target.number}."
        last = self.target.number.rpartition("-")[2]
        return f"{last}." if self.level == 2 else f"{last.lstrip(ascii_uppercase)})"  # noqa: PLR2004 (a level)


class Picture(NamedTuple):
    """Words for those who cannot see a figure, and whether it spans both columns."""

    alt: str
    wide: bool = False


@dataclass(frozen=True)
class Figure:
    """A numbered figure; `name` is that of its files, `wide` spans both columns."""

    target: Target
    name: str
    caption: Nodes
    alt: str
    wide: bool


@dataclass(frozen=True)
class Table:
    """A numbered table; cells are lists of inline nodes."""

    target: Target
    caption: Nodes
    align: tuple[str, ...]
    stretch: tuple[bool, ...]
    header: tuple[Nodes, ...]
    rows: tuple[tuple[Nodes, ...], ...]
    wide: bool


@dataclass(frozen=True)
class Reference:
    """A link to a target; `text` is None where the target's own text stands."""

    target: Target
    text: Nodes | None


@dataclass(frozen=True)
class Source:
    """One entry of the references, numbered in the order of first citation."""

    key: str
    number: int
    entry: Nodes


@dataclass(frozen=True)
class Citation:
    """Sources cited together, each with what follows its number ("Thm. 3.3"), if anything."""

    cited: tuple[tuple[Source, Nodes], ...]


def walk(nodes: Any, action: Action) -> Any:
    """Rebuild a tree with `action` applied to every node but words and gaps, outermost first."""
    if isinstance(nodes, dict):
        return {
            key: walk(child, action) if isinstance(child, _BRANCHES) else child
            for key, child in nodes.items()
        }
    if not isinstance(nodes, list):
        return nodes
    rebuilt: Nodes = []
    for node in nodes:
        if isinstance(node, dict):
            if "t" in node:
                if not isinstance(node.get("c"), _BRANCHES):
                    rebuilt.append(node)  # a word or a gap, as most nodes are
                    continue
                if (replaced := action(node)) is not None:
                    rebuilt.extend(replaced)
                    continue
            rebuilt.append(walk(node, action))
        elif isinstance(node, list):
            rebuilt.append(walk(node, action))
        elif not isinstance(node, str) and is_node(node) and (replaced := action(node)) is not None:
            rebuilt.extend(replaced)
        else:
            rebuilt.append(node)
    return rebuilt


def nodes_of(tree: Any, *, skip: Callable[[Node], bool] = lambda _: False) -> Iterator[Node]:
    """Give every node of a pandoc tree in order, outermost first, without what is below `skip`."""
    waiting = [tree]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            if "t" in here:
                if skip(here):
                    continue
                yield here
            here = here.values()
        waiting.extend([child for child in here if isinstance(child, _BRANCHES)][::-1])


def figures_of(blocks: Nodes) -> list[Figure]:
    """Give the figures of a document, in order."""
    found: list[Figure] = []

    def note(node: Node) -> None:
        if isinstance(node, Figure):
            found.append(node)

    walk(blocks, note)
    return found


def is_node(thing: Any) -> bool:
    """Tell a node from the lists and attributes between nodes."""
    return "t" in thing if isinstance(thing, dict) else hasattr(thing, "__dataclass_fields__")


def kind(node: Node) -> str:
    """Name a node: pandoc's ``t``, or the dataclass's name."""
    return node["t"] if isinstance(node, dict) else type(node).__name__


def identifier(node: Node) -> str:
    """Give the identifier of a node that has attributes."""
    return _attributes(node)[0]


def classes(node: Node) -> list[str]:
    """Give the classes of a node, none for a kind that has no attributes."""
    return _attributes(node)[1]


def attributes(node: Node) -> list[tuple[str, str]]:
    """Give the key-value attributes of a node, none for a kind that has none."""
    return [(key, value) for key, value in _attributes(node)[2]]


def text(content: str) -> Node:
    """Make a node of literal text, which each writer escapes."""
    return {"t": "Str", "c": content}


def raw(language: str, content: str) -> Node:
    """Make an inline node that a writer of `language` passes through as it is."""
    return {"t": "RawInline", "c": [language, content]}


def plain(inlines: Nodes) -> Node:
    """Make a block of inline nodes that is not a paragraph."""
    return {"t": "Plain", "c": inlines}


def _attributes(node: Node) -> list[Any]:
    if not isinstance(node, dict):
        return ["", [], []]
    match node["t"]:
        case "Header":
            return node["c"][1]
        case "Div" | "Span" | "Link" | "Image" | "Figure" | "Table" | "Code" | "CodeBlock":
            return node["c"][0]
        case _:
            return ["", [], []]


#: Pandoc's Markdown; columns so wide that the source's line lengths never become table widths.
_READER = ("--columns=100000",)


def read_markdown(text: str) -> dict[str, Any]:
    """Parse Markdown into pandoc's tree (its JSON form)."""
    return json.loads(_parsed(text))


@lru_cache(maxsize=4)  # a run reads the same prose for several pages
def _parsed(text: str) -> str:
    return _convert(text, source="markdown", target="json", options=_READER)


def write(tree: dict[str, Any], target: str, *options: str) -> str:
    """Write a pandoc tree as `target` (latex, typst, html5, plain)."""
    return _convert(json.dumps(tree), source="json", target=target, options=("--wrap=none", *options))


def _convert(text: str, *, source: str, target: str, options: Sequence[str]) -> str:
    import pypandoc  # noqa: PLC0415 (heavy, and only a report needs it)

    strict = ["--sandbox", "--fail-if-warnings", *options]
    try:
        return pypandoc.convert_text(text, to=target, format=source, extra_args=strict, verify_format=False)
    except (RuntimeError, OSError) as error:
        raise ReportError(f"pandoc could not turn the report's {source} into {target}: {error}") from error
