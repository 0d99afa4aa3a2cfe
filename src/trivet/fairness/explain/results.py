"""Results of decompositions and proxies: frozen values, no heavy import."""

from collections.abc import Sequence
from dataclasses import dataclass

from trivet.result import Table
from trivet.wording import listed, one_line

__all__ = [
    "BASE_RATES",
    "CLASS_LIMITS",
    "COLUMN_LIMITS",
    "EXPLAINED",
    "MEAN_SCORE",
    "SELECTION",
    "SELECTION_RATE",
    "SENSITIVE",
    "UNEXPLAINED",
    "WHOLE",
    "ColumnStrength",
    "Decomposition",
    "Part",
    "ProxyStrength",
    "class_statement",
    "column_statement",
    "proxy_statement",
]

WHOLE = "whole"
BASE_RATES = "base rates"
SELECTION = "selection"
EXPLAINED = "explained"
SENSITIVE = "sensitive column"
UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Part:
    """One part of a difference, or the whole of it.

    Attributes
    ----------
    name : What it is called: "base rates", "selection among positives", the name of a column.
    kind : ``whole``; by true class ``base rates`` or ``selection``; by columns ``explained``, ``sensitive
        column`` or ``unexplained``.
    columns : Where it comes from: several where the rows cannot tell them apart, none where from no column.
    value : In the unit of the outcome (1 is a hundred points), reference minus group, or None.
    low, high : Ends of its interval of sampling; None where there is none.
    level : Confidence level of the interval, in (0, 1).
    share : Of the whole, negative against it; None where the whole's interval holds 0, or there is none.
    reason : Why value or interval is missing, in one sentence; None where neither is.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    value: float | None
    low: float | None
    high: float | None
    level: float
    share: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Decomposition:
    """A difference between two groups, and the parts that it is the sum of.

    Attributes
    ----------
    method : ``Kitagawa`` (by true class) or ``Oaxaca-Blinder`` (by columns).
    interval_method : Of the intervals of the parts; a whole difference of selection rates has the audit's.
    outcome : What the difference is of: ``selection rate`` or ``mean score``.
    group, reference : The two groups; the difference is of the reference minus the other.
    rows : Rows of both.
    whole : The difference.
    parts : They sum to the whole where none is undefined; the largest columns first, the unexplained last.
    statement : What the numbers say, in words.
    limits : What they do not show.
    reason : Why there are no parts, in one sentence; None where there are.
    """

    method: str
    interval_method: str
    outcome: str
    group: str
    reference: str
    rows: int
    whole: Part
    parts: tuple[Part, ...]
    statement: str
    limits: str
    reason: str | None = None


@dataclass(frozen=True)
class ColumnStrength:
    """Strength of one column alone as a predictor of the group.

    Attributes
    ----------
    name : The column.
    auc : Area under the ROC curve on rows not fitted on: 0.5 is not at all, 1 is always.
    """

    name: str
    auc: float


@dataclass(frozen=True, repr=False)
class ProxyStrength(
    Table, head=("auc", "statement", "rows", "reason"), rows="columns", columns=("name", "auc")
):
    """Strength of the columns other than the sensitive one as predictors of the group.

    Attributes
    ----------
    auc : Of all columns, on rows not fitted on: 0.5 is not at all, 1 is always; None where not measured.
    columns : Each column alone, the strongest first.
    model : Model that predicts the group from all columns together.
    rows : Rows that were looked at.
    folds : Parts of the cross-validation.
    seed : Of the rows and the folds.
    statement : What the numbers say, in words.
    reason : Why there is no `auc`, in one sentence; None where there is.
    """

    auc: float | None
    columns: tuple[ColumnStrength, ...]
    model: str
    rows: int
    folds: int
    seed: int
    statement: str
    reason: str | None = None


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
        f"{_amount(part, SELECTION_RATE)}{'' if i else ' come'} from different {part.name}"
        for i, part in enumerate(parts)
    ]
    return f"{_opening(whole, group, reference, SELECTION_RATE)}, {listed(clauses)}."


def column_statement(whole: Part, parts: Sequence[Part], *, group: str, reference: str, outcome: str) -> str:
    """Say how a difference divides by columns: the largest by name, the others in one number."""
    explained = [part for part in parts if part.kind == EXPLAINED]
    *sensitive, last = parts[len(explained) :]
    told: list[tuple[str, str]] = []
    if explained:
        named = [f"{one_line(part.name)} {_amount(part, outcome)}" for part in explained[:_NAMED]]
        if more := explained[_NAMED:]:
            named.append(f"{len(more)} more {_amount(more, outcome)}")
        told.append((_amount(explained, outcome), f"other columns ({', '.join(named)})"))
    told += [(_amount(part, outcome), one_line(part.name)) for part in sensitive]
    either = f"{one_line(' + '.join(last.columns))} or with " if last.columns else ""
    told.append((_amount(last, outcome), f"{either}what no column explains"))
    clauses = [f"{amount}{'' if i else ' go'} with {what}" for i, (amount, what) in enumerate(told)]
    return f"{_opening(whole, group, reference, outcome)}, {listed(clauses)}."


def proxy_statement(
    auc: float | None, columns: Sequence[ColumnStrength], *, group: str, reference: str, reason: str | None
) -> str:
    """Say how well the other columns tell the group."""
    if auc is None:
        return f"How well the other columns tell the group is unknown: {reason}"
    strongest = listed([f"{one_line(column.name)} ({column.auc:.2f})" for column in columns[:_NAMED]])
    return (
        f"Together the other columns tell {one_line(reference)} from {one_line(group)} with an AUC of "
        f"{auc:.2f}, where 0.5 is not at all and 1 is always; alone the strongest are "
        f"{strongest}."
    )


def _opening(whole: Part, group: str, reference: str, outcome: str) -> str:
    """Say what the whole is, so that the parts can follow."""
    own, other, amount = one_line(reference), one_line(group), _amount(whole, outcome)
    rates = outcome == SELECTION_RATE
    if whole.value is not None and whole.value < 0:
        # Signs are those of the parts in tables and figures.
        points = " points" if rates else ""
        what = f"difference of {amount}{points}, the {outcome} of {own} less that of {other}"
    elif rates:
        what = f"{amount} points by which {own} is selected more often than {other}"
    else:
        what = f"{amount} by which the mean score of {own} is above that of {other}"
    unsettled = whole.low is not None and whole.high is not None and whole.low <= 0 <= whole.high
    return f"Of the {what}{' (which these rows cannot tell from 0)' if unsettled else ''}"


def _amount(parts: Part | Sequence[Part], outcome: str) -> str:
    """Return the sum of parts, reference minus group: in points for rates."""
    chosen = (parts,) if isinstance(parts, Part) else parts
    value = sum(part.value or 0.0 for part in chosen)
    # Adding 0 turns a rounded -0.0 into 0.0.
    return f"{round(100 * value, 1) + 0:.1f}" if outcome == SELECTION_RATE else f"{round(value, 4) + 0:.4f}"
