"""What has been found in a record, with a policy or without?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from trivet.findings.corrections import correction_findings
from trivet.findings.effects import effect_findings
from trivet.findings.fairness import fairness_findings
from trivet.findings.finding import Finding
from trivet.findings.privacy import privacy_findings
from trivet.findings.requirements import requirement_findings
from trivet.findings.security import security_findings
from trivet.policy import Requirement

__all__ = ["findings_of"]

_LEGS = {"security": security_findings, "privacy": privacy_findings, "fairness": fairness_findings}


def findings_of(record: Mapping[str, Any], requirements: Sequence[Requirement] = ()) -> tuple[Finding, ...]:
    """Return what became of each requirement, what each leg and its remedies did, and the corrections.

    Where there are requirements they alone decide what is a breach: a team that requires a repaired
    network to be clean has said that it knows of the backdoor. What a leg finds is then a warning at most.

    Parameters
    ----------
    record
        The record as plain JSON values.
    requirements
        What `trivet.policy.parse_requirements` read.

    Raises
    ------
    UsageError
        If a requirement names no measurement of the record, or compares what cannot be compared.
    """
    found = tuple(_built_in(record))
    if requirements:
        found = tuple(replace(each, level="warning") if each.level == "breach" else each for each in found)
    return *requirement_findings(record, requirements), *found


def _built_in(record: Mapping[str, Any]) -> Iterator[Finding]:
    for leg, findings in _LEGS.items():
        if record[leg] is not None:
            yield from findings(record)
    yield from effect_findings(record)
    yield from correction_findings(record)
