"""Construction of a finding from a rule and a measurement of the record."""

from collections.abc import Mapping
from typing import Any, Final, cast

from trivet.findings.catalogue import CATALOGUE
from trivet.findings.finding import Finding, Leg, Level
from trivet.findings.rule import Rule
from trivet.policy import Measured
from trivet.policy.measuring import measure

__all__ = ["leg_of", "make_finding", "measured_at"]

_LEGS: Final = ("security", "privacy", "fairness")


def make_finding(
    rule: str,
    *,
    level: Level,
    message: str,
    measured: Measured,
    required: str = "",
    title: str | None = None,
    number: int | None = None,
    about: Rule | None = None,
    subject: str = "",
) -> Finding:
    """Make a finding."""
    entry = CATALOGUE[rule]
    told = about or entry
    return Finding(
        id=rule if number is None else f"{rule}.{number}",
        rule=rule,
        leg=leg_of(measured.place),
        level=level,
        title=title or entry.title,
        message=message,
        place=measured.place,
        value=measured.value,
        low=measured.low,
        high=measured.high,
        interval_level=None if measured.low is None and measured.high is None else measured.level,
        required=required,
        why=told.why,
        action=told.action,
        source=told.reference,
        subject=subject,
    )


def measured_at(record: Mapping[str, Any], place: str) -> Measured:
    """Return the one measurement at a place of the record, with its interval."""
    return measure(record, place)[0]


def leg_of(place: str) -> Leg:
    """Return the leg that a place belongs to."""
    leg = place.partition(".")[0]
    return cast("Leg", leg) if leg in _LEGS else "audit"
