"""Base of the writers: a method for each kind of node.

A writer turns the nodes of `trivet.report.text.tree` into pandoc's, with raw code of its own format
around what they contain, and leaves all other nodes to pandoc.
"""

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from trivet.report.text import tree
from trivet.report.text.document import Document


class Writer(ABC):
    """Sets the nodes of a document in one output format."""

    #: Around the number of a source.
    brackets: ClassVar[tuple[str, str]] = ("[", "]")
    language: ClassVar[str]
    """Pandoc's name of the format, for raw nodes."""

    def whole(self, document: Document) -> dict[str, Any]:
        """Give the document as pandoc's tree, with its front matter as variables of a template."""
        meta = {
            "title": self.variable(self.escape(document.title)),
            "author": self._list(document.authors),
            "keywords": self._list(document.keywords),
            "abstract": {"t": "MetaBlocks", "c": self.set(document.abstract)},
        }
        sources = self.sources(document.sources) if document.sources else []
        blocks = [*self.set(document.blocks), *sources]
        return {"pandoc-api-version": document.api_version, "meta": meta, "blocks": blocks}

    def set(self, nodes: tree.Nodes) -> tree.Nodes:
        """Set nodes and all that they contain."""
        setters = {
            "Shown": self.value,
            "Reference": self.reference,
            "Citation": self.citation,
            "Equation": self.equation,
            "Section": self.section,
            "Figure": self.figure,
            "Table": self.table,
            "Code": self.code,
            "Math": self.math,
            "Div": self._div,
        }

        def set_one(node: tree.Node) -> tree.Nodes | None:
            setter = setters.get(tree.kind(node))
            return setter(node) if setter else None

        return tree.walk(nodes, set_one)

    def rows(self, table: tree.Table) -> list[list[tree.Nodes]]:
        """Set the cells of a table, its header (which may be empty) first."""
        return [[self.set(cell) for cell in row] for row in (table.header, *table.rows)]

    def raw(self, content: str) -> tree.Node:
        """Make an inline node of this format's own code."""
        return {"t": "RawInline", "c": [self.language, content]}

    def said(self, text: str, *, code: bool = False) -> tree.Node:
        """Make an inline node of plain text, in code type or not."""
        raise NotImplementedError

    def variable(self, content: str) -> dict[str, Any]:
        """Make a variable for the template out of this format's own code."""
        return {"t": "MetaInlines", "c": [self.raw(content)]}

    def _list(self, texts: tuple[str, ...]) -> dict[str, Any]:
        return {"t": "MetaList", "c": [self.variable(self.escape(text)) for text in texts]}

    @abstractmethod
    def escape(self, text: str) -> str:
        """Write plain text in this format."""

    @abstractmethod
    def value(self, node: tree.Shown) -> tree.Nodes:
        """Set a value of the record."""

    def link(self, name: str, content: tree.Nodes) -> tree.Nodes:
        """Set a link to a place of the document."""
        raise NotImplementedError

    def reference(self, node: tree.Reference) -> tree.Nodes:
        """Set a link to something that is numbered."""
        shown = [tree.text(node.target.text)] if node.text is None else self.set(node.text)
        return self.link(node.target.identifier, shown)

    def citation(self, node: tree.Citation) -> tree.Nodes:
        """Set the numbers of cited sources."""
        inlines: tree.Nodes = []
        for source, locator in node.cited:
            inlines += [self.raw(", ")] if inlines else []
            more = [self.raw(", "), *locator] if locator else []
            shown = [self.raw(f"{self.brackets[0]}{source.number}"), *more, self.raw(self.brackets[1])]
            inlines += self.link(f"ref:{source.key}", shown)
        return inlines

    @abstractmethod
    def equation(self, node: tree.Equation) -> tree.Nodes:
        """Set a numbered equation."""

    @abstractmethod
    def section(self, node: tree.Section) -> tree.Nodes:
        """Set a heading."""

    @abstractmethod
    def figure(self, node: tree.Figure) -> tree.Nodes:
        """Set a figure with its caption."""

    @abstractmethod
    def table(self, node: tree.Table) -> tree.Nodes:
        """Set a table with its caption."""

    def _div(self, node: tree.Node) -> tree.Nodes | None:
        if tree.FOLD not in tree.classes(node):
            return None
        content = self.set(node["c"][1])
        return self.fold(dict(tree.attributes(node)).get("title", "Method"), content) if content else []

    def fold(self, title: str, content: tree.Nodes) -> tree.Nodes:  # noqa: ARG002 - where a page folds it
        """Set what a reader need not read first; in its place, unless a format can fold it away."""
        return content

    @abstractmethod
    def sources(self, sources: tuple[tree.Source, ...]) -> tree.Nodes:
        """Set the references."""

    def code(self, node: tree.Node) -> tree.Nodes:
        """Set code inside a line; pandoc does, unless a format wants it otherwise."""
        return [node]

    def math(self, node: tree.Node) -> tree.Nodes:
        """Set mathematics without a number; pandoc does, unless a format wants it otherwise."""
        return [node]


_ENLARGED = re.compile(r"\\([bB]igg?)l\|(.+?)\\\1r\|")
_NORM = re.compile(r"(?<!left)(?<![bB]ig[lrg])(?<!right)\\\|(.+?)\\\|")


def pair_bars(tex: str) -> str:
    r"""Write ``\|x\|`` and ``\bigl|x\bigr|`` as a left and a right delimiter."""
    tex = _ENLARGED.sub(r"\\left|\2\\right|", tex)
    return _NORM.sub(r"\\left\\|\1\\right\\|", tex)
