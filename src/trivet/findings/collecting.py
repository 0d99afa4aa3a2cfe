"""Findings of a record, with or without a policy."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from trivet.findings.corrections import correction_findings
from trivet.findings.effects import effect_findings
from trivet.findings.fairness import fairness_findings
from trivet.findings.finding import Finding
from trivet.findings.gating import gated, refuse_waivers, today
from trivet.findings.privacy import privacy_findings
from trivet.findings.requirements import requirement_findings
from trivet.findings.security import security_findings
from trivet.policy import Requirement, judge

if TYPE_CHECKING:
    from trivet.config import Waiver

__all__ = ["findings_of"]

_LEGS = {"security": security_findings, "privacy": privacy_findings, "fairness": fairness_findings}


def findings_of(
    record: Mapping[str, Any],
    requirements: Sequence[Requirement] = (),
    waivers: Sequence["Waiver"] = (),
    *,
    day: date | None = None,
) -> tuple[Finding, ...]:
    """Return what became of each requirement, what each leg and its remedies did, and the corrections.

    The defaults gate in any case. A requirement replaces the default of the rule that it measures and no
    other, a waiver switches one off until it expires; see `trivet.findings.gating`.

    Parameters
    ----------
    record
        The record as plain JSON values.
    requirements
        What `trivet.policy.parse_requirements` read.
    waivers
        Of ``[[policy.waivers]]``, as `trivet.config.Waiver`.
    day
        The day by which waivers expire; None for today, in UTC.

    Raises
    ------
    UsageError
        If a requirement names no measurement of the record, or compares what cannot be compared, or a waiver
        is of no rule that a default gates.
    """
    refuse_waivers(waivers)
    outcomes = judge(record, requirements)
    found = gated(record, tuple(_built_in(record)), outcomes, waivers, day=day or today())
    return *requirement_findings(requirements, outcomes), *found


def _built_in(record: Mapping[str, Any]) -> Iterator[Finding]:
    for leg, findings in _LEGS.items():
        if record[leg] is not None:
            yield from findings(record)
    yield from effect_findings(record)
    yield from correction_findings(record)
