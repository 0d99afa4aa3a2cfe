"""``trivet privacy audit-code``: replay code that adds noise on neighbouring data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from trivet.audit import Progress
from trivet.cli.options import Json, command
from trivet.cli.outputs import carry_out
from trivet.cli.privacy.audits import from_json, print_claim
from trivet.cli.terminal import figures_table
from trivet.errors import DataError, UsageError, import_extra
from trivet.privacy.code.results import CodeSettings
from trivet.verdict import VIOLATES
from trivet.wording import first_line, one_line
from trivet.work.own_code import load_function

__all__ = ["audit_code"]

if TYPE_CHECKING:
    from rich.console import Console

    from trivet.privacy.code.results import CodeAudit


@command
def audit_code(
    code: str,
    /,
    *,
    settings: CodeSettings,
    table: Path | None = None,
    inputs: Annotated[tuple[str, str] | None, Parameter(negative="")] = None,
    bounds: str | None = None,
    out: Path | None = None,
    json: Json = False,
) -> int:
    """Test code that adds noise, from recorded runs: exit code 0 if nothing refutes its claim, else 1.

    The code runs as it is on the data while its noise is recorded, and then on neighbouring data with the
    same noisy values: what goes into the noise shows how much it has to hide.

    Parameters
    ----------
    code
        script.py:function or package.module:function of your own, which takes the data and returns the
        answer; of a bare script.py its function main.
    table
        A .csv or .parquet file, which the code gets as a pandas data frame; neighbours are made of its rows.
    inputs
        Instead of a table, two neighbouring inputs in JSON, as two arguments: --inputs '[1,2,3]' '[1,2]'.
    bounds
        What values can be in a column, or in all: age=0:120,income=0:1e6, or 0:1. Without it a neighbour may
        hold any value, also ones that are not finite.
    out
        Folder for the result, code.json, its page and its picture.
    """
    from trivet.privacy.code.audit import audit_code as audit  # noqa: PLC0415 - imports SciPy

    if (table is None) == (inputs is None):
        raise UsageError("expected the data: either --table FILE or --inputs with two inputs.")
    limits = None if bounds is None else _bounds(bounds)
    data, neighbour = _data(table, inputs)

    def run(progress: Progress) -> "CodeAudit":
        return audit(
            load_function(code, role="code"),
            data,
            neighbour=neighbour,
            bounds=limits,
            name=code,
            said=table.name if table is not None else None,
            progress=lambda step, share: progress("audit", step, share),
            **vars(settings),
        )

    found = carry_out(
        run,
        _print,
        "CODE",
        leg="audit",
        files=("code.json", "code.html"),
        out=out,
        json=json,
        timed=lambda _found: "Recorded, replayed and judged in",
    )
    return 1 if found.verdict == VIOLATES else 0


def _data(table: Path | None, inputs: tuple[str, str] | None) -> tuple[Any, Any]:
    if inputs is not None:
        first, second = (from_json(text) for text in inputs)
        if first == second:
            raise UsageError(f"both inputs are {one_line(inputs[0])}; expected two that differ.")
        return first, second
    assert table is not None
    pandas = import_extra("pandas", "--table")
    read = {".csv": pandas.read_csv, ".parquet": pandas.read_parquet}.get(table.suffix.lower())
    if read is None:
        raise UsageError(f"the table {table} is neither .csv nor .parquet; expected one of these.")
    try:
        return read(table), None
    except (OSError, ValueError, ImportError) as error:
        raise DataError(f"the table {table} cannot be read: {first_line(error)}.") from error


def _bounds(text: str) -> dict[str | None, tuple[float, float]]:
    """Read ``age=0:120,income=0:1e6``, or ``0:1`` for every column."""
    found: dict[str | None, tuple[float, float]] = {}
    for part in text.split(","):
        name, equals, numbers = part.rpartition("=")
        try:
            low, high = map(float, numbers.split(":"))
        except ValueError as error:
            raise UsageError(
                f"--bounds has {one_line(repr(part))}; expected low:high, or column=low:high, with commas "
                "between."
            ) from error
        if not low < high:
            raise UsageError(f"--bounds has {one_line(part)}; expected a lower bound below the upper one.")
        found[name.strip() if equals else None] = (low, high)
    return found


def _print(found: "CodeAudit", console: "Console") -> None:
    table = figures_table("noise drawn at", "noise", "scale", "seen", "claimed", names=2)
    accused = {finding.site for finding in found.findings if finding.violates}
    for call in found.calls:
        mark = "▸ " if call.site in accused else "  "
        numbers = [_number(value) for value in (call.scale, call.seen, call.claimed)]
        table.add_row(escape(mark + one_line(call.site)), escape(one_line(call.family)), *numbers)
    if found.calls:
        console.print(table)
        console.print()
    for finding in found.findings:
        sign = "violates" if finding.violates else "caution"
        console.print(f"{sign}, {escape(finding.site)}: {escape(finding.message)}")
        console.print(f"  on the neighbour {escape(finding.neighbour)}")
    for use in found.not_followed:
        console.print(f"not followed: {escape(use)}")
    for note in found.notes:
        console.print(f"note: {escape(note)}")
    print_claim(found, console, on=found.name)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
