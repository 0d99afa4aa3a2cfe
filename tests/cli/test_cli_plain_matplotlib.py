import os
import subprocess
import sys

PROGRAM = """
import os
from trivet.cli.main import ignore_matplotlibrc
ignore_matplotlibrc()
ignore_matplotlibrc()
import matplotlib.figure
print(os.getcwd())
print(matplotlib.rcParams == matplotlib.rcParamsDefault)
"""


def test_no_matplotlibrc_is_read(tmp_path):
    """Not of the working folder, be it no text at all, nor the user's."""
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe")
    (tmp_path / "mine").write_text("lines.linewidth: 17\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={**os.environ, "MATPLOTLIBRC": str(tmp_path / "mine")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [str(tmp_path.resolve()), "True"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["matplotlibrc", "mine"]
