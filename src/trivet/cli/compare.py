"""``trivet compare``: changes between two audits, and which of them exceed noise."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trivet.cli.options import Json, command
from trivet.cli.outputs import prepare_folder
from trivet.cli.terminal import (
    marked,
    path_text,
    print_files,
    print_json,
    print_text,
    report_progress,
    results_console,
)
from trivet.comparison.results import BETTER
from trivet.errors import UsageError
from trivet.record import refuse_unfinished
from trivet.wording import as_entity, one_line
from trivet.work.result_files import write_whole

if TYPE_CHECKING:
    from trivet.comparison import Change, Comparison

__all__ = ["compare"]

RESULT = "comparison.json"
#: Lines of what is not in the headline, without --all.
SHOWN_CHANGES = 40


@command
def compare(
    before: Path,
    after: Path,
    /,
    *,
    out: Path | None = None,
    tolerance: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=False)] = (),
    markdown: bool = False,
    all: bool = False,  # noqa: A002 - the name of the option
    json: Json = False,
) -> int:
    """Compare two audits: exit code 1 if a verdict or a headline measurement got measurably worse.

    With nothing in common to compare the exit code is 3.

    Parameters
    ----------
    before
        Output folder of the earlier `trivet run`.
    after
        Output folder of the later one.
    out
        Folder for comparison.json, the page and its picture.
    tolerance
        By how much a measure may differ: 0.01, 5% of the earlier value, or of one measure as
        "fairness.disparate_impact=0.02"; may be repeated.
    markdown
        Print Markdown, such as for a comment under a change.
    all
        Also list what is the same or noise, and every difference.
    """
    from trivet.comparison import compare_audits, parse_tolerances, read_audit  # noqa: PLC0415 - SciPy is heavy
    from trivet.policy import measured_places  # noqa: PLC0415

    if markdown and json:
        raise UsageError("--markdown and --json are two documents; ask for one of them.")
    tolerances = parse_tolerances(tolerance, measured_places)
    for folder in (before, after):
        refuse_unfinished(folder)
    if out is not None:
        prepare_folder(out, RESULT, "compare.html")
    found = compare_audits(read_audit(before), read_audit(after), tolerances=tolerances)
    files = () if out is None else _write(found, out)
    if json:
        print_json({**asdict(found), "files": [str(path) for path in files]})
    elif markdown:
        from trivet.report.compared import comparison_markdown  # noqa: PLC0415 - only where requested

        print_text(comparison_markdown(found, everything=all), as_entity)
    else:
        _print(found, everything=all)
        print_files(results_console(), files)
    return 1 if found.regressions else 0 if found.is_of_something else 3


def _write(found: "Comparison", out: Path) -> tuple[Path, ...]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - heavy, as is what draws

    from trivet.comparison import Comparison  # noqa: PLC0415
    from trivet.report.pages import COMPARED, write_page  # noqa: PLC0415

    with report_progress() as progress:
        progress("compare", "page and picture", None)
        result = write_whole(out / RESULT, TypeAdapter(Comparison).dump_json(found, indent=2) + b"\n")
        return result, *write_page(COMPARED, found, out)


def _print(found: "Comparison", *, everything: bool) -> None:
    from trivet.comparison import differing_first, no_regressions, quiet_text  # noqa: PLC0415 - as above

    console = results_console()
    for which, audit in (("before", found.before), ("after", found.after)):
        told = ", ".join(
            filter(None, (audit.title, audit.started, audit.trivet and f"trivet {audit.trivet}"))
        )
        console.print(f"{which:7} {path_text(audit.folder)}: {escape(told)}")
    for caution in found.cautions:
        console.print(f"[yellow]?[/] {escape(caution)}")
    _print_lines(console, "data, settings and versions that differ", found.asked, limit=None)
    for heading, changes in (("verdicts", found.verdicts), ("headline", found.headline)):
        differ, quiet = differing_first(changes)
        _print_rows(console, heading, (*differ, *quiet) if everything else differ)
    _print_lines(
        console, "everything else that differs", found.changed, limit=None if everything else SHOWN_CHANGES
    )
    if everything:
        _print_lines(console, "the same, or noise", found.rest, limit=None)
    elif quiet := quiet_text(found):
        console.print()
        console.print(f"The same, or within noise: {quiet}; --all lists them, --json has each.")
    console.print()
    for sentence in found.regressions:
        console.print(f"{marked('bad', 'worse:', bold=True)} {escape(sentence)}")
    doubtful = found.lacks_a_leg or not found.is_of_something
    doubtful = doubtful or bool(no_regressions(found.headline, found.changed))
    tone = "bad" if found.regressions else "unsure" if doubtful else "good"
    console.print(f"{marked(tone, '', bold=True)}{escape(found.statement)}")
    if found.tolerances:
        console.print(escape(f"Tolerance: {', '.join(found.tolerances)}."))
    if found.limits:
        console.print(escape(found.limits))


def _print_rows(console: Console, heading: str, changes: Sequence["Change"]) -> None:
    from trivet.comparison import difference_text, sides_text  # noqa: PLC0415 - as above

    if not changes:
        return
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column(heading, overflow="fold")
    for name in ("before", "after"):
        table.add_column(name, justify="right", overflow="fold")
    differences = [change.detail or difference_text(change) for change in changes]
    if any(differences):
        table.add_column("difference", justify="right", overflow="fold")
    table.add_column("", overflow="fold")
    for change, difference in zip(changes, differences, strict=True):
        row = [change.title, *sides_text(change)]
        row += [difference] if any(differences) else []
        table.add_row(*map(escape, row), _outcome(change))
    console.print()
    console.print(table)


def _print_lines(console: Console, heading: str, changes: Sequence["Change"], *, limit: int | None) -> None:
    from trivet.comparison import change_text  # noqa: PLC0415 - as above

    if not changes:
        return
    console.print()
    console.print(f"[bold]{heading}[/]")
    for change in changes[:limit]:
        console.print(f"- {escape(change_text(change))}: {_outcome(change)}")
    if limit is not None and len(changes) > limit:
        left = Counter(change.place.partition(".")[0] for change in changes[limit:])
        legs = ", ".join(f"{count} of {escape(one_line(leg))}" for leg, count in left.items())
        console.print(
            f"and {left.total()} more values that differ ({legs}): --all lists them; --json has each, its "
            "place and its intervals."
        )


def _outcome(change: "Change") -> str:
    from trivet.comparison import outcome_text  # noqa: PLC0415 - as above

    text = outcome_text(change)
    if change.judged is None:
        return text
    worse = "bad" if change.measurably_worse else "unsure"
    return marked("good" if change.judged == BETTER else worse, text)
