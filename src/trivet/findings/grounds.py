"""Measurements that a breach rests on, paired with those of another audit by name, and its settings."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from trivet.comparison.judge import is_asked, is_number
from trivet.comparison.pairs import ABSENT, SETTINGS, Pair, pairs
from trivet.findings.finding import Finding
from trivet.findings.rules import IMPACT, METRIC, REQUIREMENT
from trivet.place import find, parent
from trivet.policy import Outcome, Requirement
from trivet.policy.requirements import shown

__all__ = [
    "NUMBER",
    "Ground",
    "Joined",
    "Judged",
    "grounds_of",
    "less_was_looked_at",
    "other_question",
    "settings_of",
]

#: A number in a sentence, and the line in ``file:line, function``: what differs from audit to audit.
NUMBER: Final = re.compile(r"(?<![\w'\"“])-?\d[\d.,]*%?(?!\w)")
_LINE: Final = re.compile(r":\d+")


@dataclass(frozen=True)
class Ground:
    """One measurement that a breach rests on.

    Attributes
    ----------
    place
        Where it stands in its record, items of lists by their index.
    detail
        What tells it from others of that place, such as the suspected label.
    sign, constant
        Of the requirement that it breaches; empty and None of a default.
    judged
        Whether what stands at the place can be worse than in another audit; else it is the same or not there.
    """

    place: str
    detail: str = ""
    sign: str = ""
    constant: float | str | bool | None = None
    judged: bool = True


@dataclass(frozen=True, eq=False)
class Judged:
    """A record and its findings by a policy.

    Attributes
    ----------
    record
        As plain JSON values.
    findings
        In their order.
    grounds
        Returns what a breach among them rests on.
    expired
        The ids of those whose waiver expired.
    """

    record: Mapping[str, Any]
    findings: tuple[Finding, ...]
    grounds: Callable[[Finding], tuple[Ground, ...]]
    expired: frozenset[str] = frozenset()


class Joined:
    """Two records whose values are paired by name, as `trivet.comparison` pairs them."""

    def __init__(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        self.before, self.after = before, after
        self.pairs = tuple(pairs(before, after))
        # An item that only one record has is one pair, by the name of its list.
        self._there = {
            _key(pair.before_in[-1], pair.names[-1]): pair
            for pair in self.pairs
            if pair.before is not ABSENT and not isinstance(pair.before, Mapping)
        }
        self._here = {
            _key(pair.after_in[-1], pair.names[-1]): pair
            for pair in self.pairs
            if pair.after is not ABSENT and not isinstance(pair.after, Mapping)
        }

    def here(self, place: str) -> Pair | None:
        """Return the pair of a place in the later record; None of one that is of one record alone."""
        return self._here.get(_at(self.after, place))

    def there(self, place: str) -> Pair | None:
        """Return the pair of a place in the earlier record."""
        return self._there.get(_at(self.before, place))


def _key(around: Mapping[str, Any], name: str) -> tuple[int, str]:
    return id(around), name


def _at(record: Mapping[str, Any], place: str) -> tuple[int, str]:
    """Return the key of a place; of the end of an interval that of its figure."""
    outer, name = parent(place)
    try:
        around = find(record, outer)
    except LookupError:
        return 0, name
    if name in {"low", "high"} and isinstance(around, Mapping) and "value" in around:
        name = "value"
    return _key(around, name)


def grounds_of(
    record: Mapping[str, Any],
    finding: Finding,
    requirement: Requirement | None = None,
    outcome: Outcome | None = None,
) -> tuple[Ground, ...]:
    """Return what a finding rests on; nothing of one that is about no measurement.

    Parameters
    ----------
    record
        In which it was found.
    finding
        A breach.
    requirement, outcome
        Of a requirement's finding.
    """
    if finding.rule == REQUIREMENT:
        if requirement is None or outcome is None:
            return ()
        own = (Ground(place, "", requirement.sign, requirement.value) for place in outcome.broken)
        below = (each for place in outcome.broken for each in _below(record, place))
        return tuple(dict.fromkeys((*own, *below)))
    special = _SPECIAL.get(finding.rule)
    if special is not None:
        return tuple(dict.fromkeys(special(record, finding)))
    around = parent(finding.place)[0]
    return tuple(dict.fromkeys((Ground(finding.place), *_below(record, f"{around}.verdict"))))


def _below(record: Mapping[str, Any], place: str) -> Iterator[Ground]:
    """Yield what a verdict rests on: another label or group is another finding under the same word."""
    around, name = parent(place)
    try:
        judged, word = find(record, around), find(record, place)
    except LookupError:
        return
    if name != "verdict" or not isinstance(judged, Mapping):
        return
    below = next((judge for field, judge in _BELOW.items() if field in judged), _bounded)
    yield from below(record, judged, around, word)


def _label(_: Mapping[str, Any], judged: Mapping[str, Any], around: str, __: str) -> Iterator[Ground]:
    label = judged["suspected_label"]
    yield Ground(f"{around}.verdict", "" if label is None else f"label {label}")


def _alike(record: Mapping[str, Any], judged: Mapping[str, Any], around: str, word: str) -> Iterator[Ground]:
    """Yield what the attributes, or the measures of one, with the same verdict rest on."""
    several = "attributes" if "attributes" in judged else "measures"
    if several == "measures" and len(judged[several]) < 2:  # noqa: PLR2004 - the verdict is that on the one
        yield from _groups(record, judged, around, word)
        return
    for number, each in enumerate(judged[several]):
        if each["verdict"] == word:
            yield from _below(record, f"{around}.{several}.{number}.verdict")
    yield Ground(f"{around}.verdict")


def _attack(_: Mapping[str, Any], judged: Mapping[str, Any], around: str, __: str) -> Iterator[Ground]:
    attacks = [each["attack"] for each in judged["attacks"]]
    yield Ground(f"{around}.attacks.{attacks.index(judged['best_attack'])}.auroc.value")
    yield Ground(f"{around}.verdict")


def _bounded(_: Mapping[str, Any], judged: Mapping[str, Any], around: str, __: str) -> Iterator[Ground]:
    """Yield the epsilon that a verdict on a mechanism, a claim or a budget rests on."""
    yield from (Ground(f"{around}.{each}") for each in ("epsilon_lower", "spent_epsilon") if each in judged)
    yield Ground(f"{around}.verdict")


def _code(_: Mapping[str, Any], judged: Mapping[str, Any], around: str, __: str) -> Iterator[Ground]:
    for each in judged["findings"]:
        if each["violates"]:
            yield Ground(f"{around}.verdict", f"{each['kind']} at {_LINE.sub('', each['site'])}")
    if judged["epsilon_seen"] is not None:
        yield Ground(f"{around}.epsilon_seen")
    yield Ground(f"{around}.verdict")


def _groups(_: Mapping[str, Any], judged: Mapping[str, Any], around: str, word: str) -> Iterator[Ground]:
    """Yield the groups with the verdict of their attribute, by the figure that is compared."""
    banded = judged.get("difference_band") is not None
    compared = "difference" if banded else "ratio" if "metric" in judged else "disparate_impact"
    for number, group in enumerate(judged["groups"]):
        if group["verdict"] == word and group[compared] is not None:
            yield Ground(f"{around}.groups.{number}.{compared}.value")
            yield Ground(f"{around}.groups.{number}.verdict")
    yield Ground(f"{around}.verdict")


#: By a field that only what is judged so has, from outside in.
_BELOW: Final[Mapping[str, Callable[..., Iterator[Ground]]]] = {
    "suspected_label": _label,
    "best_attack": _attack,
    "calls": _code,
    "attributes": _alike,
    "measures": _alike,
    "groups": _groups,
}


def _attribute(record: Mapping[str, Any], finding: Finding) -> Iterator[Ground]:
    """Yield what the finding on one metric of an attribute rests on."""
    around, _, rest = finding.place.partition(".groups.")
    around = around.removesuffix(".verdict")
    judged = find(record, around)
    word = judged["groups"][int(rest.split(".")[0])]["verdict"] if rest else judged["verdict"]
    yield from _groups(record, judged, around, word)


def _caution(record: Mapping[str, Any], finding: Finding) -> Iterator[Ground]:
    place, _, number = finding.place.removesuffix(".kind").rpartition(".cautions.")
    caution = find(record, place)["cautions"][int(number)]
    said = f"{caution['kind']}: {NUMBER.sub('#', caution['message'])}"
    yield Ground(f"{place}.rows", said, judged=False)


def _subgroups(record: Mapping[str, Any], finding: Finding) -> Iterator[Ground]:
    around = finding.place.partition(".found.")[0]
    for number, each in enumerate(find(record, around)["found"]):
        yield Ground(f"{around}.found.{number}.gap.value", each["description"])


def _effect(_: Mapping[str, Any], finding: Finding) -> Iterator[Ground]:
    # What a remedy makes worse is the worse the farther it is from no change at all.
    yield Ground(finding.place, "", "==", 0.0)


def _model(record: Mapping[str, Any], finding: Finding) -> Iterator[Ground]:
    yield Ground(finding.place)
    yield from _below(record, "privacy.membership.verdict")


_SPECIAL: Final = {
    "privacy.membership": _model,
    "fairness.caution": _caution,
    "fairness.subgroup": _subgroups,
    "effects.worse": _effect,
    IMPACT: _attribute,
    METRIC: _attribute,
}


#: Settings that make a figure the answer to another question: what is measured, and what is claimed.
QUESTION: Final = frozenset(
    {
        *("label", "positive", "negative", "reference", "favourable", "weight", "strata", "cluster"),
        *("four_fifths", "difference_band", "level", "epsilon", "delta", "adjacency", "claim", "unit"),
        *("score_range", "exclude", "bins", "one_hot", "privileged"),
    }
)
#: How a setting lets more pass than before: by being larger, smaller, or another one.
_Way = Literal["more", "less", "other"]
_Names = tuple[str, ...]
#: Part of a record, a setting that stands elsewhere, and how it lets more of the part pass.
_BUDGETS: Final[tuple[tuple[_Names, _Names, _Way], ...]] = (
    (("fairness", "audit"), ("fairness", "audit", "count"), "other"),
    (("privacy", "published"), ("privacy", "plan", "epsilon"), "more"),
    (("privacy", "published"), ("privacy", "plan", "delta"), "more"),
    (("privacy", "plan"), ("privacy", "plan", "epsilon"), "more"),
    (("privacy", "training"), ("privacy", "training", "epsilon"), "more"),
    (("security", "repair"), ("security", "repair", "bounds", "asr"), "more"),
    (("security", "repair"), ("security", "repair", "bounds", "true_trigger_asr"), "more"),
    (("security", "repair"), ("security", "repair", "bounds", "accuracy_loss"), "more"),
    (("security", "scan", "contract"), ("security", "scan", "contract", "tolerance"), "more"),
)
#: The same of how much was looked at, which bears on what passes alone.
_EFFORTS: Final[tuple[tuple[_Names, _Names, _Way], ...]] = (
    (("fairness", "audit"), ("fairness", "audit", "left_out"), "more"),
    (("fairness", "comparison"), ("fairness", "comparison", "baseline", "left_out"), "more"),
    (("security", "scan"), ("security", "scan", "profile"), "less"),
    (("security", "scan"), ("security", "scan", "images", "count"), "less"),
    (("security", "scan"), ("security", "scan", "calibration", "sha256"), "other"),
    (("security", "repair"), ("security", "repair", "held_out_images"), "less"),
    (("privacy", "mechanisms"), ("privacy", "mechanisms", "trials"), "less"),
    (("privacy", "mechanisms"), ("privacy", "mechanisms", "error_rate"), "less"),
    (("privacy", "mechanisms"), ("privacy", "mechanisms", "input_a"), "other"),
    (("privacy", "mechanisms"), ("privacy", "mechanisms", "input_b"), "other"),
    (("privacy", "membership"), ("privacy", "membership", "shadows"), "less"),
    (("privacy", "membership"), ("privacy", "membership", "members"), "less"),
    (("privacy", "membership"), ("privacy", "membership", "non_members"), "less"),
    (("privacy", "code"), ("privacy", "code", "runs"), "less"),
    (("privacy", "code"), ("privacy", "code", "rows"), "less"),
)
#: Settings that aim at a figure: only a looser aim is another question.
_TARGETS: Final = frozenset({("privacy", "plan", "epsilon"), ("privacy", "training", "epsilon")})
#: Words of settings, from what finds least to what finds most.
_ORDER: Final = ("quick", "standard", "thorough")


def settings_of(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the settings that differ."""
    return [each for each in pairs if is_asked(each.names) and each.before != each.after]


