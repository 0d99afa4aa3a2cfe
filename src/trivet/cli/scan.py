"""``trivet scan``: look for a backdoor in a checkpoint."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import safetensors.numpy
from rich.markup import escape
from rich.table import Table

from trivet.cli.options import Json, Out, RandomSeed, Threads, command
from trivet.cli.outputs import SCAN_FILES, SUMMARY, prepare_folder
from trivet.cli.terminal import (
    figures_table,
    keep_freed_memory,
    marked,
    print_files,
    print_json,
    report_progress,
    results_console,
    set_threads,
    verdict_text,
)
from trivet.errors import UsageError
from trivet.record import STRIP_PIXELS, WEIGHTS, Triggers, save_arrays
from trivet.security.settings import ScanOptions
from trivet.settings import Count
from trivet.verdict import NO_EVIDENCE, tone
from trivet.wording import one_line
from trivet.work.result_files import write_result, write_whole

__all__ = ["scan", "write_repair_files", "write_scan_files"]

if TYPE_CHECKING:
    from trivet.security import (
        Checkpoint,
        Classifier,
        ManyResult,
        ManyRow,
        Repair,
        Scan,
        ScanResult,
        SecurityAudit,
    )
    from trivet.security.scanning.results import KindSearch

#: Labels shown on the terminal; the files have all.
SHOWN_LABELS = 12


@command
def scan(
    weights: Path | None = None,
    /,
    *,
    options: ScanOptions,
    out: Out = None,
    many: Path | None = None,
    dask: str | None = None,
    workers: Count | None = None,
    seed: RandomSeed = 0,
    threads: Threads = None,
    json: Json = False,
) -> int:
    """Scan a checkpoint for a backdoor: exit code 0 for no evidence, 1 otherwise, 3 if it cannot.

    Parameters
    ----------
    weights
        The checkpoint: .pth or .pt state dict, .safetensors, .onnx, or the weights of a .pt2, .h5 or .keras.
    many
        Scan every checkpoint in this folder instead.
    dask
        With --many: address of a Dask scheduler, such as tcp://host:8786.
    workers
        With --many: local processes, one a core by default.
    """
    if (weights is None) == (many is None):
        raise UsageError("give one checkpoint, or a folder of them with --many FOLDER.")
    if many is not None:
        return scan_folder(many, options, out=out, dask=dask, workers=workers, seed=seed, json=json)
    if dask is not None or workers is not None:
        raise UsageError("--dask and --workers spread many checkpoints; they go with --many FOLDER.")
    assert weights is not None
    if weights.is_dir():
        raise UsageError(f"{one_line(weights)} is a folder; scan the checkpoints in it with --many.")

    from trivet.security.checkpoint import load_subject  # noqa: PLC0415 - PyTorch is heavy
    from trivet.security.scanning.reference import load_reference  # noqa: PLC0415 - as above
    from trivet.security.scanning.scan import scan as scan_network  # noqa: PLC0415 - as above
    from trivet.security.scanning.scan import scan_document  # noqa: PLC0415 - as above

    if out is not None:
        prepare_folder(out, *SCAN_FILES)
    set_threads(threads)
    keep_freed_memory()
    with report_progress() as progress:
        progress("scan", "loading", None)
        subject = load_subject(weights, options, seed=seed)
        started = perf_counter()
        found = scan_network(
            subject.checkpoint,
            subject.images,
            declared=subject.declared,
            profile=options.profile,
            reference=None if options.reference is None else load_reference(options.reference),
            seed=seed,
            progress=lambda step, share: progress("scan", step, share),
        )
        seconds = perf_counter() - started
        files: tuple[Path, ...] = ()
        if out is not None:
            progress("scan", "pictures and page", None)
            files = write_scan_files(found, subject.checkpoint, out)
    if json:
        print_json({**scan_document(found.result), "seconds": seconds, "files": list(map(str, files))})
    else:
        print_scan(found.result, seconds, files)
    return 0 if found.result.verdict == NO_EVIDENCE else 1


def print_scan(result: "ScanResult", seconds: float, files: tuple[Path, ...]) -> None:
    """Print the labels that stand out, the verdict, and the files."""
    console = results_console()
    table = figures_table("label", "norm", "refined", "log score", "ASR", "margin", "margin score")
    by_norm = sorted(result.labels, key=lambda label: label.l1)
    for label in by_norm[:SHOWN_LABELS]:
        mark = "▸ " if label.label == result.suspected_label else "  "
        table.add_row(
            escape(f"{mark}{_with_name(label.label, label.name)}"),
            f"{label.l1:.1f}",
            _number(label.refined_l1),
            _number(label.log_score),
            _number(label.asr, 3),
            f"{label.margin:.1f}",
            _number(label.margin_score),
        )
    console.print(table)
    if len(by_norm) > SHOWN_LABELS:
        console.print(f"{len(by_norm) - SHOWN_LABELS} more labels")
    console.print()
    for note in result.checkpoint.loading:
        console.print(f"weights: {escape(note)}")
    for note in result.images.notes:
        console.print(f"! images: {escape(note)}")
    best = result.contract.best
    console.print(f"input contract: {escape(best.name)}, clean accuracy {best.clean_accuracy:.4f}")
    if result.contract.finding:
        console.print(f"! {escape(result.contract.finding)}")
    suspected = [each for each in result.labels if each.label == result.suspected_label]
    named = "".join(f", label {_with_name(each.label, each.name)}" for each in suspected)
    told = verdict_text(tone(result.verdict), f"{result.verdict}{named}", on=result.checkpoint.name)
    console.print(f"{told}. {escape(result.reason)}")
    if result.calibration is not None:
        console.print(escape(f"The verdict is {result.calibration.summary}"))
    console.print()
    console.print(_searches_table(result))
    console.print()
    console.print(escape(result.limits))
    print_files(console, files)
    console.print(
        f"{result.image_steps:,} image-steps (an image through the network and back) in {seconds:.1f} s, "
        "without start-up and loading."
    )


def _with_name(label: int, name: str) -> str:
    return str(label) if name == str(label) else f"{label} ({name})"


def _searches_table(result: "ScanResult") -> Table:
    """Return what was looked for, and how often such triggers are found."""
    from trivet.security.scanning.rates import shown_rate  # noqa: PLC0415 - as above

    profile = "standard" if result.calibration is None else result.calibration.measured_with
    found = f"found on the benchmark, profile {profile}"
    table = figures_table("looked for", "outcome", "strength", found, names=4)
    for search in result.searches:
        rate = "none was tried" if search.benchmark is None else shown_rate(search.benchmark)
        strength = _number(search.strength, 2)
        table.add_row(search.kind, f"{search.outcome}{_reached(search)}", strength, rate)
    for rate in result.calibration.not_searched if result.calibration is not None else ():
        table.add_row(rate.kind, "no search for it", "", shown_rate(rate))
    return table


def _reached(search: "KindSearch") -> str:
    if search.success is None:
        return ""
    where = "" if search.label is None else f" to label {search.label}"
    best = "" if search.outcome == "found" else "best: "
    return f" ({best}{search.success:.0%} of images{where})"


def _number(value: Any, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


DEFAULT_OUT = Path("trivet-scans")
#: Files that are not checkpoints, by name on the terminal; the summary has all.
SHOWN_SKIPPED = 20


def scan_folder(
    folder: Path,
    options: ScanOptions,
    *,
    out: Path | None,
    dask: str | None,
    workers: int | None,
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

    job = security.ScanJob.of(options, seed=seed, reference=options.reference)
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
    if any(row.verdict not in {None, NO_EVIDENCE} for row in result.rows):
        return 1
    return 3 if any(row.failure is not None for row in result.rows) else 0


def _print_rows(result: "ManyResult") -> None:
    console = results_console()
    table = figures_table("checkpoint", "verdict", "label", "p", names=4)
    for row in result.rows:
        if row.failure is not None:
            table.add_row(escape(row.file), f"- {escape(row.failure.message)}", "", "")
            continue
        verdict = row.verdict or ""
        word = marked(tone(verdict), verdict)
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
    print_files(console, [result.summary])


def write_scan_files(found: "Scan", checkpoint: "Checkpoint", out: Path) -> tuple[Path, ...]:
    """Write ``scan.json``, ``scan-triggers.safetensors``, ``scan.html`` and the pictures."""
    from trivet.report.pages import SCAN, write_page  # noqa: PLC0415 - draws, so it is heavy

    audit, triggers = _audited(found, checkpoint, None)
    drawn = write_page(SCAN, audit, out, triggers)
    return (drawn[0], *_scan_data(found, out), *drawn[1:])


def write_repair_files(
    found: "Scan", checkpoint: "Checkpoint", repair: "Repair", out: Path
) -> tuple[Path, ...]:
    """Write the scan's data, ``repair.json``, ``repair.html``, the pictures, and repaired weights.

    ``repaired.safetensors`` is written only where the backdoor was removed; one of an earlier repair
    is taken away otherwise.
    """
    from trivet.report.pages import REPAIR, write_page  # noqa: PLC0415 - draws, so it is heavy

    audit, triggers = _audited(found, checkpoint, repair)
    drawn = write_page(REPAIR, audit, out, triggers)
    data = _scan_data(found, out)
    table = _write_json(out / "repair.json", asdict(repair.result))
    arrays = {} if repair.model is None else repair.model.weights()
    plain = {name: each.contiguous().numpy() for name, each in arrays.items()}
    weights = save_arrays(plain, out / WEIGHTS)
    return (*weights, drawn[0], table, *data, *drawn[1:])


def _audited(
    found: "Scan", checkpoint: "Checkpoint", repair: "Repair | None"
) -> "tuple[SecurityAudit, Triggers]":
    from trivet.security import SecurityAudit  # noqa: PLC0415 - PyTorch is heavy
    from trivet.security.frozen import freeze  # noqa: PLC0415 - as above
    from trivet.security.scanning.scan import strip_of  # noqa: PLC0415 - as above

    def score_of(model: "Classifier") -> Any:
        return found.contract.bind(freeze(model))

    repaired = None if repair is None or repair.model is None else score_of(repair.model)
    strip = strip_of(found, score_of(checkpoint.model), repaired=repaired)
    triggers = {"scan.mask": found.masks, "scan.pattern": found.patterns}
    if strip is not None:
        triggers[STRIP_PIXELS] = strip[1]
    result = None if repair is None else repair.result
    return SecurityAudit(found.result, None if strip is None else strip[0], result), triggers


def _scan_data(found: "Scan", out: Path) -> tuple[Path, Path]:
    from trivet.security.scanning.scan import scan_document  # noqa: PLC0415 - as above

    arrays = out / "scan-triggers.safetensors"
    write_whole(arrays, safetensors.numpy.save({"mask": found.masks, "pattern": found.patterns}))
    return _write_json(out / "scan.json", scan_document(found.result)), arrays


def _write_json(path: Path, document: Mapping[str, Any]) -> Path:
    write_result(path, document)
    return path
