"""Summary of an audit: the one source of the card that page, PDF, terminal and Markdown open with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

from trivet.audited import JudgedPart, demonstrates, network_of, verdicts_of
from trivet.findings.finding import LEVEL_TONES, LEVELS, Finding, Level, counts
from trivet.findings.rules import CAUTION, REQUIREMENT, WAIVER
from trivet.findings.severities import GATES
from trivet.place import find, parent
from trivet.place_names import named_place, short_name
from trivet.verdict import LEGS, TONES, UNKNOWN, Tone
from trivet.wording import amount, beside, listed, one_line

__all__ = [
    "DIGITS",
    "HEADINGS",
    "LEVEL_WORDS",
    "LegSummary",
    "Line",
    "Made",
    "PartSummary",
    "Summary",
    "counted",
    "leg_summaries",
    "made_of",
    "summary_of",
    "utc_text",
]

#: Headings of the legs.
HEADINGS: Final = MappingProxyType(
    {"security": "Security", "privacy": "Privacy", "fairness": "Fairness", "audit": "Audit"}
)
#: Words of each level, for one and for several.
LEVEL_WORDS: Final[Mapping[Level, tuple[str, str]]] = MappingProxyType(
    {
        "breach": ("breach", "breaches"),
        "warning": ("warning", "warnings"),
        "note": ("note", "notes"),
        "pass": ("pass", "passes"),
    }
)
#: Digits of a digest that a card shows.
DIGITS: Final = 12
#: Parts of a leg that are named.
MOST_PARTS: Final = 3
#: Groups of an attribute that are named, and attributes.
MOST_GROUPS: Final = 4
MOST_ATTRIBUTES: Final = 3
_DIGEST_DIGITS: Final = 64
#: Rules whose findings say something and measure nothing.
_UNMEASURING: Final = frozenset({CAUTION, WAIVER})
_CLAUSE_CHARACTERS: Final = 140
#: Outside of these a number is written as an amount.
SMALLEST, LARGEST = 1e-3, 1e3
#: Figures that compare a group with the reference.
_COMPARED: Final = frozenset({"difference", "disparate_impact", "ratio"})
NOT_AUDITED: Final = "not audited"
NOT_JUDGED: Final = "not judged"
#: Outcome of an audit as a whole, and its tone.
PASSED, FAILED, UNDECIDED, UNJUDGED, DEMONSTRATION = _WORDS = (
    "PASSED",
    "FAILED",
    "UNDECIDED",
    "NOT JUDGED",
    "DEMONSTRATION",
)
_TONES: Final[Mapping[str, Tone]] = dict(zip(_WORDS, ("good", "bad", "unsure", "note", "note"), strict=True))


@dataclass(frozen=True)
class Made:
    """By which trivet and when an audit was made, and SHA-256 digests of its inputs by name."""

    version: str = ""
    date: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PartSummary:
    """One thing that was audited: its name, what is known of it, the SHA-256 of its file, and its verdict."""

    name: str
    facts: str
    digest: str
    tone: Tone
    word: str

    @property
    def short_digest(self) -> str:
        """Return as many digits of the digest as tell files apart."""
        return self.digest[:DIGITS]


@dataclass(frozen=True)
class LegSummary:
    """Verdict of a leg, the worst of its parts, with its reason where no finding gives it."""

    leg: str
    tone: Tone
    word: str
    parts: tuple[PartSummary, ...] = ()
    reason: str = ""

    @property
    def heading(self) -> str:
        """Name of the leg for people."""
        return HEADINGS.get(self.leg, self.leg)

    @property
    def shown(self) -> tuple[tuple[PartSummary, ...], int]:
        """Return the first parts, those with the leg's verdict before all, and how many more there are."""
        parts = sorted(self.parts, key=lambda part: part.word != self.word)
        return tuple(parts[:MOST_PARTS]), max(len(parts) - MOST_PARTS, 0)

    @property
    def texts(self) -> tuple[str, ...]:
        """Return what was audited, a line a part; with its verdict where that is not the leg's."""
        shown, more = self.shown
        texts = [self.reason] if self.reason else []
        for part in shown:
            word = f"{part.word}: " if self.word not in {"", part.word} else ""
            digest = f" ({part.short_digest})" if part.digest else ""
            texts.append(f"{word}{part.name}{digest}{', ' if part.facts else ''}{part.facts}")
        return (*texts, *([f"and {more} more"] if more else []))


