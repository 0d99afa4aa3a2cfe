"""Print the subgroups that ``trivet fairness --search`` found, and the gaps that it would have."""

from typing import TYPE_CHECKING

from rich.markup import escape

from trivet.cli.fairness.output import name_text

__all__ = ["print_search"]

if TYPE_CHECKING:
    from rich.console import Console

    from trivet.estimate import Estimate
    from trivet.fairness.search.results import CalibrationSearch, SubgroupSearch

#: Subgroups and columns shown on the terminal; the files have all.
SHOWN = 10
SHOWN_COLUMNS = 5
#: P-values below it are written as being below.
LEAST_P = 1e-4


def print_search(search: "SubgroupSearch", console: "Console") -> None:
    """Print the subgroups whose rates differ, those whose scores are out of calibration, and the limits."""
    if search.found:
        console.print("Subgroups that differ from the rest", style="bold")
    for place, each in enumerate(search.found[:SHOWN], start=1):
        console.print(f"{place:3d}  {name_text(each.description)}")
        go = "goes" if each.stands_for == 1 else "go"
        more = f"; {each.stands_for:,} more {go} with it" if each.stands_for else ""
        console.print(
            f"     {each.metric.replace('_', ' ')} {each.rate:.3f} against {each.rest:.3f}, gap "
            f"{each.gap:+.3f} ({_signed(each.gap)} for all at once), {each.rows:,} rows, p "
            f"{_p(each.p_adjusted)}{more}"
        )
    if len(search.found) > SHOWN:
        console.print(f"{len(search.found) - SHOWN} more are in the files of --out, and in --json.")
    console.print(escape(search.statement))
    if search.calibration is not None:
        _print_calibration(search.calibration, console)
    if search.left_out:
        shown = [f"{name_text(each.column)} ({each.reason})" for each in search.left_out[:SHOWN_COLUMNS]]
        more = len(search.left_out) - len(shown)
        console.print(f"Not searched: {'; '.join(shown)}{f'; {more} more' if more else ''}.", style="dim")
    if search.not_searched is not None:
        console.print(search.not_searched, style="dim")
    count = sum(search.subgroups)
    console.print(
        f"{count:,} subgroups of {search.fewest:,} rows or more, of up to {search.depth} conditions. "
        f"{search.limits}",
        style="dim",
    )
    console.print()


def _print_calibration(calibration: "CalibrationSearch", console: "Console") -> None:
    if calibration.found:
        console.print("Scores out of calibration", style="bold")
    for place, each in enumerate(calibration.found[:SHOWN], start=1):
        console.print(f"{place:3d}  {name_text(each.description)}")
        console.print(
            f"     mean score {each.mean_score:.3f}, share of positive labels {each.base_rate:.3f}, Kuiper's "
            f"statistic {each.kuiper:.3f}, {each.rows:,} rows, p {_p(each.p_adjusted)}"
        )
    console.print(escape(calibration.statement))


def _signed(ends: "Estimate") -> str:
    if ends.low is None or ends.high is None:
        return ""
    return f"{ends.low:+.3f} to {ends.high:+.3f}"


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= LEAST_P else f"below {LEAST_P:.4f}"
