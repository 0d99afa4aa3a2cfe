"""The action and the snippets of the documentation: valid YAML, and scripts that do what they say."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from trivet.findings import FINDINGS_FILES
from trivet.policy import SHORT_NAMES

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step.get("name", step.get("uses")): step for step in ACTION["runs"]["steps"]}
SNIPPETS = [
    yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
]


def run_step(name, folder, *, trivet="exit 0", **variables):
    """Run the script of a step as a runner does, with a `trivet` that does what it is told."""
    (folder / "bin").mkdir(exist_ok=True)
    stub = folder / "bin" / "trivet"
    stub.write_text(f'#!/bin/sh\necho "$@" >> "{folder}/calls"\n{trivet}\n')
    stub.chmod(0o755)
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]],
        cwd=folder,
        env={
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_step_can_be_run_and_every_input_is_used():
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert ACTION["runs"]["using"] == "composite"
    for step in ACTION["runs"]["steps"]:
        assert ("uses" in step) != ("run" in step)
        assert "run" not in step or step["shell"] == "bash"
    for name in ACTION["inputs"]:
        assert f"inputs.{name}" in text


def test_no_input_is_pasted_into_a_script():
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (1, 0), (2, 2), (3, 3)])
def test_the_audit_goes_on_after_a_breach_and_stops_at_a_failure(tmp_path, code, ends):
    done = run_step("Audit", tmp_path, trivet=f"exit {code}", CONFIG="a b.toml; echo x", OUT="o ut")
    assert done.returncode == ends
    assert (tmp_path / "output").read_text() == f"code={code}\n"
    assert (tmp_path / "calls").read_text() == "run a b.toml; echo x --out o ut\n"


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_findings_reach_the_summary_and_code_scanning(tmp_path, code, ends):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "findings.md").write_text("## trivet\n")
    done = run_step("Findings", tmp_path, trivet=f"echo log; exit {code}", CONFIG="audit.toml", OUT="out")
    assert done.returncode == ends
    assert (tmp_path / "summary").read_text() == "## trivet\n"
    assert (tmp_path / "out" / "code-scanning.sarif").read_text() == "log\n"
    asked = (tmp_path / "calls").read_text()
    assert asked == "gate out --config audit.toml --format sarif --only-problems\n"
    assert STEPS["Alerts"]["with"]["sarif_file"].endswith("/code-scanning.sarif")


@pytest.mark.parametrize("code", [0, 1])
def test_the_gate_ends_with_the_code_of_the_audit(tmp_path, code):
    assert run_step("Gate", tmp_path, CODE=str(code)).returncode == code


def test_the_action_installs_what_the_repository_has():
    assert "$TRIVET/constraints.txt" in STEPS["Install trivet"]["run"]
    assert (ROOT / "constraints.txt").exists()


def test_the_snippets_of_the_page_use_the_action_and_the_files():
    github, gitlab = SNIPPETS
    (job,) = github["jobs"].values()
    (used,) = [step for step in job["steps"] if "/trivet@" in step["uses"]]
    assert used["with"].keys() <= ACTION["inputs"].keys()
    assert github["permissions"]["security-events"] == "write"
    report = gitlab["audit"]["artifacts"]["reports"]["junit"]
    assert Path(report).name in FINDINGS_FILES
    assert any(f"--out {Path(report).parent}" in line for line in gitlab["audit"]["script"])


def test_the_page_lists_every_short_name_and_every_file():
    listed = re.search(r"^```text\n(security\.verdict.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]
    assert sorted(listed.split()) == sorted(SHORT_NAMES)
    for name in FINDINGS_FILES:
        assert f"| `{name}` |" in PAGE
