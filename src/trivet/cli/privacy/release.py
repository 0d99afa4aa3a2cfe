"""``trivet privacy release``: answer one query on a table with noise, and charge the ledger."""

import csv
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trivet.cli.options import Json, command
from trivet.cli.terminal import print_json, results_console
from trivet.errors import UsageError
from trivet.privacy.planning.settings import AdjacencyName
from trivet.privacy.releases.results import Accounting, Query
from trivet.tables.settings import Reading
from trivet.wording import one_line

__all__ = ["ledger", "release"]

if TYPE_CHECKING:
    from trivet.privacy.releases.results import Receipt, Release

#: A longer condition or list of categories is cut on the terminal.
SHOWN_CHARACTERS = 400


@command
def release(
    table: str,
    /,
    *,
    query: Query,
    ledger: Path,
    epsilon: str,
    column: str | None = None,
    bounds: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    categories: str | None = None,
    missing: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    where: str | None = None,
    reading: Reading,
    json: Json = False,
) -> int:
    """Answer one query with noise, after charging the ledger for it.

    An error before the charge reveals nothing of the rows; a CSV cell that is not a number, in a numeric
    column, counts as missing.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE.
    query
        A count of rows, the sum or mean of a column, or a histogram of its categories.
    ledger
        The ledger, made with `trivet privacy ledger FILE --create --epsilon E`.
    epsilon
        What this answer may cost.
    column
        Of a sum, mean or histogram; of dates 'month(visited)', 'year(visited)' or 'day(visited)'.
    bounds
        Of a sum or mean, LOWER,UPPER: values are clamped to them. They must not come from the data.
    categories
        Of a histogram, A,B,C: its cells, of dates or whole numbers also FIRST..LAST. They must not come from
        the data.
    missing
        What a missing value counts as: drop, or a value. A sum or mean needs it.
    where
        Rows that count, such as "age >= 40 and not sex in ('x', 'y')". A comparison with a missing
        value is false.
    """
    from trivet.privacy.releases.releasing import release as release_query  # noqa: PLC0415 - loads DuckDB and OpenDP

    found = release_query(
        table,
        query=query,
        ledger=ledger,
        epsilon=epsilon,
        column=column,
        bounds=None if bounds is None else _bounds(bounds),
        categories=() if categories is None else _categories(categories),
        missing=missing,
        where=where,
        reading=reading,
    )
    if json:
        print_json(asdict(found))
    else:
        _print_release(found, results_console())
    return 0


def _bounds(text: str) -> tuple[float, float]:
    try:
        lower, upper = map(float, text.split(","))
    except ValueError as error:
        raise UsageError(f"--bounds is {one_line(text)}; expected LOWER,UPPER, such as 0,100.") from error
    return lower, upper


def _categories(text: str) -> tuple[str, ...]:
    """Split at commas; a category that holds one stands in double quotation marks."""
    try:
        return tuple(next(csv.reader([text], skipinitialspace=True), ()))
    except csv.Error as error:
        raise UsageError(f"--categories is {one_line(text)}; expected A,B,C on one line.") from error


def _print_release(found: "Release", console: Console) -> None:
    if found.message is not None:
        console.print(f"no value: {escape(found.message)}")
    elif found.cells:
        _print_cells(found, console)
    else:
        console.print(f"[bold]{_number(found.value)}[/] ± {_number(found.half_width)}")
    console.print()
    _print_noise(found.receipt, console)
    receipt = found.receipt
    asked = receipt.query if receipt.column is None else f"{receipt.query} of {receipt.column}"
    if receipt.lower is not None:
        asked += f", clamped to [{_number(receipt.lower)}, {_number(receipt.upper)}]"
        asked += f", rounded to steps of {_number(receipt.grid)}"
    if receipt.missing is not None:
        asked += f", missing: {receipt.missing}"
    if receipt.where is not None:
        asked += f", where {receipt.where}"
    console.print(escape(f"{one_line(receipt.table)}: {one_line(asked, limit=SHOWN_CHARACTERS)}"))
    console.print(
        f"charged: epsilon {receipt.epsilon}, delta {receipt.delta}, {receipt.adjacency} {receipt.unit}, "
        f"entry {receipt.entry}"
    )
    console.print(
        f"noise by {receipt.library} {receipt.library_version}; ± covers 95 % of it; clamping and rounding "
        "come on top"
    )


