"""Comparison of two audits."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from trivet.audited import PUBLISHED_MODELS, parts_of
from trivet.comparison.audits import ReadAudit
from trivet.comparison.judge import (
    LEVEL,
    VALUE,
    belongs_to_an_estimate,
    estimate_in,
    has_interval,
    is_asked,
    is_number,
    is_verdict,
    judge_pair,
    manifest_changes,
)
from trivet.comparison.paired import paired_of, same_images, same_rows
from trivet.comparison.pairs import ABSENT, NEXT_FIELD, Pair, pairs
from trivet.comparison.repeats import without_repeats
from trivet.comparison.results import (
    ADDED,
    BETTER,
    CHANGE,
    CHANGED,
    DIFFERS,
    EXACT,
    NOISE,
    REMOVED,
    SAME,
    WITHIN,
    WORSE,
    Change,
    Compared,
    Comparison,
    Headline,
)
from trivet.comparison.tolerance import NO_TOLERANCE, Tolerances
from trivet.fairness.measures.registry import SELECTION
from trivet.ratios import INFINITE, is_infinite
from trivet.record import MANIFEST
from trivet.verdict import LEGS
from trivet.wording import beside, listed, one_line

__all__ = [
    "cautions",
    "change_text",
    "compare_audits",
    "difference_text",
    "differing_first",
    "headline_of",
    "is_part",
    "level_together",
    "no_regressions",
    "outcome_text",
    "quiet_text",
    "sides_text",
    "value_text",
]

#: Places without items of lists, and what stands there; {} is the item.
_TITLES: Final[Mapping[tuple[str, ...], str]] = {
    ("security", "scan", "contract", "best", "clean_accuracy"): "clean accuracy as received",
    ("security", "scan", "p_value"): "p-value of the evidence",
    ("security", "repair", "attempts", "clean_accuracy", "after", "value"): "clean accuracy after {}",
    ("security", "repair", "attempts", "asr", "before", "value"): "ASR before {}",
    ("security", "repair", "attempts", "asr", "after", "value"): "ASR after {}",
    ("security", "repair", "attempts", "robust_accuracy", "after", "value"): "robust accuracy after {}",
    ("privacy", "published", "correction", "spent_epsilon"): "epsilon of the published plan",
    ("privacy", "plan", "recommended", "typical_deviation"): "noise of the plan",
    ("privacy", "training", "guarantees", "noise_multiplier"): "noise multiplier, {} batches",
    ("privacy", "training", "guarantees", "epsilon"): "epsilon of training, {} batches",
    ("privacy", "mechanisms", "epsilon_lower"): "epsilon shown: {}",
    ("privacy", "code", "epsilon_seen"): "epsilon of the code's paths: {}",
    ("privacy", "membership", "attacks", "auroc", "value"): "membership AUROC: {}",
    ("privacy", "membership", "canaries", "epsilon_lower"): "epsilon shown by canaries",
    ("privacy", "membership", "claim", "epsilon_lower"): "epsilon shown against the claim",
    ("fairness", "comparison", "models", "accuracy", "value"): "accuracy: {}",
    ("fairness", "comparison", "models", "disparate_impact", "value"): "disparate impact: {}",
}
_VERDICTS: Final[Mapping[tuple[str, ...], str]] = {
    ("privacy", "published", "correction", "verdict"): "privacy, published plan",
    ("privacy", "mechanisms", "verdict"): "mechanism {}",
    ("privacy", "membership", "verdict"): "membership",
    ("privacy", "membership", "claim", "verdict"): "claimed epsilon",
    ("privacy", "code", "verdict"): "code {}",
    ("fairness", "audit", "verdict"): "own predictions",
    ("fairness", "audit", "attributes", "verdict"): "own predictions by {}",
    ("fairness", "audit", "attributes", "groups", "verdict"): "own predictions, group {}",
    ("fairness", "audit", "attributes", "measures", "verdict"): "own predictions by {metric}",
    ("fairness", "audit", "attributes", "measures", "groups", "verdict"): (
        "own predictions by {metric}, group {}"
    ),
    ("fairness", "comparison", "models", "verdict"): "mitigation {}",
    ("fairness", "comparison", "baseline", "verdict"): "own model without mitigation",
    ("security", "scan", "verdict"): "security",
    ("security", "repair", "attempts", "second_verdict"): "second scan after {}",
    **{
        ("fairness", "published", model, "verdict"): f"published model, {model.replace('_', ' ')}"
        for model in PUBLISHED_MODELS
    },
}
#: For the user's predictions: the group of each attribute that is farthest from parity in an audit.
_OF_GROUPS: Final = ("fairness", "audit", "attributes", "groups", "disparate_impact", "value")
_GROUP_TITLE: Final = "disparate impact: {}"
#: The same by another metric.
_OF_MEASURES: Final = ("fairness", "audit", "attributes", "measures", "groups", "ratio", "value")


def headline_title(pair: Pair) -> str | None:
    """Return what a measurement of the headline is called; None for every other, and where none exists."""
    if _is_missing(pair.before) and _is_missing(pair.after):
        return None
    if pair.names in {_OF_GROUPS, _OF_MEASURES}:
        sides = pair.before_in, pair.after_in
        farthest = any(parts[-2]["group"] == parts[-3]["most_disparate"] for parts in sides)
        named = _GROUP_TITLE if pair.names == _OF_GROUPS else f"{sides[0][-3]['title']} ratio: {{}}"
        title = named if farthest else None
    else:
        title = _TITLES.get(pair.names)
    if title is None:
        return None
    return _named(title, pair)


def verdict_title(pair: Pair) -> str:
    """Return what a verdict is about."""
    title = _VERDICTS.get(pair.names)
    if title is None:
        return pair.name
    if "measures" in pair.names:
        measure = pair.before_in[pair.names.index("measures") + 1]
        title = title.replace("{metric}", one_line(measure["title"]))
    return _named(title, pair)


def _named(title: str, pair: Pair) -> str:
    """Put the innermost item's name into a title, and name the attribute where several are audited."""
    items = [NEXT_FIELD.split(step.item.partition("=")[2])[0] for step in pair.steps if step.item is not None]
    return f"{title.replace('{}', items[-1] if items else '')}{_attribute(pair)}"


