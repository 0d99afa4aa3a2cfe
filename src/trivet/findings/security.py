"""What does the security leg find: verdict, input contract, repair?"""

from collections.abc import Iterator, Mapping
from typing import Any

from trivet.findings.finding import Finding, Level
from trivet.findings.making import make_finding, measured_at
from trivet.security.many_results import VERDICTS
from trivet.security.repair.results import RepairBounds
from trivet.wording import one_line

__all__ = ["security_findings"]

_BACKDOORED, _SUSPICIOUS, _NO_EVIDENCE = VERDICTS


def security_findings(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the findings of a record that has the security leg.

    The embedded network is backdoored for demonstration, so what is wrong with it is a warning only.
    """
    worst: Level = "warning" if record["security"]["checkpoint"]["source"] == "embedded" else "breach"
    yield _verdict(record, worst)
    yield _contract(record)
    if record["security"]["corrected"]["asr"] is not None:
        yield _removal(record, worst)
        yield _accuracy(record)


def _verdict(record: Mapping[str, Any], worst: Level) -> Finding:
    corrected = record["security"]["corrected"]
    levels: Mapping[str, Level] = {_BACKDOORED: worst, _SUSPICIOUS: "warning", _NO_EVIDENCE: "pass"}
    found = corrected["verdict"]
    chance = corrected["p_value"]
    told = (corrected["score_reason"] or "no p-value") if chance is None else f"p = {chance:.2g}"
    return make_finding(
        "security.verdict",
        level=levels.get(found, "warning"),
        title=f"The network: {found}",
        message=f"{one_line(record['security']['checkpoint']['name'])} is judged “{found}”: the smallest "
        f"trigger that works leads to label {corrected['smallest_label']} and has "
        f"{corrected['norm_ratio']:.2f} times the size of the median one ({told}).",
        measured=measured_at(record, "security.corrected.verdict"),
        required=_NO_EVIDENCE,
    )


def _contract(record: Mapping[str, Any]) -> Finding:
    contract = record["security"]["corrected"]["contract"]
    declared, best = contract["declared"], contract["best"]
    fits = (
        f"The declared input contract {declared['name']} loses {max(contract['loss'], 0.0):.4f} of clean "
        f"accuracy against the one that fits best, {best['name']}."
    )
    return make_finding(
        "security.input-contract",
        level="warning" if contract["mismatch"] else "pass",
        message=contract["finding"] or fits,
        measured=measured_at(record, "security.corrected.contract.loss"),
        required=f"<= {contract['tolerance']:g}",
    )


def _removal(record: Mapping[str, Any], worst: Level) -> Finding:
    corrected, bounds = record["security"]["corrected"], RepairBounds()
    rates = [
        ("asr", "reconstructed", bounds.asr),
        ("true_trigger_asr", "attacker's own", bounds.true_trigger_asr),
    ]
    rates = [rate for rate in rates if corrected[rate[0]] is not None]
    name, whose, bound = max(rates, key=lambda rate: corrected[rate[0]]["after"] - rate[2])
    rate = corrected[name]
    removed = rate["after"] < bound
    return make_finding(
        "security.backdoor-removed",
        level="pass" if removed else worst,
        title="The repair removed the backdoor" if removed else "The repair left the backdoor in",
        message=f"The {whose} trigger worked on {rate['before']:.1%} of the held-out images before the "
        f"repair and works on {rate['after']:.1%} after it.",
        measured=measured_at(record, f"security.corrected.{name}.after"),
        required=f"< {bound:g}",
    )


def _accuracy(record: Mapping[str, Any]) -> Finding:
    accuracy, bounds = record["security"]["corrected"]["clean_accuracy"], RepairBounds()
    lost = accuracy["before"] - accuracy["after"]
    return make_finding(
        "security.accuracy-lost",
        level="pass" if lost < bounds.accuracy_loss else "warning",
        message=f"The repair changed the clean accuracy from {accuracy['before']:.4f} to "
        f"{accuracy['after']:.4f} on images that it did not see.",
        measured=measured_at(record, "security.corrected.clean_accuracy.after"),
        required=f"> {accuracy['before'] - bounds.accuracy_loss:.4f}",
    )
