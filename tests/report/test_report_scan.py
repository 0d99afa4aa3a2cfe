"""The folder of a scan: one page that opens offline, says the result first, and runs nothing."""

import dataclasses
import re
import shutil
import subprocess
import sys

import pytest
from page_elements import Page, assert_is_drawn_within_its_edges, rows_of

from example_scan import HOSTILE_NAMES, SUSPECT, example_repair, example_scan
from trivet.errors import UsageError
from trivet.report.pages import REPAIR, SCAN, write_page

HOSTILE = '<script>alert("x")</script>'


def hostile_scan():
    """Every text that a stranger can choose is hostile, the sums aside."""
    scanned = example_scan(names=HOSTILE_NAMES, repaired=True, mismatch=True)
    result = scanned.result
    used = dataclasses.replace(result.contract.best, name=f"{HOSTILE} contract")
    contract = dataclasses.replace(
        result.contract, best=used, candidates=(result.contract.declared, used), finding=f"{HOSTILE} finding"
    )
    hostile = dataclasses.replace(
        result,
        checkpoint=dataclasses.replace(result.checkpoint, name=f"{HOSTILE} file"),
        images=dataclasses.replace(result.images, name=f"{HOSTILE} folder"),
        contract=contract,
    )
    return dataclasses.replace(scanned, result=hostile)


def write_scan(scanned, folder):
    audit, triggers = scanned.audit
    return write_page(SCAN if audit.repair is None else REPAIR, audit, folder, triggers)


