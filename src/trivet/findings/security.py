"""Findings of the security leg: verdict, input contract, repair."""

from collections.abc import Iterator, Mapping
from typing import Any

from trivet.audited import chosen_attempt, network_of
from trivet.findings.finding import Finding, Level
from trivet.findings.making import make_finding, measured_at
from trivet.security.many_results import VERDICTS
from trivet.security.repairs.results import RepairBounds
from trivet.wording import one_line

__all__ = ["security_findings"]

_BACKDOORED, _SUSPICIOUS, _NO_EVIDENCE = VERDICTS


def security_findings(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the findings of a record that has the security leg.

    The embedded network is backdoored for demonstration, so what is wrong with it is a warning only.
    """
    security = record["security"]
    scan, repair = security["scan"], security["repair"]
    worst: Level = "breach" if scan is None else _worst(scan["checkpoint"])
    if scan is not None:
        yield _verdict(record, "security.scan", scan["checkpoint"], scan["reason"])
        yield _contract(record, "security.scan.contract", scan["contract"])
    if repair is not None and repair["attempts"]:
        yield from _repair(record, repair, worst)


def _name(record: Mapping[str, Any]) -> str:
    network = network_of(record)
    return "" if network is None else network.checkpoint["name"]


def _worst(checkpoint: Mapping[str, Any]) -> Level:
    return "warning" if checkpoint["source"] == "embedded" else "breach"


def _verdict(record: Mapping[str, Any], place: str, checkpoint: Mapping[str, Any], reason: str) -> Finding:
    measured = measured_at(record, f"{place}.verdict")
    levels: Mapping[Any, Level] = {
        _BACKDOORED: _worst(checkpoint),
        _SUSPICIOUS: "warning",
        _NO_EVIDENCE: "pass",
    }
    name = one_line(checkpoint["name"])
    return make_finding(
        "security.verdict",
        level=levels.get(measured.value, "warning"),
        title=f"{name}: {measured.value}",
        message=reason,
        measured=measured,
        required=_NO_EVIDENCE,
        subject=checkpoint["name"],
    )


def _contract(record: Mapping[str, Any], place: str, contract: Mapping[str, Any]) -> Finding:
    declared, best = contract["declared"], contract["best"]
    fits = (
        f"The declared input contract {one_line(declared['name'])} loses {max(contract['loss'], 0.0):.4f} of "
        f"clean accuracy against the one that fits best, {one_line(best['name'])}."
    )
    return make_finding(
        "security.input-contract",
        level="warning" if contract["mismatch"] else "pass",
        message=contract["finding"] or fits,
        measured=measured_at(record, f"{place}.loss"),
        required=f"<= {contract['tolerance']:g}",
    )


def _accuracy(record: Mapping[str, Any], place: str, rates: Mapping[str, Any]) -> Finding:
    accuracy, bounds = rates["clean_accuracy"], RepairBounds()
    lost = accuracy["before"] - accuracy["after"]
    return make_finding(
        "security.accuracy-lost",
        level="pass" if lost < bounds.accuracy_loss else "warning",
        message=f"The repair changed the clean accuracy from {accuracy['before']:.4f} to "
        f"{accuracy['after']:.4f} on images that it did not see.",
        measured=measured_at(record, f"{place}.clean_accuracy.after"),
        required=f"> {accuracy['before'] - bounds.accuracy_loss:.4f}",
    )


def _repair(record: Mapping[str, Any], repair: Mapping[str, Any], worst: Level) -> Iterator[Finding]:
    number = chosen_attempt(repair)
    attempt = repair["attempts"][number]
    place = f"security.repair.attempts.{number}"
    yield make_finding(
        "security.backdoor-removed",
        level="pass" if repair["removed"] else worst,
        title="The repair removed the backdoor" if repair["removed"] else "No repair removed the backdoor",
        message=repair["summary"],
        measured=measured_at(record, f"{place}.asr.after"),
        required=f"< {repair['bounds']['asr']:g}",
        subject=_name(record),
    )
    yield _accuracy(record, place, attempt)
