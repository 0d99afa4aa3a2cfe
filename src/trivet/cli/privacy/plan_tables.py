"""Terminal tables of a plan and of a spending: one line a theorem, the best one marked."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trivet.cli.terminal import print_files, results_console
from trivet.wording import one_line

if TYPE_CHECKING:
    from trivet.privacy.planning import (
        AskedQuery,
        Plan,
        PlannedRelease,
        PlannedRow,
        QueryNoise,
        Spending,
        SpentRow,
    )

__all__ = ["print_plan", "print_spending"]

TITLES = {"laplace": "Laplace, b", "discrete-laplace": "discrete Laplace, b", "gaussian": "Gaussian, sigma"}
#: Where the theorem's name is long for a line of eighty characters.
SHORT = {
    "basic": "basic",
    "zcdp": "zCDP",
    "optimal_bound": "optimal, closed form",
    "rdp": "RDP",
    "pld": "PLD",
    "gaussian": "exact",
}
#: Of a figure that is 1 but for the order of a calculation.
_ERROR = 1e-12
#: Names of queries are cut here.
NAME_WIDTH = 14


def print_plan(plan: "Plan", files: tuple[Path, ...]) -> None:
    """Print the rows by mechanism, then the best one, why, and the files."""
    console = results_console()
    single = len(plan.queries) == 1
    _print_question(console, plan.queries, adjacency=plan.adjacency, group=plan.group)
    console.print(f"within epsilon {plan.epsilon:g}, delta {plan.delta:g}")
    console.print()
    noise = ("epsilon", "scale", "std", "mean err", "95 % err")
    tail = () if plan.threshold is None else (f"P(> {plan.threshold:g})",)
    table = _table("", *((*noise, *tail) if single else ("typical std", "of the best")))
    least = plan.rows[plan.best].typical_deviation or 0.0
    for mechanism in dict.fromkeys(row.mechanism for row in plan.rows):
        rows = [row for row in plan.rows if row.mechanism == mechanism and row.applicable]
        if rows:
            table.add_row(f"[bold]{TITLES[mechanism]}[/]")
        for row in rows:
            cells = (
                _noise_cells(row.queries[0])
                if single
                else [_number(row.typical_deviation), _ratio(row.typical_deviation, least)]
            )
            table.add_row(f"{_mark(row is plan.rows[plan.best])}{_short(row)}", *cells)
    console.print(table)
    _print_unusable(console, plan.rows)
    if not single:
        console.print()
        _print_noises(console, plan, tail)
    console.print()
    console.print(f"[bold green]{escape(plan.why)}[/]")
    for remark in plan.remarks:
        console.print(f"! {escape(one_line(remark, limit=300))}")
    if plan.release is not None:
        _print_release(console, plan.release)
    if plan.group_conversion is not None:
        found = plan.group_conversion
        console.print(
            f"A plan for one record promises a group of {found.size:,} only epsilon {found.epsilon:.4g}, "
            f"delta {found.delta:.4g}, by the generic conversion."
        )
    print_files(console, files)


def print_spending(spending: "Spending", files: tuple[Path, ...]) -> None:
    """Print what each theorem proves, then the best one and the files."""
    console = results_console()
    _print_question(console, spending.queries, adjacency=spending.adjacency, group=spending.group)
    console.print()
    at_epsilon = () if spending.epsilon is None else (f"delta at epsilon {spending.epsilon:g}",)
    table = _table(
        TITLES[spending.mechanism].split(",")[0], f"epsilon at delta {spending.delta:g}", *at_epsilon
    )
    for index, row in enumerate(spending.rows):
        if not row.applicable:
            continue
        cells = [_small(row.epsilon)]
        if at_epsilon:
            cells.append("nothing" if row.delta is None else f"{row.delta:.4g}")
        table.add_row(f"{_mark(index == spending.best)}{_short(row)}", *cells)
    console.print(table)
    _print_unusable(console, spending.rows)
    console.print()
    console.print(f"[bold green]{escape(spending.why)}[/]")
    for remark in spending.remarks:
        console.print(f"! {escape(one_line(remark, limit=300))}")
    print_files(console, files)


def _print_release(console: Console, release: "PlannedRelease") -> None:
    """Say what to type, so that the ledger lets the plan through to its last answer."""
    rest = "" if release.accounting == "basic" else f" --delta {release.delta} --accounting pld"
    console.print(
        f"To release it, make a ledger: trivet privacy ledger FILE --create --epsilon {release.epsilon}{rest}"
    )
    for query in release.queries:
        name = one_line(query.name, limit=NAME_WIDTH)
        times = "once" if query.count == 1 else f"{query.count:,} times"
        console.print(escape(f"  {name}: trivet privacy release, {times}, with --epsilon {query.epsilon}"))


def _print_question(console: Console, queries: "Sequence[AskedQuery]", *, adjacency: str, group: int) -> None:
    group_of = "one record" if group == 1 else f"{group:,} records"
    answers = sum(query.count for query in queries)
    asked = f"{answers:,} quer{'y' if answers == 1 else 'ies'}"
    if len(queries) == 1:
        only = queries[0]
        asked += f" of sensitivity {only.l1:g}"
        if only.cells is not None:
            asked += f" (L1; L2 {only.l2:.4g})"
        if only.scale is not None:
            asked += f" and scale {only.scale:g}"
    else:
        asked += f" of {len(queries)} kinds"
    console.print(f"{asked}, protecting {group_of} ({adjacency})")


def _print_noises(console: Console, plan: "Plan", tail: tuple[str, ...]) -> None:
    """Print the noise of each line of a mixed plan, in its best row."""
    best = plan.rows[plan.best]
    console.print(f"The best, query by query ({TITLES[best.mechanism]}; {_short(best)}):")
    table = _table("query", "times", "epsilon", "scale", "std", "mean err", "95 % err", *tail)
    for query, noise in zip(plan.queries, best.queries, strict=True):
        name = escape(one_line(query.name, limit=NAME_WIDTH))
        table.add_row(name, f"{query.count:,}", *_noise_cells(noise))
    console.print(table)


def _print_unusable(console: Console, rows: "Sequence[PlannedRow | SpentRow]") -> None:
    """Name what does not apply, once a reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if not row.applicable:
            reasons.setdefault((getattr(row, "mechanism", ""), row.reason), []).append(_short(row))
    for (mechanism, reason), names in reasons.items():
        title = f"{TITLES[mechanism].split(',')[0]}: " if mechanism else ""
        console.print(f"  not applicable: {title}{'; '.join(names)} ({escape(reason)})")


