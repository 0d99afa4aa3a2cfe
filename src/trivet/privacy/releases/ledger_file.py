"""File of a ledger: an SQLite database that is made whole, checked before each use, and never overwritten."""

import os
import secrets
import sqlite3
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from trivet.errors import DataError, UsageError
from trivet.wording import first_line, one_line
from trivet.work.bounded import kind_of
from trivet.work.result_files import DISK_ERRORS

__all__ = ["connect", "create_file", "require_ledger"]

#: "TRVL" in ASCII, in the header field that SQLite leaves to applications.
APPLICATION: Final = int.from_bytes(b"TRVL", "big")
FORMAT: Final = 2
_HEADER_BYTES: Final = 100
_MAGIC: Final = b"SQLite format 3\x00"
#: Read and write version of the header: a rollback journal, not a write-ahead log.
_ROLLBACK_JOURNAL: Final = b"\x01\x01"
#: Processes wait this long for each other, in seconds.
_PATIENCE: Final = 120.0

#: Held while a ledger is open. Closing any descriptor of a file drops all locks that the process has on
#: it, those of SQLite's connections in other threads too (https://www.sqlite.org/howtocorrupt.html,
#: section 2.2): one thread's look at the first bytes would let another process into a transaction.
_ALONE: Final = threading.RLock()

_BUDGET_TABLE: Final = (
    "CREATE TABLE budget (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL, "
    "created TEXT NOT NULL, adjacency TEXT NOT NULL, unit TEXT NOT NULL, parted_by TEXT NOT NULL, "
    "period TEXT NOT NULL, accounting TEXT NOT NULL, epsilon TEXT NOT NULL, delta TEXT NOT NULL, "
    "rho TEXT NOT NULL, past TEXT NOT NULL, fingerprint_key BLOB NOT NULL) STRICT"
)
_ENTRY_TABLE: Final = (
    "CREATE TABLE entry (number INTEGER PRIMARY KEY, time TEXT NOT NULL, table_name TEXT NOT NULL, "
    "fingerprint TEXT NOT NULL, query TEXT NOT NULL, asked TEXT NOT NULL, mechanism TEXT NOT NULL, "
    "scales TEXT NOT NULL, epsilon TEXT NOT NULL, delta TEXT NOT NULL, rho TEXT NOT NULL, "
    "gaussian INTEGER NOT NULL, within TEXT NOT NULL, state TEXT NOT NULL) STRICT"
)
_SCHEMA: Final = (_BUDGET_TABLE, _ENTRY_TABLE)
#: Tables of format 1.
_OLD_BUDGET_TABLE: Final = (
    "CREATE TABLE budget (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL, "
    "created TEXT NOT NULL, adjacency TEXT NOT NULL, unit TEXT NOT NULL, accounting TEXT NOT NULL, "
    "epsilon TEXT NOT NULL, delta TEXT NOT NULL, fingerprint_key BLOB NOT NULL) STRICT"
)
_OLD_ENTRY_TABLE: Final = (
    "CREATE TABLE entry (number INTEGER PRIMARY KEY, time TEXT NOT NULL, table_name TEXT NOT NULL, "
    "fingerprint TEXT NOT NULL, query TEXT NOT NULL, asked TEXT NOT NULL, mechanism TEXT NOT NULL, "
    "scales TEXT NOT NULL, epsilon TEXT NOT NULL, delta TEXT NOT NULL, state TEXT NOT NULL) STRICT"
)
#: Makes a ledger of format 1, of rows without rho, parts and periods, one of format 2.
_RENEWED: Final = (
    "ALTER TABLE budget RENAME TO old_budget",
    "ALTER TABLE entry RENAME TO old_entry",
    *_SCHEMA,
    (
        "INSERT INTO budget SELECT only, id, created, adjacency, '', '', '', accounting, epsilon, delta, "
        "'0', '[]', fingerprint_key FROM old_budget"
    ),
    (
        "INSERT INTO entry SELECT number, time, table_name, fingerprint, query, asked, mechanism, scales, "
        "epsilon, delta, '0', 0, '', state FROM old_entry"
    ),
    "DROP TABLE old_budget",
    "DROP TABLE old_entry",
    f"PRAGMA user_version = {FORMAT}",
)


