"""Finished audits as ``trivet run`` leaves them, without its report, and evidence of them."""

import json
from datetime import UTC, datetime
from pathlib import Path

from trivet.audit import run_audit, save_audit
from trivet.audit.files import invocation_of
from trivet.config import load_config
from trivet.findings import findings_of, write_findings
from trivet.policy import parse_requirements
from trivet.record import as_json, make_manifest, save_manifest, save_record

STARTED = datetime(2026, 11, 30, 6, 34, 6, tzinfo=UTC)
PLAN = """[audit]
study = false
title = "Ours"
seed = 3

[privacy.plan]
epsilon = 1.0
delta = 1e-6

[[privacy.plan.queries]]
name = "residents"
cells = 9
touches = 1

[policy]
require = ["privacy.epsilon <= 1"]
"""
TABLE = """
[fairness.table]
table = "data/loans.csv"
label = "paid"
positive = "yes"
sensitive = ["sex"]
prediction = "approved"
"""
#: 120 rows of two groups; every digit matters.
ROWS = "sex,paid,approved\n" + "F,yes,yes\nF,no,no\nM,yes,yes\nM,no,yes\nM,yes,no\nF,yes,no\n" * 20


def saved(record, folder, *, origin=None, inputs=None):
    """Save a record with manifest and findings."""
    folder.mkdir(parents=True, exist_ok=True)
    save_record(record, {}, folder)
    write_findings(findings_of(as_json(record)), folder)
    manifest = make_manifest(
        inputs=inputs or {}, seconds={"all": 1.0}, pdf_engine="typst", started=STARTED, origin=origin or {}
    )
    save_manifest(manifest, folder)
    return folder


def audited(folder, *, options=None, out="trivet-out"):
    """Run an audit of a plan and a table in a folder, as ``trivet run audit.toml`` does."""
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "loans.csv").write_text(ROWS, encoding="utf-8")
    (folder / "audit.toml").write_text(PLAN + TABLE, encoding="utf-8")
    path = folder / "audit.toml"
    config = load_config(path, options or {})
    done = run_audit(config)
    place = folder / out
    place.mkdir()
    save_audit(done, place)
    write_findings(findings_of(as_json(done.record), parse_requirements(config.policy.require)), place)
    manifest = make_manifest(
        inputs=done.inputs,
        seconds={"all": 1.0},
        pdf_engine="typst",
        started=datetime.now(UTC),
        origin=invocation_of(config, path, options or {}),
    )
    save_manifest(manifest, place)
    return place


def flip(path, place=None):
    """Change one byte of a file: the one at an index, or the last letter or digit."""
    content = bytearray(Path(path).read_bytes())
    if place is None:
        place = max(index for index, byte in enumerate(content) if chr(byte).isalnum())
    content[place] ^= 1
    Path(path).write_bytes(content)


def renamed(folder, names):
    """Put other names into a saved record."""
    path = folder / "metrics.json"
    text = path.read_text(encoding="utf-8")
    for old, new in names.items():
        text = text.replace(old, json.dumps(new)[1:-1])
    path.write_text(text, encoding="utf-8")
    return folder
