"""Names of places in a record for people: what was measured, of which group, network, model or mechanism."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from trivet.place import EVERY, find, is_index, parse
from trivet.wording import noise_name, one_line

__all__ = ["named_place", "short_name"]

#: Characters of a name within a sentence.
NAME_CHARACTERS: Final = 60
#: Of a title that is a sentence's part, with two names in it.
WHOLE: Final = 160
#: Item of a list: the field that names it, and in which words.
_ITEMS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "attacks": ("attack", "by {}"),
        "attempts": ("method", "by {}"),
        "groups": ("group", "of {}"),
        "guarantees": ("sampling", "with {} batches"),
        "labels": ("label", "of label {}"),
        "models": ("title", "with {}"),
        "opinions": ("method", "by {}"),
        "parts": ("name", "from {}"),
        "row_attacks": ("attack", "by {}"),
        "settings": ("name", "{}"),
    }
)
#: What the one figure of an item is called, where nothing else says so.
_BARE: Final[Mapping[str, str]] = MappingProxyType({"parts": "part of the difference"})
#: Items of which no measurement is named, whatever stands in them.
_WHOLE_ITEMS: Final[Mapping[str, str]] = MappingProxyType({"cautions": "caution", "settings": "setting"})
#: Fields by which other items are named, the first that an item has.
_FIELDS: Final = (
    "name", "title", "group", "label", "method", "attack", "metric", "family", "kind", "column", "feature",
    "mechanism", "sampling", "value", "prediction",
)  # fmt: skip
#: Names of measurements, where the words of their place are none.
_MEASURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "asr": "attack success rate",
        "asr.after": "attack success rate after the repair",
        "asr.before": "attack success rate before the repair",
        "auc": "area under the ROC curve",
        "auroc": "area under the ROC curve",
        "clean_accuracy.after": "clean accuracy after the repair",
        "clean_accuracy.before": "clean accuracy before the repair",
        "contract.best.clean_accuracy": "clean accuracy under the input contract that fits best",
        "contract.loss": "loss of clean accuracy by the declared input contract",
        "contract.mismatch": "mismatch of the input contract",
        "correction.noise_ratio": "noise over the least that is needed",
        "correction.spent_epsilon": "spent epsilon",
        "correction.laplace.scale": "Laplace scale by the best theorem",
        "demographic_parity_difference": "difference of selection rates",
        "difference": "difference of selection rates",
        "epsilon_lower": "least epsilon shown",
        "epsilon_seen": "epsilon that was seen",
        "fpr": "false positive rate",
        "l1": "trigger size",
        "p_adjusted": "adjusted p-value",
        "p_value": "p-value",
        "recommended.scale": "scale of the recommended noise",
        "recommended.typical_deviation": "typical standard deviation of the recommended noise",
        "robust_accuracy.after": "robust accuracy after the repair",
        "robust_accuracy.before": "robust accuracy before the repair",
        "second_verdict": "second verdict",
        "subgroups.beyond": "subgroups beyond chance",
        "tpr": "true positive rate",
        "true_trigger_asr.after": "success rate of the true trigger after the repair",
        "true_trigger_asr.before": "success rate of the true trigger before the repair",
    }
)
#: Lists of which an item says by its name what a place is about.
_TELLING: Final = frozenset({"attributes", "code", "groups", "mechanisms", "models"})
#: Parts of a record that a name leaves out, since the subject says them.
_SILENT: Final = frozenset(
    {
        "audit",
        "baseline",
        "comparison",
        "fairness",
        "membership",
        "plan",
        "privacy",
        "published",
        "repair",
        "scan",
        "security",
        "training",
        "value",
    }
)
#: Subject of what has no named item of its own: the beginning of a place, and its words or where they stand.
_SUBJECTS: Final = (
    ("security.published", "as published", ""),
    ("security.repair", "of {}", "security.scan.checkpoint.name"),
    ("security.scan", "of {}", "security.scan.checkpoint.name"),
    ("security.strip", "of {}", "security.scan.checkpoint.name"),
    ("privacy.published", "of the published plan", ""),
    ("privacy.plan", "of the plan", ""),
    ("privacy.training", "of the private training", ""),
    ("privacy.membership.claim", "of the training of {}", "privacy.membership.model"),
    ("privacy.membership", "of {}", "privacy.membership.model"),
    ("fairness.published.baseline", "of the baseline, as published", ""),
    ("fairness.published.group_thresholds", "with group thresholds, as published", ""),
    ("fairness.published.no_gender", "without the sensitive feature, as published", ""),
    ("fairness.published.promotion_demotion", "with promotion and demotion, as published", ""),
    ("fairness.published.reweighed", "with reweighing, as published", ""),
    ("fairness.published", "as published", ""),
    ("fairness.comparison.baseline", "of {}", "fairness.comparison.baseline.data"),
    ("fairness.audit", "of {}", "fairness.audit.data"),
)
#: Which end of an interval is meant.
_ENDS: Final[Mapping[str, str]] = {"low": "lower end of ", "high": "upper end of "}
#: Figures of a group that compare it with the reference.
_COMPARED: Final = frozenset(
    {
        "below_four_fifths",
        "difference",
        "difference_high",
        "difference_low",
        "disparate_impact",
        "p_adjusted",
        "p_value",
        "ratio",
        "simultaneous_high",
        "simultaneous_low",
        "smallest_detectable",
        "verdict",
    }
)


def named_place(record: Mapping[str, Any], place: str) -> str:
    """Return what stands at a place, by name: ``disparate impact of Female (gender) against Male``.

    Items of lists are named by what the record calls them, and counted from 1 where it has no name for them.

    Parameters
    ----------
    record
        The record as plain JSON values.
    place
        A concrete place of it, or a pattern, of which the items are not named.
    """
    steps = [part for step in parse(place) for part in step if part is not None]
    end = _ENDS[steps.pop()] if len(steps) > 1 and steps[-1] in _ENDS and not is_index(steps[-2]) else ""
    if _is_of(place, "effects.effects") and (effect := _effect(record, steps)):
        return f"{end}{effect}"
    if _is_of(place, "policy.waivers"):
        return f"waiver {steps[-1]} of the policy"
    words, items = _walk(record, steps)
    told = _subjects(words, items)
    if not (items and items[-1].kind in _TELLING) and (subject := _subject(record, place)):
        told.append(subject)
    measure = _WHOLE_ITEMS.get(items[0].kind if items else "") or _measure_of(words, items)
    return " ".join(filter(None, [f"{end}{measure}", *told]))


def short_name(text: object) -> str:
    """Return a name of the record within a sentence: on one line, and not too long."""
    return one_line(text, limit=NAME_CHARACTERS)


class _Item(NamedTuple):
    """An item of a list of the record: of which list, what it is, and the step of a place that picks it."""

    kind: str
    content: Any
    step: str

    def field(self, name: str) -> str:
        """Return a text or number of it; empty where it has none."""
        value = self.content.get(name) if isinstance(self.content, Mapping) else None
        return short_name(value) if isinstance(value, str | int) else ""


def _walk(record: Mapping[str, Any], steps: Sequence[str]) -> tuple[list[str], list[_Item]]:
    """Return the steps after the last item of a list, and the items, the innermost first."""
    here: Any = record
    words: list[str] = []
    items: list[_Item] = []
    for step in steps:
        if step == EVERY:
            here, words = None, words[:-1]
        elif isinstance(here, list | tuple):
            here = _pick(here, step)
            items.insert(0, _Item(words[-1] if words else "", here, step))
            words = [] if isinstance(here, Mapping) else words[-1:]
        else:
            here = here.get(step) if isinstance(here, Mapping) else None
            words.append(step)
    return words, items


def _pick(items: Sequence[Any], step: str) -> Any:
    if is_index(step):
        return items[int(step)] if int(step) < len(items) else None
    field, _, wanted = step.partition("=")
    return next(
        (each for each in items if isinstance(each, Mapping) and str(each.get(field)) == wanted), None
    )


def _subjects(words: Sequence[str], items: Sequence[_Item]) -> list[str]:
    """Return the words for items; a group with its attribute, and with the group that it is compared with."""
    told = [_told(item) for item in items if item.kind not in {"cautions", "measures"} and _tells(item)]
    kinds = [item.kind for item in items if item.kind != "measures"]
    if kinds[:2] in (["groups", "attributes"], ["withheld", "attributes"]):
        attribute = items[-1]
        reference = attribute.field("reference")
        compared = _COMPARED.intersection(words) and reference != items[0].field("group")
        against = f" against {reference}" if compared else ""
        told[:2] = [f"{told[0]} ({attribute.field('name')}){against}"]
    return told


def _tells(item: _Item) -> bool:
    """Tell whether an item says which thing it is about; a metric of all groups does not."""
    return item.kind != "metrics" or bool(item.field("group"))


def _told(item: _Item) -> str:
    """Name an item of a list; by its number from 1 where it has no name."""
    conditions = (item.content.get("conditions") if isinstance(item.content, Mapping) else None) or ()
    if texts := [short_name(each["text"]) for each in conditions if isinstance(each, Mapping)]:
        return f"of {' and '.join(texts)}"
    field, told = _ITEMS.get(item.kind, ("", ""))
    if name := item.field(field):
        return name if item.kind == "models" and name.startswith("without ") else told.format(name)
    field = next(filter(item.field, _FIELDS), None)
    if field is not None:
        noise = item.field("mechanism") if field != "mechanism" else ""
        by = f" with {noise_name(noise)} noise" if noise else ""
        return f"of {'label ' if field == 'label' else ''}{item.field(field)}{by}"
    return f"({int(item.step) + 1 if is_index(item.step) else item.step})"


def _measure_of(words: Sequence[str], items: Sequence[_Item]) -> str:
    """Write the words of a measurement, the longest end of them that has a name of its own as that name."""
    kept = list(dict.fromkeys(word for word in words if word not in _SILENT))
    if metric := next((_metric(item) for item in items if item.kind in {"measures", "metrics"}), ""):
        kept = [metric, *(word for word in kept if word != "rate")]
    if len(kept) > 1 and kept[-1] in {"difference", "ratio"}:
        return f"{kept[-1]} of {_spelt(kept[:-1])}"
    named = (_MEASURES.get(".".join(kept[start:])) for start in range(len(kept)))
    return (
        next(filter(None, named), _spelt(kept)) or (_BARE.get(items[0].kind, "") if items else "") or "result"
    )


def _metric(item: _Item) -> str:
    return item.field("title") or _spelt([item.field("metric")])


def _spelt(words: Sequence[str]) -> str:
    return " ".join(words).replace("_", " ")


def _subject(record: Mapping[str, Any], place: str) -> str:
    for beginning, told, where in _SUBJECTS:
        if _is_of(place, beginning):
            if not where:
                return told
            return told.format(short_name(name)) if (name := _found(record, where)) else ""
    return ""


def _found(record: Mapping[str, Any], place: str) -> Any:
    try:
        return find(record, place)
    except LookupError:
        return None


def _effect(record: Mapping[str, Any], steps: Sequence[str]) -> str:
    effect = _found(record, ".".join(steps[:3])) if len(steps) > 2 else None  # noqa: PLR2004 - the item
    if not isinstance(effect, Mapping):
        return ""
    words = " ".join(step.replace("_", " ") for step in steps[3:]) or "effect"
    matrix: Mapping[str, Any] = _found(record, "effects")
    titles = {each["name"]: each["title"] for each in (*matrix["interventions"], *matrix["measurements"])}
    figure, remedy = (titles.get(effect[name], effect[name]) for name in ("measurement", "intervention"))
    return f"{words} of the {one_line(figure, limit=WHOLE)} with {one_line(remedy, limit=WHOLE)}"


def _is_of(place: str, beginning: str) -> bool:
    return place == beginning or place.startswith(f"{beginning}.")
