"""Typst writer, in the layout of an IEEE paper; needs no TeX."""

import re
from collections.abc import Sequence
from importlib.resources import as_file, files
from typing import Any

from trivet.findings.summary import LegSummary, Summary
from trivet.report.text import tree
from trivet.report.text.document import Document
from trivet.report.text.tree import write
from trivet.report.text.values import SUPERSCRIPTS, escape_typst, lower
from trivet.report.write.details import MOST_LINES, findings_blocks, telling_figures
from trivet.report.write.writer import Writer, pair_bars

_BREAK_AFTER = "./_=[-"
_ZERO_WIDTH_SPACE = "\N{ZERO WIDTH SPACE}"
#: No language's word has so many letters and digits.
_LONG_WORD = re.compile(r"[^\W_]{37,}")
_CASES = re.compile(r"\\begin\{cases\}.*?\\end\{cases\}", re.DOTALL)
_BETWEEN = "// the next formula"
#: What pandoc 3.9 writes otherwise than Typst 0.15 reads it, and how Typst wants it.
_MENDED = (
    (re.compile(r"\b(dot|times|minus|plus)\.circle\b"), r"\1.o"),
    (re.compile(r"\btack\.r\.double\b"), "tack.rr"),
    (re.compile(r"#h\(0em\)"), "#h(0.2778em)"),  # a thick space, rounded to none
    (re.compile(r"#h\(-1em\)"), "#h(-0.1667em)"),  # a negative thin space, rounded to a whole em
    (re.compile(r"#scale\(x: (\d+%), y: \1\)\[\\?([^\\]|[a-z.]+)\]"), r'#enlarged(\1, "\2")'),
    (re.compile(r"\\\|"), "modulus"),  # a bar; Typst would keep the spaces around it
    (re.compile(r'upright\(" ?([^"]*?) ?"\)'), r'upright("\1")'),  # the spaces around it stay
    (re.compile(r'(upright\("[^"]*"\)) (?=\\[^ \n]|#enlarged|modulus)'), r"\1"),  # MAD(s), not MAD (s)
)


def typst_source(document: Document, figures: str, summary: Summary | None = None) -> str:
    """Write the document as one Typst file, which a summary opens where there is one."""
    writer = _TypstWriter(figures)
    whole = _with_mathematics(writer.whole(document))
    if summary is not None:
        opening = files("trivet.report").joinpath("assets", "opening.typ").read_text(encoding="utf-8")
        whole["meta"]["opening"] = writer.variable(opening)
        whole["meta"]["card"] = writer.variable(_card(document, summary, figures))
        whole["blocks"][:0] = findings_blocks(writer, summary)
    with as_file(files("trivet.report") / "assets" / "paper.typ") as template:
        return write(whole, "typst", "--standalone", f"--template={template}", "--syntax-highlighting=none")


def _card(document: Document, summary: Summary, figures: str) -> str:
    """Write the call of the card, in code mode."""
    lines, more = summary.cut(MOST_LINES)
    pictures = telling_figures(summary, tree.figures_of(document.blocks))
    legs = [_leg(leg, pictures.get(leg.leg), figures) for leg in summary.legs]
    listed = [
        f"(tone: {escape_typst(line.tone)}, level: {escape_typst(line.finding.level)}, "
        f"name: {_breakable(line.name)}, measured: {_breakable(line.measured) if line.value else 'none'}, "
        f"required: {_breakable(line.required)})"
        for line in lines
    ]
    said = (summary.word, summary.tone, summary.against, summary.counted, summary.provenance)
    rest = escape_typst(f"and {more} more below") if more else "none"
    return (
        f"card({', '.join(map(escape_typst, said))}, legs: {_array(legs)}, lines: {_array(listed)}, "
        f"more: {rest})"
    )


def _leg(leg: LegSummary, picture: tree.Figure | None, figures: str) -> str:
    parts = [_breakable(text) for text in leg.texts]
    file = "none" if picture is None else escape_typst(f"{figures}/{picture.name}.pdf")
    alt = "none" if picture is None else escape_typst(picture.alt)
    return (
        f"(tone: {escape_typst(leg.tone)}, heading: {escape_typst(leg.heading)}, "
        f"word: {_breakable(leg.word)}, picture: {file}, alt: {alt}, parts: {_array(parts)})"
    )


def _array(items: Sequence[str]) -> str:
    return f"({''.join(f'{item}, ' for item in items)})"


def _with_mathematics(whole: dict[str, Any]) -> dict[str, Any]:
    """Write the formulas of a document by themselves, so that nothing else of it is mended."""
    formulas = [node for node in tree.nodes_of(whole) if tree.kind(node) == "Math"]
    if not formulas:
        return whole
    between = {"t": "RawBlock", "c": ["typst", _BETWEEN]}
    blocks = [block for formula in formulas for block in (tree.plain([formula]), between)]
    source = write({**whole, "meta": {}, "blocks": blocks}, "typst")
    for old, new in _MENDED:
        source = old.sub(new, source)
    written = iter(source.split(_BETWEEN))
    return tree.walk(
        whole,
        lambda node: [tree.raw("typst", next(written).strip())] if tree.kind(node) == "Math" else None,
    )


