"""One audit at the smoke profile, run as a user runs it, whose files several tests look at."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def call(*arguments, cwd=None, environment=None):
    """Run the command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "trivet", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def trivet():
    return call


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The built-in study at the smoke profile: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("smoke") / "out"
    done = call("run", "--profile", "smoke", "--out", folder, "--json")
    assert done.code == 0, done.err
    return Path(folder), done