@dataclass(frozen=True)
class Line:
    """One finding in a line.

    Attributes
    ----------
    finding
        What it is of.
    name
        What was measured, of which group, network, model or mechanism; and what became of a breach since the
        baseline.
    value
        As people read it; empty for a caution or a waiver, which measure nothing.
    interval
        Its ends and level; empty without.
    required
        The requirement as it was written, or the threshold of a default; empty without.
    """

    finding: Finding
    name: str
    value: str
    interval: str
    required: str

    @property
    def tone(self) -> Tone:
        """Return the tone of its level."""
        return LEVEL_TONES[self.finding.level]

    @property
    def measured(self) -> str:
        """Return value and interval."""
        return f"{self.value} ({self.interval})" if self.interval else self.value

    @property
    def told(self) -> str:
        """Return name and measurement."""
        return f"{self.name}: {self.measured}" if self.value else self.name


@dataclass(frozen=True)
class Summary:
    """Content of the card.

    Attributes
    ----------
    title
        Of the audit.
    word, tone
        ``PASSED``, ``FAILED``, ``UNDECIDED`` where something requested could not be measured, ``NOT JUDGED``
        where nothing was held against anything, ``DEMONSTRATION`` of the embedded network and table; of a
        single result, whose commands know no policy, its verdict.
    against
        What it was held against, or why there is no other word.
    counted
        How many findings there are of each level.
    made
        By which trivet, and when.
    seed
        Of all that is random; None where there is none.
    legs
        Every leg, also those that were not audited.
    lines
        Every finding, the most serious first.
    """

    title: str
    word: str
    tone: Tone
    against: str
    counted: str
    made: Made
    seed: int | None
    legs: tuple[LegSummary, ...]
    lines: tuple[Line, ...] = ()

    @property
    def provenance(self) -> str:
        """Return when, by which version and with which seed, as far as that is known."""
        told = (
            self.made.date,
            self.made.version and f"trivet {self.made.version}",
            "" if self.seed is None else f"seed {self.seed}",
        )
        return ", ".join(filter(None, told))

    def cut(self, most: int) -> tuple[tuple[Line, ...], int]:
        """Return the first lines of the findings, and how many more there are."""
        return self.lines[:most], max(len(self.lines) - most, 0)


def made_of(manifest: Mapping[str, Any]) -> Made:
    """Read what a card needs of a manifest; what is missing or wrong in it is as if it were not there."""
    inputs = manifest.get("inputs")
    started = manifest.get("started")
    date = (utc_text(started if isinstance(started, str) else None) or "").partition(" ")[0]
    known = inputs.items() if isinstance(inputs, Mapping) else ()
    wrote = manifest.get("trivet")
    return Made(
        version=one_line(wrote) if isinstance(wrote, str) else version("trivet"),
        date=date and f"{date} UTC",
        inputs={str(name): digest for name, digest in known if _is_digest(digest)},
    )


def utc_text(started: str | None) -> str | None:
    """Return a manifest's time in UTC, None where it is none."""
    try:
        moment = datetime.fromisoformat(started or "")
    except ValueError:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment.tzinfo else None


