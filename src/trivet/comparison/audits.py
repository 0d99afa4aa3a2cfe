"""Which audit is compared: its record, and what its manifest says?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trivet.errors import RecordError
from trivet.manifest import MANIFEST
from trivet.record import METRICS, as_json, load_record
from trivet.wording import one_line, quoted

__all__ = ["ReadAudit", "read_audit"]

#: A record of ten thousand groups takes less.
MOST_BYTES: Final = 64 * 2**20
#: No measurement and no count is larger.
LARGEST: Final = 1e300
LARGEST_COUNT: Final = 2**62
VERDICTS: Final = ("no evidence", "suspicious", "backdoored")


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


def read_audit(folder: Path, *, links: bool = True) -> ReadAudit:
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
    path = folder / METRICS
    try:
        if not links and path.is_symlink():
            raise RecordError(f"{path} is a symbolic link; expected the record itself.")
        if path.stat().st_size > MOST_BYTES:
            raise RecordError(f"{path} is larger than {MOST_BYTES >> 20} MiB; it is no record of an audit.")
        record = as_json(load_record(folder))
    except FileNotFoundError as error:
        raise RecordError(
            f"there is no {METRICS} in {folder}; expected the output folder of `trivet run`."
        ) from error
    except RecursionError as error:
        raise RecordError(f"{path} is nested too deeply; it is no record of an audit.") from error
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}.") from error
    if (
        record["security"] is not None
        and (word := record["security"]["corrected"]["verdict"]) not in VERDICTS
    ):
        raise RecordError(f"{path} has the verdict {quoted(word)}; expected one of {', '.join(VERDICTS)}.")
    if not _are_plain(record):
        raise RecordError(f"{path} has a number that is not finite, or too large for any measurement.")
    manifest = folder / MANIFEST
    usable = links or not manifest.is_symlink()
    return ReadAudit(folder.resolve().name, record, _manifest(manifest) if usable else {})


def _are_plain(value: Any) -> bool:
    """Tell whether all numbers of a record are such as can be reckoned with."""
    if isinstance(value, Mapping):
        return all(map(_are_plain, value.values()))
    if isinstance(value, list):
        return all(map(_are_plain, value))
    if isinstance(value, float):
        return abs(value) <= LARGEST
    return not isinstance(value, int) or abs(value) <= LARGEST_COUNT


def _manifest(path: Path) -> Mapping[str, Any]:
    """Read a manifest; what is missing or damaged is as if it were not there."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return {}
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, Mapping) else {}
