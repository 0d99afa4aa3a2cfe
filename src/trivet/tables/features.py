"""Features of a model: the columns of a table as numbers, and texts as codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from trivet.errors import DataError
from trivet.tables.numbers import cell_sql
from trivet.tables.opening import Column, Kind, Table
from trivet.tables.values import literal
from trivet.wording import listed, quote

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
    """Some columns of some rows, and sentences on what was not read as it may be meant."""

    names: tuple[str, ...]
    values: NDArray[np.float64]
    categories: tuple[tuple[str, ...] | None, ...]
    notes: tuple[str, ...] = ()

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
    """Read columns of an open table: numbers where every cell not empty is finite, else texts.

    A column without a name that is empty, or numbers the rows, does not count as a feature.
    """
    numbers, notes = _numbers(opened, columns)
    columns, idle = _with_something(opened, columns, numbers)
    selected = ", ".join(
        f"{numbers.get(column.name) or _text(column)} AS c{i}" for i, column in enumerate(columns)
    )
    found = _fetched(opened, selected, rows) if columns else {}
    whole = count_rows(opened) if rows is None else len(rows)
    values = np.empty((len(found["c0"]) if columns else whole, len(columns)))
    categories: list[tuple[str, ...] | None] = []
    for i, name in enumerate(column.name for column in columns):
        read = found.pop(f"c{i}")
        if name in numbers:
            filled = np.ma.filled(np.ma.asarray(read, dtype=np.float64), np.nan)
            values[:, i] = np.clip(filled, -LARGEST, LARGEST)
            categories.append(None)
        else:
            values[:, i], known = _coded(np.asarray(read, dtype=object))
            categories.append(known)
    return Features(
        tuple(column.name for column in columns), values, tuple(categories), notes=(*idle, *notes)
    )


def read_texts(
    opened: Table, columns: Sequence[Column], *, rows: NDArray[np.int64] | None = None
) -> tuple[NDArray[Any], ...]:
    """Read columns of an open table as texts without blanks at the ends; missing cells are empty."""
    selected = ", ".join(f"{_text(column)} AS c{i}" for i, column in enumerate(columns))
    found = _fetched(opened, selected, rows)
    return tuple(np.asarray(found[f"c{i}"], dtype=object) for i in range(len(columns)))


def _numbers(opened: Table, columns: Sequence[Column]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return SQL for each column of numbers by its name, and sentences on texts that may be numbers.

    One pass is over the columns whose type does not tell; of texts some cells are looked at again.
    """
    numbers = {column.name: _number(column) for column in columns if column.kind in _NUMBERS}
    doubtful = [column for column in columns if column.kind in (Kind.TEXT, Kind.CELL)]
    if not doubtful:
        return numbers, ()
    unread = _unread(opened, {column.name: (column, _number(column)) for column in doubtful})
    numbers |= {column.name: _number(column) for column in doubtful if unread[column.name] == 0}
    texts = [column for column in doubtful if unread[column.name]]
    kinds = _kinds_of_texts(opened, texts)
    signed = [column for column in texts if kinds[column.name] == "signed"]
    if signed:
        unread = _unread(opened, {column.name: (column, _number(column, percent=True)) for column in signed})
        numbers |= {
            column.name: _number(column, percent=True) for column in signed if not unread[column.name]
        }
    notes = tuple(
        said.format(
            listed([quote(name) for name in named[:MOST_NAMED]] + ["others"] * (len(named) > MOST_NAMED))
        )
        for kind, said in _SAID.items()
        if (
            named := [
                column.name for column in texts if kinds[column.name] == kind and column.name not in numbers
            ]
        )
    )
    return numbers, notes


def _unread(opened: Table, asked: Mapping[str, tuple[Column, str]]) -> dict[str, int | None]:
    """Return for each column how many cells are neither empty nor numbers; None where all are empty."""
    sql = ", ".join(
        f"count(*) FILTER (WHERE {_text(column)} <> ''), "
        f"count(*) FILTER (WHERE {_text(column)} <> '' AND {number} IS NULL)"
        for column, number in asked.values()
    )
    (row,) = opened.rows(f"SELECT {sql} FROM {opened.source}")  # noqa: S608 - quoted
    return {name: row[2 * i + 1] if row[2 * i] else None for i, name in enumerate(asked)}


