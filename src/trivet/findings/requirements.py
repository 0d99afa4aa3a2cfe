"""Findings about the requirements of the policy."""

from collections.abc import Sequence
from dataclasses import replace

from trivet.findings.catalogue import REQUIREMENT, rule_about
from trivet.findings.finding import Finding
from trivet.findings.making import make_finding
from trivet.policy import Measured, Outcome, Requirement
from trivet.policy.judgement import shown

__all__ = ["requirement_findings"]


def requirement_findings(
    requirements: Sequence[Requirement], outcomes: Sequence[Outcome]
) -> tuple[Finding, ...]:
    """Return a finding for each requirement, ``policy.1`` and so on, a pass or a breach."""
    return tuple(
        _finding(number, requirement, outcome)
        for number, (requirement, outcome) in enumerate(zip(requirements, outcomes, strict=True), start=1)
    )


def _finding(number: int, requirement: Requirement, outcome: Outcome) -> Finding:
    found = make_finding(
        REQUIREMENT,
        level="pass" if outcome.met else "breach",
        message=f"{outcome.told_first}.",
        measured=Measured(outcome.place, outcome.found, outcome.low, outcome.high, outcome.level),
        required=f"{requirement.sign} {shown(requirement.value)}",
        title=requirement.text,
        about=rule_about(outcome.place),
    )
    return replace(found, id=f"policy.{number}")
