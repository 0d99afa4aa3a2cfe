"""Tabulation of a table's combinations of values: what is counted, what is missing, and what is positive."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final, Literal, NamedTuple, NoReturn, Protocol

import numpy as np

from trivet.errors import DataError, UsageError
from trivet.fairness.counting.counts import FoldedValue, GroupCounts, folded_values
from trivet.fairness.counting.design import EVERY_ROW, UNIT, Design, Scale
from trivet.fairness.counting.naming import in_order, name_of, shown
from trivet.fairness.counting.weights import WeightSums
from trivet.settings import parts_of
from trivet.wording import one_line, quote, row_count, rows_hold

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
    "rows_of",
]

#: Groups, and values of a label or a prediction, beyond which a column is refused.
MOST_GROUPS: Final = 1_000
MOST_CLASSES: Final = 100
#: Combinations of group, label and prediction that are ever brought into Python.
MOST_COMBINATIONS: Final = 100_000
#: The same where each is divided by strata or clusters.
MOST_PARTS: Final = 2_000_000

#: Codes of scores without a prediction: missing, not in [0, 1], or not a number.
MISSING, OUTSIDE, UNREADABLE = 2, 3, 4

Part = Literal["groups", "label", "prediction"]


class Row(NamedTuple):
    """Rows that have the same values: of the sensitive columns, of stratum and cluster, and so on.

    With a cut the prediction is 0, 1 or one of the three above; without labels the label is None.
    """

    groups: tuple[object, ...]
    label: object
    prediction: object
    rows: int
    part: tuple[object, ...] = ()
    weight: float = 0.0
    square: float = 0.0


@dataclass(frozen=True)
class Question:
    """Query of counts."""

    y_true: str | None
    y_pred: str | None
    sensitive: tuple[str, ...]
    positive: str | None
    cut: float | None
    multiclass: bool
    scale: Scale = UNIT
    design: Design = EVERY_ROW

    def columns(self, part: Part) -> tuple[str, ...]:
        """Return the names of the columns of a part."""
        found = {"groups": self.sensitive, "label": (self.y_true,), "prediction": (self.y_pred,)}[part]
        return tuple(name for name in found if name is not None)

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns whose values are counted: groups, label, prediction where it is not scored, and parts."""
        scored = self.cut is not None
        named = (*self.sensitive, self.y_true, None if scored else self.y_pred, *self.design.parts)
        return tuple(name for name in named if name is not None)

    def row(self, values: Sequence[object], rows: int, *, scored: object, **sums: float) -> Row:
        """Return the row for values of `keys`; with a cut `scored` is the prediction."""
        rest = list(values[len(self.sensitive) :])
        label = None if self.y_true is None else rest.pop(0)
        prediction = scored if self.cut is not None or self.y_pred is None else rest.pop(0)
        return Row(tuple(values[: len(self.sensitive)]), label, prediction, rows, tuple(rest), **sums)


class Source(Protocol):
    """Rows of one kind of table."""

    def tally(self, question: Question, *, limit: int) -> Sequence[Row] | None:
        """Return each combination of values and how many rows have it; nothing beyond `limit` of them."""
        ...

    def distinct(self, question: Question, part: Part) -> int:
        """Return how many groups, labels or predictions there are, missing ones included."""
        ...


def ask(
    y_true: str | None,
    y_pred: str | None,
    sensitive: tuple[str, ...],
    *,
    positive: object,
    cut: float | None,
    multiclass: bool,
    scale: Scale = UNIT,
    design: Design = EVERY_ROW,
) -> Question:
    """Return the question, checked; the cut is a place on the scale."""
    if not sensitive:
        raise UsageError("no sensitive column is named; name one or more.")
    repeated = [name for i, name in enumerate(sensitive) if name in sensitive[:i]]
    if repeated:
        raise UsageError(f"the sensitive column {quote(repeated[0])} is named twice; name it once.")
    if multiclass and cut is not None:
        raise UsageError("a cut makes two classes of scores; leave out the cut or multiclass.")
    called = name_of(positive)
    if positive is not None and called is None:
        raise UsageError("the positive label is empty; name the value that counts as positive.")
    return Question(y_true, y_pred, sensitive, called, cut, multiclass, scale, design)


_NUMBERS, _TRUTHS = ("0", "1"), ("false", "true")
_AS_NUMBER: Final = dict(zip(_TRUTHS, _NUMBERS, strict=True))
#: How alike two values are, from 0 to 1, that may be meant for each other.
_ALIKE: Final = 0.75
#: Values that are shown of a column that has too many.
_SHOWN: Final = 8
#: Sums of weights are kept for no more parts times cells than this.
_MOST_SUMS: Final = 2**26


