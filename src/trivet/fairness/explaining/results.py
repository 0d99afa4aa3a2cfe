"""Results of decompositions and proxies: frozen values, no heavy import."""

from dataclasses import dataclass

__all__ = [
    "BASE_RATES",
    "EXPLAINED",
    "SELECTION",
    "SENSITIVE",
    "UNEXPLAINED",
    "WHOLE",
    "ColumnStrength",
    "Decomposition",
    "Part",
    "ProxyStrength",
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
    name
        What it is called: "base rates", "selection among positives", the name of a column.
    kind
        ``whole``; by true class ``base rates`` or ``selection``; by columns ``explained``, ``sensitive
        column`` or ``unexplained``.
    columns
        The columns that it comes from. More than one where the rows cannot tell them apart; none where
        it comes from no column.
    value
        In the unit of the outcome (1 is a hundred points), reference minus group; None where it is
        undefined.
    low, high
        Ends of its interval of sampling; None where there is none.
    level
        Confidence level of the interval, in (0, 1).
    share
        Share of the whole, negative for a part that works against it; None where the interval of the
        whole holds 0, or there is none, for then a share says nothing.
    reason
        Why value or interval is missing, in one sentence; None where neither is.
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
    method
        ``Kitagawa`` (by true class) or ``Oaxaca-Blinder`` (by columns).
    interval_method
        How the intervals of the parts were made; that of a whole difference of selection rates is the
        audit's.
    outcome
        What the difference is of: ``selection rate`` or ``mean score``.
    group, reference
        The two groups; the difference is of the reference minus the other.
    rows
        Rows of both.
    whole
        The difference.
    parts
        Its parts, which sum to it where none is undefined. By columns the largest come first, and what
        no column explains last.
    statement
        What the numbers say, in words.
    limits
        What they do not show.
    reason
        Why there are no parts, in one sentence; None where there are.
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
    name
        The column.
    auc
        Area under the ROC curve on rows not fitted on: 0.5 is not at all, 1 is always.
    """

    name: str
    auc: float


@dataclass(frozen=True)
class ProxyStrength:
    """Strength of the columns other than the sensitive one as predictors of the group.

    Attributes
    ----------
    auc
        Of all columns together, on rows not fitted on: 0.5 is not at all, 1 is always; None where it
        could not be measured.
    columns
        Each column alone, the strongest first.
    model
        Model that predicts the group from all columns together.
    rows
        Rows that were looked at.
    folds
        Parts of the cross-validation.
    seed
        Of the rows and the folds.
    statement
        What the numbers say, in words.
    reason
        Why there is no `auc`, in one sentence; None where there is.
    """

    auc: float | None
    columns: tuple[ColumnStrength, ...]
    model: str
    rows: int
    folds: int
    seed: int
    statement: str
    reason: str | None = None
