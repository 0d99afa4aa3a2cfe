"""Yardsticks of two audits: settings by which a figure answers another question, or more of them pass."""

from collections.abc import Iterable
from typing import Any, Final, Literal

from trivet.comparison.judge import is_asked, is_number
from trivet.comparison.pairs import ABSENT, Pair
from trivet.policy.requirements import shown

__all__ = ["less_was_looked_at", "other_question", "settings_of"]

#: Settings that make a figure the answer to another question: what is measured, and what is claimed.
QUESTION: Final = frozenset(
    {
        *("label", "positive", "negative", "reference", "favourable", "weight", "strata", "cluster"),
        *("four_fifths", "difference_band", "level", "epsilon", "delta", "adjacency", "claim", "unit"),
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
        inside = each.steps[:-1] == around[: len(each.steps) - 1]
        asks = each.names[-1] in QUESTION and each.names not in _TARGETS
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
    return f"{setting.names[-1].replace('_', ' ')} {' there and '.join(sides)} here"