def _attribute(pair: Pair) -> str:
    """Return the attribute that a place below one belongs to, in brackets; nothing where there is but one."""
    place = next((number for number, name in enumerate(pair.names[:-2]) if name == "attributes"), None)
    if place is None:
        return ""
    audits = pair.before_in[place], pair.after_in[place]
    several = any(len(audit["attributes"]) > 1 for audit in audits)
    return f" ({one_line(pair.before_in[place + 1]['name'])})" if several else ""


#: Places of the headline, and all that lead to one.
_WAYS: Final = frozenset(
    names[:depth] for names in (*_TITLES, _OF_GROUPS, _OF_MEASURES) for depth in range(1, len(names) + 1)
)


def headline_of(record: Mapping[str, Any]) -> tuple[Headline, ...]:
    """Return the measurements of one record that people ask for first, in the order of the record.

    Parameters
    ----------
    record
        The record as plain JSON values.

    Returns
    -------
    tuple of Headline
        Those that are numbers, with their intervals where there are any.
    """
    found: list[Headline] = []
    wanted = pairs(record, record, wanted=_WAYS.__contains__)
    for pair in without_repeats([pair for pair in wanted if not _repeats(pair)]):
        title = headline_title(pair)
        if title is None or not is_number(pair.before):
            continue
        estimate = estimate_in(pair.before_in[-1]) if pair.names[-1] == VALUE else None
        low, high = (None, None) if estimate is None else (estimate.low, estimate.high)
        found.append(Headline(title, pair.place, float(pair.before), low, high))
    return tuple(found)


def _is_missing(value: Any) -> bool:
    return value is None or value is ABSENT


LIMITS: Final = (
    "The two audits are treated as independent samples. Where they looked at the same rows or images, their "
    "errors go together: the intervals of the differences are then wider than they have to be, and a small "
    "change can be called noise. The intervals of the headline hold all at once in 95 of 100 comparisons; of "
    "the other values that have an interval, up to one in twenty that did not change can be called a change. "
    "The intervals are of sampling alone: another training seed would move the numbers too. Where the record "
    "has no interval, a difference is shown and does not count as a regression."
)
PAIRED: Final = (
    "The second audit was paired with the first: differences of ratios and differences between groups by a "
    "share of the same rows are paired. Of everything else holds what follows."
)
PAIRED_IMAGES: Final = (
    "Both networks classified the same images, and the difference of their clean accuracies is paired."
)
DIGEST_CHARACTERS: Final = 12
#: The parts of which there can be several.
SEVERAL: Final = ("privacy.mechanisms[", "privacy.code[")
_DIGEST: Final = re.compile("[0-9a-f]{64}")


