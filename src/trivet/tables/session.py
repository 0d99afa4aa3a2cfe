"""The child's side of tables: opens files and databases with DuckDB and answers trivet's queries about them.

It runs in the process of `trivet.work.confined`, in which a file cannot harm more than its own reading.
"""

import json
import os
import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from trivet.errors import DataError
from trivet.tables.cell_kinds import survey
from trivet.tables.csv_lines import header_of, read_cells
from trivet.tables.reading import TooManyError, reading
from trivet.tables.unpacking import unpack
from trivet.tables.values import identifier, literal, plain, restored
from trivet.wording import first_line, one_line, quote

__all__ = ["answer"]

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


_SAFE: Final[dict[str, str | bool | int | float | list[str]]] = {
    "allow_community_extensions": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "1500MB",
    "temp_directory": "",
    "threads": str(min(4, os.cpu_count() or 1)),
}
#: An answer of more characters is handed over in a file.
_LONG: Final = 2**20
#: Columns of a CSV file that a question is about, where it takes all rows at once.
_GATHERED: Final = "rows_gathered"


@dataclass(frozen=True)
class _Opened:
    connection: duckdb.DuckDBPyConnection
    source: str
    request: Mapping[str, Any]


_opened: dict[int, _Opened] = {}


def answer(request: Mapping[str, Any], folder: Path) -> Any:
    """Open a table under a number, answer a query about the table of a number, or close it."""
    match request["ask"]:
        case "open":
            return _open(request, folder)
        case "close":
            closed = _opened.pop(request["number"], None)
            if closed is not None:
                closed.connection.close()
            return None
        case "list":
            with _connection() as connection:
                attach_database(connection, Path(request["path"]))
                return listed_tables(connection)
        case "unpack":
            return unpack(request, folder)
        case "survey":
            header = header_of(request)
            return _handed(survey(Path(request["path"]), header, request["places"]), folder)
        case _:
            return _queried(request, folder)


def _open(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    path, kind = Path(request["path"]), request["kind"]
    if kind == "csv" and request["by_line"]:  # its cells are handed over, and no query opens a file
        _opened[request["number"]] = _Opened(_cursor_without_files(), "", request)
        return {"source": "", "columns": []}
    connection = _connection(by_line=request["by_line"])
    try:
        columns: list[tuple[str, str]] = []
        if kind == "database":
            attach_database(connection, path)
            _lock(connection)
            source = find_table(connection, path, request["table"])
        else:
            named = _readable(path, folder, request["number"])
            # A path in SQL is a pattern: brackets make each special character mean itself.
            pattern = re.sub(r"([*?\[])", r"[\1]", named)
            connection.execute(f"SET allowed_paths = [{literal(named)}, {literal(pattern)}]")
            _lock(connection)
            source = (
                f"read_parquet({literal(pattern)}, hive_partitioning = false)"
                if kind == "parquet"
                else _csv_source(
                    pattern, request["width"], request["delimiter"], skipped=request["lines"] - 1
                )
            )
        if kind != "csv":
            described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 - quoted
            columns = [(name, of) for name, of, *_ in described]
    except (duckdb.Error, UnicodeError) as error:
        connection.close()
        # What DuckDB says of a file can quote what is in it.
        raise DataError(
            f"{quote(request.get('called', path.name))} cannot be read as {kind}: it is damaged or something "
            "else."
        ) from error
    except BaseException:
        connection.close()
        raise
    _opened[request["number"]] = _Opened(connection, source, request)
    return {"source": source, "columns": columns}


def _queried(request: Mapping[str, Any], folder: Path) -> Any:
    opened = _opened.get(request["number"])
    if opened is None:
        raise DataError("the process that read the table ended meanwhile; start again.")
    name, sql, values = request["name"], request["sql"], restored(request["values"])
    try:
        with reading(name, options=bool(opened.request.get("options"))):
            if request["ask"] == "arrays":
                return _written(opened.connection.execute(sql, values).fetchnumpy(), folder)
            if request["ask"] == "rows":
                return _handed(plain(opened.connection.execute(sql, values).fetchall()), folder)
            found: list[Any] = []
            for source, bound in _pieces(opened, request):
                query = f"WITH rows_asked AS (SELECT * FROM {source}) {sql}"  # noqa: S608 - quoted
                if request["without_rows"]:
                    # The query is bound to the schema and goes no further.
                    opened.connection.execute(f"DESCRIBE {query}", [*bound, *values])
                else:
                    found += opened.connection.execute(query, [*bound, *values]).fetchall()
            if request["whole"]:
                opened.connection.execute(f"DROP TABLE IF EXISTS {_GATHERED}")
            return _handed(plain(found), folder)
    except TooManyError as error:
        return {"too many": str(error)}


def _pieces(opened: _Opened, asked: Mapping[str, Any]) -> Generator[tuple[str, list[str]]]:
    """Yield SQL that stands for some rows, or for all, and the values that its marks stand for."""
    request, places = opened.request, asked["places"]
    if request["kind"] != "csv":
        yield opened.source, []
        return
    split = ", ".join(f"unnest(string_split(?, chr(10))) AS c{place}" for place in places)
    cells = ", ".join(f"nullif(c{place}, '') AS c{place}" for place in places)
    source = f"(SELECT {cells} FROM (SELECT {split}))"  # noqa: S608 - numbers of columns
    if asked["without_rows"]:
        yield source, [""] * len(places)
        return
    blocks = read_cells(Path(request["path"]), header_of(request), places=places)
    if not asked["whole"]:
        for block in blocks:
            yield source, block
        return
    columns = ", ".join(f"c{place} VARCHAR" for place in places)
    opened.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_GATHERED} ({columns})")
    for block in blocks:
        opened.connection.execute(f"INSERT INTO {_GATHERED} SELECT * FROM {source}", block)  # noqa: S608
    yield _GATHERED, []