class _Named(NamedTuple):
    """A row by the names of its values; with a cut the prediction is 0 or 1."""

    groups: tuple[str, ...]
    label: str
    prediction: str
    row: Row


def assemble(source: Source, question: Question) -> GroupCounts:
    """Count the rows of a table."""
    design = question.design
    rows = source.tally(question, limit=MOST_PARTS if design.parts else MOST_COMBINATIONS)
    if rows is None:
        _refuse_many(source, question)
    require_rows(len(rows))
    named = _named(rows, question)
    groups = in_order(each.groups for each in named)
    require_few_groups(len(groups), question.sensitive)
    if len(groups) == 1:
        raise DataError(
            f"there is only one group, {_listed(question.sensitive)} is {_listed(groups[0])} in every row; "
            "two or more are compared. Name another column, or give all rows."
        )
    counted = question.cut is not None or question.y_pred is None
    question, also = _of_several(question, named, counted=counted)
    if also:
        named = [_with_one_name(each, question.positive or "", also, counted=counted) for each in named]
    labels = {each.label for each in named} if question.y_true is not None else set[str]()
    predictions = set[str]() if counted else {each.prediction for each in named}
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

    shape = (len(groups), len(classes), len(classes))
    places = {values: i for i, values in enumerate(groups)}
    cells = [
        (
            places[each.groups],
            place(each.label) if question.y_true is not None else 0,
            int(each.prediction) if counted else place(each.prediction),
        )
        for each in named
    ]
    table = np.zeros(shape, dtype=np.int64)
    for cell, each in zip(cells, named, strict=True):
        table[cell] += each.row.rows
    coded = _is_coded(labels | predictions)
    folded = _folded(named, classes[1], question) if binary and not coded else ()
    return GroupCounts(
        question.sensitive,
        groups,
        classes,
        table,
        folded,
        also=also,
        labelled=question.y_true is not None,
        weights=_weights(named, cells, shape, design) if design.weighted else None,
    )


def _weights(
    named: Sequence[_Named], cells: Sequence[tuple[int, int, int]], shape: tuple[int, ...], design: Design
) -> WeightSums:
    """Add up the weights of each part; strata and clusters are missing nowhere."""
    parts = [tuple(str(name_of(value)) for value in each.row.part) for each in named]
    # In order: sources give rows in any, and sums of floating-point numbers depend on theirs.
    places = {part: place for place, part in enumerate(sorted(set(parts)))}
    if len(places) * math.prod(shape) > _MOST_SUMS:
        raise UsageError(
            f"there are {len(places):,} strata or clusters and {math.prod(shape):,} cells of group, label "
            "and prediction, more than are kept apart; name fewer sensitive columns, or larger clusters."
        )
    kinds: dict[str | None, int] = {}
    strata = [kinds.setdefault(part[0] if design.strata else None, len(kinds)) for part in places]
    rows = np.zeros((len(places), *shape), dtype=np.int64)
    sums, squares = np.zeros(rows.shape), np.zeros(rows.shape)
    of = np.array([places[part] for part in parts], dtype=np.int64)
    where = np.ravel_multi_index((of, *np.array(cells, dtype=np.int64).T), rows.shape)
    added = np.array([(each.row.rows, each.row.weight, each.row.square) for each in named], dtype=np.float64)
    order = np.lexsort((added[:, 2], added[:, 1], where))
    for table, column in zip((rows, sums, squares), added[order].T, strict=True):
        np.add.at(table.reshape(-1), where[order], column.astype(table.dtype))
    if not float(sums.sum()) > 0:
        raise DataError(f"the weights in {quote(design.weight or '')} are all 0; nothing can be weighed.")
    return WeightSums(
        design.weight or "",
        np.asarray(strata, dtype=np.int64),
        rows,
        sums,
        None if design.cluster else squares,
    )


def require_rows(rows: int) -> None:
    """Raise a DataError where a table has no row."""
    if not rows:
        raise DataError("the table has no rows, so there is nothing to count; check that it is the one.")


#: Whole numbers below this are exact as floating-point numbers.
_EXACT: Final = 2.0**53


