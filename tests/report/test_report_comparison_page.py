"""The page, the picture and the Markdown of a comparison: complete, the same twice, and no name runs."""

import dataclasses
import re

import pypandoc
import pytest
from page_elements import Page

from example_audits import MANIFEST, audit_of, changed
from example_privacy import HOSTILE
from example_records import example_own_record, example_record
from example_scan import rate_of
from trivet.comparison import compare_audits, differing_first, parse_tolerances, quiet_text
from trivet.errors import UsageError
from trivet.policy import measured_places
from trivet.report.compared import comparison_markdown
from trivet.report.figures.compared import alt_differences, draw_differences, has_differences
from trivet.report.pages import COMPARED, write_page
from trivet.report.text.values import code_span, markdown_row, markdown_text


def worse_record():
    record = changed(example_own_record(), "security.repair.attempts.0.asr.after", rate_of(0.25))
    record = changed(record, "fairness.published.settings.seed", 3)
    return changed(record, "privacy.membership.verdict", "exposed")


def hostile_record(record):
    record = changed(record, "audit.title", HOSTILE)
    record = changed(record, "security.scan.checkpoint.name", HOSTILE + "|`a`|@someone")
    record = changed(record, "fairness.audit.attributes.0.groups.0.group", HOSTILE)
    return changed(record, "fairness.audit.attributes.0.most_disparate", HOSTILE)


CASES = {
    "same": (example_record, example_record, MANIFEST),
    "worse": (
        lambda: changed(example_own_record(), "privacy.membership.verdict", "slight"),
        worse_record,
        {},
    ),
    "hostile": (example_own_record, lambda: hostile_record(example_own_record()), MANIFEST),
    "legs": (
        lambda: changed(changed(example_record(), "security", None), "fairness", None),
        lambda: changed(changed(example_record(), "security", None), "privacy", None),
        MANIFEST,
    ),
}


@pytest.fixture(scope="module")
def found():
    return {
        case: compare_audits(audit_of(before()), audit_of(after(), folder=HOSTILE, manifest=manifest))
        for case, (before, after, manifest) in CASES.items()
    }


@pytest.fixture(scope="module")
def written(found, tmp_path_factory):
    top = tmp_path_factory.mktemp("compared")
    return {case: write_page(COMPARED, each, top / case) for case, each in found.items()}


@pytest.fixture(scope="module")
def pages(written):
    return {case: files[0].read_text(encoding="utf-8") for case, files in written.items()}


def text_of(source):
    return " ".join(re.sub(r"[\u00a0\s]+", " ", Page(source).text).split())


def test_the_page_says_regressions_cautions_and_every_headline_measurement(found, pages):
    text = text_of(pages["worse"])
    assert "2 regressions" in text
    assert "ASR after unlearn: 0.0031 → 0.2500" in text
    # The outcome says how many regressions there are, so what it comes to begins after them.
    statement = found["worse"].statement.removeprefix("2 regressions; of ")
    for sentence in (*found["worse"].cautions, statement, found["worse"].limits):
        assert " ".join(sentence.split()) in text
    for change in found["worse"].headline:
        assert change.title in text


def test_what_does_not_differ_is_folded_away(found, pages):
    source = pages["worse"]
    differ, quiet = differing_first(found["worse"].headline)
    folded = re.findall(r"<details class=.fold.>.*?</details>", source, re.DOTALL)
    shown = re.sub(r"<details class=.fold.>.*?</details>|<svg.*?</svg>", "", source, flags=re.DOTALL)
    table = text_of(re.search(r"<table>.*?</table>", shown[shown.index('id="headline"') :], re.DOTALL)[0])
    assert [change.title in table for change in differ] == [True] * len(differ)
    assert quiet
    assert not [change.title for change in quiet if change.title in table]
    assert all(any(change.title in text_of(each) for each in folded) for change in quiet)
    assert quiet_text(found["worse"]) in text_of(shown)


def test_the_page_says_the_tolerance(tmp_path):
    before, after = audit_of(example_record()), audit_of(changed(example_record(), "audit.seed", 1))
    tolerances = parse_tolerances(["privacy=5%", "0.01"], measured_places)
    page, *_ = write_page(COMPARED, compare_audits(before, after, tolerances=tolerances), tmp_path)
    assert "With the tolerance privacy=5%, 0.01 a change lies beyond it" in text_of(page.read_text("utf-8"))


