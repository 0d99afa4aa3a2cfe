"""``trivet fairness --inferred``: bounds of disparities between groups that are only inferred."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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
from trivet.errors import UsageError
from trivet.fairness.auditing.settings import ADULT, TableOptions
from trivet.fairness.inferred.results import InferredAudit, InferredDisparity
from trivet.fairness.inferred.settings import InferredOptions
from trivet.verdict import DISPARATE, tone
from trivet.wording import one_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["bound_table", "print_bounds"]

RESULT: Final = "inferred.json"
#: Longer names are not read on a terminal; shorter ones are never cut.
NAME: Final = 500
_USED: Final = (
    "prediction", "score", "cut", "score_range", "favourable", "label", "positive", "privileged",
    "four_fifths", "level",
)  # fmt: skip


def bound_table(
    table: str, options: TableOptions, inferred: InferredOptions, *, seed: int, out: Path | None, json: bool
) -> int:
    """Bound the disparities of a table; exit code 1 if one is outside the band whatever the groups are."""
    given = _required(table, options, inferred)
    if out is not None:
        prepare_folder(out, RESULT, "inferred.html")
    with report_progress() as progress:
        progress("fairness", "bounds", None)
        from trivet.fairness.inferred.reading import bound_disparities, parsed  # noqa: PLC0415 - DuckDB, SciPy
        from trivet.tables.opening import open_table  # noqa: PLC0415 - as above

        with open_table(table, reading=options.reading) as opened:
            found = bound_disparities(opened, **given, **parsed(inferred), seed=seed)
        files: tuple[Path, ...] = ()
        if out is not None:
            progress("fairness", "page", None)
            files = _write(found, out)
    if json:
        print_json({**asdict(found), "files": list(map(str, files))})
    else:
        console = results_console()
        print_bounds(found, console)
        print_files(console, files)
    return 1 if found.verdict == DISPARATE else 0


def _required(table: str, options: TableOptions, inferred: InferredOptions) -> dict[str, Any]:
    """Return the options that are used, or say what is missing or idle."""
    if table == ADULT:
        raise UsageError("a table is missing: name a .csv or .parquet file, or FILE.duckdb:TABLE.")
    used = {*_USED, "decimal", "thousands", "encoding"}
    used |= {"sensitive"} if inferred.error_rates is not None else set()
    defaults = {each.name: each.default for each in fields(TableOptions)}
    idle = [name for name in defaults if name not in used and getattr(options, name) != defaults[name]]
    if idle:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in idle)
        raise UsageError(f"{named}: nothing is done with it where groups are inferred; leave it out.")
    given = {name: getattr(options, name) for name in _USED}
    if inferred.error_rates is not None:
        if len(options.sensitive) != 1:
            raise UsageError("--error-rates needs --sensitive COL, the column of the inferred group.")
        given["sensitive"] = options.sensitive[0]
    return given


def print_bounds(found: InferredAudit, console: "Console") -> None:
    """Print what each disparity can be, the usual estimators, and the verdict."""
    reference = escape(one_line(found.reference, limit=NAME))
    known = (
        "the probability of its group"
        if found.known == "probabilities"
        else "an inferred group, and how often it is wrong"
    )
    console.print(
        f"{found.rows:,} rows; of each is known {known}. Against {reference} ({found.reference_why})."
    )
    for metric in dict.fromkeys(each.metric for each in found.disparities):
        console.print()
        shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
        shown.add_column(metric.replace("_", " "), overflow="fold")
        for heading in ("ratio can be", "with sampling", "weighted", "thresholded", ""):
            shown.add_column(heading, justify="right", no_wrap=True)
        for each in found.disparities:
            if each.metric == metric:
                shown.add_row(
                    escape(one_line(each.group, limit=NAME)),
                    _ends(each.ratio.low, each.ratio.high),
                    _ends(each.ratio.sampled_low, each.ratio.sampled_high),
                    _value(each.weighted),
                    _value(each.thresholded),
                    marked(tone(each.verdict), each.verdict),
                )
        console.print(shown)
        for each in found.disparities:
            if each.metric == metric:
                console.print(escape(_difference(each)))
    console.print()
    console.print("weighted, thresholded: the usual estimators, which are biased.", style="dim")
    told = verdict_text(tone(found.verdict), found.verdict, on=one_line(found.data, limit=NAME))
    console.print(f"{told}. {escape(found.reason)}")
    console.print(found.limits, style="dim")


def _difference(each: InferredDisparity) -> str:
    reference, group = (one_line(name, limit=NAME) for name in (each.reference, each.group))
    known = "" if each.adjusted is None else f"{each.adjusted:.3f} if errors do not depend on the outcome"
    more = known and f"; the ratio is {known}"
    ends = _ends(each.difference.low, each.difference.high)
    return f"{group}: the difference, the rate of {reference} minus that of {group}, can be {ends}{more}."


def _value(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _ends(low: float | None, high: float | None) -> str:
    if low is None:
        return "unknown"
    return f"{low:.3f} or more" if high is None else f"{low:.3f} to {high:.3f}"


def _write(found: InferredAudit, out: Path) -> tuple[Path, ...]:
    from trivet.report.pages import INFERRED, write_page  # noqa: PLC0415 - draws
    from trivet.work.result_files import write_result  # noqa: PLC0415 - as above

    write_result(out / RESULT, asdict(found))
    page, *pictures = write_page(INFERRED, found, out)
    return page, out / RESULT, *pictures
