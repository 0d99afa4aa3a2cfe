"""Terminal, files and exit code of ``trivet fairness`` for amounts, rankings and several classes."""

from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from trivet.cli.outputs import prepare_folder
from trivet.cli.terminal import (
    marked,
    print_files,
    print_json,
    report_progress,
    results_console,
    verdict_text,
)
from trivet.estimate import Estimate
from trivet.fairness.auditing.results import REFERENCE
from trivet.fairness.auditing.settings import TableSettings
from trivet.fairness.outcomes.results import (
    AmountAudit,
    GroupAmounts,
    GroupRanking,
    MulticlassAttribute,
    MulticlassAudit,
    RankingAudit,
)
from trivet.verdict import DISPARATE, rank, tone
from trivet.wording import one_line

__all__ = ["audit_and_print"]

if TYPE_CHECKING:
    from rich.console import Console

RESULT, PAGE = "fairness.json", "fairness.html"
#: Rows shown on the terminal; the files have all.
_SHOWN = 12
_NAME = 500
_MEDIAN = 0.5

OutcomeAudit = AmountAudit | RankingAudit | MulticlassAudit


def audit_and_print(settings: TableSettings, *, seed: int, out: Path | None, json: bool) -> int:
    """Audit, print and write; return 1 if a group is disparate."""
    if out is not None:
        prepare_folder(out, RESULT, PAGE)
    started = perf_counter()
    with report_progress() as progress:
        from trivet.fairness.outcomes.audit import audit_outcomes  # noqa: PLC0415 - DuckDB

        found = audit_outcomes(
            settings, seed=seed, progress=lambda step, share: progress("fairness", step, share)
        )
        files: tuple[Path, ...] = ()
        if out is not None:
            progress("fairness", "pictures and page", None)
            files = _write(found, out)
    seconds = perf_counter() - started
    if json:
        print_json({**asdict(found), "seconds": seconds, "files": list(map(str, files))})
    else:
        console = results_console()
        print_outcomes(found, console)
        print_files(console, files)
        console.print(f"{found.rows:,} rows in {seconds:.1f} s.")
    return 1 if found.verdict == DISPARATE else 0


def print_outcomes(audit: OutcomeAudit, console: "Console") -> None:
    """Print each attribute's groups, what is to be known first, and the verdict."""
    for attribute in audit.attributes:
        groups: Any = attribute.groups
        if isinstance(attribute, MulticlassAttribute):
            _print_classes(attribute, console)
        elif isinstance(audit, AmountAudit):
            _print_amounts(attribute.name, groups, console)
        else:
            _print_ranking(
                attribute.name, groups, audit.top if isinstance(audit, RankingAudit) else 0, console
            )
    for caution in audit.cautions:
        console.print(f"[yellow]![/] [bold]{caution.kind}[/]: {escape(caution.message)}")
    told = verdict_text(tone(audit.verdict), audit.verdict, on=audit.data)
    console.print(f"{told}. {escape(audit.reason)}")
    console.print(audit.limits, style="dim")


def _print_amounts(name: str, groups: tuple[GroupAmounts, ...], console: "Console") -> None:
    table = _table(name, "rows", "mean", "median", "ratio", "interval", "")
    for group in _worst_first(groups):
        median = next(each.value for each in group.quantiles if each.share == _MEDIAN)
        table.add_row(
            _text(group.group),
            f"{group.rows:,}",
            _amount(group.mean),
            _amount(median),
            _value(group.mean_ratio),
            _between(group.simultaneous_low, group.simultaneous_high),
            _verdict(group.verdict),
        )
    _finish(table, len(groups), console)


def _print_ranking(name: str, groups: tuple[GroupRanking, ...], top: int, console: "Console") -> None:
    table = _table(name, "rows", "exposure", "ratio", "interval", f"top {top}", "")
    for group in _worst_first(groups):
        table.add_row(
            _text(group.group),
            f"{group.rows:,}",
            _value(group.exposure),
            _value(group.exposure_ratio),
            _between(group.simultaneous_low, group.simultaneous_high),
            _value(group.top_share),
            _verdict(group.verdict),
        )
    _finish(table, len(groups), console)


def _print_classes(attribute: MulticlassAttribute, console: "Console") -> None:
    table = _table(attribute.name, "class", "rate", "ratio", "interval", "TPR", "FPR", "")
    by_place = {(each.metric, each.label, each.group): each.rate for each in attribute.groups}
    rows = [each for each in attribute.groups if each.metric == "selection_rate"]
    for row in _worst_first(rows):
        table.add_row(
            _text(row.group),
            _text(row.label),
            _value(row.rate),
            _value(row.ratio),
            _between(row.simultaneous_low, row.simultaneous_high),
            _value(by_place["true_positive_rate", row.label, row.group]),
            _value(by_place["false_positive_rate", row.label, row.group]),
            _verdict(row.verdict),
        )
    _finish(table, len(rows), console)
    table = _table(attribute.name, "mean", "value", "interval", "difference")
    for each in attribute.macro:
        table.add_row(
            _text(each.group),
            each.metric.replace("_", " "),
            _value(each.rate),
            _between(each.rate.low, each.rate.high),
            "" if each.difference is None else _signed(each.difference),
        )
    _finish(table, 0, console)


def _worst_first(groups: Any) -> list[Any]:
    """Return the worst groups first; the reference group stands above them."""
    reference = [group for group in groups if group.verdict == REFERENCE]
    others = [group for group in groups if group.verdict != REFERENCE]
    others.sort(key=lambda group: (-(rank(group.verdict) or 0), -getattr(group, "rows", 0)))
    return (reference + others)[: _SHOWN + 1]


def _finish(table: Table, rows: int, console: "Console") -> None:
    console.print(table)
    if rows > _SHOWN + 1:
        console.print(f"{rows - _SHOWN - 1} more are in the files of --out, and in --json.")
    console.print()


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column(_text(first), overflow="fold")
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _text(name: str) -> str:
    return escape(one_line(name, limit=_NAME))


def _verdict(word: str) -> str:
    return word if word == REFERENCE else marked(tone(word), word)


def _value(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return "none" if estimate.value is None else f"{estimate.value:.3f}"


def _signed(estimate: Estimate) -> str:
    if estimate.value is None:
        return "none"
    ends = _between(estimate.low, estimate.high)
    return f"{estimate.value:+.3f}" + (f" ({ends})" if ends else "")


def _amount(estimate: Estimate) -> str:
    return "none" if estimate.value is None else f"{estimate.value:,.4g}"


def _between(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f"up to {high:.3f}"
    return f"{low:.3f} to {high:.3f}" if high is not None else f"{low:.3f} or more"


def _write(found: OutcomeAudit, out: Path) -> tuple[Path, ...]:
    from trivet.report.pages import OUTCOME, write_page  # noqa: PLC0415 - draws
    from trivet.work.result_files import write_result  # noqa: PLC0415 - as above

    result = out / RESULT
    write_result(result, asdict(found))
    page, *pictures = write_page(OUTCOME, found, out)
    return page, result, *pictures