def rows_of(question: Question, values: Sequence[object], scored: object, sums: Sequence[Any]) -> list[Row]:
    """Return the rows with some values of `Question.keys`, of what a source added up of them.

    With totals: selected, all, rows with a wrong number of either, and with more selected than there are.
    With a count: its sum, and rows with a wrong one. With a weight: rows, its sum, that of its squares, and
    rows with a wrong one. Else: rows.
    """
    design = question.design
    if design.total is not None and design.selected is not None:
        selected, total = design.selected, design.total
        chosen, every, *wrong, above = sums
        _require_amounts(selected, "number", wrong[0])
        _require_amounts(total, "number", wrong[1])
        if above:
            raise DataError(
                f"{quote(selected)} is above {quote(total)} in {row_count(above)}; it is how many of these "
                "are selected."
            )
        sides = (1, _whole(selected, chosen)), (0, _whole(total, every - chosen))
        return [question.row(values, rows, scored=side) for side, rows in sides if rows]
    if design.count is not None:
        rows, wrong = sums
        _require_amounts(design.count, "number", wrong)
        whole = _whole(design.count, rows)
        return [question.row(values, whole, scored=scored)] if whole else []
    if design.weight is not None:
        rows, weight, square, wrong = sums
        _require_amounts(design.weight, "weight", wrong)
        if not math.isfinite(square) or (square == 0 and weight > 0):
            far = "small" if square == 0 else "large"
            raise DataError(f"the weights in {quote(design.weight)} are too {far} to be squared.")
        return [question.row(values, rows, scored=scored, weight=weight, square=square)]
    rows = sums[0]
    return [question.row(values, rows, scored=scored, weight=float(rows), square=float(rows))]


def _require_amounts(column: str, what: str, wrong: int) -> None:
    """Raise a DataError where rows have no weight, or no number of rows, that can be added up."""
    if wrong:
        expected = "a finite number" if what == "weight" else "a whole number"
        raise DataError(
            f"the {what} in {quote(column)} should be {expected} from 0 up; {rows_hold(wrong)} none. Leave "
            "such rows out, or correct them."
        )


def _whole(name: str, rows: float | None) -> int:
    """Return a number of rows that was added up as a floating-point number."""
    if rows is not None and not rows < _EXACT:
        raise DataError(f"the rows in {quote(name)} add up to {rows:g}; at most {_EXACT:g} are counted.")
    return int(rows or 0)


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
            f"a value is missing in some of the {rows:,} rows: {found}. Leave such rows out of the "
            "table; those without a sensitive value can be a group, or dropped (--missing group, drop), and "
            "those without a label, a prediction or a score dropped (--missing-outcome drop)."
        )


def require_scores(name: str, *, outside: int, unreadable: int, scale: Scale = UNIT) -> None:
    """Raise a DataError where scores are not numbers of their scale."""
    expected = f"from {scale.low:g} to {scale.high:g}"
    if unreadable:
        raise DataError(
            f"the scores in {quote(name)} should be numbers {expected}; {rows_hold(unreadable)} no number. "
            "Leave such rows out of the table; a column of predictions is named as those, and has no cut."
        )
    if outside:
        raise DataError(
            f"the scores in {quote(name)} should lie {expected}; {rows_hold(outside)} one beyond. Say where "
            "they lie, such as 0,100 or 300,850 (score range), and give a cut on that scale."
        )


def _named(rows: Sequence[Row], question: Question) -> list[_Named]:
    """Name every value, or say how many are missing or no scores."""
    missing = Counter[str]()
    scores = Counter[object]()
    named: list[_Named] = []
    columns = (*question.sensitive, *question.design.parts)
    for row in rows:
        groups = [name_of(value) for value in row.groups]
        truth = "" if question.y_true is None else name_of(row.label)
        prediction = name_of(
            None if question.cut is not None and row.prediction == MISSING else row.prediction
        )
        values = (*groups, *map(name_of, row.part))
        absent = [name for name, value in zip(columns, values, strict=True) if value is None]
        if truth is None:
            absent.append(question.y_true or "")
        if prediction is None:
            absent.append(question.y_pred or "")
        # A column can be the label and a group at once.
        missing.update(dict.fromkeys(absent, row.rows))
        if question.cut is not None:
            scores[row.prediction] += row.rows
        if truth is not None and prediction is not None:
            named.append(
                _Named(tuple(group for group in groups if group is not None), truth, prediction, row)
            )
    asked = dict.fromkeys((*columns, question.y_true or "", question.y_pred or ""), 0)
    found = {name: count for name, count in (asked | missing).items() if count}
    require_no_missing(found, sum(row.rows for row in rows))
    require_scores(
        question.y_pred or "", outside=scores[OUTSIDE], unreadable=scores[UNREADABLE], scale=question.scale
    )
    return named


def _is_coded(names: set[str]) -> bool:
    """Return True for 0 and 1, or booleans: their positive value is known even where it is absent."""
    return names <= {*_NUMBERS, *_TRUTHS}


