"""Manifest of a run: times, versions, host and inputs, which change from run to run."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions, version
from itertools import islice
from pathlib import Path

from trivet.work.result_files import write_text

__all__ = ["MANIFEST", "make_manifest", "save_manifest"]

MANIFEST = "manifest.json"

#: The libraries that numbers come from, where they are installed.
LIBRARIES = (
    "dp-accounting",
    "duckdb",
    "matplotlib",
    "numpy",
    "pypandoc_binary",
    "scikit-learn",
    "scipy",
    "torch",
    "typst",
)


def make_manifest(
    *, inputs: Mapping[str, str], seconds: Mapping[str, float], pdf_engine: str, started: datetime
) -> dict[str, object]:
    """Return the manifest of a run that began at `started`."""
    return {
        "trivet": version("trivet"),
        "started": started.astimezone(UTC).isoformat(timespec="seconds"),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "inputs": dict(inputs),
        "pdf_engine": pdf_engine,
        "python": platform.python_version(),
        "libraries": {
            name: found.version for name in LIBRARIES for found in islice(distributions(name=name), 1)
        },
        "platform": platform.platform(),
        "processors": os.cpu_count(),
    }


def save_manifest(manifest: Mapping[str, object], folder: str | Path) -> Path:
    """Write ``manifest.json``."""
    return write_text(Path(folder) / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
