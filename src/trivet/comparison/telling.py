"""Summary sentences of a comparison."""

import re
from collections.abc import Sequence
from typing import Any, Final

from trivet.audited import LEGS, parts_of
from trivet.comparison.audits import ReadAudit
from trivet.comparison.results import ADDED, BETTER, CHANGE, DIFFERS, EXACT, NOISE, REMOVED, SAME, Change
from trivet.manifest import MANIFEST

__all__ = [
    "LIMITS",
    "cautions",
    "change_text",
    "difference_text",
    "outcome_text",
    "regressions",
    "sides_text",
    "statement",
    "value_text",
]

LIMITS: Final = (
    "The two audits are treated as independent samples. Where they looked at the same rows or images, their "
    "errors go together: the intervals of the differences are then wider than they have to be, and a small "
    "change can be called noise. The intervals of the headline hold all at once in 95 of 100 comparisons; of "
    "the other values that have an interval, up to one in twenty that did not change can be called a change. "
    "The intervals are of sampling alone: another training seed would move the numbers too. How many images "
    "are left without the target class is taken from the number of classes. Where the record has no "
    "interval, a difference is shown and does not count as a regression."
)
DIGEST_CHARACTERS: Final = 12
#: The one part of which there can be several.
MECHANISMS: Final = "privacy.mechanisms"
_DIGEST: Final = re.compile("[0-9a-f]{64}")


def value_text(value: Any) -> str:
    """Write a value for people: four decimals, words for truth values, a dash where there is none.

    Of a SHA-256 digest the beginning stands, which tells two of them apart.
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        text = f"{value:.4f}"
        return text if not value or text.strip("-0.") else f"{value:.1e}"
    text = str(value)
    return f"{text[:DIGEST_CHARACTERS]}…" if _DIGEST.fullmatch(text) else text


def sides_text(change: Change) -> tuple[str, str]:
    """Write both values, with as many digits as tell them apart where they differ."""
    sides = value_text(change.before), value_text(change.after)
    if sides[0] == sides[1] and change.outcome != SAME and change.before != change.after:
        return str(change.before), str(change.after)
    return sides


def difference_text(change: Change) -> str:
    """Write the interval of a difference, the difference where it has none, and nothing without either."""
    if change.difference_low is None and change.difference_high is None:
        if change.difference is None or change.outcome == SAME:
            return ""
        return f"{change.difference:+{'d' if isinstance(change.difference, int) else '.4g'}}"
    ends = ("…" if end is None else f"{end:+.4f}" for end in (change.difference_low, change.difference_high))
    return " to ".join(ends)


def outcome_text(change: Change) -> str:
    """Say what became of a value in a few words: ``change, better``, ``noise``, ``same``."""
    if change.outcome in {ADDED, REMOVED}:
        return "only after" if change.outcome == ADDED else "only before"
    if change.judged is not None and isinstance(change.after, str):
        return change.judged
    return change.outcome if change.judged is None else f"{change.outcome}, {change.judged}"


def interval_text(low: float | None, high: float | None) -> str:
    """Write an interval in brackets, and nothing where there is none."""
    if low is None and high is None:
        return ""
    return f"({' to '.join('…' if end is None else f'{end:.4f}' for end in (low, high))})"


def change_text(change: Change) -> str:
    """Say a change in one line."""
    said = f"{change.title}: {' → '.join(sides_text(change))}"
    if change.difference_low is not None or change.difference_high is not None:
        said += f" (difference {difference_text(change)})"
    return said + (f" ({change.detail})" if change.detail else "")


def regressions(worse: Sequence[Change]) -> tuple[str, ...]:
    """Say what got worse, a sentence each."""
    return tuple(f"{change_text(change)}." for change in worse)


def cautions(
    before: ReadAudit, after: ReadAudit, asked: Sequence[Change], changed: Sequence[Change]
) -> tuple[str, ...]:
    """Say what keeps the two from being compared like with like."""
    said: list[str] = []
    for leg in LEGS:
        here, there = before.record[leg] is not None, after.record[leg] is not None
        if here != there:
            said.append(f"The {leg} leg is in the {'first' if here else 'second'} audit only.")
    both = {leg for leg in LEGS if before.record[leg] is not None and after.record[leg] is not None}
    old, new = parts_of(before.record), parts_of(after.record)
    for part in dict.fromkeys((*old, *new)):
        if part.partition(".")[0] in both and (part in old) != (part in new):
            which = "first" if part in old else "second"
            said.append(f"The part {part} is in the {which} audit only.")
    for change in changed:
        if change.place.startswith(f"{MECHANISMS}[") and change.outcome in {ADDED, REMOVED}:
            which = "first" if change.outcome == REMOVED else "second"
            said.append(f"The part {change.place} is in the {which} audit only.")
    for audit, which in ((before, "first"), (after, "second")):
        if not audit.manifest:
            said.append(f"The {which} audit has no {MANIFEST}, so that versions and inputs are not compared.")
    settings = sum(not _is_of_the_subject(change.place) for change in asked)
    if settings:
        some = "One setting or size differs" if settings == 1 else f"{settings} settings or sizes differ"
        said.append(f"{some} between the two: what changed may come from there.")
    return tuple(said)


def _is_of_the_subject(place: str) -> bool:
    """Tell whether a place says which network was audited, or on which machinery: no setting."""
    return place.startswith(("manifest.", "security.scan.checkpoint.")) or place.endswith("expected_label")


def statement(
    verdicts: Sequence[Change],
    headline: Sequence[Change],
    changed: Sequence[Change],
    worse: Sequence[Change],
    *,
    same: bool,
) -> str:
    """Say what it comes to in one sentence."""
    if same:
        return "The two records are the same."
    better = sum(change.judged == BETTER for change in verdicts)
    moved, unknown, quiet = (
        sum(change.outcome in outcomes for change in headline)
        for outcomes in ((CHANGE, EXACT), (DIFFERS, ADDED, REMOVED), (NOISE,))
    )
    parts = [f"{len(worse) or 'No'} regression{'s'[: len(worse) != 1]}"]
    parts += [f"{better} verdict{'s'[: better != 1]} got better"] if better else []
    parts.append(
        f"of {len(headline)} headline measurements {moved} changed, {quiet} moved within noise and {unknown} "
        "cannot be judged"
    )
    parts.append(f"{len(changed)} other value{'s'[: len(changed) != 1]} differ{'s'[: len(changed) == 1]}")
    return f"{'; '.join(parts)}."
