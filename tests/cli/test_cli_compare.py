"""``trivet compare`` on finished audits: exit codes, three outputs, files, and what is refused."""

import json
import re
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from example_audits import changed, write_audit
from example_fairness import example_audit
from example_privacy import example_plan
from example_records import example_own_record, example_record, own_record
from example_scan import rate_of
from trivet.cli.compare import compare
from trivet.comparison import Comparison
from trivet.errors import RecordError, UsageError
from trivet.record import FairnessLeg, PrivacyLeg

NAME = "[bold]red[/] \x1b[31m|<b>"


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    top = tmp_path_factory.mktemp("audits")
    worse = changed(example_record(), "security.repair.attempts.0.asr.after", rate_of(0.25))
    worse = changed(worse, "security.published.norm_ratio", 0.9)
    strange = changed(example_own_record(), "fairness.audit.attributes.0.groups.0.group", NAME)
    strange = changed(strange, "fairness.audit.attributes.0.most_disparate", NAME)
    return {
        "plain": write_audit(top / "plain", example_record()),
        "worse": write_audit(top / "worse", worse, manifest=None),
        "own": write_audit(top / "own", example_own_record()),
        "strange": write_audit(top / "strange", strange),
    }


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")


def test_a_regression_ends_with_one_and_its_opposite_with_zero(audits, capsys):
    assert compare(audits["plain"], audits["worse"]) == 1
    out = capsys.readouterr().out
    assert "✗ worse: ASR after unlearn: 0.0031 → 0.2500 (difference +0.2" in out
    assert "✗ 1 regression;" in out
    assert compare(audits["worse"], audits["plain"]) == 0
    out = capsys.readouterr().out
    # The ratio of norms is worse, which is no regression, and the line does not look as if all were well.
    assert "? No verdict and no headline measurement got measurably worse;" in out
    assert "1 value is worse and no regression:" in " ".join(out.split())


def test_the_same_audit_twice_says_so(audits, capsys):
    assert compare(audits["own"], audits["own"]) == 0
    out = capsys.readouterr().out
    assert "✓ The two records are the same." in out
    assert "everything else that differs" not in out


@pytest.mark.parametrize("options", [{}, {"markdown": True}])
def test_equal_records_have_no_caveats(audits, tmp_path, capsys, options):
    bare = write_audit(tmp_path / "bare", example_record(), manifest=None)
    assert compare(audits["plain"], bare, **options) == 0
    out = capsys.readouterr().out
    assert "The two records are the same." in out
    assert "manifest.json" not in out
    assert "independent samples" not in out


def test_the_order_is_cautions_verdicts_headline_and_the_rest(audits, capsys):
    compare(audits["plain"], audits["worse"])
    out = capsys.readouterr().out
    parts = [
        "has no manifest.json",
        "headline  ",
        "everything else that differs",
        "or within noise",
        "✗ worse:",
    ]
    places = [out.index(part) for part in parts]
    assert places == sorted(places)
    # No verdict is another one, and what stays as it was is counted and not listed.
    assert "\nverdicts" not in out
    assert "own predictions" not in out
    assert "- norm ratio as published: 0.0" in out
    assert "the same, or noise" not in out
    compare(audits["plain"], audits["worse"], all=True)
    out = capsys.readouterr().out
    assert "- title: An example audit → An example audit: same" in out
    assert "\nverdicts" in out
    assert "or within noise" not in out


def test_tables_fit_eighty_columns(audits, capsys):
    compare(audits["plain"], audits["strange"], all=True)
    lines = capsys.readouterr().out.splitlines()
    tables = [
        line
        for line in lines
        if re.search(r"\S {2,}\S", line) and not line.startswith(("-", "before", "after"))
    ]
    assert len(tables) > 10
    assert max(map(len, tables)) <= 80


def test_many_changes_are_cut_on_the_terminal_alone(audits, tmp_path, capsys):
    label = example_record().security.scan.labels[0]
    others = tuple(changed(label, "label", number) for number in range(100, 145))
    record = changed(example_record(), "security.scan.labels", others)
    after = write_audit(tmp_path / "after", record)
    compare(audits["plain"], after)
    out = capsys.readouterr().out
    said = (
        "and 15 more values that differ (15 of security): --all lists them"  # 45 added, 10 removed, 40 shown
    )
    assert said in " ".join(out.split())
    compare(audits["plain"], after, all=True)
    out = capsys.readouterr().out
    assert "more values that differ" not in out
    assert out.count(": only after") == 45


def test_json_is_one_document_that_is_read_back(audits, capsys):
    assert compare(audits["plain"], audits["worse"], json=True) == 1
    document = json.loads(capsys.readouterr().out)
    assert document.pop("files") == []
    found = TypeAdapter(Comparison).validate_python(document)
    assert len(found.regressions) == 1
    assert found.after.folder == "worse"


