"""Entries of a ledger's file: one row a charge."""

import json
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from trivet.errors import DataError
from trivet.privacy.releases.amounts import exact
from trivet.privacy.releases.results import ANSWERED, CHARGED, LedgerEntry

__all__ = ["Asked", "append_entry", "mark_entry", "now", "read_entries"]


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