#: Rows whose texts are looked at again.
_LOOKED_AT: Final = 10_000
#: Columns that a sentence names.
MOST_NAMED: Final = 5
#: What is said of texts of each kind, and the least share of a column's cells that are of it.
_SAID: Final = {
    "decimals": (
        "Cells of {} have a comma within numbers and are taken as texts; give --decimal comma, or "
        "--thousands comma, where they are numbers."
    ),
    "points": "Cells of {} have a decimal point and are taken as texts beside --decimal comma.",
    "signed": "Only some cells of {} have a percent sign; they are taken as texts.",
    "marked": (
        "Most cells of {} are numbers, and the others make it texts; leave such cells empty where they are "
        "missing numbers."
    ),
}
_OF_ALL: Final = 0.5


def _kinds_of_texts(opened: Table, columns: Sequence[Column]) -> dict[str, str]:
    """Return for each column of texts what its cells look like, "" for texts."""
    if not columns:
        return {}
    patterns = {
        "decimals": r"[+-]?[\d. '\x{00a0}]*\d?,\d+",
        "points": r"[+-]?\d*\.\d+",
        "signed": r"[+-]?\d*[.,]?\d+ ?%",
    }
    counted = [
        f"count(*) FILTER (WHERE {condition})"
        for column in columns
        for condition in (
            f"{_text(column)} <> ''",
            f"{_number(column)} IS NOT NULL",
            *(
                f"{_number(column)} IS NULL AND regexp_full_match({_text(column)}, {literal(pattern)})"
                for pattern in patterns.values()
            ),
        )
    ]
    sql_of = ", ".join(dict.fromkeys(column.sql for column in columns))
    some = f"SELECT {sql_of} FROM {opened.source} LIMIT {_LOOKED_AT}"  # noqa: S608 - quoted
    (row,) = opened.rows(f"SELECT {', '.join(counted)} FROM ({some})")  # noqa: S608 - quoted
    kinds: dict[str, str] = {}
    width = 2 + len(patterns)
    for i, column in enumerate(columns):
        cells, read, *shaped = row[width * i : width * (i + 1)]
        kinds[column.name] = "marked" if read > _OF_ALL * cells else ""
        for kind, count in zip(patterns, shaped, strict=True):
            if count and count + read > _OF_ALL * cells:
                kinds[column.name] = kind
                break
    return kinds


def _with_something(
    opened: Table, columns: Sequence[Column], numbers: Mapping[str, str]
) -> tuple[list[Column], tuple[str, ...]]:
    """Return the columns but unnamed ones that are empty or number the rows, and a sentence on these."""
    unnamed = [column for column in columns if column.unnamed]
    if not unnamed:
        return list(columns), ()
    asked = ", ".join(
        f"count(*) FILTER (WHERE {_text(column)} <> ''), count(DISTINCT {numbers.get(column.name, 'NULL')}), "
        f"count(*) FILTER (WHERE {number} = floor({number}))"
        for column in unnamed
        if (number := numbers.get(column.name, "NULL::DOUBLE"))
    )
    (row,) = opened.rows(f"SELECT {asked}, count(*) FROM {opened.source}")  # noqa: S608 - quoted
    *found, rows = row
    said: dict[str, str] = {}
    for i, column in enumerate(unnamed):
        cells, different, whole = found[3 * i : 3 * i + 3]
        if not cells:
            said[column.name] = f"{quote(column.name)} is empty"
        elif cells == different == whole == rows:
            said[column.name] = f"{quote(column.name)} numbers the rows"
    notes = (
        (f"{listed(list(said.values())[:MOST_NAMED])}; such a column does not count as a feature.",)
        if said
        else ()
    )
    return [column for column in columns if column.name not in said], notes


def _fetched(opened: Table, selected: str, rows: NDArray[np.int64] | None) -> dict[str, Any]:
    """Return columns of all rows, or of some, which alone come into Python."""
    if rows is None:
        return opened.arrays(f"SELECT {selected} FROM {opened.source}", count=selected.count(" AS c"))  # noqa: S608 - quoted
    numbered = f"SELECT *, row_number() OVER () - 1 AS {_PLACE} FROM {opened.source}"  # noqa: S608 - quoted
    query = f"SELECT {selected} FROM ({numbered}) WHERE {_PLACE} IN (SELECT unnest(?)) ORDER BY {_PLACE}"  # noqa: S608
    return opened.arrays(query, [rows.tolist()], count=selected.count(" AS c"))


def _text(column: Column) -> str:
    return f"coalesce(trim(CAST({column.sql} AS VARCHAR)), '')"


def _number(column: Column, *, percent: bool = False) -> str:
    typed = column.kind not in (Kind.TEXT, Kind.CELL)
    number = (
        f"TRY_CAST({column.sql} AS DOUBLE)"
        if typed
        else cell_sql(column.sql, column.reading, percent=percent)
    )
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
