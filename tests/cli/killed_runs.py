"""Runs of the command line that are killed as soon as a finished part of them is there."""

import os
import signal
import subprocess
import sys
import time

LONGEST = 300


def kill_after(part, config, out):
    """Start a run, kill it and all that it started once `part` is kept, and tell whether that was in time."""
    with subprocess.Popen(
        [sys.executable, "-m", "trivet", "run", str(config), "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    ) as running:
        begun = time.monotonic()
        while running.poll() is None and not (out / ".parts" / part).exists():
            assert time.monotonic() - begun < LONGEST, f"{part} is not kept"
            time.sleep(0.002)
        killed = running.poll() is None
        if killed:
            os.killpg(running.pid, signal.SIGKILL)
    return killed
