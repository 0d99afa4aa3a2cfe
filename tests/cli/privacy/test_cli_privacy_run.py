"""``trivet run`` with a plan and finished audits of one's own: they reach record, manifest and report."""

import hashlib
import json

import pytest
from pydantic import TypeAdapter

from example_privacy import example_mechanism, example_membership
from trivet.cli.main import main

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
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "audit.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "done").mkdir()
    for name, audit in (("mechanism", example_mechanism()), ("membership", example_membership())):
        (tmp_path / "done" / f"{name}.json").write_bytes(TypeAdapter(type(audit)).dump_json(audit))
    return tmp_path


def test_plan_and_audits_reach_record_manifest_and_report(folder, trivet):
    done = trivet("run", folder / "audit.toml", "--json")
    assert done.code == 1, done.err  # one of the mechanisms violates its claim
    record = json.loads((folder / "out" / "metrics.json").read_text(encoding="utf-8"))
    privacy = record["privacy"]
    assert privacy["plan"]["recommended"]["mechanism"] == privacy["plan"]["best_mechanism"]
    assert privacy["plan"]["recommended"] == privacy["plan"]["rows"][privacy["plan"]["best"]]
    assert privacy["mechanisms"][0]["name"] == example_mechanism().name
    assert privacy["membership"]["verdict"] == example_membership().verdict
    manifest = json.loads((folder / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["inputs"] == {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "done").iterdir()
    }
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    for name in ("sec:own-plan", "sec:own-mechanisms", "sec:own-membership", "fig:privacy_plan_noise"):
        assert f'id="{name}"' in page
    assert (folder / "out" / "figures" / "privacy_membership_groups.pdf").exists()
    drawn_again = trivet("report", folder / "out")
    assert drawn_again.code == 0, drawn_again.err
    assert (folder / "out" / "report.html").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (("done/mechanism.json", "done/none.json"), 3, "cannot be read: No such file"),
        (("touches = 1", "touchs = 1"), 2, "did you mean touches?"),
        (("touches = 1", "touches = 93"), 2, "touches is 93, more than the 92 cells"),
        (("epsilon = 1.0", "epsilon = 0"), 2, "[privacy] plan.epsilon should be greater than 0"),
        (('audits = ["done/mechanism.json", "done/membership.json"]', "audits = [3]"), 2, "audits.0"),
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
