"""The page: one file that opens offline, runs nothing, and shows mathematics and every figure."""

import re
import shutil

import pytest
from page_elements import Page
from sample_report import HOSTILE, SAMPLE_PROSE, sample_record

from trivet.errors import ReportError
from trivet.places import find
from trivet.report.document import make_document
from trivet.report.html import html_page
from trivet.report.svg import inline_svg
from trivet.report.verdicts import Verdict

ALLOWED_LINKS = re.compile(r"#|https://")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {}>{}</svg>'
SIZE = 'width="72pt" height="36pt" viewBox="0 0 72 36"'


@pytest.fixture(scope="module")
def study_page(study_report):
    return study_report.html.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sample_page(sample_document, sample_figures):
    return html_page(sample_document, (), sample_figures)


def test_nothing_on_the_page_runs_or_comes_from_elsewhere(study_page):
    page = Page(study_page)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "img", "base", "foreignobject"}
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert "src" not in attributes
        if "href" in attributes:
            assert ALLOWED_LINKS.match(attributes["href"]) or attributes["href"].startswith("data:image/png")
    assert "@import" not in study_page
    assert not re.search(r"url\((?!#)", study_page)
    assert len(study_page.encode()) < 3 * 2**20


def test_the_policy_is_strict(study_page):
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', study_page)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "script" not in policy


def test_every_identifier_stands_once_and_every_link_leads_somewhere(study_page):
    page = Page(study_page)
    ids = page.ids()
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        target = attributes.get("href", attributes.get("xlink:href", ""))
        assert not target.startswith("#") or target[1:] in ids
    for target in re.findall(r"url\(#([^)]*)\)", study_page):
        assert target in ids


def test_every_value_tells_its_place(study_page, study_record):
    shown = [attributes for tag, attributes in Page(study_page).elements if tag == "data"]
    assert len(shown) > 100
    for attributes in shown:
        assert float(attributes["value"]) == find(study_record, attributes["title"])
    assert 'title="security.published.asr.before">0.9940</data>' in study_page


def test_verdicts_come_first(study_page):
    assert (
        study_page.index('<ul class="verdicts"')
        < study_page.index('class="abstract"')
        < study_page.index("<h2")
    )
    for word in ("backdoored", "within budget", "outside four fifths"):
        assert f'<strong class="word">{word}</strong>' in study_page


def test_the_same_document_gives_the_same_bytes(sample_document, sample_figures, sample_page):
    assert html_page(sample_document, (), sample_figures) == sample_page


def test_hostile_text_is_text(sample_figures):
    record = {**sample_record(), "audit": {"title": HOSTILE}}
    prose = {
        "body.md": '# Title []{v="hostile"}\n\n[]{v="hostile"} []{.code v="hostile"}\n\n'
        '![A []{v="hostile"}](picture){#fig:a}'
    }
    document = make_document(record, prose, alt={"picture": HOSTILE})
    verdict = Verdict("security", "bad", HOSTILE, (HOSTILE,))
    source = html_page(document, (verdict,), sample_figures)
    page = Page(source)
    assert not any(tag == "script" for tag, _ in page.elements)
    # title of window and page, heading, contents, paragraph twice, caption, verdict twice
    assert page.text.count('<script>alert("x")</script> & \\input{secret}') == 9
    assert [attributes["aria-label"] for tag, attributes in page.elements if tag == "svg"] == [HOSTILE]


def test_every_figure_is_drawn_inline(study_page, study_document):
    figures = [target for target in study_document.targets.values() if target.kind == "figure"]
    drawings = [attributes for tag, attributes in Page(study_page).elements if tag == "svg"]
    assert len(drawings) == len(figures) == 14
    assert all(attributes["aria-label"] and attributes["role"] == "img" for attributes in drawings)


def written(tmp_path, attributes, content):
    path = tmp_path / "figure.svg"
    path.write_text(SVG.format(attributes, content), encoding="utf-8")
    return path


def test_a_drawing_becomes_part_of_the_page(tmp_path):
    content = (
        '<metadata><a href="https://example.org/"/></metadata><style>*{color:red}</style>'
        '<defs><path id="p"/></defs><use xlink:href="#p" style="clip-path: url(#p)"/>'
    )
    svg = inline_svg(written(tmp_path, SIZE, content), prefix="one-", alt='A "line"')
    assert 'aria-label="A &quot;line&quot;"' in svg
    assert 'id="one-p"' in svg
    assert 'href="#one-p"' in svg
    assert "url(#one-p)" in svg
    assert "--width:1in" in svg
    assert "http" not in svg
    assert "<style" not in svg


@pytest.mark.parametrize(
    ("attributes", "content"),
    [
        (SIZE, "<script>alert(1)</script>"),
        (SIZE, "<foreignObject/>"),
        (SIZE, '<image xlink:href="https://example.org/a.png"/>'),
        (SIZE, '<image href="data:text/html,x"/>'),
        (SIZE, '<path onclick="alert(1)"/>'),
        (SIZE, '<path style="fill: url(https://example.org/a)"/>'),
        ('viewBox="0 0 1 1"', "<path/>"),
        (SIZE, "<path>"),
    ],
)
def test_a_drawing_that_a_page_must_not_show_is_refused(tmp_path, attributes, content):
    with pytest.raises(ReportError, match=r"figure\.svg"):
        inline_svg(written(tmp_path, attributes, content), prefix="one-", alt="")


def test_a_missing_drawing_is_refused(tmp_path):
    with pytest.raises(ReportError, match="cannot be read as SVG"):
        inline_svg(tmp_path / "none.svg", prefix="one-", alt="")


def test_bars_and_relations_are_spaced_as_tex_does(sample_page):
    assert '<mo form="infix">=</mo>' in sample_page
    assert '<mo stretchy="false" form="prefix">‖</mo>' in sample_page
    assert SAMPLE_PROSE["10-body.md"].count(r"\min_y") == sample_page.count("</munder><mspace")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_opens_in_a_browser(browser, study_report, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    address = study_report.html.as_uri()
    page.goto(address)

    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [address]
    sizes = "elements => elements.map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])"
    drawings = page.eval_on_selector_all("figure svg", sizes)
    assert len(drawings) == 14
    assert all(wide > 250 and high > 60 for wide, high in drawings)
    equations = page.eval_on_selector_all(".equation math", sizes)
    assert len(equations) == 25
    assert all(wide > 40 and high > 10 for wide, high in equations)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    narrow = "elements => elements.filter(e => e.getBoundingClientRect().right > innerWidth + 1).length"
    assert page.eval_on_selector_all("p, li, h1, h2, h3, figcaption, .scroll, .equation", narrow) == 0
    context.close()
