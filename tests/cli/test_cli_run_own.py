"""``trivet run`` with a plan and finished audits: they reach record, policy, manifest and report."""

import hashlib
import json

import pytest
from pydantic import TypeAdapter

from example_fairness import example_audit, example_comparison
from example_privacy import example_mechanism, example_membership
from trivet.cli.main import main
from trivet.record import load_record

CONFIG = """
[audit]
study = false
out = "out"

[privacy]
audits = ["done/mechanism.json", "done/membership.json"]

[privacy.plan]
epsilon = 1.0
delta = 1e-6

[[privacy.plan.queries]]
name = "residents by district"
cells = 92
touches = 1

[[privacy.plan.queries]]
name = "income"
kind = "sum"
bounds = [0, 200_000]

[fairness]
audits = ["done/comparison.json", "done/audit.json"]

[policy]
require = [
  "fairness.comparison.baseline.verdict == 'in band'",
  "fairness.audit.attributes[name=gender].groups[group=Female].disparate_impact.value < 0.8",
  "fairness.comparison.models[name=learned].accuracy.value >= 0.8",
]
"""
AUDITS = {
    "mechanism": example_mechanism,
    "membership": example_membership,
    "audit": example_audit,
    "comparison": example_comparison,
}


def write_files(folder):
    (folder / "audit.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "done").mkdir()
    for name, make in AUDITS.items():
        audit = make()
        (folder / "done" / f"{name}.json").write_bytes(TypeAdapter(type(audit)).dump_json(audit))
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_files(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, trivet):
    folder = write_files(tmp_path_factory.mktemp("own"))
    return folder, trivet("run", folder / "audit.toml", "--json")


def test_plan_and_audits_reach_record_policy_manifest_and_report(finished):
    folder, done = finished
    out = folder / "out"
    assert done.code == 1, done.err  # one of the mechanisms violates its claim
    levels = {finding["id"]: finding["level"] for finding in done.json["findings"]}
    assert [levels[f"policy.{i}"] for i in (1, 2, 3)] == ["breach", "pass", "breach"]
    record = load_record(out)
    plan = record.privacy.plan
    assert plan.recommended.mechanism == plan.best_mechanism
    assert plan.recommended == plan.rows[plan.best]
    assert record.privacy.mechanisms[0].name == example_mechanism().name
    assert record.privacy.membership.verdict == example_membership().verdict
    assert (record.fairness.audit, record.fairness.comparison) == (example_audit(), example_comparison())
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["inputs"] == {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "done").iterdir()
    }
    assert set(manifest["files"]) == {f"done/{path.name}" for path in (folder / "done").iterdir()}
    assert set(manifest["files"].values()) == set(manifest["inputs"].values())
    assert manifest["invocation"] == {
        "command": "trivet run audit.toml",
        "config": {
            "name": "audit.toml",
            "sha256": hashlib.sha256((folder / "audit.toml").read_bytes()).hexdigest(),
        },
        "options": {},
    }
    page = (out / "report.html").read_text(encoding="utf-8")
    for name in ("plan", "mechanisms", "membership", "fairness", "mitigations"):
        assert f'id="sec:own-{name}"' in page
    for name in ("privacy_plan_noise", "fairness_mitigation_frontier"):
        assert f'id="fig:{name}"' in page
    for name in ("privacy_membership_groups", "fairness_audit_features"):
        assert (out / "figures" / f"{name}.pdf").exists()


@pytest.mark.slow
def test_the_report_is_drawn_again_from_the_record_alone(finished, trivet):
    page = finished[0] / "out" / "report.html"
    before = page.read_bytes()
    done = trivet("report", page.parent)
    assert done.code == 0, done.err
    assert page.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (("done/mechanism.json", "done/none.json"), 3, "cannot be read: No such file"),
        (("done/audit.json", "done/none.json"), 3, "cannot be read: No such file"),
        (("done/audit.json", "done/comparison.json"), 3, "2 comparisons of mitigations are named"),
        (("touches = 1", "touchs = 1"), 2, "did you mean touches?"),
        (("touches = 1", "touches = 93"), 2, "touches is 93, more than the 92 cells"),
        (("epsilon = 1.0", "epsilon = 0"), 2, "[privacy] plan.epsilon should be greater than 0"),
        (('audits = ["done/mechanism.json", "done/membership.json"]', "audits = [3]"), 2, "audits number 1"),
        (("[fairness]\naudits =", "[fairness]\naudit ="), 2, "did you mean audits?"),
        (("kind =", "kinds ="), 2, "did you mean kind?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder, capsys, change, code, message):
    path = folder / "audit.toml"
    path.write_text(CONFIG.replace(*change), encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        main(["run", str(path)])
    said = capsys.readouterr().err.splitlines()
    assert stopped.value.code == code
    assert message in said[-1]
    assert "Traceback" not in "".join(said)
    assert not (folder / "out" / "metrics.json").exists()