def summary_of(record: Mapping[str, Any], findings: Sequence[Finding], made: Made | None = None) -> Summary:
    """Summarise a record and what was found in it.

    Parameters
    ----------
    record
        The record as plain JSON values.
    findings
        What `trivet.findings.findings_of` returned for it.
    made
        What the manifest says; None where there is none.
    """
    made = made or Made()
    legs = leg_summaries(record, made)
    word, against = _outcome(record, findings, legs)
    about = record.get("audit", {})
    by_weight = sorted(findings, key=lambda each: -LEVELS.index(each.level))
    return Summary(
        title=one_line(about.get("title", ""), limit=200),
        word=word,
        tone=_TONES[word],
        against=against,
        counted=counted(findings),
        made=made,
        seed=about.get("seed"),
        legs=legs,
        lines=tuple(_line(record, each) for each in by_weight),
    )


def counted(findings: Sequence[Finding]) -> str:
    """Return how many findings there are of each level, the most serious first."""
    found = [(number, LEVEL_WORDS[level]) for level, number in counts(findings).items() if number]
    return ", ".join(f"{number} {words[number != 1]}" for number, words in found) or "no finding"


def leg_summaries(record: Mapping[str, Any], made: Made) -> tuple[LegSummary, ...]:
    """Return each leg with its parts and the worst of their verdicts."""
    parts = verdicts_of({leg: record.get(leg) for leg in LEGS})
    found: list[LegSummary] = []
    for leg in LEGS:
        own = tuple(_part(record, part, made) for part in parts if part.leg == leg)
        judged = [each for each in own if each.tone in TONES]
        worst = max(judged, key=lambda each: TONES.index(each.tone), default=None)
        if worst is not None:
            found.append(LegSummary(leg, worst.tone, worst.word, own))
        else:
            word = NOT_AUDITED if record.get(leg) is None else NOT_JUDGED
            found.append(LegSummary(leg, "note", word, own))
    return tuple(found)


def _outcome(
    record: Mapping[str, Any], findings: Sequence[Finding], legs: Sequence[LegSummary]
) -> tuple[str, str]:
    """Return the word for the whole audit, and what it rests on."""
    breaches = [each for each in findings if each.level == "breach"]
    requirements = [each for each in findings if each.rule == REQUIREMENT]
    gating = [*requirements, *(each for each in findings if each.rule in GATES)]
    against = _against(requirements, findings)
    unmeasured = [each for each in gating if each.value is None]
    unknown = len(unmeasured) or sum(part.word == UNKNOWN for leg in legs for part in leg.parts)
    if any(each.value is not None for each in breaches):
        return FAILED, against
    if breaches or unknown:
        number = max(unknown, len(breaches))
        return UNDECIDED, f"{against}; {number} of what was to be judged could not be measured"
    if not gating:
        return UNJUDGED, "nothing in it is held against a threshold" if findings else "no findings are given"
    if not requirements and all(_is_demonstration(record, each) for each in gating):
        return DEMONSTRATION, "on what comes with trivet: nothing in it counts as a breach"
    doubtful = [f"{leg.leg} is {leg.word}" for leg in legs if leg.tone in {"bad", "unsure"}]
    return PASSED, f"{against}, though {' and '.join(doubtful)}" if doubtful else against


def _against(requirements: Sequence[Finding], findings: Sequence[Finding]) -> str:
    number = len(requirements)
    own = f"{number} requirement{'s'[: number != 1]} and the default rules" if number else "the default rules"
    waived = sum(bool(each.waiver) for each in findings)
    since = any(each.baseline for each in findings)
    return f"against {own}{' and a baseline' if since else ''}{f', {waived} waived' if waived else ''}"


def _is_demonstration(record: Mapping[str, Any], finding: Finding) -> bool:
    """Tell a finding on what comes with trivet from one on a system of the user's."""
    if finding.leg == "security":
        network = network_of(record)
        return network is not None and network.checkpoint["source"] == "embedded"
    if finding.leg == "fairness":
        return demonstrates(record["fairness"])
    return finding.place.startswith("privacy.published.")


