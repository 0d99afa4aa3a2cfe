"""Ledger: a budget in a file that is charged before an answer is computed."""

import re
import secrets
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from sqlite3 import Connection
from typing import Final, Literal, get_args

from trivet.errors import DataError, UsageError
from trivet.privacy.adjacency import Adjacency
from trivet.privacy.releases.amounts import (
    Amount,
    as_text,
    exact,
    require_delta,
    require_epsilon,
    written,
)
from trivet.privacy.releases.budget import Charge, fits_basic, fits_pld, left_pld, spent_pld, total
from trivet.privacy.releases.ledger_entries import Asked, append_entry, mark_entry, now, read_entries
from trivet.privacy.releases.ledger_file import connect, create_file, require_ledger
from trivet.privacy.releases.results import LedgerEntry, LedgerState
from trivet.wording import one_line, quoted

__all__ = ["Accounting", "Ledger", "create_ledger", "open_ledger"]

Accounting = Literal["basic", "pld"]
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
    path
        The file.
    id
        Eight hexadecimal digits.
    created
        When it was made, UTC.
    adjacency
        Which tables are neighbours, for all releases.
    unit
        Unit of privacy.
    accounting
        What refuses a charge.
    epsilon, delta
        The budget, exact decimal text.
    fingerprint_key
        Key of `LedgerEntry.fingerprint`.
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
        fits = fits_pld if self.accounting == "pld" else fits_basic
        if fits((*charges, wanted), budget):
            return
        spent = total(charges)
        raise UsageError(
            f"the ledger refuses epsilon {asked.epsilon}"
            + (f" and delta {asked.delta}" if wanted.delta else "")
            + f": {as_text(spent.epsilon)} of {self.epsilon} is spent"
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
    allowed, known = require_delta(delta), [each.value for each in Adjacency]
    require_epsilon(epsilon)
    if adjacency not in known:
        raise UsageError(f"the adjacency {quoted(adjacency)} is unknown; expected {' or '.join(known)}.")
    if accounting not in get_args(Accounting):
        raise UsageError(f"the accounting {quoted(accounting)} is unknown; expected basic or pld.")
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
