"""The fuzz tests use the hand-written files and records of the other tests."""

import sys
from pathlib import Path

for folder in ("security", "report"):
    path = str(Path(__file__).parents[1] / folder)
    if path not in sys.path:
        sys.path.append(path)
