"""Prose and names for the report on the user's system."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from trivet.audited import has_study
from trivet.report.document import read_templates
from trivet.report.scan.facts import scan_facts
from trivet.report.shortening import MOST_ROWS
from trivet.security.scan_results import ScanResult

__all__ = ["has_study", "own_prose", "page_facts"]

FRAME: Final = Path(__file__).parent / "templates" / "own"
REFERENCES: Final = "99-references.md"


def own_prose(study: Path, *own: Path) -> dict[str, str]:
    """Return the prose of a report without the study, by file name and in order."""
    references = {REFERENCES: (study / REFERENCES).read_text(encoding="utf-8")}
    return {**read_templates(FRAME, *own), **references}


def page_facts(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with what its report is laid out by, under ``page``; see `scan_facts`."""
    scan = (record.get("security") or {}).get("scan")
    result = None if scan is None else TypeAdapter(ScanResult).validate_python(scan)
    return {**record, "page": scan_facts(result, most=MOST_ROWS)}
