"""LaTeX writer: IEEEtran, two columns, each value a macro."""

from collections.abc import Mapping
from importlib.resources import as_file, files

from trivet.findings.summary import Summary
from trivet.report.text import tree
from trivet.report.text.document import Document
from trivet.report.text.tree import write
from trivet.report.text.values import Value, escape_tex
from trivet.report.write.details import MOST_LINES, findings_blocks, telling_figures
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


def tex_source(document: Document, figures: str, summary: Summary | None = None) -> str:
    """Write ``report.tex``, which reads ``macros.tex`` beside it and which a summary opens."""
    writer = _TexWriter(figures)
    whole = writer.whole(document)
    if summary is not None:
        whole["meta"]["card"] = writer.variable(_card(document, summary, figures))
        whole["blocks"][:0] = findings_blocks(writer, summary)
    with as_file(files("trivet.report") / "assets" / "paper.tex") as template:
        return write(whole, "latex", "--standalone", f"--template={template}", "--syntax-highlighting=none")


def _card(document: Document, summary: Summary, figures: str) -> str:
    """Write the card at the top of the first column, where LaTeX can set it on the first page."""
    lines, more = summary.cut(MOST_LINES)
    pictures = telling_figures(summary, tree.figures_of(document.blocks))
    head = f"{{\\Large\\bfseries {escape_tex(summary.word)}}}"
    told = [head, *map(escape_tex, filter(None, (summary.against, summary.counted, summary.provenance)))]
    shown = [
        f"\\includegraphics[width=0.32\\columnwidth,height=1in,keepaspectratio]{{{figures}/{node.name}.pdf}}"
        for node in pictures.values()
    ]
    for leg in summary.legs:
        begin = f"\\textbf{{{escape_tex(f'{leg.heading}: {leg.word}'.removesuffix(': '))}}}"
        told.append("; ".join([begin, *map(escape_tex, leg.texts)]))
    told += ["\\hfill ".join(shown)] if shown else []
    for line in lines:
        required = f"; required: {escape_tex(line.required)}" if line.required else ""
        told.append(f"\\textbf{{{line.finding.level}}} {escape_tex(line.told)}{required}")
    told += [f"and {more} more below"] if more else []
    body = "\\par\\smallskip\n".join(told)
    rule = "\\noindent\\rule{\\columnwidth}{0.8pt}\\par\n"
    return f"{{\\footnotesize\\setlength{{\\parindent}}{{0pt}}\\raggedright\n{rule}{body}\\par\n{rule}}}"


class _TexWriter(Writer):
    language = "latex"

    def __init__(self, figures: str) -> None:
        self._figures = figures
        self._appendix_begun = False

    def escape(self, text: str) -> str:
        return escape_tex(text)

    def said(self, text: str, *, code: bool = False) -> tree.Node:
        return self.raw(f"\\texttt{{{_broken(text)}}}" if code else escape_tex(text))

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
        return [self.said(node["c"][1], code=True)]

    def _row(self, row: list[tree.Nodes]) -> tree.Nodes:
        inlines: tree.Nodes = []
        for cell in row:
            inlines += [self.raw(" & "), *cell] if inlines else cell or [self.raw("")]
        return [*inlines, self.raw(" \\\\\n")]


def _broken(text: str) -> str:
    """Write code in which a line may break after what joins names."""
    return "".join(escape_tex(letter) + _BREAK * (letter in _BREAK_AFTER) for letter in text)


def _column(align: str, stretch: bool) -> str:  # noqa: FBT001 (a column's fact, not an option)
    return f">{{\\{_WRAPPED[align]}\\arraybackslash}}X" if stretch else _ALIGN[align]
