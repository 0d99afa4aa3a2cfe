"""``trivet fairness watch``: a disparity over time, with an alarm that holds at every look."""

from typing import TYPE_CHECKING, Final

from rich.markup import escape

from trivet.audit import Progress
from trivet.cli.fairness.output import (
    NAME,
    band_of,
    ends_text,
    name_text,
    print_notes,
    value_text,
)
from trivet.cli.options import Json, Out, command
from trivet.cli.outputs import carry_out
from trivet.cli.terminal import figures_table, marked, verdict_text
from trivet.fairness.monitoring.results import FairnessWatch, WatchedGroup
from trivet.fairness.monitoring.settings import WatchOptions
from trivet.verdict import DISPARATE, tone
from trivet.wording import one_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_watch", "watch"]

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

    def look(progress: Progress) -> FairnessWatch:
        progress("fairness", "counting", None)
        from trivet.fairness.monitoring.watch import watch_tables  # noqa: PLC0415 - DuckDB and SciPy

        return watch_tables(tables, options)

    found = carry_out(
        look,
        print_watch,
        "WATCH",
        leg="fairness",
        files=("watch.json", "watch.html"),
        out=out,
        json=json,
        timed=lambda found: f"{sum(found.rows):,} rows in",
    )
    return 1 if found.verdict == DISPARATE else 0


def print_watch(found: FairnessWatch, console: "Console") -> None:
    """Print the last looks of each group, alarms, and the verdict."""
    reference = name_text(found.reference)
    console.print(
        f"{found.metric.replace('_', ' ')} against {reference} ({found.reference_why}), at "
        f"{_looks(len(found.looks))}; intervals hold for all groups and looks at {100 * found.level:g}%."
    )
    what, judged = (
        (f"The ratio is the group's rate over that of {reference}", "ratio")
        if found.difference is None
        else (f"The difference is the rate of {reference} minus the group's", "difference")
    )
    last = f" The last {SHOWN_LOOKS} looks are shown." if len(found.looks) > SHOWN_LOOKS else ""
    console.print(
        f"New rows are of the look alone; rates, {judged} and interval of all rows up to it. {what}.{last}"
    )
    for group in found.groups[:SHOWN_GROUPS]:
        console.print()
        _print_group(found, group, console)
    if (more := len(found.groups) - SHOWN_GROUPS) > 0:
        console.print(f"{more} more groups are in the files of --out, and in --json.")
    console.print()
    data = one_line(", ".join(found.data), limit=NAME)
    console.print(f"{verdict_text(tone(found.verdict), found.verdict, on=data)}. {escape(found.reason)}")
    print_notes(found, console)


def _print_group(found: FairnessWatch, group: WatchedGroup, console: "Console") -> None:
    what = "ratio" if found.difference is None else "difference"
    band = band_of(found.four_fifths) if found.difference is None else (-found.difference, found.difference)
    shown = figures_table(name_text(group.group), "new rows", "rate", "reference", what, "interval", "")
    looks = group.looks[-SHOWN_LOOKS:]
    alarm = next((look for look in group.looks if look.alarm), None)
    if alarm is not None and alarm not in looks:
        looks = (alarm, *looks[1:])
    for look in looks:
        judged = look.ratio if found.difference is None else look.difference
        shown.add_row(
            name_text(look.look),
            f"{look.rows:,}",
            value_text(look.rate),
            value_text(look.reference_rate),
            value_text(judged, bounds=band),
            ends_text(judged.low, judged.high, bounds=band),
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
