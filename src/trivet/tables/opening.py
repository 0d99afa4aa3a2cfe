"""Tables: how one is named, its schema, and how its rows, and no other file, are read.

A CSV file's types are not guessed: a guess looks at the rows, and a schema that one row can change
would betray it. Each cell is read as the number or text that the query needs, and one that is not a
number where a number is needed is missing. Only the header line decides on names and delimiter.

DuckDB opens the file in a child process with limits, and hands back answers alone.
"""

import difflib
import hashlib
import hmac
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from trivet.errors import DataError, UsageError
from trivet.tables.child import LARGEST_USUAL, Child, usual_child
from trivet.tables.header import read_header
from trivet.tables.settings import AS_USUAL, Reading
from trivet.tables.values import identifier
from trivet.wording import first_line, one_line, quote
from trivet.work.bounded import FILE, kind_of_mode

__all__ = [
    "Column",
    "Kind",
    "Table",
    "find_column",
    "fingerprint",
    "is_nan",
    "kind_of",
    "open_table",
    "require_no_swallowed_rows",
    "table_file",
]


class Kind(StrEnum):
    """Type of a column's values."""

    INTEGER = "whole numbers"
    DECIMAL = "decimal numbers"
    FLOAT = "floating-point numbers"
    TEXT = "text"
    BOOLEAN = "true or false"
    DATE = "dates"
    TIMESTAMP = "dates with a time"
    #: A cell of a CSV file, which is a number or a text as the query asks.
    CELL = "cells of a CSV file"
    OTHER = "something else"


_KINDS: Final = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), Kind.INTEGER),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), Kind.INTEGER),
    **dict.fromkeys(("FLOAT", "DOUBLE"), Kind.FLOAT),
    **dict.fromkeys(("VARCHAR", "UUID"), Kind.TEXT),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), Kind.TIMESTAMP),
    "TIMESTAMP WITH TIME ZONE": Kind.TIMESTAMP,
    "DATE": Kind.DATE,
    "BOOLEAN": Kind.BOOLEAN,
}


@dataclass(frozen=True)
class Column:
    """One column; `reading` is of cells, and one that is derived is made of others."""

    name: str
    kind: Kind
    type: str
    sql: str
    reading: Reading = AS_USUAL
    derived: bool = False


def kind_of(duckdb_type: str) -> Kind:
    """Return what the values of a DuckDB type are."""
    if duckdb_type.startswith("ENUM(") and duckdb_type.endswith(")"):
        return Kind.TEXT
    if duckdb_type.startswith("DECIMAL(") and duckdb_type.endswith(")"):
        return Kind.DECIMAL
    return _KINDS.get(duckdb_type, Kind.OTHER)


def find_column(columns: tuple[Column, ...], name: str) -> Column:
    """Return the column of exactly this name."""
    for column in columns:
        if column.name == name:
            return column
    by_folded = {column.name.casefold(): column.name for column in columns}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(quote(by_folded[each]) for each in near)}?"
    else:
        names = ", ".join(quote(column.name) for column in columns)
        hint = f"it has {one_line(names, limit=200)}."
    raise UsageError(f"the table has no column {quote(name)}; {hint}")


DATABASE_SUFFIXES: Final = (".duckdb", ".ddb")
#: Of an array, of DuckDB's answer before it becomes one, and of a copy.
_BYTES_A_CELL: Final = 24