def _kind(record: Mapping[str, Any], finding: Finding) -> str:
    """Say what the interval of a group's comparison holds for, where that of one alone is another."""
    if finding.interval_level is None:
        return ""
    around, figure = parent(finding.place.removesuffix(".value"))
    group = find(record, around)
    names = [f"{'difference' if figure == 'difference' else 'simultaneous'}_{end}" for end in ("low", "high")]
    if not isinstance(group, Mapping) or figure not in _COMPARED or "simultaneous_low" not in group:
        return ""
    wide = [group.get(name) for name in names]
    if wide == [group[figure][end] for end in ("low", "high")]:
        return ""
    together = [finding.low, finding.high] == wide
    return "all comparisons at once" if together else "this comparison alone"


def _line(record: Mapping[str, Any], finding: Finding) -> Line:
    name = _name(record, finding)
    passed = "breach by default" if finding.default == "breach" != finding.level else ""
    said = finding.baseline or ("waived" if finding.waiver else passed)
    since = f" ({said})" if said else ""
    return Line(
        finding=finding,
        name=f"{name[:1].upper()}{name[1:]}{since}",
        value="" if finding.rule in _UNMEASURING else _value(finding),
        interval=_interval(finding, _kind(record, finding)),
        required=finding.title if finding.rule == REQUIREMENT else finding.required,
    )


def _name(record: Mapping[str, Any], finding: Finding) -> str:
    if finding.rule in _UNMEASURING:
        clause = finding.message.partition(". ")[0].partition("; ")[0].removesuffix(".")
        return one_line(f"{finding.value or finding.title}: {clause}", limit=_CLAUSE_CHARACTERS)
    # Of the published figure, which is elsewhere in the record, or of the policy, which is not in it.
    if finding.rule.startswith(("correction.", "policy.")) and finding.rule != REQUIREMENT:
        return finding.title
    try:
        return one_line(named_place(record, finding.place), limit=200)
    except LookupError:
        return finding.title


def _value(finding: Finding) -> str:
    value = finding.value
    if value is None:
        return "not measured"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return beside(value, finding.bounds, _number)
    return f"{value:,}" if isinstance(value, int) else short_name(value)


def _interval(finding: Finding, kind: str) -> str:
    if finding.interval_level is None:
        return ""
    low, high = (
        None if end is None else beside(end, finding.bounds, _number) for end in (finding.low, finding.high)
    )
    ends = f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}"
    return f"{finding.interval_level:.0%}{', ' if kind else ''}{kind}: {ends}"


def _number(value: float) -> str:
    """Write a number with four digits, and no zeros at its end."""
    size = abs(value)
    return f"{value:.4g}" if SMALLEST <= size < LARGEST or not size else amount(value)


def _part(record: Mapping[str, Any], part: JudgedPart, made: Made) -> PartSummary:
    name, facts, digest = _PARTS[part.leg, part.part](record, part)
    if not digest:
        digest = next((made.inputs[each] for each in made.inputs if name in {each, f"{each}, test rows"}), "")
    return PartSummary(one_line(name), one_line(facts, limit=400), digest, part.tone, part.word)


_Part = tuple[str, str, str]


def _scan(record: Mapping[str, Any], _part: JudgedPart) -> _Part:
    scan = record["security"]["scan"]
    checkpoint, images = scan["checkpoint"], scan["images"]
    facts = (
        f"{short_name(checkpoint['architecture'])}, {checkpoint['parameters']:,} parameters; "
        f"{images['count']:,} images of {short_name(images['name'])}"
    )
    digest = checkpoint["sha256"]
    return checkpoint["name"], facts, digest if _is_digest(digest) else ""


def _repair(record: Mapping[str, Any], _part: JudgedPart) -> _Part:
    return "repair", f"judged on {record['security']['repair']['held_out_images']:,} unseen images", ""


def _published(record: Mapping[str, Any], _part: JudgedPart) -> _Part:
    privacy = record["privacy"]
    return "the published plan", f"{privacy['published']['counting']['queries']:,} counting queries", ""


def _plan(record: Mapping[str, Any], _part: JudgedPart) -> _Part:
    plan = record["privacy"]["plan"]
    answers = f"{plan['answers']:,} answer{'s'[: plan['answers'] != 1]}"
    return "a plan", f"{answers} within epsilon {plan['epsilon']:g} and delta {plan['delta']:g}", ""


