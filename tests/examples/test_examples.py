"""The examples run as a new user runs them, and their gates say what their README files promise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

from trivet.config import load_config
from trivet.record import load_record, load_triggers
from trivet.report.figures import available

EXAMPLES = Path(__file__).parents[2] / "examples"
#: The exit code that each README promises, and which requirements are met.
PROMISED = {
    "stranger-checkpoint": (1, [False, True, True]),
    "statistics-office": (0, [True, True, True]),
    "loan-model": (1, [False, False, True]),
}
#: The others train models, which takes long.
CASES = [
    pytest.param(name, marks=[] if name == "statistics-office" else pytest.mark.slow) for name in PROMISED
]


@pytest.fixture(scope="module", params=CASES)
def finished(request, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param)
    config = EXAMPLES / request.param / "audit.toml"
    command = [sys.executable, "-m", "trivet", "run", str(config), "--out", str(out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=540, check=False)
    return request.param, out, done


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(PROMISED)


@pytest.mark.parametrize("name", PROMISED)
def test_the_settings_of_every_example_are_read(name):
    config = load_config(EXAMPLES / name / "audit.toml")
    assert len(config.policy.require) == len(PROMISED[name][1])
    assert not config.audit.study


def test_the_gate_says_what_is_promised(finished):
    name, out, done = finished
    code, met = PROMISED[name]
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    of_policy = [each for each in document["findings"] if each["id"].startswith("policy.")]
    assert [each["level"] == "pass" for each in of_policy] == met
    assert all(Path(path).is_file() for path in document["files"])
    assert document["corrections"] == []
    assert (out / "repaired.safetensors").exists() == (name == "stranger-checkpoint")


def test_the_report_has_what_was_asked_and_no_study(finished):
    _, out, _ = finished
    record = load_record(out)
    text = "\n".join(page.extract_text() for page in PdfReader(out / "report.pdf").pages)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert record.audit.title in page
    for heading in ("Corrections", "Requirement checklist", "Assumptions and reproducibility"):
        assert heading not in page
    assert '<section class="card ' in page
    assert '<h2 id="found">Findings</h2>' in page
    assert "not measured" not in text
    tex = (out / "report.tex").read_text(encoding="utf-8")
    for row in available(record):
        assert f"/{row.name}.pdf" in tex
        assert (out / "figures" / f"{row.name}.pdf").is_file()


def test_only_the_legs_that_are_described_are_there(finished):
    name, out, _ = finished
    record = load_record(out)
    legs = {leg for leg in ("security", "privacy", "fairness") if getattr(record, leg) is not None}
    expected = {"stranger-checkpoint": "security", "statistics-office": "privacy", "loan-model": "fairness"}
    assert legs == {expected[name]}
    assert bool(load_triggers(out)) == (expected[name] == "security")


def test_a_readme_is_short_and_names_the_command():
    for name in PROMISED:
        text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
        assert 10 <= len(text.splitlines()) <= 20
        assert f"trivet run examples/{name}/audit.toml" in text