def _of_several(
    question: Question, named: Sequence[_Named], *, counted: bool
) -> tuple[Question, tuple[str, ...]]:
    """Return a question with the first of several positive values, typed ``V,V``, and the others."""
    text = question.positive
    if text is None or "," not in text:
        return question, ()
    names = set[str]() if question.y_true is None else {each.label for each in named}
    names |= set() if counted else {each.prediction for each in named}
    parts = [name_of(part) or "" for part in parts_of(text)]
    if text in names or not names.intersection(parts):
        return question, ()
    for part in parts:
        if part not in names:
            known = _listed([name for (name,) in in_order((name,) for name in names)])
            raise UsageError(f"no label or prediction is {quote(part)}; there are {known}.")
    if names.issubset(parts):
        raise UsageError(
            f"every label and prediction counts as positive by {quote(text)}, which leaves nothing to "
            "compare; leave out those that are negative."
        )
    first, *others = dict.fromkeys(parts)
    return replace(question, positive=first), tuple(others)


def _with_one_name(each: _Named, positive: str, also: Sequence[str], *, counted: bool) -> _Named:
    """Return a row in which every positive value has the name of the first."""
    label = positive if each.label in also else each.label
    prediction = positive if not counted and each.prediction in also else each.prediction
    return each._replace(label=label, prediction=prediction)


def _require_positive(positive: str, labels: set[str], predictions: set[str], question: Question) -> None:
    """Refuse a positive class that no label has, or no prediction with values that labels lack."""
    # Predictions that are all one of the other labels are those of a model that selects nobody.
    for column, names, other in (
        (question.y_true, labels, predictions),
        (question.y_pred, predictions, labels),
    ):
        if not names or column is None or positive in names or (names is predictions and names <= labels):
            continue
        what = "label" if names is labels else "prediction"
        listed = _listed([name for (name,) in in_order((name,) for name in names)])
        near = nearest(positive, names)
        hint = f" Did you mean {shown(near)}?" if near else ""
        also = ""
        if positive in other:
            also = f", while some {'predictions' if names is labels else 'labels'} are"
        both = quote(f"{positive},{near or max(names)}")
        raise UsageError(
            f"no {what} in {quote(column)} is {quote(positive)}{also}; there are {listed}.{hint} Name a "
            f"value of each as positive, as in {both}, or write them alike."
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
    for each in named:
        for (_, rows), name in zip(sides, (each.label, each.prediction), strict=True):
            rows[name] += each.row.rows
    if question.cut is not None:
        sides.pop()
    if question.y_true is None:
        sides.pop(0)
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
            hint = f" Did you mean {shown(near)}?" if near else ""
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
    sides = [f"the label {quote(question.y_true)}"] if question.y_true is not None else []
    if question.cut is None:
        sides.append(f"the prediction {quote(question.y_pred or '')}")
    columns = " and ".join(sides)
    hint = ", or a cut where the predictions are scores" if question.cut is None and len(found) > 2 else ""  # noqa: PLR2004
    values = "one value" if len(found) == 1 else f"{len(found)} different values"
    have = "has" if len(sides) == 1 else "have"
    raise UsageError(f"{columns} {have} {values}, {_listed(found)}; say which one is positive{hint}.")


def _refuse_many(source: Source, question: Question) -> NoReturn:
    """Say which column has too many values, without bringing them into Python."""
    require_few_groups(source.distinct(question, "groups"), question.sensitive)
    if question.y_true is not None:
        _require_few_classes(source.distinct(question, "label"), "label", question.y_true)
    if question.cut is None and question.y_pred is not None:
        _require_few_classes(source.distinct(question, "prediction"), "prediction", question.y_pred)
    if question.design.parts:
        raise UsageError(
            f"there are more than {MOST_PARTS:,} combinations of group, label, prediction and "
            f"{_listed(question.design.parts)}; name fewer sensitive columns, or larger clusters."
        )
    raise UsageError(
        f"there are more than {MOST_COMBINATIONS:,} combinations of group, label and prediction; name fewer "
        "sensitive columns, or bin one."
    )


def _require_few_classes(classes: int, what: str, name: str | None) -> None:
    if classes > MOST_CLASSES and name is not None:
        hint = " Give a cut where it holds scores." if what == "prediction" else ""
        hint += " Amounts are audited by their means and quantiles: --outcome, or audit_outcome in Python."
        raise UsageError(
            f"the {what} {quote(name)} has {classes:,} different values; expected {MOST_CLASSES} classes or "
            f"fewer.{hint}"
        )


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(map(shown, names[:_SHOWN]))
    return one_line(listed if len(names) <= _SHOWN else f"{listed} and others", limit=200)
