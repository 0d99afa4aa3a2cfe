"""``trivet privacy plan``: noise for a set of queries, and the privacy loss of a given noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from rich.console import Console
from rich.markup import escape

from trivet.cli.options import Json, command
from trivet.cli.outputs import prepare_folder
from trivet.cli.privacy.training import plan_loop, refuse_training, training_settings
from trivet.cli.terminal import figures_table, print_files, print_json, report_progress, results_console
from trivet.errors import UsageError
from trivet.privacy.planning.settings import Answers, PlanOptions, PlanSettings, QuerySettings
from trivet.privacy.planning.training import TrainingOptions
from trivet.settings import require
from trivet.wording import one_line, quote

__all__ = ["plan"]

Number = TypeVar("Number", int, float)
Value = TypeVar("Value")


@command
def plan(
    config: Path | None = None,
    /,
    *,
    options: Annotated[Mapping[str, Any], PlanOptions],
    training: Annotated[Mapping[str, Any], TrainingOptions],
    queries: str | None = None,
    sensitivity: str | None = None,
    inverse: bool = False,
    scale: str | None = None,
    out: Path | None = None,
    curves: bool = False,
    json: Json = False,
) -> int:
    """Say how much noise a set of queries needs, by every composition theorem, and which is best.

    With --mechanism dp-sgd, how much private training needs, from --dataset-size on.

    Parameters
    ----------
    config
        An audit.toml with a [privacy.plan] table, for queries that differ, or with [privacy.training]; the
        options below override it.
    queries
        Number of queries: K, or K,K,... for several kinds.
    sensitivity
        How far one record moves an answer under the adjacency that is named: S, or S,S,...
    inverse
        Say instead what noise of --scale, or of --noise-multiplier, spends; name its --mechanism.
    scale
        With --inverse: noise of each answer, Laplace b or sigma: B, or B,B,...
    out
        Folder for the result with its curves, a page and pictures; with --inverse for the result alone.
    curves
        With --json: also how the spending grows with the queries, and how delta falls with epsilon.
    """
    asked = {"queries": queries, "sensitivity": sensitivity, "scale": scale}
    if options.get("mechanism") == "dp-sgd":
        of_queries = [name for name, value in asked.items() if value is not None]
        settings = training_settings(config, options, training, of_queries=of_queries, inverse=inverse)
        return plan_loop(settings, out=out, curves=curves, json=json)
    refuse_training(training)
    return _plan_queries(config, options, **asked, inverse=inverse, out=out, curves=curves, json=json)


def _plan_queries(
    config: Path | None,
    options: Mapping[str, Any],
    queries: str | None,
    sensitivity: str | None,
    scale: str | None,
    *,
    inverse: bool,
    out: Path | None,
    curves: bool,
    json: bool,
) -> int:
    if scale is not None and not inverse:
        raise UsageError("--scale gives the noise for --inverse, and needs that option.")
    if inverse and ("value" in options or "threshold" in options or curves):
        raise UsageError("--value, --threshold and --curves are about a plan; leave them out with --inverse.")
    if curves and not json and out is None:
        raise UsageError("--curves are numbers; print them with --json, or give --out.")
    settings = _laid_over(config, options, queries, sensitivity, scale, inverse=inverse)
    if out is not None:
        prepare_folder(out, *(("spending.json",) if inverse else ("plan.json", "plan.html")))
    from trivet.privacy import planning  # noqa: PLC0415 - loads SciPy

    with report_progress() as progress:
        if inverse:
            progress("spending", settings.mechanism, None)
            result = planning.spending_of(settings)
        else:
            result = planning.plan_queries(
                settings,
                curves=out is not None or (json and curves),
                progress=lambda part: progress("plan", part, None),
            )
    document = asdict(result)
    files: tuple[Path, ...] = ()
    if out is not None:
        from trivet.work.result_files import write_result  # noqa: PLC0415 - only --out needs it

        files = (out / ("spending.json" if inverse else "plan.json"),)
        write_result(files[0], document)
        if isinstance(result, planning.Plan):
            from trivet.report.pages import PLAN, write_page  # noqa: PLC0415 - draws, so it is heavy

            page, *pictures = write_page(PLAN, result, out)
            files = (page, *files, *pictures)
    if json:
        print_json({**document, "files": [str(path) for path in files]})
        return 0

    if isinstance(result, planning.Plan):
        print_plan(result, files)
    else:
        print_spending(result, files)
    return 0


def _laid_over(
    config: Path | None,
    options: Mapping[str, Any],
    queries: str | None,
    sensitivity: str | None,
    scale: str | None,
    *,
    inverse: bool,
) -> PlanSettings:
    """Lay what the command line chose over the file's table, or over nothing."""
    if config is not None:
        if queries is not None or sensitivity is not None or scale is not None:
            raise UsageError(
                "the queries are those of the file; leave out --queries, --sensitivity and --scale."
            )
        settings = replace(_table_of(config), **options)
    elif queries is None or sensitivity is None:
        raise UsageError("give --queries and --sensitivity, or an audit.toml with a [privacy.plan] table.")
    elif inverse and scale is None:
        raise UsageError("--inverse asks what noise spends; give it with --scale.")
    else:
        settings = PlanSettings(**options, queries=_queries(queries, sensitivity, scale))
    if settings.epsilon is None and not inverse:
        raise UsageError("a plan needs a budget; give --epsilon, the total that may be spent.")
    return settings


