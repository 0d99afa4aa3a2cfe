"""Ledger: a budget in a file that is charged before an answer is computed."""

import json
import math
import os
import re
import secrets
import sqlite3
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from sqlite3 import Connection
from typing import Final, cast, get_args

from trivet.errors import DataError, UsageError
from trivet.privacy.adjacency import Adjacency
from trivet.privacy.planning.settings import AdjacencyName
from trivet.privacy.releases.question import Amount, as_text, exact, require_delta, require_epsilon, written
from trivet.privacy.releases.results import ANSWERED, CHARGED, Accounting, LedgerEntry, LedgerState
from trivet.settings import require
from trivet.wording import first_line, one_line
from trivet.work.bounded import kind_of
from trivet.work.result_files import DISK_ERRORS

__all__ = [
    "Asked",
    "Charge",
    "Ledger",
    "append_entry",
    "connect",
    "create_file",
    "create_ledger",
    "fits_basic",
    "fits_pld",
    "left_pld",
    "open_ledger",
    "read_entries",
    "require_ledger",
    "spent_pld",
    "total",
]

#: "TRVL" in ASCII, in the header field that SQLite leaves to applications.
APPLICATION: Final = int.from_bytes(b"TRVL", "big")
FORMAT: Final = 1
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
    "created TEXT NOT NULL, adjacency TEXT NOT NULL, unit TEXT NOT NULL, accounting TEXT NOT NULL, "
    "epsilon TEXT NOT NULL, delta TEXT NOT NULL, fingerprint_key BLOB NOT NULL) STRICT"
)
_ENTRY_TABLE: Final = (
    "CREATE TABLE entry (number INTEGER PRIMARY KEY, time TEXT NOT NULL, table_name TEXT NOT NULL, "
    "fingerprint TEXT NOT NULL, query TEXT NOT NULL, asked TEXT NOT NULL, mechanism TEXT NOT NULL, "
    "scales TEXT NOT NULL, epsilon TEXT NOT NULL, delta TEXT NOT NULL, state TEXT NOT NULL) STRICT"
)
_SCHEMA: Final = (_BUDGET_TABLE, _ENTRY_TABLE)


def create_file(path: Path, budget: dict[str, str]) -> None:
    """Write a new ledger, whole or not at all, and over nothing."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO budget VALUES "
            "(1, :id, :created, :adjacency, :unit, :accounting, :epsilon, :delta, :key)",
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
        _require_header(path)
        _require_readable(path)


def _require_readable(path: Path) -> None:
    try:
        with closing(_connect(path, mode="ro")) as connection:
            _require_content(connection)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_CANTOPEN):
            raise _unusable(path, error) from error
        # A process was killed while it wrote; SQLite takes its half-written page back when it may write.
        with connect(path) as connection:
            _require_content(connection)
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


def _require_header(path: Path) -> None:
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
    if version != FORMAT:
        raise DataError(
            f"the ledger {shown} has format {version}, and this trivet reads {FORMAT}; use the trivet that "
            "wrote it."
        )
    if names > 1:
        # SQLite finds the journal of an interrupted write by the file's name, and would not by another.
        raise DataError(
            f"the ledger {shown} has {names} names (hard links), and what one of them wrote could be lost "
            "under the other; remove the other, which may be called .trivet-*.tmp."
        )
    if header[18:20] != _ROLLBACK_JOURNAL:
        raise DataError(f"the ledger {shown} was changed by another program: it keeps a write-ahead log.")


def _require_content(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")
    checked = connection.execute("PRAGMA quick_check(1)").fetchone()
    if checked != ("ok",):
        raise sqlite3.DatabaseError(f"its pages are damaged ({one_line(checked[0])})")
    schema = connection.execute("SELECT sql FROM sqlite_schema ORDER BY rowid").fetchall()
    if schema != [(statement,) for statement in _SCHEMA]:
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


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Purpose of a charge, as the ledger stores it; fields as in `LedgerEntry`."""

    table: str
    fingerprint: str
    query: str
    asked: str
    mechanism: str
    scales: tuple[float, ...]
    epsilon: str
    delta: str


