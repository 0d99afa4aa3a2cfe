"""Subject of a record: the network, the parts of each leg, and every verdict.

Code that reads a record as plain JSON values uses these functions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trivet.fairness.auditing.band import difference_ends, judged_between
from trivet.fairness.auditing.results import REFERENCE
from trivet.fairness.metrics.comparisons import band_ends
from trivet.verdict import (
    DISPARATE,
    LEGS,
    NO_EVIDENCE,
    NOT_REMOVED,
    ORDERS,
    OVER_BUDGET,
    REMOVED,
    VIOLATES,
    Tone,
    rank,
    repair_word,
    tone,
)
from trivet.wording import noise_name, one_line, quote

__all__ = [
    "JudgedPart",
    "Network",
    "chosen_attempt",
    "complaint_about",
    "demonstrates",
    "has_study",
    "network_of",
    "parts_of",
    "verdicts_of",
]

Record = Mapping[str, Any]

#: Of numbers that another machine adds up.
_ROUNDING: Final = 1e-9
#: Names that a complaint lists.
MOST_NAMED: Final = 5
#: Mitigations that stand beside the published models.
_CORRECTING: Final = frozenset({"baseline", "massaging", "group-thresholds"})
#: Models of the published fairness study.
PUBLISHED_MODELS: Final = ("baseline", "promotion_demotion", "no_gender", "reweighed", "group_thresholds")
#: Keys of a leg.
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "security": ("published", "scan", "repair"),
    "privacy": ("published", "plan", "training", "mechanisms", "membership", "code"),
    "fairness": ("published", "audit", "comparison"),
}


@dataclass(frozen=True)
class Network:
    """The network that a record is about."""

    place: str
    checkpoint: Record
    data: str
    images: int
    classes: int


@dataclass(frozen=True)
class JudgedPart:
    """One verdict of a record."""

    leg: str
    part: str
    name: str
    word: str
    tone: Tone
    place: str


def has_study(record: Record, leg: str | None = None) -> bool:
    """Tell whether a leg of a record is the built-in study's; any leg where none is named."""
    return any(
        (record[each] or {}).get("published") is not None for each in (LEGS if leg is None else (leg,))
    )


def demonstrates(fairness: Record) -> bool:
    """Return True if what is audited is the built-in study's own model, which is nobody's system."""
    audit, comparison = fairness["audit"], fairness["comparison"]
    return fairness["published"] is not None and (audit is None or audit == comparison["baseline"])


def network_of(record: Record) -> Network | None:
    """Return the network that a record is about; None where there is none."""
    security = record["security"]
    if security is None:
        return None
    if (scan := security["scan"]) is None:
        return None
    images = scan["images"]
    return Network("security.scan", scan["checkpoint"], images["name"], images["count"], images["classes"])


def parts_of(record: Record) -> tuple[str, ...]:
    """Return the places of what a record holds: ``privacy.published``, ``privacy.plan`` and so on."""
    found: list[str] = []
    for leg, names in _PARTS.items():
        content = record[leg] or {}
        found += [f"{leg}.{name}" for name in names if content.get(name)]
    return tuple(found)


def complaint_about(record: Record) -> str | None:
    """Say what of a record contradicts itself, which its types cannot show; None where nothing does."""
    legs = [leg for leg in LEGS if record[leg] is not None]
    parts = parts_of(record)
    if not legs:
        return "it has no leg, so nothing was audited"
    for leg in legs:
        if not any(part.startswith(f"{leg}.") for part in parts):
            return f"{leg} has no part that was audited"
    return next((each for leg in legs for each in _CHECKS[leg](record[leg])), None)


def chosen_attempt(repair: Record) -> int:
    """Return the index of the attempt that a repair chose, or of the one with the lowest success rate."""
    ranks = [
        (each["method"] != repair["chosen"], each["asr"]["after"]["value"]) for each in repair["attempts"]
    ]
    return ranks.index(min(ranks))


def verdicts_of(record: Record) -> tuple[JudgedPart, ...]:
    """Return every verdict of a record, leg by leg."""
    return tuple(part for leg, judge in _JUDGES.items() if record[leg] is not None for part in judge(record))


def _security(record: Record) -> Iterator[JudgedPart]:
    security = record["security"]
    if (scan := security["scan"]) is not None:
        word, label = scan["verdict"], scan["suspected_label"]
        told = word if label is None else f"{word}, label {label}"
        name = scan["checkpoint"]["name"]
        yield JudgedPart("security", "scan", name, told, tone(word), "security.scan")
    if (repair := security["repair"]) is not None:
        word = repair["outcome"] or (REMOVED if repair["removed"] else NOT_REMOVED)
        told = repair_word(word, repair["chosen"])
        yield JudgedPart("security", "repair", "", told, tone(word), "security.repair")


