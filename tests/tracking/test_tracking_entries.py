"""Entries of an audit: names that every tracker takes, the record's numbers, and files that hold no rows."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from example_audits import changed
from example_privacy import HOSTILE
from example_records import example_own_record, example_record
from trivet.errors import DataError, RecordError
from trivet.policy import measure
from trivet.record import as_json
from trivet.tracking.entries import COLUMNS, entries_of, legal

#: What MLflow takes in the name of a metric, as its own refusal says it.
LEGAL = re.compile(r"[\w.\-/ ]{1,250}")
WEIGHTS = "5d" * 32


@pytest.fixture(scope="module")
def entries(tracked):
    return entries_of(tracked)


def test_the_headline_is_named_as_a_policy_names_it(entries):
    record = as_json(example_own_record())
    metrics = entries.metrics
    for name, ending, place in (
        ("security/asr_after", "", "security.asr_after"),
        ("privacy/membership_auroc", "/lira-online", "privacy.membership.attacks[attack=lira-online].auroc"),
        (
            "fairness/disparate_impact",
            "/gender/Female",
            "fairness.audit.attributes[name=gender].groups[group=Female].disparate_impact",
        ),
        (
            "fairness/false_positive_rate_ratio",
            "/gender/Female",
            "fairness.audit.attributes.0.measures[metric=false_positive_rate].groups[group=Female].ratio",
        ),
        ("privacy/training_epsilon", "/poisson", "privacy.training.guarantees[sampling=poisson].epsilon"),
        ("fairness/model_accuracy", "/massaging", "fairness.comparison.models[name=massaging].accuracy"),
    ):
        (found,) = measure(record, place)
        assert metrics[f"trivet/{name}{ending}"] == found.value
        assert metrics.get(f"trivet/{name}_low{ending}") == found.low
        assert metrics.get(f"trivet/{name}_high{ending}") == found.high


def test_every_measured_value_of_a_short_name_is_there(entries):
    record = as_json(example_own_record())
    impacts = [each for each in measure(record, "fairness.disparate_impact") if each.value is not None]
    named = [name for name in entries.metrics if name.startswith("trivet/fairness/disparate_impact/")]
    assert sorted(entries.metrics[name] for name in named) == sorted(each.value for each in impacts)


def test_what_was_not_measured_is_no_metric(entries):
    record = as_json(example_own_record())
    rates = measure(record, "fairness.equalized_odds_ratio")
    missing = [each for each in rates if each.value is None]
    assert missing  # of a group without positives
    named = [name for name in entries.metrics if name.startswith("trivet/fairness/equalized_odds_ratio/")]
    assert len(named) == len(rates) - len(missing)


def test_the_published_study_is_not_among_the_metrics():
    alone = changed(changed(example_record(), "security", None), "fairness", None)
    assert "trivet/privacy/spent_epsilon" not in entries_of(alone).metrics
    assert entries_of(alone).tags["trivet.study"] == "yes"


def test_tags_hold_gate_verdicts_and_digests(entries):
    tags = entries.tags
    assert tags["trivet.gate"] == "failed"
    assert tags["trivet.against"].startswith("against the default rules")
    assert int(tags["trivet.findings.breach"]) > 0
    assert tags["trivet.verdict/security/scan/poisened_model_4.pth"] == "backdoored, label 4"
    same = [tags[name] for name in tags if name.startswith("trivet.verdict/privacy/mechanisms/")]
    assert same == ["consistent", "violates"]  # of two mechanisms with the same name
    assert tags["trivet.sha256/poisened_model_4.pth"] == WEIGHTS
    assert re.fullmatch("[0-9a-f]{64}", tags["trivet.sha256/metrics.json"])


def test_files_are_report_and_record_and_no_rows(entries, tracked):
    assert set(entries.files) == {
        *("report.html", "metrics.json", "manifest.json", "findings.json", "findings.md")
    }
    assert entries.files["metrics.json"] == (tracked / "metrics.json").read_bytes()


def test_findings_are_rows(entries, tracked):
    document = json.loads((tracked / "findings.json").read_text(encoding="utf-8"))
    assert len(entries.rows) == len(document["findings"])
    for row, finding in zip(entries.rows, document["findings"], strict=True):
        told = dict(zip(COLUMNS, row, strict=True))
        assert (told["level"], told["message"]) == (finding["level"], finding["message"])


def test_a_record_alone_has_no_report_and_no_digests_of_data():
    found = entries_of(example_own_record())
    assert set(found.files) == {"metrics.json"}
    assert [name for name in found.tags if name.startswith("trivet.sha256/")] == [
        *("trivet.sha256/metrics.json", "trivet.sha256/poisened_model_4.pth")
    ]


def test_hostile_names_are_legal_in_every_tracker():
    record = example_own_record()
    for path in (
        "security.scan.checkpoint.name",
        "privacy.membership.attacks.0.attack",
        "privacy.mechanisms.0.name",
        "fairness.audit.attributes.0.name",
        "fairness.audit.attributes.0.groups.0.group",
    ):
        record = changed(record, path, f"../../{HOSTILE}\n" * 20)
    record = changed(record, "privacy.membership.best_attack", record.privacy.membership.attacks[0].attack)
    found = entries_of(record)
    for name in (*found.metrics, *found.tags):
        assert LEGAL.fullmatch(name)
        assert not {"", ".", ".."} & set(name.split("/"))
    assert all(len(value) <= 500 and value.isprintable() for value in found.tags.values())


def test_half_a_character_in_a_record_alone_is_written_as_its_escape():
    found = entries_of(changed(example_own_record(), "audit.title", "half \ud800"))
    assert b"half \\ud800" in found.files["metrics.json"]
    assert found.title == "half \\ud800"


@given(st.text(), st.text())
def test_two_names_stay_two(first, second):
    written = legal(first), legal(second)
    assert (written[0] == written[1]) == (first == second)
    for each in written:
        assert LEGAL.fullmatch(each)
        assert "/" not in each
        assert each.strip(".") not in {"", "."}


def test_many_measurements_are_cut_and_counted(entries, tracked, monkeypatch):
    names = [name for name in entries.metrics if not re.search(r"_(low|high)(/|$)", name)]
    monkeypatch.setattr("trivet.tracking.entries.MOST_FIGURES", 50)
    found = entries_of(tracked)
    kept = [name for name in found.metrics if not re.search(r"_(low|high)(/|$)", name)]
    assert kept == names[:50]
    assert found.left_out == len(names) - 50


def test_a_link_in_the_folder_is_refused(tracked, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine", encoding="utf-8")
    for name in ("report.html", "findings.md", "metrics.json", "manifest.json"):
        copy = tmp_path / name.replace(".", "-")
        copy.mkdir()
        for each in tracked.iterdir():
            (copy / each.name).write_bytes(each.read_bytes())
        (copy / name).unlink()
        (copy / name).symlink_to(secret)
        with pytest.raises((DataError, RecordError), match="symbolic link"):
            entries_of(copy)


def test_damaged_findings_are_no_gate(tracked, tmp_path):
    for each in tracked.iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
    (tmp_path / "findings.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="findings"):
        entries_of(tmp_path)
    with pytest.raises(RecordError, match="expected the output folder"):
        entries_of(tmp_path / "missing")
