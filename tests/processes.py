"""Processes that a test looks after: are they gone?"""

import time
from pathlib import Path

WAIT_SECONDS = 300


def wait_until_gone(processes):
    deadline = time.monotonic() + WAIT_SECONDS
    while any(is_alive(process) for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(process):
    """Return whether a process runs; one that has ended and that nobody asked after does not."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except OSError:
        return False
