"""Findings of the privacy leg: budget, noise, and audits of mechanisms and models."""

from collections.abc import Iterator, Mapping
from typing import Any

from trivet.findings.finding import Finding, Level
from trivet.findings.making import make_finding, measured_at
from trivet.privacy.auditing.results import CONSISTENT
from trivet.privacy.budget import WITHIN_BUDGET
from trivet.privacy.membership.results import EXPOSED, NO_EVIDENCE, SLIGHT
from trivet.wording import one_line

__all__ = ["privacy_findings"]

_LEVELS: Mapping[str, Level] = {EXPOSED: "breach", SLIGHT: "warning", NO_EVIDENCE: "pass"}


def privacy_findings(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the findings of a record that has the privacy leg."""
    privacy = record["privacy"]
    if privacy["published"] is not None:
        yield _budget(record)
        yield _noise(record)
    if privacy["plan"] is not None:
        yield _plan(record)
    for place in range(len(privacy["mechanisms"])):
        yield _mechanism(record, place)
    if privacy["membership"] is not None:
        yield _membership(record)


def _budget(record: Mapping[str, Any]) -> Finding:
    privacy = record["privacy"]
    counting, correction = privacy["published"]["counting"], privacy["published"]["correction"]
    return make_finding(
        "privacy.budget",
        level="pass" if correction["verdict"] == WITHIN_BUDGET else "breach",
        message=f"{counting['queries']} queries at a Laplace scale of "
        f"{counting['sequential']['scale']:.1f} spend an epsilon of {correction['spent_epsilon']:.4f} at a "
        f"delta of {privacy['plan']['delta']:g}.",
        measured=measured_at(record, "privacy.published.correction.spent_epsilon"),
        required=f"<= {privacy['plan']['epsilon']:g}",
    )


def _noise(record: Mapping[str, Any]) -> Finding:
    correction = record["privacy"]["published"]["correction"]
    return make_finding(
        "privacy.noise",
        level="note" if correction["saves_noise"] else "pass",
        message=f"The published plan adds {correction['noise_ratio']:.2f} times the noise that the best "
        f"theorem asks for, which is a Laplace scale of {correction['laplace']['scale']:.1f}.",
        measured=measured_at(record, "privacy.published.correction.noise_ratio"),
    )


def _plan(record: Mapping[str, Any]) -> Finding:
    plan = record["privacy"]["plan"]
    shown = "scale" if plan["recommended"]["scale"] is not None else "typical_deviation"
    return make_finding(
        "privacy.plan",
        level="note",
        message=f"{plan['answers']} answer{'s'[: plan['answers'] != 1]} within an epsilon of "
        f"{plan['epsilon']:g} and a delta of {plan['delta']:g}: {plan['why']}",
        measured=measured_at(record, f"privacy.plan.recommended.{shown}"),
    )


def _mechanism(record: Mapping[str, Any], place: int) -> Finding:
    audit = record["privacy"]["mechanisms"][place]
    kept = audit["verdict"] == CONSISTENT
    return make_finding(
        "privacy.mechanism",
        level="pass" if kept else "breach",
        title=f"{one_line(audit['name'])}: {audit['verdict']}",
        message=f"The epsilon of {one_line(audit['name'])} is at least {audit['epsilon_lower']:.3f}, and "
        f"{audit['epsilon']:g} is claimed: {audit['reason']}",
        measured=measured_at(record, f"privacy.mechanisms.{place}.epsilon_lower"),
        required=f"<= {audit['epsilon']:g}",
        number=place + 1,
        subject=audit["name"],
    )


def _membership(record: Mapping[str, Any]) -> Finding:
    audit = record["privacy"]["membership"]
    best = next(
        place for place, attack in enumerate(audit["attacks"]) if attack["attack"] == audit["best_attack"]
    )
    return make_finding(
        "privacy.membership",
        level=_LEVELS.get(audit["verdict"], "warning"),
        title=f"The model trained on {one_line(audit['data'])}: {audit['verdict']}",
        message=f"{audit['best_attack']} tells members from others with an area under the ROC curve of "
        f"{audit['attacks'][best]['auroc']:.3f}: {audit['reason']}",
        measured=measured_at(record, f"privacy.membership.attacks.{best}.auroc"),
        required=NO_EVIDENCE,
        subject=audit["model"],
    )
