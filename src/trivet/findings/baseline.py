"""Baseline: what an accepted audit breaches as well, and no better, is a warning and not a breach."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, get_args

from trivet.comparison import NO_TOLERANCE, ReadAudit, Tolerances, read_audit
from trivet.comparison.compare import (
    cautions,
    difference_text,
    interval_text,
    is_part,
    level_together,
    sides_text,
)
from trivet.comparison.judge import TOWARDS_ONE, has_interval, judge_pair
from trivet.comparison.paired import paired_of, same_images, same_rows
from trivet.comparison.pairs import ABSENT, Pair
from trivet.comparison.results import BETTER, DIFFERS, NOISE, SAME, WITHIN, WORSE, Change
from trivet.errors import UsageError
from trivet.findings.finding import Finding, State, make_finding, measured_at, subject_of
from trivet.findings.formats import kept_findings
from trivet.findings.grounds import (
    NUMBER,
    QUESTION,
    Ground,
    Joined,
    Judged,
    less_was_looked_at,
    other_question,
    settings_of,
)
from trivet.findings.rules import BASELINE, REQUIREMENT
from trivet.place import find, parent, parse
from trivet.place_names import named_place
from trivet.policy import Measured, Requirement
from trivet.policy.places import BOUNDS
from trivet.policy.requirements import farthest, shown
from trivet.ratios import figure_in, is_infinite
from trivet.record import refuse_unfinished
from trivet.verdict import LEGS, rank
from trivet.wording import one_line, quote

__all__ = ["FINDINGS", "Baseline", "against", "read_baseline", "refuse_other"]

FINDINGS: Final = "findings.json"
#: Measurements that a sentence names.
_MOST_NAMED: Final = 3
UNPAIRED: Final = "Intervals of differences take the two audits for independent samples."


@dataclass(frozen=True, eq=False)
class Baseline:
    """An accepted audit.

    Attributes
    ----------
    audit
        Its record and manifest.
    kept
        Its ``findings.json``, by the policy that it was accepted by; None without that file, and nothing is
        known of its waivers.
    """

    audit: ReadAudit
    kept: tuple[Finding, ...] | None = ()

    @cached_property
    def waived(self) -> frozenset[tuple[str, str]]:
        """Rules and subjects that a waiver let pass in it."""
        return frozenset((each.rule, subject_of(each)) for each in self.kept or () if each.waiver)


def read_baseline(folder: str | Path) -> Baseline:
    """Read an accepted audit from its folder.

    Raises
    ------
    RecordError
        There is no record, it or its findings are damaged, or the run that was to write it did not end.
    """
    folder = Path(folder)
    refuse_unfinished(folder)
    return Baseline(read_audit(folder), kept_findings(folder))


def refuse_other(baseline: Baseline, legs: Iterable[str]) -> None:
    """Refuse a baseline that has none of the legs of an audit.

    Raises
    ------
    UsageError
        Naming the legs of both.
    """
    here = [leg for leg in LEGS if leg in set(legs)]
    there = [leg for leg in LEGS if baseline.audit.record[leg] is not None]
    if not set(here) & set(there):
        raise UsageError(
            f"the baseline {quote(baseline.audit.folder)} has {', '.join(there) or 'no leg'}, and the audit "
            f"{', '.join(here) or 'no leg'}; name an accepted audit of the same system."
        )


#: Rule, subject, place by names, and detail: what is the same in two audits.
_Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class _Since:
    """State of one measurement since the baseline."""

    state: State
    text: str
    is_figure: bool


@dataclass(eq=False)
class _Against:
    """A judgement of findings against a baseline."""

    here: Judged
    there: Judged
    baseline: Baseline
    tolerances: Tolerances
    joined: Joined = field(init=False)
    known: dict[_Key, Finding] = field(init=False, default_factory=dict)
    level: float = field(init=False)
    asked: list[Pair] = field(init=False)
    opened: dict[str, frozenset[_Key]] = field(init=False)

    def __post_init__(self) -> None:
        self.joined = Joined(self.there.record, self.here.record)
        self.asked = settings_of(self.joined.pairs)
        for finding, ground in _breaches(self.there):
            if (pair := self.joined.there(ground.place)) is not None:
                self.known[_key(finding, ground, pair)] = finding
        matched = {
            pair.place: pair
            for finding, ground in _breaches(self.here)
            if (pair := self.joined.here(ground.place)) is not None and self._is_known(finding, ground, pair)
        }
        self.level = level_together(sum(map(has_interval, matched.values())))
        self.opened = dict(self._open())

    def _is_known(self, finding: Finding, ground: Ground, pair: Pair) -> bool:
        return _key(finding, ground, pair) in self.known

    def since(self, finding: Finding, ground: Ground) -> _Since:
        """Return the state of what a breach rests on."""
        state, text = self._since(finding, ground)
        return _Since(state, text, not ground.place.endswith(".verdict") or bool(ground.detail))

    def _since(self, finding: Finding, ground: Ground) -> tuple[State, str]:
        name = named_place(self.here.record, ground.place) or ground.place
        name = f"{name} ({ground.detail})" if ground.detail else name
        pair = self.joined.here(ground.place)
        if pair is None:
            leg = ground.place.partition(".")[0]
            lacks = leg in LEGS and self.there.record[leg] is None
            return "new", f"{name}: the baseline has {f'no {leg} leg' if lacks else 'none'}"
        if other := other_question(self.asked, pair):
            return "new", f"{name}: measured otherwise, {other}"
        before, after = _found(ground, pair)
        if after is None or before is None or before is ABSENT:
            where = "" if after is None else " in the baseline"
            return "new", f"{name}: it could not be measured{where}, so nothing shows that it is no worse"
        unknown = self._unknown(finding, ground, pair)
        if is_infinite(before) or is_infinite(after):
            told, why = _infinitely(name, before, after)
            return ("new", f"{told}; {unknown}") if unknown else _worse_or_known(told, why)
        paired = paired_of(pair, self.baseline.audit.digest, level=self.level)
        change = judge_pair(pair, level=self.level, tolerance=self.tolerances.at(pair.steps), paired=paired)
        on_same = f" on the same {'images' if pair.names[0] == 'security' else 'rows'}"
        told = f"{_told(name, change)}{'' if paired is None else on_same}"
        if unknown:
            return "new", f"{told}; {unknown}"
        why = _worse(ground, pair, change) if ground.judged else self._said_worse(finding, ground, pair)
        return _worse_or_known(told, why)

    def _said_worse(self, finding: Finding, ground: Ground, pair: Pair) -> str:
        """Say why a caution counts as worse: by its amount, and without one by any other number in it."""
        before = self.known[_key(finding, ground, pair)]
        amounts = [
            find(side.record, f"{parent(each.place)[0]}.amount")
            for side, each in ((self.there, before), (self.here, finding))
        ]
        texts = [NUMBER.findall(each.message) for each in (before, finding)]
        if None in amounts:
            return "" if texts[0] == texts[1] else _UNJUDGED
        old, new = amounts
        margin = self.tolerances.at(parse(f"{parent(finding.place)[0]}.amount")).margin(old)
        return f"it is worse, {shown(old)} there and {shown(new)} here" if new > old + margin else ""

    def _unknown(self, finding: Finding, ground: Ground, pair: Pair) -> str:
        """Say why a measurement of both audits is not known from the baseline; empty where it is."""
        if not self._is_known(finding, ground, pair):
            return "it was no breach"
        if (finding.rule, subject_of(finding)) in self.baseline.waived:
            return "a waiver let it pass in the baseline, which is not to accept it"
        return ""

    def _change(self, pair: Pair) -> Change:
        return judge_pair(pair, level=self.level, tolerance=self.tolerances.at(pair.steps))

    def _passes_by(self, pair: Pair) -> str:
        """Say by which setting a figure can pass that is no better; empty where by none."""
        return other_question(self.asked, pair) or less_was_looked_at(self.asked, pair)

    def judged(self, finding: Finding) -> Finding:
        """Return a breach at the level that the baseline leaves, and name what is a breach there alone."""
        if finding.level != "breach":
            return finding.decided(_OPEN) if finding.id in self.opened else finding
        grounds = self.here.grounds(finding)
        found = [self.since(finding, ground) for ground in grounds]
        states = {one.state for one in found}
        state: State = "new" if "new" in states or not found else "worse" if "worse" in states else "known"
        texts = [one.text for one in found if one.state == state]
        figures = [one.text for one in found if one.state == state and one.is_figure]
        said = f"{_BEGINNINGS[state]}: {_listed(dict.fromkeys(figures or texts))}."
        concerned = [ground for ground, one in zip(grounds, found, strict=True) if one.state == state]
        finding = self._told_of(finding, concerned)
        if state != "known":
            return finding.decided(said, baseline=state)
        if finding.id in self.here.expired:
            return finding.decided(f"{said} A baseline does not prolong a waiver.", baseline=state)
        return finding.decided(said, baseline=state, level="warning")

    def _told_of(self, finding: Finding, concerned: Sequence[Ground]) -> Finding:
        """Return a requirement's breach with the farthest figure of those that its state is of."""
        asked = [
            (Requirement(finding.title, ground.place, ground.sign, ground.constant), ground.place)
            for ground in concerned
            if ground.sign and ground.constant is not None
        ]
        if not asked or finding.place in {place for _, place in asked}:
            return finding
        found = farthest(asked[0][0], [measured_at(self.here.record, place) for _, place in asked])
        return replace(
            finding,
            place=found.place,
            value=found.value,
            low=found.low,
            high=found.high,
            interval_level=found.level,
        )

    def _open(self) -> Iterator[tuple[str, frozenset[_Key]]]:
        """Yield what the baseline breaches, and is neither a breach nor a pass here: waived or undecided."""
        breached = {_measured(*each) for each in _paired(_breaches(self.there), self.joined.there)}
        for finding in self.here.findings:
            if finding.level in {"note", "warning"}:
                grounds = ((finding, ground) for ground in self.here.grounds(finding))
                measured = {_measured(*each) for each in _paired(grounds, self.joined.here)}
                if measured & breached:
                    yield finding.id, frozenset(measured)

    def ended(self, found: Sequence[Finding]) -> Iterator[tuple[State, Finding, str]]:
        """Yield the breaches of the baseline that are none here, or that nothing here measures.

        What is a breach of the same rule and subject here, for whatever reason, is not named twice, and what
        is waived or undecided here is neither fixed nor gone. What answers another question is gone.
        """
        opened = frozenset[_Key]().union(*self.opened.values())
        breached = {(each.rule, subject_of(each)) for each in found if each.level == "breach"}
        still = {
            _key(finding, ground, pair)
            for finding, ground in _breaches(self.here)
            if (pair := self.joined.here(ground.place)) is not None
        }
        for finding in self.there.findings:
            if finding.level != "breach" or (finding.rule, subject_of(finding)) in breached:
                continue
            gone: list[str] = []
            left = False
            for ground in self.there.grounds(finding):
                pair = self.joined.there(ground.place)
                name = named_place(self.there.record, ground.place) or ground.place
                if pair is None or pair.after is None or pair.after is ABSENT:
                    gone.append(name)
                elif _key(finding, ground, pair) in still:
                    left = True
                elif other := self._passes_by(pair):
                    gone.append(f"{name} as there: {other}")
                else:
                    left = left or _measured(finding, ground, pair) in opened
            if gone:
                yield "gone", finding, _listed(dict.fromkeys(gone))
            elif not left:
                yield "fixed", finding, ""

    def _intervals(self) -> str:
        """Say for which differences the two audits are independent samples."""
        digest, said = self.baseline.audit.digest, list[str]()
        if (rows := same_rows(self.here.record, digest)) is not None:
            said.append(
                f"Both decided on the same {rows['rows']:,} rows, {rows['changed']:,} of them otherwise: "
                "differences of rates are paired, other ones taken for those of independent samples."
            )
        if (images := same_images(self.here.record, digest)) is not None:
            said.append(
                f"Both networks classified the same {images['images']:,} images: the difference of their "
                "clean accuracies is paired."
            )
        return " ".join(said) or UNPAIRED

    def _loosened(self) -> Iterator[str]:
        """Say what was a breach or required by the policy of the baseline, and is not by that of today."""
        today = {(each.rule, subject_of(each)) for each in self.there.findings if each.level == "breach"}
        required = {each.title for each in self.here.findings if each.rule == REQUIREMENT}
        kept = [each for each in self.baseline.kept or () if each.rule != BASELINE]
        asked = [each.title for each in kept if each.rule == REQUIREMENT and each.title not in required]
        breaches = [each for each in kept if each.level == "breach" and each.title not in asked]
        passing = [each.title for each in breaches if (each.rule, subject_of(each)) not in today]
        if passing:
            yield f"A breach in it by its own policy, and none by that of today: {_listed(passing)}."
        if asked:
            yield f"It was held to what is not required today: {_listed(asked)}."

    def summary(self, findings: Sequence[Finding]) -> Finding:
        """Return a note on the baseline; a warning where the two audits are not of the same."""
        there, record = self.baseline.audit, self.here.record
        counted = {state: sum(each.baseline == state for each in findings) for state in get_args(State)[1:]}
        parts = [judge_pair(each) for each in self.joined.pairs if is_part(each.place)]
        # The manifest of this audit may not be written yet: versions and files are compare's to tell.
        before, after = (ReadAudit("", each, {"": ""}) for each in (there.record, record))
        said = list(cautions(before, after, (), parts))
        asked = dict.fromkeys(each.last for each in self.asked)
        other = bool(said) or bool(QUESTION.intersection(asked))
        said += [f"Data or settings differ from it: {', '.join(asked)}."] if asked else []
        loosened = [*self._loosened()]
        said += loosened
        if self.baseline.kept is None:
            said.append(f"It has no {FINDINGS}, so what a waiver let pass in it counts as accepted.")
        margin = self.tolerances.texts
        said += [f"Tolerance: {', '.join(margin)}."] if margin else []
        counts = [f"{count} {state}" for state, count in counted.items()]
        counts += [f"{len(self.opened)} waived or undecided"] if self.opened else []
        states = ", ".join(counts)
        started = there.noted("started")
        return make_finding(
            BASELINE,
            level="warning" if other or loosened else "note",
            title=f"Held against the baseline {one_line(there.folder)}",
            message=f"It is {quote(there.record['audit']['title'])}{f', of {started}' if started else ''}. "
            f"Of the breaches of either audit: {states}. "
            f"{' '.join([*said, self._intervals()])}",
            measured=Measured("policy.baseline", states),
        )


