"""``trivet privacy ledger``: releases charged to a budget, and what remains of it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trivet.cli.terminal import print_json, results_console
from trivet.errors import UsageError
from trivet.wording import one_line

if TYPE_CHECKING:
    from trivet.privacy.releases.results import LedgerState

__all__ = ["ledger"]

#: Entries shown on the terminal, the latest; --json has all.
SHOWN_ENTRIES = 20
#: A longer question is cut there as well.
SHOWN_CHARACTERS = 160


def ledger(
    file: Path,
    /,
    *,
    create: Annotated[bool, Parameter(negative="")] = False,
    epsilon: str | None = None,
    delta: str | None = None,
    adjacency: Literal["add-remove", "replace-one"] | None = None,
    accounting: Literal["basic", "pld"] | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
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
    json
        Print one JSON document to standard output, and nothing else there.
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
        asked = one_line(entry.asked, limit=SHOWN_CHARACTERS)
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
