"""Files from strangers: none runs code, none leaves its folder, each ends in one clear line."""

import json
import subprocess
import sys
from pathlib import Path

import hostile_files
import pytest
from hostile_files import CASES

from trivet.errors import TrivetError
from trivet.security.checkpoint import READERS
from trivet.work.confined import Confined


def tree(folder):
    return {path.relative_to(folder): path.is_symlink() for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def reader():
    """One process for all cases, which is replaced where a file ends it."""
    with Confined(ready=READERS) as confined:
        yield confined


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_file_is_refused_in_one_line(tmp_path, monkeypatch, reader, case):
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    path = case.build(folder)
    before = tree(tmp_path)
    with pytest.raises(TrivetError) as caught:
        case.load(path, reader=reader)
    message = str(caught.value)
    assert case.message in message
    assert caught.value.exit_code == 3
    assert message.isprintable()
    assert len(message) < 600
    assert "Traceback" not in message
    assert tree(tmp_path) == before


@pytest.mark.slow
def test_all_of_them_in_one_process_stay_under_two_gigabytes(tmp_path):
    script = Path(hostile_files.__file__)
    done = subprocess.run(
        [sys.executable, script, tmp_path], cwd=script.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    found = json.loads(done.stdout)
    assert found["ended"] == {case.name: 3 for case in CASES}
    assert found["peak"] < 2 * 2**30


def test_the_table_holds_what_was_asked_for():
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 100