CASES = {
    "hostile": hostile_scan,
    "hundred": lambda: example_scan(classes=100),
    "clean": lambda: example_scan(suspected=False),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folder and files of each case."""
    written = {}
    for case, scanned in CASES.items():
        folder = tmp_path_factory.mktemp("scan") / case
        written[case] = folder, write_scan(scanned(), folder)
    return written


@pytest.fixture(scope="module")
def pages(folders):
    return {case: files[0].read_text(encoding="utf-8") for case, (_, files) in folders.items()}


def test_the_page_and_its_pictures_are_written_and_nothing_else(folders):
    expected = {
        "hostile": ("repair.html", ("trigger", "stamped", "cells", "profile", "triggers")),
        "hundred": ("scan.html", ("trigger", "stamped", "cells", "profile", "triggers")),
        "clean": ("scan.html", ("profile", "triggers")),
    }
    for case, (folder, files) in folders.items():
        page, names = expected[case]
        relative = [path.relative_to(folder).as_posix() for path in files]
        assert relative == [
            page,
            *(f"figures/security_scan_{name}.{end}" for name in names for end in ("svg", "png")),
        ]
        assert {path for path in folder.rglob("*") if path.is_file()} == set(files)


def test_pictures_are_not_blank_and_do_not_run_over_their_edges(folders):
    for _, files in folders.values():
        for path in files:
            if path.suffix == ".png":
                assert_is_drawn_within_its_edges(path)


@pytest.mark.slow
def test_two_runs_write_the_same_bytes_and_old_pictures_go(folders, tmp_path):
    for case in ("hostile", "clean"):
        files = write_scan(CASES[case](), tmp_path)
        for path, other in zip(files, folders[case][1], strict=True):
            assert path.read_bytes() == other.read_bytes(), path.name
    assert not (tmp_path / "figures" / "security_scan_stamped.png").exists()


def test_nothing_on_the_page_runs_or_comes_from_elsewhere(pages):
    for source in pages.values():
        page = Page(source)
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"link", "iframe", "object", "embed", "form", "img", "base"}
        for _, attributes in page.elements:
            assert not any(name.startswith("on") for name in attributes)
            target = attributes.get("href", attributes.get("xlink:href", "#"))
            assert target.startswith(("#", "data:image/png", "data:text/csv;"))
        assert "http" not in source.replace("http-equiv", "")
        (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', source)
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        ids = page.ids()
        assert len(ids) == len(set(ids))


def test_every_picture_is_on_the_page_with_words_for_those_who_do_not_see_it(pages):
    for case, count in {"hostile": 5, "hundred": 5, "clean": 2}.items():
        drawings = Page(pages[case]).drawings()
        assert len(drawings) == count
        assert all(each["role"] == "img" and len(each["aria-label"]) > 60 for each in drawings)


def test_what_a_stranger_wrote_is_shown_as_text_and_cut(pages):
    page = Page(pages["hostile"])
    for what in ("contract", "finding", "file", "folder"):
        assert f"{HOSTILE} {what}" in page.text
    assert f"0 ({HOSTILE})" in page.text
    assert r"2 (\x1b[31mred\x07\nand more)" in page.text
    assert r"5 (\u202eright to left\u2066)" in page.text
    assert "猫は可愛い" in page.text
    assert "a" * 27 + "…" in page.text
    assert "a" * 29 not in page.text


def test_the_verdict_comes_first_as_a_word_with_a_sign(pages):
    for case, sign, tone, word in (
        ("hundred", "!", "bad", "backdoored, label 4"),
        ("clean", "✓", "good", "no evidence"),
    ):
        source = pages[case]
        icon = f'<span class="icon" aria-hidden="true">{sign}</span>'
        assert (
            f'<section class="card {tone}" aria-labelledby="outcome">\n<div class="outcome">{icon}' in source
        )
        assert f'<p id="outcome" class="word">{word}</p>' in source
        assert source.index('class="card') < source.index("<nav") < source.index("<h2")


def test_a_repair_is_told_by_its_outcome_then_as_before_and_after():
    scanned = example_scan(repaired=True)
    audit, _ = scanned.audit
    told = [(verdict.leg, verdict.tone, verdict.word) for verdict in REPAIR.verdicts(audit)]
    assert told == [
        ("repair", "good", "removed by unlearn"),
        ("before", "bad", "backdoored, label 4"),
        ("after", "good", "no evidence"),
    ]
    failed = REPAIR.verdicts(dataclasses.replace(audit, repair=example_repair(removed=False)))
    assert [verdict.word for verdict in failed] == ["not removed", "backdoored, label 4"]


def test_the_rates_of_a_repair_stand_before_and_after_every_method(pages):
    assert rows_of(pages["hostile"], "tbl:repair-rates") == [
        ["clp", "0.9827", "0.9791", "0.9989", "0.6200", "0.9712", "0.0058"],
        ["unlearn", "0.9827", "0.9791", "0.9989", "0.0030", "0.9712", "0.0058"],
    ]
    tried = rows_of(pages["hostile"], "tbl:repair-attempts")
    assert [row[0] for row in tried] == ["clp", "unlearn"]
    assert tried[0][3:] == [
        "0.0036 (0.0008 to 0.0065)",
        "not run",
        "not removed: the reconstructed trigger still succeeds on 62.0% of the images",
    ]
    assert tried[1][4:] == ["no evidence", "removed"]
    relearned = rows_of(pages["hostile"], "tbl:repair-relearning")
    assert relearned[1] == ["unlearn", "5", "315", "40", "0.0030", "0.0613", "0.9984", "0.0204"]
    assert relearned[0] == ["clp", "", "", "", "0.6200", "", "", ""]
    assert "tbl:repair-rates" not in pages["clean"]


def test_a_loss_that_is_not_settled_is_said_so():
    repair = example_repair()
    unsure = dataclasses.replace(repair.attempts[1], outcome="unsettled")
    repair = dataclasses.replace(repair, outcome="unsettled", attempts=(repair.attempts[0], unsure))
    audit, _ = example_scan(repaired=True).audit
    verdicts = REPAIR.verdicts(dataclasses.replace(audit, repair=repair))
    assert (verdicts[0].word, verdicts[0].tone) == ("removed by unlearn, loss unsettled", "unsure")


def test_the_table_of_labels_begins_with_the_suspect_and_has_them_all(pages):
    rows = rows_of(pages["hundred"], "tbl:scan-labels")
    assert rows[0][0] == f"{SUSPECT}, suspected"
    assert len(rows) == 100
    label = example_scan(classes=100).result.labels[SUSPECT]
    assert rows[0][1:3] == [f"{label.l1:.1f}", f"{label.refined_l1:.1f}"]
    named = [row[0] for row in rows_of(pages["clean"], "tbl:scan-labels")][:2]
    assert sorted(name.partition(", ")[2] for name in named) == [
        "named by maximum margin",
        "named by trigger inversion",
    ]


def test_of_many_labels_the_page_says_which_it_shows(pages):
    text = " ".join(Page(pages["hundred"]).text.split())
    assert "Of 100 labels these are the 20 most unusual, in that order." in text
    assert "Hollow points were left early or not looked at" in text
    assert "most unusual, in that order" not in pages["clean"]
    assert "Hollow points" not in pages["clean"]


def test_a_wrong_contract_is_told_beside_its_table(pages):
    rows = rows_of(pages["hostile"], "tbl:contract")
    assert [row[0] for row in rows] == ["[0,1]", f"{HOSTILE} contract"]
    assert f"{HOSTILE} finding" in Page(pages["hostile"]).text
    assert "not measured" not in Page(pages["clean"]).text


def test_limits_and_origin_of_the_numbers_are_told(pages):
    for case in ("hundred", "clean"):
        text = Page(pages[case]).text
        for told in ("No evidence is not a certificate.", "ab" * 32, "8,192 images", "trivet"):
            assert told in text
    assert "That is not a certificate" in Page(pages["clean"]).text
    assert "That is not a certificate" not in Page(pages["hundred"]).text


def test_without_scores_the_page_says_so(tmp_path):
    audit, triggers = example_scan(suspected=False).audit
    without = dataclasses.replace(audit, scan=dataclasses.replace(audit.scan, p_value=None))
    page, *_ = write_page(SCAN, without, tmp_path, triggers)
    text = " ".join(Page(page.read_text(encoding="utf-8")).text.split())
    assert "labels do not spread enough for a score." in text


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        write_scan(example_scan(suspected=False), tmp_path / "file")


def test_the_pictures_need_no_window_toolkit_and_no_model():
    code = (
        "import sys; from trivet.report.pages import write_page;"
        "print([m for m in ('matplotlib.pyplot', 'torch', 'sklearn') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


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


@pytest.mark.parametrize(
    ("case", "width", "scheme"),
    [
        ("hostile", 390, "dark"),
        pytest.param("hundred", 390, "light", marks=pytest.mark.slow),
        pytest.param("clean", 1280, "dark", marks=pytest.mark.slow),
    ],
)
def test_the_page_opens_in_a_browser(browser, folders, case, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    address = folders[case][1][0].as_uri()
    page.goto(address)
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    narrow = "elements => elements.filter(e => e.getBoundingClientRect().right > innerWidth + 1).length"
    assert page.eval_on_selector_all("p, li, h1, h2, figcaption, .scroll", narrow) == 0
    sizes = "elements => elements.map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])"
    assert all(wide > 250 and high > 60 for wide, high in page.eval_on_selector_all("figure svg", sizes))
    context.close()
