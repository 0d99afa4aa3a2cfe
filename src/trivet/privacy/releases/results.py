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
    "Query",
    "Receipt",
    "Release",
]

Query = Literal["count", "sum", "mean", "histogram"]
Accounting = Literal["basic", "pld"]
#: States of an entry. A charge stays a charge, whether or not an answer came of it.
CHARGED = "charged"
ANSWERED = "answered"


@dataclass(frozen=True)
class Noise:
    """The noise of one part of an answer: a number, or all cells of a histogram together.

    Attributes
    ----------
    part : ``count``, ``sum``, ``centred sum`` or ``cells``.
    mechanism : Name of the noise, such as ``discrete Laplace``.
    sensitivity : Largest L1 change of the part between neighbouring tables, in units of the answer, above 0.
    scale : Laplace scale b, in units of the answer, above 0.
    epsilon, delta : Share of the charge that pays for this part, exact decimal text.
    proven_epsilon, proven_delta : What the measurement itself proves at `sensitivity`; never above the share.
    half_width : Smallest error that one number's noise exceeds with probability 0.05, in units of the answer.
    """

    part: str
    mechanism: str
    sensitivity: float
    scale: float
    epsilon: str
    delta: str
    proven_epsilon: float
    proven_delta: float
    half_width: float


@dataclass(frozen=True)
class Receipt:
    """Query, noise and cost of a release; safe to publish with the answer.

    Attributes
    ----------
    entry : Entry of the ledger: eight hexadecimal digits of the ledger, a dash, the number of the entry.
    table : Name of the table without its folder, such as ``people.csv`` or ``people.duckdb:adults``.
    query : ``count``, ``sum``, ``mean`` or ``histogram``.
    column, where, missing : The column, the condition as understood, ``drop`` or a value; None without one.
    categories : Keys of the histogram in the order given; empty otherwise.
    lower, upper : Bounds to which values were clamped, after rounding to the grid; None for counts.
    grid : Step to which values were rounded, a power of two, or 1 for whole numbers; None for counts.
    noise : One entry a part; a mean has two.
    epsilon, delta : What was charged, exact decimal text.
    adjacency : ``add-remove`` or ``replace-one``.
    unit : Unit of privacy: ``one row``.
    library, library_version : What made the noise, such as ``opendp`` and its version.
    trivet_version : Version of trivet.
    """

    entry: str
    table: str
    query: str
    column: str | None
    where: str | None
    missing: str | None
    categories: tuple[str, ...]
    lower: float | None
    upper: float | None
    grid: float | None
    noise: tuple[Noise, ...]
    epsilon: str
    delta: str
    adjacency: str
    unit: str
    library: str
    library_version: str
    trivet_version: str


@dataclass(frozen=True)
class Cell:
    """One cell of a noisy histogram.

    Attributes
    ----------
    key : The category.
    value : Noisy count; it may be negative.
    """

    key: str
    value: int


@dataclass(frozen=True, repr=False)
class Release(
    Table,
    head=("value", "half_width", "message", "receipt.query", "receipt.epsilon", "receipt.entry"),
    rows="cells",
    columns=("key", "value"),
):
    """A noisy answer and its receipt.

    Attributes
    ----------
    value : The answer; None for a histogram, and for a mean of too few rows.
    cells : The histogram in the order of its categories; empty for other queries.
    half_width : With probability 0.95 the noise moved the answer (of a histogram: one cell) by no more than
        this, in units of the answer; None where `value` is None and there are no cells. What clamping and
        rounding to the grid do is not in it.
    message : Why there is no value, computed from noisy numbers only; None otherwise.
    receipt : The query and its cost.
    """

    value: float | int | None
    cells: tuple[Cell, ...]
    half_width: float | None
    message: str | None
    receipt: Receipt


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
    query : ``count``, ``sum``, ``mean`` or ``histogram``.
    asked : The whole query in words.
    mechanism : Name of the noise.
    scales : Scale of each part, in units of the answer.
    epsilon, delta : What was charged, exact decimal text.
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
    state: str


@dataclass(frozen=True)
class LedgerState:
    """A budget, what was spent of it, and what is left.

    Attributes
    ----------
    id : Eight hexadecimal digits, drawn when the ledger was made.
    created : When, UTC.
    adjacency : ``add-remove`` or ``replace-one``, for all releases.
    unit : Unit of privacy: ``one row``.
    accounting : What refuses: ``basic`` or ``pld``.
    epsilon, delta : The budget, exact decimal text; delta may be ``"0"``.
    spent_epsilon, spent_delta : Sums of all charges, exact decimal text.
    left_epsilon, left_delta : Budget minus sums, exact decimal text, at least 0.
    spent_pld : Total epsilon at `delta` by the loss distribution, never above `spent_epsilon`, or None.
    left_pld : Largest sum of epsilons that the distribution of all still leaves within the budget, or None.
    pld_reason : Why there is no figure; None where there is.
    entries : All charges, oldest first.
    """

    id: str
    created: str
    adjacency: str
    unit: str
    accounting: str
    epsilon: str
    delta: str
    spent_epsilon: str
    spent_delta: str
    left_epsilon: str
    left_delta: str
    spent_pld: float | None
    left_pld: float | None
    pld_reason: str | None
    entries: tuple[LedgerEntry, ...]
