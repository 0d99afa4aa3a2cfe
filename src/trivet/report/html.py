"""HTML writer: one page that opens offline and loads nothing."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from trivet.report import tree
from trivet.report.bars import pair_bars
from trivet.report.document import Document
from trivet.report.escape import escape_html
from trivet.report.mathml import mend_mathml
from trivet.report.page.opening import ShownFinding, findings_section, verdict_list
from trivet.report.page.origins import origin_lines
from trivet.report.page.pictures import drawing, figure_tools
from trivet.report.page.policy import with_policy
from trivet.report.page.shown import Tell, shown_value
from trivet.report.pandoc import write
from trivet.report.verdicts import Verdict
from trivet.report.writer import Writer


def html_page(
    document: Document,
    verdicts: Sequence[Verdict],
    figures: Path,
    *,
    record: Mapping[str, Any] | None = None,
    findings: Sequence[ShownFinding] = (),
) -> str:
    """Write the page: verdicts, findings, abstract, contents, then the evidence."""
    facts = record or {}
    tell = cache(partial(origin_lines, document=document, record=facts))
    writer = _HtmlWriter(figures, facts, tell)
    whole = writer.whole(document)
    for name in ("css", "js"):
        asset = files("trivet.report").joinpath("assets", f"page.{name}").read_text(encoding="utf-8")
        whole["meta"][name] = writer.variable(asset)
    whole["meta"]["verdicts"] = writer.variable(verdict_list(verdicts, tell))
    whole["meta"]["findings"] = writer.variable(findings_section(findings, tell))
    options = ("--standalone", "--mathml", "--toc", "--toc-depth=3", "--syntax-highlighting=none")
    with as_file(files("trivet.report") / "assets" / "page.html") as template:
        return with_policy(mend_mathml(write(whole, "html5", *options, f"--template={template}")))


class _HtmlWriter(Writer):
    language = "html"

    def __init__(self, figures: Path, record: Mapping[str, Any], tell: Tell) -> None:
        self._figures, self._record, self._tell = figures, record, tell

    def escape(self, text: str) -> str:
        return escape_html(text)

    def value(self, node: tree.Shown) -> tree.Nodes:
        return [self.raw(shown_value(node.value, self._tell, code=node.code))]

    def reference(self, node: tree.Reference) -> tree.Nodes:
        content = [tree.text(node.target.text)] if node.text is None else self.set(node.text)
        return [self.raw(f'<a href="#{node.target.identifier}">'), *content, self.raw("</a>")]

    def citation(self, node: tree.Citation) -> tree.Nodes:
        inlines: tree.Nodes = []
        for source, locator in node.cited:
            inlines += [self.raw(", ")] if inlines else []
            inlines += [self.raw(f'<a href="#ref:{source.key}">[{source.number}')]
            inlines += [self.raw(", "), *locator] if locator else []
            inlines += [self.raw("]</a>")]
        return inlines

    def equation(self, node: tree.Equation) -> tree.Nodes:
        begin = f'<span class="equation" id="{node.target.identifier}"><span class="math">'
        math = {"t": "Math", "c": [{"t": "DisplayMath"}, pair_bars(node.tex)]}
        return [
            self.raw(begin),
            math,
            self.raw(f'</span><span class="number">{node.target.text}</span></span>'),
        ]

    def section(self, node: tree.Section) -> tree.Nodes:
        number = [self.raw(f'<span class="number">{node.label}</span> ')] if node.target else []
        title = [*number, *self.set(node.title)]
        return [{"t": "Header", "c": [node.level + 1, [node.identifier, [], []], title]}]

    def figure(self, node: tree.Figure) -> tree.Nodes:
        begin = _figure_begin("picture", node) + drawing(node, self._figures)
        end = f"</figcaption>\n{figure_tools(node, self._record)}</figure>"
        return [
            tree.plain(
                [
                    self.raw(f"{begin}<figcaption>{_label(node.target)}"),
                    *self.set(node.caption),
                    self.raw(end),
                ]
            )
        ]

    def table(self, node: tree.Table) -> tree.Nodes:
        header, *body = self.rows(node)
        name = escape_html(node.target.text)
        inlines = [
            self.raw(f"{_figure_begin('table', node)}<figcaption>{_label(node.target)}"),
            *self.set(node.caption),
            self.raw("</figcaption>\n"),
            self.raw(f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">\n<table>\n'),
        ]
        if header:
            heads = self._row(header, node.align, 'th scope="col"')
            inlines += [self.raw("<thead>"), *heads, self.raw("</thead>\n")]
        inlines += [self.raw("<tbody>\n")]
        first = "td" if header else 'th scope="row"'
        for row in body:
            inlines += [*self._row(row, node.align, "td", first=first), self.raw("\n")]
        return [tree.plain([*inlines, self.raw("</tbody>\n</table>\n</div>\n</figure>")])]

    def sources(self, sources: tuple[tree.Source, ...]) -> tree.Nodes:
        heading = {"t": "Header", "c": [2, ["references", [], []], [tree.text("References")]]}
        entries = [
            tree.plain([self.raw(f'<li id="ref:{source.key}">'), *self.set(source.entry), self.raw("</li>")])
            for source in sources
        ]
        begin, end = self.raw('<ol class="references">'), self.raw("</ol>")
        return [heading, tree.plain([begin]), *entries, tree.plain([end])]

    def math(self, node: tree.Node) -> tree.Nodes:
        kind, tex = node["c"]
        return [{"t": "Math", "c": [kind, pair_bars(tex)]}]

    def _row(
        self, row: list[tree.Nodes], align: tuple[str, ...], cell: str, *, first: str | None = None
    ) -> tree.Nodes:
        inlines = [self.raw("<tr>")]
        for place, (content, side) in enumerate(zip(row, align, strict=True)):
            element = (first or cell) if place == 0 else cell
            end = f"</{element.partition(' ')[0]}>"
            inlines += [self.raw(f'<{element} class="{side}">'), *content, self.raw(end)]
        return [*inlines, self.raw("</tr>")]


def _figure_begin(kind: str, node: tree.Figure | tree.Table) -> str:
    wide = " wide" if node.wide else ""
    return f'<figure class="{kind}{wide}" id="{node.target.identifier}">\n'


def _label(target: tree.Target) -> str:
    return f'<span class="label">{escape_html(target.text)}</span> '