def _noise_cells(noise: "QueryNoise") -> list[str]:
    cells = [
        "-" if noise.epsilon_per_query is None else _rounded_down(noise.epsilon_per_query),
        _number(noise.scale),
        _number(noise.standard_deviation),
        _number(noise.mean_absolute_error),
        _number(noise.error_bound_95),
    ]
    return cells if noise.exceedance is None else [*cells, f"{noise.exceedance:.4g}"]


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _short(row: "PlannedRow | SpentRow") -> str:
    return SHORT.get(row.method, row.name)


def _mark(best: bool) -> str:  # noqa: FBT001 - one bit is all it says
    return "▸ " if best else "  "


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    ordinary = 10 <= abs(value) < 1e6  # noqa: PLR2004 - where one decimal is neither too few nor too many digits
    return f"{value:,.1f}".removesuffix(".0") if ordinary else f"{value:.4g}"


def _rounded_down(epsilon: float) -> str:
    """Return five digits; rounded upwards by more than a calculation errs, overspend when typed."""
    shown = f"{epsilon:.5g}"
    return shown if float(shown) <= epsilon * (1 + _ERROR) else f"{epsilon * (1 - 1e-5):.5g}"


def _small(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _ratio(value: float | None, least: float) -> str:
    return "-" if value is None or least == 0 else f"x {value / least:.3g}"