@dataclass(frozen=True)
class Table:
    """An open table; `state` is the file's when it was opened."""

    name: str
    path: Path
    state: tuple[int, ...]
    columns: tuple[Column, ...]
    source: str
    number: int
    request: Mapping[str, Any]
    delimiter: str | None = None

    def require_unchanged(self) -> None:
        """Raise a DataError if the file is not the one that was opened, or was written to."""
        if _state_of(self.path) != self.state:
            raise DataError(
                f"{quote(self.name)} changed while it was read; read it again when nobody writes to it."
            )

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[list[Any]]:
        """Return the rows of a query's answer."""
        return usual_child().ask(self._query("rows", sql, values))

    def arrays(self, sql: str, values: Sequence[object] = (), *, count: int) -> dict[str, Any]:
        """Return the columns of a query's answer as arrays, masked where a value is missing."""
        ((rows,),) = self.rows(f"SELECT count(*) FROM {self.source}")  # noqa: S608 - quoted
        needed = int(rows) * count * _BYTES_A_CELL // 2**20
        if needed <= LARGEST_USUAL:
            return usual_child().arrays(self._query("arrays", sql, values))
        child = Child(extra_mib=needed)
        try:
            number, _ = child.open(self.request)
            return child.arrays(self._query("arrays", sql, values) | {"number": number})
        finally:
            child.close()

    def added_up(
        self,
        sql: str,
        values: Sequence[object],
        columns: Sequence[Column],
        *,
        without_rows: bool = False,
        whole: bool = False,
    ) -> list[list[Any]]:
        """Return the rows of answers to a query for some rows of the table at a time, which add up.

        With `whole` there is one answer, for all rows at once.
        """
        wanted = {column.sql for column in columns} or {self.columns[0].sql}
        places = [place for place, column in enumerate(self.columns) if column.sql in wanted]
        more = {"places": places, "without_rows": without_rows, "whole": whole}
        return usual_child().ask(self._query("added up", sql, values) | more)

    def survey(self, columns: Sequence[Column]) -> dict[str, Any]:
        """Return what `trivet.tables.cell_kinds` finds in a CSV file, of some of its columns."""
        places = [place for place, column in enumerate(self.columns) if column in columns]
        return usual_child().ask({**self.request, "ask": "survey", "places": places})

    def _query(self, what: str, sql: str, values: Sequence[object]) -> dict[str, Any]:
        known = {each: self.request[each] for each in ("path", "size")}
        return known | {"ask": what, "number": self.number, "name": self.name, "sql": sql, "values": values}


@contextmanager
def open_table(
    table: str | Path | Table, *, by_line: bool = False, reading: Reading | None = None
) -> Generator[Table]:
    """Open a table to read its schema, and its rows when they have been paid for; an open one stays so.

    Where each line is a row, a reading says what its cells mean.
    """
    if isinstance(table, Table):
        yield table
        return
    before, colon, inner = str(table).rpartition(":")
    of_database = bool(colon) and before.lower().endswith(DATABASE_SUFFIXES)
    path = Path(before if of_database else table)
    kind = "database" if of_database else _kind_of(path)
    state = _state_of(path)
    size = state[0]
    reading = reading or AS_USUAL
    if kind != "csv" and reading.options:
        raise UsageError(
            f"{' '.join(reading.options)} is for CSV files; the columns of {quote(path.name)} have types."
        )
    header = read_header(path, reading if by_line else None) if kind == "csv" else None
    names = () if header is None else header.names
    request = {
        "path": str(path.resolve()),
        "size": size,
        "kind": kind,
        "table": inner,
        "by_line": by_line,
        "width": len(names),
        **({} if header is None else asdict(header)),
    }
    child = usual_child()
    number, described = child.open(request)
    columns = tuple(Column(name, Kind.CELL, "a CSV cell", f"c{i}", reading) for i, name in enumerate(names))
    columns = columns or tuple(_column(name, of) for name, of in described["columns"])
    name = f"{path.name}:{inner}" if of_database else path.name
    try:
        delimiter = None if header is None else header.delimiter
        yield Table(name, path, state, columns, described["source"], number, request, delimiter)
    finally:
        child.ask({"ask": "close", "number": number, **request})