def _handed(document: Any, folder: Path) -> Any:
    """Return an answer, or the name of a file that holds it where it is long."""
    text = json.dumps(document)
    if len(text) < _LONG:
        return document
    (folder / "rows").write_text(text, encoding="utf-8")
    return {"file": "rows"}


def _written(columns: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Write arrays to files; return for each its type, length and whether some values are masked."""
    described: dict[str, Any] = {}
    for place, (name, column) in enumerate(columns.items()):
        masked = np.ma.is_masked(column)
        if masked:
            np.ma.getmaskarray(column).tofile(folder / f"{place}.mask")
        values = np.ma.getdata(column)
        if values.dtype.kind in "biufM":
            np.ascontiguousarray(values).tofile(folder / f"{place}.values")
        else:
            texts = [
                None if each is None else str(each) for each in np.ma.filled(column.astype(object), None)
            ]
            (folder / f"{place}.values").write_text(json.dumps(texts), encoding="utf-8")
        kind = values.dtype.str if values.dtype.kind in "biufM" else "text"
        described[name] = {"type": kind, "length": len(values), "masked": bool(masked)}
    return described


def _connection(*, by_line: bool = False) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config=_SAFE)
    # A time with a zone is the same text on every machine.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    if by_line:
        # These believe what a file says of its rows.
        connection.execute("SET disabled_optimizers = 'filter_pushdown,statistics_propagation'")
    return connection


@cache
def _without_files() -> duckdb.DuckDBPyConnection:
    """Return what all tables share that open no file: a new one takes longer than most of their queries."""
    connection = _connection(by_line=True)
    _lock(connection)
    return connection


def _cursor_without_files() -> duckdb.DuckDBPyConnection:
    try:
        return _without_files().execute("SELECT 1").cursor()
    except duckdb.Error:  # a query before made it give up for good
        _without_files.cache_clear()
        return _without_files().cursor()


def _lock(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _readable(path: Path, folder: Path, number: int) -> str:
    """Return a path that DuckDB takes as it is: a link, where the file's own has a pattern or no UTF-8."""
    whole = str(path.resolve())
    if not re.search(r"[]*?\[\\\ud800-\udfff]", whole):
        return whole
    link = folder / f"{number}{path.suffix.lower()}"
    link.symlink_to(whole)
    return str(link)


def _csv_source(pattern: str, width: int, delimiter: str, *, skipped: int) -> str:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
    return (
        f"read_csv({literal(pattern)}, auto_detect = false, header = true, skip = {skipped}, "
        f"delim = {literal(delimiter)}, "
        f"quote = '\"', escape = '\"', compression = 'none', hive_partitioning = false, "
        f"columns = {{{columns}}})"
    )
