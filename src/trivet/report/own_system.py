"""Prose and names for the report on the user's system."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import TypeAdapter

from trivet.audited import has_study
from trivet.report.document import read_templates
from trivet.report.scan.facts import label_row
from trivet.report.scan.scale_profile import MANY_LABELS
from trivet.report.scan.scanned import Scanned
from trivet.report.shortening import MOST_ROWS
from trivet.security.scan_results import ScanResult

__all__ = ["has_study", "own_facts", "own_prose"]

FRAME: Final = Path(__file__).parent / "templates" / "own"
REFERENCES: Final = "99-references.md"


def own_prose(study: Path, *own: Path) -> dict[str, str]:
    """Return the prose of a report without the study, by file name and in order."""
    references = {REFERENCES: (study / REFERENCES).read_text(encoding="utf-8")}
    return {**read_templates(FRAME, *own), **references}


def own_facts(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with what its report is laid out by, under ``page``."""
    scan = (record["security"] or {}).get("scan")
    page: dict[str, Any] = {"many": False, "labels": [], "suspect": False}
    if scan is not None:
        result = TypeAdapter(ScanResult).validate_python(scan)
        none = np.zeros((0, 0, 0, 0), dtype=np.float32)
        scanned = Scanned(result, none, none)
        page["suspect"] = result.suspected_label is not None
        page["many"] = len(result.labels) > MANY_LABELS
        page["labels"] = [label_row(scanned, label) for label in scanned.by_evidence[:MOST_ROWS]]
    return {**record, "page": page}
