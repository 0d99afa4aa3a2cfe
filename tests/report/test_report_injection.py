"""Code of every output format in the texts of a record: each output shows it, and none runs it."""

import re
import unicodedata
from html.parser import HTMLParser

import pytest
from pypdf import PdfReader
from sample_report import sample_record

from trivet.report.text import tree
from trivet.report.text.document import make_document
from trivet.report.text.values import escape_tex
from trivet.report.write import pdf
from trivet.report.write.html import html_page
from trivet.report.write.tex import macros_source, tex_source
from trivet.report.write.typst import typst_source

#: Each would be another text, or none at all, if any of it ran.
INJECTIONS = [
    '#scale(x: 1%, y: 1%)[a] #panic("ran")',
    '#scale(x: 1%, y: 1%)[\\"] + panic() //',
    "#for i in range(3) [FORGED #(7 * i)]",
    '"); #panic(); ("',
    '\\| \\\\| dot.circle tack.r.double #h(0em) #h(-1em) $ x $ upright(" a ") \\x',
    '#read("/etc/passwd") #import "a": * #[*bold*] <ref:a> @ref ```raw```',
    "\\u{22}) #panic() \\u{200b}",
    "\\input{/etc/passwd} \\write18{id} \\newcommand{\\y}{z} $\\frac{1}{0}$ ^^5cinput % end",
    "<script>alert(1)</script> ' onmouseover=x <img src=x onerror=alert(1)> &lt;b&gt; --> ]]>",
    "[x](javascript:alert(1)) ![x](http://e.x/x.png) `code` **b** [@key] {=html} ::: $$x$$",
]
#: A text in every kind of node that can hold one, beside formulas of which each is mended.
PROSE = """# Title []{v="hostile"}

Text []{v="hostile"}, []{.code v="hostile"}, [in one []{v="hostile"}]{when="sound"}, $\\|m\\|_1 \\odot z$.

- An item []{v="hostile"} and $\\bigl(\\text{MAD}(s)\\bigr)$

| Name | Code |
|:-----|-----:|
| []{v="hostile"} | []{.code v="hostile"} |

: Table of []{v="hostile"} {#tbl:a}

![Caption of []{v="hostile"}](picture){#fig:a}
"""
PLACES = 7


def document_of(text):
    record = {**sample_record(), "audit": {"title": text}, "hostile": text}
    return make_document(record, {"body.md": PROSE}, pictures={"picture": tree.Picture(text)})


def letters(text):
    """Return what is left of a text when it has been set in lines, with ligatures and hyphens."""
    return re.sub(r"[\s\u200b\u00ad-]", "", unicodedata.normalize("NFKC", text)).casefold()


class Elements(HTMLParser):
    def __init__(self, source):
        super().__init__()
        self.scripts, self.handlers, self.links, self.text = 0, [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.scripts += tag in {"script", "iframe", "object", "embed"}
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value for name, value in attrs if name in {"href", "src"} and value]

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("text", INJECTIONS)
def test_the_pdf_shows_a_text_as_it_is(text, tmp_path, sample_figures):
    document = document_of(text)
    pdf.write_pdf(document, sample_figures, tmp_path / "report.pdf", engine="typst")
    shown = letters("".join(page.extract_text() for page in PdfReader(tmp_path / "report.pdf").pages))
    assert shown.count(letters(text)) >= PLACES
    assert "forged0" not in shown


@pytest.mark.parametrize("text", INJECTIONS)
def test_typst_reads_a_text_as_a_literal(text):
    """What stands outside of literals is the same for every text."""
    source, plain = (
        re.sub(r'"(?:\\.|[^"\\])*"', '""', typst_source(document_of(each), "figures"))
        for each in (text, harmless(text))
    )
    assert source == plain


@pytest.mark.parametrize("text", INJECTIONS)
def test_tex_reads_a_text_as_letters(text):
    """The source is the same for every text but for its letters, each of them escaped."""
    document, plain = document_of(text), document_of(harmless(text))
    source = tex_source(document, "figures").replace(escape_tex(text), "")
    assert source == tex_source(plain, "figures").replace(escape_tex(harmless(text)), "")
    for command in ("\\input{", "\\write", "\\newcommand{\\y}", "$\\frac", "^^"):
        assert command not in macros_source(document.values)


def harmless(text):
    """Return words of the same length, since columns are as wide as what stands in them."""
    return ("word " * len(text))[: len(text) - 1] + "s"


@pytest.mark.parametrize("text", INJECTIONS)
def test_the_page_has_a_text_as_text(text, sample_figures):
    found = Elements(html_page(document_of(text), None, sample_figures))
    assert found.scripts == 1
    assert found.handlers == []
    assert not any(link.casefold().startswith(("javascript", "http://e.x")) for link in found.links)
    assert letters("".join(found.text)).count(letters(text)) >= PLACES
