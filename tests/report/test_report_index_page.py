"""One page of many audits: all of them, in order, with links that lead there, and no name that runs."""

import base64
import hashlib
import json
import os
import re
import shutil
from urllib.parse import unquote

import numpy as np
import pytest
from page_elements import Page

from example_audits import MANIFEST, changed, write_audit
from example_privacy import HOSTILE
from example_records import example_own_record, example_record
from trivet.errors import DataError, UsageError
from trivet.findings import findings_of, write_findings
from trivet.record import as_json
from trivet.report.index import (
    MOST_MARKS,
    FoundAudit,
    Point,
    Word,
    find_audits,
    history_rows,
    index_page,
    small_line,
    trend_sections,
    write_index,
)

SCHEME = "javascript:alert(1)"


def at(day, hour=12, zone="+00:00"):
    return {**MANIFEST, "started": f"2026-01-{day:02}T{hour:02}:00:00{zone}"}


def titled(title, verdict="backdoored", record=None):
    record = changed(record or example_record(), "audit.title", title)
    for place in ("security.scan.suspected_label", "security.strip", "security.repair"):
        record = changed(record, place, None)
    return changed(record, "security.scan.verdict", verdict)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    top = tmp_path_factory.mktemp("audits")
    for name, verdict, day, accuracy in (("b", "no evidence", 3, 0.99), ("a", "suspicious", 2, 0.95)):
        shop = changed(titled("Shop", verdict), "security.scan.contract.best.clean_accuracy", accuracy)
        write_findings(findings_of(as_json(shop)), write_audit(top / name, shop, manifest=at(day)))
    deep = write_audit(top / "deep" / "er" / "c", titled("Shop"), manifest=at(2, 1, "-12:00"))
    write_findings(findings_of(as_json(titled("Shop"))), deep)
    write_audit(top / "own", titled("Own", record=example_own_record()), manifest=None, page=None)
    write_audit(top / SCHEME, titled(HOSTILE), manifest={"started": "<b>yesterday</b>"})
    write_audit(top / "<img src=x>", titled("@@SCRIPT@@"), manifest={"started": "2026-01-01"})
    (top / SCHEME / "findings.json").write_text('{"findings": [{"level": 5}, 3]}')
    (top / "broken").mkdir()
    (top / "broken" / "metrics.json").write_text("{")
    (top / "scans").mkdir()
    (top / "scans" / "scan.json").write_text(
        json.dumps({"checkpoint": {"name": HOSTILE}, "verdict": "suspicious"})
    )
    (top / "scans" / "repair.html").write_text("x")
    (top / "scans" / "fairness.json").write_text(
        json.dumps({"baseline": {"data": "t.csv", "verdict": "in band"}})
    )
    (top / "scans" / "mechanism.json").write_text('{"name": 5, "verdict": "violates"}')
    (top / "scans" / "membership.json").write_text("[" * 100_000)
    outside = tmp_path_factory.mktemp("outside")
    write_audit(outside / "x", titled("Outside"))
    (top / "link").symlink_to(outside)
    (top / "linked").mkdir()
    (top / "linked" / "metrics.json").symlink_to(outside / "x" / "metrics.json")
    return top


@pytest.fixture(scope="module")
def found(folder):
    return find_audits(folder)


@pytest.fixture(scope="module")
def source(found):
    return index_page(found, name="runs")


def test_evidence_is_no_second_audit_in_the_folder_of_its_own(tmp_path):
    run = write_audit(tmp_path / "run", titled("Shop"))
    for copy in (run / "evidence", tmp_path / "handed-on"):
        copy.mkdir()
        for name in ("metrics.json", "manifest.json"):
            shutil.copy(run / name, copy)
        (copy / "evidence.json").write_text("{}")
    listed = {str(audit.folder) for audit in find_audits(tmp_path).audits}
    assert listed == {"run", "handed-on"}


def test_every_audit_is_found_the_latest_first(found):
    told = [(audit.folder.as_posix(), audit.started) for audit in found.audits]
    assert told[:3] == [
        ("b", "2026-01-03 12:00:00"),
        ("deep/er/c", "2026-01-02 13:00:00"),
        ("a", "2026-01-02 12:00:00"),
    ]
    assert {place for place, _ in told[3:]} == {"own", "scans", SCHEME, "<img src=x>"}
    assert {started for _, started in told[3:]} == {None}


