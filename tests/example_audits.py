"""Finished audits made of the example records: in memory, in a folder, and with one value changed."""

import dataclasses
import json

from trivet.comparison import ReadAudit
from trivet.record import as_json, to_text

MANIFEST = {
    "trivet": "0.1.0",
    "started": "2026-01-31T12:00:00+00:00",
    "inputs": {"poisened_model_4.pth": "5d" * 32},
    "python": "3.11.7",
    "libraries": {"numpy": "2.4.6", "torch": "2.13.0"},
    "platform": "Linux",
}


def changed(value, path, new):
    """A record with another value at a path of names and indices."""
    name, _, rest = path.partition(".")
    if isinstance(value, tuple):
        items = list(value)
        items[int(name)] = changed(items[int(name)], rest, new) if rest else new
        return tuple(items)
    inner = changed(getattr(value, name), rest, new) if rest else new
    return dataclasses.replace(value, **{name: inner})


def audit_of(record, *, folder="runs", manifest=MANIFEST):
    """An audit as `read_audit` gives it."""
    return ReadAudit(folder, as_json(record), manifest)


def write_audit(folder, record, *, manifest=MANIFEST, page="<p>A report.</p>"):
    """The files of a finished run that other commands read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(to_text(record), encoding="utf-8")
    if manifest is not None:
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    if page is not None:
        (folder / "report.html").write_text(page, encoding="utf-8")
    return folder