def append_entry(connection: sqlite3.Connection, asked: Asked) -> int:
    """Write an entry within the caller's transaction, and return its number."""
    cursor = connection.execute(
        "INSERT INTO entry (time, table_name, fingerprint, query, asked, mechanism, scales, epsilon, delta, "
        "state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            now(),
            asked.table,
            asked.fingerprint,
            asked.query,
            asked.asked,
            asked.mechanism,
            json.dumps(asked.scales),
            asked.epsilon,
            asked.delta,
            CHARGED,
        ),
    )
    assert cursor.lastrowid is not None, "a row was written"
    return cursor.lastrowid


def mark_entry(connection: sqlite3.Connection, number: int, *, ledger: str) -> None:
    """Write down that an answer of the ledger of this id was computed."""
    connection.execute(
        "UPDATE entry SET state = ? WHERE number = ? AND ? = (SELECT id FROM budget)",
        (ANSWERED, number, ledger),
    )


def read_entries(connection: sqlite3.Connection, *, ledger: str) -> tuple[LedgerEntry, ...]:
    """Read all entries of the ledger of this id, oldest first."""
    rows = connection.execute(
        "SELECT number, time, table_name, fingerprint, query, asked, mechanism, scales, epsilon, delta, "
        "state FROM entry ORDER BY number"
    )
    return tuple(_entry(row, ledger=ledger) for row in rows)