def value_text(value: Any, bounds: Sequence[float] = ()) -> str:
    """Write a value for people: four decimals, words for truth values, a dash where there is none.

    Of a SHA-256 digest the beginning stands, which tells two of them apart. A number has as many digits more
    as its comparison with bounds needs.
    """
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if is_infinite(value):
        return INFINITE
    if isinstance(value, float):
        return beside(value, bounds, _decimals)
    text = str(value)
    return f"{text[:DIGEST_CHARACTERS]}…" if _DIGEST.fullmatch(text) else text


def _decimals(value: float) -> str:
    text = f"{value:.4f}"
    return text if not value or text.strip("-0.") else f"{value:.1e}"


def sides_text(change: Change) -> tuple[str, str]:
    """Write both values, with as many digits as tell them apart where they differ."""
    sides = value_text(change.before), value_text(change.after)
    if sides[0] == sides[1] and change.outcome != SAME and change.before != change.after:
        return str(change.before), str(change.after)
    return sides


def difference_text(change: Change) -> str:
    """Write the interval of a difference, the difference where it has none, and nothing without either."""
    if change.difference_low is None and change.difference_high is None:
        if change.difference is None or change.outcome == SAME:
            return ""
        return f"{change.difference:+{'d' if isinstance(change.difference, int) else '.4g'}}"
    ends = ("…" if end is None else f"{end:+.4f}" for end in (change.difference_low, change.difference_high))
    return " to ".join(ends)


def outcome_text(change: Change) -> str:
    """Say what became of a value in a few words: ``change, better``, ``noise``, ``same``."""
    if change.outcome in {ADDED, REMOVED}:
        return "only after" if change.outcome == ADDED else "only before"
    if change.judged is not None and isinstance(change.after, str):
        return change.judged
    return change.outcome if change.judged is None else f"{change.outcome}, {change.judged}"


def interval_text(low: float | None, high: float | None, bounds: Sequence[float] = ()) -> str:
    """Write an interval in brackets, each end as it stands to bounds; nothing where there is none."""
    if low is None and high is None:
        return ""
    ends = ("…" if end is None else beside(end, bounds, lambda value: f"{value:.4f}") for end in (low, high))
    return f"({' to '.join(ends)})"


def change_text(change: Change) -> str:
    """Say a change in one line."""
    said = f"{change.title}: {' → '.join(sides_text(change))}"
    if change.difference_low is not None or change.difference_high is not None:
        said += f" (difference {difference_text(change)})"
    return said + (f" ({change.detail})" if change.detail else "")


def regressions(worse: Sequence[Change]) -> tuple[str, ...]:
    """Say what got worse, a sentence each."""
    return tuple(f"{change_text(change)}." for change in worse)


def cautions(
    before: ReadAudit, after: ReadAudit, asked: Sequence[Change], changed: Sequence[Change]
) -> tuple[str, ...]:
    """Say what keeps the two from being compared like with like."""
    said: list[str] = []
    for leg in LEGS:
        here, there = before.record[leg] is not None, after.record[leg] is not None
        if here != there:
            said.append(f"The {leg} leg is in the {'first' if here else 'second'} audit only.")
    both = {leg for leg in LEGS if before.record[leg] is not None and after.record[leg] is not None}
    old, new = parts_of(before.record), parts_of(after.record)
    for part in dict.fromkeys((*old, *new)):
        if part.partition(".")[0] in both and (part in old) != (part in new):
            which = "first" if part in old else "second"
            said.append(f"The part {part} is in the {which} audit only.")
    for change in changed:
        if is_part(change.place) and change.outcome in {ADDED, REMOVED}:
            which = "first" if change.outcome == REMOVED else "second"
            said.append(f"The part {change.place} is in the {which} audit only.")
    for audit, which in ((before, "first"), (after, "second")):
        if not audit.manifest:
            said.append(f"The {which} audit has no {MANIFEST}, so that versions and inputs are not compared.")
    settings = sum(not _is_of_the_subject(change.place) for change in asked)
    if settings:
        some = "One setting or size differs" if settings == 1 else f"{settings} settings or sizes differ"
        said.append(f"{some} between the two: what changed may come from there.")
    return tuple(said)


def is_part(place: str) -> bool:
    """Tell whether one of several parts of a leg stands at a place, and nothing in it."""
    return place.startswith(SEVERAL) and "]." not in place


