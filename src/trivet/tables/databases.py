"""Tables of a DuckDB file: attached read-only beside a catalogue of trivet's own, and named in full.

A file that DuckDB opens as its main database is searched for functions and types before DuckDB's own,
so that a macro called ``least`` would replace the clamp of a release.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import duckdb

from trivet.errors import DataError
from trivet.tables.values import identifier, literal
from trivet.wording import first_line, one_line, quote

__all__ = ["attach_database", "find_table", "listed_tables"]

#: Name of the attached file, which its own name does not change.
_FILE: Final = "trivet: the file"


def attach_database(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Attach a file to a connection whose main database is in memory."""
    journal = path.with_name(f"{path.name}.wal")
    if journal.exists():
        raise DataError(
            f"{quote(path.name)} has changes that are still in {quote(journal.name)}; close the program "
            "that writes it, or open it with DuckDB and run CHECKPOINT."
        )
    try:
        connection.execute(
            f"ATTACH {literal(str(path.resolve()))} AS {identifier(_FILE)} (READ_ONLY, TYPE duckdb)"
        )
    except (duckdb.Error, UnicodeError) as error:
        raise DataError(
            f"{quote(path.name)} cannot be opened as a DuckDB database: {first_line(error)}."
        ) from error
    # The mark of what is internal is the file's own word.
    own = connection.execute(
        "SELECT function_name, 'function' FROM duckdb_functions() WHERE database_name = $1 "
        "UNION ALL SELECT type_name, 'type' FROM duckdb_types() "
        "WHERE database_name = $1 AND NOT internal AND logical_type <> 'ENUM' ORDER BY ALL LIMIT 1",
        [_FILE],
    ).fetchone()
    if own is not None:
        raise DataError(
            f"{quote(path.name)} holds a {own[1]} of its own, {quote(own[0])}, which may change what a "
            "query means; copy the table into a file without any, such as a Parquet file."
        )


def find_table(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> str:
    """Return SQL for a table of the attached file."""
    known = _tables_of(connection)
    found = [known[called] for called in dict.fromkeys((name, f"main.{name}")) if called in known]
    if not found:
        raise DataError(
            f"{quote(path.name)} has no table {quote(name)}; it has {_listed(known)}. A view "
            "cannot be taken: one row of it need not be one row of the data."
        )
    if len(found) > 1:
        raise DataError(f"two tables of the database are called {quote(name)}; rename one.")
    _require_stored_columns(connection, found[0])
    return ".".join(map(identifier, found[0]))


def listed_tables(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the names of all tables, for a message."""
    return _listed(_tables_of(connection))


def _tables_of(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    """Return the database, schema and name of each table, by the name that a user writes."""
    rows: list[tuple[str, ...]] = connection.execute(
        "SELECT database_name, schema_name, table_name FROM duckdb_tables() "
        "WHERE database_name = $1 ORDER BY ALL",
        [_FILE],
    ).fetchall()
    tables: dict[str, tuple[str, ...]] = {}
    for parts in rows:
        called = ".".join(parts[1:])
        if called in tables:
            raise DataError(f"two tables of the database are called {quote(called)}; rename one.")
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
            f"the table {quote(parts[-1])} has a generated column, {quote(computed[0])}; copy the table "
            "into one that holds its values."
        )


def _listed(tables: Iterable[str]) -> str:
    return one_line(", ".join(tables) or "none", limit=200)
