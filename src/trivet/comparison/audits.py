"""A finished audit: its record, and what its manifest says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trivet.record import MANIFEST, as_json, load_record
from trivet.wording import one_line
from trivet.work.bounded import read_bounded

__all__ = ["ReadAudit", "read_audit", "read_manifest"]

#: A manifest takes some kilobytes.
MOST_BYTES: Final = 2**20


@dataclass(frozen=True, eq=False)
class ReadAudit:
    """A finished audit.

    Attributes
    ----------
    folder
        Name of its folder.
    record
        The record as plain JSON values.
    manifest
        What ``manifest.json`` holds; empty where there is none, or none that can be read.
    """

    folder: str
    record: Mapping[str, Any]
    manifest: Mapping[str, Any]

    def noted(self, name: str) -> str | None:
        """Return a text of the manifest, None where it has none of that name."""
        value = self.manifest.get(name)
        return one_line(value) if isinstance(value, str) else None

    def notes(self, name: str) -> dict[str, str]:
        """Return texts by name, such as the digests of inputs; empty where the manifest has none."""
        found = self.manifest.get(name)
        if not isinstance(found, Mapping):
            return {}
        return {one_line(key): one_line(value) for key, value in found.items() if isinstance(value, str)}


def read_audit(folder: str | Path, *, links: bool = True) -> ReadAudit:
    """Read the record of an audit, and its manifest where there is one.

    Parameters
    ----------
    folder
        Output folder of ``trivet run``.
    links
        Whether the two files may be symbolic links; else a record that is one is refused, and such a
        manifest is as if it were not there.

    Raises
    ------
    RecordError
        There is no record, or it is too large, damaged or of another version.
    """
    folder = Path(folder)
    record = as_json(load_record(folder, links=links))
    return ReadAudit(folder.resolve().name, record, read_manifest(folder, links=links))


def read_manifest(folder: Path, *, links: bool = True) -> Mapping[str, Any]:
    """Read the manifest of an audit; what is missing or damaged is as if it were not there."""
    path = folder / MANIFEST
    if not links and path.is_symlink():
        return {}
    try:
        content = json.loads(read_bounded(path, MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, Mapping) else {}