def test_what_cannot_be_read_is_named_with_its_reason(found, source):
    told = {(each.folder / each.file).as_posix(): each.why for each in found.damaged}
    assert set(told) == {"broken/metrics.json", "scans/mechanism.json", "scans/membership.json"}
    assert "cannot be read as JSON" in told["broken/metrics.json"]
    assert "What cannot be read (3)" in source
    assert all(place in source for place in told)


def test_links_out_of_the_folder_are_not_followed(found):
    assert "Outside" not in {audit.title for audit in found.audits}


def test_verdicts_of_each_leg_and_of_the_users_own_are_told(found):
    (own,) = [audit for audit in found.audits if audit.title == "Own"]
    assert [(word.leg, word.tone, word.word) for word in own.words] == [
        ("security", "bad", "backdoored"),
        ("privacy", "good", "within budget"),
        ("privacy", "note", "Gaussian noise"),
        ("privacy", "note", "Gaussian noise"),
        ("privacy", "good", "consistent"),
        ("privacy", "bad", "violates"),
        ("privacy", "bad", "exposed"),
        ("privacy", "bad", "violates"),
        ("privacy", "unsure", "unknown"),
        ("privacy", "bad", "violates"),
        ("fairness", "bad", "disparate"),
        ("fairness", "bad", "disparate"),
    ]


def test_results_of_single_commands_are_found(found):
    told = {
        audit.title.split()[0]: (audit.page, audit.words)
        for audit in found.audits
        if audit.folder.name == "scans"
    }
    assert told["Scan"] == ("repair.html", (Word("security", "unsure", "suspicious"),))
    assert told["Mitigations"] == (None, (Word("fairness", "good", "in band"),))


def test_links_are_relative_and_lead_to_the_reports(found, source, folder):
    addresses = [attributes["href"] for tag, attributes in Page(source).elements if tag == "a"]
    addresses.remove("#audits")
    assert len(addresses) == sum(audit.page is not None for audit in found.audits)
    for address in addresses:
        assert address.startswith("./")
        assert (folder / unquote(address)).is_file()


def test_names_that_are_no_text_are_linked_by_their_bytes(tmp_path):
    name = os.fsdecode(b"\xff\xfe")
    try:
        write_audit(tmp_path / name, example_record())
    except OSError:
        pytest.skip("this file system has no such names")
    page = index_page(find_audits(tmp_path), name="runs")
    assert 'href="./%FF%FE/report.html"' in page
    page.encode("utf-8")


