"""Figures of the scan of the user's network, in the report of an audit without the study."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trivet.errors import ReportError
from trivet.record import STRIP_PIXELS, STRIP_STAMPED, Triggers
from trivet.report.figures.names import written_name
from trivet.report.figures.stamped import draw_stamped
from trivet.report.scan.scale_profile import alt_scale_profile, draw_scale_profile
from trivet.report.scan.scanned import Scanned
from trivet.report.scan.suspect import draw_suspect
from trivet.report.scan.trigger_grid import draw_trigger_grid
from trivet.security.own_results import OwnSecurity, OwnStrip
from trivet.security.scan_results import LabelScan, ScanResult
from trivet.security.strip import Strip

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


def has_scan(result: object) -> bool:
    """Return True if the user's network was scanned."""
    return isinstance(result, OwnSecurity) and result.scan is not None


def has_suspect(result: object) -> bool:
    """Tell whether a label of that network is suspected."""
    return isinstance(result, OwnSecurity) and result.scan is not None and result.strip is not None


def draw_trigger(result: OwnSecurity, triggers: Triggers) -> Figure:
    """Show mask and trigger of the suspected label, one column wide."""
    return draw_suspect(_scanned(result, triggers), _suspect(_scan(result)))


def alt_trigger(result: OwnSecurity) -> str:
    """Describe `draw_trigger` in words."""
    suspect = _suspect(_scan(result))
    norm = suspect.l1 if suspect.refined_l1 is None else suspect.refined_l1
    return (
        f"Mask and trigger reconstructed for label {written_name(suspect.label, suspect.name)}, with an L1 "
        f"norm of {norm:.1f} pixels."
    )


def draw_strip(result: OwnSecurity, triggers: Triggers) -> Figure:
    """Show held-out images, clean and stamped, and what the network sees in them, one column wide."""
    recorded = _strip(result)
    strip = Strip(
        target=recorded.target,
        pixels=_array(triggers, STRIP_PIXELS),
        stamped=_array(triggers, STRIP_STAMPED),
        labels=np.array(recorded.labels),
        clean_before=np.array(recorded.clean_before),
        stamped_before=np.array(recorded.stamped_before),
        clean_after=None if recorded.clean_after is None else np.array(recorded.clean_after),
        stamped_after=None if recorded.stamped_after is None else np.array(recorded.stamped_after),
    )
    return draw_stamped(strip, [label.name for label in _scan(result).labels])


def alt_strip(result: OwnSecurity) -> str:
    """Describe `draw_strip` in words."""
    strip = _strip(result)
    target = written_name(strip.target, _scan(result).labels[strip.target].name)
    right = int(np.equal(strip.clean_before, strip.labels).sum())
    told = (
        f"{strip.images} images, clean and with the trigger of label {target}. Clean, {right} get their true "
        f"class; with the trigger, {strip.sent_before} get the trigger's label."
    )
    return told if strip.sent_after is None else f"{told} After the repair, {strip.sent_after} do."


def draw_profile(result: OwnSecurity, triggers: Triggers) -> Figure:
    """Show the mask norm and the maximum margin of every label; wide for many labels."""
    return draw_scale_profile(_scanned(result, triggers))


def alt_profile(result: OwnSecurity) -> str:
    """Describe `draw_profile` in words."""
    none = np.zeros((0, 0, 0, 0), dtype=np.float32)  # the words need no pixels
    return alt_scale_profile(Scanned(_scan(result), none, none))


def draw_grid(result: OwnSecurity, triggers: Triggers) -> Figure:
    """Show the triggers of all labels, or of the most unusual, one column wide."""
    return draw_trigger_grid(_scanned(result, triggers))


def alt_grid(result: OwnSecurity) -> str:
    """Describe `draw_grid` in words."""
    labels = _scan(result).labels
    smallest = min(labels, key=lambda label: label.l1)
    name = written_name(smallest.label, smallest.name)
    return (
        f"The reconstructed triggers of {len(labels)} labels on mid-grey, or of the most unusual. After "
        f"equal numbers of steps the smallest mask is that of label {name} with {smallest.l1:.1f} pixels."
    )


def _scanned(result: OwnSecurity, triggers: Triggers) -> Scanned:
    masks, patterns = _array(triggers, "scan.mask"), _array(triggers, "scan.pattern")
    return Scanned(_scan(result), masks, patterns, repair=result.repair)


def _scan(result: OwnSecurity) -> ScanResult:
    if result.scan is None:
        raise ReportError("The record has no scan. Run the audit again.")
    return result.scan


def _suspect(scan: ScanResult) -> LabelScan:
    if scan.suspected_label is None:
        raise ReportError("The scan suspects no label, so there is no trigger to show.")
    return scan.labels[scan.suspected_label]


def _strip(result: OwnSecurity) -> OwnStrip:
    if result.strip is None:
        raise ReportError("The record has no strip of stamped images. Run the audit again.")
    return result.strip


def _array(triggers: Triggers, name: str) -> NDArray[np.float32]:
    if name not in triggers:
        raise ReportError(f"The triggers have no array {name!r}. Run the audit again.")
    return triggers[name]
