"""Five corrections of the built-in study, as notes."""

from collections.abc import Iterator, Mapping
from typing import Any

from trivet.audited import has_study
from trivet.findings.finding import Finding
from trivet.findings.making import make_finding, measured_at

__all__ = ["correction_findings"]


def correction_findings(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a note for each correction of the legs of which the record has the study."""
    if has_study(record, "security"):
        yield from _security(record, record["security"])
    if has_study(record, "privacy"):
        yield _composition(record, record["privacy"])
    if has_study(record, "fairness"):
        yield _direction(record, record["fairness"])


def _security(record: Mapping[str, Any], security: Mapping[str, Any]) -> Iterator[Finding]:
    published, scan, repair = security["published"], security["scan"], security["repair"]
    contract = scan["contract"]
    best = contract["best"]
    yield make_finding(
        "correction.input-contract",
        level="note",
        message=f"The clean accuracy before the repair is {published['clean_accuracy']['before']:.4f} as "
        f"published, under {contract['declared']['name']}, and {best['clean_accuracy']:.4f} under "
        f"{best['name']}.",
        measured=measured_at(record, "security.scan.contract.best.clean_accuracy"),
    )
    yield make_finding(
        "correction.decision-rule",
        level="note",
        message=f"The published rule names label {published['detected_label']}, as it names some label on "
        f"every network; the verdict of the scan is “{scan['verdict']}”.",
        measured=measured_at(record, "security.scan.verdict"),
    )
    if repair is None or not repair["attempts"]:
        after = "not measured (no label is suspected, so there is nothing to repair)"
    else:
        asr = repair["attempts"][0]["asr"]["after"]
        after = f"{asr:.4f} on images that the repair did not see"
    yield make_finding(
        "correction.evaluation",
        level="note",
        message=f"The success rate after the repair is {published['asr']['after']:.4f} as published, and "
        f"{after}.",
        measured=measured_at(record, "security.repair.attempts.0.asr.after"),
    )


def _composition(record: Mapping[str, Any], privacy: Mapping[str, Any]) -> Finding:
    counting, sound = privacy["published"]["counting"], privacy["published"]["correction"]["laplace"]
    return make_finding(
        "correction.composition",
        level="note",
        message=f"The Laplace scale of {counting['queries']} queries is "
        f"{counting['sequential']['scale']:.1f} as published, and "
        f"{sound['scale']:.1f} by {sound['method']} ({sound['source']}).",
        measured=measured_at(record, "privacy.published.correction.laplace.scale"),
    )


def _direction(record: Mapping[str, Any], fairness: Mapping[str, Any]) -> Finding:
    published, corrected = fairness["published"], fairness["corrected"]
    return make_finding(
        "correction.promotion-demotion",
        level="note",
        message=f"Swapped labels bring the disparate impact from {_impact(published['baseline'])} to "
        f"{_impact(published['promotion_demotion'])} as published, and to "
        f"{_impact(corrected['massaging'])} in the right direction.",
        measured=measured_at(record, "fairness.corrected.massaging.disparate_impact"),
    )


def _impact(model: Mapping[str, Any]) -> str:
    ratio = model["disparate_impact"]
    return "an unknown one" if ratio is None else f"{ratio:.4f}"
