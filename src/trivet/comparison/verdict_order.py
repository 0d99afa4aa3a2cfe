"""Which verdict is worse than which, and which verdicts does a record have?"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from trivet.comparison.pairing import Pair, Parts, Step

__all__ = ["is_verdict", "study_verdicts", "verdict_rank", "verdict_tone"]

VERDICT: Final = "verdict"
#: Words of one kind of verdict each, from good to bad.
_ORDERS: Final = (
    ("no evidence", "suspicious", "backdoored"),
    ("no evidence", "slight", "exposed"),
    ("consistent", "violates"),
    ("in band", "unsettled", "disparate"),
    ("within budget", "over budget"),
    ("within four fifths", "outside four fifths"),
)


def is_verdict(steps: tuple[Step, ...]) -> bool:
    """Tell whether a verdict stands at a place."""
    return bool(steps) and steps[-1].name == VERDICT


def verdict_rank(before: Any, after: Any) -> int:
    """Return how much worse `after` is than `before`: below 0 where it is better, 0 where not known."""
    for order in _ORDERS:
        if before in order and after in order:
            return order.index(after) - order.index(before)
    return 0


def verdict_tone(word: str) -> str:
    """Return how a verdict is to be taken: ``good``, ``bad``, or ``unsure`` in between and if not known."""
    for order in _ORDERS:
        if word in order:
            return "good" if word == order[0] else "bad" if word == order[-1] else "unsure"
    return "unsure"


def study_verdicts(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Pair]:
    """Yield the verdicts that the report draws from numbers of the study, for the legs of both records."""
    for leg, judge in (("privacy", _privacy), ("fairness", _fairness)):
        if before[leg] is not None and after[leg] is not None:
            steps = (Step(leg), Step("study"), Step(VERDICT))
            parts: tuple[Parts, Parts] = (before, before[leg]), (after, after[leg])
            yield Pair(steps, judge(before[leg]), judge(after[leg]), *parts)


def _privacy(study: Mapping[str, Any]) -> str:
    within = study["corrected"]["spent_epsilon"] <= study["epsilon"]
    return "within budget" if within else "over budget"


def _fairness(study: Mapping[str, Any]) -> str:
    inside = study["published"]["baseline"]["in_band"]
    return "within four fifths" if inside else "outside four fifths"
