"""Which table is meant, what its schema is, and how its rows are read, and no other file.

A CSV file's types are not guessed: a guess looks at the rows, and a schema that one row can change
would betray it. Each cell is a number or a text as the query asks, and one that is no number where a
number is asked is missing. Only the header line decides on names and delimiter.
"""

import hashlib
import hmac
import os
import re
import stat
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from trivet.errors import DataError, UsageError
from trivet.tables.csv_header import read_header
from trivet.tables.csv_lines import read_cells
from trivet.tables.databases import attach_database, find_table, listed_tables
from trivet.tables.reading import reading
from trivet.tables.schema import Column, Kind, kind_of
from trivet.tables.sql_names import identifier, literal
from trivet.wording import one_line, quoted, reason

__all__ = ["Table", "fingerprint", "open_table"]

DATABASE_SUFFIXES: Final = (".duckdb", ".ddb")
_SAFE: Final[Mapping[str, str | bool | int | float | list[str]]] = {
    "allow_community_extensions": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "2GB",
    "temp_directory": "",
    "threads": str(min(4, os.cpu_count() or 1)),
}


@dataclass(frozen=True)
class Table:
    """An open table.

    Attributes
    ----------
    name
        Name of the file without its folder; of a database, with the table after a colon.
    path
        The file.
    columns
        Its schema.
    source
        SQL that stands for its rows.
    connection
        Reads this file and no other.
    delimiter
        Of a CSV file, the character between its cells.
    by_line
        Whether each line of a CSV file is a row, and is read by `added_up` alone.
    """

    name: str
    path: Path
    columns: tuple[Column, ...]
    source: str
    connection: duckdb.DuckDBPyConnection
    delimiter: str | None = None
    by_line: bool = False

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query's answer.

        Raises
        ------
        DataError
            If the file's rows cannot be read, or, as `TooManyError`, there is no memory for the answer.
        """
        with reading(self.name):
            return self.connection.execute(sql, list(values)).fetchall()

    def arrays(self, sql: str, values: Sequence[object] = ()) -> dict[str, Any]:
        """Return the columns of a query's answer as arrays, masked where a value is missing.

        Raises
        ------
        DataError
            As `rows`.
        """
        with reading(self.name):
            return self.connection.execute(sql, list(values)).fetchnumpy()

    def added_up(
        self, sql: str, values: Sequence[object], columns: Sequence[Column], *, without_rows: bool = False
    ) -> list[tuple[Any, ...]]:
        """Return the rows of answers to a query for some rows of the table at a time, which add up.

        Parameters
        ----------
        sql
            Reads from ``rows_asked``.
        values
            What the marks in `sql` stand for.
        columns
            Those that it reads.
        without_rows
            Whether the table is taken to be empty, to see whether the query fits the schema.
        """
        found: list[tuple[Any, ...]] = []
        for source, bound in self._pieces(columns, without_rows=without_rows):
            query = f"WITH rows_asked AS (SELECT * FROM {source}) {sql}"  # noqa: S608 - quoted
            found += self.connection.execute(query, [*bound, *values]).fetchall()
        return found

    def _pieces(self, columns: Sequence[Column], *, without_rows: bool) -> Generator[tuple[str, list[str]]]:
        """Yield SQL that stands for some rows, and the values that its marks stand for."""
        if not self.by_line:
            yield f"(SELECT * FROM {self.source} LIMIT 0)" if without_rows else self.source, []  # noqa: S608
            return
        assert self.delimiter is not None
        wanted = [column.sql for column in columns] or [self.columns[0].sql]
        places = [place for place, column in enumerate(self.columns) if column.sql in wanted]
        split = ", ".join(f"unnest(string_split(?, chr(10))) AS c{place}" for place in places)
        cells = ", ".join(f"nullif(c{place}, '') AS c{place}" for place in places)
        source = f"(SELECT {cells} FROM (SELECT {split}))"  # noqa: S608 - numbers of columns
        if without_rows:
            yield f"(SELECT * FROM {source} LIMIT 0)", [""] * len(places)  # noqa: S608
            return
        width = len(self.columns)
        for block in read_cells(self.path, width=width, delimiter=self.delimiter, places=places):
            yield source, block


@contextmanager
def open_table(table: str | Path, *, ordered: bool = False, by_line: bool = False) -> Generator[Table]:
    """Open a table to read its schema, and its rows when they have been paid for.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE.
    ordered
        Whether rows come in the order of the file, which a sum or a count does not need.
    by_line
        Whether each line of a CSV file is a row, as `trivet.tables.csv_lines` has it.

    Raises
    ------
    UsageError
        If no such kind of table is known.
    DataError
        If the file is missing or not what its name says.
    """
    before, colon, inner = str(table).rpartition(":")
    if colon and before.lower().endswith(DATABASE_SUFFIXES):
        opened = _open_database(Path(before), inner, ordered=ordered)
    else:
        opened = _open_file(Path(table), ordered=ordered, by_line=by_line)
    try:
        yield opened
    finally:
        opened.connection.close()


def fingerprint(path: Path, *, key: bytes) -> str:
    """Return the HMAC-SHA-256 of a file's bytes under a key, hexadecimal.

    A plain digest would let anyone who guesses all rows but one test guesses of that one.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            digest = hmac.new(key, digestmod=hashlib.sha256)
            while block := stream.read(2**20):
                digest.update(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def _open_file(path: Path, *, ordered: bool, by_line: bool) -> Table:
    suffix = path.suffix.lower()
    if suffix in DATABASE_SUFFIXES:
        with _connect_database(path) as connection:
            listed = listed_tables(connection)
        raise UsageError(
            f"{quoted(path.name)} is a database; name a table as FILE.duckdb:TABLE. It has {listed}."
        )
    if suffix not in (".csv", ".parquet"):
        raise UsageError(
            f"{quoted(path.name)} is no table; expected a .csv or .parquet file, or FILE.duckdb:TABLE."
        )
    _require_file(path)
    names = read_header(path) if suffix == ".csv" else None
    connection = _connect(ordered=ordered)
    try:
        whole = str(path.resolve())
        # A path in SQL is a pattern: brackets make each special character mean itself.
        pattern = re.sub(r"([*?\[])", r"[\1]", whole)
        connection.execute(f"SET allowed_paths = [{literal(whole)}, {literal(pattern)}]")
        _lock(connection)
        if names is None:
            source = f"read_parquet({literal(pattern)}, hive_partitioning = false)"
            columns = _described(connection, source)
        else:
            source = _csv_source(pattern, *names)
            columns = tuple(Column(name, Kind.CELL, "a CSV cell", f"c{i}") for i, name in enumerate(names[0]))
    except (duckdb.Error, UnicodeError) as error:
        connection.close()
        # What DuckDB says of a file can quote what is in it.
        raise DataError(
            f"{quoted(path.name)} cannot be read as {suffix[1:]}: it is damaged or something else."
        ) from error
    except BaseException:
        connection.close()
        raise
    if names is None:
        return Table(path.name, path, columns, source, connection)
    return Table(path.name, path, columns, source, connection, names[1], by_line)


def _open_database(path: Path, table: str, *, ordered: bool) -> Table:
    connection = _connect_database(path, ordered=ordered)
    try:
        found = find_table(connection, path, table)
        return Table(f"{path.name}:{table}", path, _described(connection, found), found, connection)
    except duckdb.Error as error:
        connection.close()
        raise DataError(f"{quoted(path.name)} cannot be read: it is damaged.") from error
    except BaseException:
        connection.close()
        raise


def _connect_database(path: Path, *, ordered: bool = False) -> duckdb.DuckDBPyConnection:
    _require_file(path)
    connection = _connect(ordered=ordered)
    try:
        attach_database(connection, path)
        _lock(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(*, ordered: bool) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={**_SAFE, "preserve_insertion_order": str(ordered).lower()})


def _lock(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _described(connection: duckdb.DuckDBPyConnection, source: str) -> tuple[Column, ...]:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 - quoted
    # An ENUM's type lists its values, which may have been taken from the rows.
    return tuple(
        Column(name, kind_of(of), "ENUM" if of.startswith("ENUM(") else of, identifier(name))
        for name, of, *_ in rows
    )


def _csv_source(pattern: str, names: tuple[str, ...], delimiter: str) -> str:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(names)))
    return (
        f"read_csv({literal(pattern)}, auto_detect = false, header = true, delim = {literal(delimiter)}, "
        f"quote = '\"', escape = '\"', compression = 'none', hive_partitioning = false, "
        f"columns = {{{columns}}})"
    )


def _require_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"the table {one_line(path)} is not there; check the path.") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        raise DataError(f"the table {one_line(path)} is not there: no path holds this.") from error
    if not stat.S_ISREG(mode):
        raise DataError(f"{quoted(path.name)} is no file; expected one, not a folder or a device.")


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{quoted(path.name)} cannot be read: {error.strerror or reason(error)}.")