def fingerprint(path: Path, *, key: bytes) -> str:
    """Return the HMAC-SHA-256 of a file's bytes under a key, hexadecimal."""
    # A plain digest would let anyone who guesses all rows but one test guesses of that one.
    try:
        with path.open("rb") as stream:
            digest = hmac.new(key, digestmod=hashlib.sha256)
            while block := stream.read(2**20):
                digest.update(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def _kind_of(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in DATABASE_SUFFIXES:
        size, *_ = _state_of(path)
        listed = usual_child().ask({"ask": "list", "path": str(path.resolve()), "size": size})
        raise UsageError(
            f"{quote(path.name)} is a database; name a table as FILE.duckdb:TABLE. It has {listed}."
        )
    if suffix not in (".csv", ".parquet"):
        raise UsageError(
            f"{quote(path.name)} is not a table; expected a .csv or .parquet file, or FILE.duckdb:TABLE."
        )
    return suffix[1:]


def _column(name: str, of: str) -> Column:
    # An ENUM's type lists its values, which may have been taken from the rows.
    return Column(name, kind_of(of), "ENUM" if of.startswith("ENUM(") else of, identifier(name))


def _state_of(path: Path) -> tuple[int, ...]:
    """Return the bytes of a file, and what else changes with it, or say what else it is."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"the table {one_line(path)} is not there; check the path.") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        raise DataError(f"the table {one_line(path)} is not there: no path holds this.") from error
    if (kind := kind_of_mode(found.st_mode)) != FILE:
        raise DataError(f"the table {one_line(path)} is not a file but {kind}; check the path.")
    return found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{quote(path.name)} cannot be read: {error.strerror or first_line(error)}.")


def is_nan(number: str) -> str:
    """Return SQL for whether a DOUBLE is NaN."""
    # The bounds that a Parquet file states of a column leave NaN out, and DuckDB takes their word:
    # ``isnan(x)``, and a comparison with NaN, are false there without a look at the rows.
    return f"(NOT isfinite({number}) AND {number} <> DOUBLE 'inf' AND {number} <> DOUBLE '-inf')"


#: Cells that are looked at, of those that have as many delimiters as the lines in them would need.
_LOOKED_AT: Final = 1_000


def require_no_swallowed_rows(table: Table, column: str | None, is_value: Callable[[str], bool]) -> None:
    """Refuse a CSV file of which a cell holds whole rows between its quotation marks."""
    # A quotation mark before a cell and one some lines below make a well-formed file with fewer rows. Such a
    # cell differs from text of more than one line by its delimiters: each whole line has all, and the first
    # and the last have those that their place leaves. In a column of few values, values are compared too.
    columns = [each for each in table.columns if not each.derived]
    width = len(columns)
    if table.delimiter is None or width == 1:
        return
    place = next((i for i, each in enumerate(columns) if each.name == column), None)
    suspects = " OR ".join(_suspect(each.sql, table.delimiter, width) for each in columns)
    sql = f"SELECT * FROM {table.source} WHERE {suspects} LIMIT {_LOOKED_AT}"  # noqa: S608 - no text of others
    for row in table.rows(sql):
        for i, cell in enumerate(row):
            lines = (cell or "").split("\n")
            if _has_rows(lines, i, place, table.delimiter, width, is_value):
                name = quote(columns[i].name)
                raise DataError(
                    f"a cell of {name} in {quote(table.name)} holds {len(lines):,} lines that look like "
                    "rows, between two quotation marks; remove these, or write two for one in a cell."
                )


def _suspect(sql: str, delimiter: str, width: int) -> str:
    # The length of bytes is known without counting characters, and both are single bytes.
    def count(character: str) -> str:
        return f"(strlen({sql}) - strlen(replace({sql}, {character}, '')))"

    breaks, delimiters = count("chr(10)"), count(f"chr({ord(delimiter)})")
    return f"(contains({sql}, chr(10)) AND {delimiters} = {width - 1} * {breaks})"


def _has_rows(
    lines: Sequence[str],
    place: int,
    known: int | None,
    delimiter: str,
    width: int,
    is_value: Callable[[str], bool],
) -> bool:
    """Return True if the lines of a cell, in the column at `place`, are those of rows."""
    expected = [width - 1 - place, *[width - 1] * (len(lines) - 2), place]
    if len(lines) == 1 or [line.count(delimiter) for line in lines] != expected:
        return False
    if known is None or known == place:
        return True
    own = lines[0].split(delimiter)[known - place] if known > place else lines[-1].split(delimiter)[known]
    return is_value(own)


@contextmanager
def table_file(table: Any) -> Generator[str | Path]:
    """Yield the path of a table's file; a data frame is written to one that goes afterwards."""
    if isinstance(table, str | Path):
        yield table
        return
    import narwhals as nw  # noqa: PLC0415 - files need none of it

    try:
        frame = nw.from_native(table)
    except TypeError as error:
        raise UsageError(
            f"a table is the path of a file or a data frame; found {quote(type(table).__name__)}."
        ) from error
    with TemporaryDirectory(prefix="trivet-") as folder:
        path = Path(folder) / "frame.parquet"
        try:
            whole = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
            whole.write_parquet(path)
        except ImportError as error:
            raise UsageError(
                f"a frame is handed on as Parquet, and that needs another package: {one_line(error)}."
            ) from error
        except Exception as error:
            raise DataError(f"the frame cannot be written as Parquet: {first_line(error)}.") from error
        yield path
