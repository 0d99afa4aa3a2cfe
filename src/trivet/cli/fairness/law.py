"""``trivet fairness --template``: a table in the layout of a law."""

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.markup import escape

from trivet.audit import Progress
from trivet.cli.fairness.output import name_text, refuse_idle
from trivet.cli.outputs import carry_out
from trivet.cli.terminal import figures_table, marked
from trivet.errors import UsageError
from trivet.fairness.auditing.settings import TableOptions
from trivet.fairness.law.publishing import (
    MOST_SELECTED,
    beside_rows,
    category_rows,
    published_csv,
    rate_sentence,
    table_notes,
)
from trivet.fairness.law.results import BiasAudit, CategoryTable
from trivet.fairness.law.settings import LawOptions
from trivet.tables.settings import CellReading
from trivet.verdict import DISPARATE, tone

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_bias_audit", "write_template"]

CSV: Final = "ll144.csv"
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
    # The exit code is of all categories, withheld ones too.
    disparate = False

    def count(progress: Progress) -> BiasAudit:
        nonlocal disparate
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
        judged = [each.statistics for table in found.tables for each in table.categories if each.statistics]
        disparate = any(each.verdict == DISPARATE for each in judged)
        if options.suppress is None:
            return found
        from trivet.fairness.law.suppressed_table import suppressed_bias_audit  # noqa: PLC0415 - as above

        return suppressed_bias_audit(found, options.suppress)

    files = ("ll144.json", CSV, "ll144.html")
    carry_out(count, print_bias_audit, _write, leg="fairness", files=files, out=out, json=json, drawn="page")
    return 1 if disparate else 0


def _required(table: str, options: TableOptions) -> dict[str, str | None]:
    """Return the columns of what was decided, or say what is missing or idle."""
    refuse_idle(table, options, _USED, where="in a table of --template")
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
    console.print(f"[bold]Summary of results, Local Law 144[/] of {name_text(audit.data)}")
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
    chosen = "selected" if audit.kind == "selection" else "above"
    shown = figures_table(table.name, "applicants", "%", chosen, rate, "impact ratio")
    for name, _, _, *cells in map(dict.values, category_rows(table)):
        shown.add_row(escape(name), *cells)
    console.print(shown)
    for sentence in table_notes(table):
        console.print(escape(sentence))


def _print_beside(audit: BiasAudit, console: "Console") -> None:
    """Print the four-fifths view, apart from the law's figures."""
    console.print(
        f"[bold]Not part of the law's figures:[/] the four-fifths rule, and intervals of sampling at "
        f"{100 * audit.level:g}% for all pairs of a table at once."
    )
    shown = figures_table("category", "impact ratio", "interval", f"below {audit.four_fifths:g}", "")
    for row in (row for table in audit.tables for row in beside_rows(table)):
        verdict = row["verdict"]
        said = verdict if verdict == MOST_SELECTED else marked(tone(verdict), verdict)
        shown.add_row(escape(row["name"]), row["ratio"], row["interval"], row["below"], said)
    console.print(shown)


def _write(found: BiasAudit, out: Path) -> tuple[Path, ...]:
    from trivet.report.pages import BIAS_AUDIT, write_with_result  # noqa: PLC0415 - draws
    from trivet.work.result_files import write_text  # noqa: PLC0415 - as above

    write_text(out / CSV, published_csv(found))
    return *write_with_result(BIAS_AUDIT, found, out), out / CSV
