"""Names for the prose about a scan beside the record: labels by evidence, and the suspect."""

from typing import Any

from trivet.report.figures.names import written_name
from trivet.report.scan.scale_profile import MANY_LABELS
from trivet.report.scan.scanned import Scanned
from trivet.report.scan.trigger_grid import SHOWN
from trivet.security.scan_results import LabelScan, ScanResult

__all__ = ["scan_facts"]


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
