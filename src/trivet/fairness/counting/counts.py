"""Counts of one table: group x label x prediction, with the names of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import UsageError
from trivet.fairness.counting.naming import group_name, in_order
from trivet.fairness.counting.weights import WeightSums
from trivet.wording import one_line, quote

__all__ = ["SMALLEST_SHARE", "FoldedValue", "GroupCounts", "folded_values", "most_favoured"]


@dataclass(frozen=True)
class FoldedValue:
    """A value of the label or the prediction that is counted as negative together with others.

    Attributes
    ----------
    side : ``label`` or ``prediction``.
    value : What it is called.
    rows : Rows that have it.
    """

    side: Literal["label", "prediction"]
    value: str
    rows: int


#: Sums of counts stay whole numbers of 64 bits.
_MOST_ROWS: Final = 2**62
_EXPECTED: Final = (
    "expected GroupCounts(columns, groups, classes, table), such as GroupCounts(('sex',), (('f',), ('m',)), "
    "('0', '1'), table) with whole numbers from 0 up in table[group, label, prediction]"
)


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """Counts of rows by group, label and prediction.

    Attributes
    ----------
    columns : Names of the sensitive columns.
    groups : For each group its value in each of the columns. Only groups that have a row are there.
    classes : What a label or a prediction can be; of two classes the positive one is the second.
    table : Shape (groups, classes, classes), indexed [group, label, prediction].
    folded : The values that are negative together, on either side, the most frequent first; empty for one.
    labelled : Whether there are labels; without them all rows stand under the first class.
    weights : Sums of the weights of the same rows, or None where each row counts once.
    also : Other values of the label or the prediction that count as the positive class.

    Raises
    ------
    UsageError : If these do not fit each other: a group or a class occurs twice or is not a text, the table
        has another shape, or a count is not a whole number from 0 up.
    """

    columns: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    table: NDArray[np.int64]
    folded: tuple[FoldedValue, ...] = ()
    labelled: bool = True
    weights: WeightSums | None = None
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require_texts("columns", self.columns)
        _require_texts("classes", self.classes)
        if not self.classes:
            raise _wrong("there is no class")
        groups: Any = self.groups
        if not isinstance(groups, tuple) or not groups:
            raise _wrong(f"groups is {_shown(groups)}")
        for group in cast("tuple[Any, ...]", groups):
            if not isinstance(group, tuple) or len(group) != len(self.columns):
                raise _wrong(f"the group {_shown(group)} is not a tuple of {len(self.columns)} texts")
            _require_texts("a group", group, distinct=False)
        if len(set(self.groups)) < len(self.groups):
            twice = next(group for place, group in enumerate(self.groups) if group in self.groups[:place])
            raise _wrong(f"the group {_shown(twice)} is there twice")
        object.__setattr__(self, "table", self._checked_table())
        if self.weights is not None and not np.array_equal(self.weights.rows.sum(axis=0), self.table):
            raise _wrong("the weights are of other rows than the table")
        if not self.labelled and self.table[:, 1:].any():
            raise _wrong("there are no labels, and rows under a label")

    def _checked_table(self) -> NDArray[np.int64]:
        table: Any = self.table
        try:
            found = np.asarray(table)
        except (TypeError, ValueError) as error:
            raise _wrong("the table is not an array") from error
        shape = (len(self.groups), len(self.classes), len(self.classes))
        if found.shape != shape:
            raise _wrong(f"the table has shape {found.shape} and not {shape}")
        if found.dtype.kind not in "iu":
            raise _wrong(f"the table holds {found.dtype} and not whole numbers")
        if found.min() < 0 or float(found.sum(dtype=np.float64)) >= _MOST_ROWS:
            raise _wrong(f"the table holds counts from {found.min()} to {found.max()}")
        return found.astype(np.int64, copy=False)

    @property
    def rows(self) -> int:
        """Rows of all groups."""
        return int(self.table.sum())

    @property
    def amounts(self) -> NDArray[Any]:
        """The table, or the sums of weights in its place where rows have weights."""
        return self.table if self.weights is None else self.weights.sums.sum(axis=0)

    @property
    def positives(self) -> NDArray[np.int64] | None:
        """Rows of each group with a positive label, None where there are no labels."""
        return self.table[:, 1].sum(axis=1) if self.labelled else None

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each group: its values with commas between, in quotation marks where one has a comma."""
        return tuple(map(group_name, self.groups))

    def over(self, *columns: str) -> "GroupCounts":
        """Return the counts by some of the sensitive columns; a UsageError for one that was not counted."""
        for name in columns:
            if name not in self.columns:
                raise UsageError(
                    f"the counts have no sensitive column {quote(name)}; they have "
                    f"{one_line(', '.join(self.columns), limit=200)}."
                )
        places = [self.columns.index(name) for name in columns]
        shorter = [tuple(values[place] for place in places) for values in self.groups]
        groups = in_order(shorter)
        table = np.zeros((len(groups), *self.table.shape[1:]), dtype=np.int64)
        merged = [groups.index(values) for values in shorter]
        np.add.at(table, merged, self.table)
        weights = None if self.weights is None else self.weights.merged(merged, len(groups))
        return replace(self, columns=columns, groups=groups, table=table, weights=weights)

    def one_versus_rest(self, positive: str) -> "GroupCounts":
        """Return the counts of one class against all others; a UsageError for a class that nothing has."""
        if positive not in self.classes:
            raise UsageError(
                f"no label or prediction is {quote(positive)}; there are "
                f"{one_line(', '.join(self.classes), limit=200)}."
            )
        place = self.classes.index(positive)
        others = [i for i in range(len(self.classes)) if i != place]
        by_label = np.stack([self.table[:, others].sum(axis=1), self.table[:, place]], axis=1)
        table = np.stack([by_label[:, :, others].sum(axis=2), by_label[:, :, place]], axis=2)
        rest = self.classes[others[0]] if len(others) == 1 else f"not {positive}"
        by_side = {"label": self.table.sum(axis=(0, 2)), "prediction": self.table.sum(axis=(0, 1))}
        sides = [(side, {self.classes[i]: int(rows[i]) for i in others}) for side, rows in by_side.items()]
        weights = None if self.weights is None else self.weights.one_versus_rest(place)
        folded = folded_values(sides)
        return replace(self, classes=(rest, positive), table=table, folded=folded, weights=weights)

    def against(self, reference: int) -> NDArray[Any]:
        """Return each other group beside the reference, shape (groups - 1, 2, classes, classes)."""
        others = np.delete(self.amounts, reference, axis=0)
        return np.stack([others, np.broadcast_to(self.amounts[reference], others.shape)], axis=1)


