"""``trivet fairness --template``: a table in the layout of a law."""

from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.table import Table

from trivet.cli.outputs import prepare_folder
from trivet.cli.terminal import marked, print_files, print_json, report_progress, results_console
from trivet.errors import UsageError
from trivet.fairness.auditing.results import REFERENCE
from trivet.fairness.auditing.settings import ADULT, TableOptions
from trivet.fairness.law.publishing import (
    NAME,
    SUPPRESSED,
    interval_text,
    published_csv,
    rate_sentence,
    table_notes,
)
from trivet.fairness.law.results import BiasAudit, CategoryFigures, CategoryTable
from trivet.fairness.law.settings import LawOptions
from trivet.tables.settings import CellReading
from trivet.verdict import DISPARATE, tone
from trivet.wording import one_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_bias_audit", "write_template"]

RESULT, CSV, PAGE = "ll144.json", "ll144.csv", "ll144.html"
#: Options of ``trivet fairness`` that a table of a law uses.
_USED: Final = frozenset(
    {
        "sensitive", "prediction", "score", "selected", "total", "positive", "four_fifths", "level",
        "suppress", "one_hot", "exclude", *(each.name for each in fields(CellReading)),
    }
)  # fmt: skip


def write_template(
    table: str, options: TableOptions, law: LawOptions, *, out: Path | None, json: bool
) -> int:
    """Write the table that `law` names; exit code 1 if a ratio is shown to be below the band."""
    given = _required(table, options)
    if out is not None:
        prepare_folder(out, RESULT, CSV, PAGE)
    with report_progress() as progress:
        progress("fairness", "counting", None)
        from trivet.fairness.law.ll144 import bias_audit  # noqa: PLC0415 - DuckDB and SciPy
        from trivet.tables.opening import open_table  # noqa: PLC0415 - as above

        sex, race = options.sensitive
        chosen = {name: value for name, value in vars(law).items() if name != "template"}
        chosen["audit_date"] = law.audit_date or datetime.now(UTC).date().isoformat()
        with open_table(table, reading=options.reading) as opened:
            found = bias_audit(
                opened,
                sex=sex,
                race=race,
                positive=options.positive,
                four_fifths=options.four_fifths,
                level=options.level,
                one_hot=options.one_hot,
                exclude=options.exclude,
                **given,
                **chosen,
            )
        beside = [each.statistics for table in found.tables for each in table.categories if each.statistics]
        if options.suppress is not None:
            from trivet.fairness.law.suppressed_table import suppressed_bias_audit  # noqa: PLC0415 - as above

            found = suppressed_bias_audit(found, options.suppress)
        files: tuple[Path, ...] = ()
        if out is not None:
            progress("fairness", "page", None)
            files = _write(found, out)
    if json:
        print_json({**asdict(found), "files": list(map(str, files))})
    else:
        console = results_console()
        print_bias_audit(found, console)
        print_files(console, files)
    # The exit code is of all categories, withheld ones too.
    return 1 if any(each.verdict == DISPARATE for each in beside) else 0


def _required(table: str, options: TableOptions) -> dict[str, str | None]:
    """Return the columns of what was decided, or say what is missing or idle."""
    if table == ADULT:
        raise UsageError("a table is missing: name a .csv or .parquet file, or FILE.duckdb:TABLE.")
    defaults = {each.name: each.default for each in fields(TableOptions)}
    idle = [name for name in defaults if name not in _USED and getattr(options, name) != defaults[name]]
    if idle:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in idle)
        raise UsageError(f"{named}: nothing is done with it in a table of --template; leave it out.")
    if len(options.sensitive) != 2:  # noqa: PLR2004 - the law's two
        raise UsageError(
            "--template ll144 needs --sensitive SEX,RACE: the columns of sex and of race or ethnicity."
        )
    names = ("prediction", "score", "selected", "total")
    given = {name: value for name in names if (value := getattr(options, name, None)) is not None}
    if set(given) not in ({"prediction"}, {"score"}, {"selected", "total"}):
        raise UsageError(
            "--template ll144 needs one of --prediction COL (decisions), --score COL (scores), and "
            "--selected COL with --total COL (counts)."
        )
    return given


