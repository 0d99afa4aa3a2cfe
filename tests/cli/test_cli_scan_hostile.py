"""Hostile weights and hostile images, as the command line meets them: one line, exit code 3."""

import sys
from importlib.resources import files
from pathlib import Path

import pytest

from trivet.cli import main

TESTS = Path(__file__).parent.parent
for folder in ("security", "datasets"):
    sys.path.append(str(TESTS / folder))

import hostile_files  # noqa: E402 - beside the tests that own the tables
import hostile_images  # noqa: E402

WEIGHTS = [case for case in hostile_files.CASES if not case.in_archive and case.input_shape == (1, 28, 28)]
IMAGES = hostile_images.CASES
DEMO = files("trivet.security") / "data" / "demo-mnist-cnn.safetensors"


def sampled(cases):
    """Every tenth case; the others are slow, since each is read by the library's own tests as well."""
    return [
        pytest.param(case, id=case.name, marks=[pytest.mark.slow] if place % 10 else [])
        for place, case in enumerate(cases)
    ]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(["scan", *map(str, arguments)])
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if not line.startswith("[ ")]
    return end.value.code, said.out, lines


@pytest.mark.parametrize("case", sampled(WEIGHTS))
def test_hostile_weights(tmp_path, capsys, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    path = case.build(tmp_path)
    architecture = [] if case.architecture is None else ["--arch", case.architecture]
    code, out, lines = run(capsys, path, *architecture, "--images", "mnist", "--limit", "100")
    assert code == 3
    assert len(lines) == 1
    assert out == ""
    assert not list(tmp_path.rglob("executed"))


@pytest.mark.parametrize("case", sampled(IMAGES))
def test_hostile_images(tmp_path, capsys, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    source = case.build(tmp_path)
    code, out, lines = run(capsys, DEMO, "--arch", "mnist-cnn", "--images", source)
    assert code == 3
    assert len(lines) == 1
    assert out == ""
