"""A scan's result as plain JSON values, the same bytes for the same scan."""

from dataclasses import asdict
from typing import Any

from trivet.security.scan_results import ScanResult

__all__ = ["scan_document"]

SCHEMA_VERSION = 1


def scan_document(result: ScanResult) -> dict[str, Any]:
    """Return a result as a dictionary of plain values.

    What users look for first comes first; `contract` holds the name of the contract that was used
    and the accuracies under all that were tried. No times: those are the caller's.
    """
    plain = asdict(result)
    checked = plain.pop("contract")
    used = checked["best"]
    first = ("verdict", "suspected_label", "p_value", "reason", "limits")
    return {
        "schema_version": SCHEMA_VERSION,
        **{key: plain.pop(key) for key in first},
        "contract": {**used, "declared": checked["declared"]["name"], **_check(checked)},
        **plain,
    }


def _check(checked: dict[str, Any]) -> dict[str, Any]:
    return {key: checked[key] for key in ("loss", "tolerance", "mismatch", "finding", "candidates")}
