"""``trivet scan``: look for a backdoor in a checkpoint."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from trivet.cli.memory import keep_freed_memory
from trivet.cli.outputs import SCAN_FILES, prepare_folder
from trivet.cli.terminal import print_files, print_json, report_progress, results_console
from trivet.cli.threads import set_threads
from trivet.cli.verdicts import ICONS, TONES
from trivet.errors import UsageError
from trivet.security.subject import load_subject

if TYPE_CHECKING:
    from trivet.security import ScanResult

__all__ = ["print_scan", "scan"]

#: Labels shown on the terminal; the files have all.
SHOWN_LABELS = 12


def scan(
    weights: Path | None = None,
    /,
    *,
    arch: str | None = None,
    images: str | None = None,
    contract: str = "auto",
    out: Path | None = None,
    many: Path | None = None,
    dask: str | None = None,
    workers: int | None = None,
    limit: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Scan a checkpoint for a backdoor: exit code 0 for no evidence, 1 otherwise, 3 if it cannot.

    Parameters
    ----------
    weights
        The checkpoint: .pth or .pt state dict, .safetensors, .onnx, or the weights of a .pt2.
    arch
        What the weights belong to: mnist-cnn, package.module:factory, or timm:NAME.
    images
        Clean images with true classes: an embedded set's name, a folder with a subfolder a class,
        an .npz or an IDX file.
    contract
        What the network expects of pixels in [0, 1]: auto, a name such as "(x-0.5)/0.5", mean/std,
        or a JSON or TOML file.
    out
        Folder for the result, the page and the pictures.
    many
        Scan every checkpoint in this folder instead.
    dask
        With --many: address of a Dask scheduler, such as tcp://host:8786.
    workers
        With --many: local processes, one a core by default.
    limit
        Use at most that many images.
    seed
        Seed of everything random.
    threads
        Threads of the scan, one a core by default; the result is the same bits for the same number.
    json
        Print one JSON document to standard output, and nothing else there.
    """
    if (weights is None) == (many is None):
        raise UsageError("give one checkpoint, or a folder of them with --many FOLDER.")
    if many is not None:
        from trivet.cli.scan_many import scan_folder  # noqa: PLC0415 - only a folder needs it

        return scan_folder(
            many,
            arch=arch,
            images=images,
            contract=contract,
            out=out,
            dask=dask,
            workers=workers,
            limit=limit,
            seed=seed,
            json=json,
        )
    if dask is not None or workers is not None:
        raise UsageError("--dask and --workers spread many checkpoints; they go with --many FOLDER.")
    assert weights is not None
    return _scan_one(
        weights,
        arch=arch,
        images=images,
        contract=contract,
        out=out,
        limit=limit,
        seed=seed,
        threads=threads,
        json=json,
    )


def _scan_one(
    weights: Path,
    *,
    arch: str | None,
    images: str | None,
    contract: str,
    out: Path | None,
    limit: int | None,
    seed: int,
    threads: int | None,
    json: bool,
) -> int:
    from trivet import security  # noqa: PLC0415 - PyTorch is heavy

    if out is not None:
        prepare_folder(out, *SCAN_FILES)
    set_threads(threads)
    keep_freed_memory()
    with report_progress() as progress:
        progress("scan", "loading", None)
        subject = load_subject(weights, arch, images, contract, limit=limit, seed=seed)
        started = perf_counter()
        found = security.scan(
            subject.checkpoint,
            subject.images,
            contract=subject.declared,
            seed=seed,
            progress=lambda step, share: progress("scan", step, share),
        )
        seconds = perf_counter() - started
        files: tuple[Path, ...] = ()
        if out is not None:
            from trivet.cli.scan_files import write_scan_files  # noqa: PLC0415 - draws, so it is heavy

            progress("scan", "pictures and page", None)
            files = write_scan_files(found, subject.checkpoint, out)
    if json:
        print_json(
            {**security.scan_document(found.result), "seconds": seconds, "files": list(map(str, files))}
        )
    else:
        print_scan(found.result, seconds, files)
    return 0 if found.result.verdict == "no evidence" else 1


def print_scan(result: "ScanResult", seconds: float, files: tuple[Path, ...]) -> None:
    """Print the labels that stand out, the verdict, and the files."""
    console = results_console()
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in ("label", "norm", "refined", "log score", "ASR", "margin", "margin score"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    by_norm = sorted(result.labels, key=lambda label: label.l1)
    for label in by_norm[:SHOWN_LABELS]:
        mark = "▸ " if label.label == result.suspected_label else "  "
        table.add_row(
            escape(f"{mark}{label.name}"),
            f"{label.l1:.1f}",
            _number(label.refined_l1),
            _number(label.log_score),
            f"{label.asr:.3f}",
            f"{label.margin:.1f}",
            _number(label.margin_score),
        )
    console.print(table)
    if len(by_norm) > SHOWN_LABELS:
        console.print(f"{len(by_norm) - SHOWN_LABELS} more labels with larger norms")
    console.print()
    best = result.contract.best
    console.print(f"input contract: {escape(best.name)}, clean accuracy {best.clean_accuracy:.4f}")
    if result.contract.finding:
        console.print(f"! {escape(result.contract.finding)}")
    tone = TONES[result.verdict]
    named = "" if result.suspected_label is None else f", label {result.suspected_label}"
    word = f"[bold {tone}]{escape(result.verdict)}{named}[/]"
    console.print(
        f"{ICONS[result.verdict]} {escape(result.checkpoint.name)}: {word}. {escape(result.reason)}"
    )
    console.print(escape(result.limits))
    print_files(console, files)
    console.print(f"{result.image_steps} image-steps in {seconds:.1f} s, without start-up and loading.")


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.1f}"
