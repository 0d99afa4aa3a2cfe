"""Documents say what the record, the manifest and the findings say, and nothing else."""

import json
import re

import pytest

from example_evidence import STARTED, saved
from example_records import example_record, own_record, whole_own_record
from trivet.errors import DataError, RecordError, UsageError
from trivet.evidence import About, write
from trivet.evidence.figures import figures_of
from trivet.findings import CATALOGUE, findings_of
from trivet.findings.taxonomies import _BEARS_ON, FRAMEWORKS, REQUIREMENTS, items_of
from trivet.place import find
from trivet.record import as_json
from trivet.wording import rounded

CONFIG = {"name": "audit.toml", "sha256": "ab" * 32}
ORIGIN = {
    "invocation": {"command": "trivet run audit.toml", "config": CONFIG, "options": {}},
    "files": {"data/loans.csv": "cd" * 32},
}
RECORDS = {"study": example_record, "own": lambda: whole_own_record()[0]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}
    for name, make in RECORDS.items():
        made[name] = saved(make(), tmp_path_factory.mktemp(name), origin=ORIGIN)
        write(made[name])
    return made


def load(folder, name):
    return json.loads((folder / "evidence" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", RECORDS)
def test_the_same_audit_writes_the_same_bytes(name, folders, tmp_path):
    again = write(folders[name], tmp_path)
    assert again.folder == str(tmp_path)
    for file in again.files:
        assert (tmp_path / file).read_bytes() == (folders[name] / "evidence" / file).read_bytes()


@pytest.mark.parametrize("name", RECORDS)
def test_the_statement_has_weights_data_configuration_and_every_test(name, folders):
    record = as_json(RECORDS[name]())
    statement = load(folders[name], "test-result.json")
    checkpoint = record["security"]["scan"]["checkpoint"]
    subjects = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    assert subjects == {checkpoint["name"]: checkpoint["sha256"], "data/loans.csv": "cd" * 32}
    predicate = statement["predicate"]
    assert predicate["configuration"] == [{"name": "audit.toml", "digest": {"sha256": "ab" * 32}}]
    found = findings_of(record)
    levels = {"pass": "passedTests", "warning": "warnedTests", "breach": "failedTests"}
    for level, tests in levels.items():
        assert predicate[tests] == [each.id for each in found if each.level == level]
    assert predicate["result"] == "FAILED"


def test_the_result_follows_from_the_findings(tmp_path):
    fine = own_record(privacy=example_record().privacy)
    write(saved(fine, tmp_path / "fine"))
    predicate = load(tmp_path / "fine", "test-result.json")["predicate"]
    levels = {each.level for each in findings_of(as_json(fine))}
    assert predicate["result"] == (
        "FAILED" if "breach" in levels else "WARNED" if "warning" in levels else "PASSED"
    )
    assert load(tmp_path / "fine", "test-result.json")["subject"][0]["name"] == "metrics.json"


@pytest.mark.parametrize("name", RECORDS)
def test_every_figure_is_the_number_of_the_record(name, folders):
    record = as_json(RECORDS[name]())
    figures = figures_of(record)
    assert len({figure.place for figure in figures}) == len(figures)
    for figure in figures:
        there = find(record, figure.place)
        if isinstance(there, dict):
            assert (figure.value, figure.low, figure.high) == (there["value"], there["low"], there["high"])
        else:
            assert figure.value == there
    card = load(folders[name], "bom.cdx.json")["components"][0]["modelCard"]
    metrics = card["quantitativeAnalysis"]["performanceMetrics"]
    known = [figure for figure in figures if figure.value is not None]
    assert [float(each["value"]) for each in metrics] == [figure.value for figure in known]
    for metric, figure in zip(metrics, known, strict=True):
        interval = metric.get("confidenceInterval", {})
        assert interval.get("lowerBound", "") == ("" if figure.low is None else repr(figure.low))
        assert metric.get("slice", "") == figure.part
    markdown = (folders[name] / "evidence" / "annex-iv.md").read_text(encoding="utf-8")
    page = (folders[name] / "evidence" / "annex-iv.html").read_text(encoding="utf-8")
    shown = [repr(rounded(figure.value, figure.low, figure.high)) for figure in known]
    assert all(each in markdown and each in page for each in shown)
    assert not re.search(r"\b0\.\d{9}", markdown)


def test_every_group_has_its_figures_and_its_assessment():
    record = as_json(whole_own_record()[0])
    parts = {figure.part for figure in figures_of(record)}
    for attribute in record["fairness"]["audit"]["attributes"]:
        for group in attribute["groups"]:
            assert f"{attribute['name']} = {group['group']}" in parts
    for attack in record["privacy"]["membership"]["attacks"]:
        assert f"attack {attack['attack']}" in parts


def test_a_figure_that_could_not_be_measured_is_said_with_its_reason(folders):
    unknown = [each for each in figures_of(as_json(RECORDS["own"]())) if each.value is None]
    assert unknown
    markdown = (folders["own"] / "evidence" / "annex-iv.md").read_text(encoding="utf-8")
    _, _, below = markdown.partition("### What could not be measured")
    assert all(each.reason in below for each in unknown if each.reason)


def test_a_backdoor_is_a_vulnerability_of_the_weights(folders):
    bom = load(folders["study"], "bom.cdx.json")
    (backdoor,) = bom["vulnerabilities"]
    assert backdoor["affects"] == [{"ref": bom["components"][0]["bom-ref"]}]
    assert "cwes" not in backdoor  # none fits
    assert {"AML.T0018.000", "NISTAML.023"} <= {each["id"] for each in backdoor["references"]}
    digest = as_json(example_record())["security"]["scan"]["checkpoint"]["sha256"]
    assert bom["components"][0]["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_nothing_is_a_vulnerability_without_a_backdoor(tmp_path):
    write(saved(own_record(fairness=whole_own_record()[0].fairness), tmp_path))
    assert "vulnerabilities" not in load(tmp_path, "bom.cdx.json")


@pytest.mark.parametrize("name", RECORDS)
def test_conformance_is_scored_for_the_own_tests_alone(name, folders):
    bom = load(folders[name], "bom.cdx.json")
    scored = {}
    for entry in bom["declarations"]["attestations"][0]["map"]:
        scored[entry["requirement"]] = entry["conformance"].get("score")
    for finding in findings_of(as_json(RECORDS[name]())):
        assert scored.pop(f"policy-{finding.id}") == {"pass": 1.0, "breach": 0.0}.get(finding.level)
    assert set(scored.values()) == {None}
    assert {each.partition(":")[0] for each in scored} <= set(FRAMEWORKS)
    standards = {each["bom-ref"]: each["version"] for each in bom["definitions"]["standards"]}
    assert standards["atlas"] == "2026.07"
    assert "T0058" not in json.dumps(bom)  # withdrawn in that version


def test_every_rule_that_measures_bears_on_something():
    record = as_json(whole_own_record()[0])
    for finding in findings_of(record):
        assert items_of(finding), finding.rule
    assert {item.framework for item in REQUIREMENTS.values()} == set(FRAMEWORKS)
    silent = {rule for rule in CATALOGUE if rule.startswith(("correction.", "policy."))}
    assert set(_BEARS_ON) == {rule for rule in CATALOGUE if not rule.startswith("fairness.")} - silent


def test_the_annex_is_dated_and_names_command_seed_and_digests(folders):
    for name in ("annex-iv.md", "annex-iv.html"):
        text = (folders["own"] / "evidence" / name).read_text(encoding="utf-8")
        assert STARTED.strftime("%Y-%m-%dT%H:%M:%SZ") in text
        for said in ("trivet run audit.toml", "ab" * 32, "cd" * 32, "2(g)", "2(h)", "3 Cap", "4 Approp"):
            assert said in text
    record = (folders["own"] / "evidence" / "metrics.json").read_bytes()
    assert record == (folders["own"] / "metrics.json").read_bytes()


def test_the_page_is_whole_and_asks_nothing_from_anywhere(folders):
    page = (folders["own"] / "evidence" / "annex-iv.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert not re.findall(r"<(?:script|img|link|iframe)|https?://(?!\S*</)", page)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("metrics.json", None, RecordError),
        ("manifest.json", None, DataError),
        ("findings.json", None, DataError),
        ("manifest.json", "[]", DataError),
        ("manifest.json", "{}", DataError),
        ("manifest.json", '{"started": "yesterday"}', DataError),
        ("findings.json", "{}", DataError),
        ("findings.json", "[" * 100_000, DataError),
    ],
)
def test_an_audit_that_is_not_whole_is_refused(name, content, error, tmp_path):
    folder = saved(own_record(privacy=example_record().privacy), tmp_path)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(error):
        write(folder)
    assert not (folder / "evidence").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"released": "soon"},
        {"released": "20261130"},
        {"supplier": " "},
        {"supplier": "a\nb"},
        {"model_version": "x" * 501},
        {"download": "models.example"},
        {"download": "https://a b"},
    ],
)
def test_what_no_format_can_hold_is_refused(wrong):
    with pytest.raises(UsageError):
        About(**wrong)
