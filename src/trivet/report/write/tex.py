"""LaTeX writer: IEEEtran, two columns, each value a macro."""

from collections.abc import Mapping
from importlib.resources import as_file, files

from trivet.report.text import tree
from trivet.report.text.document import Document
from trivet.report.text.tree import write
from trivet.report.text.values import Value, escape_tex
from trivet.report.write.writer import Writer

_ALIGN = {"left": "l", "right": "r", "center": "c"}
_WRAPPED = {"left": "raggedright", "right": "raggedleft", "center": "centering"}
_HEADINGS = ("section", "subsection", "subsubsection")
_BREAK_AFTER = "./_=[-"
_BREAK = "\\allowbreak{}"
_WORDS = {"figure": "Fig.", "table": "Table", "section": "Section", "appendix": "Appendix"}


def macros_source(values: Mapping[str, Value]) -> str:
    """Write ``macros.tex``: one definition for each value, with its place in the record."""
    lines = ["% Written from the record; do not edit. Each macro is one place of metrics.json."]
    for name, value in values.items():
        lines.append(f"\\newcommand{{\\{name}}}{{{escape_tex(value.text)}}}% {value.path}")
    return "\n".join(lines) + "\n"


def tex_source(document: Document, figures: str) -> str:
    """Write ``report.tex``, which reads ``macros.tex`` beside it."""
    whole = _TexWriter(figures).whole(document)
    with as_file(files("trivet.report") / "assets" / "paper.tex") as template:
        return write(whole, "latex", "--standalone", f"--template={template}", "--syntax-highlighting=none")


class _TexWriter(Writer):
    language = "latex"

    def __init__(self, figures: str) -> None:
        self._figures = figures
        self._appendix_begun = False

    def escape(self, text: str) -> str:
        return escape_tex(text)

    def value(self, node: tree.Shown) -> tree.Nodes:
        macro = f"\\{node.value.macro}{{}}"
        return [self.raw(f"\\texttt{{{macro}}}" if node.code else macro)]

    def reference(self, node: tree.Reference) -> tree.Nodes:
        name = node.target.identifier
        if node.text is not None:
            return [self.raw(f"\\hyperref[{name}]{{"), *self.set(node.text), self.raw("}")]
        if node.target.kind == "equation":
            return [self.raw(f"\\eqref{{{name}}}")]
        return [self.raw(f"{_WORDS[node.target.kind]}~\\ref{{{name}}}")]

    def citation(self, node: tree.Citation) -> tree.Nodes:
        if not any(locator for _, locator in node.cited):
            return [self.raw(f"\\cite{{{','.join(source.key for source, _ in node.cited)}}}")]
        inlines: tree.Nodes = []
        for source, locator in node.cited:
            inlines += [self.raw(", \\cite" if inlines else "\\cite")]
            inlines += [self.raw("["), *locator, self.raw("]")] if locator else []
            inlines += [self.raw(f"{{{source.key}}}")]
        return inlines

    def equation(self, node: tree.Equation) -> tree.Nodes:
        name = node.target.identifier
        return [self.raw(f"\n\\begin{{equation}}\\label{{{name}}}\n{node.tex}\n\\end{{equation}}\n")]

    def section(self, node: tree.Section) -> tree.Nodes:
        before = "\\appendices\n" if node.appendix and not self._appendix_begun else ""
        self._appendix_begun |= node.appendix
        command = _HEADINGS[node.level - 1] + ("" if node.target else "*")
        begin, end = self.raw(f"{before}\\{command}{{"), self.raw(f"}}\\label{{{node.identifier}}}")
        return [tree.plain([begin, *self.set(node.title), end])]

    def figure(self, node: tree.Figure) -> tree.Nodes:
        name = "figure*" if node.wide else "figure"
        picture = f"\\includegraphics[width=\\linewidth]{{{self._figures}/{node.name}.pdf}}"
        begin = self.raw(f"\\begin{{{name}}}[!t]\n\\centering\n{picture}\n\\caption{{")
        end = self.raw(f"}}\\label{{{node.target.identifier}}}\n\\end{{{name}}}")
        return [tree.plain([begin, *self.set(node.caption), end])]

    def table(self, node: tree.Table) -> tree.Nodes:
        name = "table*" if node.wide else "table"
        columns = "".join(map(_column, node.align, node.stretch))
        begin, end = "{tabular}", "{tabular}"
        if any(node.stretch):
            begin, end = "{tabularx}{\\linewidth}", "{tabularx}"
        inlines = [
            self.raw(f"\\begin{{{name}}}[!t]\n\\caption{{"),
            *self.set(node.caption),
            self.raw(f"}}\\label{{{node.target.identifier}}}\n\\centering\n"),
            self.raw(f"\\begin{begin}{{@{{}}{columns}@{{}}}}\n\\toprule\n"),
        ]
        header, *body = self.rows(node)
        if header:
            inlines += [*self._row(header), self.raw("\\midrule\n")]
        for row in body:
            inlines += self._row(row)
        return [tree.plain([*inlines, self.raw(f"\\bottomrule\n\\end{end}\n\\end{{{name}}}")])]

    def sources(self, sources: tuple[tree.Source, ...]) -> tree.Nodes:
        begin = self.raw(f"\\begin{{thebibliography}}{{{len(sources)}}}")
        entries = [tree.plain([self.raw(f"\\bibitem{{{source.key}}} "), *source.entry]) for source in sources]
        return [tree.plain([begin]), *entries, tree.plain([self.raw("\\end{thebibliography}")])]

    def code(self, node: tree.Node) -> tree.Nodes:
        letters = (escape_tex(letter) + _BREAK * (letter in _BREAK_AFTER) for letter in node["c"][1])
        return [self.raw(f"\\texttt{{{''.join(letters)}}}")]

    def _row(self, row: list[tree.Nodes]) -> tree.Nodes:
        inlines: tree.Nodes = []
        for cell in row:
            inlines += [self.raw(" & "), *cell] if inlines else cell or [self.raw("")]
        return [*inlines, self.raw(" \\\\\n")]


def _column(align: str, stretch: bool) -> str:  # noqa: FBT001 (a column's fact, not an option)
    return f">{{\\{_WRAPPED[align]}\\arraybackslash}}X" if stretch else _ALIGN[align]
