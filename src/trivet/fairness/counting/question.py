"""Query of counts: columns, the positive value, and limits on groups and classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from trivet.errors import UsageError
from trivet.fairness.counting.naming import name_of
from trivet.wording import quoted

__all__ = [
    "MISSING",
    "MOST_CLASSES",
    "MOST_COMBINATIONS",
    "MOST_GROUPS",
    "OUTSIDE",
    "UNREADABLE",
    "Part",
    "Question",
    "Row",
    "Source",
    "ask",
]

#: Groups, and values of a label or a prediction, beyond which a column is refused.
MOST_GROUPS: Final = 1_000
MOST_CLASSES: Final = 100
#: Combinations of group, label and prediction that are ever brought into Python.
MOST_COMBINATIONS: Final = 100_000

#: Codes of scores without a prediction: missing, not in [0, 1], or not a number.
MISSING, OUTSIDE, UNREADABLE = 2, 3, 4

#: Values of the sensitive columns, the label, and the prediction (with a cut: 0, 1 or one of the
#: three above), and how many rows have these.
Row = tuple[tuple[object, ...], object, object, int]
Part = Literal["groups", "label", "prediction"]


@dataclass(frozen=True)
class Question:
    """Query of counts."""

    y_true: str
    y_pred: str
    sensitive: tuple[str, ...]
    positive: str | None
    cut: float | None
    multiclass: bool

    def columns(self, part: Part) -> tuple[str, ...]:
        """Return the names of the columns of a part."""
        return {"groups": self.sensitive, "label": (self.y_true,), "prediction": (self.y_pred,)}[part]


class Source(Protocol):
    """Rows of one kind of table."""

    def tally(self, question: Question, *, limit: int) -> Sequence[Row] | None:
        """Return each combination of values and how many rows have it; nothing beyond `limit` of them."""
        ...

    def distinct(self, question: Question, part: Part) -> int:
        """Return how many groups, labels or predictions there are, missing ones included."""
        ...


def ask(
    y_true: str,
    y_pred: str,
    sensitive: tuple[str, ...],
    *,
    positive: object,
    cut: float | None,
    multiclass: bool,
) -> Question:
    """Return the question, checked."""
    if not sensitive:
        raise UsageError("no sensitive column is named; name one or more.")
    repeated = [name for i, name in enumerate(sensitive) if name in sensitive[:i]]
    if repeated:
        raise UsageError(f"the sensitive column {quoted(repeated[0])} is named twice; name it once.")
    if cut is not None and not 0 <= cut <= 1:
        found = "NaN" if math.isnan(cut) else f"{cut:g}"
        raise UsageError(f"the cut is {found}; expected a score from 0 to 1.")
    if multiclass and cut is not None:
        raise UsageError("a cut makes two classes of scores; leave out the cut or multiclass.")
    called = name_of(positive)
    if positive is not None and called is None:
        raise UsageError("the positive label is empty; name the value that counts as positive.")
    return Question(y_true, y_pred, sensitive, called, cut, multiclass)
