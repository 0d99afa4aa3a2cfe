"""One thing that was found: what was measured, against what, why it matters, what to do."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

from trivet.findings.rules import CATALOGUE, REQUIREMENT, Rule
from trivet.policy import Measured
from trivet.policy.places import measure
from trivet.policy.requirements import shown
from trivet.ratios import INFINITE, is_infinite
from trivet.verdict import LEGS, Leg, Tone, tone
from trivet.wording import one_line

__all__ = [
    "LEVELS",
    "Finding",
    "Level",
    "State",
    "breached",
    "counts",
    "make_finding",
    "measured_at",
    "subject_of",
]

Level = Literal["pass", "note", "warning", "breach"]
#: What became of a breach since the baseline; empty without a baseline, and of what neither audit breaches.
State = Literal["", "new", "worse", "known", "fixed", "gone"]
#: From harmless to serious.
LEVEL_TONES: Final[Mapping[Level, Tone]] = {
    "pass": "good",
    "note": "note",
    "warning": "unsure",
    "breach": "bad",
}
LEVELS: Final[tuple[Level, ...]] = tuple(LEVEL_TONES)
#: A number as it stands in a requirement.
_NUMBER: Final = re.compile(r"(?<![\w.])[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?(?![\w.])")
#: Longer than any sentence that trivet writes.
MOST_CHARACTERS: Final = 1_000


@dataclass(frozen=True)
class Finding:
    """One finding.

    Every text is on one line and holds nothing that does not print, and no number is infinite: whatever
    was in the record, a finding can stand in every format.

    Attributes
    ----------
    id
        Names this finding among those of one audit, the same on every run: ``policy.1``,
        ``security.verdict``, ``privacy.mechanism.2``.
    rule
        A key of `trivet.findings.CATALOGUE`: the kind of finding.
    leg
        ``security``, ``privacy``, ``fairness``, or ``audit`` for what belongs to none.
    level
        ``pass``; ``note`` for what is worth knowing; ``warning`` for what needs a look; ``breach``.
    title
        A few words.
    message
        One sentence with the numbers.
    place
        Where the measurement stands in ``metrics.json``.
    value
        The measurement, ``infinite`` of a ratio to a share of 0; None where it could not be made.
    low, high, interval_level
        Its confidence interval, and the level of that; None where the record has none.
    required
        What the measurement was held against, in words or as sign and constant; empty for a note.
    why, action, source
        Why it matters, what to do, and where that is explained.
    subject
        The network, mechanism, model or attribute that it is about, by its name; empty where it has none.
    waiver
        Until when and why a breach does not count, and who decided so; empty without a waiver.
    default
        The level without severities, requirements in its place, waivers and a baseline; of a requirement
        that without a baseline.
    decision
        What of the policy decided on the level, a sentence each; empty where it is the default.
    baseline
        ``new``, ``worse``, ``known``, ``fixed`` or ``gone`` since the baseline: `State`.
    """

    id: str
    rule: str
    leg: Leg | Literal["audit"]
    level: Level
    title: str
    message: str
    place: str
    value: float | str | bool | None
    low: float | None
    high: float | None
    interval_level: float | None
    required: str
    why: str
    action: str
    source: str
    subject: str = ""
    waiver: str = ""
    default: Level | None = None
    decision: str = ""
    baseline: State = ""

    def __post_init__(self) -> None:
        """Put every text on one line, and leave out what JSON has no number for."""
        if self.default is None:
            object.__setattr__(self, "default", self.level)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                object.__setattr__(self, field.name, one_line(value, limit=MOST_CHARACTERS))
            elif isinstance(value, float) and not math.isfinite(value):
                infinite = field.name == "value" and is_infinite(value)
                object.__setattr__(self, field.name, INFINITE if infinite else None)

    @property
    def bounds(self) -> tuple[float, ...]:
        """The numbers that the measurement was held against."""
        return tuple(float(each) for each in _NUMBER.findall(self.required))

    def shown(self, value: object) -> str:
        """Spell the measurement or an end of its interval, on the side of each bound on which it is."""
        return shown(value, self.bounds)

    @property
    def interval(self) -> str:
        """Level and ends of the interval, as `shown` spells them; empty without one."""
        if self.interval_level is None:
            return ""
        return f"{self.interval_level:.0%}: {self.shown(self.low)} to {self.shown(self.high)}"

    @property
    def sentence(self) -> str:
        """Title, message, waiver and decision in one line."""
        waived = f" ({self.waiver})" if self.waiver else ""
        decided = f" {self.decision}" if self.decision else ""
        return f"{self.title}{'' if self.title.endswith('?') else '.'} {self.message}{waived}{decided}"

    def decided(self, sentence: str, **changes: Any) -> "Finding":
        """Return the finding with other values, and what decided so after what did before."""
        return replace(self, decision=f"{self.decision} {sentence}".strip(), **changes)


def breached(findings: Sequence[Finding]) -> bool:
    """Return True if some finding is a breach, so that a command ends with exit code 1."""
    return any(finding.level == "breach" for finding in findings)


def counts(findings: Sequence[Finding]) -> dict[Level, int]:
    """Count findings by level, the most serious first."""
    return {level: sum(finding.level == level for finding in findings) for level in reversed(LEVELS)}


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


def leg_of(place: str) -> Leg | Literal["audit"]:
    """Return the leg that a place belongs to."""
    leg = place.partition(".")[0]
    return leg if leg in LEGS else "audit"


def subject_of(finding: Finding) -> str:
    """Return what a finding is about, by which waivers and a baseline know it: of a requirement its text."""
    return finding.title if finding.rule == REQUIREMENT else finding.subject


def level_of(word: str, *, worst: Level = "breach") -> Level:
    """Return the level of a verdict; `worst` where it is bad."""
    levels: Mapping[Tone, Level] = {"good": "pass", "bad": worst}
    return levels.get(tone(word), "warning")
