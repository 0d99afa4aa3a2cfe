"""Value of a record at a place or under a short name, with its interval or the reason for its absence."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from trivet.audited import PUBLISHED_MODELS
from trivet.fairness.auditing.results import REFERENCE
from trivet.fairness.measures.registry import MEASURES
from trivet.place import EVERY, find, is_index, parent, parse, pattern_of, spread
from trivet.ratios import figure_at
from trivet.record import json_schema
from trivet.verdict import LEGS, ORDERS

__all__ = [
    "SHORT_NAMES",
    "Measured",
    "candidate_words",
    "measure",
    "measured_places",
    "nearest_names",
    "place_words",
    "split_bound",
    "values_at",
]


@dataclass(frozen=True)
class Candidate:
    """One place that a short name can mean; it is there where `needs` is, which is the anchor by default."""

    anchor: str
    below: str
    choose: Callable[[Mapping[str, Any]], int | None] | None = None
    needs: str = ""

    @property
    def place(self) -> str:
        """The whole place."""
        return f"{self.anchor}.{self.below}" if self.below else self.anchor


def _chosen(repair: Mapping[str, Any]) -> int | None:
    """Return the place of the attempt that a repair chose."""
    methods = [attempt["method"] for attempt in repair["attempts"]]
    return None if repair["chosen"] is None else methods.index(repair["chosen"])


def _security(below: str) -> tuple[Candidate, ...]:
    return (Candidate("security.scan", below),)


def _repair(below: str) -> tuple[Candidate, ...]:
    return (Candidate("security.repair", f"attempts.*.{below}", choose=_chosen),)


def _fairness(below: str) -> tuple[Candidate, ...]:
    return Candidate("fairness.audit", below), Candidate("fairness.comparison.baseline", below)


def _metric(name: str, below: str) -> tuple[Candidate, ...]:
    """Return where a figure of a metric stands in every group, if the audit is about that metric."""
    measure = f"measures[metric={name}]"
    return tuple(
        Candidate(
            anchor, f"attributes.*.{measure}.groups.*.{below}", needs=f"{anchor}.attributes.0.{measure}"
        )
        for anchor in ("fairness.audit", "fairness.comparison.baseline")
    )


_GROUPS = "attributes.*.groups.*"
_MEMBERSHIP = "privacy.membership"
_MECHANISMS = "privacy.mechanisms"
_CODE = "privacy.code"
#: A requirement on a short name has to hold for each item that a ``*`` stands for.
SHORT_NAMES: Final[Mapping[str, tuple[Candidate, ...]]] = MappingProxyType(
    {
        "security.verdict": _security("verdict"),
        "security.p_value": _security("p_value"),
        "security.contract_mismatch": _security("contract.mismatch"),
        "security.clean_accuracy": _security("contract.best.clean_accuracy"),
        "security.clean_accuracy_after": _repair("clean_accuracy.after"),
        "security.asr_before": _repair("asr.before"),
        "security.asr_after": _repair("asr.after"),
        "security.true_trigger_asr_after": _repair("true_trigger_asr.after"),
        "security.robust_accuracy_after": _repair("robust_accuracy.after"),
        "privacy.epsilon": (Candidate("privacy.plan", "epsilon"),),
        "privacy.delta": (Candidate("privacy.plan", "delta"),),
        "privacy.spent_epsilon": (Candidate("privacy.published", "correction.spent_epsilon"),),
        "privacy.verdict": (
            Candidate(_MEMBERSHIP, "verdict"),
            Candidate(_MECHANISMS, "*.verdict"),
            Candidate(_CODE, "*.verdict"),
            Candidate("privacy.published", "correction.verdict"),
        ),
        "privacy.membership_verdict": (Candidate(_MEMBERSHIP, "verdict"),),
        "privacy.membership_auroc": (Candidate(_MEMBERSHIP, "attacks.*.auroc"),),
        "privacy.canary_epsilon": (Candidate(f"{_MEMBERSHIP}.canaries", "epsilon_lower"),),
        "privacy.claim_verdict": (Candidate(f"{_MEMBERSHIP}.claim", "verdict"),),
        "privacy.claim_epsilon": (Candidate(f"{_MEMBERSHIP}.claim", "epsilon_lower"),),
        "privacy.mechanism_verdict": (Candidate(_MECHANISMS, "*.verdict"),),
        "privacy.mechanism_epsilon": (Candidate(_MECHANISMS, "*.epsilon_lower"),),
        "privacy.code_verdict": (Candidate(_CODE, "*.verdict"),),
        "privacy.code_epsilon": (Candidate(_CODE, "*.epsilon_seen"),),
        "fairness.verdict": _fairness("verdict"),
        "fairness.disparate_impact": _fairness(f"{_GROUPS}.disparate_impact"),
        "fairness.demographic_parity_difference": _fairness(f"{_GROUPS}.difference"),
        "fairness.accuracy": _fairness(f"{_GROUPS}.accuracy"),
        **{
            f"fairness.{name}_{kind}": _metric(name, kind)
            for name in MEASURES
            for kind in ("ratio", "difference")
        },
    }
)


_FAIRNESS: Final = ORDERS["fairness"]
_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "security.scan.verdict": ORDERS["security"],
        "security.repair.attempts.*.second_verdict": ORDERS["security"],
        "privacy.published.correction.verdict": ORDERS["budget"],
        "privacy.membership.verdict": ORDERS["membership"],
        "privacy.membership.claim.verdict": ORDERS["mechanism"],
        "privacy.mechanisms.*.verdict": ORDERS["mechanism"],
        "privacy.code.*.verdict": ORDERS["code"],
        "fairness.audit.verdict": _FAIRNESS,
        "fairness.audit.attributes.*.verdict": _FAIRNESS,
        "fairness.audit.attributes.*.groups.*.verdict": (*_FAIRNESS, REFERENCE),
        "fairness.comparison.baseline.verdict": _FAIRNESS,
        "fairness.comparison.baseline.attributes.*.verdict": _FAIRNESS,
        "fairness.comparison.baseline.attributes.*.groups.*.verdict": (*_FAIRNESS, REFERENCE),
        "fairness.comparison.models.*.verdict": _FAIRNESS,
        **{f"fairness.published.{model}.verdict": _FAIRNESS for model in PUBLISHED_MODELS},
        **{
            f"{audit}.attributes.*.measures.*.{place}": words
            for audit in ("fairness.audit", "fairness.comparison.baseline")
            for place, words in (("verdict", _FAIRNESS), ("groups.*.verdict", (*_FAIRNESS, REFERENCE)))
        },
    }
)


def place_words(place: str) -> tuple[str, ...]:
    """Return the words that can stand at a place, best first; none where any text can."""
    return _WORDS.get(_pattern(place), ())


def _pattern(path: str) -> str:
    """Return a path with ``*`` for each item that it picks; unchanged where it is not a place."""
    with suppress(LookupError):
        return ".".join(pattern_of(path))
    return path


def candidate_words(candidate: Candidate) -> tuple[str, ...]:
    """Return the words that one meaning of a short name can have, best first."""
    return place_words(candidate.place)


_Node = Mapping[str, Any]
#: What may follow a measurement that has an interval.
BOUNDS = ("low", "high")


@dataclass(frozen=True)
class Measured:
    """One measurement of a record.

    Attributes
    ----------
    place
        Where it stands in ``metrics.json``.
    value
        A plain value, infinity of a ratio to a share of 0; a mapping or a list where the place has several
        measurements; None where it could not be measured.
    low, high, level
        Its confidence interval, and the level of that; None where there is none.
    reason
        Why there is no value; None where there is one.
    words
        What the value can be, where it is one of a few words.
    """

    place: str
    value: Any
    low: float | None = None
    high: float | None = None
    level: float | None = None
    reason: str | None = None
    words: tuple[str, ...] = ()


def measure(record: Mapping[str, Any], path: str) -> tuple[Measured, ...]:
    """Look a measurement up; there are several where a ``*`` stands in the path.

    Parameters
    ----------
    record
        The record as plain JSON values.
    path
        A place or a short name, with ``.low`` or ``.high`` where a bound is meant.

    Raises
    ------
    LookupError
        The record has no such place; the message gives the nearest names.
    """
    name, bound = split_bound(path)
    if name not in SHORT_NAMES:
        return _measure_place(record, path)
    present = [each for each in SHORT_NAMES[name] if _is_there(record, each.needs or each.anchor)]
    if not present:
        anchors = " and no ".join(each.needs or each.anchor for each in SHORT_NAMES[name])
        leg = name.partition(".")[0]
        hint = "; --metric, or metric in audit.toml, names what an audit is about"
        missing = f"the record has no {anchors}{hint if SHORT_NAMES[name][0].needs else ''}"
        reason = _no_leg(record, leg) or missing
        return (Measured(SHORT_NAMES[name][0].place, None, reason=reason),)
    return _measure_candidate(record, present[0], bound)


def split_bound(path: str) -> tuple[str, str | None]:
    """Split ``.low`` or ``.high`` off a path, where the rest is a short name."""
    head, _, tail = path.rpartition(".")
    return (head, tail) if tail in BOUNDS and head in SHORT_NAMES else (path, None)


def _measure_candidate(
    record: Mapping[str, Any], candidate: Candidate, bound: str | None
) -> tuple[Measured, ...]:
    place = candidate.place
    if candidate.choose is not None:
        item = candidate.choose(find(record, candidate.anchor))
        if item is None:
            return (Measured(place, None, reason=f"{candidate.anchor} chose none"),)
        place = place.replace("*", str(item))
    return _measure_place(record, place if bound is None else f"{place}.{bound}")


def _measure_place(record: Mapping[str, Any], path: str) -> tuple[Measured, ...]:
    found: list[Measured] = []
    for place in spread(record, path):
        one = _measure_one(record, place)
        if one.value is not None or not _is_reference(record, place):
            found.append(one)
    found += _withheld(record, path)
    return tuple(found) or (Measured(path, None, reason="the record has nothing there"),)


def _withheld(record: Mapping[str, Any], path: str) -> Iterator[Measured]:
    """Yield the groups that a path is of, and that the record lacks as their counts are suppressed."""
    head, groups, _ = path.partition(".groups.*")
    for place in spread(record, head) if groups else ():
        attribute = place.partition(".measures")[0]
        own = find(record, attribute)
        held = (own.get("withheld") or ()) if isinstance(own, Mapping) else ()
        present = {each["group"] for each in find(record, f"{place}.groups")} if held else set()
        for number, each in enumerate(held):
            if each["group"] not in present:
                yield Measured(f"{attribute}.withheld.{number}", None, reason=each["reason"])


def _measure_one(record: Mapping[str, Any], place: str) -> Measured:
    """Read one concrete place; ``.low`` and ``.high`` may be bounds that stand elsewhere."""
    head, _, tail = place.rpartition(".")
    try:
        value = figure_at(record, place)
    except LookupError:
        if tail not in BOUNDS:
            raise
        whole = _measure_one(record, head)
        if whole.value is None:
            return whole
        if whole.level is None:
            raise LookupError(f"“{head}” has no interval in the record, so no .{tail}.") from None
        limit = whole.low if tail == "low" else whole.high
        return Measured(place, limit, reason="nothing bounds it on that side" if limit is None else None)
    if isinstance(value, Mapping) and {"value", *BOUNDS} <= value.keys():
        return _of_bounds(record, f"{place}.value", value)
    group, name = _group(record, place)
    if name == "value" and {*BOUNDS} <= group.keys():
        return _of_bounds(record, place, group)
    if value is None:
        return Measured(place, None, reason=_why_nothing(record, place), words=place_words(place))
    return Measured(place, value, words=place_words(place))


def _of_bounds(record: Mapping[str, Any], place: str, bounds: Mapping[str, Any]) -> Measured:
    value = figure_at(record, place)
    reason = None if value is not None else bounds.get("reason") or "it is undefined"
    return Measured(place, value, bounds["low"], bounds["high"], bounds.get("level"), reason)


def _why_nothing(record: Mapping[str, Any], place: str) -> str:
    """Say why a place is null, from what stands beside the first null on the way to it."""
    first = _first_null(record, place)
    if missing := _no_leg(record, first.partition(".")[0]):
        return missing
    group, _ = _group(record, first)
    reason = None if "verdict" in group else group.get("reason")
    return str(reason or f"{first} is null in the record")


def _first_null(record: Mapping[str, Any], place: str) -> str:
    """Return the shortest place on the way to one, at which the record has nothing."""
    around, _ = parent(place)
    return _first_null(record, around) if around and find(record, around) is None else place


def _is_reference(record: Mapping[str, Any], place: str) -> bool:
    """Return True if a place is empty because a group is not compared with itself."""
    return _group(record, _first_null(record, place))[0].get("verdict") == REFERENCE


def _no_leg(record: Mapping[str, Any], leg: str) -> str | None:
    return f"the {leg} leg was not audited" if leg in LEGS and record.get(leg) is None else None


def _group(record: Mapping[str, Any], place: str) -> tuple[_Node, str]:
    """Return the group of values that a place lies in, empty for a list's items, and the name there."""
    around, name = parent(place)
    group = find(record, around)
    return (group if isinstance(group, Mapping) else {}), name


