"""Which table is meant, what its schema is, and how its rows are read, and no other file.

A CSV file's types are not guessed: a guess looks at the rows, and a schema that one row can change
would betray it. Each cell is a number or a text as the query asks, and one that is no number where a
number is asked is missing. Only the header line decides on names and delimiter.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from trivet.errors import DataError, UsageError
from trivet.tables.csv_header import read_header
from trivet.tables.schema import Column, Kind, kind_of
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
    """

    name: str
    path: Path
    columns: tuple[Column, ...]
    source: str
    connection: duckdb.DuckDBPyConnection
    delimiter: str | None = None


@contextmanager
def open_table(table: str | Path, *, ordered: bool = False) -> Generator[Table]:
    """Open a table to read its schema, and its rows when they have been paid for.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE.
    ordered
        Whether rows come in the order of the file, which a sum or a count does not need.

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
        opened = _open_file(Path(table), ordered=ordered)
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


def _open_file(path: Path, *, ordered: bool) -> Table:
    suffix = path.suffix.lower()
    if suffix in DATABASE_SUFFIXES:
        with _connect_database(path) as connection:
            listed = _listed(_tables_of(connection))
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
        connection.execute(f"SET allowed_paths = [{_literal(whole)}, {_literal(pattern)}]")
        _lock(connection)
        if names is None:
            source = f"read_parquet({_literal(pattern)}, hive_partitioning = false)"
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
    return Table(path.name, path, columns, source, connection, None if names is None else names[1])


def _open_database(path: Path, table: str, *, ordered: bool) -> Table:
    connection = _connect_database(path, ordered=ordered)
    try:
        known = _tables_of(connection)
        parts = known.get(table) or known.get(f"main.{table}")
        if parts is None:
            raise DataError(  # noqa: TRY301 - the connection is closed below, whatever happened
                f"{quoted(path.name)} has no table {quoted(table)}; it has {_listed(known)}. A view is no "
                "table: one row of it need not be one row of the data."
            )
        _require_stored_columns(connection, parts)
        found = ".".join(map(_identifier, parts))
        return Table(f"{path.name}:{table}", path, _described(connection, found), found, connection)
    except duckdb.Error as error:
        connection.close()
        raise DataError(f"{quoted(path.name)} cannot be read: it is damaged.") from error
    except BaseException:
        connection.close()
        raise


def _tables_of(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    """Return the database, schema and name of each table, by the name that a user writes.

    Raises
    ------
    DataError
        Two tables have the same name as a user writes it.
    """
    rows: list[tuple[str, ...]] = connection.execute(
        "SELECT database_name, schema_name, table_name FROM duckdb_tables() "
        "WHERE NOT internal AND NOT temporary ORDER BY ALL"
    ).fetchall()
    tables: dict[str, tuple[str, ...]] = {}
    for parts in rows:
        called = ".".join(parts[1:])
        if called in tables:
            raise DataError(f"two tables of the database are called {quoted(called)}; rename one.")
        tables[called] = parts
    return tables


def _require_stored_columns(connection: duckdb.DuckDBPyConnection, parts: tuple[str, ...]) -> None:
    """Refuse columns that are computed when they are read: whether that fails can depend on one row."""
    computed = connection.execute(
        "SELECT column_name FROM duckdb_columns() "
        "WHERE is_generated AND database_name = ? AND schema_name = ? AND table_name = ?",
        list(parts),
    ).fetchone()
    if computed is not None:
        raise DataError(
            f"the table {quoted(parts[-1])} has a generated column, {quoted(computed[0])}; copy the table "
            "into one that holds its values."
        )


def _listed(tables: Iterable[str]) -> str:
    return one_line(", ".join(tables) or "none", limit=200)


def _connect_database(path: Path, *, ordered: bool = False) -> duckdb.DuckDBPyConnection:
    _require_file(path)
    try:
        connection = _connect(path.resolve(), ordered=ordered)
    except (duckdb.Error, UnicodeError) as error:
        raise DataError(
            f"{quoted(path.name)} cannot be opened as a DuckDB database: {reason(error)}."
        ) from error
    _lock(connection)
    return connection


def _connect(database: Path | None = None, *, ordered: bool) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        ":memory:" if database is None else str(database),
        read_only=database is not None,
        config={**_SAFE, "preserve_insertion_order": str(ordered).lower()},
    )


def _lock(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _described(connection: duckdb.DuckDBPyConnection, source: str) -> tuple[Column, ...]:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 - quoted
    # An ENUM's type lists its values, which may have been taken from the rows.
    return tuple(
        Column(name, kind_of(of), "ENUM" if of.startswith("ENUM(") else of, _identifier(name))
        for name, of, *_ in rows
    )


def _csv_source(pattern: str, names: tuple[str, ...], delimiter: str) -> str:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(names)))
    return (
        f"read_csv({_literal(pattern)}, auto_detect = false, header = true, delim = {_literal(delimiter)}, "
        f"quote = '\"', escape = '\"', compression = 'none', hive_partitioning = false, "
        f"columns = {{{columns}}})"
    )


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"the table {one_line(path)} is not there; check the path.")


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{quoted(path.name)} cannot be read: {error.strerror}.")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
