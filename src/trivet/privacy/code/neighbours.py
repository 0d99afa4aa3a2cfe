"""Neighbours of a data set: a row less, a row more, a row replaced, the telling ones first."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np

from trivet.errors import UsageError
from trivet.privacy.adjacency import Adjacency
from trivet.privacy.code.tape import Shift
from trivet.wording import one_line

__all__ = ["Bounds", "Neighbour", "neighbours_of", "rows_of"]

#: Lowest and highest value of each column, by name or number; `None` is of all columns.
Bounds = Mapping[Any, tuple[float, float]]
#: How far beyond the data a value without bounds is put.
_FAR: Final = 1e6


@dataclass(frozen=True)
class Neighbour:
    """A neighbouring data set, what is different in words, and which row came or went."""

    data: Any
    words: str
    shift: Shift | None


class _Rows:
    """Rows of a list, an array, a data frame, or of several of them side by side."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.framed = hasattr(data, "iloc")
        self.side_by_side = isinstance(data, tuple) and _side_by_side(data)
        self.count = _count(data[0]) if self.side_by_side else _count(data)

    def take(self, places: Sequence[int], new: "list[Any] | None" = None) -> Any:
        """Return the rows at some places, and new ones behind them."""
        if self.side_by_side:
            parts = [_Rows(part) for part in self.data]
            return tuple(
                part.take(places, None if new is None else [row[i] for row in new])
                for i, part in enumerate(parts)
            )
        if self.framed:
            return self._frame(places, new)
        if isinstance(self.data, np.ndarray):
            kept = self.data[list(places)]
            return kept if new is None else np.concatenate([kept, np.array(new).reshape(-1, *kept.shape[1:])])
        return type(self.data)([*(self.data[place] for place in places), *(new or [])])

    def _frame(self, places: Sequence[int], new: "list[Any] | None") -> Any:
        kept = self.data.iloc[list(places)].reset_index(drop=True)
        if new is None:
            return kept
        import pandas as pd  # noqa: PLC0415 - whoever has a data frame has pandas

        if not hasattr(self.data, "columns"):
            return pd.concat([kept, pd.Series(new, name=self.data.name)], ignore_index=True)
        added = pd.DataFrame([dict(zip(self.data.columns, row, strict=True)) for row in new])
        return pd.concat([kept, added], ignore_index=True)

    def row(self, place: int) -> Any:
        """Return one row: a number, a text, or a list of these."""
        if self.side_by_side:
            return [_Rows(part).row(place) for part in self.data]
        if self.framed:
            found = self.data.iloc[place]
            return found.tolist() if hasattr(found, "tolist") and hasattr(self.data, "columns") else found
        found = self.data[place]
        return found.tolist() if isinstance(found, np.ndarray) else found

    def names(self) -> list[Any]:
        """Return the names of columns, or their numbers."""
        if hasattr(self.data, "columns"):
            return list(self.data.columns)
        return list(range(len(self.columns())))

    def columns(self) -> list[list[Any]]:
        """Return the single values of all rows, column by column."""
        flat = [list(_flat(self.row(place))) for place in range(min(self.count, _MOST_ROWS))]
        return [list(column) for column in zip(*flat, strict=False)]


def _side_by_side(parts: tuple[Any, ...]) -> bool:
    sized = all(hasattr(each, "__len__") and not isinstance(each, (str, bytes, Mapping)) for each in parts)
    return sized and len({len(each) for each in parts}) == 1


_MOST_ROWS: Final = 100_000


def _count(data: Any) -> int:
    if isinstance(data, (str, bytes, Mapping)) or not hasattr(data, "__len__"):
        raise UsageError(
            f"the data is a {type(data).__name__}; expected rows: a list, an array, a data frame, or a tuple "
            "of these side by side. Give two inputs instead."
        )
    return len(data)


def _flat(row: Any) -> Iterator[Any]:
    if isinstance(row, Mapping):
        yield from row.values()
    elif isinstance(row, (list, tuple)):
        for part in row:
            yield from _flat(part)
    else:
        yield row


def _like_row(row: Any, values: Iterator[Any]) -> Any:
    """Build a row of new values in the form of another."""
    if isinstance(row, Mapping):
        return {key: next(values) for key in row}
    if isinstance(row, (list, tuple)):
        return type(row)(_like_row(part, values) for part in row)
    return next(values)


def rows_of(data: Any) -> int:
    """Return how many rows data has."""
    return _Rows(data).count


def neighbours_of(
    data: Any, *, adjacency: Adjacency, bounds: Bounds | None, most: int, generator: np.random.Generator
) -> Iterator[Neighbour]:
    """Yield neighbours, those that differ in an extreme row first, at most so many.

    Without bounds any record may come: values far beyond the data, ones that are not finite, and texts that
    nobody has. With bounds a column has nothing beyond them.
    """
    rows = _Rows(data)
    if rows.count == 0:
        raise UsageError("the data has no rows; expected at least one, whose going and changing is audited.")
    named = [name for name in bounds or () if name is not None]
    known = [str(name) for name in rows.names()] if named else []
    if unknown := next((name for name in named if str(name) not in known), None):
        raise UsageError(
            f"bounds are given of the column {str(unknown)!r}, which the data does not have; it has "
            f"{one_line(', '.join(known))}."
        )
    replaces = adjacency is Adjacency.REPLACE_ONE
    found = _replaced(rows, bounds, generator) if replaces else _added_and_removed(rows, bounds, generator)
    yield from islice(found, most)


