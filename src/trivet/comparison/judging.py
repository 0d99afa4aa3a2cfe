"""Judgement of one value between two audits: changed, within noise or equal; better or worse."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from trivet.comparison.asked import is_asked, is_exact
from trivet.comparison.differences import (
    Difference,
    difference_of_estimates,
    difference_of_shares,
    is_same,
)
from trivet.comparison.directions import Direction, direction_of
from trivet.comparison.estimates import Estimate, is_number
from trivet.comparison.listed import how_lists_differ, list_text
from trivet.comparison.pairing import ABSENT, Pair, Parts
from trivet.comparison.results import (
    ADDED,
    BETTER,
    CHANGE,
    DIFFERS,
    EXACT,
    NOISE,
    REMOVED,
    SAME,
    WORSE,
    Change,
    Plain,
)
from trivet.comparison.sureness import LEVEL, Sure, how_sure
from trivet.comparison.verdict_order import is_verdict, verdict_rank
from trivet.wording import one_line

__all__ = ["has_interval", "judge_pair"]

#: A longer text is cut.
TEXT_CHARACTERS: Final = 120
#: What a number's name ends with where it is the name of a class.
LABEL: Final = "label"


def has_interval(pair: Pair) -> bool:
    """Return True if noise can be separated from change: both values have an interval or counts."""
    return all(any(how_sure(pair.names, value, parts)) for value, parts in _sides(pair))


def judge_pair(pair: Pair, *, title: str | None = None, level: float = LEVEL) -> Change:
    """Return what became of one value."""
    before, after = _plain(pair.before), _plain(pair.after)
    sure = [how_sure(pair.names, value, parts) for value, parts in _sides(pair)]
    (before_low, before_high), (after_low, after_high) = map(_bounds, sure)
    change = Change(
        pair.place, title or pair.place, before, after, SAME, before_low, before_high, after_low, after_high
    )
    if before is None or after is None:
        return replace(change, outcome=SAME if before is after else ADDED if before is None else REMOVED)
    if is_number(pair.before) and is_number(pair.after) and not pair.names[-1].endswith(LABEL):
        return _judge_numbers(change, pair, *sure, level=level)
    differs = EXACT if is_exact(pair.names) or is_verdict(pair.steps) else DIFFERS
    if isinstance(pair.before, list) and isinstance(pair.after, list):
        detail = how_lists_differ(pair.before, pair.after)
        return replace(change, outcome=differs if detail else SAME, detail=detail)
    worse = verdict_rank(pair.before, pair.after) if is_verdict(pair.steps) else 0
    judged = WORSE if worse > 0 else BETTER if worse < 0 else None
    return replace(change, outcome=SAME if pair.before == pair.after else differs, judged=judged)


def _judge_numbers(change: Change, pair: Pair, before: Sure, after: Sure, *, level: float) -> Change:
    difference = _difference(before, after, level)
    change = replace(change, difference=pair.after - pair.before)
    if difference is not None:
        change = replace(
            change, difference_low=difference.low, difference_high=difference.high, level=difference.level
        )
    asked = is_asked(pair.names)  # a setting is another one by its last bit
    if pair.before == pair.after or (not asked and is_same(pair.before, pair.after)):
        return change
    if difference is None:
        outcome = EXACT if is_exact(pair.names) else DIFFERS
    else:
        outcome = NOISE if difference.is_noise else CHANGE
    if outcome == NOISE:
        return replace(change, outcome=outcome)
    direction = direction_of(pair.steps, pair.after_in[-1].get("metric"))
    judged = None if direction is None else _judged(direction, pair, before[0], after[0], level)
    return replace(change, outcome=outcome, judged=judged)


def _judged(
    direction: Direction, pair: Pair, before: Estimate | None, after: Estimate | None, level: float
) -> str | None:
    """Return better or worse; None where the values lie about as far to either side of the best one."""
    old, new = pair.before, pair.after
    if (best := direction.best) is not None and (old - best) * (new - best) < 0:
        if before is None or after is None or direction.mirrored is None:
            return None
        first, second = (before, after) if old < new else (after, before)
        if difference_of_estimates(first, direction.mirrored(second), level=level).is_noise:
            return None
    worse = direction.badness(new) - direction.badness(old)
    return WORSE if worse > 0 else BETTER if worse < 0 else None


def _difference(before: Sure, after: Sure, level: float) -> Difference | None:
    if before[1] is not None and after[1] is not None:
        return difference_of_shares(before[1], after[1], level=level)
    if before[0] is not None and after[0] is not None:
        return difference_of_estimates(before[0], after[0], level=level)
    return None


def _sides(pair: Pair) -> tuple[tuple[Any, Parts], tuple[Any, Parts]]:
    return (pair.before, pair.before_in), (pair.after, pair.after_in)


def _bounds(sure: Sure) -> tuple[float | None, float | None]:
    return (None, None) if sure[0] is None else (sure[0].low, sure[0].high)


def _plain(value: Any) -> Plain:
    """Return a value as it is shown: a text on one line, a list cut, of a part only that it is there."""
    if value is ABSENT or value is None:
        return None
    if isinstance(value, Mapping):
        return "there"
    if isinstance(value, list):
        return (
            list_text(value) if not any(isinstance(row, Mapping) for row in value) else f"{len(value)} items"
        )
    return one_line(value, limit=TEXT_CHARACTERS) if isinstance(value, str) else value
