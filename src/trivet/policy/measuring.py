"""Value of a record at a place or under a short name, with its interval or the reason for its absence."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trivet.fairness.auditing.results import REFERENCE
from trivet.places import find
from trivet.policy.short_names import SHORT_NAMES, Candidate
from trivet.policy.words import candidate_words, place_words

__all__ = ["BOUNDS", "Measured", "measure", "split_bound"]

#: What may follow a measurement that has an interval.
BOUNDS = ("low", "high")
LEGS = ("security", "privacy", "fairness")
#: Where a missing value has its reason, unless beside it as `<name>_reason` or `reason`.
_REASONS = {
    **dict.fromkeys(("asr", "clean_accuracy", "robust_accuracy", "true_trigger_asr"), "repair_reason"),
    **dict.fromkeys(("p_value", "log_score"), "score_reason"),
    **dict.fromkeys(("tpr", "tpr_low", "tpr_high", "realised_fpr"), "rate_reason"),
}
#: Where an interval stands, unless beside its number as `<name>_interval`.
_INTERVALS = {"demographic_parity_difference": "demographic_parity_interval"}


@dataclass(frozen=True)
class Measured:
    """One measurement of a record.

    Attributes
    ----------
    place
        Where it stands in ``metrics.json``.
    value
        A plain value; a mapping or a list where the place has several measurements; None where it could
        not be measured.
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
    present = [each for each in SHORT_NAMES[name] if _is_there(record, each.anchor)]
    if not present:
        anchors = " and no ".join(each.anchor for each in SHORT_NAMES[name])
        leg = name.partition(".")[0]
        reason = _no_leg(record, leg) or f"the record has no {anchors}"
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
    if candidate.derive is None:
        return _measure_place(record, place if bound is None else f"{place}.{bound}")
    if bound is not None:
        raise LookupError(f"a verdict has no interval, so no .{bound}.")
    words = candidate_words(candidate)
    return (Measured(place, candidate.derive(record), words=words),)


def _measure_place(record: Mapping[str, Any], path: str) -> tuple[Measured, ...]:
    found: list[Measured] = []
    for place in _spread(record, path):
        one = _measure_one(record, place)
        if one.value is not None or not _is_reference(record, place):
            found.append(one)
    return tuple(found) or (Measured(path, None, reason="the record has nothing there"),)


def _spread(record: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield a path once for each item that its first ``*`` stands for, and so on."""
    head, star, rest = path.partition(".*")
    if not star or (rest and not rest.startswith(".")):
        yield path
        return
    items = find(record, head)
    if items is None:
        yield head
    elif not isinstance(items, list | tuple):
        raise LookupError(f"“{head}” is not a list, so it has no “*”.")
    else:
        for place in range(len(items)):
            yield from _spread(record, f"{head}.{place}{rest}")


def _measure_one(record: Mapping[str, Any], place: str) -> Measured:
    """Read one concrete place; ``.low`` and ``.high`` may be bounds that stand elsewhere."""
    head, _, tail = place.rpartition(".")
    try:
        value = find(record, place)
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
    if isinstance(value, Mapping) and {"estimate", *BOUNDS} <= value.keys():
        return _of_bounds(f"{place}.estimate", value)
    parent, name = _parent(record, place)
    if isinstance(parent, Mapping) and name == "estimate" and {*BOUNDS} <= parent.keys():
        return _of_bounds(place, parent)
    if value is None:
        return Measured(place, None, reason=_why_nothing(record, place), words=place_words(place))
    low, high, level = _interval_beside(parent, name)
    return Measured(place, value, low, high, level, words=place_words(place))


def _of_bounds(place: str, bounds: Mapping[str, Any]) -> Measured:
    value = bounds["estimate"]
    reason = None if value is not None else bounds.get("reason") or "it is undefined"
    return Measured(place, value, bounds["low"], bounds["high"], bounds.get("level"), reason)


def _interval_beside(parent: Any, name: str) -> tuple[float | None, float | None, float | None]:
    """Find the interval of a number: `<name>_interval`, or `<name>_low` and `<name>_high`."""
    if not isinstance(parent, Mapping):
        return None, None, None
    interval = parent.get(_INTERVALS.get(name, f"{name}_interval"))
    if isinstance(interval, Mapping):
        return interval["low"], interval["high"], interval["level"]
    if f"{name}_low" in parent and "level" in parent:
        return parent[f"{name}_low"], parent.get(f"{name}_high"), parent["level"]
    return None, None, None


def _why_nothing(record: Mapping[str, Any], place: str) -> str:
    """Say why a place is null, from what stands beside the first null on the way to it."""
    first = _first_null(record, place)
    if missing := _no_leg(record, first.partition(".")[0]):
        return missing
    parent, name = _parent(record, first)
    if isinstance(parent, Mapping):
        told = [f"{name}_reason", _REASONS.get(name, ""), *([] if "verdict" in parent else ["reason"])]
        for key in told:
            if parent.get(key):
                return str(parent[key])
    return f"{first} is null in the record"


def _first_null(record: Mapping[str, Any], place: str) -> str:
    """Return the shortest place on the way to one, at which the record has nothing."""
    steps = place.split(".")
    ways = (".".join(steps[: count + 1]) for count in range(len(steps)))
    return next((way for way in ways if find(record, way) is None), place)


def _is_reference(record: Mapping[str, Any], place: str) -> bool:
    """Return True if a place is empty because a group is not compared with itself."""
    parent, _ = _parent(record, _first_null(record, place))
    return isinstance(parent, Mapping) and parent.get("verdict") == REFERENCE


def _no_leg(record: Mapping[str, Any], leg: str) -> str | None:
    return f"the {leg} leg was not audited" if leg in LEGS and record.get(leg) is None else None


def _parent(record: Mapping[str, Any], place: str) -> tuple[Any, str]:
    head, _, tail = place.rpartition(".")
    return (find(record, head) if head else record), tail.partition("[")[0]


def _is_there(record: Mapping[str, Any], anchor: str) -> bool:
    try:
        return find(record, anchor) not in (None, [], ())
    except LookupError:
        return False
