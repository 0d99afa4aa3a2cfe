"""The command: the same judgement as a run, in every format, with its exit code."""

import json
import shutil
from dataclasses import replace

import jsonschema
import pytest
import yaml
from cyclopts import App
from junit_schema import complaints

from example_evidence import audited as audited_table
from example_records import example_own_record
from trivet.errors import RecordError, UsageError
from trivet.findings import FINDINGS_FILES, GATES, findings_schema
from trivet.record import save_record

MET, MISSED = "security.asr_after <= 0.05", "fairness.disparate_impact.high >= 0.8"


#: What the record breaches by default is taken out of the way, so that requirements alone decide.
WAIVED = "".join(
    f'[[policy.waivers]]\nrule = "{rule}"\nreason = "another test\'s"\nexpires = 9999-01-01\n'
    for rule in GATES
)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audited")
    save_record(example_own_record(), {}, folder)
    (folder / "waived.toml").write_text(WAIVED)
    return folder


@pytest.fixture
def gate(capsys):
    app = App(name="trivet", result_action="return_value")
    app.command("trivet.cli.run:gate", name="gate")

    def called(*arguments):
        code = app(["gate", *map(str, arguments)], exit_on_error=False, print_error=False)
        return code, capsys.readouterr().out

    return called


@pytest.mark.parametrize(
    ("requirements", "code"), [([MET], 0), ([MISSED], 1), ([MET, MISSED], 1), ([], 1), ([MET, MET], 0)]
)
def test_the_exit_code_says_whether_something_is_breached(gate, audited, requirements, code):
    asked = [part for each in requirements for part in ("--require", each)]
    asked += ["--config", audited / "waived.toml"] if requirements else []
    found, text = gate(audited, *asked)
    assert found == code
    assert ("✗ breach" in text) == bool(code)
    assert (MISSED in " ".join(text.split())) == (MISSED in requirements)


def test_the_card_comes_first_and_then_what_to_do_about_each_breach(gate, audited):
    text = gate(audited, "--require", MISSED, "--config", audited / "waived.toml")[1]
    lines = text.splitlines()
    assert lines[0] == "✗ FAILED  An example audit"
    assert lines[1] == "  against 1 requirement and the default rules, 10 waived"
    levels = [
        line.split()[1]
        for line in lines[8:]
        if line[:1] in "✓·?✗" and line[2:].startswith(("breach", "warn"))
    ]
    assert levels == sorted(levels, key=["breach", "warning"].index)
    assert f"✗ {MISSED}" in lines
    assert text.count("What to do: ") == 1
    assert lines[-1].startswith("Waived through ")


def test_the_policy_of_a_configuration_and_requirements_of_the_command_line_add_up(gate, audited, tmp_path):
    config = tmp_path / "audit.toml"
    config.write_text(f'[policy]\nrequire = ["{MISSED}"]\n')
    code, text = gate(audited, "--config", config, "--require", MET, "--json")
    document = json.loads(text)
    assert code == 1
    assert [each["title"] for each in document["findings"][:2]] == [MISSED, MET]
    assert document["config"] == "audit.toml"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("json", "findings.json"),
        ("junit", "findings.junit.xml"),
        ("sarif", "findings.sarif"),
        ("markdown", "findings.md"),
    ],
)
def test_a_printed_format_is_the_written_one(gate, audited, tmp_path, name, file):
    asked = ["--require", MET, "--config", audited / "waived.toml"]
    code, text = gate(audited, *asked, "--out", tmp_path / "new", "--format", name)
    assert code == 0
    assert (tmp_path / "new" / file).read_text(encoding="utf-8") == text
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(FINDINGS_FILES)


def test_formats_are_what_they_say(gate, audited):
    jsonschema.validate(json.loads(gate(audited, "--json")[1]), findings_schema())
    assert complaints(gate(audited, "--format", "junit")[1]) == []
    assert yaml.safe_load(gate(audited, "--format", "sarif")[1])["version"] == "2.1.0"
    assert gate(audited, "--format", "markdown")[1].startswith("## trivet: An example audit\n")


def test_only_problems_leaves_the_rest_out(gate, audited):
    asked = ["--require", MET, "--config", audited / "waived.toml"]
    code, text = gate(audited, *asked, "--format", "sarif", "--only-problems")
    (run,) = json.loads(text)["runs"]
    assert code == 0
    assert {result["kind"] for result in run["results"]} == {"fail"}
    assert len(
        json.loads(gate(audited, "--require", MET, "--format", "sarif")[1])["runs"][0]["results"]
    ) > len(run["results"])