def print_bias_audit(audit: BiasAudit, console: "Console") -> None:
    """Print the tables of the summary, what is beside them, and what the summary states."""
    console.print(f"[bold]Summary of results, Local Law 144[/] of {escape(one_line(audit.data, limit=NAME))}")
    for name, value in (
        ("Date of the bias audit", audit.audit_date),
        ("Distribution date of the tool", audit.distribution_date),
        ("Source and explanation of the data", audit.data_source),
    ):
        console.print(f"{name}: {escape(value or 'not stated')}")
    console.print(f"{audit.applicants:,} individuals assessed. {escape(rate_sentence(audit))}")
    for each in audit.tables:
        console.print()
        _print_table(audit, each, console)
    console.print()
    _print_beside(audit, console)
    for sentence in (*audit.notes, *audit.missing):
        console.print(f"[yellow]![/] {escape(sentence)}")
    console.print(audit.limits, style="dim")


def _print_table(audit: BiasAudit, table: CategoryTable, console: "Console") -> None:
    rate = "selection rate" if audit.kind == "selection" else "scoring rate"
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    shown.add_column(table.name, overflow="fold")
    for heading in (
        "applicants",
        "%",
        "selected" if audit.kind == "selection" else "above",
        rate,
        "impact ratio",
    ):
        shown.add_column(heading, justify="right", no_wrap=True)
    for each in table.categories:
        ratio = "not calculated" if each.excluded or each.reason else ""
        shown.add_row(
            escape(one_line(each.name, limit=NAME)),
            _text(each.applicants, ",d"),
            _text(None if each.share is None else 100 * each.share, ".1f"),
            _text(each.selected, ",d"),
            _text(each.rate, ".3f"),
            ratio if each.impact_ratio is None and ratio else _text(each.impact_ratio, ".3f"),
        )
    console.print(shown)
    for sentence in table_notes(table):
        console.print(escape(sentence))


def _print_beside(audit: BiasAudit, console: "Console") -> None:
    """Print the four-fifths view, apart from the law's figures."""
    console.print(
        f"[bold]Not part of the law's figures:[/] the four-fifths rule, and intervals of sampling at "
        f"{100 * audit.level:g}% for all pairs of a table at once."
    )
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    shown.add_column("category", overflow="fold")
    for heading in ("impact ratio", "interval", f"below {audit.four_fifths:g}", ""):
        shown.add_column(heading, justify="right", no_wrap=True)
    for table in audit.tables:
        for each in table.categories:
            if each.statistics is not None:
                shown.add_row(*_beside_row(each))
    console.print(shown)


def _beside_row(each: CategoryFigures) -> tuple[str, ...]:
    found = each.statistics
    assert found is not None
    name = escape(one_line(each.name, limit=NAME))
    if found.verdict == REFERENCE:
        return name, _text(each.impact_ratio, ".3f"), "", "", "most selected"
    below = {True: "yes", False: "no", None: ""}[found.below]
    ends = interval_text(found)
    return name, _text(each.impact_ratio, ".3f"), ends, below, marked(tone(found.verdict), found.verdict)


def _text(value: float | None, spec: str) -> str:
    return SUPPRESSED if value is None else format(value, spec)


def _write(found: BiasAudit, out: Path) -> tuple[Path, ...]:
    from trivet.report.pages import BIAS_AUDIT, write_page  # noqa: PLC0415 - draws
    from trivet.work.result_files import write_result, write_text  # noqa: PLC0415 - as above

    write_result(out / RESULT, asdict(found))
    write_text(out / CSV, published_csv(found))
    page, *pictures = write_page(BIAS_AUDIT, found, out)
    return page, out / RESULT, out / CSV, *pictures