def other_question(settings: Iterable[Pair], pair: Pair) -> str:
    """Say by which setting a figure answers another question, or is held to a looser bound; empty by none."""
    around = pair.steps[:-1]
    for each in settings:
        listed = SETTINGS in each.names[:-1] and each.steps[-2].item is not None
        part = each.steps[: -2 if listed else -1]
        inside = part == around[: len(part)]
        asks = each.last in QUESTION and each.names not in _TARGETS
        if each.place != pair.place and ((inside and asks) or _lets_pass(_BUDGETS, each, pair)):
            return _told(each)
    return ""


def less_was_looked_at(settings: Iterable[Pair], pair: Pair) -> str:
    """Say by which setting less was looked at than before, or something else; empty by none."""
    found = (_told(each) for each in settings if _lets_pass(_EFFORTS, each, pair))
    return next(found, "")


def _lets_pass(table: Iterable[tuple[_Names, _Names, _Way]], setting: Pair, pair: Pair) -> bool:
    """Tell whether a setting that differs lets more of what stands around a value pass."""
    return any(
        setting.names == name
        and pair.names[: len(part)] == part
        and setting.place != pair.place
        and _same_item(setting, pair)
        and _by(way, setting.before, setting.after)
        for part, name, way in table
    )


def _same_item(setting: Pair, pair: Pair) -> bool:
    """Tell whether a setting is of the same item of a list, where both are of one."""
    return all(
        one.item == other.item
        for one, other in zip(setting.steps, pair.steps, strict=False)
        if one.name == other.name
    )


def _by(way: _Way, before: Any, after: Any) -> bool:
    if way == "other":
        return True
    old, new = _number(before), _number(after)
    if old is None or new is None:
        return way == "more" and after is None and old is not None  # how many is withheld
    return new > old if way == "more" else new < old


def _number(value: Any) -> float | None:
    """Return the value of a setting, of a word its place in the order; None where it has none."""
    if value in _ORDER:
        return _ORDER.index(value)
    return value if is_number(value) else None


def _told(setting: Pair) -> str:
    sides = (shown(None if side is ABSENT else side) for side in (setting.before, setting.after))
    return f"{setting.last.replace('_', ' ')} {' there and '.join(sides)} here"
