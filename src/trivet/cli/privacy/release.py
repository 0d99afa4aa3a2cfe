"""``trivet privacy release``: answer one query on a table with noise, and charge the ledger."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trivet.cli.options import Json, command
from trivet.cli.privacy.check import listed
from trivet.cli.terminal import figures_table, print_json, report_progress, results_console
from trivet.errors import UsageError
from trivet.privacy.planning.settings import AdjacencyName
from trivet.privacy.releases.amounts import rounded
from trivet.privacy.releases.results import Accounting, Period, Query
from trivet.privacy.releases.settings import BoundsOf, ReleaseSettings
from trivet.tables.settings import Reading
from trivet.wording import one_line

__all__ = ["ledger", "release"]

if TYPE_CHECKING:
    from trivet.privacy.releases.results import Receipt, Release, Releases

#: A longer condition or list of categories is cut on the terminal.
SHOWN_CHARACTERS = 400
#: Digits of a sum of prices, which has more than a few where prices are long.
DIGITS = 12
#: A longer name of a question of several.
NAME_CHARACTERS = 200


@command
def release(
    table: str,
    /,
    *,
    ledger: Path,
    query: Query | None = None,
    plan: Path | None = None,
    epsilon: str | None = None,
    delta: str | None = None,
    rho: str | None = None,
    column: str | None = None,
    bounds: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    bounds_of: BoundsOf = "row",
    categories: str | None = None,
    missing: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    where: str | None = None,
    of: str | None = None,
    at: str | None = None,
    by: str | None = None,
    keys: str | None = None,
    private_keys: bool = False,
    max_rows: int | None = None,
    max_groups: int | None = None,
    unit: str | None = None,
    within: str | None = None,
    non_negative: bool = False,
    reading: Annotated[Mapping[str, Any], Reading],
    dry_run: bool = False,
    check: bool = True,
    json: Json = False,
) -> int:
    """Answer a query with noise, or all of a plan, after charging the ledger for it.

    Lines and cells of the table are looked at first: what may not be read as it is meant is refused, and
    nothing is charged. A CSV cell that is not a number, in a numeric column, counts as missing.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE.
    ledger
        The ledger, made with `trivet privacy ledger FILE --create --epsilon E`. It says what the unit of
        privacy is: a row, or a person by a column.
    query
        A count of rows or of units; sum, mean, variance, median or quantile of a column; proportion of rows;
        or a histogram of a column's categories.
    plan
        In place of a query: an audit.toml with [privacy.release] and its queries, charged and answered as
        one.
    epsilon
        What this answer may cost, for Laplace noise.
    delta
        With --private-keys: the probability that a group of one unit is shown.
    rho
        In place of --epsilon: what it may cost by zero-concentrated privacy, for Gaussian noise.
    column
        Of all but counts and proportions; with --bounds-of unit it may be left out, and the number is how
        many rows a unit has; of dates 'month(visited)', 'year(visited)' or 'day(visited)'.
    bounds
        Of numbers, LOWER,UPPER: values are clamped to them. They must not come from the data.
    bounds_of
        row: each row is within the bounds. unit: what the rows of a unit add up to is.
    categories
        Of a histogram, A,B,C: its cells, of dates or whole numbers also FIRST..LAST. They must not come from
        the data.
    missing
        What a missing value counts as: drop, or a value. Numbers need it.
    where
        Rows that count, such as "age >= 40 and not sex in ('x', 'y')". A comparison with a missing
        value is false.
    of
        Of a proportion: the condition whose share of the rows is wanted.
    at
        Of a quantile, 0.25,0.5,0.75: which ones.
    by
        Answer for each group of rows with the same value of this column, for the price of one answer.
    keys
        The groups of --by, A,B,C or FIRST..LAST. They must not come from the data.
    private_keys
        Take the groups of --by from the data, those with enough units; costs --delta.
    max_rows
        Rows of one unit that count at most. It must not come from the data.
    max_groups
        Groups that one unit counts in at most, with --bounds-of unit or --query units.
    unit
        Column that says whose row each is, where it is not called as in the ledger.
    within
        Part of the table that the query is of, where the ledger was made with --parted-by.
    non_negative
        Make counts whole and at least 0 afterwards, those of groups with their sum kept.
    dry_run
        With --plan: say prices and noise, and charge nothing.
    check
        Look at the table first, as `trivet privacy check` does. That it is refused then depends on the rows;
        --no-check is for where whoever asks sees what the command says, and for what is meant as it is.
    """
    from trivet.privacy.releases import releasing  # noqa: PLC0415 - loads DuckDB and OpenDP

    if plan is not None:
        given = (query, epsilon, delta, rho, column, bounds, categories, missing, where, of, at, by, keys)
        given = (*given, max_rows, max_groups, unit, within)
        chosen = bounds_of != "row" or private_keys or non_negative
        if chosen or any(each is not None for each in given):
            raise UsageError("the questions and their budget are those of the plan; leave other options out.")
        settings = _plan_of(plan, reading)
        with report_progress() as progress:
            found = releasing.release_plan(
                table,
                settings,
                ledger=ledger,
                charge=not dry_run,
                check=check,
                progress=lambda words: progress("release", words, None),
            )
        if json:
            print_json(asdict(found))
        else:
            _print_releases(found, results_console())
        return 0
    if dry_run:
        raise UsageError("--dry-run goes with --plan.")
    if query is None:
        raise UsageError("there is no question; give --query, or --plan with an audit.toml of several.")
    answer = releasing.release(
        table,
        query=query,
        ledger=ledger,
        epsilon=epsilon,
        delta=delta,
        rho=rho,
        column=column,
        bounds=None if bounds is None else _bounds(bounds),
        bounds_of=bounds_of,
        categories=listed("categories", categories),
        missing=missing,
        where=where,
        of=of,
        at=() if at is None else _quantiles(at),
        by=by,
        keys=listed("keys", keys),
        private_keys=private_keys,
        max_rows=max_rows,
        max_groups=max_groups,
        unit=unit,
        within=within,
        non_negative=non_negative,
        reading=Reading(**reading),
        check=check,
    )
    if json:
        print_json(asdict(answer))
    else:
        _print_release(answer, results_console())
    return 0


def _plan_of(file: Path, reading: Mapping[str, Any]) -> ReleaseSettings:
    from trivet.config import load_config  # noqa: PLC0415 - only a file needs it

    found = load_config(file).privacy.release
    if found is None:
        raise UsageError(
            f"{one_line(file.name)} has no [privacy.release] table; add one with [[privacy.release.queries]]."
        )
    return replace(found, reading=replace(found.reading, **reading))


def _bounds(text: str) -> tuple[float, float]:
    try:
        lower, upper = map(float, text.split(","))
    except ValueError as error:
        raise UsageError(f"--bounds is {one_line(text)}; expected LOWER,UPPER, such as 0,100.") from error
    return lower, upper


def _quantiles(text: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, text.split(",")))
    except ValueError as error:
        raise UsageError(f"--at is {one_line(text)}; expected numbers such as 0.25,0.5,0.75.") from error


def _print_releases(found: "Releases", console: Console) -> None:
    """Print answers one after the other, then the prices and what all spend."""
    table = figures_table("question", "answer", "± 95 %", "noise", "price")
    answers = found.releases or (None,) * len(found.planned)
    for planned, answer in zip(found.planned, answers, strict=True):
        name = escape(one_line(planned.name, limit=NAME_CHARACTERS))
        price = f"rho {planned.rho}" if planned.rho != "0" else f"epsilon {planned.epsilon}"
        noise = ", ".join(f"{each.scale:.4g}" for each in planned.noise)
        if answer is None or not answer.cells:
            value = "-" if answer is None else _number(answer.value)
            error = "-" if answer is None else _error(answer.half_width, answer)
            table.add_row(name, value, error, noise, price)
            continue
        table.add_row(name, "", "", noise, price)
        for cell in answer.cells:
            table.add_row(
                f"  {escape(one_line(cell.key))}", _number(cell.value), _error(cell.half_width, answer)
            )
    console.print(table)
    limit = found.rho if found.accounting == "zcdp" else found.epsilon
    whose = "the ledger's" if found.of_ledger else "the plan's"
    name = "rho" if found.accounting == "zcdp" else "epsilon"
    said = "charged" if found.releases else "would be charged"
    console.print()
    console.print(
        f"{len(found.planned)} questions {said} together; then spent in all: {_spent(found)} of "
        f"{whose} {name} {limit} ({found.accounting} composition)"
    )


def _spent(found: "Releases") -> str:
    """Return what is spent: a sum of prices in all of its digits, as the ledger shows it."""
    return rounded(found.spent, 6, upwards=True) if found.accounting == "pld" else f"{found.spent:.{DIGITS}g}"


def _error(error: float | None, answer: "Release") -> str:
    """Return the error of a number, or of a quantile that of its rank."""
    if answer.rank_error is not None:
        return f"{ceil(answer.rank_error):,} {'units' if answer.receipt.bounds_of == 'unit' else 'rows'}"
    return _number(error)


def _print_release(found: "Release", console: Console) -> None:
    if found.cells or found.receipt.private_keys:
        _print_cells(found, console)
    elif found.message is not None:
        console.print(f"no value: {escape(found.message)}")
    else:
        console.print(f"[bold]{_number(found.value)}[/] ± {_error(found.half_width, found)}")
    console.print()
    _print_noise(found.receipt, console)
    receipt = found.receipt
    asked = receipt.asked
    if receipt.lower is not None:
        asked += f", rounded to steps of {_number(receipt.grid)}"
    if receipt.reading:
        asked += f", read with {receipt.reading}"
    if receipt.afterwards is not None:
        asked += f", afterwards made {receipt.afterwards}"
    console.print(escape(f"{one_line(receipt.table)}: {one_line(asked, limit=SHOWN_CHARACTERS)}"))
    price = f"rho {receipt.rho}" if receipt.rho != "0" else f"epsilon {receipt.epsilon}"
    console.print(
        escape(
            f"charged: {price}, delta {receipt.delta}, {receipt.adjacency} {one_line(receipt.unit)}, "
            f"entry {receipt.entry}"
        )
    )
    covers = "of it" if found.rank_error is None else "of ranks"
    console.print(
        f"noise by {receipt.library} {receipt.library_version}; ± covers 95 % {covers}; clamping and "
        "rounding come on top"
    )


def _print_cells(found: "Release", console: Console) -> None:
    receipt = found.receipt
    counted = receipt.query in ("count", "histogram")
    key = escape(one_line(receipt.by or (receipt.column if counted else "at")))
    table = figures_table(key, "rows" if counted else escape(receipt.query), "± each")
    for cell in found.cells:
        value = f"no value: {escape(cell.message)}" if cell.message is not None else _number(cell.value)
        table.add_row(escape(one_line(cell.key)), value, _error(cell.half_width, found))
    console.print(table if found.cells else "no group has enough units to be shown")


def _print_noise(receipt: "Receipt", console: Console) -> None:
    price = "epsilon" if receipt.rho == "0" else "rho"
    table = figures_table("part", "noise", "scale", "sensitivity", price, "proven", names=2)
    for noise in receipt.noise:
        table.add_row(
            noise.part,
            noise.mechanism,
            _number(noise.scale),
            _number(noise.sensitivity),
            _number(float(noise.epsilon if receipt.rho == "0" else noise.rho)),
            _number(noise.proven),
        )
    console.print(table)
    threshold = next((noise.threshold for noise in receipt.noise if noise.threshold is not None), None)
    if threshold is not None:
        console.print(f"groups of at least {threshold} units by the noisy number are shown")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.7g}"


if TYPE_CHECKING:
    from trivet.privacy.releases.results import LedgerState

#: Entries shown on the terminal, the latest; --json has all.
SHOWN_ENTRIES = 20
#: A longer question is cut there as well.
LEDGER_CHARACTERS = 400


@command
def ledger(
    file: Path,
    /,
    *,
    create: bool = False,
    epsilon: str | None = None,
    delta: str | None = None,
    rho: str | None = None,
    adjacency: AdjacencyName | None = None,
    accounting: Accounting | None = None,
    unit: str | None = None,
    parted_by: str | None = None,
    period: Period | None = None,
    follows: Path | None = None,
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
    rho
        With --create, in place of --epsilon: a budget of zero-concentrated privacy.
    adjacency
        With --create: neighbouring tables have one unit more or less (add-remove, the default), or
        another unit in the place of one (replace-one).
    accounting
        With --create: what refuses an answer. basic, the default, adds epsilons up, and zcdp adds up rho;
        both hold however they were chosen. pld proves least spent; it needs a delta, and no price may then be
        chosen by looking at an earlier answer.
    unit
        With --create: column that says whose row each is, such as a person's number. Without it the unit of
        privacy is a row.
    parted_by
        With --create: column of disjoint parts of the table, whose charges do not add up.
    period
        With --create: the budget is for the present month, quarter or year, and charges after it are refused.
    follows
        With --create: the ledger of an earlier period, whose settings and history go on in this one.
    """
    from trivet.privacy.releases.ledger import create_ledger, open_ledger  # noqa: PLC0415 - loads SQLite

    options = {
        "epsilon": epsilon,
        "delta": delta,
        "rho": rho,
        "adjacency": adjacency,
        "accounting": accounting,
        "unit": unit,
        "parted_by": parted_by,
        "period": period,
        "follows": follows,
    }
    if create:
        if epsilon is None and rho is None and follows is None:
            raise UsageError("a new ledger needs a budget; give --epsilon, or --rho.")
        book = create_ledger(file, **options)  # pyright: ignore[reportArgumentType] - each of its own type
    elif any(each is not None for each in options.values()):
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
    table = figures_table("", "budget", "spent", "left")
    epsilon = ("epsilon, basic", state.epsilon, state.spent_epsilon, state.left_epsilon)
    rho = ("rho", state.rho, state.spent_rho, state.left_rho)
    delta = ("delta, basic", state.delta, state.spent_delta, state.left_delta)
    rows = [rho if state.accounting == "zcdp" else epsilon]
    # A budget in rho has a delta only where groups are shown for one.
    rows += [delta] if state.accounting != "zcdp" or any(map(float, delta[1:])) else []
    for name, budget, spent, left in rows:
        table.add_row(
            name,
            budget,
            rounded(Fraction(spent), DIGITS, upwards=True),
            rounded(Fraction(left), DIGITS, upwards=False),
        )
    if state.spent_pld is not None and state.left_pld is not None:
        spent, left = rounded(state.spent_pld, 6, upwards=True), rounded(state.left_pld, 6, upwards=False)
        table.add_row("epsilon, pld", state.epsilon, spent, left)
    console.print(table)
    parts = f"parts by {state.parted_by} in parallel; " if state.parted_by else ""
    period = f"for {state.period}; " if state.period else ""
    console.print(
        escape(
            f"ledger {state.id}, made {state.created}; {state.adjacency} {one_line(state.unit)}; "
            f"{one_line(parts)}{period}{state.accounting} composition refuses what would exceed the budget"
        )
    )
    for past in state.past:
        spent = f"rho {past.rho}" if past.epsilon == "0" else f"epsilon {past.epsilon}, delta {past.delta}"
        console.print(escape(f"before it, {past.period}: ledger {past.id} spent {spent}"))
    if state.past:
        console.print("each period has a budget of its own; a unit that is in all of them pays all of them")
    if state.pld_reason is not None and state.accounting == "pld":
        console.print(f"no figure by privacy loss distributions: {state.pld_reason}")


def _print_entries(state: "LedgerState", console: Console) -> None:
    shown = state.entries[-SHOWN_ENTRIES:]
    if len(shown) < len(state.entries):
        console.print(f"{len(state.entries) - len(shown)} earlier entries are in --json")
    with_delta = any(float(entry.delta) for entry in shown)
    with_rho = any(float(entry.rho) for entry in shown)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("entry", no_wrap=True)
    table.add_column("time, UTC", no_wrap=True)
    table.add_column("query", overflow="fold")
    table.add_column("noise")
    table.add_column("epsilon", justify="right", no_wrap=True)
    if with_rho:
        table.add_column("rho", justify="right", no_wrap=True)
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
            "-" if entry.epsilon == "0" else entry.epsilon,
            *(["-" if entry.rho == "0" else entry.rho] if with_rho else []),
            *([entry.delta] if with_delta else []),
            entry.state,
        )
    console.print(table)
