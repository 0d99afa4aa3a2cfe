"""HTML writer: one page that opens offline and loads nothing."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cache, partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from trivet.errors import ReportError
from trivet.findings.summary import Summary
from trivet.report.figures.registry import figure_csv
from trivet.report.figures.style import on_dark
from trivet.report.text import tree
from trivet.report.text.document import Document, words
from trivet.report.text.tree import write
from trivet.report.text.values import escape_html
from trivet.report.write.details import telling_figures
from trivet.report.write.opening import Tell, card, findings_section, shown_value
from trivet.report.write.origins import origin_lines
from trivet.report.write.writer import Writer, pair_bars

_THIN = '<mspace width="0.167em"></mspace>'
_NAME = r'<mi mathvariant="normal">[^<]*</mi>'
_APPLIED = f"<mrow>{_NAME}<mo>&#8289;</mo></mrow>"  # the sign of function application
_ARGUMENT = r"(?=<m(?:i|n|sub|sup|under|over|subsup|frac|sqrt|row)\b)"

#: A relation at the beginning of an aligned cell stands between two terms and wants its space.
_RELATION = re.compile(r'(<mtd columnalign="left"[^>]*>)<mo>')
#: "log s", but not the base of a script, whose element must keep its number of children.
_FUNCTION = re.compile(rf"(?<!<munder>)(?<!<msub>)(?<!<msup>)(?<!<msubsup>)({_APPLIED}){_ARGUMENT}")
#: "min z", with what it runs over below it.
_LIMIT = re.compile(rf"(<munder>(?:{_NAME}|{_APPLIED})(?:(?!</?munder>).)*</munder>){_ARGUMENT}")
#: The bars of a norm, for which pandoc takes the sign of parallel lines, a relation.
_NORM = re.compile(r'<mo stretchy="true" form="(prefix|postfix)">∥</mo>')
#: How a cell is aligned, which its columnalign says as well; a page's policy allows no styles in place.
_STYLED = re.compile(r'(<mtd columnalign="\w+") style="[^"]*"')


def mend_mathml(page: str) -> str:
    """Put in the spaces that pandoc leaves out, and take out those that it puts in, and its styles."""
    page = _STYLED.sub(r"\1", page)
    page = _NORM.sub(r'<mo stretchy="false" form="\1">‖</mo>', page)
    page = _RELATION.sub(r'\1<mo form="infix">', page)
    page = _FUNCTION.sub(rf"\1{_THIN}", page)
    return _LIMIT.sub(rf"\1{_THIN}", page)


#: Stands in the template where the policy goes.
POLICY = "@policy@"
_PARTS = ("style", "script")


def with_policy(page: str) -> str:
    """Put in the policy that names the page's one style and its one script by their digests."""
    allowed = "; ".join(f"{part}-src '{_digest(page, part)}'" for part in _PARTS)
    policy = (
        f"default-src 'none'; {allowed}; img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
    )
    return page.replace(POLICY, policy, 1)


def _digest(page: str, part: str) -> str:
    """Digest what stands between the tags of the page's only such element, as the browser does."""
    (content,) = re.findall(rf"<{part}>(.*?)</{part}>", page, re.DOTALL)
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


_REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")
_OUTSIDE = re.compile(r"url\(\s*['\"]?(?!#)", re.IGNORECASE)
_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
#: As matplotlib names a letter: its font and its place there, in hexadecimal digits.
_GLYPH = re.compile(r"[A-Za-z0-9]+-[A-Za-z0-9]+-[0-9a-f]+")
_LEFT_OUT = {"metadata", "style", "title", "desc"}
_FORBIDDEN = {"script", "foreignObject", "iframe", "a"}
_LENGTH = re.compile(r"([\d.]+)(?:pt)?")
#: What matplotlib's style element says of every element; it would reach the whole page there.
_LINES = {"stroke-linejoin": "round", "stroke-linecap": "butt"}
#: What a style can say as an attribute as well; a page whose policy allows no styles in place needs that.
_PRESENTATION = {
    "clip-path",
    "fill",
    "fill-opacity",
    "fill-rule",
    "image-rendering",
    "opacity",
    "stroke",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-opacity",
    "stroke-width",
}
#: What is filled without a word about it.
_BLACK = "#000000"
_COLOR = re.compile(r' (fill|stroke)="(#[0-9a-f]{6})"')
#: Stands in the style where the colours of the figures go.
COLORS = "/* colours of the figures */"


def with_colors(page: str) -> str:
    """Say in the style what each colour of the figures is on light and on dark paper."""
    rules = (
        f'[{part}="{color}"] {{ {part}: light-dark({color}, {on_dark(color)}); }}'
        for part, color in sorted(set(_COLOR.findall(page)))
    )
    return page.replace(COLORS, "\n".join(rules), 1)


#: Stands in the style where the font of the mathematics goes, and what asks for it.
FONT = "/* font of the mathematics */"
_MATHEMATICS = "<math"


def with_font(page: str) -> str:
    """Embed the font of the mathematics where the page has any, since few systems have one."""
    if _MATHEMATICS not in page:
        return page.replace(FONT, "", 1)
    return page.replace(FONT, _font_face(), 1)


