"""The PDF: two columns, every font embedded, the same bytes twice, and an engine that is named."""

import logging
import os
import re
import stat
import unicodedata

import pytest
from pypdf import PdfReader
from sample_report import HOSTILE, sample_record

from trivet.errors import ReportError
from trivet.report.text.document import make_document
from trivet.report.write import pdf
from trivet.report.write.typst import typst_source

needs_latex = pytest.mark.skipif(not pdf.latex_installed(), reason="latexmk and IEEEtran are not installed")
ENGINES = ["typst", pytest.param("latex", marks=needs_latex)]


def fonts(resources, seen):
    """Give every font of a page's resources, and of the drawings in them."""
    for font in (resources.get("/Font") or {}).values():
        yield font.get_object()
    for drawing in (resources.get("/XObject") or {}).values():
        inner = drawing.get_object()
        if id(inner) not in seen and "/Resources" in inner:
            seen.add(id(inner))
            yield from fonts(inner["/Resources"], seen)


def is_embedded(font):
    if font["/Subtype"] == "/Type3":  # its glyphs are drawings in the file
        return "/CharProcs" in font
    whole = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
    return any(name in whole["/FontDescriptor"] for name in ("/FontFile", "/FontFile2", "/FontFile3"))


def text_of(path):
    return "\n".join(page.extract_text() for page in PdfReader(path).pages)


@pytest.fixture(scope="module", params=ENGINES)
def study_pdf(request, tmp_path_factory, study_document, study_report):
    if request.param == "typst":
        return study_report.pdf
    target = tmp_path_factory.mktemp("latex") / "report.pdf"
    assert (
        pdf.write_pdf(study_document, study_report.tex.parent / "figures", target, engine="latex") == "latex"
    )
    return target


def test_every_font_is_embedded_and_every_reference_resolved(study_pdf):
    reader = PdfReader(study_pdf)
    found = [font for page in reader.pages for font in fonts(page["/Resources"], set())]
    assert found
    assert all(map(is_embedded, found))
    text = text_of(study_pdf)
    assert "??" not in text
    assert "0.9940" in text
    assert "not measured" not in text


@pytest.mark.parametrize("engine", ENGINES)
def test_two_runs_write_the_same_bytes(tmp_path, engine, sample_document, sample_figures):
    for name in ("first", "second"):
        pdf.write_pdf(sample_document, sample_figures, tmp_path / name, engine=engine)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_page_has_two_columns(study_pdf):
    page = PdfReader(study_pdf).pages[1]
    starts = []

    def note(text, outer, inner, _font, _size):
        if text.strip():
            starts.append(outer[0] * inner[4] + outer[2] * inner[5] + outer[4])

    page.extract_text(visitor_text=note)
    middle = float(page.mediabox.width) / 2
    left, right = sum(x < middle for x in starts), sum(x >= middle for x in starts)
    assert min(left, right) > 10


@pytest.mark.parametrize("engine", ENGINES)
def test_hostile_text_is_text(tmp_path, engine, sample_figures):
    record = {**sample_record(), "audit": {"title": HOSTILE}}
    prose = '# Title []{v="hostile"}\n\n[]{v="hostile"} []{.code v="hostile"}'
    document = make_document(record, {"body.md": prose})
    pdf.write_pdf(document, sample_figures, tmp_path / "report.pdf", engine=engine)
    assert text_of(tmp_path / "report.pdf").lower().count("secret") == 4


def test_what_typst_warns_of_is_an_error(tmp_path, monkeypatch, sample_document, sample_figures):
    monkeypatch.setattr(pdf, "typst_source", lambda *_: '#set text(font: "No Such Font")\nText.')
    with pytest.raises(ReportError, match=r"Typst warned.*no such font"):
        pdf.write_pdf(sample_document, sample_figures, tmp_path / "report.pdf", engine="typst")


def test_what_typst_refuses_is_an_error(tmp_path, monkeypatch, sample_document, sample_figures):
    monkeypatch.setattr(pdf, "typst_source", lambda *_: "#no-such-function()")
    with pytest.raises(ReportError, match=r"Typst could not set the report.*no-such-function"):
        pdf.write_pdf(sample_document, sample_figures, tmp_path / "report.pdf", engine="typst")


