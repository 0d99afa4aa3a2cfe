"""Figures of a record that evidence reports: headlines and groups, with interval, unit, method and seed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from trivet.place import Step, find, join, parse
from trivet.policy import SHORT_NAMES, measure
from trivet.ratios import INFINITE, figure_at, is_infinite
from trivet.report.write.origins import seed_line
from trivet.wording import one_line

__all__ = ["MEASURES", "Figure", "Measure", "figures_of", "written"]

#: Of a name, which a column or a file has.
NAME_CHARACTERS: Final = 200
_ESTIMATE: Final = frozenset({"value", "low", "high", "level", "method"})
#: Parts whose estimates are about the detector on its benchmark, the published study, other trainings, or one
#: bin or one look at what another figure sums up.
_PASSED_OVER: Final = frozenset(
    {
        *("published", "calibration", "benchmark", "searches", "findings", "best", "tests", "relearning"),
        *("own", "training", "accuracy_training", "disparate_impact_training"),
    }
)


@dataclass(frozen=True)
class Measure:
    """Unit of a figure, its meaning, and what it does not show."""

    unit: str
    meaning: str
    limits: str = ""


_SHARE: Final = "share, 0 to 1"
#: By the last name of a place that is no ``before`` or ``after``.
MEASURES: Final[Mapping[str, Measure]] = {
    "accuracy": Measure(
        _SHARE,
        "rows or images whose prediction is their label",
        "hides errors of rare classes and small groups",
    ),
    "clean_accuracy": Measure(_SHARE, "clean images that are classified right", "no trigger is among them"),
    "accuracy_loss": Measure(
        "difference of shares", "clean accuracy before the repair minus after it, on the same images"
    ),
    "accuracy_change": Measure(
        "difference of shares", "accuracy with a mitigation minus without, on the same rows"
    ),
    "robust_accuracy": Measure(_SHARE, "images with the trigger that are still classified right"),
    "asr": Measure(
        _SHARE,
        "images of other classes that the reconstructed trigger sends to the suspected label",
        "the attacker's own trigger can do more",
    ),
    "true_trigger_asr": Measure(_SHARE, "the same with the attacker's own trigger, where it is known"),
    "unstamped": Measure(_SHARE, "images of other classes at the suspected label without any trigger"),
    "p_value": Measure(
        "probability",
        "chance of evidence as strong in a clean network, both methods and all looks together",
        "a large one does not certify a network",
    ),
    "auroc": Measure(
        "area, 0 to 1",
        "chance that an attack ranks a training row above another row; one half is guessing",
        "an average that hides a few rows that are exposed; the rates beside it show them",
    ),
    "tpr": Measure(_SHARE, "training rows that an attack names at a small share of false alarms"),
    "realised_fpr": Measure(_SHARE, "other rows that the same attack names falsely"),
    "epsilon": Measure("nats", "privacy loss that is allowed or claimed", "bounds the worst case"),
    "epsilon_lower": Measure("nats", "privacy loss that is shown at least", "the true one can be larger"),
    "epsilon_seen": Measure("nats", "privacy loss that the paths of the code need"),
    "spent_epsilon": Measure("nats", "privacy loss of all answers together"),
    "delta": Measure("probability", "share of the guarantee that may fail"),
    "noise_multiplier": Measure("multiples of the clipping bound", "noise of private training"),
    "selection_rate": Measure(_SHARE, "rows of a group that are selected"),
    "base_rate": Measure(_SHARE, "rows of a group whose label is the positive one"),
    "true_positive_rate": Measure(_SHARE, "positive rows that are selected", "labels can be biased"),
    "false_positive_rate": Measure(_SHARE, "negative rows that are selected", "labels can be biased"),
    "positive_predictive_value": Measure(_SHARE, "selected rows that are positive", "labels can be biased"),
    "disparate_impact": Measure(
        "ratio",
        "selection rate of a group over that of the reference; four fifths is the usual bound",
        "says nothing about errors, and equal rates are not equal treatment",
    ),
    "difference": Measure(
        "difference of shares", "selection rate of the reference minus that of a group; zero is parity"
    ),
    "measures.overall": Measure("that of the metric", "a metric of all rows"),
    "measures.rate": Measure("that of the metric", "a metric of the rows of a group"),
    "measures.ratio": Measure("ratio", "a metric of a group over that of the reference; one is parity"),
    "measures.difference": Measure(
        "difference of shares", "a metric of a group beside that of the reference; zero is parity"
    ),
    "auc": Measure("area, 0 to 1", "chance that a score ranks a positive row above a negative one"),
    "bpsn_auc": Measure("area, 0 to 1", "the same of the group's negatives and the others' positives"),
    "bnsp_auc": Measure("area, 0 to 1", "the same of the group's positives and the others' negatives"),
}
_TIMES: Final = ("before", "after")
#: Metrics of an attribute that were chosen, each by group.
_MEASURES: Final = "measures"
#: Lists of a record, and the field that names an item.
_ITEMS: Final[Mapping[str, tuple[str, str]]] = {
    "attempts": ("repair", "method"),
    "mechanisms": ("mechanism", "name"),
    "code": ("code", "name"),
    "attacks": ("attack", "attack"),
    "rates": ("false alarms", "fpr"),
    "attributes": ("", "name"),
    "models": ("mitigation", "title"),
    "guarantees": ("batches", "sampling"),
}


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    place
        Where it stands in ``metrics.json``.
    name
        Its measure in words, such as ``disparate impact``.
    key
        The measure's key in `MEASURES`; "" where that has none.
    part
        What it is about, such as ``gender = Female``; empty for the whole.
    value, low, high, level
        The figure, infinity of a ratio to a share of 0, and its interval; None where the record has none.
    unit, method, seed
        In words; empty where the record does not say.
    reason
        Why something is missing; empty where nothing is.
    """

    place: str
    name: str
    key: str
    part: str
    value: float | None
    low: float | None
    high: float | None
    level: float | None
    unit: str
    method: str
    seed: str
    reason: str


