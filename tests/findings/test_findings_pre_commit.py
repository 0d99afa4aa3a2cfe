"""The hooks, run by pre-commit itself from a clone of the repository that defines them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from example_records import example_own_record
from trivet.record import save_record

ROOT = Path(__file__).parent.parent.parent
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
HOOKS = {each["id"]: each for each in yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))}
pytest.importorskip("pre_commit")
IDENTITY = {f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def called(*arguments, cwd, home=None):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return subprocess.run(
        list(map(str, arguments)),
        cwd=cwd,
        env={
            **environment,
            **IDENTITY,
            "PATH": path,
            "PRE_COMMIT_HOME": str(home),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def committed(folder):
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "one")):
        done = called("git", *arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
    return called("git", "rev-parse", "HEAD", cwd=folder).stdout.strip()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A repository with a finished audit, that uses the hooks of another one."""
    place = tmp_path_factory.mktemp("pre-commit")
    hooks, own = place / "trivet", place / "own"
    hooks.mkdir()
    own.mkdir()
    (hooks / MANIFEST.name).write_bytes(MANIFEST.read_bytes())
    # Installed already, where pre-commit would make an environment with the network.
    used = [{"id": name, "language": "system", "pass_filenames": False} for name in HOOKS]
    source = {"repo": str(hooks), "rev": committed(hooks), "hooks": used}
    (own / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [source]}))
    (own / "audit.toml").write_text("")
    (own / "README.md").write_text("")
    (own / "trivet-out").mkdir()
    save_record(example_own_record(), {}, own / "trivet-out")
    committed(own)
    return own


def run(project, *arguments):
    command = (sys.executable, "-m", "pre_commit", "run", *arguments)
    return called(*command, cwd=project, home=project.parent / "home")


def test_the_definition_is_one(project):
    done = called(sys.executable, "-m", "pre_commit", "validate-manifest", MANIFEST, cwd=project)
    assert done.returncode == 0, done.stdout


def test_the_gate_judges_the_audit_where_the_policy_changed(project):
    (project / "audit.toml").write_text('[policy]\nrequire = ["privacy.plan.epsilon <= 0"]\n')
    called("git", "add", "-A", cwd=project)
    done = run(project)
    assert done.returncode == 1
    assert "trivet gate" in done.stdout
    assert "✗ FAILED" in done.stdout
    assert "required: privacy.plan.epsilon <= 0" in done.stdout
    assert "- exit code: 1" in done.stdout
    assert "trivet run" not in done.stdout  # before a push only


def test_a_policy_that_is_none_is_no_breach(project):
    (project / "audit.toml").write_text("[policy]\nrequire = ['no such place']\n")
    called("git", "add", "-A", cwd=project)
    done = run(project, "trivet-gate")
    assert "- exit code: 2" in done.stdout


def test_the_gate_passes_over_other_changes(project):
    done = run(project, "trivet-gate", "--files", "README.md")
    assert done.returncode == 0
    assert "(no files to check)Skipped" in done.stdout


@pytest.mark.parametrize(
    ("name", "files", "runs"),
    [
        ("trivet-run", "models/net.safetensors", True),
        ("trivet-run", "audit.toml", True),
        ("trivet-run", "not-audit.toml.txt", False),
        ("trivet-gate", "trivet-out/metrics.json", True),
        ("trivet-gate", "xmetrics.json", False),
    ],
)
def test_a_hook_looks_at_what_can_change_its_answer(name, files, runs):
    assert bool(re.search(HOOKS[name]["files"], files)) == runs