def test_parts_without_content_are_not_there(pages):
    assert "What got worse" not in pages["same"]
    assert "Data, checkpoints" not in pages["same"]
    assert "Everything else that differs" not in text_of(pages["same"])
    assert "How a difference is judged" not in pages["same"]
    assert "no regression" in text_of(pages["same"])


def test_the_picture_is_there_where_a_difference_has_an_interval(found, written):
    names = {case: {path.name for path in files} for case, files in written.items()}
    assert names["worse"] == {"compare.html", "compared_differences.svg", "compared_differences.png"}
    assert not has_differences(found["legs"].headline)
    assert names["legs"] == {"compare.html"}


def test_the_picture_draws_every_interval(found):
    axes = draw_differences(found["worse"].headline).axes[0]
    sure = [change for change in found["worse"].headline if change.difference_low is not None]
    assert len(axes.get_yticklabels()) == len(sure)
    assert all(label.get_text() for label in axes.get_yticklabels())
    assert all(change.title in alt_differences(found["worse"].headline) for change in sure)


@pytest.mark.parametrize("case", CASES)
def test_no_name_becomes_markup(pages, case):
    elements = Page(pages[case]).elements
    assert "<script>alert" not in pages[case]
    assert not [tag for tag, attributes in elements if any(name.startswith("on") for name in attributes)]
    assert "secret" not in {tag for tag, _ in elements}
    assert "\x1b" not in pages[case]
    assert "\u202e" not in pages[case]


@pytest.mark.slow
def test_the_same_comparison_gives_the_same_bytes(found, written, tmp_path):
    again = write_page(COMPARED, found["worse"], tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written["worse"]]


def test_a_folder_that_cannot_be_written_is_named(found, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        write_page(COMPARED, found["legs"], tmp_path / "file")


def test_long_tables_are_cut_and_say_so(found, tmp_path):
    row = found["worse"].headline[0]
    many = dataclasses.replace(
        found["legs"], changed=tuple(dataclasses.replace(row, title=f"row{n}x") for n in range(450))
    )
    text = text_of(write_page(COMPARED, many, tmp_path)[0].read_text(encoding="utf-8"))
    assert "50 more are in comparison.json" in text
    assert ("row399x" in text, "row400x" in text) == (True, False)
    assert "250 more are in the JSON." in comparison_markdown(many)


def as_html(markdown):
    return pypandoc.convert_text(markdown, "html", format="gfm", extra_args=["--sandbox"])


def test_markdown_has_a_table_row_for_each_change(found):
    whole = comparison_markdown(found["worse"], everything=True)
    rows = as_html(whole).count("<tr")
    shown = ("asked", "verdicts", "headline", "changed")
    # One of each, with those of verdicts and headline divided by whether they differ, and one of the rest.
    tables = sum(bool(getattr(found["worse"], name)) for name in shown) + 2
    count = sum(len(getattr(found["worse"], name)) for name in shown) + 200
    assert rows == count + tables
    assert len(found["worse"].rest) > 200
    assert "❌ change, worse" in whole


@pytest.mark.parametrize("everything", [True, False])
def test_markdown_holds_names_as_text(found, everything):
    html = as_html(comparison_markdown(found["hostile"], everything=everything))
    tags = {tag for tag, _ in Page(html).elements}
    assert tags <= {
        "h2",
        "h3",
        "p",
        "strong",
        "ul",
        "li",
        "code",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "sub",
        "details",
        "summary",
    }
    assert "alert" in Page(html).text


ODD = [
    "plain", "a|b", "`a`", "``", "\\|", "\\", "|", "*a* _b_ ~c~", "[a](http://x.y)", "<b>", "&lt;", "https://a.b/c",
    "WWW.a.b", "$x$", "# a", "- a", "1. a", "a\n\nb", "![x](y)", "\\`|`", "a@b.com",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("write", [markdown_text, code_span])
def test_any_text_is_one_cell_of_text(text, write):
    rows = [markdown_row("x", "y"), markdown_row("---", "---"), markdown_row(write(text), "end")]
    html = as_html("\n".join(rows))
    page = Page(html)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", html, re.DOTALL)
    assert len(cells) == 2
    assert "".join(Page(cells[0]).text.split()) == "".join(text.split())
    assert cells[1] == "end"
    assert not {tag for tag, _ in page.elements} & {"a", "img", "b", "em", "strong", "del", "h1", "li"}


def test_texts_are_cut_and_kept_on_one_line():
    assert len(markdown_text("a" * 900)) == 200
    assert markdown_text("a\nb\x1b[0m") == r"a b\\x1b\[0m"
    assert markdown_text("@team") == "@<!-- -->team"
