"""Ledger: a budget in a file that is charged before an answer is computed."""

import hashlib
import json
import math
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from sqlite3 import Connection
from typing import Final, get_args

from trivet.errors import DataError, UsageError
from trivet.privacy.adjacency import Adjacency
from trivet.privacy.planning.settings import AdjacencyName
from trivet.privacy.releases.amounts import (
    Amount,
    as_text,
    exact,
    known,
    require_delta,
    require_epsilon,
    require_rho,
    rounded,
    written,
)
from trivet.privacy.releases.charges import (
    Budget,
    Charge,
    fits,
    left_pld,
    merged,
    side_by_side,
    spent_pld,
    summed_rho,
    total,
    worst,
)
from trivet.privacy.releases.keys import is_unicode
from trivet.privacy.releases.ledger_file import connect, create_file, require_ledger
from trivet.privacy.releases.results import (
    ANSWERED,
    CHARGED,
    Accounting,
    LedgerEntry,
    LedgerState,
    PastLedger,
    Period,
)
from trivet.settings import require
from trivet.wording import one_line, quote

__all__ = [
    "Asked",
    "Ledger",
    "append_entry",
    "charge_of",
    "create_ledger",
    "open_ledger",
    "read_entries",
    "table_of",
]


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
    rho: str = "0"
    gaussian: bool = False
    within: str = ""


def append_entry(connection: Connection, asked: Asked) -> int:
    """Write an entry within the caller's transaction, and return its number."""
    cursor = connection.execute(
        "INSERT INTO entry (time, table_name, fingerprint, query, asked, mechanism, scales, epsilon, delta, "
        "rho, gaussian, within, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            asked.rho,
            int(asked.gaussian),
            asked.within,
            CHARGED,
        ),
    )
    assert cursor.lastrowid is not None, "a row was written"
    return cursor.lastrowid


def mark_entry(connection: Connection, number: int, *, ledger: str) -> None:
    """Write down that an answer of the ledger of this id was computed."""
    connection.execute(
        "UPDATE entry SET state = ? WHERE number = ? AND ? = (SELECT id FROM budget)",
        (ANSWERED, number, ledger),
    )


def read_entries(connection: Connection, *, ledger: str) -> tuple[LedgerEntry, ...]:
    """Read all entries of the ledger of this id, oldest first."""
    rows = connection.execute(
        "SELECT number, time, table_name, fingerprint, query, asked, mechanism, within, scales, epsilon, "
        "delta, rho, gaussian, state FROM entry ORDER BY number"
    )
    return tuple(_entry(row, ledger=ledger) for row in rows)


