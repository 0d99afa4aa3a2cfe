"""Figures of a scan and of the repair after it, for the report of an audit and the page of a scan."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trivet.errors import ReportError
from trivet.record import STRIP_PIXELS, Triggers
from trivet.report.figures.names import written_name
from trivet.report.figures.stamped import draw_stamped
from trivet.report.scan.scale_profile import alt_scale_profile, draw_scale_profile
from trivet.report.scan.scanned import Scanned
from trivet.report.scan.suspect import draw_suspect
from trivet.report.scan.trigger_grid import draw_trigger_grid, shown_labels
from trivet.security.audit_results import SecurityAudit
from trivet.security.scan_results import LabelScan, ScanResult, Strip

__all__ = [
    "alt_grid",
    "alt_profile",
    "alt_strip",
    "alt_trigger",
    "draw_grid",
    "draw_profile",
    "draw_strip",
    "draw_trigger",
    "has_scan",
    "has_suspect",
]


def has_scan(audit: SecurityAudit) -> bool:
    """Tell whether a network was scanned."""
    return audit.scan is not None


def has_suspect(audit: SecurityAudit) -> bool:
    """Tell whether a label of that network is suspected."""
    return audit.scan is not None and audit.strip is not None


def draw_trigger(audit: SecurityAudit, triggers: Triggers) -> Figure:
    """Show mask and trigger of the suspected label, one column wide."""
    return draw_suspect(_scanned(audit, triggers), _suspect(_scan(audit)))


def alt_trigger(audit: SecurityAudit) -> str:
    """Describe `draw_trigger` in words."""
    suspect = _suspect(_scan(audit))
    return (
        f"Mask and trigger reconstructed for label {written_name(suspect.label, suspect.name)}, with an L1 "
        f"norm of {_norm(suspect):.1f} pixels."
    )


def draw_strip(audit: SecurityAudit, triggers: Triggers) -> Figure:
    """Show held-out images, clean and stamped, and what the network sees in them, one column wide."""
    strip, scanned = _strip(audit), _scanned(audit, triggers)
    mask, pattern = scanned.masks[strip.target], scanned.patterns[strip.target]
    pixels = _array(triggers, STRIP_PIXELS)
    names = [label.name for label in scanned.result.labels]
    return draw_stamped(strip, pixels, (1 - mask) * pixels + mask * pattern, names)


def alt_strip(audit: SecurityAudit) -> str:
    """Describe `draw_strip` in words."""
    strip = _strip(audit)
    target = written_name(strip.target, _scan(audit).labels[strip.target].name)
    right = int(np.equal(strip.clean_before, strip.labels).sum())
    told = (
        f"{strip.images} images, clean and with the trigger of label {target}. Clean, {right} get their true "
        f"class; with the trigger, {strip.sent_before} get the trigger's label."
    )
    return told if strip.sent_after is None else f"{told} After the repair, {strip.sent_after} do."


def draw_profile(audit: SecurityAudit, triggers: Triggers) -> Figure:
    """Show the mask norm and the maximum margin of every label; wide for many labels."""
    return draw_scale_profile(_scanned(audit, triggers))


def alt_profile(audit: SecurityAudit) -> str:
    """Describe `draw_profile` in words."""
    return alt_scale_profile(Scanned.of(_scan(audit)))


def draw_grid(audit: SecurityAudit, triggers: Triggers) -> Figure:
    """Show the triggers of all labels, or of the most unusual, one column wide."""
    return draw_trigger_grid(_scanned(audit, triggers))


def alt_grid(audit: SecurityAudit) -> str:
    """Describe `draw_grid` in words."""
    scan = _scan(audit)
    labels = shown_labels(Scanned.of(scan))
    smallest = min(labels, key=_norm)
    name = written_name(smallest.label, smallest.name)
    return (
        f"The reconstructed triggers of {len(labels)} of {len(scan.labels)} labels on mid-grey. The smallest "
        f"mask is that of label {name} with {_norm(smallest):.1f} pixels."
    )


def _norm(label: LabelScan) -> float:
    """Return the mask norm of the trigger that is drawn, in pixels."""
    return label.l1 if label.refined_l1 is None else label.refined_l1


def _scanned(audit: SecurityAudit, triggers: Triggers) -> Scanned:
    return Scanned(_scan(audit), _array(triggers, "scan.mask"), _array(triggers, "scan.pattern"))


def _scan(audit: SecurityAudit) -> ScanResult:
    if audit.scan is None:
        raise ReportError("The record has no scan. Run the audit again.")
    return audit.scan


def _suspect(scan: ScanResult) -> LabelScan:
    if scan.suspected_label is None:
        raise ReportError("The scan suspects no label, so there is no trigger to show.")
    return scan.labels[scan.suspected_label]


def _strip(audit: SecurityAudit) -> Strip:
    if audit.strip is None:
        raise ReportError("The record has no strip of stamped images. Run the audit again.")
    return audit.strip


def _array(triggers: Triggers, name: str) -> NDArray[np.float32]:
    if name not in triggers:
        raise ReportError(f"The triggers have no array {name!r}. Run the audit again.")
    return triggers[name]