_UNJUDGED: Final = "it changed, and which way is worse is not known"
_OPEN: Final = "It is a breach in the baseline, and no pass here."
_BEGINNINGS: Final[Mapping[State, str]] = {
    "new": "New since the baseline",
    "worse": "Worse than in the baseline",
    "known": "Known in the baseline and not measurably worse",
}


def against(
    baseline: Baseline, here: Judged, there: Judged, tolerances: Tolerances = NO_TOLERANCE
) -> tuple[Finding, ...]:
    """Return findings at the level that a baseline leaves.

    A breach whose every measurement the baseline breaches as well, under the same policy, and that is not
    measurably worse, is a warning. What the baseline could not measure, what a waiver let pass in it, and
    what answered another question there, is not known. An expired waiver stays a breach. What the baseline
    breaches and this audit does not measure, or only by another question, is a breach; what is waived or
    undecided here is not fixed.

    Parameters
    ----------
    baseline
        The accepted audit.
    here, there
        This record and that of the baseline, judged by the same policy; that of the baseline without waivers.
    tolerances
        By how much a measure may be worse.

    Returns
    -------
    tuple of Finding
        First a summary, then what was fixed and what is gone, then the findings in their order.
    """
    judging = _Against(here, there, baseline, tolerances)
    found = [judging.judged(each) for each in here.findings]
    ended = [_ended(number, *each) for number, each in enumerate(judging.ended(found), start=1)]
    return judging.summary([*found, *ended]), *ended, *found