@cache
def _font_face() -> str:
    font = files("trivet.report").joinpath("assets", "mathematics.woff").read_bytes()
    source = f"url(data:font/woff;base64,{base64.b64encode(font).decode()})"
    return f'@font-face {{ font-family: "STIX Two Math"; src: {source}; }}'


_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
#: Height over width of a figure that takes most of a printed sheet.
_TALL = 1.25
#: How much wider than on paper a figure may be on a page.
_ENLARGED = {False: 1.55, True: 1.3}


def inline_svg(
    path: Path, *, prefix: str, alt: str, wide: bool = False, glyphs: dict[str, str] | None = None
) -> str:
    """Read a figure's SVG for use inside HTML, with no style in it.

    `glyphs` are the letters, by identifier, that figures before it on the page have defined. They are not
    defined again, and those of this figure are added.
    """
    try:
        root = ET.parse(path).getroot()  # noqa: S314 (drawn by this program a moment ago)
    except (OSError, ET.ParseError) as error:
        raise ReportError(f"The figure {path.name} cannot be read as SVG: {error}. Draw it again.") from error
    shared = _share_glyphs(root, {} if glyphs is None else glyphs)
    _clean(root, prefix, path.name, shared)
    width, height = (_LENGTH.match(root.get(side, "")) for side in ("width", "height"))
    if width is None or height is None:
        raise ReportError(f"The figure {path.name} does not say how large it is. Draw it again.")
    root.attrib.setdefault("viewBox", f"0 0 {width[1]} {height[1]}")
    for name in ("height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"width": f"{float(width[1]) / 72 * _ENLARGED[wide]:.4g}in", **_LINES}
    root.attrib.setdefault("fill", _BLACK)
    root.set("role", "img")
    root.set("id", f"{prefix}drawing")
    content = ET.tostring(root, encoding="unicode")
    return content.replace("<svg ", f'<svg aria-label="{escape_html(alt)}" ', 1)


def _share_glyphs(root: ET.Element, glyphs: dict[str, str]) -> set[str]:
    """Take away the letters that the page has already; return the identifiers that all figures share."""
    shared: set[str] = set()
    for definitions in list(root.iter(f"{_SVG}defs")):
        for path in list(definitions.findall(f"{_SVG}path")):
            identifier, drawn = path.get("id", ""), path.get("d", "")
            if not _GLYPH.fullmatch(identifier) or glyphs.get(identifier, drawn) != drawn:
                continue
            shared.add(identifier)
            if identifier in glyphs:
                definitions.remove(path)
            glyphs[identifier] = drawn
    return shared


def _clean(element: ET.Element, prefix: str, name: str, shared: AbstractSet[str]) -> None:
    """Take namespaces, metadata and style sheets away, and make identifiers the figure's own."""
    element.tag = _local(element.tag)
    style = element.attrib.pop("style", "")
    of_all = element.get("id") in shared or element.get(_LINK, "").removeprefix("#") in shared
    own = "" if of_all else prefix
    element.attrib = {
        _local(key): _attribute(_local(key), value, own, name) for key, value in element.attrib.items()
    }
    element.attrib |= _as_attributes(style, prefix, name)
    for child in list(element):
        tag = _local(child.tag)
        if tag in _FORBIDDEN:
            raise ReportError(
                f"The figure {name} holds a <{tag}>, which a page must not show. Draw it again."
            )
        if tag in _LEFT_OUT:
            element.remove(child)
        else:
            _clean(child, prefix, name, shared)


def _as_attributes(style: str, prefix: str, name: str) -> dict[str, str]:
    """Write the declarations of a style as attributes; of two of one name the last holds."""
    attributes: dict[str, str] = {}
    for declaration in filter(str.strip, style.split(";")):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key not in _PRESENTATION:
            raise ReportError(
                f"The figure {name} has the style “{key}”, which is not an attribute. Draw it again."
            )
        attributes[key] = _attribute(key, value, prefix, name)
    return attributes


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _attribute(key: str, value: str, prefix: str, name: str) -> str:
    if key == "id":
        return prefix + value
    if key == "href":
        if value.startswith("#"):
            return f"#{prefix}{value[1:]}"
        if not value.startswith("data:image/"):
            raise ReportError(f"The figure {name} refers to “{value}”, outside itself. Draw it again.")
    if key.lower().startswith("on") or _OUTSIDE.search(value):
        raise ReportError(f"The figure {name} has the attribute {key}=“{value}”, which a page must not show.")
    return _REFERENCE.sub(rf"url(#{prefix}\1)", value)


def view_name(node: tree.Figure) -> str:
    """Name the part of the page that is enlarged."""
    return f"view:{node.name}"


def drawing(node: tree.Figure, svg: str) -> str:
    """Write a figure's drawing, which a link to it enlarges where no script does."""
    close = f'<a class="close" href="#{node.target.identifier}">Close</a>'
    tall = " tall" if is_tall(svg) else ""
    return f'<div class="drawing{tall}" id="{view_name(node)}">{svg}{close}</div>\n'


def is_tall(svg: str) -> bool:
    """Tell a drawing that is much higher than wide, of which a small picture shows nothing."""
    across, down = _SIZE.findall(svg)[0]
    return float(down) > _TALL * float(across)


def thumbnail(node: tree.Figure, svg: str) -> str:
    """Write a small picture of a figure that is on the page, which leads to it."""
    across, down = _SIZE.findall(svg)[0]
    name = escape_html(f"{node.target.text}: {node.alt}")
    return (
        f'<a class="thumbnail" href="#{node.target.identifier}" aria-label="{name}">'
        f'<svg viewBox="0 0 {across} {down}" aria-hidden="true" focusable="false">'
        f'<use href="#{node.name}-drawing" width="{across}" height="{down}"/></svg></a>'
    )


def figure_tools(node: tree.Figure, record: Mapping[str, Any]) -> str:
    """Write the links below a figure: to enlarge it, and to save its data."""
    which = f'<span class="unseen"> {escape_html(node.target.text)}</span>'
    links = [f'<a class="enlarge" href="#{view_name(node)}">Enlarge{which}</a>']
    table = figure_csv(record, node.name)
    if table is not None:
        # With a byte order mark, or a spreadsheet takes it for the encoding of its country.
        content = quote(f"\ufeff{table}".encode("utf-8", "backslashreplace"), safe=",.:;()[]/*@!$")
        links.append(
            f'<a download="{node.name}.csv" href="data:text/csv;charset=utf-8,{escape_html(content)}">'
            f"Data (CSV){which}</a>"
        )
    return f'<p class="tools">{" ".join(links)}</p>\n'


def html_page(
    document: Document, summary: Summary | None, figures: Path, *, record: Mapping[str, Any] | None = None
) -> str:
    """Write the page: the card where there is one, what the findings mean, abstract, then the evidence."""
    facts = record or {}
    tell = cache(partial(origin_lines, document=document, record=facts))
    writer = _HtmlWriter(figures, facts, tell)
    whole = writer.whole(document)
    for name in ("css", "js"):
        asset = files("trivet.report").joinpath("assets", f"page.{name}").read_text(encoding="utf-8")
        whole["meta"][name] = writer.variable(asset)
    if summary is not None:
        small = [node for node in tree.figures_of(document.blocks) if not is_tall(writer.drawings[node.name])]
        telling = telling_figures(summary, small)
        thumbnails = {leg: thumbnail(node, writer.drawings[node.name]) for leg, node in telling.items()}
        whole["meta"]["provenance"] = writer.variable(escape_html(summary.provenance))
        whole["meta"]["card"] = writer.variable(card(summary, tell, thumbnails))
        whole["meta"]["findings"] = writer.variable(findings_section(summary, tell))
    options = ("--standalone", "--mathml", "--toc", "--toc-depth=3", "--syntax-highlighting=none")
    with as_file(files("trivet.report") / "assets" / "page.html") as template:
        written = write(whole, "html5", *options, f"--template={template}")
    return with_policy(with_font(with_colors(mend_mathml(written))))


class _HtmlWriter(Writer):
    language = "html"

    def __init__(self, figures: Path, record: Mapping[str, Any], tell: Tell) -> None:
        self._figures, self._record, self._tell = figures, record, tell
        self.drawings: dict[str, str] = {}
        self._glyphs: dict[str, str] = {}

    def escape(self, text: str) -> str:
        return escape_html(text)

    def value(self, node: tree.Shown) -> tree.Nodes:
        return [self.raw(shown_value(node.value, self._tell, code=node.code))]

    def link(self, name: str, content: tree.Nodes) -> tree.Nodes:
        return [self.raw(f'<a href="#{name}">'), *content, self.raw("</a>")]

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

    def fold(self, title: str, content: tree.Nodes) -> tree.Nodes:
        begin = f'<details class="{tree.FOLD}"><summary>{escape_html(title)}</summary>'
        return [tree.plain([self.raw(begin)]), *content, tree.plain([self.raw("</details>")])]

    def figure(self, node: tree.Figure) -> tree.Nodes:
        path = self._figures / f"{node.name}.svg"
        svg = inline_svg(path, prefix=f"{node.name}-", alt=node.alt, wide=node.wide, glyphs=self._glyphs)
        self.drawings[node.name] = svg
        begin = _figure_begin("picture", node) + drawing(node, svg)
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
        for row, cells in zip(body, node.rows, strict=True):
            kinds = tuple(
                f"{side} whole" if _DATE.fullmatch(words(cell)) else side
                for cell, side in zip(cells, node.align, strict=True)
            )
            inlines += [*self._row(row, kinds, "td", first=first), self.raw("\n")]
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


#: A month, a day or a quarter, which a browser would break at a hyphen.
_DATE: Final = re.compile(r"\d{4}-[\w-]{2,5}")


def _figure_begin(kind: str, node: tree.Figure | tree.Table) -> str:
    wide = " wide" if node.wide else ""
    return f'<figure class="{kind}{wide}" id="{node.target.identifier}">\n'


def _label(target: tree.Target) -> str:
    return f'<span class="label">{escape_html(target.text)}</span> '