def _is_there(record: Mapping[str, Any], anchor: str) -> bool:
    try:
        return find(record, anchor) not in (None, [], ())
    except LookupError:
        return False


#: A value of each kind that a measurement can be.
_EXAMPLES: Mapping[str, Any] = {"number": 0.5, "integer": 1, "string": "", "boolean": True}


def nodes_at(path: str) -> tuple[_Node, ...]:
    """Return what the schema says of a place; nothing where no record can have it."""
    here: list[_Node] = [_schema()]
    try:
        steps = parse(path)
    except LookupError:
        return ()
    for name, item in steps:
        here = [found for node in here for found in _children(node, name)]
        if item is not None:
            items = [found for node in here for found in _children(node, EVERY)]
            here = [node for node in items if item.partition("=")[0] in node.get("properties", {})]
    return tuple(here)


def measured_places(name: str) -> tuple[str, ...]:
    """Return the patterns of places that a short name or a place means; none where no record has them."""
    if name in SHORT_NAMES:
        return tuple(each.place for each in SHORT_NAMES[name])
    return (name,) if nodes_at(name) else ()


def values_at(path: str) -> tuple[Any, ...]:
    """Return an example of each kind of value that can stand at a place; a list where it is none alone.

    ``.low`` and ``.high`` are values too where the measurement before them has an interval.
    """
    nodes = nodes_at(path)
    head, _, tail = path.rpartition(".")
    if not nodes and tail in BOUNDS:
        return (0.5,) if any(map(_is_bounds, nodes_at(head))) else ()
    return tuple(
        0.5 if _is_bounds(node) else _EXAMPLES.get(node.get("type", ""), [])
        for node in nodes
        if node.get("type") != "null"
    )