def _breaches(side: Judged) -> Iterator[tuple[Finding, Ground]]:
    for finding in side.findings:
        if finding.level == "breach":
            yield from ((finding, ground) for ground in side.grounds(finding))


def _paired(
    grounds: Iterable[tuple[Finding, Ground]], pair_of: Callable[[str], Pair | None]
) -> Iterator[tuple[Finding, Ground, Pair]]:
    """Yield what both audits have."""
    for finding, ground in grounds:
        if (pair := pair_of(ground.place)) is not None:
            yield finding, ground, pair


def _key(finding: Finding, ground: Ground, pair: Pair) -> _Key:
    return finding.rule, subject_of(finding), pair.place, ground.detail


def _measured(finding: Finding, ground: Ground, pair: Pair) -> _Key:
    """Return what two findings share that judge the same measurement, whatever each of them found."""
    return finding.rule, subject_of(finding), pair.place, "" if ground.judged else ground.detail


def _found(ground: Ground, pair: Pair) -> tuple[Any, Any]:
    """Return what both audits have at a place: of an end of an interval that end, which can be unknown."""
    end = parse(ground.place)[-1].name
    names = (*pair.names[:-1], end if end in BOUNDS else pair.names[-1])
    sides = (pair.before, pair.before_in[-1]), (pair.after, pair.after_in[-1])
    before, after = (
        figure_in(inside, names, value if names == pair.names else inside.get(end)) for value, inside in sides
    )
    return before, after


