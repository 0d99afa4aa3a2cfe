"""Results of a release and its ledger: frozen values only, readable without any heavy import.

Every epsilon and delta of a budget, a charge or a sum is kept as exact decimal text, such as ``"0.1"``;
``float(text)`` gives the number. What an accountant computes is a float.
"""

from dataclasses import dataclass
from typing import Literal

from trivet.result import Table

__all__ = [
    "ANSWERED",
    "CHARGED",
    "Accounting",
    "Cell",
    "LedgerEntry",
    "LedgerState",
    "Noise",
    "PastLedger",
    "Period",
    "PlannedAnswer",
    "Query",
    "Receipt",
    "Release",
    "Releases",
]

Query = Literal["count", "units", "sum", "mean", "variance", "proportion", "median", "quantile", "histogram"]
Accounting = Literal["basic", "pld", "zcdp"]
Period = Literal["month", "quarter", "year"]
#: States of an entry. A charge stays a charge, whether or not an answer came of it.
CHARGED = "charged"
ANSWERED = "answered"


@dataclass(frozen=True)
class Noise:
    """The noise of one part of an answer: a number, the same number of all groups together, or a choice.

    Attributes
    ----------
    part : ``count``, ``sum``, ``centred sum``, ``centred squares``, ``cells``, ``groups`` or a quantile.
    mechanism : Name of the noise: ``discrete Laplace``, ``discrete Gaussian`` or ``exponential mechanism``.
    sensitivity : Largest change of the part between neighbouring tables, above 0: in units of the answer,
        the L1 change, for Gaussian noise the L2 change; for a choice that of a score, in parts of a row.
    scale : Laplace b, Gaussian sigma, or the scale of a choice, accordingly, above 0.
    epsilon, delta, rho : Share of the charge that pays for this part, exact decimal text; a part that a rho
        pays has epsilon ``"0"``, and the other way round.
    proven : What the measurement itself proves at `sensitivity`, an epsilon or a rho; never above the share.
    half_width : Smallest error that one number's noise exceeds with probability 0.05, in units of the answer;
        of a choice the rows by which its rank may be off.
    threshold : Noisy number of units with which a group is shown; None where groups are public.
    """

    part: str
    mechanism: str
    sensitivity: float
    scale: float
    epsilon: str
    delta: str
    rho: str
    proven: float
    half_width: float
    threshold: int | None = None


@dataclass(frozen=True)
class Receipt:
    """Query, noise and cost of a release; safe to publish with the answer.

    Attributes
    ----------
    entry : Entry of the ledger: eight hexadecimal digits of the ledger, a dash, the number of the entry.
    table : Name of the table without its folder, such as ``people.csv`` or ``people.duckdb:adults``.
    query : ``count``, ``units``, ``sum``, ``mean``, ``variance``, ``proportion``, ``median``, ``quantile`` or
        ``histogram``.
    asked : The whole query in words.
    column, where, of, missing : The column, the conditions as understood, ``drop`` or a value; None without
        one.
    at : Quantiles; empty otherwise.
    categories : Keys of the histogram in the order given; empty otherwise.
    by, keys : Column of the groups, and their public keys; None and empty without groups.
    private_keys : Whether the groups come from the data.
    lower, upper : Bounds to which values were clamped, after rounding to the grid; None for counts.
    bounds_of : ``row``, or ``unit`` where the rows of a unit were added up before.
    grid : Step to which values were rounded, a power of two, or 1 for whole numbers; None for counts.
    noise : One entry a part; a mean has two.
    epsilon, delta, rho : What was charged, exact decimal text.
    adjacency : ``add-remove`` or ``replace-one``.
    unit : Unit of privacy: ``one row``, or ``one PERSON``, where PERSON is the ledger's unit.
    max_rows, max_groups : Rows or groups of a unit that count at most; None where the unit is a row.
    within : Part of the table that the query is of; None for the whole.
    afterwards : What was done to the noisy numbers: ``non-negative``; None where nothing.
    reading : Options by which the cells of a CSV file were read, such as ``--decimal comma``; empty as a
        rule.
    library, library_version : What made the noise, such as ``opendp`` and its version.
    trivet_version : Version of trivet.
    """

    entry: str
    table: str
    query: str
    asked: str
    column: str | None
    where: str | None
    of: str | None
    missing: str | None
    at: tuple[float, ...]
    categories: tuple[str, ...]
    by: str | None
    keys: tuple[str, ...]
    private_keys: bool
    lower: float | None
    upper: float | None
    bounds_of: str
    grid: float | None
    noise: tuple[Noise, ...]
    epsilon: str
    delta: str
    rho: str
    adjacency: str
    unit: str
    max_rows: int | None
    max_groups: int | None
    within: str | None
    afterwards: str | None
    reading: str
    library: str
    library_version: str
    trivet_version: str


@dataclass(frozen=True)
class Cell:
    """One group of an answer, or one of several quantiles.

    Attributes
    ----------
    key : The group, or the quantile.
    value : Noisy number; a count may be negative. None for a mean or variance of too few rows.
    half_width, message : As in `Release`.
    """

    key: str
    value: int | float | None
    half_width: float | None
    message: str | None


