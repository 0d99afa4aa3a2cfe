"""Command lines as a user calls them, and one audit at the smoke profile that several tests look at."""

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


def call_fresh(*arguments, cwd=None, environment=None):
    """Run the command line in an interpreter of its own."""
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
def fresh_trivet():
    """Return what runs the command line in a new interpreter, for what could depend on it."""
    return call_fresh


@pytest.fixture(scope="session")
def trivet(tmp_path_factory):
    """Return what runs the command line in a process of its own, forked from one that is warm."""
    streams = tmp_path_factory.mktemp("streams")
    out, err = streams / "out", streams / "err"
    warm = Path(__file__).with_name("warm.py")
    with subprocess.Popen(
        [sys.executable, str(warm)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:

        def call(*arguments, cwd=None, environment=None, short=False, drawn=True):
            out.write_bytes(b"")
            err.write_bytes(b"")
            request = {
                "arguments": list(map(str, arguments)),
                "folder": str(cwd or Path.cwd()),
                "environment": environment or {},
                "short": short,
                "drawn": drawn,
                "out": str(out),
                "err": str(err),
            }
            server.stdin.write(json.dumps(request) + "\n")
            server.stdin.flush()
            code = int(server.stdout.readline())
            return Finished(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))

        yield call
        server.stdin.close()


@pytest.fixture(scope="session")
def smoke(tmp_path_factory, trivet):
    """The built-in study at the smoke profile, shortened and not drawn: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("smoke") / "out"
    done = trivet("run", "--profile", "smoke", "--out", folder, "--json", short=True, drawn=False)
    assert done.code == 0, done.err
    return Path(folder), done