def _privacy(record: Record) -> Iterator[JudgedPart]:
    privacy = record["privacy"]
    if (published := privacy["published"]) is not None:
        word = published["correction"]["verdict"]
        yield JudgedPart("privacy", "published", "", word, tone(word), "privacy.published")
    if (plan := privacy["plan"]) is not None:
        word = f"{noise_name(plan['best_mechanism'])} noise"
        yield JudgedPart("privacy", "plan", "", word, "note", "privacy.plan")
    if privacy["training"] is not None:
        yield JudgedPart("privacy", "training", "", "Gaussian noise", "note", "privacy.training")
    for number, audit in enumerate(privacy["mechanisms"]):
        word, place = audit["verdict"], f"privacy.mechanisms.{number}"
        yield JudgedPart("privacy", "mechanisms", audit["name"], word, tone(word), place)
    if (audit := privacy["membership"]) is not None:
        word = audit["verdict"]
        yield JudgedPart("privacy", "membership", audit["model"], word, tone(word), "privacy.membership")
        if (claim := audit["claim"]) is not None:
            word, name = claim["verdict"], f"epsilon of {audit['model']}"
            yield JudgedPart("privacy", "claim", name, word, tone(word), "privacy.membership.claim")
    for number, audit in enumerate(privacy["code"]):
        word, place = audit["verdict"], f"privacy.code.{number}"
        yield JudgedPart("privacy", "code", audit["name"], word, tone(word), place)


def _fairness(record: Record) -> Iterator[JudgedPart]:
    fairness = record["fairness"]
    audit, comparison = fairness["audit"], fairness["comparison"]
    if audit is not None and (comparison is None or audit != comparison["baseline"]):
        word, name = audit["verdict"], audit["prediction"]
        yield JudgedPart("fairness", "audit", name, word, tone(word), "fairness.audit")
    if comparison is not None:
        word, name = comparison["baseline"]["verdict"], comparison["baseline"]["data"]
        yield JudgedPart("fairness", "comparison", name, word, tone(word), "fairness.comparison")


_JUDGES: Final = {"security": _security, "privacy": _privacy, "fairness": _fairness}


def _security_complaints(security: Record) -> Iterator[str]:
    if (scan := security["scan"]) is not None:
        yield from _of_words("security", scan, "security.scan")
        if scan["suspected_label"] is not None and scan["verdict"] == NO_EVIDENCE:
            yield "security.scan.verdict is 'no evidence' with a security.scan.suspected_label"
        if (scan["suspected_label"] is None) != (security["strip"] is None):
            yield "security.strip does not go with security.scan.suspected_label; expected both or neither"
    elif security["published"] is not None:
        yield "security.published has no security.scan beside it"
    if (repair := security["repair"]) is not None:
        methods = [attempt["method"] for attempt in repair["attempts"]]
        yield from _one_of(repair["chosen"], methods, "security.repair.chosen")


def _privacy_complaints(privacy: Record) -> Iterator[str]:
    if (published := privacy["published"]) is not None:
        yield from _of_words("budget", published["correction"], "privacy.published.correction")
        if privacy["plan"] is None:
            yield "privacy.published has no privacy.plan beside it"
        else:
            spent, allowed = published["correction"]["spent_epsilon"], privacy["plan"]["epsilon"]
            yield from _within(
                published["correction"], spent, allowed, OVER_BUDGET, "privacy.published.correction"
            )
    if (plan := privacy["plan"]) is not None:
        methods = [row["method"] for row in plan["rows"]]
        yield from _one_of(plan["best_method"], methods, "privacy.plan.best_method")
    for number, audit in enumerate(privacy["mechanisms"]):
        yield from _of_words("mechanism", audit, f"privacy.mechanisms.{number}")
        yield from _shown_within(audit, f"privacy.mechanisms.{number}")
    if (audit := privacy["membership"]) is not None:
        yield from _of_words("membership", audit, "privacy.membership")
        attacks = [attack["attack"] for attack in audit["attacks"]]
        yield from _one_of(audit["best_attack"], attacks, "privacy.membership.best_attack")
        if (claim := audit["claim"]) is not None:
            yield from _of_words("mechanism", claim, "privacy.membership.claim")
            yield from _shown_within(claim, "privacy.membership.claim")
    for number, audit in enumerate(privacy["code"]):
        yield from _of_words("code", audit, f"privacy.code.{number}")