@dataclass(frozen=True, repr=False)
class Release(
    Table,
    head=(
        "value",
        "half_width",
        "rank_error",
        "message",
        "receipt.query",
        "receipt.epsilon",
        "receipt.entry",
    ),
    rows="cells",
    columns=("key", "value", "half_width"),
):
    """A noisy answer and its receipt.

    Attributes
    ----------
    value : The answer; None where there are cells, and for a mean or variance of too few rows.
    cells : One entry a group in the order of the keys (those from the data by name), or a quantile; empty for
        a single number.
    half_width : With probability 0.95 the noise moved the answer (of groups: each one's, where all have the
        same) by no more than this, in units of the answer; None for quantiles, and where there is no value.
        What clamping and rounding to the grid do is not in it.
    rank_error : Of quantiles: with probability 0.95 the rank of each is off by no more than so many rows,
        or units where the bounds are of a unit; None otherwise.
    message : Why there is no value, computed from noisy numbers only; None otherwise.
    receipt : The query and its cost.
    """

    value: float | int | None
    cells: tuple[Cell, ...]
    half_width: float | None
    rank_error: float | None
    message: str | None
    receipt: Receipt


@dataclass(frozen=True)
class PlannedAnswer:
    """Price and noise of one question of several.

    Attributes
    ----------
    name : As the user wrote it; the question in words where empty.
    asked : The whole question in words.
    epsilon, delta, rho : Its price, exact decimal text.
    noise : One entry a part, as in `Receipt`.
    """

    name: str
    asked: str
    epsilon: str
    delta: str
    rho: str
    noise: tuple[Noise, ...]


@dataclass(frozen=True, repr=False)
class Releases(
    Table,
    head=("accounting", "epsilon", "delta", "rho", "spent"),
    rows="planned",
    columns=("name", "epsilon", "rho"),
):
    """Questions that were planned, charged and answered as one.

    Attributes
    ----------
    accounting : As in `LedgerState`.
    epsilon, delta, rho : What all of them may spend together, exact decimal text.
    spent : What they do spend of the epsilon or the rho, by that accounting.
    of_ledger : Whether the budget is what the ledger has, with all of its earlier charges, or the plan's own.
    planned : One entry a question, in the order given.
    releases : The answers in the same order, each with its receipt; empty where nothing was charged.
    """

    accounting: str
    epsilon: str
    delta: str
    rho: str
    spent: float
    of_ledger: bool
    planned: tuple[PlannedAnswer, ...]
    releases: tuple[Release, ...]


@dataclass(frozen=True)
class LedgerEntry:
    """One charge.

    Attributes
    ----------
    id : As in `Receipt.entry`.
    time : When it was charged, UTC, ``2026-01-31T12:00:00Z``.
    table : As in `Receipt.table`.
    fingerprint : HMAC-SHA-256 of the file under a key that only the ledger holds, hexadecimal: equal exactly
        where the bytes were. It stays with the keeper of the data; receipts have none.
    query : As in `Receipt.query`.
    asked : The whole query in words.
    mechanism : Names of the noise.
    scales : Scale of each part, in units of the answer.
    epsilon, delta, rho : What was charged, exact decimal text.
    gaussian : Whether the rho is that of Gaussian noise.
    within : Part of the table that the query is of; empty for the whole.
    state : ``answered`` where an answer was computed, ``charged`` where none is known to have been.
    """

    id: str
    time: str
    table: str
    fingerprint: str
    query: str
    asked: str
    mechanism: str
    scales: tuple[float, ...]
    epsilon: str
    delta: str
    rho: str
    gaussian: bool
    within: str
    state: str


@dataclass(frozen=True)
class PastLedger:
    """Ledger of an earlier period, as it was when the next one was made.

    Attributes
    ----------
    id, period : Its id, and the period that it was for, such as ``2026-Q3``.
    digest : SHA-256 of its entries as they were, hexadecimal.
    epsilon, delta, rho : What was spent of its budget, exact decimal text, by adding up.
    """

    id: str
    period: str
    digest: str
    epsilon: str
    delta: str
    rho: str


@dataclass(frozen=True, repr=False)
class LedgerState(
    Table,
    head=("unit", "epsilon", "left_epsilon", "delta", "left_delta", "rho", "left_rho", "accounting"),
    rows="entries",
    columns=("time", "query", "epsilon", "delta", "rho", "state"),
):
    """A budget, what was spent of it, and what is left.

    Attributes
    ----------
    id : Eight hexadecimal digits, drawn when the ledger was made.
    created : When, UTC.
    adjacency : ``add-remove`` or ``replace-one``, for all releases.
    unit : Unit of privacy: ``one row``, or ``one PERSON``, where PERSON is a column.
    parted_by : Column whose values are disjoint parts that compose in parallel; None without.
    period : Period that the budget is for, such as ``2026-Q4``; None for one without an end.
    accounting : What refuses: ``basic``, ``pld`` or ``zcdp``.
    epsilon, delta, rho : The budget, exact decimal text; ``zcdp`` has a rho, and the others an epsilon. Delta
        may be ``"0"``.
    spent_epsilon, spent_delta, spent_rho : Sums of all charges, exact decimal text; of disjoint parts the
        largest. An epsilon has the rho of a pure one (epsilon^2 / 2).
    left_epsilon, left_delta, left_rho : Budget minus sums, exact decimal text, at least 0.
    spent_pld : Total epsilon at `delta` by the loss distribution, or None.
    left_pld : Largest sum of epsilons that the distribution of all still leaves within the budget, or None.
    pld_reason : Why there is no figure; None where there is.
    entries : All charges, oldest first.
    past : Ledgers of earlier periods, oldest first.
    """

    id: str
    created: str
    adjacency: str
    unit: str
    parted_by: str | None
    period: str | None
    accounting: str
    epsilon: str
    delta: str
    rho: str
    spent_epsilon: str
    spent_delta: str
    spent_rho: str
    left_epsilon: str
    left_delta: str
    left_rho: str
    spent_pld: float | None
    left_pld: float | None
    pld_reason: str | None
    entries: tuple[LedgerEntry, ...]
    past: tuple[PastLedger, ...]