def folded_values(sides: Sequence[tuple[Any, dict[str, int]]]) -> tuple[FoldedValue, ...]:
    """Return what is counted as negative on either side, the most frequent first; nothing for one value."""
    if len({value for _, values in sides for value in values}) < 2:  # noqa: PLR2004 - one is itself
        return ()
    return tuple(
        FoldedValue(side, value, rows)
        for side, values in sides
        for value, rows in sorted(values.items(), key=lambda item: (-item[1], item[0]))
        if rows
    )


def _require_texts(what: str, values: Any, *, distinct: bool = True) -> None:
    if not isinstance(values, tuple) or not all(isinstance(value, str) for value in values):
        raise _wrong(f"{what} is {_shown(values)}, and no tuple of texts")
    if distinct and len(set(values)) < len(values):
        raise _wrong(f"{what} has a name twice: {_shown(values)}")


def _wrong(what: str) -> UsageError:
    return UsageError(f"expected counts of groups: {what}; {_EXPECTED}.")


def _shown(value: Any) -> str:
    return one_line(repr(value), limit=60)


#: Smaller groups are not taken as the reference unless they are named (29 CFR 1607.4(D), and question 11
#: of the Uniform Guidelines' Questions and Answers, leave groups below two percent aside).
SMALLEST_SHARE: Final = 0.02


def most_favoured(
    rows: ArrayLike, positives: ArrayLike, *, of: str = "positive labels", known: ArrayLike = True
) -> tuple[int, str]:
    """Return the last group with the largest share of positive labels, of large known ones, and why."""
    sizes, labels = np.asarray(rows), np.asarray(positives)
    known = np.broadcast_to(known, sizes.shape)
    known = known if (sizes[known] > 0).any() else np.ones(sizes.shape, dtype=np.bool_)
    large = np.flatnonzero(known & (sizes > 0) & (sizes >= SMALLEST_SHARE * sizes.sum()))
    if not len(large):
        largest = int(np.where(known, sizes, -1).argmax())
        return largest, "it is the largest group, and none has two percent of the rows"
    why = f"it has the largest share of {of} among groups with at least {SMALLEST_SHARE:.0%} of the rows"
    shares = labels[large] / sizes[large]
    return int(large[len(large) - 1 - np.argmax(shares[::-1])]), why