def _table_of(config: Path) -> PlanSettings:
    from trivet.config import load_config  # noqa: PLC0415 - only a file needs it

    found = load_config(config).privacy.plan
    if found is None:
        raise UsageError(
            f"{one_line(config.name)} has no [privacy.plan] table; "
            "add one with epsilon, delta and [[privacy.plan.queries]]."
        )
    return found


def _queries(queries: str, sensitivity: str, scale: str | None) -> tuple[QuerySettings, ...]:
    """One line a kind of query."""
    counts = _numbers("queries", queries, int)
    moves = _numbers("sensitivity", sensitivity, float)
    scales: list[float | None] = [None] if scale is None else [*_numbers("scale", scale, float)]
    if len(counts) == 1 and max(len(moves), len(scales)) > 1:
        # K queries that differ: one sensitivity or scale each.
        length = max(len(moves), len(scales))
        if counts[0] != length:
            raise UsageError(
                f"--queries is {counts[0]}, but there are {length} values of "
                f"--{'sensitivity' if len(moves) > 1 else 'scale'}; give one for all, one a query, "
                "or as many --queries, K,K,..., as kinds."
            )
        counts = [1] * length
    for count in counts:
        require(Answers, queries=count)
    moves = _one_a_kind("sensitivity", moves, len(counts))
    scales = _one_a_kind("scale", scales, len(counts))
    return tuple(
        QuerySettings(count=count, sensitivity=move, scale=noise)
        for count, move, noise in zip(counts, moves, scales, strict=True)
    )


def _one_a_kind(option: str, values: list[Value], kinds: int) -> list[Value]:
    if len(values) not in {1, kinds}:
        raise UsageError(
            f"--{option} has {len(values)} values, but --queries names {kinds} kinds of queries; "
            "give one for all, or one a kind."
        )
    return values * kinds if len(values) == 1 else values


def _numbers(option: str, text: str, kind: Callable[[str], Number]) -> list[Number]:
    """Read numbers between commas."""
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        expected = "whole numbers, such as 92 or 90,2" if kind is int else "numbers, such as 1 or 1,2.5"
        raise UsageError(f"--{option} is {quote(text)}; expected {expected}.") from None


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
#: A query's name: a table folds it, and does not cut it.
NAME_CHARACTERS = 200


def print_plan(plan: "Plan", files: tuple[Path, ...]) -> None:
    """Print the rows by mechanism, then the best one, why, and the files."""
    console = results_console()
    single = len(plan.queries) == 1
    _print_question(console, plan.queries, adjacency=plan.adjacency, group=plan.group)
    console.print(f"within epsilon {plan.epsilon:g}, delta {plan.delta:g}")
    console.print()
    noise = ("epsilon", "scale", "std", "mean err", "95 % err")
    tail = () if plan.threshold is None else (f"P(> {plan.threshold:g})",)
    table = figures_table("", *((*noise, *tail) if single else ("typical std", "of the best")))
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
        _print_release(console, plan.release, adjacency=plan.adjacency)
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
    table = figures_table(
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


def _print_release(console: Console, release: "PlannedRelease", *, adjacency: str) -> None:
    """Say what to type, so that the ledger lets the plan through to its last answer."""
    rest = "" if release.accounting == "basic" else f" --delta {release.delta} --accounting pld"
    rest += "" if adjacency == PlanOptions.adjacency else f" --adjacency {adjacency}"
    console.print(
        f"To release it, make a ledger: trivet privacy ledger FILE --create --epsilon {release.epsilon}{rest}"
    )
    for query in release.queries:
        name = one_line(query.name, limit=NAME_CHARACTERS)
        times = "once" if query.count == 1 else f"{query.count:,} times"
        price = f"--rho {query.rho}" if query.epsilon is None else f"--epsilon {query.epsilon}"
        console.print(escape(f"  {name}: trivet privacy release, {times}, with {price}"))


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
    table = figures_table("query", "times", "epsilon", "scale", "std", "mean err", "95 % err", *tail)
    for query, noise in zip(plan.queries, best.queries, strict=True):
        name = escape(one_line(query.name, limit=NAME_CHARACTERS))
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