def test_nothing_is_written_unless_asked(gate, audited):
    before = sorted(path.name for path in audited.iterdir())
    gate(audited, "--json")
    assert sorted(path.name for path in audited.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--require", "fairness.disparate_imapct >= 1"], UsageError, "nearest: fairness.disparate_impact"),
        (["--require", "security.verdict == 'fine'"], UsageError, "one of 'no evidence', 'suspicious'"),
        (["--require", "security.published.nothing == 1"], UsageError, "no record has"),
        (["--require", "nonsense"], UsageError, "cannot read 'nonsense'"),
        (["--config", "none.toml"], UsageError, "there is no none.toml"),
        (["--out", "metrics.json/below"], UsageError, "cannot be written"),
    ],
)
def test_what_cannot_be_asked(gate, audited, monkeypatch, arguments, error, message):
    monkeypatch.chdir(audited)
    with pytest.raises(error, match=message):
        gate(audited, *arguments)


def test_a_folder_without_a_record(gate, tmp_path):
    with pytest.raises(RecordError, match=r"there is no metrics\.json"):
        gate(tmp_path)


def test_a_record_without_a_leg_that_the_configuration_describes_is_not_judged(gate, tmp_path):
    """Else a change that adds a leg passes by the audit of before."""
    save_record(replace(example_own_record(), security=None, effects=None), {}, tmp_path)
    config = tmp_path / "audit.toml"
    config.write_text(
        "[audit]\nstudy = false\n[security.scan]\ncheckpoint = 'demo'\nimages = 'mnist'\n"
        "[privacy.plan]\nepsilon = 0.1\ndelta = 1e-5\n[[privacy.plan.queries]]\ncells = 3\n"
    )
    with pytest.raises(RecordError, match="has no security leg, which the configuration describes"):
        gate(tmp_path, "--config", config)
    config.write_text("[audit]\nstudy = true\n")
    with pytest.raises(RecordError, match="has no security leg, which the configuration describes"):
        gate(tmp_path, "--config", config)
    config.write_text("[audit]\nlegs = ['privacy', 'fairness']\n")
    assert gate(tmp_path, "--config", config)[0] == 1


def test_a_record_of_weights_or_data_that_changed_since_is_not_judged_as_of_them(gate, tmp_path, monkeypatch):
    """Else a hook on commits would let new data in by the audit of the old."""
    monkeypatch.chdir(tmp_path)
    place = audited_table(tmp_path)
    assert gate(place, "--config", tmp_path / "audit.toml")[0] == 1
    table = tmp_path / "data" / "loans.csv"
    content = table.read_text()
    table.write_text(content + "M,yes,yes\n")
    with pytest.raises(RecordError, match=r"of other content than these have by now.*loans\.csv"):
        gate(place, "--config", tmp_path / "audit.toml")
    assert gate(place)[0] == 1
    manifest = place / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"files": {"a": ["no digest"]}}))
    with pytest.raises(RecordError, match="of other content"):
        gate(place, "--config", tmp_path / "audit.toml")
    table.unlink()
    assert gate(place, "--config", tmp_path / "audit.toml")[0] == 1


def test_requirements_of_the_audit_s_own_policy_that_do_not_count_are_named(audited, tmp_path, capsys):
    app = App(name="trivet", result_action="return_value")
    app.command("trivet.cli.run:gate", name="gate")
    config = audited / "waived.toml"
    app(["gate", str(audited), "--require", MET, "--config", str(config), "--out", str(tmp_path / "own")])
    folder = tmp_path / "audit"
    shutil.copytree(audited, folder)
    shutil.copy(tmp_path / "own" / "findings.json", folder)
    capsys.readouterr()
    for asked, named in (([], True), (["--require", MET], False), (["--config", str(config)], False)):
        app(["gate", str(folder), *asked])
        said = capsys.readouterr().err
        assert (f"this does not count here: {MET}. Name its audit.toml with --config" in said) == named


def test_severities_of_the_audit_s_own_policy_that_do_not_count_are_named(audited, tmp_path, capsys):
    app = App(name="trivet", result_action="return_value")
    app.command("trivet.cli.run:gate", name="gate")
    folder = tmp_path / "audit"
    shutil.copytree(audited, folder)
    asked = [
        "--require",
        MISSED,
        "--severity",
        f"{MISSED}=warning",
        "--severity",
        "fairness.disparate-impact=warning",
    ]
    asked += ["--severity", "fairness.caution=breach"]
    app(["gate", str(audited), *asked, "--out", str(tmp_path / "own")])
    shutil.copy(tmp_path / "own" / "findings.json", folder)
    capsys.readouterr()
    app(["gate", str(folder)])
    said = capsys.readouterr().err
    for each in (MISSED, f"{MISSED}=warning", "fairness.caution=breach"):
        assert f"{each}; " in said or f"{each}. Name" in said
    app(["gate", str(folder), *asked])
    assert not capsys.readouterr().err
    app(["gate", str(folder), "--require", MISSED, "--severity", "fairness.caution=breach"])
    said = capsys.readouterr().err
    assert f"{MISSED}=warning" in said
    assert "fairness.caution" not in said