def _is_of_the_subject(place: str) -> bool:
    """Tell whether a place says which network was audited, or on which machinery: no setting."""
    return place.startswith(("manifest.", "security.scan.checkpoint.")) or place.endswith("expected_label")


def statement(
    verdicts: Sequence[Change],
    headline: Sequence[Change],
    changed: Sequence[Change],
    worse: Sequence[Change],
    *,
    same: bool,
) -> str:
    """Say what it comes to in one sentence."""
    if same:
        return "The two records are the same."
    better = sum(change.judged == BETTER for change in verdicts)
    moved, unknown, quiet, within = (
        sum(change.outcome in outcomes for change in headline)
        for outcomes in ((CHANGE, EXACT), (DIFFERS, ADDED, REMOVED), (NOISE,), (WITHIN,))
    )
    alone = all(change.outcome in {ADDED, REMOVED} for change in (*verdicts, *headline))
    parts = [NOTHING_COMPARED if alone else _regressed(len(worse))]
    parts += [f"{better} verdict{'s'[: better != 1]} got better"] if better else []
    parts.append(
        f"of {len(headline)} headline measurement{'s'[: len(headline) != 1]} {moved} changed, "
        f"{f'{within} lie within the tolerance, ' if within else ''}{quiet} moved within noise and {unknown} "
        "cannot be judged"
    )
    parts.append(f"{len(changed)} other value{'s'[: len(changed) != 1]} differ{'s'[: len(changed) == 1]}")
    if lower := len(no_regressions(headline, changed)):
        parts.append(
            f"{lower} value{'s are' if lower > 1 else ' is'} worse and no regression{'s'[: lower > 1]}: "
            "outside of the headline, or without an interval"
        )
    return f"{'; '.join(parts)}."


NOTHING_COMPARED: Final = "Nothing was compared: no verdict and no headline measurement is in both audits"


