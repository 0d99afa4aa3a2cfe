"""Terminal, files and exit code of ``trivet fairness`` for amounts, rankings and several classes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from trivet.audit import Progress
from trivet.cli.fairness.output import (
    FILES,
    ends_text,
    name_text,
    print_notes,
    print_verdict,
    print_withheld,
    value_text,
    verdict_cell,
)
from trivet.cli.outputs import carry_out
from trivet.cli.terminal import figures_table
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
from trivet.verdict import DISPARATE, rank
from trivet.wording import amount

__all__ = ["audit_and_print"]

if TYPE_CHECKING:
    from rich.console import Console

#: Rows shown on the terminal; the files have all.
_SHOWN = 12
_MEDIAN = 0.5

OutcomeAudit = AmountAudit | RankingAudit | MulticlassAudit


def audit_and_print(settings: TableSettings, *, seed: int, out: Path | None, json: bool) -> int:
    """Audit, print and write; return 1 if a group is disparate."""

    def run(progress: Progress) -> OutcomeAudit:
        from trivet.fairness.outcomes.audit import audit_outcomes  # noqa: PLC0415 - DuckDB

        return audit_outcomes(
            settings, seed=seed, progress=lambda step, share: progress("fairness", step, share)
        )

    found = carry_out(
        run,
        print_outcomes,
        "OUTCOME",
        leg="fairness",
        files=FILES,
        out=out,
        json=json,
        timed=lambda found: f"{found.rows:,} rows in",
    )
    return 1 if found.verdict == DISPARATE else 0


def print_outcomes(audit: OutcomeAudit, console: "Console") -> None:
    """Print the verdict, each attribute's groups, cautions and limits."""
    print_verdict(audit, console)
    for attribute in audit.attributes:
        groups: Any = attribute.groups
        if isinstance(attribute, MulticlassAttribute):
            _print_classes(attribute, console)
        elif isinstance(audit, AmountAudit):
            if groups:
                _print_amounts(attribute.name, groups, console)
            print_withheld(attribute, console)
        else:
            _print_ranking(
                attribute.name, groups, audit.top if isinstance(audit, RankingAudit) else 0, console
            )
    if isinstance(audit, AmountAudit):
        console.print(
            "Differences of means and medians, quantiles and distances of distributions are in the files of "
            "--out, and in --json.",
            style="dim",
        )
    print_notes(audit, console)


def _print_amounts(name: str, groups: tuple[GroupAmounts, ...], console: "Console") -> None:
    table = figures_table(name_text(name), "rows", "mean", "median", "ratio", "interval", "")
    for group in _worst_first(groups):
        median = next(each.value for each in group.quantiles if each.share == _MEDIAN)
        table.add_row(
            name_text(group.group),
            f"{group.rows:,}",
            _amount(group.mean),
            _amount(median),
            _value(group.mean_ratio),
            _between(group.simultaneous_low, group.simultaneous_high),
            verdict_cell(group.verdict),
        )
    _finish(table, len(groups), console)


def _print_ranking(name: str, groups: tuple[GroupRanking, ...], top: int, console: "Console") -> None:
    table = figures_table(name_text(name), "rows", "exposure", "ratio", "interval", f"top {top}", "")
    for group in _worst_first(groups):
        table.add_row(
            name_text(group.group),
            f"{group.rows:,}",
            _value(group.exposure),
            _value(group.exposure_ratio),
            _between(group.simultaneous_low, group.simultaneous_high),
            _value(group.top_share),
            verdict_cell(group.verdict),
        )
    _finish(table, len(groups), console)


def _print_classes(attribute: MulticlassAttribute, console: "Console") -> None:
    table = figures_table(name_text(attribute.name), "class", "rate", "ratio", "interval", "TPR", "FPR", "")
    by_place = {(each.metric, each.label, each.group): each.rate for each in attribute.groups}
    rows = [each for each in attribute.groups if each.metric == "selection_rate"]
    for row in _worst_first(rows):
        table.add_row(
            name_text(row.group),
            name_text(row.label),
            _value(row.rate),
            _value(row.ratio),
            _between(row.simultaneous_low, row.simultaneous_high),
            _value(by_place["true_positive_rate", row.label, row.group]),
            _value(by_place["false_positive_rate", row.label, row.group]),
            verdict_cell(row.verdict),
        )
    _finish(table, len(rows), console)
    table = figures_table(name_text(attribute.name), "mean", "value", "interval", "difference")
    for each in attribute.macro:
        table.add_row(
            name_text(each.group),
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


def _value(estimate: Estimate | None) -> str:
    return "" if estimate is None else value_text(estimate)


def _signed(estimate: Estimate) -> str:
    if estimate.value is None:
        return "none"
    ends = _between(estimate.low, estimate.high)
    return f"{estimate.value:+.3f}" + (f" ({ends})" if ends else "")


def _amount(estimate: Estimate) -> str:
    return "none" if estimate.value is None else amount(estimate.value)


def _between(low: float | None, high: float | None) -> str:
    return f"up to {high:.3f}" if low is None and high is not None else ends_text(low, high, unknown="")
