"""The action and the snippets of the documentation: valid YAML, and scripts that do what they say."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from action_runner import Job, run_action

from trivet.errors import EXTRAS
from trivet.findings import FINDINGS_FILES
from trivet.policy import SHORT_NAMES
from trivet.tables.paths import SPREADSHEETS

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
JOBS = (ROOT / "docs" / "ci-jobs.md").read_text(encoding="utf-8")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step.get("name", step.get("uses")): step for step in ACTION["runs"]["steps"]}
SNIPPETS = [
    yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", JOBS, re.MULTILINE | re.DOTALL)
]
PLAN = """[audit]
study = false
[privacy.plan]
epsilon = 1.0
[[privacy.plan.queries]]
cells = 3
name = "a @octocat ::error::x"
[policy]
require = ["privacy.plan.epsilon <= 0.5"]
"""
PULL_REQUEST = {
    "action_path": str(ROOT),
    "repository": "o/r",
    "server_url": "https://github.com",
    "run_id": "5",
    "token": "token",
    "event.pull_request.number": "7",
}


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
    run_step("Audit", tmp_path, CONFIG="a.toml", OUT="o", BASELINE="b c; echo y")
    assert (tmp_path / "calls").read_text().endswith("run a.toml --out o --baseline b c; echo y\n")


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


def test_the_log_for_code_scanning_is_not_written_through_a_link(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "findings.md").write_text("## trivet\n")
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "out" / "code-scanning.sarif").symlink_to(tmp_path / "victim")
    assert run_step("Findings", tmp_path, trivet="echo log", CONFIG="a.toml", OUT="out").returncode == 0
    assert (tmp_path / "victim").read_text() == "precious"
    assert (tmp_path / "out" / "code-scanning.sarif").read_text() == "log\n"


@pytest.mark.parametrize("code", [0, 1])
def test_the_gate_ends_with_the_code_of_the_audit(tmp_path, code):
    assert run_step("Gate", tmp_path, CODE=str(code)).returncode == code


@pytest.fixture(scope="module")
def breached(tmp_path_factory):
    """A job whose audit is breached, run with trivet itself."""
    folder = tmp_path_factory.mktemp("job")
    (folder / "audit.toml").write_text(PLAN)
    return run_action(ACTION, Job(folder, {"code-scanning": "false"}, PULL_REQUEST))


def test_the_action_installs_the_least_caches_it_and_ends_with_the_verdict(breached):
    assert breached.failed == 1
    installed = [each for each in breached.calls if each.startswith("install")]
    assert installed == [f"install --quiet --constraint {ROOT}/constraints.txt {ROOT}"]
    cached = breached.used["Cache"]
    assert cached["path"] == "/home/runner/.cache/pip"
    assert re.fullmatch(r"trivet-Linux-X64-3\.\d+-[0-9a-f]{64}", cached["key"])
    assert breached.outputs["audit.outputs.code"] == "1"
    assert (breached.folder / "trivet-out" / "report.html").exists()
    assert "❌ FAILED" in (breached.folder / "summary").read_text()
    assert "Alerts" not in breached.used
    assert breached.used["Report"] == {
        "name": "trivet",
        "path": "trivet-out",
        "if-no-files-found": "ignore",
    }


def test_breaches_are_annotations_where_there_is_no_code_scanning(breached):
    (line,) = breached.logs["Annotations"].splitlines()
    assert line.startswith("::error file=audit.toml,line=9,title=trivet%3A policy.requirement::privacy.plan")


@pytest.mark.parametrize("refused", [(), ("Alerts",)], ids=["alerts", "refused"])
def test_alerts_that_are_refused_become_annotations_and_fail_nothing(breached, refused):
    steps = [STEPS["Alerts"], STEPS["Annotations"]]
    job = Job(breached.folder, {}, PULL_REQUEST, refused=refused)
    run_action({**ACTION, "runs": {"steps": steps}}, job)
    assert job.failed == 0
    assert ("::error " in job.logs.get("Annotations", "")) == bool(refused)


def test_the_comment_is_added_once_and_then_updated(breached):
    (comment,) = breached.comments
    assert comment["body"].startswith("<!-- trivet:audit.toml -->\n## trivet: ")
    assert "privacy.plan.epsilon" in comment["body"]
    assert "(https://github.com/o/r/actions/runs/5)" in comment["body"]
    posted = list(breached.calls)
    for _ in range(2):
        comment_again(breached)
    assert len(breached.comments) == 1
    added = breached.calls[len(posted) :]
    assert [each for each in added if "GET" not in each] == ["gh PATCH repos/o/r/issues/comments/1"] * 2


def comment_again(job, **changes):
    only = {**ACTION, "runs": {"steps": [STEPS["Comment"]]}}
    run_action(only, dataclasses.replace(job, failed=0, **changes))


def test_a_comment_that_somebody_else_began_alike_is_left_alone(breached, tmp_path):
    marker = "<!-- trivet:audit.toml -->"
    stranger = {"id": 1, "body": f"{marker} mine", "user": {"login": "eve", "type": "User"}}
    noise = [{"id": each, "body": "x", "user": {"login": "a", "type": "User"}} for each in range(2, 5)]
    (tmp_path / "comments.json").write_text(json.dumps([stranger, *noise]))
    (tmp_path / "trivet-out").mkdir()
    (tmp_path / "trivet-out" / "findings.md").write_text("## trivet: x\n")
    for _ in range(2):
        comment_again(breached, folder=tmp_path)
    comments = Job(tmp_path).comments
    assert comments[0] == stranger
    assert [each["id"] for each in comments] == [1, 2, 3, 4, 5]
    assert comments[4]["body"].startswith(marker)


@pytest.mark.parametrize(
    ("environment", "said"),
    [({"FORBIDDEN": "1"}, "403"), ({"COMMENTS": "/nowhere"}, "No such file")],
    ids=["forbidden", "broken"],
)
def test_a_comment_that_cannot_be_written_fails_no_gate(breached, tmp_path, environment, said):
    (tmp_path / "trivet-out").mkdir()
    (tmp_path / "trivet-out" / "findings.md").write_text("## trivet: x\n")
    job = dataclasses.replace(breached, folder=tmp_path, environment=environment, failed=0)
    run_action({**ACTION, "runs": {"steps": [STEPS["Comment"]]}}, job)
    assert job.failed == 0
    (line,) = job.logs["Comment"].splitlines()
    assert line.startswith("::warning title=trivet::The comment was not written: ")
    assert said in line
    assert "pull-requests, write" in line


def test_without_a_verdict_the_comment_says_so_and_keeps_nothing_of_the_last_one(breached, tmp_path):
    job = Job(tmp_path, {"config": "gone.toml", "out": "out"}, PULL_REQUEST)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "findings.md").write_text("## trivet: everything passed\n")
    run_action(ACTION, job)
    assert job.failed == 2
    assert job.outputs["audit.outputs.code"] == "2"
    (comment,) = job.comments
    assert "## trivet: no verdict" in comment["body"]
    assert "exit code 2" in comment["body"]
    assert "passed" not in comment["body"]
    assert {"Findings", "Annotations", "Gate"}.isdisjoint(job.logs)


def test_a_comment_reads_no_file_behind_a_link_and_fits(breached, tmp_path):
    folder = tmp_path / "trivet-out"
    folder.mkdir()
    (tmp_path / "secret").write_text("token of somebody")
    (folder / "findings.md").symlink_to(tmp_path / "secret")
    comment_again(breached, folder=tmp_path)
    assert Job(tmp_path).comments == []
    (folder / "findings.md").unlink()
    paragraphs = "\n\n".join(f"{number} {'x' * 900}" for number in range(200))
    (folder / "findings.md").write_text(f"## trivet: x\n\n<details>\n\n{paragraphs}\n\n</details>\n")
    comment_again(breached, folder=tmp_path)
    (comment,) = Job(tmp_path).comments
    assert 60_000 < len(comment["body"]) <= 65_536
    assert comment["body"].count("<details>") == comment["body"].count("</details>") == 1
    assert "The rest is in the summary of the job." in comment["body"]


def test_no_name_closes_the_marker_and_no_run_without_a_pull_request_comments(breached, tmp_path):
    (tmp_path / "trivet-out").mkdir()
    (tmp_path / "trivet-out" / "findings.md").write_text("## trivet: x\n")
    comment_again(breached, folder=tmp_path, inputs={"config": "a --> <b>$(touch pwned)`;\n.toml"})
    (comment,) = Job(tmp_path).comments
    assert comment["body"].splitlines()[0] == "<!-- trivet:a-b-touch-pwned-.toml -->"
    assert not (tmp_path / "pwned").exists()
    pushed = {**PULL_REQUEST, "event.pull_request.number": ""}
    comment_again(breached, folder=tmp_path, github=pushed)
    assert len(Job(tmp_path).comments) == 1


def extras_of(text, folder):
    path = folder / "audit.toml"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-S", "-I", ROOT / "tools" / "action_extras.py", path],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


OWN = "[audit]\nstudy = false\n"


@pytest.mark.parametrize(
    ("text", "extras"),
    [
        ("", "security"),
        (PLAN, ""),
        ("[audit]\nlegs = ['privacy']\n", ""),
        ("[audit]\nlegs = ['privacy']\neffects = true\n", "security"),
        (f"{OWN}[security.scan]\ncheckpoint = 'a.pth'\narch = 'mnist-cnn'\n", "security"),
        (f"{OWN}[security.scan]\ncheckpoint = 'A.ONNX'\n", "onnx,security"),
        (f"{OWN}[security.scan]\ncheckpoint = 'a.pth'\narch = 'timm:resnet18'\n", "security,timm"),
        (f"{OWN}[security.scan]\ncheckpoint = 'a.pth'\narch = 'torchvision:x'\n", "security,torchvision"),
        (f"{OWN}[security.scan]\ncheckpoint = 'a.pth'\narch = 'hf:here'\n", "security,transformers"),
        (f"{OWN}[security.scan]\ncheckpoint = 'a.keras'\n", "keras,security"),
        (f"{OWN}[fairness.table]\ntable = 'people.feather'\n", "arrow"),
        *((f"{OWN}[fairness.table]\ntable = 'people{each}:Sheet 1'\n", "excel") for each in SPREADSHEETS),
        ("not TOML", ""),
        ("security = 3\nfairness = [1, [2]]\naudit = 'x'\n", "security"),
    ],
)
def test_the_extras_are_those_that_the_audit_needs(tmp_path, text, extras):
    assert extras_of(text, tmp_path) == extras
    assert set(filter(None, extras.split(","))) <= set(EXTRAS.values())


def test_given_extras_are_installed_and_nothing_else_is_passed_on(tmp_path):
    only = {**ACTION, "runs": {"steps": [STEPS["Extras"], STEPS["Install trivet"]]}}
    job = run_action(
        only, Job(tmp_path, {"extras": "onnx, excel] --index-url=http://X\nkey=1"}, PULL_REQUEST)
    )
    (installed,) = [each for each in job.calls if each.startswith("install")]
    assert installed.endswith(f"/whl/cpu {ROOT}[onnx,excelindexurlhttpkey]")
    assert set(job.outputs) == {"extras.outputs.extras", "extras.outputs.pip", "extras.outputs.key"}


def test_the_action_installs_what_the_repository_has():
    assert "$TRIVET/constraints.txt" in STEPS["Install trivet"]["run"]
    assert (ROOT / "constraints.txt").exists()


def test_the_snippets_of_the_page_use_the_action_and_the_files():
    github, gitlab, pre_commit = SNIPPETS
    (job,) = github["jobs"].values()
    (used,) = [step for step in job["steps"] if "/trivet@" in step["uses"]]
    assert used["with"].keys() <= ACTION["inputs"].keys()
    assert {github["permissions"][each] for each in ("security-events", "pull-requests")} == {"write"}
    report = gitlab["audit"]["artifacts"]["reports"]["junit"]
    assert Path(report).name in FINDINGS_FILES
    assert any(f"--out {Path(report).parent}" in line for line in gitlab["audit"]["script"])
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert [each["id"] for each in pre_commit["repos"][0]["hooks"]] == [each["id"] for each in hooks]
    jenkins = re.search(r"^```groovy\n(.*?)^```", JOBS, re.MULTILINE | re.DOTALL)[1]
    assert f"junit '{report}'" in jenkins


def test_the_page_lists_every_input_with_its_default():
    for name, given in ACTION["inputs"].items():
        default = f"`{given['default']}`" if given["default"] else "none"
        assert f"| `{name}` | {default} |" in JOBS


@pytest.mark.parametrize(
    ("folder", "ends"), [("trivet-out", 0), pytest.param("gone", 1, marks=pytest.mark.slow)]
)
def test_the_report_of_gitlab_is_written_after_a_verdict_and_only_then(breached, tmp_path, folder, ends):
    (line,) = SNIPPETS[1]["audit"]["after_script"]
    (tmp_path / "audit.toml").write_text(PLAN)
    (tmp_path / "trivet-out").symlink_to(breached.folder / folder)
    subprocess.run(
        ["sh", "-c", line],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{breached.folder / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    written = tmp_path / "codequality.json"
    assert written.exists() == (ends == 0)
    if ends == 0:
        (issue, *_) = json.loads(written.read_text())
        assert (issue["severity"], issue["location"]["lines"]) == ("critical", {"begin": 9})


def test_the_page_lists_every_short_name_and_every_file():
    listed = re.search(r"^```text\n(security\.verdict.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]
    assert sorted(listed.split()) == sorted(SHORT_NAMES)
    for name in FINDINGS_FILES:
        assert f"| `{name}` |" in PAGE
