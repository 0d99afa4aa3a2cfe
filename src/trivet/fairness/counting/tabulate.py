"""Tabulation of a table's combinations of values: what is counted, what is missing, and what is positive."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, NoReturn, Protocol

import numpy as np

from trivet.errors import DataError, UsageError
from trivet.fairness.counting.counts import FoldedValue, GroupCounts, folded_values
from trivet.fairness.counting.naming import in_order, name_of
from trivet.settings import Rate, require
from trivet.wording import one_line, quote

__all__ = [
    "MISSING",
    "MOST_COMBINATIONS",
    "OUTSIDE",
    "UNREADABLE",
    "Part",
    "Question",
    "Row",
    "Source",
    "ask",
    "assemble",
    "nearest",
    "require_few_groups",
    "require_no_missing",
    "require_rows",
    "require_scores",
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
        raise UsageError(f"the sensitive column {quote(repeated[0])} is named twice; name it once.")
    require(Rate, cut=cut)
    if multiclass and cut is not None:
        raise UsageError("a cut makes two classes of scores; leave out the cut or multiclass.")
    called = name_of(positive)
    if positive is not None and called is None:
        raise UsageError("the positive label is empty; name the value that counts as positive.")
    return Question(y_true, y_pred, sensitive, called, cut, multiclass)


_NUMBERS, _TRUTHS = ("0", "1"), ("false", "true")
_AS_NUMBER: Final = dict(zip(_TRUTHS, _NUMBERS, strict=True))
#: How alike two values are, from 0 to 1, that may be meant for each other.
_ALIKE: Final = 0.75
#: Values that are shown of a column that has too many.
_SHOWN: Final = 8
#: The groups, the label, the prediction (with a cut 0 or 1), and how many rows.
_Named = tuple[tuple[str, ...], str, str, int]


def assemble(source: Source, question: Question) -> GroupCounts:
    """Count the rows of a table."""
    rows = source.tally(question, limit=MOST_COMBINATIONS)
    if rows is None:
        _refuse_many(source, question)
    require_rows(len(rows))
    named = _named(rows, question)
    groups = in_order(values for values, _, _, _ in named)
    require_few_groups(len(groups), question.sensitive)
    if len(groups) == 1:
        raise DataError(
            f"there is only one group, {_listed(question.sensitive)} is {_listed(groups[0])} in every row; "
            "two or more are compared. Name another column, or give all rows."
        )
    labels = {label for _, label, _, _ in named}
    predictions = {prediction for _, _, prediction, _ in named} if question.cut is None else set[str]()
    _require_few_classes(len(labels), "label", question.y_true)
    _require_few_classes(len(predictions), "prediction", question.y_pred)
    mixed = not labels | predictions <= set(_TRUTHS) and labels | predictions <= {*_NUMBERS, *_TRUTHS}
    alike = _AS_NUMBER if mixed else {}
    classes = _classes({alike.get(name, name) for name in labels | predictions}, question)
    binary = not question.multiclass or question.positive is not None
    if question.positive is not None and not _is_coded(labels | predictions):
        _require_positive(question.positive, labels, predictions, question)

    def place(name: str) -> int:
        called = alike.get(name, name)
        return int(called == classes[1]) if binary else classes.index(called)

    table = np.zeros((len(groups), len(classes), len(classes)), dtype=np.int64)
    places = {values: i for i, values in enumerate(groups)}
    for values, label, prediction, count in named:
        predicted = place(prediction) if question.cut is None else int(prediction)
        table[places[values], place(label), predicted] += count
    coded = _is_coded(labels | predictions)
    folded = _folded(named, classes[1], question) if binary and not coded else ()
    return GroupCounts(question.sensitive, groups, classes, table, folded)


def require_rows(rows: int) -> None:
    """Raise a DataError where a table has no row."""
    if not rows:
        raise DataError("the table has no rows, so there is nothing to count; check that it is the one.")


def require_few_groups(groups: int, columns: Sequence[str]) -> None:
    """Raise a UsageError where there are too many groups to compare."""
    if groups > MOST_GROUPS:
        values = "values" if len(columns) == 1 else "combinations of values"
        raise UsageError(
            f"{_listed(columns)} has {groups:,} different {values}; expected {MOST_GROUPS:,} groups or "
            "fewer. Bin the column, such as ages into decades, or name another."
        )


def require_no_missing(missing: dict[str, int], rows: int) -> None:
    """Raise a DataError that says which columns have rows without a value, and how many."""
    if missing:
        found = "; ".join(f"{quote(name)} in {count:,}" for name, count in missing.items())
        raise DataError(
            f"a value is missing in some of the {rows:,} rows: {found}. Leave such rows out, or give them a "
            "value of their own."
        )


def require_scores(name: str, *, outside: int, unreadable: int) -> None:
    """Raise a DataError where scores are not numbers in [0, 1]."""
    if unreadable:
        raise DataError(
            f"the scores in {quote(name)} should be numbers from 0 to 1; {_rows(unreadable)} no number. "
            "Leave out the cut where the column holds predictions."
        )
    if outside:
        raise DataError(
            f"the scores in {quote(name)} should lie from 0 to 1; {_rows(outside)} one beyond. Turn them "
            "into probabilities first."
        )


def _named(rows: Sequence[Row], question: Question) -> list[_Named]:
    """Name every value, or say how many are missing or no scores."""
    missing = Counter[str]()
    scores = Counter[object]()
    named: list[_Named] = []
    for values, label, predicted, count in rows:
        groups = [name_of(value) for value in values]
        truth = name_of(label)
        prediction = name_of(None if question.cut is not None and predicted == MISSING else predicted)
        absent = [name for name, group in zip(question.sensitive, groups, strict=True) if group is None]
        if truth is None:
            absent.append(question.y_true)
        if prediction is None:
            absent.append(question.y_pred)
        # A column can be the label and a group at once.
        missing.update(dict.fromkeys(absent, count))
        if question.cut is not None:
            scores[predicted] += count
        if truth is not None and prediction is not None:
            named.append((tuple(group for group in groups if group is not None), truth, prediction, count))
    in_place = dict.fromkeys((*question.sensitive, question.y_true, question.y_pred), 0) | missing
    found = {name: count for name, count in in_place.items() if count}
    require_no_missing(found, sum(count for *_, count in rows))
    require_scores(question.y_pred, outside=scores[OUTSIDE], unreadable=scores[UNREADABLE])
    return named


def _is_coded(names: set[str]) -> bool:
    """Return True for 0 and 1, or booleans: their positive value is known even where it is absent."""
    return names <= {*_NUMBERS, *_TRUTHS}


def _require_positive(positive: str, labels: set[str], predictions: set[str], question: Question) -> None:
    """Refuse a positive class that no label has, or no prediction with values that labels lack."""
    # Predictions that are all one of the other labels are those of a model that selects nobody.
    for column, names, other in (
        (question.y_true, labels, predictions),
        (question.y_pred, predictions, labels),
    ):
        if not names or positive in names or (names is predictions and names <= labels):
            continue
        what = "label" if names is labels else "prediction"
        listed = _listed([name for (name,) in in_order((name,) for name in names)])
        near = nearest(positive, names)
        hint = f" Did you mean {quote(near)}?" if near else ""
        also = ""
        if positive in other:
            also = f", while {'predictions' if names is labels else 'labels'} do"
        raise UsageError(
            f"no {what} in {quote(column)} is {quote(positive)}{also}; there are {listed}.{hint} Write "
            "labels and predictions alike, and name as positive a value of both."
        )


def nearest(name: str, names: Collection[str]) -> str | None:
    """Return the value that is most like another, differing in case, punctuation or a letter; or nothing."""
    folded = {_plain(each): each for each in sorted(names, reverse=True) if each != name}
    (found,) = get_close_matches(_plain(name), folded, n=1, cutoff=_ALIKE) or (None,)
    return None if found is None else folded[found]


def _plain(name: str) -> str:
    kept = "".join(c for c in name.casefold() if c.isalnum() or c in "<>=+-")
    return kept or name


def _folded(named: Sequence[_Named], positive: str, question: Question) -> tuple[FoldedValue, ...]:
    """Return the values that are counted as negative, where they are several."""
    sides: list[tuple[str, Counter[str]]] = [("label", Counter()), ("prediction", Counter())]
    for _, label, prediction, count in named:
        for (_, rows), name in zip(sides, (label, prediction), strict=True):
            rows[name] += count
    if question.cut is not None:
        sides.pop()
    return folded_values(
        [(side, {name: count for name, count in rows.items() if name != positive}) for side, rows in sides]
    )


def _classes(names: set[str], question: Question) -> tuple[str, ...]:
    """Return the classes in order, the positive one last where there is one."""
    found = tuple(name for (name,) in in_order((name,) for name in names))
    pair = next((pair for pair in (_NUMBERS, _TRUTHS) if names <= set(pair)), None)
    if question.positive is not None:
        known, positive = pair or found, question.positive
        for spelling in (_NUMBERS, _TRUTHS):
            if pair is not None and positive in spelling:
                positive = pair[spelling.index(positive)]
        if positive not in known:
            near = nearest(positive, found)
            hint = f" Did you mean {quote(near)}?" if near else ""
            raise UsageError(
                f"no label or prediction is {quote(positive)}; there are {_listed(found)}.{hint} Name "
                "one of these as positive."
            )
        others = [name for name in known if name != positive]
        return (others[0] if len(others) == 1 else f"not {positive}", positive)
    if pair is not None:
        return pair
    if question.multiclass and len(found) > 1:
        return found
    columns = f"the label {quote(question.y_true)}"
    if question.cut is None:
        columns += f" and the prediction {quote(question.y_pred)}"
    hint = ", or a cut where the predictions are scores" if question.cut is None and len(found) > 2 else ""  # noqa: PLR2004
    values = "one value" if len(found) == 1 else f"{len(found)} different values"
    raise UsageError(f"{columns} have {values}, {_listed(found)}; say which one is positive{hint}.")


def _refuse_many(source: Source, question: Question) -> NoReturn:
    """Say which column has too many values, without bringing them into Python."""
    require_few_groups(source.distinct(question, "groups"), question.sensitive)
    _require_few_classes(source.distinct(question, "label"), "label", question.y_true)
    if question.cut is None:
        _require_few_classes(source.distinct(question, "prediction"), "prediction", question.y_pred)
    raise UsageError(
        f"there are more than {MOST_COMBINATIONS:,} combinations of group, label and prediction; name fewer "
        "sensitive columns, or bin one."
    )


def _require_few_classes(classes: int, what: str, name: str) -> None:
    if classes > MOST_CLASSES:
        hint = " Give a cut where it holds scores." if what == "prediction" else ""
        raise UsageError(
            f"the {what} {quote(name)} has {classes:,} different values; expected {MOST_CLASSES} classes or "
            f"fewer.{hint}"
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(quote, names[:_SHOWN]))
    return one_line(shown if len(names) <= _SHOWN else f"{shown} and others", limit=200)


def _rows(count: int) -> str:
    return "1 row holds" if count == 1 else f"{count:,} rows hold"