def nearest_names(path: str) -> tuple[str, ...]:
    """Return up to three short names and places that are spelt most like a path."""
    path = _pattern(path)
    known = (*SHORT_NAMES, *_leaves())
    leg, last = path.partition(".")[0], path.rpartition(".")[2]
    alike = [name for name in known if name.partition(".")[0] == leg and last in name.split(".")]
    begun = [name for name in SHORT_NAMES if name.startswith(path)]
    close = difflib.get_close_matches(path, known, n=3, cutoff=0.6)
    return tuple(dict.fromkeys([*begun, *close, *sorted(alike, key=len)]))[:3]


def _is_bounds(node: _Node) -> bool:
    return {"value", *BOUNDS} <= node.get("properties", {}).keys()


def _children(node: _Node, name: str) -> list[_Node]:
    if "items" in node and (name == EVERY or is_index(name)):
        return _variants(node["items"])
    properties = node.get("properties", {})
    return _variants(properties[name]) if name in properties else []


def _variants(node: _Node) -> list[_Node]:
    """Return everything that a node may be, with references resolved."""
    if "$ref" in node:
        return [_schema()["$defs"][node["$ref"].rpartition("/")[2]]]
    if "anyOf" in node:
        return [each for option in node["anyOf"] for each in _variants(option)]
    return [node]


@cache
def _schema() -> _Node:
    return json_schema()


@cache
def _leaves() -> tuple[str, ...]:
    """Return every place with a single value."""
    return tuple(dict.fromkeys(_below(_schema(), "")))


def _below(node: _Node, path: str) -> Iterator[str]:
    if _is_bounds(node) or node.get("type") in _EXAMPLES:
        yield path
    if "items" in node:
        for child in _variants(node["items"]):
            yield from _below(child, f"{path}.{EVERY}")
    for name, inner in node.get("properties", {}).items():
        for child in _variants(inner):
            yield from _below(child, f"{path}.{name}" if path else name)