def test_no_name_becomes_markup_and_one_script_may_run(source):
    elements = Page(source).elements
    assert [tag for tag, _ in elements].count("script") == 1
    assert not [tag for tag, _ in elements if tag in {"img", "iframe", "b", "secret"}]
    assert not [a for _, a in elements if any(name.startswith("on") for name in a)]
    script = re.search("<script>(.*?)</script>", source, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in source
    assert "default-src 'none'" in source
    assert "@@SCRIPT@@" in Page(source).text
    assert "\u202e" not in source


def test_audits_with_one_title_are_one_line_of_history(source):
    history = source[source.index('<table class="history">') : source.index('<table class="audits">')]
    (shop,) = re.findall(r'<tr><th scope="row">Shop</th>(.*?)</tr>', history)
    gate, security, *_ = re.findall(r"<svg.*?</svg>", shop, re.DOTALL)
    assert re.findall(r'<g class="(\w+)"', gate) == ["good", "bad", "good"]
    assert re.findall(r'<g class="(\w+)"', security) == ["unsure", "bad", "good"]
    labels = re.search('aria-label="([^"]*)"', security)[1].split("; ")
    assert labels == [
        "2026-01-02 12:00:00: suspicious",
        "2026-01-02 13:00:00: backdoored",
        "2026-01-03 12:00:00: no evidence",
    ]


def test_the_gate_of_each_audit_is_that_of_its_findings(found, source):
    gates = {audit.folder.as_posix(): audit.gate for audit in found.audits}
    assert gates["b"] == Word("gate", "good", "PASSED")
    assert gates["deep/er/c"] == Word("gate", "bad", "FAILED")
    assert gates[SCHEME] == Word("gate", "unsure", "UNREADABLE")
    assert gates["own"] is None
    assert source.count(">PASSED<") == 2


def test_measurements_of_several_audits_are_small_lines(found, source):
    trends = source[source.index('<h2 id="trends">') :]
    assert re.findall("<h3>(.*?)</h3>", trends) == ["Shop"]
    (row,) = re.findall(r'<tr><th scope="row">clean accuracy as received</th>(.*?)</tr>', trends)
    told = re.search('aria-label="([^"]*)"', row)[1].split("; ")
    assert told == [
        "2026-01-02 12:00:00: 0.9500",
        "2026-01-02 13:00:00: 0.9827",
        "2026-01-03 12:00:00: 0.9900",
    ]
    line = [tuple(map(float, at.split(","))) for at in re.search('points="([^"]*)"', row)[1].split()]
    assert [x for x, _ in line] == sorted({x for x, _ in line})
    heights = np.array([y for _, y in line])
    values = np.array([0.95, 0.9827, 0.99])
    # The axis is linear, and the page's goes down.
    assert (heights[0] - heights) / (heights[0] - heights[-1]) == pytest.approx(
        (values - values[0]) / (values[-1] - values[0]), abs=0.01
    )
    assert "0.9900" in row.rpartition("Latest")[2]
    elements = Page("".join(trend_sections(found.audits))).elements
    assert not [attributes for _, attributes in elements if "style" in attributes]


def test_a_small_line_of_equal_values_lies_in_the_middle():
    line = small_line([Point("one", 0.5), Point("two", 0.5)])
    heights = {at.split(",")[1] for at in re.search('points="([^"]*)"', line)[1].split()}
    assert heights == {"15.0"}


def test_a_long_history_shows_the_latest_marks():
    many = [
        FoundAudit(
            folder, "T", f"2026-01-{30 - n:02} 00:00:00", (Word("privacy", "good", str(30 - n)),), None
        )
        for n, folder in enumerate([__import__("pathlib").Path("x")] * 30)
    ]
    (row,) = history_rows(many)
    assert row.count("<g class") == MOST_MARKS
    assert "6 earlier" in row
    assert row.count("not audited") == 2
    assert row.count("no verdict") == 1  # of the gate
    assert "2026-01-30 00:00:00: 30" in row
    assert "2026-01-06" not in row


def test_the_same_folder_gives_the_same_bytes(found, folder, tmp_path):
    first = write_index(found, folder, tmp_path / "one.html").read_bytes()
    assert write_index(find_audits(folder), folder, tmp_path / "two.html").read_bytes() == first


def test_a_page_elsewhere_links_back(found, folder, tmp_path):
    page = write_index(found, folder, tmp_path / "pages" / "index.html")
    addresses = [a["href"] for tag, a in Page(page.read_text(encoding="utf-8")).elements if tag == "a"]
    assert all((page.parent / unquote(address)).is_file() for address in addresses if address != "#audits")


def test_an_index_is_written_again_and_nothing_else_is_written_over(found, folder, tmp_path):
    page = tmp_path / "index.html"
    write_index(found, folder, page)
    write_index(found, folder, page)
    for text in ("<html>mine</html>", ""):
        page.write_text(text)
        with pytest.raises(UsageError, match="index of audits"):
            write_index(found, folder, page)
        assert page.read_text() == text
    page.unlink()
    for name, text in (("other", "kept"), ("index", '<meta name="generator" content="trivet view">')):
        (tmp_path / name).write_text(text)
        page.symlink_to(tmp_path / name)
        with pytest.raises(UsageError, match="index of audits"):
            write_index(found, folder, page)
        assert (tmp_path / name).read_text() == text
        page.unlink()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        find_audits(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("count", "most"), [(80, 200_000), pytest.param(500, 650_000, marks=pytest.mark.slow)]
)
def test_many_audits_are_all_there(tmp_path, count, most):
    first = write_audit(tmp_path / "0", example_record())
    for number in range(1, count):
        shutil.copytree(first, tmp_path / str(number))
    found = find_audits(tmp_path)
    assert len(found.audits) == count
    page = index_page(found, name="runs")
    assert page.count('<tr><td><span class="title">') == count
    assert len(page) < most


def test_the_table_is_sorted_by_a_click(found, folder, tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("chromium is not installed")
    page_file = write_index(found, folder, tmp_path / "index.html")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        said = []
        page.on("console", lambda message: said.append(message.text))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(page_file.as_uri())
        column = "rows => rows.map(row => row.cells[3].innerText.trim())"
        page.click("table.audits th:nth-child(4) button")
        up = page.eval_on_selector_all("table.audits tbody tr", column)
        page.click("table.audits th:nth-child(4) button")
        down = page.eval_on_selector_all("table.audits tbody tr", column)
        page.set_viewport_size({"width": 390, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    order = ["", "✓ no evidence", "? suspicious", "! backdoored"]
    assert up == sorted(up, key=order.index)
    assert down == list(reversed(up))
    assert (said, wide) == ([], 390)