def _told(name: str, change: Change) -> str:
    """Say a value in both audits, with intervals and that of the difference."""
    before, after = sides_text(change)
    there = f"{before} {interval_text(change.before_low, change.before_high)}".strip()
    here = f"{after} {interval_text(change.after_low, change.after_high)}".strip()
    told = f"{name} is {here}" if there == here else f"{name} was {there} and is {here}"
    if change.difference_low is not None or change.difference_high is not None:
        told += f", a difference of {difference_text(change)}"
    return told


def _worse_or_known(told: str, why: str) -> tuple[State, str]:
    return ("worse", f"{told}; {why}") if why else ("known", told)


def _infinitely(name: str, before: float, after: float) -> tuple[str, str]:
    """Say of two ratios, one at least infinite, which they are, and whether that is worse."""
    if before == after:
        return f"{name} is {shown(after)}", ""
    worse = TOWARDS_ONE.badness(after) > TOWARDS_ONE.badness(before)
    return f"{name} was {shown(before)} and is {shown(after)}", "it is worse" if worse else ""


def _worse(ground: Ground, pair: Pair, change: Change) -> str:
    """Say why a value counts as worse; empty where it is no worse, or by no more than noise and tolerance."""
    if change.outcome in {SAME, NOISE, WITHIN}:
        return ""
    if change.difference is None:  # a word, or true and false
        ranks = rank(pair.before), rank(pair.after)
        if ranks[0] is None or ranks[1] is None:
            return "it is another one"
        return "it is worse" if ranks[1] > ranks[0] else ""
    judged = _by_requirement(ground, pair.before, pair.after) or change.judged
    if judged != WORSE:
        return "" if judged == BETTER else _UNJUDGED
    unjudged = ", and the record has no interval that could make that noise"
    return f"it is worse{unjudged if change.outcome == DIFFERS else ''}"