def _added_and_removed(
    rows: _Rows, bounds: Bounds | None, generator: np.random.Generator
) -> Iterator[Neighbour]:
    removals, additions = _removals(rows, generator), _additions(rows, bounds)
    while True:
        pair = [each for each in (next(removals, None), next(additions, None)) if each is not None]
        if not pair:
            return
        yield from pair


def _removals(rows: _Rows, generator: np.random.Generator) -> Iterator[Neighbour]:
    if rows.count == 1:
        return
    for place in _order(rows, generator):
        kept = [other for other in range(rows.count) if other != place]
        words = f"without row {place + 1}, {_said(rows.row(place))}"
        yield Neighbour(rows.take(kept), words, Shift(rows.count, removed=place))


def _additions(rows: _Rows, bounds: Bounds | None) -> Iterator[Neighbour]:
    everyone = list(range(rows.count))
    for record in _records(rows, bounds):
        words = f"with one row more, {_said(record)}"
        yield Neighbour(rows.take(everyone, [record]), words, Shift(rows.count, added=True))


def _replaced(rows: _Rows, bounds: Bounds | None, generator: np.random.Generator) -> Iterator[Neighbour]:
    order, records = _order(rows, generator), list(_records(rows, bounds))
    # Every extreme record at the first of the extreme rows, then at the next one.
    for place in order:
        for record in records:
            if _said(record) == _said(rows.row(place)):
                continue
            new = [*range(rows.count), rows.count]
            data = rows.take(new[:-1], [record])
            moved = [rows.count if other == place else other for other in range(rows.count)]
            words = f"with {_said(record)} instead of row {place + 1}, {_said(rows.row(place))}"
            yield Neighbour(_Rows(data).take(moved), words, None)


def _order(rows: _Rows, generator: np.random.Generator) -> list[int]:
    """Places of rows: those with the extremes of each column, then all in random order."""
    first: list[int] = []
    for column in rows.columns():
        if all(_is_number(value) for value in column):
            numbers = np.array(column, dtype=float)
            if np.isfinite(numbers).any():
                first += [int(np.nanargmax(numbers)), int(np.nanargmin(numbers))]
        else:
            texts = list(map(str, column))
            counts = Counter(texts)
            first.append(texts.index(min(counts, key=counts.__getitem__)))
    rest = generator.permutation(rows.count).tolist()
    return list(dict.fromkeys([*first, *rest]))


def _records(rows: _Rows, bounds: Bounds | None) -> Iterator[Any]:
    """Yield extreme records in the form of a row, most telling first."""
    model, columns, names = rows.row(0), rows.columns(), rows.names()
    kinds = [_values(column, _bounds_of(name, bounds)) for name, column in zip(names, columns, strict=False)]
    if not kinds:
        return
    seen: set[str] = set()
    for pick in range(max(map(len, kinds))):
        record = _like_row(model, iter([values[min(pick, len(values) - 1)] for values in kinds]))
        if _said(record) not in seen:
            seen.add(_said(record))
            yield record
    typical = list(_flat(model))
    for number, values in enumerate(kinds):
        if len(kinds) > 1:
            for value in values:
                record = _like_row(model, iter([*typical[:number], value, *typical[number + 1 :]]))
                if _said(record) not in seen:
                    seen.add(_said(record))
                    yield record


def _bounds_of(name: Any, bounds: Bounds | None) -> tuple[float, float] | None:
    if bounds is None:
        return None
    for key in (name, str(name), None):
        if key in bounds:
            return bounds[key]
    return None


def _values(column: list[Any], bounds: tuple[float, float] | None) -> list[Any]:
    """Return extreme values of a column: its highest and lowest first."""
    if not all(_is_number(value) for value in column):
        common = Counter(map(str, column)).most_common(1)[0][0]
        return [common, "a value that nobody has"] if bounds is None else [common]
    if all(isinstance(value, (bool, np.bool_)) for value in column):
        return [True, False]
    whole = all(isinstance(value, (int, np.integer)) for value in column)
    made = int if whole else float
    if bounds is not None:
        return [made(bounds[1]), made(bounds[0])]
    finite = [float(value) for value in column if math.isfinite(value)] or [0.0]
    high, low = max(finite), min(finite)
    far = _FAR * max(1.0, abs(high), abs(low))
    values = [made(high), made(low), made(far), made(-far)]
    return values if whole else [*values, math.inf, math.nan]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number, np.bool_))


def _said(row: Any) -> str:
    cells = row if isinstance(row, list) else [row]
    plain = [each.item() if hasattr(each, "item") else each for each in cells]
    return one_line(repr(plain if isinstance(row, list) else plain[0]), limit=60)
