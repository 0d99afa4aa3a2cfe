"""The page: one file that opens offline, runs its own script only, and shows mathematics and every figure."""

import base64
import hashlib
import re
from importlib.resources import files

import pytest
from page_elements import Page
from page_findings import FINDINGS, shown_example
from sample_report import HOSTILE, SAMPLE_PROSE, sample_record

from example_records import example_record
from trivet.errors import ReportError
from trivet.findings.summary import LegSummary, Line, Made, PartSummary, Summary, summary_of
from trivet.place import find
from trivet.report.figures import available
from trivet.report.figures.registry import FIGURES
from trivet.report.text import tree
from trivet.report.text.document import make_document
from trivet.report.write.details import TELLING
from trivet.report.write.html import html_page, inline_svg
from trivet.verdict import LEGS

ALLOWED_LINKS = re.compile(r"#|https://|data:text/csv;charset=utf-8,|data:image/png;base64,")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {}>{}</svg>'
SIZE = 'width="72pt" height="36pt" viewBox="0 0 72 36"'


@pytest.fixture(scope="module")
def study_page(study_report, study_record, study_document):
    figures = study_report.html.parent / "figures"
    summary = summary_of(study_record, FINDINGS, Made("0.0.0", "2026-11-30 UTC"))
    return html_page(study_document, summary, figures, record=study_record)


@pytest.fixture(scope="module")
def sample_page(sample_document, sample_figures):
    return html_page(sample_document, None, sample_figures)


def test_nothing_on_the_page_comes_from_elsewhere(study_page):
    page = Page(study_page)
    tags = [tag for tag, _ in page.elements]
    assert not {*tags} & {"link", "iframe", "object", "embed", "form", "img", "base", "foreignobject"}
    assert tags.count("script") == tags.count("style") == 1
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert not {"src", "style"} & attributes.keys()
        if "href" in attributes:
            assert ALLOWED_LINKS.match(attributes["href"])
    assert "@import" not in study_page
    assert not re.search(r"url\((?!#|data:font/woff;base64,)", study_page)
    assert len(study_page.encode()) < 3 * 2**20