@pytest.fixture
def broken_latex(tmp_path, monkeypatch):
    """A latexmk that always fails, and a kpsewhich that finds IEEEtran."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in (("latexmk", "echo broken >&2; exit 12"), ("kpsewhich", "echo IEEEtran.cls")):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.mark.usefixtures("broken_latex")
def test_where_latex_fails_typst_steps_in_and_says_so(tmp_path, caplog, sample_document, sample_figures):
    target = tmp_path / "report.pdf"
    with caplog.at_level(logging.WARNING):
        assert pdf.write_pdf(sample_document, sample_figures, target) == "typst"
    assert "latexmk ended with status 12: broken" in caplog.text
    assert target.read_bytes().startswith(b"%PDF")


@pytest.mark.usefixtures("broken_latex")
def test_where_latex_was_asked_for_its_failure_is_an_error(tmp_path, sample_document, sample_figures):
    with pytest.raises(ReportError, match="latexmk ended with status 12"):
        pdf.write_pdf(sample_document, sample_figures, tmp_path / "report.pdf", engine="latex")


def test_without_latex_the_engine_is_typst(tmp_path, monkeypatch, sample_document, sample_figures):
    monkeypatch.setattr(pdf, "latex_installed", lambda: False)
    assert pdf.write_pdf(sample_document, sample_figures, tmp_path / "report.pdf") == "typst"


def test_a_word_that_no_line_holds_is_broken(tmp_path):
    """Letters beyond the right margin would not be on the page."""
    record = {**sample_record(), "audit": {"title": "x"}, "hostile": "a" * 300}
    document = make_document(record, {"body.md": '# Title\n\n[]{v="hostile"}'})
    pdf.write_pdf(document, tmp_path, tmp_path / "report.pdf", engine="typst")
    lines = [line for line in text_of(tmp_path / "report.pdf").splitlines() if "aaaa" in line]
    assert len(lines) > 3


@pytest.mark.parametrize(
    ("mathematics", "shown"),
    [
        (r"a \odot b \otimes c \ominus d \oplus e", "⊙"),
        (r"A \cap B \models \bigcap_i C_i", "∩"),
        (r"M = \Bigl\lceil \frac{a}{b} \Bigr\rceil", "⌈"),
        (r"\bigl\langle a, b \bigr\rangle", "⟨"),
        (r"\|x\|_1 + \bigl\| y \bigr\| + \lVert z \rVert", "‖"),
        (r"\bigl| x \bigr| \exp\!\Bigl(x\Bigr)\; y", "|"),
        (r"\text{MAD}(s) \text{ if } |x| \le 1", "MAD"),
    ],
)
def test_mathematics_that_pandoc_writes_otherwise_still_sets(tmp_path, mathematics, shown):
    prose = f"In a line ${mathematics}$.\n\n[$$ {mathematics} $$]{{#eq:one}}"
    document = make_document(sample_record(), {"body.md": prose})
    pdf.write_pdf(document, tmp_path, tmp_path / "report.pdf", engine="typst")
    text = text_of(tmp_path / "report.pdf")
    assert shown in text
    assert not re.search(r"\w\.[lrv]\b|parallel|modulus|enlarged", text)


def test_an_equation_too_wide_for_its_column_is_set_smaller(tmp_path):
    wide = " + ".join(f"x_{{{index}}}" for index in range(16))
    document = make_document(sample_record(), {"body.md": f"A\n\n[$$ {wide} $$]{{#eq:one}}"})
    source = typst_source(document, "figures")
    assert "#numbered(" in source
    pdf.write_pdf(document, tmp_path, tmp_path / "report.pdf", engine="typst")
    sizes = set()

    def note(text, _cm, _matrix, _font, size):
        sizes.add(round(size, 2)) if "x" in unicodedata.normalize("NFKC", text) else None

    PdfReader(tmp_path / "report.pdf").pages[0].extract_text(visitor_text=note)
    assert min(sizes) < 10
