"""Values that the prose of a scan's page can name, and what follows from them."""

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from trivet.report.figures.names import written_name
from trivet.report.scan.scale_profile import MANY_LABELS
from trivet.report.scan.scanned import Scanned
from trivet.report.scan.trigger_grid import SHOWN
from trivet.security.repairs.results import RepairAttempt, RepairResult
from trivet.security.scan_document import scan_document
from trivet.security.scan_results import LabelScan
from trivet.security.strip import Strip
from trivet.wording import one_line

__all__ = ["label_row", "page_facts"]

#: Characters of untrusted text other than a class's name: of a file, a data set, a contract.
NAME_CHARACTERS = 80


def page_facts(scanned: Scanned) -> dict[str, Any]:
    """Return the result's JSON document with short names, and under ``page`` what is derived."""
    result, suspect = scanned.result, scanned.suspect
    facts = scan_document(result)
    facts["checkpoint"]["name"] = _short(result.checkpoint.name)
    facts["images"]["name"] = _short(result.images.name)
    contract = facts["contract"]
    used, declared = contract["name"], contract["declared"]
    contract["name"] = _short(used)
    contract["candidates"] = [
        {
            **candidate,
            "name": _short(candidate["name"]),
            "used": candidate["name"] == used,
            "declared": candidate["name"] == declared != used,
        }
        for candidate in contract["candidates"]
    ]
    facts["opinions"] = [
        {**opinion, "shown": _shown(scanned, opinion["label"])} for opinion in facts["opinions"]
    ]
    facts["page"] = {
        "version": version("trivet"),
        "labels": [label_row(scanned, label) for label in scanned.by_evidence],
        "many": len(result.labels) > MANY_LABELS,
        "cut": len(result.labels) > SHOWN,
        "shown": min(len(result.labels), SHOWN),
        "left_early": len(scanned.left_early),
        "second_seed": len(result.seeds) > 1,
        "suspect": None if suspect is None else written_name(suspect.label, suspect.name),
        "suspect_norm": None if suspect is None else scanned.drawn_norm(suspect.label),
        "suspect_asr": None if suspect is None else suspect.asr,
        "expected": _shown(scanned, result.checkpoint.expected_label),
        "strip": None if scanned.strip is None else _strip(scanned.strip),
    }
    repair = scanned.repair
    facts["repair"] = None if repair is None else asdict(repair)
    facts["page"] |= _no_repair() if repair is None else _repair(repair)
    what = "Scan" if repair is None else "Repair"
    facts["audit"] = {"title": f"{what} of {facts['checkpoint']['name']}"}
    return facts


def label_row(scanned: Scanned, label: LabelScan) -> dict[str, Any]:
    """Return what a table says of a label."""
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


def _shown(scanned: Scanned, label: int | None) -> str | None:
    if label is None or label >= len(scanned.result.labels):
        return None
    return written_name(label, scanned.result.labels[label].name)


def _no_repair() -> dict[str, Any]:
    return {"true_trigger": False, "networks": [], "attempts": []}


def _repair(repair: RepairResult) -> dict[str, Any]:
    """Rates by network, the one that came first, and what each method did."""
    came, *_ = repair.attempts
    rates = ("clean_accuracy", "asr", "robust_accuracy", "true_trigger_asr")

    def network(name: str, attempt: RepairAttempt, when: str, *, kept: bool) -> dict[str, Any]:
        # Only the attacker's trigger can be unknown.
        found = {rate: getattr(getattr(attempt, rate), when, None) for rate in rates}
        return {"name": name, "kept": kept, **found}

    after = (
        network(attempt.method, attempt, "after", kept=attempt.method == repair.chosen)
        for attempt in repair.attempts
    )
    return {
        "true_trigger": came.true_trigger_asr is not None,
        "networks": [network("as received", came, "before", kept=False), *after],
        "attempts": [asdict(attempt) for attempt in repair.attempts],
    }


def _strip(strip: Strip) -> dict[str, Any]:
    after = strip.stamped_after
    return {
        "images": len(strip),
        "fooled": int((strip.stamped_before == strip.target).sum()),
        "repaired": after is not None,
        "left": None if after is None else int((after == strip.target).sum()),
    }


def _short(text: str) -> str:
    return one_line(text, limit=NAME_CHARACTERS)