def differing_first(changes: Sequence[Change]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Return what differs, most important first, and what is the same or within noise."""
    differ = [change for change in changes if change.outcome in CHANGED]
    return tuple(sorted(differ, key=_urgency)), tuple(each for each in changes if each.outcome not in CHANGED)


def _urgency(change: Change) -> tuple[int, int]:
    """Order by how sure a difference is, and of such first what is worse, then what is better."""
    known = 0 if change.outcome in {CHANGE, EXACT} else 1 if change.outcome == DIFFERS else 2
    return known, 0 if change.judged == WORSE else 1 if change.judged == BETTER else 2


def quiet_text(comparison: Comparison) -> str:
    """Count what does not differ by more than noise; empty where all does."""
    counts = (
        (len(differing_first(comparison.verdicts)[1]), "verdict"),
        (len(differing_first(comparison.headline)[1]), "headline measurement"),
        (len(comparison.rest), "other value"),
    )
    found = [f"{count:,} {name}{'s'[: count != 1]}" for count, name in counts if count]
    return listed(found) if found else ""


def no_regressions(headline: Sequence[Change], changed: Sequence[Change]) -> tuple[Change, ...]:
    """Return what is worse and does not count: outside of the headline, or with no interval to judge it."""
    unjudged = [change for change in headline if not change.measurably_worse]
    return tuple(change for change in (*unjudged, *changed) if change.judged == WORSE)


def _regressed(count: int) -> str:
    """Say how many regressions there are, in the words of what counts as one."""
    if not count:
        return "No verdict and no headline measurement got measurably worse"
    return f"{count} regression{'s'[: count != 1]}"


#: Texts that follow from other values of the record.
_TEXTS: Final = (
    "reason limits statement why finding note message law remarks group_statement "
    "reference_why title method description test decisions"
)
WORDING: Final = frozenset(_TEXTS.split())
#: Verdicts no deeper than this are named also where they are the same.
VERDICT_DEPTH: Final = 4


def compare_audits(
    before: ReadAudit, after: ReadAudit, *, tolerances: Tolerances = NO_TOLERANCE
) -> Comparison:
    """Compare two audits measurement by measurement.

    Parameters
    ----------
    before, after
        The audits, as `read_audit` reads them.
    tolerances
        By how much a measure may differ before it counts; see `parse_tolerances`.

    Returns
    -------
    Comparison
        The same for the same two audits.

    Notes
    -----
    The measurements of the headline are judged together: each interval of a difference has the level
    1 - 0.05 / k, where k of them have an interval, so that all of them hold at once in at least 95 of 100
    pairs of audits (Bonferroni). Every other interval has the level 0.95.
    """
    asked: list[Change] = []
    verdicts: list[Change] = []
    first: list[tuple[Pair, str]] = []
    changed: list[Change] = []
    rest: list[Change] = []
    for pair in _measurements(before, after):
        title = headline_title(pair)
        if title is not None:
            first.append((pair, title))
            continue
        about = verdict_title(pair) if is_verdict(pair.steps) else pair.name
        paired = paired_of(pair, before.digest, level=LEVEL)
        change = judge_pair(pair, title=about, tolerance=tolerances.at(pair.steps), paired=paired)
        differs = change.outcome in CHANGED
        if is_verdict(pair.steps) and (differs or len(pair.steps) <= VERDICT_DEPTH):
            verdicts.append(change)
        elif not differs or pair.names[-1] in WORDING:
            rest.append(change)
        elif is_asked(pair.names):
            asked.append(change)
        else:
            changed.append(change)
    asked, changed, rest = map(_told_apart, (asked, changed, rest))
    verdicts.sort(key=_leg_number)
    changed.sort(key=_urgency)
    asked += manifest_changes(before, after)
    headline = _judge_together(first, tolerances, before.digest)
    worse = _worse(verdicts, headline)
    same = before.record == after.record
    return Comparison(
        before=_compared(before),
        after=_compared(after),
        asked=tuple(asked),
        verdicts=tuple(verdicts),
        headline=headline,
        changed=tuple(changed),
        rest=tuple(rest),
        regressions=regressions(worse),
        cautions=() if same else cautions(before, after, asked, changed),
        statement=statement(verdicts, headline, changed, worse, same=same),
        limits="" if same else _limits(before, after),
        tolerances=tolerances.texts,
    )


def _told_apart(changes: Sequence[Change]) -> list[Change]:
    """Add its place to the name of each value that has its name in common with another one."""
    names = Counter(each.title for each in changes)
    return [
        replace(each, title=f"{each.title} ({each.place})") if names[each.title] > 1 else each
        for each in changes
    ]


def _limits(before: ReadAudit, after: ReadAudit) -> str:
    said = [
        text
        for text, same in ((PAIRED, same_rows), (PAIRED_IMAGES, same_images))
        if same(after.record, before.digest) is not None
    ]
    return " ".join([*said, LIMITS])


def _measurements(before: ReadAudit, after: ReadAudit) -> Iterator[Pair]:
    """Yield every figure once; an interval is a part of its estimate."""
    found = (
        pair
        for pair in pairs(before.record, after.record)
        if not any(
            belongs_to_an_estimate(pair.names[-1], parts[-1]) for parts in (pair.before_in, pair.after_in)
        )
        and not _repeats(pair)
    )
    yield from without_repeats(list(found))


def _repeats(pair: Pair) -> bool:
    """Tell whether a value stands with the groups of its attribute as well: ratios of selection rates."""
    of_selection = any(
        step.name == "measures" and (step.item or "").partition(",")[0] == f"metric={SELECTION}"
        for step in pair.steps
    )
    return of_selection and all(part.get("difference_band") is None for part in pair.before_in)


def _leg_number(change: Change) -> int:
    leg = change.place.partition(".")[0]
    return LEGS.index(leg) if leg in LEGS else len(LEGS)


def _judge_together(
    pairs_and_titles: Sequence[tuple[Pair, str]], tolerances: Tolerances, digest: str
) -> tuple[Change, ...]:
    level = level_together(sum(has_interval(pair) for pair, _ in pairs_and_titles))
    return tuple(
        judge_pair(
            pair,
            title=title,
            level=level,
            tolerance=tolerances.at(pair.steps),
            paired=paired_of(pair, digest, level=level),
        )
        for pair, title in pairs_and_titles
    )


def level_together(count: int) -> float:
    """Return the level of each of several intervals that hold all at once at `LEVEL` (Bonferroni)."""
    return 1 - (1 - LEVEL) / max(count, 1)


def _worse(verdicts: Sequence[Change], headline: Sequence[Change]) -> list[Change]:
    """Return verdicts that got worse, and what of the headline did by more than noise."""
    measurable = [change for change in headline if change.measurably_worse]
    return [*(change for change in verdicts if change.judged == WORSE), *measurable]


def _compared(audit: ReadAudit) -> Compared:
    return Compared(
        folder=one_line(audit.folder),
        title=one_line(audit.record["audit"]["title"]),
        legs=tuple(leg for leg in LEGS if audit.record[leg] is not None),
        started=audit.noted("started"),
        trivet=audit.noted("trivet"),
    )
