"""Findings by a policy: severities, requirements, waivers and a baseline decide on the levels."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from trivet.errors import UsageError
from trivet.fairness.auditing.results import REFERENCE
from trivet.findings.finding import Finding, make_finding, subject_of
from trivet.findings.findings import built_in
from trivet.findings.grounds import Ground, Judged, grounds_of
from trivet.findings.rules import CATALOGUE, IMPACT, METRIC, REQUIREMENT, WAIVER, rule_about
from trivet.findings.severities import GATES, graded, refuse_severities, severity_of
from trivet.place import find, parent
from trivet.policy import Measured, Outcome, Requirement, judge
from trivet.policy.requirements import ORDERING, SIGNS, exactly
from trivet.ratios import figure_at
from trivet.verdict import DISPARATE
from trivet.wording import one_line, quote

if TYPE_CHECKING:
    from trivet.comparison import Tolerances
    from trivet.config import Severity, Waiver
    from trivet.findings.baseline import Baseline

__all__ = ["findings_of", "refuse_waivers"]

TEXT_CHARACTERS: Final = 300
NO_SEVERITY: Final[Mapping[str, "Severity"]] = MappingProxyType({})


def today() -> date:
    """Return the day in UTC, by which waivers expire on every machine alike."""
    return datetime.now(UTC).date()


def refuse_waivers(waivers: Sequence["Waiver"], severity: Mapping[str, "Severity"] = NO_SEVERITY) -> None:
    """Refuse waivers of rules that never are a breach, by default or by their severity.

    Raises
    ------
    UsageError
        Naming all of them, and the rules that there are.
    """
    breaching = [*GATES, REQUIREMENT, *(rule for rule, level in severity.items() if level == "breach")]
    wrong = [quote(waiver.rule) for waiver in waivers if waiver.rule not in breaching]
    if wrong:
        raise UsageError(
            f"[[policy.waivers]] rule: nothing can be waived under {', '.join(wrong)}; expected one of "
            f"{', '.join(rule for rule in CATALOGUE if rule in breaching)}."
        )


def findings_of(
    record: Mapping[str, Any],
    requirements: Sequence[Requirement] = (),
    waivers: Sequence["Waiver"] = (),
    *,
    severity: Mapping[str, "Severity"] = NO_SEVERITY,
    baseline: "Baseline | None" = None,
    tolerances: "Tolerances | None" = None,
    day: date | None = None,
) -> tuple[Finding, ...]:
    """Return what became of each requirement, what each leg and its remedies did, and the corrections.

    The defaults gate in any case. A level is decided in this order: the default; the severity of the rule or
    of the requirement; a requirement that is a breach where it does not hold, in the place of the default
    that it measures, and no other; a waiver, until it expires; the baseline, of what is a breach still.

    Parameters
    ----------
    record
        The record as plain JSON values.
    requirements
        What `trivet.policy.parse_requirements` read.
    waivers
        Of ``[[policy.waivers]]``, as `trivet.config.Waiver`.
    severity
        Rule or text of a requirement -> level, of ``[policy.severity]``.
    baseline
        An accepted audit, as `read_baseline` reads it: a breach that it has too, and that is not worse here,
        is a warning.
    tolerances
        By how much a measure may be worse than in the baseline; None for by no more than noise.
    day
        The day by which waivers expire; None for today, in UTC.

    Raises
    ------
    UsageError
        If a requirement names no measurement of the record, or compares what cannot be compared, a waiver
        is of no rule that can be a breach, or a severity of none that can have it.
    """
    refuse_severities(severity, [each.text for each in requirements])
    refuse_waivers(waivers, severity)
    here = _by_policy(record, requirements, waivers, severity, day=day or today())
    if baseline is None:
        return here.findings
    from trivet.comparison import NO_TOLERANCE  # noqa: PLC0415 - SciPy, and only a baseline needs it
    from trivet.findings.baseline import against  # noqa: PLC0415

    there = baseline.audit.record
    possible = tuple(each for each in requirements if _can_judge(there, each))
    waived = frozenset(each.title for each in here.findings if each.rule == REQUIREMENT and each.waiver)
    accepted = _by_policy(there, possible, (), severity, day=day or today(), waived=waived)
    return against(baseline, here, accepted, tolerances or NO_TOLERANCE)


def _can_judge(record: Mapping[str, Any], requirement: Requirement) -> bool:
    """Tell whether a record has what a requirement measures; else it neither holds there nor is breached."""
    try:
        judge(record, [requirement])
    except UsageError:
        return False
    return True


def _by_policy(
    record: Mapping[str, Any],
    requirements: Sequence[Requirement],
    waivers: Sequence["Waiver"],
    severity: Mapping[str, "Severity"],
    *,
    day: date,
    waived: frozenset[str] = frozenset(),
) -> Judged:
    """Return a record's findings by a policy, without a baseline.

    A requirement that is waived, here or in the audit that this one is the baseline of, stands in no place.
    """
    outcomes = judge(record, requirements)
    waiving = _Waiving(waivers, day)
    required = tuple(waiving(graded(each, severity)) for each in requirement_findings(requirements, outcomes))
    standing = [
        _standing(record, requirement, outcome)
        if not each.waiver
        and each.title not in waived
        and severity_of(requirement.text, severity) == "breach"
        else replace(outcome, places=())
        for requirement, outcome, each in zip(requirements, outcomes, required, strict=True)
    ]
    defaults = [waiving(_in_place(record, graded(each, severity), standing)) for each in built_in(record)]
    unused = (graded(each, severity) for each in waiving.unused())
    found = (*required, *defaults, *unused)
    asked = {
        each.id: (requirement, outcome)
        for each, requirement, outcome in zip(required, requirements, outcomes, strict=True)
    }

    def grounds(finding: Finding) -> tuple[Ground, ...]:
        return grounds_of(record, finding, *asked.get(finding.id, (None, None)))

    return Judged(record, found, grounds, frozenset(waiving.expired))


_UNMEASURED: Final = (
    "Add to the audit what is missing for it, and run it again; a requirement on what is not to be audited "
    "is left out."
)


#: Figures that are best in the middle; every other one that a default judges is the better the lower.
_BEST: Final[Mapping[str, float]] = {"disparate_impact": 1.0, "ratio": 1.0, "difference": 0.0}
#: What such figures can be at all: a bound beyond holds whatever is found.
_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "disparate_impact": (0.0, math.inf),
    "ratio": (0.0, math.inf),
    "difference": (-1.0, 1.0),
    "auroc": (0.0, 1.0),
    "asr": (0.0, 1.0),
}
_PARTS: Final = frozenset({"value", "low", "high", "after"})


def _standing(record: Mapping[str, Any], requirement: Requirement, outcome: Outcome) -> Outcome:
    """Return an outcome with the places of which it can stand in a default's place.

    One that is met stands there only with a bound on the side of a breach that some figure would break. A
    word or a number that is as bad as required, a bound on the other side, and one that always holds say
    nothing of what the default judges.
    """
    if not outcome.met:
        return outcome
    kept = (place for place in outcome.places if _bounds(record, requirement, place))
    return replace(outcome, places=tuple(kept))


def _bounds(record: Mapping[str, Any], requirement: Requirement, place: str) -> bool:
    """Tell whether a requirement bounds what stands at a place from the side of a breach."""
    sign, bound = requirement.sign, requirement.value
    if sign not in ORDERING or isinstance(bound, str):
        return False
    figure = place
    while figure.rpartition(".")[2] in _PARTS:
        figure = figure.rpartition(".")[0]
    around, name = parent(figure)
    lowest, highest = _RANGES.get(name, (-math.inf, math.inf))
    if SIGNS[sign](lowest, bound) and SIGNS[sign](highest, bound):
        return False
    best = _BEST.get(name)
    if best is None:
        return sign[0] == "<" and not SIGNS[sign](highest, bound)
    found, group = find(record, figure), find(record, around)
    value = figure_at(record, f"{figure}.value") if isinstance(found, Mapping) else found
    if value is None or value == best or group.get("verdict") != DISPARATE:
        return True
    worst = lowest if value < best else highest
    return sign[0] == (">" if value < best else "<") and not SIGNS[sign](worst, bound)


def requirement_findings(
    requirements: Sequence[Requirement], outcomes: Sequence[Outcome]
) -> tuple[Finding, ...]:
    """Return a finding for each requirement, ``policy.1`` and so on, a pass or a breach."""
    return tuple(
        _required(number, requirement, outcome)
        for number, (requirement, outcome) in enumerate(zip(requirements, outcomes, strict=True), start=1)
    )


def _required(number: int, requirement: Requirement, outcome: Outcome) -> Finding:
    found = make_finding(
        REQUIREMENT,
        level="pass" if outcome.met else "breach",
        message=f"{outcome.told_first}.",
        measured=Measured(outcome.place, outcome.found, outcome.low, outcome.high, outcome.level),
        required=f"{requirement.sign} {exactly(requirement.value)}",
        title=requirement.text,
        about=rule_about(outcome.place),
    )
    action = found.action if outcome.found is not None else _UNMEASURED
    return replace(found, id=f"policy.{number}", action=action)


class _Waiving:
    """Waivers on one day: which of them were used, and which findings have one that expired."""

    def __init__(self, waivers: Sequence["Waiver"], day: date) -> None:
        self.waivers, self.day = waivers, day
        self.used: set[int] = set()
        self.expired: set[str] = set()

    def __call__(self, finding: Finding) -> Finding:
        """Return a breach as a warning through the last day of a waiver, and with what is said after it."""
        fits = [
            number
            for number, waiver in enumerate(self.waivers, start=1)
            if waiver.rule == finding.rule and waiver.subject in {None, subject_of(finding)}
        ]
        if finding.level != "breach" or not fits:
            return finding
        self.used.update(fits)
        last = max((self.waivers[number - 1] for number in fits), key=lambda waiver: waiver.expires)
        if self.day <= last.expires:
            return replace(finding, level="warning", waiver=_text(last))
        self.expired.add(finding.id)
        return finding.decided(f"Its waiver expired on {last.expires.isoformat()}: {_line(last.reason)}.")

    def unused(self) -> Iterator[Finding]:
        """Yield a finding for each waiver that nothing needed."""
        for number, waiver in enumerate(self.waivers, start=1):
            if number not in self.used:
                yield _unused(waiver, number, self.day)


def _in_place(record: Mapping[str, Any], finding: Finding, standing: Sequence[Outcome]) -> Finding:
    """Return a breach of a default as a warning where a requirement stands in its place.

    It does so for the very parts that it measures. Nothing else than requirements and waivers switches a
    default off.
    """
    covering = (each.requirement for each in standing if _covers(record, finding, each.places))
    requirement = next(covering, None) if finding.level == "breach" else None
    if requirement is None:
        return finding
    return finding.decided(
        f"The requirement {requirement} stands in the place of this default.", level="warning"
    )


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
    return part in places


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
    if find(record, attribute).get(
        "withheld"
    ):  # the verdict is about them as well, and no requirement can be
        return False
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
