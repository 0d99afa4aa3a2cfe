"""``pytest --trivet`` from the outside: what pytest says of the findings of an audit."""

import os
import re
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from example_records import example_own_record
from trivet.findings import CATALOGUE, GATES
from trivet.pytest_plugin import _Audit, _Audits
from trivet.record import save_record

ROOT = Path(__file__).parent.parent
MET, MISSED = "security.asr_after <= 0.05", "fairness.disparate_impact.high >= 0.8"
UNKNOWN = "privacy.canary_epsilon <= 1"
CALLS = """
import os, sys
if sys.orig_argv[1:3] == ["-m", "trivet"]:
    with open(os.environ["CALLS"], "a") as stream:
        stream.write(" ".join(sys.orig_argv[3:]) + "\\n")
"""
LOADED = """
import sys

def test_loaded():
    assert {name for name in sys.modules if name.startswith("trivet.")} == {"trivet.pytest_plugin"}
    assert not {"numpy", "pydantic", "torch", "matplotlib", "rich"}.intersection(sys.modules)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A project with an audit, its policy, and trivet's plugin as an installed distribution has it."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "out").mkdir()
    save_record(example_own_record(), {}, folder / "out")
    (folder / "audit.toml").write_text(
        "[audit]\nstudy = false\n[security.scan]\ncheckpoint = 'demo'\nimages = 'mnist'\n"
        "[fairness.table]\ntable = 'adult'\nsensitive = ['gender']\nestimator = 'logistic'\n"
        "[privacy.plan]\nepsilon = 0.1\ndelta = 1e-5\n[[privacy.plan.queries]]\ncells = 3\n"
        f'[policy]\nrequire = ["{MET}", "{MISSED}", "{UNKNOWN}"]\n'
        '[[policy.waivers]]\nrule = "privacy.mechanism"\nreason = "known since May"\nexpires = 9999-01-01\n'
        '[[policy.waivers]]\nrule = "privacy.budget"\nreason = "needless"\nexpires = 2020-01-01\n'
    )
    (folder / "plan.toml").write_text(
        "[audit]\nstudy = false\nout = 'planned'\n[privacy.plan]\nepsilon = 0.1\ndelta = 1e-5\n"
        '[[privacy.plan.queries]]\ncells = 3\n[policy]\nrequire = ["privacy.plan.epsilon <= 1"]\n'
    )
    (folder / "bad.toml").write_text("[audit]\nstudy = 3\n")
    (folder / "test_own.py").write_text("def test_own(): pass\n")
    (folder / "loaded.py").write_text(LOADED)
    (folder / "sitecustomize.py").write_text(CALLS)
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    metadata = folder / "installed-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: installed\nVersion: 1\n")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (metadata / "entry_points.txt").write_text(f"[pytest11]\n{lines}")
    return folder


@pytest.fixture
def call(place, tmp_path):
    def called(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=place,
            env={
                **os.environ,
                "PYTHONPATH": f"{place}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
                "CALLS": str(tmp_path / "calls"),
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        calls = tmp_path / "calls"
        done.calls = calls.read_text().splitlines() if calls.exists() else []
        return done

    return called


def outcomes(path):
    """Give the tests of a JUnit file by their outcome."""
    found = {}
    for case in ET.parse(path).iter("testcase"):
        kinds = [each.tag for each in case if each.tag in {"failure", "error", "skipped"}]
        if kinds == ["skipped"] and case.find("skipped").get("type") == "pytest.xfail":
            kinds = ["xfail"]
        found.setdefault("".join(kinds) or "passed", set()).add(case.get("name"))
    return found


def test_each_finding_of_a_finished_audit_becomes_what_pytest_calls_it(call, place, tmp_path):
    done = call(
        "--trivet", "audit.toml", "--trivet-out", "out", "--junitxml", tmp_path / "junit.xml", "-W", "error"
    )
    assert done.returncode == 1, done.stderr
    assert [each.split()[0] for each in done.calls] == ["gate"]
    found = outcomes(tmp_path / "junit.xml")
    assert "error" not in found
    assert {f"policy.2 {MISSED}", f"policy.3 {UNKNOWN}"} <= found["failure"]
    assert found["xfail"] == {"privacy.mechanism"}
    assert {"test_own", "audit", f"policy.1 {MET}"} <= found["passed"]
    assert "fairness.disparate-impact" in found["failure"] | found["passed"]
    rules = {rule for rule in CATALOGUE if rule.partition(".")[0] in {"security", "privacy", "fairness"}}
    assert rules < set().union(*found.values())
    assert "policy.2" in done.stdout
    assert f"{MISSED}. Found " in done.stdout
    assert "What to do: " in done.stdout
    assert "Traceback" not in done.stdout
    assert "trivet: what needs a look" in done.stdout
    assert "Waiver of privacy.budget" in done.stdout.partition("what needs a look")[2]
    assert re.search(
        r'name="trivet_warning" value="[^"]*Waiver of privacy.budget', (tmp_path / "junit.xml").read_text()
    )


def test_the_rules_of_the_gate_have_a_test_each(call, place):
    done = call("--trivet", "audit.toml", "--collect-only", "-q", "-m", "trivet")
    assert done.returncode == 0
    assert done.calls == []  # nothing was audited
    listed = done.stdout.splitlines()
    for name in ("audit", f"policy.1 {MET}", *GATES):
        assert listed.count(f"audit.toml::{name}") == 1
    assert "test_own.py::test_own" not in listed


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(("-k", "asr_after"), id="k"),
        pytest.param((f"audit.toml::policy.1 {MET}",), id="id", marks=pytest.mark.slow),
    ],
)
def test_a_selection_takes_effect(call, place, tmp_path, chosen):
    junit = tmp_path / "junit.xml"
    done = call("--trivet", "audit.toml", "--trivet-out", "out", "--junitxml", junit, *chosen)
    assert done.returncode == 0, done.stdout
    assert outcomes(junit) == {"passed": {f"policy.1 {MET}"}}


@pytest.mark.slow
def test_several_processes_share_one_judgement_of_each_audit(call, tmp_path):
    junit = tmp_path / "junit.xml"
    both = ("--trivet", "audit.toml", "--trivet", "plan.toml", "--trivet-out", "out", "--trivet-out", "out")
    done = call(*both, "-m", "trivet", "-n", "2", "--dist", "load", "--junitxml", junit)
    assert done.returncode == 1
    assert sorted(each.split()[0] for each in done.calls) == ["gate", "gate"]
    found = outcomes(junit)
    assert "error" not in found
    # One policy waives it and the other does not.
    assert "privacy.mechanism" in found["failure"] & found["xfail"]


@pytest.mark.slow
def test_several_processes_share_one_audit_which_is_run(call, place, tmp_path):
    junit = tmp_path / "junit.xml"
    done = call("--trivet", "plan.toml", "-n", "2", "--dist", "load", "--junitxml", junit)
    assert done.returncode == 0, done.stdout
    assert [each.split()[0] for each in done.calls] == ["run", "gate"]
    assert {"audit", "policy.1 privacy.plan.epsilon <= 1", "privacy.plan"} <= outcomes(junit)["passed"]
    assert (place / "planned" / "report.html").exists()


def test_what_could_not_be_done_is_an_error_and_no_failure(call, tmp_path):
    done = call("--trivet", "plan.toml", "--trivet-out", "nowhere", "--junitxml", tmp_path / "junit.xml")
    assert done.returncode == 1
    found = outcomes(tmp_path / "junit.xml")
    assert "failure" not in found
    assert found["passed"] == {"test_own"}
    assert {"audit", "privacy.budget", "policy.1 privacy.plan.epsilon <= 1"} <= found["error"]
    assert "exit code 3" in done.stdout
    assert "Traceback" not in done.stdout
    assert len(done.calls) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--trivet", "bad.toml"), 2, "[audit] study should be"),
        (("--trivet", "bad.toml", "--trivet-out", "out", "--trivet-out", "out"), 4, "give one for each"),
        (("--trivet-out", "out", "--trivet-out", "out"), 4, "name an audit twice"),
    ],
    ids=["config", "number", "twice"],
)
def test_what_asks_for_what_cannot_be_is_refused_before_any_audit(call, arguments, code, said):
    done = call(*arguments)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert done.calls == []


def test_nothing_of_trivet_is_loaded_without_the_option(call, place):
    done = call("loaded.py")
    assert done.returncode == 0, done.stdout


def test_a_finished_audit_without_a_leg_that_is_described_is_an_error_and_nothing_is_skipped(
    call, place, tmp_path
):
    (place / "partial").mkdir()
    save_record(replace(example_own_record(), security=None, effects=None), {}, place / "partial")
    chosen = ("--trivet", "audit.toml", "--trivet-out", "partial", "-m", "trivet")
    done = call(*chosen, "--junitxml", tmp_path / "junit.xml")
    assert done.returncode == 1
    assert outcomes(tmp_path / "junit.xml").keys() == {"error"}
    assert "has no security leg, which the configuration describes" in " ".join(done.stdout.split())


def test_two_audits_that_may_share_a_folder_are_run_and_judged_one_after_the_other(tmp_path, monkeypatch):
    """Else the first would be judged by the record that the second has just written."""
    audits = [_Audit(tmp_path / name, None) for name in ("a.toml", "b.toml")]
    config = SimpleNamespace(invocation_params=SimpleNamespace(dir=tmp_path))
    shared = _Audits(config, audits)
    events = []

    def judged(_, audit):
        events.append(audit)
        time.sleep(0.2)
        events.append(audit)
        return "{}"

    monkeypatch.setattr(_Audits, "_judged", judged)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(shared._shared, audits))
    shared.pytest_unconfigure()
    assert events[0] is events[1]
    assert events[2] is events[3]