def _by_requirement(ground: Ground, old: float, new: float) -> str | None:
    """Return better or worse by the sign of a requirement; None where it has none of numbers."""
    constant = ground.constant
    if not ground.sign or isinstance(constant, str | bool) or constant is None:
        return None
    worse = {
        "<": new - old,
        ">": old - new,
        "=": abs(new - constant) - abs(old - constant),
        "!": abs(old - constant) - abs(new - constant),
    }[ground.sign[0]]
    return WORSE if worse > 0 else BETTER


def _listed(texts: Iterable[str]) -> str:
    every = list(texts)
    more = len(every) - _MOST_NAMED
    return "; ".join([*every[:_MOST_NAMED], *([f"and {more} more"] if more > 0 else [])])


def _ended(number: int, state: State, finding: Finding, gone: str) -> Finding:
    """Return a finding on a breach of the baseline that this audit does not have."""
    value = "not measured" if finding.value is None else shown(finding.value)
    fixed = state == "fixed"
    found = make_finding(
        BASELINE,
        level="pass" if fixed else "breach",
        title=f"{'Fixed' if fixed else 'No longer measured'}: {finding.title}",
        message=f"It is a breach in the baseline ({finding.place} = {value}) and none here."
        if fixed
        else f"It is a breach in the baseline, and this audit does not measure {gone}.",
        measured=Measured(f"policy.baseline.{number}", finding.value),
        required=finding.required,
        subject=finding.subject,
    )
    return replace(found, id=f"{BASELINE}.{number}", baseline=state)
