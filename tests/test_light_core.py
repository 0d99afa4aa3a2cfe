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


def command(*arguments, cwd=None):
    return without_torch("from trivet.cli import main\nmain(sys.argv[1:])", *arguments, cwd=cwd)


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
    done = command("privacy", "plan", "--epsilon", "1", "--queries", "3", "--sensitivity", "1", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["best"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("scan", "weights.pth", "--arch", "mnist-cnn"),
        ("run",),
        *(
            pytest.param(arguments, marks=pytest.mark.slow)
            for arguments in (
                ("scan", "--many", ".", "--arch", "mnist-cnn"),
                ("repair", "weights.pth", "--arch", "mnist-cnn"),
                ("zoo", "train"),
            )
        ),
    ],
)
def test_a_command_that_needs_one_names_the_extra_in_one_line(arguments, tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"")
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("trivet: ")]
    assert len(said) == 1
    assert "pip install 'trivet[security]'" in said[0]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_an_audit_without_the_security_leg_runs(tmp_path):
    (tmp_path / "audit.toml").write_text(
        "[audit]\nstudy = false\n[privacy.plan]\nepsilon = 1.0\n[[privacy.plan.queries]]\ncells = 3\n"
    )
    done = command("run", "audit.toml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    libraries = json.loads((tmp_path / "out" / "manifest.json").read_text())["libraries"]
    assert "numpy" in libraries
    assert "torch" not in libraries


def test_a_release_names_its_extra_before_a_ledger_is_charged(tmp_path):
    (tmp_path / "people.csv").write_text("age\n40\n")
    assert command("privacy", "ledger", "l.db", "--create", "--epsilon", "1", cwd=tmp_path).returncode == 0
    release = ("privacy", "release", "people.csv", "--query", "count", "--epsilon", "1", "--ledger", "l.db")
    done = command(*release, cwd=tmp_path)
    assert done.returncode == 2
    assert "a private release needs opendp" in done.stderr
    assert "pip install 'trivet[release]'" in done.stderr


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
