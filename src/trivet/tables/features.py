"""Features of a model: the columns of a table as numbers, and texts as codes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from trivet.errors import DataError
from trivet.tables.opening import Column, Kind, Table
from trivet.wording import quote

__all__ = [
    "MOST_VALUES",
    "Features",
    "choose_rows",
    "column_encoder",
    "count_rows",
    "encode_columns",
    "read_features",
    "read_texts",
]

#: Numbers beyond this, which are marks of something else, stand at it: squares of them are numbers still.
LARGEST: Final = 1e30
#: Position of a row in its file; no column of a table has this name.
_PLACE: Final = '"trivet: place of the row"'
_NUMBERS: Final = (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN)


@dataclass(frozen=True, eq=False)
class Features:
    """Some columns of some rows."""

    names: tuple[str, ...]
    values: NDArray[np.float64]
    categories: tuple[tuple[str, ...] | None, ...]

    def __len__(self) -> int:
        return len(self.values)

    def only(self, places: Sequence[int]) -> "Features":
        """Return all rows with some of the columns."""
        return Features(
            tuple(self.names[place] for place in places),
            self.values[:, list(places)],
            tuple(self.categories[place] for place in places),
        )

    def take(self, rows: NDArray[np.int64]) -> "Features":
        """Return the rows with these indices, in this order."""
        return replace(self, values=self.values[rows])


def count_rows(opened: Table) -> int:
    """Count the rows of an open table."""
    ((count,),) = opened.rows(f"SELECT count(*) FROM {opened.source}")  # noqa: S608 - quoted
    if not count:
        raise DataError(f"{quote(opened.name)} has no rows.")
    return int(count)


def choose_rows(count: int, limit: int | None, *, seed: int) -> NDArray[np.int64]:
    """Return indices of rows in their order: all of them, or `limit` drawn at random."""
    if limit is None or count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, limit, replace=False))


def read_features(
    opened: Table, columns: Sequence[Column], *, rows: NDArray[np.int64] | None = None
) -> Features:
    """Read columns of an open table: numbers where every cell not empty is finite, else texts."""
    numeric = _numeric(opened, columns)
    selected = ", ".join(
        f"{_number(column) if is_number else _text(column)} AS c{i}"
        for i, (column, is_number) in enumerate(zip(columns, numeric, strict=True))
    )
    found = _fetched(opened, selected, rows) if columns else {}
    whole = count_rows(opened) if rows is None else len(rows)
    values = np.empty((len(found["c0"]) if columns else whole, len(columns)))
    categories: list[tuple[str, ...] | None] = []
    for i, is_number in enumerate(numeric):
        column = found.pop(f"c{i}")
        if is_number:
            numbers = np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)
            values[:, i] = np.clip(numbers, -LARGEST, LARGEST)
            categories.append(None)
        else:
            values[:, i], known = _coded(np.asarray(column, dtype=object))
            categories.append(known)
    return Features(tuple(column.name for column in columns), values, tuple(categories))


def read_texts(
    opened: Table, columns: Sequence[Column], *, rows: NDArray[np.int64] | None = None
) -> tuple[NDArray[Any], ...]:
    """Read columns of an open table as texts without blanks at the ends; missing cells are empty."""
    selected = ", ".join(f"{_text(column)} AS c{i}" for i, column in enumerate(columns))
    found = _fetched(opened, selected, rows)
    return tuple(np.asarray(found[f"c{i}"], dtype=object) for i in range(len(columns)))


def _numeric(opened: Table, columns: Sequence[Column]) -> tuple[bool, ...]:
    """Tell which columns are numbers, in one pass over those whose type does not tell."""
    open_questions = [column for column in columns if column.kind in (Kind.TEXT, Kind.CELL)]
    answers: dict[str, bool] = {}
    if open_questions:
        asked = ", ".join(
            f"count(*) FILTER (WHERE {_text(column)} <> ''), "
            f"count(*) FILTER (WHERE {_text(column)} <> '' AND {_number(column)} IS NULL)"
            for column in open_questions
        )
        (row,) = opened.rows(f"SELECT {asked} FROM {opened.source}")  # noqa: S608 - quoted
        for i, column in enumerate(open_questions):
            answers[column.name] = row[2 * i] > 0 and row[2 * i + 1] == 0
    return tuple(answers.get(column.name, column.kind in _NUMBERS) for column in columns)


def _fetched(opened: Table, selected: str, rows: NDArray[np.int64] | None) -> dict[str, Any]:
    """Return columns of all rows, or of some, which alone come into Python."""
    if rows is None:
        return opened.arrays(f"SELECT {selected} FROM {opened.source}", count=selected.count(" AS c"))  # noqa: S608 - quoted
    numbered = f"SELECT *, row_number() OVER () - 1 AS {_PLACE} FROM {opened.source}"  # noqa: S608 - quoted
    query = f"SELECT {selected} FROM ({numbered}) WHERE {_PLACE} IN (SELECT unnest(?)) ORDER BY {_PLACE}"  # noqa: S608
    return opened.arrays(query, [rows.tolist()], count=selected.count(" AS c"))


def _text(column: Column) -> str:
    return f"coalesce(trim(CAST({column.sql} AS VARCHAR)), '')"


def _number(column: Column) -> str:
    number = f"TRY_CAST({column.sql} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _coded(texts: NDArray[Any]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the place of each text in the sorted distinct ones, and those."""
    known = tuple(sorted(set(texts.tolist())))
    places = {text: place for place, text in enumerate(known)}
    return np.fromiter(map(places.__getitem__, texts), dtype=np.float64, count=len(texts)), known


#: A column of texts with more values than this gets one feature for all rare ones.
MOST_VALUES: Final = 50


def column_encoder(features: Features, *, standardise: bool = False) -> ColumnTransformer:
    """Return a transformer of `Features.values` into a dense matrix, with marks for missing numbers."""
    numbers: list[tuple[str, object]] = [
        ("fill", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True))
    ]
    if standardise:
        numbers.append(("scale", StandardScaler()))
    texts = OneHotEncoder(
        max_categories=MOST_VALUES, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    is_text = [known is not None for known in features.categories]
    return ColumnTransformer(
        [
            ("numbers", Pipeline(numbers), [i for i, text in enumerate(is_text) if not text]),
            ("texts", texts, [i for i, text in enumerate(is_text) if text]),
        ],
        sparse_threshold=0.0,
    )


def encode_columns(features: Features) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return all columns as one matrix, and for each of its columns the one that it is made of."""
    blocks = [
        np.asarray(column_encoder(part).fit_transform(part.values))
        for part in (features.only([place]) for place in range(len(features.names)))
    ]
    names = [name for name, block in zip(features.names, blocks, strict=True) for _ in range(block.shape[1])]
    return np.hstack(blocks), tuple(names)
