"""Levels that requirements and waivers leave to the findings of the defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from trivet.errors import UsageError
from trivet.fairness.auditing.results import REFERENCE
from trivet.findings.finding import Finding, make_finding
from trivet.findings.rules import IMPACT, METRIC
from trivet.place import find
from trivet.policy import Measured, Outcome
from trivet.wording import one_line, quote

if TYPE_CHECKING:
    from trivet.config import Waiver

__all__ = ["GATES", "gated", "refuse_waivers", "today"]

#: Rules whose findings can be a breach without any requirement, in the order of the documentation.
GATES: Final = (
    "security.verdict",
    "security.backdoor-removed",
    "privacy.budget",
    "privacy.mechanism",
    "privacy.membership",
    "privacy.claim",
    "privacy.code",
    IMPACT,
    METRIC,
)
WAIVER: Final = "policy.waiver"
TEXT_CHARACTERS: Final = 300


def today() -> date:
    """Return the day in UTC, by which waivers expire on every machine alike."""
    return datetime.now(UTC).date()


def refuse_waivers(waivers: Sequence["Waiver"]) -> None:
    """Refuse waivers of what no default gates.

    Raises
    ------
    UsageError
        Naming all of them, and the rules that there are.
    """
    wrong = [quote(waiver.rule) for waiver in waivers if waiver.rule not in GATES]
    if wrong:
        raise UsageError(
            f"[[policy.waivers]] rule: nothing can be waived under {', '.join(wrong)}; expected one of "
            f"{', '.join(GATES)}. A requirement is changed in require instead."
        )


def gated(
    record: Mapping[str, Any],
    findings: Sequence[Finding],
    outcomes: Sequence[Outcome],
    waivers: Sequence["Waiver"],
    *,
    day: date,
) -> tuple[Finding, ...]:
    """Return findings at the level that requirements and waivers leave, then waivers that nothing needed.

    A requirement replaces the default of the rule that it measures, for the very parts that it measures. A
    waiver lets one rule pass, of one subject where it names one, through the day that it expires. Both leave
    a warning. Nothing else switches a default off.
    """
    used: set[int] = set()
    found = tuple(_gated(record, each, outcomes, waivers, day, used) for each in findings)
    return *found, *(
        _unused(waiver, number, day) for number, waiver in enumerate(waivers, start=1) if number not in used
    )


def _gated(
    record: Mapping[str, Any],
    finding: Finding,
    outcomes: Sequence[Outcome],
    waivers: Sequence["Waiver"],
    day: date,
    used: set[int],
) -> Finding:
    if finding.level != "breach":
        return finding
    for number, outcome in enumerate(outcomes, start=1):
        if _covers(record, finding, outcome.places):
            said = f"{finding.message} The requirement policy.{number} stands in the place of this default."
            return replace(finding, level="warning", message=said)
    expired = ""
    for number, waiver in enumerate(waivers, start=1):
        if waiver.rule != finding.rule or waiver.subject not in {None, finding.subject}:
            continue
        used.add(number)
        if day <= waiver.expires:
            return replace(finding, level="warning", waiver=_text(waiver))
        expired = f" Its waiver expired on {waiver.expires.isoformat()}: {_line(waiver.reason)}"
    return replace(finding, message=f"{finding.message}{expired}") if expired else finding


def _covers(record: Mapping[str, Any], finding: Finding, places: Sequence[str]) -> bool:
    """Tell whether requirements on `places` measure all that a default finding judges."""
    rule, part = finding.rule, finding.place
    if rule == "security.backdoor-removed":
        whole = {f"{part.rpartition('.asr.')[0]}.removed", "security.repair.removed"}
        return part in places or bool(whole.intersection(places))
    if rule in {"privacy.mechanism", "privacy.claim", "privacy.code"}:
        return part in places or f"{part.rpartition('.')[0]}.verdict" in places
    if rule == "privacy.membership":
        return part in places or "privacy.membership.verdict" in places
    if rule in {IMPACT, METRIC}:
        return _covers_attribute(record, part, places)
    return rule in GATES and part in places


def _covers_attribute(record: Mapping[str, Any], place: str, places: Sequence[str]) -> bool:
    """Tell whether every group of an attribute that is compared with another is measured, by that metric."""
    audit, _, rest = place.partition(".attributes.")
    attribute = f"{audit}.attributes.{rest.partition('.')[0]}"
    below = rest.split(".")[1:]
    whole, compared = {f"{audit}.verdict", f"{attribute}.verdict"}, "disparate_impact"
    alike = [attribute]
    if below[0] == "measures":
        one = find(record, f"{attribute}.measures.{below[1]}")
        compared = "ratio" if one["difference_band"] is None else "difference"
        # By its index or by its name.
        alike = [f"{attribute}.measures.{below[1]}", f"{attribute}.measures[metric={one['metric']}]"]
        whole |= {f"{each}.verdict" for each in alike}
    if whole.intersection(places):
        return True
    groups = [
        [f"{each}.groups.{number}" for each in alike]
        for number, group in enumerate(find(record, alike[0])["groups"])
        if group["verdict"] != REFERENCE
    ]
    return all(
        any(
            each == f"{group}.verdict" or each.startswith(f"{group}.{compared}")
            for each in places
            for group in names
        )
        for names in groups
    )


def _unused(waiver: "Waiver", number: int, day: date) -> Finding:
    over = day > waiver.expires
    about = f"{waiver.rule}{'' if waiver.subject is None else f' of {_line(waiver.subject)}'}"
    found = make_finding(
        WAIVER,
        level="warning" if over else "note",
        title=f"Waiver of {about}",
        message=f"Nothing is breached that it lets pass; it is {'expired' if over else 'not needed'}: "
        f"{_text(waiver)}.",
        measured=Measured(f"policy.waivers.{number}", None),
    )
    return replace(found, id=f"{WAIVER}.{number}")


def _text(waiver: "Waiver") -> str:
    by = "" if waiver.decided_by is None else f" (decided by {_line(waiver.decided_by)})"
    return f"waived through {waiver.expires.isoformat()}: {_line(waiver.reason)}{by}"


def _line(text: str) -> str:
    return one_line(text.strip(), limit=TEXT_CHARACTERS)