def test_the_policy_allows_the_page_its_own_style_and_script_and_nothing_else(study_page):
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', study_page)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    for part in ("style", "script"):
        (content,) = re.findall(rf"<{part}>(.*?)</{part}>", study_page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules.pop(f"{part}-src") == f"'sha256-{digest}'"
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "font-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert study_page.index("Content-Security-Policy") < study_page.index("<title>")


def test_the_script_is_one_file_that_can_be_read():
    lines = files("trivet.report").joinpath("assets", "page.js").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 200
    assert max(map(len, lines)) < 120


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
        place, *facts = attributes["title"].split("\n")
        assert float(attributes["value"]) == find(study_record, place)
        exact = [fact.removeprefix("= ") for fact in facts if fact.startswith("= ")]
        assert all(float(fact) == find(study_record, place) for fact in exact)
    titles = [attributes["title"].split("\n") for attributes in shown]
    (asr,) = {tuple(title) for title in titles if title[:2] == ["security.published.asr.before", "= 0.994"]}
    assert asr[1:3] == ("= 0.994", asr[2])
    assert re.fullmatch(r"Equation \(\d+\); \[\d+\] B. Wang.*Neural Cleanse.*", asr[2])
    assert asr[3] == "Seed 0"


def test_the_card_comes_first_with_a_line_a_finding(study_page):
    card = study_page[study_page.index('<section class="card bad"') :]
    card = card[: card.index("</section>")]
    text = " ".join(Page(card).text.split())
    assert "! FAILED against the default rules 1 breach, 1 warning, 1 note, 2 passes" in text
    assert '<p class="provenance">2026-11-30 UTC, trivet 0.0.0, seed 0</p>' in study_page
    words = re.findall(r'</span> <span class="word">(\w+)</span>', card)
    assert words == ["breach", "warning", "note", "pass", "pass"]
    assert '0.994</data> <span class="interval">95%: 0.99 to 0.996</span>' in card
    assert '<span class="required">&lt;= 0.1</span>' in card
    assert "not measured" in card
    order = [
        'class="provenance"',
        'class="card',
        "<nav",
        'class="findings"',
        'class="abstract"',
        'id="evidence"',
    ]
    assert [study_page.index(part) for part in order] == sorted(study_page.index(part) for part in order)


def test_findings_mean_something_once_and_what_passed_is_folded(study_page):
    findings = study_page[
        study_page.index('<section class="findings"') : study_page.index(
            '</section>\n<section class="abstract'
        )
    ]
    opened, _, folded = findings.partition("<details")
    words = re.findall(r'<span class="word">(\w+)</span>', findings)
    assert words == ["Breach", "Warning", "Note", "Pass", "Pass"]
    assert "Pass" not in opened
    assert not folded.startswith(" open")
    assert "Try <code>trivet repair</code>." in findings
    assert "<dt>Measured</dt>" not in findings  # the card has it
    assert "No requirement is set; [policy] in audit.toml has room." in findings


def test_each_leg_has_its_verdict_what_was_audited_and_a_picture(study_page):
    legs = study_page[study_page.index('<ul class="legs">') : study_page.index('<ul class="lines">')]
    for word in ("backdoored, label 4", "within budget", "disparate"):
        assert f'<strong class="word">{word}</strong>' in legs
    digest = "5d" * 32
    assert f'<code title="SHA-256 {digest}">{digest[:12]}</code>' in legs
    text = " ".join(Page(legs).text.split())
    assert "mnist-cnn, 1,199,882 parameters; 10,000 images of mnist/test" in text
    assert "Adult, test rows, 14,653 rows; logistic" in text
    links = re.findall(r'<a class="thumbnail" href="#([^"]+)"', legs)
    assert len(links) == len(set(links)) == 3
    uses = re.findall(r'<use href="#([^"]+)"', legs)
    assert all(f' id="{name}"' in study_page for name in uses)


def test_the_figures_of_the_card_are_figures():
    names = {row.name for row in FIGURES}
    assert {name for telling in TELLING.values() for name in telling} <= names
    assert [*TELLING] == [*LEGS]


def test_the_same_document_gives_the_same_bytes(sample_document, sample_figures, sample_page):
    assert html_page(sample_document, None, sample_figures) == sample_page


def test_hostile_text_is_text(sample_figures):
    record = {**sample_record(), "audit": {"title": HOSTILE}}
    prose = {
        "body.md": '# Title []{v="hostile"}\n\n[]{v="hostile"} []{.code v="hostile"}\n\n'
        '![A []{v="hostile"}](picture){#fig:a}'
    }
    document = make_document(record, prose, pictures={"picture": tree.Picture(HOSTILE)})
    finding = shown_example(HOSTILE, **dict.fromkeys(("title", "message", "why", "action"), HOSTILE))
    leg = LegSummary(
        "security", "bad", HOSTILE, (PartSummary(HOSTILE, HOSTILE, "", "bad", HOSTILE),), HOSTILE
    )
    line = Line(finding, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    made = Made(HOSTILE)
    summary = Summary(HOSTILE, HOSTILE, "bad", HOSTILE, HOSTILE, made, None, (leg,), (line,))
    source = html_page(document, summary, sample_figures, record=record)
    page = Page(source)
    assert [tag for tag, _ in page.elements].count("script") == 1
    # Title of window and page, heading, contents, paragraph twice, caption; version, the outcome's three, the
    # leg's four, the line's four, the finding's four.
    assert page.text.count('<script>alert("x")</script> & \\input{secret}') == 7 + 1 + 3 + 4 + 4 + 4
    assert [attributes["aria-label"] for attributes in page.drawings()] == [HOSTILE]


def test_every_figure_is_drawn_inline(study_page, study_document):
    figures = [target for target in study_document.targets.values() if target.kind == "figure"]
    drawings = Page(study_page).drawings()
    assert len(drawings) == len(figures) == len(available(example_record()))
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
    assert 'clip-path="url(#one-p)"' in svg
    assert 'width="1.55in"' in svg
    assert "style" not in svg
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
        (SIZE, '<path style="position: fixed"/>'),
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
