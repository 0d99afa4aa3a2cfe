"""``trivet scan --many``: a folder of checkpoints, on local processes or a Dask cluster."""

from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from trivet.cli.memory import keep_freed_memory
from trivet.cli.outputs import SUMMARY, prepare_folder
from trivet.cli.terminal import print_json, report_progress, results_console
from trivet.cli.verdicts import ICONS, TONES
from trivet.security.subject import images_for

if TYPE_CHECKING:
    from trivet.security import ManyResult, ManyRow

__all__ = ["scan_folder"]

DEFAULT_OUT = Path("trivet-scans")
#: Files that are not checkpoints, by name on the terminal; the summary has all.
SHOWN_SKIPPED = 20


def scan_folder(
    folder: Path,
    *,
    arch: str | None,
    images: str | None,
    contract: str,
    out: Path | None,
    dask: str | None,
    workers: int | None,
    limit: int | None,
    seed: int,
    json: bool,
) -> int:
    """Scan every checkpoint in `folder`; arguments as of ``trivet scan``.

    Returns
    -------
    int
        1 where a checkpoint is backdoored or suspicious, else 3 where one could not be scanned, else
        0.
    """
    from trivet import security  # noqa: PLC0415 - PyTorch is heavy

    job = security.ScanJob(
        architecture=arch,
        images=images_for(arch, images),
        declared=security.parse_contract(contract),
        seed=seed,
        limit=limit,
    )
    place = DEFAULT_OUT if out is None else out
    prepare_folder(place, SUMMARY)
    cluster = nullcontext() if dask is None else security.dask_executor(dask)
    with cluster as executor, report_progress() as progress:

        def tell(_row: "ManyRow", done: int, total: int) -> None:
            progress("scan", "checkpoints", done / total)

        result = security.scan_many(
            folder,
            place,
            job,
            executor=executor,
            workers=workers or (None if executor is None else executor.workers),
            initializer=keep_freed_memory,
            on_result=tell,
        )
    if json:
        print_json(
            {
                "counts": dict(result.counts),
                "reused": result.reused,
                "summary": str(result.summary),
                "models": [asdict(row) for row in result.rows],
                "skipped": [asdict(other) for other in result.skipped],
            }
        )
    else:
        _print_rows(result)
    if any(row.verdict not in {None, "no evidence"} for row in result.rows):
        return 1
    return 3 if any(row.failure is not None for row in result.rows) else 0


def _print_rows(result: "ManyResult") -> None:
    console = results_console()
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in ("checkpoint", "verdict", "label", "p"):
        table.add_column(heading, overflow="fold")
    for row in result.rows:
        if row.failure is not None:
            table.add_row(escape(row.file), f"- {escape(row.failure.message)}", "", "")
            continue
        verdict = row.verdict or ""
        word = f"[{TONES[verdict]}]{ICONS[verdict]} {escape(verdict)}[/]"
        label = "" if row.suspected_label is None else str(row.suspected_label)
        table.add_row(escape(row.file), word, label, "-" if row.p_value is None else f"{row.p_value:.2g}")
    console.print(table)
    console.print()
    counts = ", ".join(f"{count} {outcome}" for outcome, count in result.counts.items())
    kept = f" ({result.reused} from an earlier run)" if result.reused else ""
    console.print(f"{len(result.rows)} checkpoints: {counts}{kept}")
    if result.skipped:
        names = [f"{other.file} ({other.content})" for other in result.skipped[:SHOWN_SKIPPED]]
        rest = len(result.skipped) - len(names)
        more = f", and {rest} more" if rest else ""
        console.print(
            escape(f"not checkpoints, not scanned: {len(result.skipped)}: {', '.join(names)}{more}")
        )
    console.print(f"[link={result.summary.resolve().as_uri()}]{escape(str(result.summary))}[/link]")
