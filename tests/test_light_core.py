"""What works where PyTorch and OpenDP are not installed, and what is said where they are needed."""

import json
import subprocess
import sys

import pytest

from trivet.errors import UsageError, import_extra

BLOCKED = """
import importlib.metadata, sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "onnx", "timm", "opendp"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

distributions = importlib.metadata.distributions
importlib.metadata.distributions = lambda **of: () if of.get("name") == "torch" else distributions(**of)
sys.meta_path.insert(0, NoTorch())
"""
#: Of the other packages, what works on a network.
NETWORKS = {
    "trivet.effects.private_sgd",
    "trivet.effects.private_training",
    "trivet.effects.repairs",
    "trivet.privacy.code.sources.tensors",
    "trivet.privacy.membership.torch_classifier",
    "trivet.work.device",
}

#: What adds noise to real data.
RELEASES = {
    "trivet.privacy.releases.answers",
    "trivet.privacy.releases.noise",
    "trivet.privacy.releases.pricing",
    "trivet.privacy.releases.releasing",
}


def without_torch(program, *arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + program, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


#: Does several command lines, and tells the exit code, standard output and standard error of each.
COMMANDS = """
import contextlib, io, json
from trivet.cli import main

told = []
for line in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(line)
        except SystemExit as end:
            told.append((end.code, out.getvalue(), err.getvalue()))
print(json.dumps(told))
"""


def commands(*lines, cwd=None):
    done = without_torch(COMMANDS, json.dumps(lines), cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_only_networks_need_torch_and_only_releases_need_opendp():
    program = """
import importlib, json, pkgutil
from trivet.errors import UsageError
import trivet

failed = []
for module in pkgutil.walk_packages(trivet.__path__, "trivet."):
    try:
        module.name.endswith("__main__") or importlib.import_module(module.name)
    except (ImportError, UsageError):
        failed.append(module.name)
print(json.dumps(failed))
"""
    done = without_torch(program)
    assert done.returncode == 0, done.stderr
    failed = json.loads(done.stdout)
    assert {name for name in failed if not name.startswith("trivet.security.")} == NETWORKS | RELEASES


def test_a_command_that_needs_no_network_runs(tmp_path):
    line = ("privacy", "plan", "--epsilon", "1", "--queries", "3", "--sensitivity", "1", "--json")
    ((code, out, _),) = commands(line)
    assert code == 0
    assert json.loads(out)["best"]


def test_a_command_that_needs_one_names_the_extra_in_one_line(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"")
    lines = (
        ("scan", "weights.pth", "--arch", "mnist-cnn"),
        ("run",),
        ("scan", "--many", ".", "--arch", "mnist-cnn"),
        ("repair", "weights.pth", "--arch", "mnist-cnn"),
        ("zoo", "train"),
    )
    told = commands(*lines, cwd=tmp_path)
    assert [code for code, _, _ in told] == [2] * len(lines)
    for _, _, err in told:
        said = [line for line in err.splitlines() if line.startswith("trivet: ")]
        assert len(said) == 1
        assert "pip install 'trivet[security]'" in said[0]
        assert "Traceback" not in err


@pytest.mark.slow
def test_an_audit_without_the_security_leg_runs(tmp_path):
    (tmp_path / "audit.toml").write_text(
        "[audit]\nstudy = false\n[privacy.plan]\nepsilon = 1.0\n[[privacy.plan.queries]]\ncells = 3\n"
    )
    ((code, _, err),) = commands(("run", "audit.toml", "--out", "out"), cwd=tmp_path)
    assert code == 0, err
    libraries = json.loads((tmp_path / "out" / "manifest.json").read_text())["libraries"]
    assert "numpy" in libraries
    assert "torch" not in libraries


def test_a_release_names_its_extra_before_a_ledger_is_charged(tmp_path):
    (tmp_path / "people.csv").write_text("age\n40\n")
    ledger = ("privacy", "ledger", "l.db", "--create", "--epsilon", "1")
    release = ("privacy", "release", "people.csv", "--query", "count", "--epsilon", "1", "--ledger", "l.db")
    (created, *_), (code, _, err) = commands(ledger, release, cwd=tmp_path)
    assert created == 0
    assert code == 2
    assert "a private release needs opendp" in err
    assert "pip install 'trivet[release]'" in err


def test_the_leg_names_the_extra():
    done = without_torch(
        "from trivet.errors import UsageError\ntry:\n    from trivet.security import scan\n"
        "except UsageError as error:\n    print(error)\n"
    )
    assert "pip install 'trivet[security]'" in done.stdout


def test_an_optional_library_that_is_missing_is_a_usage_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UsageError, match=r"this needs timm, .* pip install 'trivet\[timm\]'"):
        import_extra("timm", "this")


def test_an_optional_library_that_is_broken_is_a_usage_error(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    for code in ("raise RuntimeError('operator torchvision::nms does not exist')", "import no_such_library"):
        (tmp_path / "timm.py").write_text(code)
        with pytest.raises(UsageError, match=r"this needs timm, which is installed and cannot be imported: "):
            import_extra("timm", "this")