def _print_cells(found: "Release", console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(escape(one_line(found.receipt.column)))
    table.add_column("rows", justify="right")
    table.add_column("± each", justify="right")
    for cell in found.cells:
        table.add_row(escape(one_line(cell.key)), str(cell.value), _number(found.half_width))
    console.print(table)


def _print_noise(receipt: "Receipt", console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("part")
    table.add_column("noise")
    for heading in ("scale", "sensitivity", "epsilon", "proven"):
        table.add_column(heading, justify="right")
    for noise in receipt.noise:
        table.add_row(
            noise.part,
            noise.mechanism,
            _number(noise.scale),
            _number(noise.sensitivity),
            noise.epsilon,
            _number(noise.proven_epsilon),
        )
    console.print(table)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.7g}"


if TYPE_CHECKING:
    from trivet.privacy.releases.results import LedgerState

#: Entries shown on the terminal, the latest; --json has all.
SHOWN_ENTRIES = 20
#: A longer question is cut there as well.
LEDGER_CHARACTERS = 160


@command
def ledger(
    file: Path,
    /,
    *,
    create: bool = False,
    epsilon: str | None = None,
    delta: str | None = None,
    adjacency: AdjacencyName | None = None,
    accounting: Accounting | None = None,
    json: Json = False,
) -> int:
    """Show what a ledger spent and what is left, or make one with --create.

    Parameters
    ----------
    file
        The ledger.
    create
        Make it; a file that is there is never overwritten.
    epsilon
        With --create: the budget.
    delta
        With --create: the budget's delta, 0 by default.
    adjacency
        With --create: neighbouring tables have one row more or less (add-remove, the default), or
        another row in the place of one (replace-one).
    accounting
        With --create: what refuses an answer. basic, the default, adds epsilons up and holds however
        they were chosen. pld proves less spent; it needs a delta, and no epsilon may then be chosen by
        looking at an earlier answer.
    """
    from trivet.privacy.releases.ledger import create_ledger, open_ledger  # noqa: PLC0415 - loads SQLite

    if create:
        if epsilon is None:
            raise UsageError("a new ledger needs a budget; give --epsilon.")
        book = create_ledger(
            file,
            epsilon=epsilon,
            delta="0" if delta is None else delta,
            adjacency=adjacency or "add-remove",
            accounting=accounting or "basic",
        )
    elif (epsilon, delta, adjacency, accounting) != (None, None, None, None):
        raise UsageError("a ledger's budget never changes; --epsilon and the like go with --create.")
    else:
        book = open_ledger(file)
    state = book.state()
    if json:
        print_json(asdict(state))
    else:
        _print_state(state, results_console())
    return 0


def _print_state(state: "LedgerState", console: Console) -> None:
    if state.entries:
        _print_entries(state, console)
        console.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "budget", "spent", "left"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("epsilon, basic", state.epsilon, state.spent_epsilon, state.left_epsilon)
    table.add_row("delta, basic", state.delta, state.spent_delta, state.left_delta)
    if state.pld_reason is None:
        table.add_row("epsilon, pld", state.epsilon, f"{state.spent_pld:.6g}", f"{state.left_pld:.6g}")
    console.print(table)
    console.print(
        f"ledger {state.id}, made {state.created}; {state.adjacency} {state.unit}; "
        f"{state.accounting} composition refuses what would exceed the budget"
    )
    if state.pld_reason is not None:
        console.print(f"no figure by privacy loss distributions: {state.pld_reason}")


def _print_entries(state: "LedgerState", console: Console) -> None:
    shown = state.entries[-SHOWN_ENTRIES:]
    if len(shown) < len(state.entries):
        console.print(f"{len(state.entries) - len(shown)} earlier entries are in --json")
    with_delta = any(float(entry.delta) for entry in shown)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("entry", no_wrap=True)
    table.add_column("time, UTC", no_wrap=True)
    table.add_column("query", overflow="fold")
    table.add_column("noise")
    table.add_column("epsilon", justify="right", no_wrap=True)
    if with_delta:
        table.add_column("delta", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for entry in shown:
        asked = one_line(entry.asked, limit=LEDGER_CHARACTERS)
        scales = ", ".join(f"{scale:.6g}" for scale in entry.scales)
        table.add_row(
            entry.id.rpartition("-")[2],
            escape(one_line(entry.time[:16].replace("T", " "))),
            escape(f"{one_line(entry.table)}: {asked}"),
            escape(f"{one_line(entry.mechanism)} {scales}"),
            entry.epsilon,
            *([entry.delta] if with_delta else []),
            entry.state,
        )
    console.print(table)
