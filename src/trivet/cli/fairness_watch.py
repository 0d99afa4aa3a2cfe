"""``trivet fairness watch``: a disparity over time, with an alarm that holds at every look."""

from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.table import Table

from trivet.cli.options import Json, Out, command
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
from trivet.fairness.monitoring.results import FairnessWatch, WatchedGroup
from trivet.fairness.monitoring.settings import WatchOptions
from trivet.verdict import DISPARATE, tone
from trivet.wording import one_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_watch", "watch"]

RESULT: Final = "watch.json"
#: Longer names are not read on a terminal; shorter ones are never cut.
NAME: Final = 500
#: Looks of each group, and groups, that a terminal shows; the files have all.
SHOWN_LOOKS: Final = 6
SHOWN_GROUPS: Final = 8


@command
def watch(*tables: str, options: WatchOptions, out: Out = None, json: Json = False) -> int:
    """Watch a disparity over time: exit code 1 after an alarm.

    The intervals hold for all groups and at all looks together, however often one looks: an alarm, at
    which one lies outside the band, is false with a probability of at most 1 - level, ever.

    Parameters
    ----------
    tables
        Files as of trivet fairness, in the order of time; or one, with --time or --every.
    """
    if out is not None:
        prepare_folder(out, RESULT, "watch.html")
    started = perf_counter()
    with report_progress() as progress:
        progress("fairness", "counting", None)
        from trivet.fairness.monitoring.watch import watch_tables  # noqa: PLC0415 - DuckDB and SciPy

        found = watch_tables(tables, options)
        files: tuple[Path, ...] = ()
        if out is not None:
            progress("fairness", "pictures and page", None)
            files = _write(found, out)
    seconds = perf_counter() - started
    if json:
        print_json({**asdict(found), "seconds": seconds, "files": list(map(str, files))})
    else:
        console = results_console()
        print_watch(found, console)
        print_files(console, files)
        console.print(f"{sum(found.rows):,} rows in {seconds:.1f} s.")
    return 1 if found.verdict == DISPARATE else 0


def print_watch(found: FairnessWatch, console: "Console") -> None:
    """Print the last looks of each group, alarms, and the verdict."""
    reference = escape(one_line(found.reference, limit=NAME))
    console.print(
        f"{found.metric.replace('_', ' ')} against {reference} ({found.reference_why}), at "
        f"{_looks(len(found.looks))}; intervals hold for all groups and looks at {100 * found.level:g}%."
    )
    what, judged = (
        (f"The ratio is the group's rate over that of {reference}", "ratio")
        if found.difference is None
        else (f"The difference is the rate of {reference} minus the group's", "difference")
    )
    console.print(
        f"New rows are of the look alone; rates, {judged} and interval of all rows up to it. {what}."
    )
    for group in found.groups[:SHOWN_GROUPS]:
        console.print()
        _print_group(found, group, console)
    if (more := len(found.groups) - SHOWN_GROUPS) > 0:
        console.print(f"{more} more groups are in the files of --out, and in --json.")
    console.print()
    data = one_line(", ".join(found.data), limit=NAME)
    console.print(f"{verdict_text(tone(found.verdict), found.verdict, on=data)}. {escape(found.reason)}")
    console.print(found.limits, style="dim")


def _print_group(found: FairnessWatch, group: WatchedGroup, console: "Console") -> None:
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    shown.add_column(escape(one_line(group.group, limit=NAME)), overflow="fold")
    what = "ratio" if found.difference is None else "difference"
    for heading in ("new rows", "rate", "reference", what, "interval", ""):
        shown.add_column(heading, justify="right", no_wrap=True)
    looks = group.looks[-SHOWN_LOOKS:]
    alarm = next((look for look in group.looks if look.alarm), None)
    if alarm is not None and alarm not in looks:
        looks = (alarm, *looks[1:])
    for look in looks:
        judged = look.ratio if found.difference is None else look.difference
        shown.add_row(
            escape(one_line(look.look, limit=NAME)),
            f"{look.rows:,}",
            _value(look.rate),
            _value(look.reference_rate),
            _value(judged.value),
            _ends(judged),
            marked("bad", "alarm") if look.alarm else "",
        )
    console.print(shown)
    said = (
        "no alarm"
        if group.first_alarm is None
        else f"first alarm at {one_line(group.first_alarm, limit=NAME)}"
    )
    console.print(f"{_looks(len(group.looks))}, {escape(said)}; p of equal rates {group.p_value:.2g}.")


def _looks(number: int) -> str:
    return "1 look" if number == 1 else f"{number:,} looks"


def _value(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _ends(found: Estimate) -> str:
    if found.low is None:
        return "none"
    return f"{found.low:.3f} or more" if found.high is None else f"{found.low:.3f} to {found.high:.3f}"


def _write(found: FairnessWatch, out: Path) -> tuple[Path, ...]:
    from trivet.report.pages import WATCH, write_page  # noqa: PLC0415 - draws
    from trivet.work.result_files import write_result  # noqa: PLC0415 - as above

    write_result(out / RESULT, asdict(found))
    page, *pictures = write_page(WATCH, found, out)
    return page, out / RESULT, *pictures
