"""What a page folds away, embeds and shares, and the colours of its figures on dark paper."""

import base64
import io
import itertools
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from page_elements import Page
from page_findings import shown_example
from sample_report import SAMPLE_PICTURES, draw_sample_figures, sample_record

from trivet.findings.summary import summary_of
from trivet.report.figures.style import (
    ATTACKED,
    CORRECTED,
    INK,
    PRIVILEGED,
    PROTECTED,
    PUBLISHED,
    PUBLISHED_TEXT,
    on_dark,
)
from trivet.report.text.document import make_document
from trivet.report.text.values import make_value
from trivet.report.write.html import html_page
from trivet.report.write.opening import shown_value
from trivet.report.write.tex import tex_source
from trivet.report.write.typst import typst_source

PAPER = "#16191d"
TOOLS = Path(__file__).parents[2] / "tools"
#: To cone responses and back to Oklab (Ottosson, 2020).
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
#: Linear red, green and blue as people without red or without green cones see them (Machado et al., 2009).
SEEN = {
    "all": np.eye(3),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}


def linear(color):
    parts = np.array([int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    low, high = sorted(float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


def distance(one, other, seen):
    first, second = (OKLAB @ np.cbrt(CONES @ np.clip(seen @ linear(color), 0, 1)) for color in (one, other))
    return float(np.linalg.norm(first - second))


@pytest.mark.parametrize("color", [CORRECTED, ATTACKED, PROTECTED, PRIVILEGED, PUBLISHED_TEXT, INK])
def test_what_is_written_in_a_colour_can_be_read_on_dark_paper(color):
    assert contrast(on_dark(color), PAPER) >= 4.5


def test_colours_are_as_far_from_each_other_on_dark_paper_as_on_light():
    palette = (PUBLISHED, CORRECTED, ATTACKED, PROTECTED, PRIVILEGED)
    for seen in SEEN.values():
        light, dark = (
            min(distance(one, other, seen) for one, other in itertools.combinations(colors, 2))
            for colors in (palette, [on_dark(each) for each in palette])
        )
        assert dark >= light


def test_greys_turn_round_and_white_becomes_the_paper():
    assert on_dark("#FFFFFF") == PAPER
    assert on_dark("#000000") == on_dark(INK) == "#e4e6e8"
    greys = {shade: f"#{shade:02x}{shade:02x}{shade:02x}" for shade in range(256)}
    named = {PUBLISHED.lower(), PUBLISHED_TEXT.lower()}
    turned = [int(on_dark(grey)[1:3], 16) for grey in greys.values() if grey not in named]
    assert turned == sorted(turned, reverse=True)
    assert on_dark("#12ab9f") == "#12ab9f"


PROSE = {
    "10.md": """# Part {#sec:one}

See [](#eq:inside).

::: {.fold title="How <it> works"}
Method, in words.

[$$ x = 1 $$]{#eq:inside}

![The picture.](picture){#fig:picture}
:::

::: {.fold title="Empty"}
[Nothing.]{when="faulty"}
:::

The end.
"""
}


@pytest.fixture(scope="module")
def folded():
    return make_document(sample_record(), PROSE, pictures=SAMPLE_PICTURES)


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    return draw_sample_figures(tmp_path_factory.mktemp("sample"))


def test_a_page_folds_method_away_and_paper_has_it_in_its_place(folded, figures):
    page = html_page(folded, None, figures, record=sample_record())
    (fold,) = re.findall(r'<details class="fold">(.*?)</details>', page, re.DOTALL)
    assert "<summary>How &lt;it&gt; works</summary>" in fold
    assert 'id="eq:inside"' in fold
    assert "Method, in words." in fold
    assert 'id="fig:picture"' in fold
    for source in (typst_source(folded, "figures"), tex_source(folded, "figures")):
        assert 0 < source.index("Method, in words.") < source.rindex("eq:inside")
        assert "How" not in source
        assert "block[" not in source


def test_the_font_of_mathematics_has_every_letter_of_the_study(study_document, study_report, study_record):
    from fontTools.ttLib import TTFont  # noqa: PLC0415 - of matplotlib

    page = html_page(study_document, None, study_report.html.parent / "figures", record=study_record)
    (embedded,) = re.findall(r"url\(data:font/woff;base64,([^)]*)\)", page)
    font = TTFont(io.BytesIO(base64.b64decode(embedded)))
    assert "MATH" in font
    assert "Open Font License" in font["name"].getDebugName(13)
    formulas = re.findall(r"<math.*?</math>", page, re.DOTALL)
    shown = (re.sub(r"<annotation.*?</annotation>|<[^>]+>", "", each, flags=re.DOTALL) for each in formulas)
    letters = {letter for each in shown for letter in unescape(each) if not letter.isspace()}
    # A browser sets a variable of one letter in italics.
    italic = {chr(0x1D44E + ord(letter) - ord("a")) for letter in letters if "a" <= letter <= "z"}
    italic.discard(chr(0x1D455))  # a hole: the Planck constant stands for h
    assert {letter for letter in letters | italic if ord(letter) not in font.getBestCmap()} == set()
    assert len(embedded) < 64 * 1024


def test_norms_and_amounts_have_fences_in_every_paper(study_document):
    source = typst_source(study_document, "figures")
    assert "lr(bar.v.double m bar.v.double)_1" in source
    assert "parallel m" not in source
    assert r"\lVert m\rVert_1" in tex_source(study_document, "figures")


def test_what_no_training_anew_was_made_for_is_unknown(study_report, study_record):
    assert study_record["fairness"]["comparison"]["repeats"] == 0
    page = study_report.html.read_text(encoding="utf-8")
    assert "intervals of sampling, which may go on beyond the edges" in page
    assert "trainings anew" not in page
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL)]
    told = [row for row in rows if row[:2] == ["without", "mitigation"] and "unknown" in row]
    assert len(told) == 2


def test_no_line_ends_between_the_hyphens_of_an_option():
    value = make_value({"said": "which --missing-outcome <b>--x</b> a--b names"}, "said")
    written = shown_value(value, lambda _: ())
    assert written.count('<span class="whole">') == 2
    assert '<span class="whole">--missing-outcome</span> &lt;b&gt;<span class="whole">--x</span>' in written


def test_a_word_beyond_a_lines_width_can_be_broken():
    value = make_value({"group": f"short {'x' * 30}<b>{'y' * 30} name"}, "group")
    written = shown_value(value, lambda _: ())
    assert f">short {'x' * 20}<wbr>{'x' * 10}&lt;b&gt;{'y' * 7}<wbr>{'y' * 20}<wbr>yyy name<" in written


def test_a_page_without_mathematics_has_no_font(sample_figures):
    document = make_document(sample_record(), {"10.md": "# Part {#one .unnumbered}\n\nWords.\n"})
    page = html_page(document, None, sample_figures)
    assert "@font-face" not in page
    assert "/* font" not in page


def test_figures_share_their_letters_and_every_one_is_there(study_document, study_report, study_record):
    page = html_page(study_document, None, study_report.html.parent / "figures", record=study_record)
    elements = Page(page).elements
    defined = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(defined) == len(set(defined))
    used = {attributes["href"][1:] for tag, attributes in elements if tag == "use"}
    assert used <= set(defined)
    assert len([name for name in used if name.startswith("STIXGeneral-")]) > 50


def test_every_colour_of_a_figure_has_one_for_dark_paper(study_report):
    page = study_report.html.read_text(encoding="utf-8")
    style = re.search("<style>(.*?)</style>", page, re.DOTALL)[1]
    for part, color in set(re.findall(r' (fill|stroke)="(#[0-9a-f]{6})"', page)):
        assert f'[{part}="{color}"] {{ {part}: light-dark({color}, {on_dark(color)}); }}' in style


def test_why_a_finding_matters_is_said_once_for_all_of_its_kind(folded, figures):
    one, two, other = (
        shown_example(name, why=f"{why} can happen to everyone who looks for it.", source="A source, 1999")
        for name, why in (("a.1", "This"), ("a.2", "This"), ("b", "That"))
    )
    summary = summary_of(sample_record(), [one, two, other])
    page = html_page(folded, summary, figures, record=sample_record())
    assert page.count("This can happen to everyone who looks for it.") == 1
    assert page.count("That can happen to everyone who looks for it.") == 1
    kind = page[page.index('id="finding:a.1"') : page.index('id="finding:b"')]
    assert 'id="finding:a.2"' in kind
    assert kind.count("Try <code>trivet repair</code>.") == kind.count("A source, 1999") == 1


@pytest.fixture
def looking(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import look_at_pages  # noqa: PLC0415 - a script

    yield look_at_pages
    sys.modules.pop("look_at_pages")


def test_sentences_that_stand_twice_are_found(looking):
    long = "This sentence has more than forty characters in it."
    blocks = [
        f"{long} Short one. Short one.",
        f"Before it. {long}",
        "Another one that stands there but once, as it is.",
    ]
    assert looking.repeated_sentences(blocks) == {long: 2}


@pytest.mark.slow
def test_no_sheet_of_the_report_is_half_empty(looking, study_report, tmp_path):
    try:
        subprocess.run(["pdftoppm", "-v"], check=True, capture_output=True)
    except OSError:
        pytest.skip("pdftoppm is not installed")
    copy = tmp_path / "report.pdf"
    copy.write_bytes(study_report.pdf.read_bytes())
    shares = looking.filled_shares(copy)
    assert len(shares) > 10
    assert min(shares[:-1]) > 0.6