class _TypstWriter(Writer):
    language = "typst"
    brackets = ("\\[", "\\]")

    def __init__(self, figures: str) -> None:
        self._figures = figures

    def escape(self, text: str) -> str:
        return escape_typst(text)

    def said(self, text: str, *, code: bool = False) -> tree.Node:
        return self.raw(_code(text) if code else _text(text))

    def value(self, node: tree.Shown) -> tree.Nodes:
        return [self.raw(_code(node.value.text) if node.code else _text(node.value.text))]

    def link(self, name: str, content: tree.Nodes) -> tree.Nodes:
        return [self.raw(f"#link(<{name}>)["), *content, self.raw("]")]

    def equation(self, node: tree.Equation) -> tree.Nodes:
        begin = self.raw(f'#numbered("{node.target.text}")[')
        math = {"t": "Math", "c": [{"t": "DisplayMath"}, _asked(node.tex)]}
        return [begin, math, self.raw(f" <{node.target.identifier}>]")]

    def section(self, node: tree.Section) -> tree.Nodes:
        number = f'(..numbers) => "{node.label}"' if node.target else "none"
        begin = self.raw(f"#heading(level: {node.level}, numbering: {number})[")
        return [tree.plain([begin, *self.set(node.title), self.raw(f"] <{node.identifier}>")])]

    def figure(self, node: tree.Figure) -> tree.Nodes:
        file, alt = escape_typst(f"{self._figures}/{node.name}.pdf"), escape_typst(node.alt)
        begin = self.raw(f'#picture({file}, "{node.target.number}", wide: {_bool(node.wide)}, alt: {alt})[')
        return [tree.plain([begin, *self.set(node.caption), self.raw(f"] <{node.target.identifier}>")])]

    def table(self, node: tree.Table) -> tree.Nodes:
        header, *body = self.rows(node)
        columns = ", ".join("1fr" if stretch else "auto" for stretch in node.stretch)
        inlines = [
            self.raw(f'#sheet("{node.target.number}", wide: {_bool(node.wide)}, columns: ({columns},), '),
            self.raw(f"align: ({', '.join(node.align)},), head: ("),
            *self._cells([header]),
            self.raw("), body: ("),
            *self._cells(body),
            self.raw("))["),
            *self.set(node.caption),
            self.raw(f"] <{node.target.identifier}>"),
        ]
        return [tree.plain(inlines)]

    def sources(self, sources: tuple[tree.Source, ...]) -> tree.Nodes:
        heading = tree.plain([self.raw("#heading(level: 1, numbering: none)[References]")])
        entries: tree.Nodes = []
        for source in sources:
            begin, end = self.raw(f'#source("[{source.number}]")['), self.raw(f"] <ref:{source.key}>")
            entries.append(tree.plain([begin, *self.set(source.entry), end]))
        return [heading, *entries]

    def code(self, node: tree.Node) -> tree.Nodes:
        return [self.raw(_code(node["c"][1]))]

    def math(self, node: tree.Node) -> tree.Nodes:
        kind, tex = node["c"]
        return [{"t": "Math", "c": [kind, _asked(tex)]}]

    def _cells(self, rows: list[list[tree.Nodes]]) -> tree.Nodes:
        inlines: tree.Nodes = []
        for row in rows:
            for cell in row:
                inlines += [self.raw("["), *cell, self.raw("], ")]
        return inlines


def _asked(tex: str) -> str:
    """Ask for bars as pairs, and for the gap before a condition, which Typst leaves out."""
    return _CASES.sub(lambda cases: cases[0].replace("&", "& \\quad "), pair_bars(tex))


def _bool(fact: bool) -> str:  # noqa: FBT001 (a fact, not an option)
    return "true" if fact else "false"


def _text(content: str) -> str:
    """Set text as it is; powers are raised by hand, since STIX has no superscript digits."""
    runs = re.split(f"({SUPERSCRIPTS}+)", content)
    return "".join(
        f"#super({escape_typst(lower(run))});" if index % 2 else f"#{_breakable(run)};"
        for index, run in enumerate(runs)
        if run
    )


def _breakable(content: str) -> str:
    """Write a literal in which a line may break within what is too long for a word."""
    literal = escape_typst(content)
    return _LONG_WORD.sub(lambda word: re.sub(r"([^\W_]{8})(?=[^\W_])", r"\1\\u{200b}", word[0]), literal)


def _code(content: str) -> str:
    """Set code so that a line may break after what joins names."""
    broken = "".join(letter + _ZERO_WIDTH_SPACE * (letter in _BREAK_AFTER) for letter in content)
    return f"#code({escape_typst(broken)});"
