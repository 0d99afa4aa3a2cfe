"""Every hostile and broken file that a scan has to survive, a row a case.

Each has to end in a `TrivetError` with exit code 3 and one line, with no code run, nothing written
outside of its folder, and memory bounded. Run as a script with a folder, it opens all of them and
prints how each ended and how much memory the process took at most.
"""

import json
import resource
import sys
from pathlib import Path

import hostile_archives
import hostile_networks
import hostile_pickles
import hostile_programs

from trivet.errors import TrivetError

CASES = (
    *hostile_pickles.CASES,
    *hostile_archives.CASES,
    *hostile_networks.CASES,
    *hostile_programs.CASES,
)


def peak_bytes():
    """Return the peak of resident memory since this program started, in bytes.

    The kernel's own word where it gives it: `getrusage` also counts the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(root):
    ended = {}
    for number, case in enumerate(CASES):
        folder = root / str(number)
        folder.mkdir()
        path = case.build(folder)
        try:
            case.load(path)
        except TrivetError as error:
            ended[case.name] = error.exit_code
    print(json.dumps({"ended": ended, "peak": peak_bytes()}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
