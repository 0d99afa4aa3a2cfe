"""``trivet log``: where an audit goes, what is printed, and what is refused."""

import json
import sys

import pytest

from example_evidence import saved
from example_records import example_own_record
from trivet.cli.main import main
from trivet.errors import ReportError
from trivet.tracking.entries import Logged


def run(*arguments):
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments)])
    return left.value.code


@pytest.fixture
def calls(monkeypatch):
    """What the two functions were given; each prints, as their libraries do."""
    made = []

    def log(folder, **options):
        sys.stdout.write("View run at\n")
        made.append((folder, options))
        return Logged("a1", "there", 3, 2, ("metrics.json",))

    for name in ("log_to_mlflow", "log_to_wandb"):
        monkeypatch.setattr(f"trivet.tracking.{name}", log, raising=False)
    return made


def test_options_reach_the_tracker_and_standard_output_is_trivets(calls, tmp_path, capsys):
    assert run("log", "mlflow", tmp_path, "--uri", "there", "--experiment", "credit", "--json") == 0
    assert json.loads(capsys.readouterr().out)["run"] == "a1"
    assert run("log", "wandb", tmp_path, "--project", "p", "--entity", "e", "--run", "r") == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "3 numbers and 1 files in the run a1",
        "! 2 measurements are in metrics.json alone: there are too many",
        "there",
    ]
    assert printed.err == "View run at\n"
    assert [options for _, options in calls] == [
        {"uri": "there", "experiment": "credit", "run_id": None},
        {"project": "p", "entity": "e", "run_id": "r"},
    ]


def test_what_cannot_be_done_is_no_verdict(monkeypatch, tmp_path, capsys):
    assert run("log", "mlflow", tmp_path / "missing") == 3
    folder = saved(example_own_record(), tmp_path / "audit")
    for tool in ("mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, tool, None)
        assert run("log", tool, folder) == 2
        assert f"pip install 'trivet[{tool}]'" in capsys.readouterr().err

    def refuse(_folder, **_options):
        raise ReportError("MLflow refuses: no such server.")

    monkeypatch.setattr("trivet.tracking.log_to_mlflow", refuse, raising=False)
    assert run("log", "mlflow", folder) == 3
    assert "Traceback" not in capsys.readouterr().err