def create_file(path: Path, budget: dict[str, str]) -> None:
    """Write a new ledger, whole or not at all, and over nothing."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO budget VALUES "
            "(1, :id, :created, :adjacency, :unit, :parted_by, :period, :accounting, :epsilon, :delta, :rho, "
            ":past, :key)",
            {**budget, "key": secrets.token_bytes(32)},
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.commit()
        content = connection.serialize()
    unfinished = path.with_name(f".trivet-{secrets.token_hex(8)}.tmp")
    try:
        try:
            # For the keeper of the data alone: the key of the fingerprints is in it.
            private = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(private, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            # A link, unlike a renaming, never takes the place of a file.
            path.hardlink_to(unfinished)
        finally:
            unfinished.unlink(missing_ok=True)
    except FileExistsError as error:
        raise UsageError(
            f"{one_line(path)} is there already and is left as it is; choose another file."
        ) from error
    except (OSError, ValueError) as error:
        kind = DataError if getattr(error, "errno", None) in DISK_ERRORS else UsageError
        raise kind(
            f"the ledger {one_line(path)} cannot be written: {_why(error)}. Choose another folder."
        ) from error


def require_ledger(path: Path) -> None:
    """Make sure that a file is a ledger and undamaged; its bytes stay as they are."""
    with _ALONE:
        if _require_header(path) < FORMAT:
            _renew(path)
        _require_readable(path)


def _renew(path: Path) -> None:
    """Bring a ledger of an earlier trivet up to date, whole or not at all."""
    with connect(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have been quicker.
        if connection.execute("PRAGMA user_version").fetchone() == (FORMAT,):
            connection.execute("ROLLBACK")
            return
        _require_content(connection, (_OLD_BUDGET_TABLE, _OLD_ENTRY_TABLE))
        for statement in _RENEWED:
            connection.execute(statement)
        connection.execute("COMMIT")


def _require_readable(path: Path) -> None:
    try:
        with closing(_connect(path, mode="ro")) as connection:
            connection.execute("PRAGMA query_only = ON")
            _require_content(connection, _SCHEMA)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_CANTOPEN):
            raise _unusable(path, error) from error
        # A process was killed while it wrote; SQLite takes its half-written page back when it may write.
        with connect(path) as connection:
            connection.execute("PRAGMA query_only = ON")
            _require_content(connection, _SCHEMA)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


@contextmanager
def connect(path: Path) -> Generator[sqlite3.Connection]:
    """Open a ledger for reading and writing; transactions are begun and ended by the caller."""
    try:
        with _ALONE, closing(_connect(path, mode="rw")) as connection:
            # Also sync the folder after the journal is removed: only then does a charge survive a loss
            # of power right after it (https://www.sqlite.org/pragma.html#pragma_synchronous).
            connection.execute("PRAGMA synchronous = EXTRA")
            yield connection
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def _connect(path: Path, *, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None)


def _require_header(path: Path) -> int:
    """Return the format of a ledger."""
    shown = one_line(path)
    try:
        if path.is_symlink():
            raise DataError(f"the ledger {shown} is a link; name the file that it leads to.")
        if not path.is_file():
            found = kind_of(path)
            what = "is not there" if found is None else f"is not a file but {found}"
            raise DataError(
                f"the ledger {shown} {what}; make one with `trivet privacy ledger FILE --create --epsilon E`."
            )
        with path.open("rb") as stream:
            header = stream.read(_HEADER_BYTES)
            names = os.fstat(stream.fileno()).st_nlink
    except (OSError, ValueError) as error:
        raise DataError(f"the ledger {shown} cannot be read: {_why(error)}.") from error
    foreign = f"{shown} is not a ledger of trivet"
    if len(header) < _HEADER_BYTES or header[:16] != _MAGIC:
        raise DataError(f"{foreign}: it is not an SQLite file. It was left as it is.")
    if int.from_bytes(header[68:72], "big") != APPLICATION:
        raise DataError(f"{foreign}: it is a database of another program. It was left as it is.")
    version = int.from_bytes(header[60:64], "big")
    if not 1 <= version <= FORMAT:
        raise DataError(
            f"the ledger {shown} has format {version}, and this trivet reads 1 to {FORMAT}; use the trivet "
            "that wrote it."
        )
    if names > 1:
        # SQLite finds the journal of an interrupted write by the file's name, and would not by another.
        raise DataError(
            f"the ledger {shown} has {names} names (hard links), and what one of them wrote could be lost "
            "under the other; remove the other, which may be called .trivet-*.tmp."
        )
    if header[18:20] != _ROLLBACK_JOURNAL:
        raise DataError(f"the ledger {shown} was changed by another program: it keeps a write-ahead log.")
    return version


def _require_content(connection: sqlite3.Connection, tables: tuple[str, ...]) -> None:
    checked = connection.execute("PRAGMA quick_check(1)").fetchone()
    if checked != ("ok",):
        raise sqlite3.DatabaseError(f"its pages are damaged ({one_line(checked[0])})")
    schema = connection.execute("SELECT sql FROM sqlite_schema ORDER BY rowid").fetchall()
    if schema != [(statement,) for statement in tables]:
        raise sqlite3.DatabaseError("its tables are not those of a ledger")
    if connection.execute("SELECT count(*) FROM budget").fetchone() != (1,):
        raise sqlite3.DatabaseError("it has no budget")


def _why(error: OSError | ValueError) -> str:
    return str(getattr(error, "strerror", None) or first_line(error))


def _unusable(path: Path, error: sqlite3.Error) -> DataError:
    shown = one_line(path)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DataError(f"the ledger {shown} is held by another process; try again when it is done.")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return DataError(
            f"the ledger {shown} or its folder cannot be written, so nothing can be charged; "
            "make both writable."
        )
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return DataError(
            f"the ledger {shown} could not be written: {first_line(error)}. Nothing was answered."
        )
    return DataError(f"the ledger {shown} is damaged: {first_line(error)}. It was left as it is.")
