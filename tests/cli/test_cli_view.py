"""``trivet view``: one report, an index of many, and nothing where there is nothing."""

import json
import webbrowser

import pytest

from example_audits import changed, write_audit
from example_records import example_record
from trivet.cli.small import view
from trivet.errors import DataError, UsageError


@pytest.fixture
def opened(monkeypatch):
    addresses = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


@pytest.fixture
def audits(tmp_path):
    top = tmp_path / "runs"
    for name in ("one", "two"):
        write_audit(top / name, changed(example_record(), "audit.title", name))
    (top / "bad").mkdir()
    (top / "bad" / "metrics.json").write_text("{")
    return top


def flat(text):
    return "".join(text.split("\n"))


def test_a_report_is_opened(audits, opened, capsys):
    assert view(audits / "one") == 0
    assert opened == [(audits / "one" / "report.html").as_uri()]
    assert flat(capsys.readouterr().out) == str(audits / "one" / "report.html")


def test_without_a_browser_the_path_alone_is_printed(audits, opened, capsys):
    assert view(audits / "one", browser=False) == 0
    assert (opened, flat(capsys.readouterr().out)) == ([], str(audits / "one" / "report.html"))


def test_a_browser_that_does_not_open_is_said(audits, monkeypatch, capsys):
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    assert view(audits / "one") == 0
    assert "No browser could be opened" in capsys.readouterr().out


def test_pages_of_other_commands_are_opened(tmp_path, opened):
    for name in ("scan.html", "repair.html"):
        (tmp_path / name).write_text("x")
    assert view(tmp_path) == 0
    assert opened == [(tmp_path / "repair.html").as_uri()]


def test_a_folder_of_audits_gets_an_index(audits, opened, capsys):
    assert view(audits) == 0
    assert opened == [(audits / "index.html").as_uri()]
    out = flat(capsys.readouterr().out)
    assert "bad/metrics.json was left out" in out
    first = (audits / "index.html").read_bytes()
    assert view(audits, browser=False) == 0
    assert (audits / "index.html").read_bytes() == first


@pytest.mark.parametrize(("out", "page"), [("all.html", "all.html"), ("pages", "pages/index.html")])
def test_the_index_can_be_elsewhere(audits, tmp_path, out, page, capsys):
    assert view(audits, browser=False, out=tmp_path / out, json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["page"] == str(tmp_path / page)
    assert (document["audits"], document["opened"]) == (2, False)
    assert [each["file"] for each in document["damaged"]] == ["bad/metrics.json"]
    assert (tmp_path / page).is_file()
    assert not (audits / "index.html").exists()


def test_what_is_not_there_is_said(audits, tmp_path, opened):
    empty, only = tmp_path / "empty", tmp_path / "only"
    empty.mkdir()
    (only / "bad").mkdir(parents=True)
    (only / "bad" / "metrics.json").write_text("{")
    with pytest.raises(DataError, match="there is no folder"):
        view(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"there is no audit in .* `trivet run` makes one"):
        view(empty)
    with pytest.raises(DataError, match=r"1 cannot be read"):
        view(only)
    (audits / "one" / "report.html").unlink()
    with pytest.raises(DataError, match=r"a record and no report\.html; `trivet report"):
        view(audits / "one")
    with pytest.raises(UsageError, match="--out is for the index"):
        view(audits / "two", out=tmp_path / "x.html")
    assert opened == []