def _training(record: Mapping[str, Any], _part: JudgedPart) -> _Part:
    training = record["privacy"]["training"]
    return "private training", f"{training['dataset_size']:,} examples, delta {training['delta']:g}", ""


def _mechanism(record: Mapping[str, Any], part: JudgedPart) -> _Part:
    audit = _at(record, part)
    return (
        audit["name"],
        f"claims epsilon {audit['epsilon']:g}; {audit['trials']:,} answers on each input",
        "",
    )


def _code(record: Mapping[str, Any], part: JudgedPart) -> _Part:
    audit = _at(record, part)
    rows = "" if audit["rows"] is None else f" of {audit['rows']:,} rows"
    told = (
        f"claims epsilon {audit['epsilon']:g}; {audit['runs']:,} runs on {audit['neighbours']:,} neighbours"
    )
    return audit["name"], f"{told}{rows}", ""


def _membership(record: Mapping[str, Any], _part: JudgedPart) -> _Part:
    audit = record["privacy"]["membership"]
    rows = f"{audit['rows']:,} rows of {short_name(audit['data'])}"
    return audit["model"], f"{rows}, {audit['members']:,} of them in training", ""


def _claim(record: Mapping[str, Any], _part: JudgedPart) -> _Part:
    claim = record["privacy"]["membership"]["claim"]
    return "its claimed epsilon", f"epsilon {claim['epsilon']:g} at delta {claim['delta']:g}", ""


def _audit(record: Mapping[str, Any], _part: JudgedPart) -> _Part:
    audit = record["fairness"]["audit"]
    return audit["data"], f"{audit['rows']:,} rows; {short_name(audit['prediction'])}; {_groups(audit)}", ""


def _comparison(record: Mapping[str, Any], _part: JudgedPart) -> _Part:
    comparison = record["fairness"]["comparison"]
    audit = comparison["baseline"]
    number = sum(model["kind"] != "baseline" for model in comparison["models"])
    model = f"{short_name(comparison['estimator'])} with {number} mitigation{'s'[: number != 1]}"
    return audit["data"], f"{audit['rows']:,} rows; {model}; {_groups(audit)}", ""


def _groups(audit: Mapping[str, Any]) -> str:
    """Name the attributes with their groups."""
    attributes = audit["attributes"]
    told = [
        f"{short_name(each['name'])}: {_some([group['group'] for group in each['groups']])}"
        for each in attributes[:MOST_ATTRIBUTES]
    ]
    more = len(attributes) - len(told)
    return "; ".join([*told, *([f"{more} more attribute{'s'[: more != 1]}"] if more else [])])


def _some(names: Sequence[str]) -> str:
    if any("," in name for name in names):  # of several columns together
        return f"{len(names)} groups"
    shown = [*map(short_name, names[:MOST_GROUPS])]
    more = len(names) - len(shown)
    return listed([*shown, f"{more} more"] if more else shown) if shown else "no group"


def _at(record: Mapping[str, Any], part: JudgedPart) -> Mapping[str, Any]:
    """Return a part of a list, whose place ends with its number."""
    return record["privacy"][part.part][int(part.place.rpartition(".")[2])]


_PARTS: Final[Mapping[tuple[str, str], Callable[[Mapping[str, Any], JudgedPart], _Part]]] = {
    ("security", "scan"): _scan,
    ("security", "repair"): _repair,
    ("privacy", "published"): _published,
    ("privacy", "plan"): _plan,
    ("privacy", "training"): _training,
    ("privacy", "mechanisms"): _mechanism,
    ("privacy", "membership"): _membership,
    ("privacy", "claim"): _claim,
    ("privacy", "code"): _code,
    ("fairness", "audit"): _audit,
    ("fairness", "comparison"): _comparison,
}


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(value) == _DIGEST_DIGITS and set(value) <= set("0123456789abcdef")
