"""Names for the prose about a scan beside the record: labels by evidence, and the suspect."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from trivet.audited import has_study
from trivet.comparison import (
    Change,
    Compared,
    Comparison,
    difference_text,
    differing_first,
    interval_text,
    outcome_text,
    quiet_text,
    sides_text,
)
from trivet.comparison.results import BETTER, WORSE
from trivet.findings import Finding
from trivet.findings.summary import utc_text
from trivet.report.figures.compared import has_differences
from trivet.report.figures.scan import MANY_LABELS, SHOWN, Scanned
from trivet.report.figures.style import written_name
from trivet.report.text.places import MOST_ROWS as MOST_PRINTED_ROWS
from trivet.security.scanning.results import LabelScan, ScanResult
from trivet.verdict import sign

__all__ = ["has_study", "page_facts", "run_page_facts", "scan_facts"]


def scan_facts(result: ScanResult | None, *, most: int | None = None) -> dict[str, Any]:
    """Return what a report of a scan is laid out by."""
    if result is None:
        return dict.fromkeys(
            ("suspect", "suspect_asr", "many", "labels", "left_early", "cut", "shown", "second_seed")
        )
    scanned = Scanned.of(result)
    suspect = scanned.suspect
    return {
        "suspect": None if suspect is None else written_name(suspect.label, suspect.name),
        "suspect_asr": None if suspect is None else suspect.asr,
        "many": len(result.labels) > MANY_LABELS,
        "labels": [_label_row(scanned, label) for label in scanned.by_evidence[:most]],
        "left_early": len(scanned.left_early),
        "cut": len(result.labels) > SHOWN,
        "shown": min(len(result.labels), SHOWN),
        "second_seed": len(result.seeds) > 1,
    }


def _label_row(scanned: Scanned, label: LabelScan) -> dict[str, Any]:
    methods = scanned.named.get(label.label, [])
    suspected = label.label == scanned.result.suspected_label
    return {
        "shown": written_name(label.label, label.name),
        "suspected": suspected,
        "remark": None if suspected or not methods else f"named by {' and '.join(methods)}",
        "l1": label.l1,
        "refined_l1": label.refined_l1,
        "log_score": label.log_score,
        "asr": label.asr,
        "margin": label.margin,
        "margin_score": label.margin_score,
        "steps": label.steps,
    }


#: Rows of what is not in the headline; ``comparison.json`` has all.
MOST_ROWS: Final = 400
_MARKS: Final = {BETTER: f"{sign('good', 'page')} ", WORSE: f"{sign('bad', 'page')} "}


def page_facts(comparison: Comparison) -> dict[str, Any]:
    """Return the rows of every table as texts, and under ``page`` what there is."""
    verdicts, same = differing_first(comparison.verdicts)
    headline, noise = differing_first(comparison.headline)
    rows = {
        "verdicts": _rows(verdicts),
        "headline": _rows(headline),
        "asked": _rows(comparison.asked),
        "changed": _rows(comparison.changed[:MOST_ROWS]),
        "quiet": _rows((*same, *noise)),
    }
    judged = Counter(change.judged for change in comparison.changed)
    return {
        "before": _audit(comparison.before),
        "after": _audit(comparison.after),
        **rows,
        "regressions": [{"text": text} for text in comparison.regressions],
        "cautions": [{"text": text} for text in comparison.cautions],
        "statement": comparison.statement,
        "limits": comparison.limits,
        "page": {
            "left_out": max(len(comparison.changed) - MOST_ROWS, 0) or None,
            "changed": len(comparison.changed),
            "one": len(comparison.changed) == 1 or None,
            "worse": judged[WORSE],
            "better": judged[BETTER],
            "quiet": quiet_text(comparison) or None,
            "pictured": has_differences(comparison.headline) or None,
            "tolerances": ", ".join(comparison.tolerances) or None,
            "intervals": any(change.level is not None for change in comparison.headline),
            "level": next((c.level for c in comparison.headline if c.level is not None), None),
        },
    }


def _audit(audit: Compared) -> dict[str, Any]:
    return {
        "folder": audit.folder,
        "title": audit.title,
        "legs": list(audit.legs),
        "started": utc_text(audit.started),
        "trivet": audit.trivet,
    }


def _rows(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [
        {
            "title": change.title,
            "before": _signed(sides_text(change)[0]),
            "after": _signed(sides_text(change)[1]),
            "before_interval": _signed(interval_text(change.before_low, change.before_high)),
            "after_interval": _signed(interval_text(change.after_low, change.after_high)),
            "difference": _signed(change.detail or difference_text(change)),
            "outcome": f"{_MARKS.get(change.judged or '', '')}{outcome_text(change)}",
        }
        for change in changes
    ]


def _signed(text: str) -> str:
    """Put a minus sign in the place of the hyphen before a number."""
    return re.sub(r"(?<![\w.])-(?=[\d.])", "\N{MINUS SIGN}", text)


def run_page_facts(record: Mapping[str, Any], findings: Sequence[Finding] = ()) -> dict[str, Any]:
    """Return a record with what its report is laid out by, under ``page``; see `scan_facts`."""
    told = {finding.message for finding in findings}
    scan = (record.get("security") or {}).get("scan")
    result = None if scan is None else TypeAdapter(ScanResult).validate_python(scan)
    facts = {**record, "page": {**scan_facts(result, most=MOST_PRINTED_ROWS), "told": bool(told) or None}}
    if effects := record.get("effects"):
        said = [{**each, "told": each["sentence"] in told or None} for each in effects["effects"]]
        facts["effects"] = {**effects, "effects": said}
    return facts
