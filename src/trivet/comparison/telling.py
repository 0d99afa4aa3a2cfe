"""What does a comparison come to, in sentences?"""

from collections.abc import Sequence
from typing import Any, Final

from trivet.comparison.audits import ReadAudit
from trivet.comparison.results import ADDED, BETTER, CHANGE, DIFFERS, EXACT, NOISE, REMOVED, Change
from trivet.manifest import MANIFEST

__all__ = ["LIMITS", "cautions", "change_text", "regressions", "statement", "value_text"]

LIMITS: Final = (
    "The two audits are treated as independent samples. Where they looked at the same rows or images their "
    "errors go together, and the intervals of the differences are wider than they have to be: what is called "
    "a change is one, and a small change can be called noise. The intervals are of sampling alone; another "
    "training seed would also move the numbers, and that is not in them. Images of the target class are left "
    "out of success rates, and how many are left is taken to be the average of the classes. Where the record "
    "has no interval, a difference is told and not judged, and no regression is seen."
)


def value_text(value: Any) -> str:
    """Write a value for people: four decimals, words for truth values, a dash where there is none."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        text = f"{value:.4f}"
        return text if not value or text.strip("-0.") else f"{value:.1e}"
    return str(value)


def change_text(change: Change) -> str:
    """Say a change in one line."""
    text = f"{change.title}: {value_text(change.before)} → {value_text(change.after)}"
    if change.difference_low is None and change.difference_high is None:
        return text
    ends = ("…" if end is None else f"{end:+.4f}" for end in (change.difference_low, change.difference_high))
    return f"{text} (difference {' to '.join(ends)})"


def regressions(worse: Sequence[Change]) -> tuple[str, ...]:
    """Say what got worse, a sentence each."""
    return tuple(f"{change_text(change)}." for change in worse)


def cautions(before: ReadAudit, after: ReadAudit, asked: Sequence[Change]) -> tuple[str, ...]:
    """Say what keeps the two from being compared like with like."""
    said: list[str] = []
    for leg in ("security", "privacy", "fairness"):
        old, new = before.record[leg] is not None, after.record[leg] is not None
        if old != new:
            said.append(f"The {leg} leg is in the {'first' if old else 'second'} audit only.")
    for audit, which in ((before, "first"), (after, "second")):
        if not audit.manifest:
            said.append(f"The {which} audit has no {MANIFEST}, so that versions and inputs are not compared.")
    settings = [
        change.title for change in asked if not change.place.startswith(("manifest.", "security.checkpoint."))
    ]
    if settings:
        some = (
            "One setting or size differs"
            if len(settings) == 1
            else f"{len(settings)} settings or sizes differ"
        )
        said.append(f"{some} between the two: what changed may come from there.")
    return tuple(said)


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
    parts = [f"{len(worse) or 'no'} regression{'s'[: len(worse) != 1]}"]
    parts += [f"{better} verdict{'s'[: better != 1]} got better"] if better else []
    parts.append(
        f"of {len(headline)} headline measurements {moved} changed, {quiet} moved within noise and {unknown} "
        "cannot be judged"
    )
    parts.append(f"{len(changed)} other value{'s'[: len(changed) != 1]} differ{'s'[: len(changed) == 1]}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."
