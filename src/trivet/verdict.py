"""Legs and verdicts: every word of a verdict from good to bad, its tone, and its sign in each medium."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

__all__ = [
    "CONSISTENT",
    "DISPARATE",
    "EXPOSED",
    "IN_BAND",
    "LEGS",
    "NOT_REMOVED",
    "NO_EVIDENCE",
    "ORDERS",
    "OVER_BUDGET",
    "REMOVED",
    "SLIGHT",
    "TONES",
    "UNKNOWN",
    "UNSETTLED",
    "VIOLATES",
    "WITHIN_BUDGET",
    "Leg",
    "Medium",
    "ScanVerdict",
    "Tone",
    "rank",
    "repair_word",
    "sign",
    "tone",
]

Leg = Literal["security", "privacy", "fairness"]
LEGS: Final[tuple[Leg, ...]] = get_args(Leg)
#: A note tests nothing.
Tone = Literal["good", "unsure", "bad", "note"]
#: From good to bad.
TONES: Final[tuple[Tone, ...]] = ("good", "unsure", "bad")
Medium = Literal["page", "terminal", "markdown"]

#: From good to bad.
ScanVerdict = Literal["no evidence", "suspicious", "backdoored"]
#: Also of an audit of membership.
NO_EVIDENCE: Final = "no evidence"
SLIGHT: Final = "slight"
EXPOSED: Final = "exposed"
REMOVED: Final = "removed"
NOT_REMOVED: Final = "not removed"
CONSISTENT: Final = "consistent"
VIOLATES: Final = "violates"
#: Of an audit of code that was not followed to its end.
UNKNOWN: Final = "unknown"
WITHIN_BUDGET: Final = "within budget"
OVER_BUDGET: Final = "over budget"
IN_BAND: Final = "in band"
UNSETTLED: Final = "unsettled"
DISPARATE: Final = "disparate"
#: Words of one kind of verdict each, from good to bad.
ORDERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "security": get_args(ScanVerdict),
        "repair": (REMOVED, UNSETTLED, NOT_REMOVED),
        "membership": (NO_EVIDENCE, SLIGHT, EXPOSED),
        "mechanism": (CONSISTENT, VIOLATES),
        "code": (CONSISTENT, UNKNOWN, VIOLATES),
        "budget": (WITHIN_BUDGET, OVER_BUDGET),
        "fairness": (IN_BAND, UNSETTLED, DISPARATE),
    }
)
_LOOKS: Final[Mapping[str, tuple[int, Tone]]] = {
    word: (place, "good" if place == 0 else "bad" if word == order[-1] else "unsure")
    for order in ORDERS.values()
    for place, word in enumerate(order)
}
#: Shown before a word, so that colour alone never says it.
_SIGNS: Final[Mapping[Medium, Mapping[Tone, str]]] = {
    "page": {"good": "✓", "unsure": "?", "bad": "!", "note": "i"},
    "terminal": {"good": "✓", "unsure": "?", "bad": "✗", "note": "·"},
    "markdown": {"good": "✅", "unsure": "⚠️", "bad": "❌", "note": "ℹ️"},  # noqa: RUF001 - an icon
}


def rank(word: Any) -> int | None:
    """Return the place of a verdict among those of its kind, the best at 0; None of other values."""
    return _LOOKS[word][0] if isinstance(word, str) and word in _LOOKS else None


def tone(word: str) -> Tone:
    """Return how a verdict is to be taken; ``unsure`` where the word is not known."""
    return _LOOKS[word][1] if word in _LOOKS else "unsure"


def repair_word(outcome: str, method: str | None) -> str:
    """Return the outcome of a repair with the method that it rests on."""
    if method is None:
        return outcome
    return f"removed by {method}, loss {outcome}" if outcome == UNSETTLED else f"{outcome} by {method}"


def sign(tone: Tone, medium: Medium) -> str:
    """Return the sign of a tone."""
    return _SIGNS[medium][tone]