def now() -> str:
    """Return the time, UTC, as ledgers write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _entry(row: Sequence[object], *, ledger: str) -> LedgerEntry:
    number, *words, scales, epsilon, delta, rho, gaussian, state = map(str, row)
    try:
        listed = tuple(map(float, json.loads(scales)))
    except (ValueError, TypeError, OverflowError, RecursionError):
        listed = ()
    if not all(math.isfinite(scale) and scale > 0 for scale in listed):
        listed = ()
    costs = [exact(each) for each in (epsilon, delta, rho)]
    readable = listed and None not in costs and any(costs) and state in (CHARGED, ANSWERED)
    if not readable or gaussian not in ("0", "1"):
        raise DataError(f"the ledger is damaged: entry {number} cannot be read.")
    time, table, fingerprint, query, asked, mechanism, within = words
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
        rho=rho,
        gaussian=gaussian == "1",
        within=within,
        state=state,
    )


#: Unit of a guarantee without another: neighbouring tables differ in one row.
ROW: Final = "row"
_NO_DELTA: Final = "the budget has no delta"
_BY_RHO: Final = "the budget is a rho"
#: As `create_ledger` writes them; both are printed.
_ID: Final = re.compile("[0-9a-f]{8}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_PERIOD: Final = re.compile(r"\d{4}(-\d\d|-Q[1-4])?", re.ASCII)
_AMOUNT: Final = re.compile(r"\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True)
class Ledger:
    """A ledger: its file, and the settings that never change.

    Attributes
    ----------
    path : The file.
    id : Eight hexadecimal digits.
    created : When it was made, UTC.
    adjacency : Which tables are neighbours, for all releases.
    unit : Column that says whose row each is; None where the unit of privacy is a row.
    parted_by : Column of disjoint parts that compose in parallel; None without.
    period : Period that the budget is for, such as ``2026-Q4``; None without.
    accounting : What refuses a charge.
    epsilon, delta, rho : The budget, exact decimal text.
    past : Ledgers of earlier periods, oldest first.
    fingerprint_key : Key of `LedgerEntry.fingerprint`.
    """

    path: Path
    id: str
    created: str
    adjacency: Adjacency
    unit: str | None
    parted_by: str | None
    period: str | None
    accounting: Accounting
    epsilon: str
    delta: str
    rho: str
    past: tuple[PastLedger, ...]
    fingerprint_key: bytes = field(repr=False)

    @property
    def unit_words(self) -> str:
        """The unit of privacy in words."""
        return f"one {self.unit or ROW}"

    def charge(self, asked: Asked) -> str:
        """Charge the budget for one answer, as `charge_all` does, and return the id of the entry."""
        (entry,) = self.charge_all((asked,))
        return entry

    def charge_all(self, asked: Sequence[Asked]) -> tuple[str, ...]:
        """Charge the budget for all answers or for none, durably, and return the ids of the entries.

        One transaction holds the file against all other processes from before the sum is taken until
        the charges are on the disk.

        Raises
        ------
        UsageError
            If the charges do not fit; the ledger stays as it was.
        DataError
            If the file cannot be read or written.
        """
        require_ledger(self.path)
        with connect(self.path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._require_same(connection)
            # Others may have held the file until now.
            self._require_period()
            self._require_fit(charges_of(read_entries(connection, ledger=self.id)), asked)
            numbers = [append_entry(connection, each) for each in asked]
            connection.execute("COMMIT")
        return tuple(f"{self.id}-{number}" for number in numbers)

    def require_room(self, asked: Sequence[Asked]) -> None:
        """Raise the error of `charge_all` where it would refuse; nothing is charged."""
        self._require_period()
        self._require_fit(self.charges(), asked)

    def mark_answered(self, *entries: str) -> None:
        """Write down that the answers of entries were computed.

        Raises
        ------
        DataError
            If the file cannot be written; the charges stand all the same.
        """
        with connect(self.path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for entry in entries:
                mark_entry(connection, int(entry.rpartition("-")[2]), ledger=self.id)
            connection.execute("COMMIT")

    def charges(self) -> tuple[Charge, ...]:
        """Return what was charged, equal charges together."""
        return charges_of(self._entries())

    def _entries(self) -> tuple[LedgerEntry, ...]:
        require_ledger(self.path)
        with connect(self.path) as connection:
            self._require_same(connection)
            return read_entries(connection, ledger=self.id)

    def state(self) -> LedgerState:
        """Return what was spent, on what, and what is left."""
        entries = self._entries()
        charges = charges_of(entries)
        budget = self.budget
        spent, spent_rho = worst(charges, total), worst(charges, summed_rho).rho
        parts = side_by_side(charges)
        limit = Charge(budget.epsilon, budget.delta)
        by_pld = budget.epsilon > 0 and budget.delta > 0
        reason = None if by_pld else _NO_DELTA if budget.epsilon else _BY_RHO
        found = [spent_pld(some, limit) for some in parts] if by_pld else []
        pld = max(found, default=None)
        if pld == math.inf:
            pld, reason = None, "a charge has a rho that is not of Gaussian noise, or the delta is spent"
        return LedgerState(
            id=self.id,
            created=self.created,
            adjacency=self.adjacency.value,
            unit=self.unit_words,
            parted_by=self.parted_by,
            period=self.period,
            accounting=self.accounting,
            epsilon=self.epsilon,
            delta=self.delta,
            rho=self.rho,
            spent_epsilon=as_text(spent.epsilon),
            spent_delta=as_text(spent.delta),
            spent_rho=as_text(spent_rho),
            left_epsilon=_left(budget.epsilon, spent.epsilon),
            left_delta=_left(budget.delta, spent.delta),
            left_rho=_left(budget.rho, spent_rho),
            spent_pld=pld,
            left_pld=None if pld is None else min(left_pld(some, limit) for some in parts),
            pld_reason=reason,
            entries=entries,
            past=self.past,
        )

    @property
    def budget(self) -> Budget:
        """The budget as fractions."""
        return Budget(self.accounting, known(self.epsilon), known(self.delta), known(self.rho))

    def _require_same(self, connection: Connection) -> None:
        if connection.execute("SELECT id FROM budget").fetchone() != (self.id,):
            raise DataError(f"{one_line(self.path)} is another ledger than it was; open it again.")

    def _require_period(self) -> None:
        if self.period is not None and self.period != (today := _period_now(_kind_of(self.period))):
            raise UsageError(
                f"the budget of {one_line(self.path)} is for {self.period}, and now is {today}; make the "
                f"next ledger with `trivet privacy ledger FILE --create --follows {one_line(self.path)}`. "
                "Nothing was charged."
            )

    def _require_fit(self, charges: tuple[Charge, ...], asked: Sequence[Asked]) -> None:
        budget = self.budget
        wanted = tuple(map(charge_of, asked))
        for each in wanted:
            _require_kind(each, budget)
        if fits((*charges, *wanted), budget):
            return
        together = total(wanted)
        costs = {"epsilon": together.epsilon, "delta": together.delta, "rho": together.rho}
        said = " and ".join(f"{name} {as_text(cost)}" for name, cost in costs.items() if cost)
        if len(asked) == 1 and together.epsilon and not together.rho:
            said = f"epsilon {asked[0].epsilon}" + (f" and delta {asked[0].delta}" if together.delta else "")
        spent = self._spent(charges)
        many = f" for {len(asked)} answers" if len(asked) > 1 else ""
        raise UsageError(
            f"the ledger refuses {said}{many}: {spent} is spent ({self.accounting} composition). Nothing was "
            "charged."
        )

    def _spent(self, charges: tuple[Charge, ...]) -> str:
        budget = self.budget
        if budget.accounting == "zcdp":
            found = worst(charges, summed_rho)
            spent = f"{as_text(found.rho)} of rho {self.rho}"
        elif budget.accounting == "pld":
            limit = Charge(budget.epsilon, budget.delta)
            found = worst(charges, total)
            most = max(spent_pld(some, limit) for some in side_by_side(charges))
            spent = f"{rounded(most, 6, upwards=True)} of {self.epsilon}"
        else:
            found = worst(charges, total)
            spent = f"{as_text(found.epsilon)} of {self.epsilon}"
        return spent + (f", and {as_text(found.delta)} of delta {self.delta}" if found.delta else "")


def _require_kind(charge: Charge, budget: Budget) -> None:
    """Refuse a charge that the accounting has no sum for."""
    if charge.rho and budget.accounting == "basic":
        raise UsageError(
            "Gaussian noise, and whatever costs a rho, has no epsilon to add up; give --epsilon, or make a "
            "ledger with --accounting pld, or with a --rho. Nothing was charged."
        )
    if charge.rho and not charge.gaussian and budget.accounting == "pld":
        raise UsageError(
            "a quantile has a rho in a ledger of --rho only; give --epsilon here. Nothing was charged."
        )


def _left(budget: Fraction, spent: Fraction) -> str:
    return as_text(max(Fraction(0), budget - spent), upwards=False)


def create_ledger(
    path: str | Path,
    *,
    epsilon: Amount | None = None,
    delta: Amount | None = None,
    rho: Amount | None = None,
    adjacency: str | None = None,
    accounting: str | None = None,
    unit: str | None = None,
    parted_by: str | None = None,
    period: str | None = None,
    follows: str | Path | Ledger | None = None,
) -> Ledger:
    """Make a ledger with a budget.

    Parameters
    ----------
    path
        A file that is not there yet.
    epsilon, delta
        The budget; decimal text is kept as it is written. Delta is 0 where it is left out.
    rho
        The budget of a ledger of zero-concentrated privacy, in place of an epsilon; its delta then is for
        groups with private keys alone.
    adjacency
        ``add-remove`` (as a rule) or ``replace-one`` unit.
    accounting
        ``basic`` (as a rule): the ledger refuses when the sum of charges would exceed the budget; sizes may
        depend on earlier answers. ``pld``: it refuses when the privacy loss distribution would; the budget
        needs a delta, and sizes must not depend on earlier answers. ``zcdp``: it refuses when the sum of the
        rho would; sizes may depend on earlier answers. For an epsilon with a delta its budget is the largest
        rho that both allow.
    unit
        Column that says whose row each is; without one the unit of privacy is a row.
    parted_by
        Column of disjoint parts of the table, whose charges compose in parallel: releases that name a part
        count against that part alone. Only where neighbours differ by adding or removing.
    period
        ``month``, ``quarter`` or ``year``: the budget is for the present one, and charges after its end are
        refused.
    follows
        The ledger of an earlier period that this one continues; settings that are left out are taken from it.

    Raises
    ------
    UsageError
        If a number is out of range, settings do not go together, or the file cannot be made.
    """
    old = None if follows is None else follows if isinstance(follows, Ledger) else open_ledger(follows)
    if old is not None:
        if (epsilon, delta, rho, accounting) == (None, None, None, None):
            epsilon, delta, rho = old.epsilon, old.delta, old.rho
            accounting = old.accounting
            epsilon, rho = (None, rho) if old.accounting == "zcdp" else (epsilon, None)
        adjacency, unit, parted_by = adjacency or old.adjacency, unit or old.unit, parted_by or old.parted_by
        period = period or (_kind_of(old.period) if old.period else None)
    accounting = accounting or ("zcdp" if rho is not None else "basic")
    adjacency = str(adjacency or Adjacency.ADD_REMOVE)
    allowed = require_delta("0" if delta is None else delta)
    require(AdjacencyName, adjacency=adjacency)
    require(Accounting, accounting=accounting)
    if (epsilon is None) == (rho is None):
        raise UsageError("a ledger needs one budget: an epsilon, or a rho of zero-concentrated privacy.")
    if rho is not None and accounting != "zcdp":
        raise UsageError(f"a budget of rho is held by zcdp accounting, not by {accounting}; leave one out.")
    if accounting != "basic" and rho is None and not allowed:
        named = "the privacy loss distribution" if accounting == "pld" else "zero-concentrated privacy"
        raise UsageError(f"accounting by {named} needs a delta; give --delta, such as 1e-6.")
    _require_column("--unit", unit)
    _require_column("--parted-by", parted_by)
    if parted_by is not None and adjacency != Adjacency.ADD_REMOVE:
        raise UsageError(
            "disjoint parts compose in parallel under add-remove only: a replaced unit is in two."
        )
    budget = {"epsilon": "0", "delta": written("0" if delta is None else delta), "rho": "0"}
    if rho is not None:
        require_rho(rho)
        budget["rho"] = written(rho)
    else:
        assert epsilon is not None, "one of both is given"
        whole = require_epsilon(epsilon)
        budget["epsilon"] = written(epsilon)
        if accounting == "zcdp":
            budget = {"epsilon": "0", "delta": "0", "rho": _rho_within(whole, allowed)}
    this = "" if period is None else _period_now(period)
    if old is not None and not (this and old.period and _months(this)[0] > _months(old.period)[1]):
        raise UsageError(
            f"the ledger {one_line(old.path)} is for {old.period or 'no period'}; one that follows it is for "
            "a later period."
        )
    past = () if old is None else (*old.past, _past(old))
    create_file(
        Path(path),
        {
            **budget,
            "id": secrets.token_hex(4),
            "created": now(),
            "adjacency": adjacency,
            "unit": unit or "",
            "parted_by": parted_by or "",
            "period": this,
            "accounting": accounting,
            "past": json.dumps([asdict(each) for each in past]),
        },
    )
    return open_ledger(path)


def _require_column(option: str, column: str | None) -> None:
    if column is not None and not (column and is_unicode(column)):
        raise UsageError(f"{option} names a column of the tables, not {quote(column)}.")


def _rho_within(epsilon: Fraction, delta: Fraction) -> str:
    """Return the largest rho of six digits that is within an epsilon at a delta."""
    from trivet.privacy.accountants import rho_of_epsilon  # noqa: PLC0415 - loads SciPy

    return rounded(rho_of_epsilon(float(epsilon), float(delta)), 6, upwards=False)


def _past(old: Ledger) -> PastLedger:
    state = old.state()
    entries = json.dumps([asdict(entry) for entry in state.entries], sort_keys=True)
    return PastLedger(
        id=old.id,
        period=old.period or "",
        digest=hashlib.sha256(entries.encode()).hexdigest(),
        epsilon=state.spent_epsilon,
        delta=state.spent_delta,
        rho=state.spent_rho,
    )


def _period_now(kind: str) -> str:
    """Return the present period of a kind, UTC."""
    require(Period, period=kind)
    today = datetime.now(UTC)
    return {
        "month": f"{today:%Y-%m}",
        "quarter": f"{today.year}-Q{(today.month + 2) // 3}",
        "year": f"{today.year}",
    }[kind]


def _kind_of(period: str) -> str:
    return "quarter" if "Q" in period else "month" if "-" in period else "year"


def _months(period: str) -> tuple[int, int]:
    """Return the first and the last month of a period, counted from the year 0."""
    year, _, rest = period.partition("-")
    if not rest:
        return 12 * int(year), 12 * int(year) + 11
    first = 12 * int(year) + (3 * (int(rest[1:]) - 1) if rest[0] == "Q" else int(rest) - 1)
    return first, first + 2 * (rest[0] == "Q")


def open_ledger(path: str | Path) -> Ledger:
    """Open a ledger.

    Parameters
    ----------
    path
        Its file, as `create_ledger` or ``trivet privacy ledger --create`` made it.

    Raises
    ------
    DataError
        If the file is not a ledger, damaged, or of a later trivet; it is left as it is.
    """
    file = Path(path)
    require_ledger(file)
    with connect(file) as connection:
        row = connection.execute(
            "SELECT id, created, adjacency, unit, parted_by, period, accounting, epsilon, delta, rho, past, "
            "fingerprint_key FROM budget"
        ).fetchone()
    id_, created, adjacency, unit, parted_by, period, accounting, *budget, past, key = row
    known = adjacency in [each.value for each in Adjacency] and accounting in get_args(Accounting)
    known = known and bool(_ID.fullmatch(id_)) and bool(_TIME.fullmatch(created))
    known = known and (not period or bool(_PERIOD.fullmatch(period)))
    amounts = [exact(each) for each in budget]
    try:
        earlier = json.loads(past)
        known, before = known and isinstance(earlier, list), tuple(map(_earlier, earlier))
    except (ValueError, TypeError, AttributeError, RecursionError):
        known, before = False, ()
    wanted = 2 if accounting == "zcdp" else 0
    if not known or None in amounts or not amounts[wanted]:
        raise DataError(f"the ledger {one_line(file)} is damaged: its budget cannot be read.")
    epsilon, delta, rho = budget
    return Ledger(
        file,
        id_,
        created,
        Adjacency(adjacency),
        unit or None,
        parted_by or None,
        period or None,
        accounting,
        epsilon,
        delta,
        rho,
        before,
        key,
    )


def _earlier(values: dict[str, str]) -> PastLedger:
    """Return a ledger of an earlier period; a ValueError says that it is none."""
    found = PastLedger(**{name: str(value) for name, value in values.items()})
    amounts = map(_AMOUNT.fullmatch, (found.epsilon, found.delta, found.rho))
    if not (_ID.fullmatch(found.id) and _PERIOD.fullmatch(found.period) and all(amounts)):
        raise ValueError("not a ledger's")
    return found


def charges_of(entries: Iterable[LedgerEntry]) -> tuple[Charge, ...]:
    """Return what entries cost, equal ones together."""
    return merged(map(charge_of, entries))


def charge_of(entry: LedgerEntry | Asked) -> Charge:
    """Return what an entry costs."""
    return Charge(
        known(entry.epsilon),
        known(entry.delta),
        len(entry.scales),
        known(entry.rho),
        entry.gaussian,
        entry.within,
        table_of(entry.fingerprint, entry.table) if entry.within else "",
    )


def table_of(fingerprint: str, name: str) -> str:
    """Return what is the same for charges on the same rows."""
    return f"{fingerprint} {name}"