def now() -> str:
    """Return the time, UTC, as ledgers write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _entry(row: Sequence[object], *, ledger: str) -> LedgerEntry:
    number, *words, scales, epsilon, delta, state = map(str, row)
    try:
        listed = tuple(map(float, json.loads(scales)))
    except (ValueError, TypeError, OverflowError, RecursionError):
        listed = ()
    if not all(math.isfinite(scale) and scale > 0 for scale in listed):
        listed = ()
    readable = listed and exact(epsilon) and exact(delta) is not None and state in (CHARGED, ANSWERED)
    if not readable:
        raise DataError(f"the ledger is damaged: entry {number} cannot be read.")
    time, table, fingerprint, query, asked, mechanism = words
    return LedgerEntry(
        id=f"{ledger}-{number}",
        time=time,
        table=table,
        fingerprint=fingerprint,
        query=query,
        asked=asked,
        mechanism=mechanism,
        scales=listed,
        epsilon=epsilon,
        delta=delta,
        state=state,
    )


#: More than decimals lose, relatively, when they become floats.
_ROUNDING: Final = 1e-12
#: What is left is looked for this closely, as a part of the budget.
_CLOSE: Final = 1e-6


@dataclass(frozen=True)
class Charge:
    """An epsilon and a delta, spent in one answer of several equal parts."""

    epsilon: Fraction
    delta: Fraction
    parts: int = 1


def total(charges: Iterable[Charge]) -> Charge:
    """Return the sum of all charges: what basic composition says is spent."""
    epsilon = delta = Fraction(0)
    for charge in charges:
        epsilon, delta = epsilon + charge.epsilon, delta + charge.delta
    return Charge(epsilon, delta)


def fits_basic(charges: Iterable[Charge], budget: Charge) -> bool:
    """Return whether the sum of all charges is within the budget."""
    spent = total(charges)
    return spent.epsilon <= budget.epsilon and spent.delta <= budget.delta


def fits_pld(charges: Iterable[Charge], budget: Charge) -> bool:
    """Return whether one of the two theorems proves that all charges are within the budget."""
    charges = tuple(charges)
    return fits_basic(charges, budget) or _by_distribution(charges, budget) <= budget.epsilon


def spent_pld(charges: Iterable[Charge], budget: Charge) -> float:
    """Total epsilon of all charges at the delta of the budget, rounded upwards; infinite beyond it."""
    charges = tuple(charges)
    spent = total(charges)
    if not spent.epsilon and not spent.delta:
        return 0.0
    by_pld = _by_distribution(charges, budget)
    return min(by_pld, _upwards(spent.epsilon)) if spent.delta <= budget.delta else by_pld


def left_pld(charges: Iterable[Charge], budget: Charge) -> float:
    """Epsilon that further charges, together one answer of it, may sum to so that `fits_pld` still holds."""
    from scipy.optimize import brentq  # noqa: PLC0415 - SciPy takes its time

    charges = tuple(charges)
    least = _downwards(max(Fraction(0), budget.epsilon - total(charges).epsilon))

    def excess(epsilon: float) -> float:
        with_it = (*charges, Charge(Fraction(epsilon), Fraction(0)))
        return _by_distribution(with_it, budget) - float(budget.epsilon)

    def fits(epsilon: float) -> bool:
        return fits_pld((*charges, Charge(Fraction(epsilon), Fraction(0))), budget)

    most = float(budget.epsilon)
    if not fits(least):
        return 0.0
    if excess(least) >= 0 or excess(most) <= 0:
        return _downwards(budget.epsilon) if fits(_downwards(budget.epsilon)) else least
    close = _CLOSE * most
    left = float(cast("float", brentq(excess, least, most, xtol=close / 4)))
    while left > least and not fits(left):
        left -= close
    return max(left, least)


def _downwards(value: Fraction) -> float:
    found = float(value)
    return found if Fraction(found) <= value else math.nextafter(found, 0.0)


def _upwards(value: Fraction) -> float:
    found = float(value)
    return found if Fraction(found) >= value else math.nextafter(found, math.inf)


def _by_distribution(charges: tuple[Charge, ...], budget: Charge) -> float:
    from trivet.privacy.accountants import whatever_noise  # noqa: PLC0415 - loads SciPy

    kept = Fraction(1)
    equal: Counter[Fraction] = Counter()
    for charge in charges:
        kept *= (1 - charge.delta / charge.parts) ** charge.parts
        if charge.epsilon:
            equal[charge.epsilon / charge.parts] += charge.parts
    # What deltas of the charges leave of the budget's: (1 - delta) = (1 - rest) * (1 - delta_1) * ...
    rest = 1 - (1 - budget.delta) / kept if kept else Fraction(-1)
    delta = float(rest)
    if rest < 0:
        return math.inf
    if not equal:
        return 0.0
    if not delta:
        return _upwards(total(charges).epsilon)
    found = whatever_noise([float(1 / each) for each in equal], list(equal.values()), delta)
    return found * (1 + _ROUNDING)


#: What a guarantee protects: neighbouring tables differ in one row.
UNIT: Final = "one row"
_NO_DELTA: Final = "the budget has no delta"
#: As `create_ledger` writes them; both are printed.
_ID: Final = re.compile("[0-9a-f]{8}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


@dataclass(frozen=True)
class Ledger:
    """A ledger's file and what never changes in it.

    Attributes
    ----------
    path : The file.
    id : Eight hexadecimal digits.
    created : When it was made, UTC.
    adjacency : Which tables are neighbours, for all releases.
    unit : Unit of privacy.
    accounting : What refuses a charge.
    epsilon, delta : The budget, exact decimal text.
    fingerprint_key : Key of `LedgerEntry.fingerprint`.
    """

    path: Path
    id: str
    created: str
    adjacency: Adjacency
    unit: str
    accounting: Accounting
    epsilon: str
    delta: str
    fingerprint_key: bytes = field(repr=False)

    def charge(self, asked: Asked) -> str:
        """Charge the budget, durably, and return the id of the entry.

        One transaction holds the file against all other processes from before the sum is taken until
        the charge is on the disk.

        Raises
        ------
        UsageError
            If the charge does not fit; the ledger stays as it was.
        DataError
            If the file cannot be read or written.
        """
        require_ledger(self.path)
        with connect(self.path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._require_same(connection)
            charges = tuple(_charge(entry) for entry in read_entries(connection, ledger=self.id))
            self._require_fit(charges, asked)
            number = append_entry(connection, asked)
            connection.execute("COMMIT")
        return f"{self.id}-{number}"

    def mark_answered(self, entry: str) -> None:
        """Write down that an entry's answer was computed.

        Raises
        ------
        DataError
            If the file cannot be written; the charge stands all the same.
        """
        with connect(self.path) as connection:
            mark_entry(connection, int(entry.rpartition("-")[2]), ledger=self.id)

    def state(self) -> LedgerState:
        """Return what was spent, on what, and what is left."""
        require_ledger(self.path)
        with connect(self.path) as connection:
            self._require_same(connection)
            entries = read_entries(connection, ledger=self.id)
        charges = tuple(_charge(entry) for entry in entries)
        budget, spent = self._budget(), total(charges)
        has_delta = budget.delta > 0
        return LedgerState(
            id=self.id,
            created=self.created,
            adjacency=self.adjacency.value,
            unit=self.unit,
            accounting=self.accounting,
            epsilon=self.epsilon,
            delta=self.delta,
            spent_epsilon=as_text(spent.epsilon),
            spent_delta=as_text(spent.delta),
            left_epsilon=as_text(max(Fraction(0), budget.epsilon - spent.epsilon)),
            left_delta=as_text(max(Fraction(0), budget.delta - spent.delta)),
            spent_pld=spent_pld(charges, budget) if has_delta else None,
            left_pld=left_pld(charges, budget) if has_delta else None,
            pld_reason=None if has_delta else _NO_DELTA,
            entries=entries,
        )

    def _require_same(self, connection: Connection) -> None:
        if connection.execute("SELECT id FROM budget").fetchone() != (self.id,):
            raise DataError(f"{one_line(self.path)} is another ledger than it was; open it again.")

    def _budget(self) -> Charge:
        return Charge(_exact(self.epsilon), _exact(self.delta))

    def _require_fit(self, charges: tuple[Charge, ...], asked: Asked) -> None:
        budget = self._budget()
        wanted = Charge(_exact(asked.epsilon), _exact(asked.delta), len(asked.scales))
        by_pld = self.accounting == "pld"
        if (fits_pld if by_pld else fits_basic)((*charges, wanted), budget):
            return
        spent = total(charges)
        epsilon = f"{spent_pld(charges, budget):.6g}" if by_pld else as_text(spent.epsilon)
        raise UsageError(
            f"the ledger refuses epsilon {asked.epsilon}"
            + (f" and delta {asked.delta}" if wanted.delta else "")
            + f": {epsilon} of {self.epsilon} is spent"
            + (f", and {as_text(spent.delta)} of delta {self.delta}" if wanted.delta else "")
            + f" ({self.accounting} composition). Nothing was charged."
        )


def create_ledger(
    path: str | Path,
    *,
    epsilon: Amount,
    delta: Amount = "0",
    adjacency: str = Adjacency.ADD_REMOVE,
    accounting: str = "basic",
) -> Ledger:
    """Make a ledger with a budget.

    Parameters
    ----------
    path
        A file that is not there yet.
    epsilon, delta
        The budget; decimal text is kept as it is written.
    adjacency
        ``add-remove`` or ``replace-one`` one row.
    accounting
        ``basic``: the ledger refuses when the sum of charges would exceed the budget, however their
        sizes were chosen. ``pld``: it refuses when the privacy loss distribution would; the budget
        needs a delta, and sizes must not be chosen by earlier answers.

    Raises
    ------
    UsageError
        If a number is out of range, or the file cannot be made.
    """
    allowed = require_delta(delta)
    require_epsilon(epsilon)
    require(AdjacencyName, adjacency=adjacency)
    require(Accounting, accounting=accounting)
    if accounting == "pld" and not allowed:
        raise UsageError(
            "accounting by the privacy loss distribution needs a delta; give --delta, such as 1e-6."
        )
    create_file(
        Path(path),
        {
            "id": secrets.token_hex(4),
            "created": now(),
            "adjacency": str(adjacency),
            "unit": UNIT,
            "accounting": accounting,
            "epsilon": written(epsilon),
            "delta": written(delta),
        },
    )
    return open_ledger(path)


def open_ledger(path: str | Path) -> Ledger:
    """Open a ledger.

    Raises
    ------
    DataError
        If the file is not a ledger, damaged, or of a later trivet; it is left as it is.
    """
    file = Path(path)
    require_ledger(file)
    with connect(file) as connection:
        row = connection.execute(
            "SELECT id, created, adjacency, unit, accounting, epsilon, delta, fingerprint_key FROM budget"
        ).fetchone()
    id_, created, adjacency, unit, accounting, epsilon, delta, key = row
    known = adjacency in [each.value for each in Adjacency] and accounting in get_args(Accounting)
    known = known and bool(_ID.fullmatch(id_)) and bool(_TIME.fullmatch(created))
    if not known or unit != UNIT or not exact(epsilon) or exact(delta) is None:
        raise DataError(f"the ledger {one_line(file)} is damaged: its budget cannot be read.")
    return Ledger(file, id_, created, Adjacency(adjacency), unit, accounting, epsilon, delta, key)


def _charge(entry: LedgerEntry) -> Charge:
    return Charge(_exact(entry.epsilon), _exact(entry.delta), len(entry.scales))


def _exact(text: str) -> Fraction:
    value = exact(text)
    assert value is not None, "checked when it was read"
    return value
