"""``trivet run`` with finished audits of fairness: they reach record, policy, manifest and report."""

import hashlib
import json

import pytest
from pydantic import TypeAdapter

from example_fairness import example_audit, example_comparison
from trivet.cli.main import main
from trivet.record import load_record

CONFIG = """
[audit]
study = false
out = "out"

[fairness]
audits = ["done/comparison.json", "done/audit.json"]

[policy]
require = [
  "fairness.comparison.baseline.verdict == 'in band'",
  "fairness.audit.attributes[name=gender].groups[group=Female].disparate_impact.value < 0.8",
  "fairness.comparison.models[name=learned].accuracy.value >= 0.8",
]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "audit.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "done").mkdir()
    for name, audit in (("audit", example_audit()), ("comparison", example_comparison())):
        (tmp_path / "done" / f"{name}.json").write_bytes(TypeAdapter(type(audit)).dump_json(audit))
    return tmp_path


def test_audits_reach_record_policy_manifest_and_report(folder, trivet):
    done = trivet("run", folder / "audit.toml", "--json")
    assert done.code == 1, done.err
    levels = {finding["id"]: finding["level"] for finding in done.json["findings"]}
    assert [levels[f"policy.{i}"] for i in (1, 2, 3)] == ["breach", "pass", "breach"]
    fairness = load_record(folder / "out").fairness
    assert (fairness.audit, fairness.comparison) == (example_audit(), example_comparison())
    manifest = json.loads((folder / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["inputs"] == {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "done").iterdir()
    }
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    for name in ("sec:own-fairness", "sec:own-mitigations", "fig:fairness_mitigation_frontier"):
        assert f'id="{name}"' in page
    assert (folder / "out" / "figures" / "fairness_audit_features.pdf").exists()
    drawn_again = trivet("report", folder / "out")
    assert drawn_again.code == 0, drawn_again.err
    assert (folder / "out" / "report.html").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (("done/audit.json", "done/none.json"), 3, "cannot be read: No such file"),
        (("done/audit.json", "done/comparison.json"), 3, "2 comparisons of mitigations are named"),
        (("audits =", "audit ="), 2, "did you mean audits?"),
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
    assert not (folder / "out" / "metrics.json").exists()