def _fairness_complaints(fairness: Record) -> Iterator[str]:
    if fairness["published"] is not None:
        for model in PUBLISHED_MODELS:
            yield from _of_words("fairness", fairness["published"][model], f"fairness.published.{model}")
        compared = fairness["comparison"]["models"] if fairness["comparison"] is not None else []
        names = {model["name"] for model in compared if not model["failed"]}
        for name in sorted(_CORRECTING - names):
            yield f"fairness.published has no fairness.comparison with {name} beside it"
    audits = {"fairness.audit": fairness["audit"]}
    if (comparison := fairness["comparison"]) is not None:
        audits["fairness.comparison.baseline"] = comparison["baseline"]
        yield from _model_complaints(comparison["models"], band_ends(comparison["baseline"]["four_fifths"]))
    for place, audit in audits.items():
        if audit is not None:
            yield from _audit_complaints(audit, place)


def _model_complaints(models: Sequence[Record], band: tuple[float, float]) -> Iterator[str]:
    fitted = [(number, model) for number, model in enumerate(models) if not model["failed"]]
    for number, model in fitted:
        here = f"fairness.comparison.models.{number}"
        yield from _of_words("fairness", model, here)
        if model["accuracy"] is None:
            yield f"{here}.accuracy is missing, of a model that was fitted"
        yield from _better(model["groups"], "disparate_impact", band, f"{here}.groups")
    if not fitted:
        yield "fairness.comparison.models has no model that was fitted"


def _audit_complaints(audit: Record, place: str) -> Iterator[str]:
    yield from _of_words("fairness", audit, place)
    if not audit["attributes"]:
        yield f"{place}.attributes is empty, so no groups were compared"
    yield from _worst(audit, audit["attributes"], place)
    for number, attribute in enumerate(audit["attributes"]):
        here = f"{place}.attributes.{number}"
        yield from _of_words("fairness", attribute, here)
        groups = [group["group"] for group in attribute["groups"]]
        yield from _one_of(attribute["most_disparate"], groups, f"{here}.most_disparate")
        band = band_ends(audit["four_fifths"])
        for which, group in enumerate(attribute["groups"]):
            if group["verdict"] != REFERENCE:
                yield from _of_words("fairness", group, f"{here}.groups.{which}")
        # Where differences decide, the ends that these groups are judged by stand with the metrics alone.
        if all(measure["difference_band"] is None for measure in attribute["measures"]):
            yield from _better(attribute["groups"], "disparate_impact", band, f"{here}.groups")
        # Groups have the verdict on selection, which an audit by other metrics is not about.
        yield from _worst(attribute, attribute["measures"] or attribute["groups"], here)
        for which, measure in enumerate(attribute["measures"]):
            yield from _worst(measure, measure["groups"], f"{here}.measures.{which}")
            reach = measure["difference_band"]
            compared, ends = ("ratio", band) if reach is None else ("difference", difference_ends(reach))
            yield from _better(measure["groups"], compared, ends, f"{here}.measures.{which}.groups")


def _worst(judged: Record, parts: Sequence[Record], place: str) -> Iterator[str]:
    """Complain of a verdict that is better than that of a part which is shown to be disparate."""
    if judged["verdict"] != DISPARATE and any(each["verdict"] == DISPARATE for each in parts):
        yield f"{place}.verdict is {quote(judged['verdict'])}, and something in it is {DISPARATE}"


def _better(groups: Sequence[Record], compared: str, band: tuple[float, float], place: str) -> Iterator[str]:
    """Complain of verdicts on groups that are better than their interval, seen from the ends of a band."""
    name = "difference" if compared == "difference" else "simultaneous"
    for number, group in enumerate(groups):
        # What a group is compared with, or its counts, can be withheld, and its ends are then.
        if group[compared] is not None and group["verdict"] is not None:
            word = judged_between(group[f"{name}_low"], group[f"{name}_high"], *band)
            if (rank(group["verdict"]) or 0) < (rank(word) or 0):
                yield f"{place}.{number}.verdict is {quote(group['verdict'])}, and its interval is {word}"


def _shown_within(audit: Record, place: str) -> Iterator[str]:
    return _within(audit, audit["epsilon_lower"], audit["epsilon"], VIOLATES, place)


def _within(judged: Record, found: float, bound: float, bad: str, place: str) -> Iterator[str]:
    """Complain of a verdict that is good of what is beyond the bound that it is held to."""
    if found > bound * (1 + _ROUNDING) and judged["verdict"] != bad:
        yield f"{place}.verdict is {quote(judged['verdict'])}, and {found:g} is above {bound:g}"


def _of_words(kind: str, judged: Record, place: str) -> Iterator[str]:
    yield from _one_of(judged["verdict"], ORDERS[kind], f"{place}.verdict", optional=False)


def _one_of(word: str | None, words: Sequence[str], place: str, *, optional: bool = True) -> Iterator[str]:
    if word not in words and not (optional and word is None):
        known = ", ".join(map(one_line, words[:MOST_NAMED])) or "nothing"
        yield f"{place} is {quote(word)}; expected one of {known}"


_CHECKS: Final = {
    "security": _security_complaints,
    "privacy": _privacy_complaints,
    "fairness": _fairness_complaints,
}