def test_files_are_written_and_named(audits, tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    assert compare(audits["plain"], audits["worse"], out=out) == 1
    printed = capsys.readouterr().out
    names = ["comparison.json", "compare.html", "figures/compared_differences.svg"]
    assert all((out / name).is_file() and str(out / name) in printed for name in names)
    content = (out / "comparison.json").read_bytes()
    assert TypeAdapter(Comparison).validate_json(content).regressions
    assert compare(audits["plain"], audits["worse"], out=out, json=True) == 1
    assert (out / "comparison.json").read_bytes() == content


def test_markdown_goes_to_standard_output_alone(audits, capsys):
    assert compare(audits["plain"], audits["worse"], markdown=True) == 1
    out = capsys.readouterr().out
    assert out.startswith("## What changed between two audits\n")
    assert "### Regressions" in out
    assert "| ASR after unlearn | 0.0031 (0.0017 to 0.0052) | 0.2500 " in out


def test_names_of_strangers_are_shown_and_not_obeyed(audits, capsys):
    compare(audits["own"], audits["strange"])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]red[/]" in "".join(out.split("\n"))


def test_what_is_no_audit_is_refused(audits, tmp_path):
    with pytest.raises(RecordError, match="expected the output folder of `trivet run`"):
        compare(audits["plain"], tmp_path)
    with pytest.raises(RecordError, match=r"there is no metrics\.json"):
        compare(tmp_path / "nowhere", audits["plain"])
    with pytest.raises(UsageError, match="ask for one of them"):
        compare(audits["plain"], audits["plain"], markdown=True, json=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        compare(audits["plain"], audits["plain"], out=tmp_path / "file")


def test_what_has_nothing_in_common_is_not_fine(tmp_path, capsys):
    plan = PrivacyLeg(plan=example_plan())
    for name, legs in {
        "plan": {"privacy": plan},
        "people": {"fairness": FairnessLeg(example_audit())},
        "both": {"privacy": plan, "fairness": FairnessLeg(example_audit())},
    }.items():
        write_audit(tmp_path / name, own_record(**legs))
    plan, people, both = (tmp_path / name for name in ("plan", "people", "both"))
    assert compare(people, plan) == 3
    assert "? Nothing was compared: no verdict and no headline measurement" in capsys.readouterr().out
    assert compare(both, plan) == 0
    out = capsys.readouterr().out
    assert "? No verdict and no headline measurement got measurably worse" in out
    assert "The fairness leg is in the first audit only." in out
    assert compare(plan, both) == 0
    assert "✓ No verdict and no headline measurement got measurably worse" in capsys.readouterr().out
    assert compare(plan, plan) == 0


def test_a_tolerance_is_said_in_every_output_and_can_take_a_regression_away(audits, capsys):
    asked = {"tolerance": ("security.asr_after=0.5", "1%")}
    assert compare(audits["plain"], audits["worse"], **asked) == 0
    out = capsys.readouterr().out
    assert "Tolerance: security.asr_after=0.5, 1%." in out
    assert "✓ No verdict and no headline measurement got measurably worse" in out
    assert compare(audits["plain"], audits["worse"], **asked, markdown=True) == 0
    assert "- tolerance: `security.asr_after=0.5`, `1%`" in capsys.readouterr().out
    assert compare(audits["plain"], audits["worse"], **asked, json=True) == 0
    assert json.loads(capsys.readouterr().out)["tolerances"] == ["security.asr_after=0.5", "1%"]


def test_what_differs_is_named_as_findings_name_it_and_no_two_alike(audits, capsys):
    compare(audits["plain"], audits["own"], json=True)
    document = json.loads(capsys.readouterr().out)
    titles = [each["title"] for each in document["changed"]]
    assert len(titles) > 100
    assert len(set(titles)) == len(titles)
    assert "true positive rate of Male (gender)" in titles
    assert not any(re.match(r"(security|privacy|fairness)\.", title) for title in titles)


def test_one_headline_measurement_is_not_spoken_of_as_several(tmp_path, capsys):
    fairness = replace(example_own_record().fairness, comparison=None, published=None)
    record = replace(example_own_record(), security=None, privacy=None, effects=None, fairness=fairness)
    other = changed(record, "fairness.audit.attributes.0.groups.1.rows", 9_999)
    before, after = (write_audit(tmp_path / name, each) for name, each in (("a", record), ("b", other)))
    compare(before, after, json=True)
    found = json.loads(capsys.readouterr().out)
    count = len(found["headline"])
    assert f"of {count} headline measurement{'s' if count > 1 else ''} " in found["statement"]