def figures_of(record: Mapping[str, Any]) -> tuple[Figure, ...]:
    """Return every headline and every estimate of a group, attack, repair or model, leg by leg.

    Figures of the published study are left out: they are not about what was audited.
    """
    found = {figure.place: figure for figure in _headlines(record)}
    for leg in ("security", "privacy", "fairness"):
        for place, estimate in _estimates(record[leg], leg, _repeated(record)):
            found[place] = _figure(record, place, estimate)
    order = {leg: number for number, leg in enumerate(("security", "privacy", "fairness"))}
    return tuple(sorted(found.values(), key=lambda each: order[each.place.partition(".")[0]]))


def written(value: float | None) -> str:
    """Spell a figure with all its digits, as ``metrics.json`` does."""
    return "" if value is None else INFINITE if is_infinite(value) else repr(value)


def _repeated(record: Mapping[str, Any]) -> str:
    """Return the place of an audit that stands in the record twice; empty where none does."""
    fairness = record["fairness"] or {}
    comparison = fairness.get("comparison")
    same = comparison is not None and comparison["baseline"] == fairness["audit"]
    return "fairness.comparison.baseline" if same else ""


def _headlines(record: Mapping[str, Any]) -> Iterator[Figure]:
    """Yield the figures under a short name, and the numbers of a plan, that have no interval."""
    for name in SHORT_NAMES:
        for each in measure(record, name):
            number = isinstance(each.value, int | float) and not isinstance(each.value, bool)
            if number and not each.place.endswith(".value") and ".published." not in each.place:
                yield _figure(record, each.place, {"value": each.value})
    privacy = record["privacy"]
    if privacy is not None and privacy["training"] is not None:
        for number, guarantee in enumerate(privacy["training"]["guarantees"]):
            for key in ("noise_multiplier", "epsilon"):
                place = f"privacy.training.guarantees.{number}.{key}"
                yield _figure(record, place, {"value": guarantee[key]})


def _estimates(value: Any, place: str, repeated: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if place == repeated:
        return
    if isinstance(value, Mapping):
        if value.keys() >= _ESTIMATE:
            yield place, value
            return
        for name, inner in value.items():
            if name not in _PASSED_OVER:
                yield from _estimates(inner, f"{place}.{name}", repeated)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _estimates(inner, f"{place}.{index}", repeated)


def _figure(record: Mapping[str, Any], place: str, estimate: Mapping[str, Any]) -> Figure:
    names = [step.name for step in parse(place)]
    when = names[-1] if names[-1] in _TIMES else ""
    key = names[-2] if when else names[-1]
    words = f"{key} {when} the repair" if when else key
    if _MEASURES in names:
        number = names.index(_MEASURES) + 1
        title = find(record, join([Step(name) for name in names[: number + 1]]))["title"]
        key, words = f"{_MEASURES}.{key}", f"{_name(title)}, {key}"
    known = MEASURES.get(key)
    bounds = (estimate.get("low"), estimate.get("high"))
    return Figure(
        place=place,
        name=words.replace("_", " ") if _MEASURES not in names else words,
        key=key if known else "",
        part=_part(record, names),
        value=figure_at(record, f"{place}.value") if "low" in estimate else estimate["value"],
        low=bounds[0],
        high=bounds[1],
        level=None if bounds == (None, None) else estimate.get("level"),
        unit=known.unit if known else "",
        method=one_line(estimate.get("method") or "", limit=NAME_CHARACTERS),
        seed=seed_line(place, record),
        reason=one_line(estimate.get("reason") or "", limit=NAME_CHARACTERS),
    )


def _part(record: Mapping[str, Any], names: list[str]) -> str:
    """Return the items that a place lies in, by their names."""
    here: Any = record
    found: list[str] = []
    attribute = ""
    for before, name in zip(["", *names], names, strict=False):
        inside = here
        here = find(inside, name)
        if not isinstance(inside, list) or not isinstance(here, Mapping):
            continue
        if before == "attributes":
            attribute = _name(here["name"])
        elif before == "groups":
            column = here.get("column", attribute)
            group = _name(here["group"])
            found.append(f"{_name(column)} = {group}" if column else f"group {group}")
        elif before in _ITEMS:
            kind, field = _ITEMS[before]
            found.append(f"{kind} {_name(here.get(field))}")
        elif before != _MEASURES and (named := here.get("title", here.get("name"))) is not None:
            found.append(_name(named))
    return ", ".join(found)


def _name(text: Any) -> str:
    return one_line(text, limit=NAME_CHARACTERS)
