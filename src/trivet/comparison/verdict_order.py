"""The order of verdicts, and those of the study, which the record holds as numbers."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from trivet.audited import ORDERS, has_study, study_fairness_verdict, verdict_tone
from trivet.comparison.pairing import ABSENT, Pair, Parts, Step

__all__ = ["is_verdict", "study_verdicts", "verdict_rank", "verdict_tone"]

VERDICT: Final = "verdict"


def is_verdict(steps: tuple[Step, ...]) -> bool:
    """Tell whether a verdict stands at a place."""
    return bool(steps) and steps[-1].name == VERDICT


def verdict_rank(before: Any, after: Any) -> int:
    """Return how much worse `after` is than `before`: below 0 where it is better, 0 where not known."""
    for order in ORDERS.values():
        if before in order and after in order:
            return order.index(after) - order.index(before)
    return 0


def study_verdicts(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Pair]:
    """Yield the verdicts that are drawn from numbers of the study, where either record has it."""
    leg = "fairness"
    old, new = (_fairness(each[leg]) if has_study(each, leg) else ABSENT for each in (before, after))
    if old is not ABSENT or new is not ABSENT:
        steps = (Step(leg), Step("study"), Step(VERDICT))
        parts: tuple[Parts, Parts] = (before, before[leg] or {}), (after, after[leg] or {})
        yield Pair(steps, old, new, *parts)


def _fairness(study: Mapping[str, Any]) -> str:
    return study_fairness_verdict({"fairness": study})
