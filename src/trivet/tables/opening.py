"""Tables: how one is named, its schema, and how its rows, and no other file, are read.

A CSV file's types are not guessed: a guess looks at the rows, and a schema that one row can change
would betray it. Each cell is read as the number or text that the query needs, and one that is not a
number where a number is needed is missing. Only the header line decides on names and delimiter.

DuckDB opens the file in a child process with limits, and hands back answers alone.
"""

import hashlib
import hmac
import stat
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trivet.errors import DataError, UsageError
from trivet.tables.child import LARGEST_USUAL, Child, usual_child
from trivet.tables.csv_header import read_header
from trivet.tables.schema import Column, Kind, kind_of
from trivet.tables.sql_names import identifier
from trivet.wording import one_line, quoted, reason

__all__ = ["Table", "fingerprint", "open_table"]

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
                f"{quoted(self.name)} changed while it was read; read it again when nobody writes to it."
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
        self, sql: str, values: Sequence[object], columns: Sequence[Column], *, without_rows: bool = False
    ) -> list[list[Any]]:
        """Return the rows of answers to a query for some rows of the table at a time, which add up."""
        wanted = {column.sql for column in columns} or {self.columns[0].sql}
        places = [place for place, column in enumerate(self.columns) if column.sql in wanted]
        more = {"places": places, "without_rows": without_rows}
        return usual_child().ask(self._query("added up", sql, values) | more)

    def _query(self, what: str, sql: str, values: Sequence[object]) -> dict[str, Any]:
        known = {each: self.request[each] for each in ("path", "size")}
        return known | {"ask": what, "number": self.number, "name": self.name, "sql": sql, "values": values}


@contextmanager
def open_table(table: str | Path | Table, *, by_line: bool = False) -> Generator[Table]:
    """Open a table to read its schema, and its rows when they have been paid for; an open one stays so."""
    if isinstance(table, Table):
        yield table
        return
    before, colon, inner = str(table).rpartition(":")
    of_database = bool(colon) and before.lower().endswith(DATABASE_SUFFIXES)
    path = Path(before if of_database else table)
    kind = "database" if of_database else _kind_of(path)
    state = _state_of(path)
    size = state[0]
    names, delimiter = read_header(path) if kind == "csv" else ((), None)
    request = {
        "path": str(path.resolve()),
        "size": size,
        "kind": kind,
        "table": inner,
        "by_line": by_line,
        "width": len(names),
        "delimiter": delimiter,
    }
    child = usual_child()
    number, described = child.open(request)
    columns = tuple(Column(name, Kind.CELL, "a CSV cell", f"c{i}") for i, name in enumerate(names))
    columns = columns or tuple(_column(name, of) for name, of in described["columns"])
    name = f"{path.name}:{inner}" if of_database else path.name
    try:
        yield Table(name, path, state, columns, described["source"], number, request, delimiter)
    finally:
        child.ask({"ask": "close", "number": number, **request})


def fingerprint(path: Path, *, key: bytes) -> str:
    """Return the HMAC-SHA-256 of a file's bytes under a key, hexadecimal.

    A plain digest would let anyone who guesses all rows but one test guesses of that one.
    """
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
            f"{quoted(path.name)} is a database; name a table as FILE.duckdb:TABLE. It has {listed}."
        )
    if suffix not in (".csv", ".parquet"):
        raise UsageError(
            f"{quoted(path.name)} is not a table; expected a .csv or .parquet file, or FILE.duckdb:TABLE."
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
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{quoted(path.name)} is not a file; expected one, not a folder or a device.")
    return found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{quoted(path.name)} cannot be read: {error.strerror or reason(error)}.")
