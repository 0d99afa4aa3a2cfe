"""How is a document written as one HTML page that opens offline and runs nothing?"""

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

from trivet.places import spelling
from trivet.report import tree
from trivet.report.bars import pair_bars
from trivet.report.document import Document
from trivet.report.escape import escape_html
from trivet.report.mathml import mend_mathml
from trivet.report.pandoc import write
from trivet.report.svg import inline_svg
from trivet.report.values import Value
from trivet.report.verdicts import ICONS, Verdict
from trivet.report.writer import Writer


def html_page(document: Document, verdicts: Sequence[Verdict], figures: Path) -> str:
    """Write the page: verdicts, abstract, contents, then the evidence.

    Parameters
    ----------
    figures
        Folder of the figures' SVG files, which become part of the page.
    """
    writer = _HtmlWriter(figures)
    whole = writer.whole(document)
    style = files("trivet.report").joinpath("assets", "page.css").read_text(encoding="utf-8")
    whole["meta"]["style"] = writer.variable(style)
    whole["meta"]["verdicts"] = writer.variable("\n".join(map(_verdict, verdicts)))
    options = ("--standalone", "--mathml", "--toc", "--toc-depth=3", "--syntax-highlighting=none")
    with as_file(files("trivet.report") / "assets" / "page.html") as template:
        return mend_mathml(write(whole, "html5", *options, f"--template={template}"))


class _HtmlWriter(Writer):
    language = "html"

    def __init__(self, figures: Path) -> None:
        self._figures = figures

    def escape(self, text: str) -> str:
        return escape_html(text)

    def value(self, node: tree.Shown) -> tree.Nodes:
        return [self.raw(_value(node.value, code=node.code))]

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
        file = self._figures / f"{node.name}.svg"
        begin = [
            _figure_begin("picture", node),
            f'<div class="scroll">{inline_svg(file, prefix=f"{node.name}-", alt=node.alt)}</div>\n',
            f"<figcaption>{_label(node.target)}",
        ]
        return [
            tree.plain(
                [self.raw("".join(begin)), *self.set(node.caption), self.raw("</figcaption>\n</figure>")]
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
        for row in body:
            inlines += [*self._row(row, node.align, "td"), self.raw("\n")]
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

    def _row(self, row: list[tree.Nodes], align: tuple[str, ...], cell: str) -> tree.Nodes:
        inlines = [self.raw("<tr>")]
        for content, side in zip(row, align, strict=True):
            end = f"</{cell.partition(' ')[0]}>"
            inlines += [self.raw(f'<{cell} class="{side}">'), *content, self.raw(end)]
        return [*inlines, self.raw("</tr>")]


def _figure_begin(kind: str, node: tree.Figure | tree.Table) -> str:
    wide = " wide" if node.wide else ""
    return f'<figure class="{kind}{wide}" id="{node.target.identifier}">\n'


def _label(target: tree.Target) -> str:
    return f'<span class="label">{escape_html(target.text)}</span> '


def _value(value: Value, *, code: bool = False) -> str:
    """Show a value so that a pointer resting on it tells its place in the record."""
    content = f"<code>{escape_html(value.text)}</code>" if code else escape_html(value.text)
    place = f'title="{escape_html(value.path)}"'
    if isinstance(value.raw, int | float) and not isinstance(value.raw, bool):
        return f'<data value="{spelling(value.raw)}" {place}>{content}</data>'
    return f'<span class="value" {place}>{content}</span>'


def _verdict(verdict: Verdict) -> str:
    reason = "".join(escape_html(part) if isinstance(part, str) else _value(part) for part in verdict.reason)
    icon = f'<span class="icon" aria-hidden="true">{ICONS[verdict.tone]}</span>'
    leg = f'<span class="leg">{verdict.leg.capitalize()}</span>'
    word = f'<strong class="word">{escape_html(verdict.word)}</strong>'
    return f'<li class="{verdict.tone}">{icon}{leg} {word} <span class="reason">{reason}</span></li>'
