"""Statements on the parts of a difference, and on their limits."""

from collections.abc import Sequence

from trivet.fairness.explaining.results import EXPLAINED, ColumnStrength, Part
from trivet.wording import one_line

__all__ = [
    "CLASS_LIMITS",
    "COLUMN_LIMITS",
    "MEAN_SCORE",
    "SELECTION_RATE",
    "class_statement",
    "column_statement",
    "proxy_statement",
]

SELECTION_RATE = "selection rate"
MEAN_SCORE = "mean score"

#: Columns that a statement names; the result has them all.
_NAMED = 3
CLASS_LIMITS = (
    "The labels are taken as they are: base rates can themselves come from unequal treatment, or from how "
    "labels were recorded. No part is a judgement."
)
COLUMN_LIMITS = (
    "What no column explains does not prove unequal treatment, for columns may be missing; what columns "
    "explain does not justify it, for a column can stand in for the group."
)


def class_statement(whole: Part, parts: Sequence[Part], *, group: str, reference: str) -> str:
    """Say how a difference of selection rates divides by true class."""
    undefined = [part.reason or "" for part in (whole, *parts) if part.value is None]
    if undefined:
        return f"How the difference divides by true class is unknown: {undefined[0]}"
    clauses = [
        f"{_amount(part, whole, SELECTION_RATE)}{'' if i else ' come'} from different {part.name}"
        for i, part in enumerate(parts)
    ]
    return f"{_opening(whole, group, reference, SELECTION_RATE)}, {_listed(clauses)}."


def column_statement(whole: Part, parts: Sequence[Part], *, group: str, reference: str, outcome: str) -> str:
    """Say how a difference divides by columns: the largest by name, the others in one number."""
    explained = [part for part in parts if part.kind == EXPLAINED]
    *sensitive, last = parts[len(explained) :]
    told: list[tuple[str, str]] = []
    if explained:
        named = [f"{one_line(part.name)} {_amount(part, whole, outcome)}" for part in explained[:_NAMED]]
        if more := explained[_NAMED:]:
            named.append(f"{len(more)} more {_amount(more, whole, outcome)}")
        told.append((_amount(explained, whole, outcome), f"other columns ({', '.join(named)})"))
    told += [(_amount(part, whole, outcome), one_line(part.name)) for part in sensitive]
    either = f"{one_line(' + '.join(last.columns))} or with " if last.columns else ""
    told.append((_amount(last, whole, outcome), f"{either}what no column explains"))
    clauses = [f"{amount}{'' if i else ' go'} with {what}" for i, (amount, what) in enumerate(told)]
    return f"{_opening(whole, group, reference, outcome)}, {_listed(clauses)}."


def proxy_statement(
    auc: float | None, columns: Sequence[ColumnStrength], *, group: str, reference: str, reason: str | None
) -> str:
    """Say how well the other columns tell the group."""
    if auc is None:
        return f"How well the other columns tell the group is unknown: {reason}"
    strongest = _listed([f"{one_line(column.name)} ({column.auc:.2f})" for column in columns[:_NAMED]])
    return (
        f"Together the other columns tell {one_line(reference)} from {one_line(group)} with an AUC of "
        f"{auc:.2f}, where 0.5 is not at all and 1 is always; alone the strongest are "
        f"{strongest}."
    )


def _opening(whole: Part, group: str, reference: str, outcome: str) -> str:
    """Say what the whole is, so that the parts can follow."""
    more, fewer = (reference, group) if _direction(whole) > 0 else (group, reference)
    more, fewer, amount = one_line(more), one_line(fewer), _amount(whole, whole, outcome)
    if outcome == SELECTION_RATE:
        what = f"{amount} points by which {more} is selected more often than {fewer}"
    else:
        what = f"{amount} by which the mean score of {more} is above that of {fewer}"
    unsettled = whole.low is not None and whole.high is not None and whole.low <= 0 <= whole.high
    return f"Of the {what}{' (which these rows cannot tell from 0)' if unsettled else ''}"


def _direction(whole: Part) -> int:
    return -1 if whole.value is not None and whole.value < 0 else 1


def _amount(parts: Part | Sequence[Part], whole: Part, outcome: str) -> str:
    """Return the sum of parts as it counts towards the whole: in points for rates."""
    chosen = (parts,) if isinstance(parts, Part) else parts
    value = _direction(whole) * sum(part.value or 0.0 for part in chosen)
    # Adding 0 turns a rounded -0.0 into 0.0.
    return f"{round(100 * value, 1) + 0:.1f}" if outcome == SELECTION_RATE else f"{round(value, 4) + 0:.4f}"


def _listed(told: Sequence[str]) -> str:
    *before, last = told
    return f"{', '.join(before)} and {last}" if before else last
