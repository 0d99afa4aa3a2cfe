"""Headline measurements of a comparison, and the titles of verdicts."""

from collections.abc import Mapping
from typing import Any, Final

from trivet.comparison.pairing import ABSENT, Pair

__all__ = ["headline_title", "verdict_title"]

_BASELINE: Final = ("fairness", "published", "baseline")
_THRESHOLDS: Final = ("fairness", "corrected", "group_thresholds")
#: Places without items of lists, and what stands there; {} is the item.
_TITLES: Final[Mapping[tuple[str, ...], str]] = {
    ("security", "scan", "contract", "best", "clean_accuracy"): "clean accuracy as received",
    ("security", "scan", "p_value"): "p-value of the evidence",
    ("security", "repair", "attempts", "clean_accuracy", "after"): "clean accuracy after {}",
    ("security", "repair", "attempts", "asr", "before"): "ASR before {}",
    ("security", "repair", "attempts", "asr", "after"): "ASR after {}",
    ("security", "repair", "attempts", "robust_accuracy", "after"): "robust accuracy after {}",
    ("privacy", "published", "correction", "spent_epsilon"): "epsilon of the published plan",
    ("privacy", "plan", "recommended", "typical_deviation"): "noise of the plan",
    ("privacy", "mechanisms", "epsilon_lower"): "epsilon shown: {}",
    ("privacy", "membership", "attacks", "auroc"): "membership AUROC: {}",
    ("privacy", "membership", "canaries", "epsilon_lower"): "epsilon shown by canaries",
    ("fairness", "comparison", "models", "accuracy", "estimate"): "accuracy: {}",
    ("fairness", "comparison", "models", "disparate_impact", "estimate"): "disparate impact: {}",
    (*_BASELINE, "accuracy"): "accuracy, baseline",
    (*_BASELINE, "disparate_impact"): "disparate impact, baseline",
    (*_THRESHOLDS, "accuracy"): "accuracy, group thresholds",
    (*_THRESHOLDS, "disparate_impact"): "disparate impact, group thresholds",
}
_VERDICTS: Final[Mapping[tuple[str, ...], str]] = {
    ("privacy", "published", "correction", "verdict"): "privacy, published plan",
    ("privacy", "mechanisms", "verdict"): "mechanism {}",
    ("privacy", "membership", "verdict"): "membership",
    ("fairness", "study", "verdict"): "fairness",
    ("fairness", "audit", "verdict"): "own predictions",
    ("fairness", "audit", "attributes", "verdict"): "own predictions by {}",
    ("fairness", "audit", "attributes", "groups", "verdict"): "own predictions, group {}",
    ("fairness", "comparison", "models", "verdict"): "mitigation {}",
    ("fairness", "comparison", "baseline", "verdict"): "own model without mitigation",
    ("security", "scan", "verdict"): "security",
    ("security", "repair", "attempts", "second_verdict"): "second scan after {}",
}
#: For the user's predictions: the group of each attribute that is farthest from parity in an audit.
_OF_GROUPS: Final = ("fairness", "audit", "attributes", "groups", "disparate_impact", "estimate")
_GROUP_TITLE: Final = "disparate impact: {}"


def headline_title(pair: Pair) -> str | None:
    """Return what a measurement of the headline is called; None for every other, and where none exists."""
    if _is_missing(pair.before) and _is_missing(pair.after):
        return None
    if pair.names == _OF_GROUPS:
        sides = pair.before_in, pair.after_in
        farthest = any(parts[-2]["group"] == parts[-3]["most_disparate"] for parts in sides)
        title = _GROUP_TITLE if farthest else None
    else:
        title = _TITLES.get(pair.names)
    if title is None:
        return None
    return _named(title, pair)


def verdict_title(pair: Pair) -> str:
    """Return what a verdict is about; the place where it has no other name."""
    title = _VERDICTS.get(pair.names)
    return pair.place if title is None else _named(title, pair)


def _named(title: str, pair: Pair) -> str:
    """Put the innermost item's name into a title."""
    items = [step.item.partition("=")[2].partition(",")[0] for step in pair.steps if step.item is not None]
    return title.replace("{}", items[-1] if items else "")


def _is_missing(value: Any) -> bool:
    return value is None or value is ABSENT
