"""``trivet repair``: remove the backdoor of a checkpoint."""

from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from rich.markup import escape
from rich.table import Table

from trivet.cli.options import Json, RandomSeed, Threads, command
from trivet.cli.outputs import SCAN_FILES, prepare_folder
from trivet.cli.terminal import (
    keep_freed_memory,
    print_files,
    print_json,
    report_progress,
    results_console,
    set_threads,
)
from trivet.errors import UsageError
from trivet.record import WEIGHTS
from trivet.security.settings import RepairOptions, ScanOptions
from trivet.verdict import NO_EVIDENCE, NOT_REMOVED, REMOVED, UNSETTLED, sign, tone

if TYPE_CHECKING:
    from trivet.estimate import Estimate
    from trivet.security import RepairAttempt, RepairResult, Scan, Trigger

__all__ = ["repair"]


@command
def repair(
    weights: Path,
    /,
    *,
    options: ScanOptions,
    repairing: RepairOptions,
    out: Path = Path("trivet-repair"),
    true_trigger: str | None = None,
    seed: RandomSeed = 0,
    threads: Threads = None,
    json: Json = False,
) -> int:
    """Remove a backdoor: exit code 0 if it is gone or there is no evidence of one, 1 if it is not.

    Parameters
    ----------
    weights
        The checkpoint: .pth or .pt state dict, .safetensors, .onnx, or the weights of a .pt2.
    out
        Folder for repaired weights, tables, page and pictures.
    true_trigger
        The attacker's trigger where it is known, a square: ROW,COLUMN,SIZE or ROW,COLUMN,SIZE,VALUE,
        zero-based, the value in [0, 1]. Only the table looks at it.
    """
    from trivet.cli.scan import write_repair_files, write_scan_files  # noqa: PLC0415 - PyTorch is heavy
    from trivet.security.calls import repair_suspect  # noqa: PLC0415 - as above
    from trivet.security.checkpoint import load_subject  # noqa: PLC0415 - as above
    from trivet.security.scanning.reference import load_reference  # noqa: PLC0415 - as above
    from trivet.security.scanning.scan import scan as scan_network  # noqa: PLC0415 - as above
    from trivet.security.scanning.scan import scan_document  # noqa: PLC0415 - as above

    prepare_folder(out, "repair.html", "repair.json", WEIGHTS, *SCAN_FILES)
    set_threads(threads)
    keep_freed_memory()
    started = perf_counter()
    with report_progress() as progress:
        progress("repair", "loading", None)
        subject = load_subject(weights, options, seed=seed)
        reference = None if options.reference is None else load_reference(options.reference)
        known = None if true_trigger is None else _square(true_trigger, subject.checkpoint.model.input_shape)
        found = scan_network(
            subject.checkpoint,
            subject.images,
            declared=subject.declared,
            profile=options.profile,
            reference=reference,
            seed=seed,
            progress=lambda step, share: progress("scan", step, share),
        )
        if found.result.suspected_label is None:
            files = write_scan_files(found, subject.checkpoint, out)
            return _nothing_to_do(found, files, json=json)
        done = repair_suspect(
            subject,
            found,
            repairing.method,
            max_loss=repairing.max_loss,
            budget=repairing.budget,
            seed=seed,
            true_trigger=known,
            reference=reference,
            progress=lambda step, share: progress("repair", step, share),
        )
        progress("repair", "pictures and page", None)
        files = write_repair_files(found, subject.checkpoint, done, out)
    seconds = perf_counter() - started
    if json:
        print_json(
            {
                **asdict(done.result),
                "scan": scan_document(found.result),
                "seconds": seconds,
                "files": [str(path) for path in files],
            }
        )
    else:
        _print_repair(done.result, files, seconds)
    return 0 if done.result.removed else 1


def _square(text: str, shape: tuple[int, int, int]) -> "Trigger":
    from trivet.security import Trigger  # noqa: PLC0415 - as above

    parts = text.split(",")
    try:
        row, column, size = (int(part) for part in parts[:3])
        value = float(parts[3]) if parts[3:] else 1.0
    except ValueError:
        row = column = size = -1
        value = 1.0
    fits = size > 0 and 0 <= row <= shape[1] - size and 0 <= column <= shape[2] - size
    if len(parts) > 4 or not fits or not 0 <= value <= 1:  # noqa: PLR2004 - the four parts
        raise UsageError(
            f"the trigger {text!r} is not a square in images of {shape[1]}x{shape[2]}; expected "
            "ROW,COLUMN,SIZE or ROW,COLUMN,SIZE,VALUE, counted from zero, such as 23,23,4."
        )
    return Trigger.square(row=row, column=column, size=size, value=value, shape=shape)


def _nothing_to_do(found: "Scan", files: tuple[Path, ...], *, json: bool) -> int:
    from trivet.security.scanning.scan import scan_document  # noqa: PLC0415 - as above

    suspicious = found.result.verdict != NO_EVIDENCE
    if json:
        document = {"removed": False if suspicious else None, "chosen": None}
        document = {**document, "scan": scan_document(found.result)}
        print_json({**document, "files": [str(path) for path in files]})
    else:
        console = results_console()
        name = escape(found.result.checkpoint.name)
        if suspicious:
            console.print(
                f"! {name} is {found.result.verdict}, but no single label is: no repair is known for that."
            )
        else:
            console.print(f"✓ {name}: no evidence of a backdoor, so there is nothing to repair.")
        console.print(escape(found.result.reason))
        console.print(escape(found.result.limits))
    return int(suspicious)


def _print_repair(result: "RepairResult", files: tuple[Path, ...], seconds: float) -> None:
    console = results_console()
    known = result.attempts[0].true_trigger_asr is not None
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("network")
    for heading in ("accuracy", "ASR", "RA", *(["ASR, true trigger"] if known else [])):
        table.add_column(heading, justify="right")
    table.add_column("loss", justify="right")
    table.add_column("relearned", justify="right")
    table.add_column("outcome")
    attacked = next((each.relearning.attacked for each in result.attempts if each.relearning), None)
    relearned = "" if attacked is None else f"{attacked:.4f}"
    table.add_row("  as received", *_rates(result.attempts[0], "before"), "", relearned, "")
    for attempt in result.attempts:
        mark = "▸ " if attempt.method == result.chosen else "  "
        loss, again = attempt.accuracy_loss, attempt.relearning
        table.add_row(
            f"{mark}{attempt.method}",
            *_rates(attempt, "after"),
            "-" if loss is None else f"{100 * loss.number:.1f}",
            "-" if again is None else f"{again.asr:.4f}",
            attempt.outcome,
        )
    console.print(table)
    console.print(
        f"Measured on {result.held_out_images} images that no repair saw; target label {result.target}. A "
        f"repair may lose at most {100 * result.bounds.accuracy_loss:g} points of accuracy. ASR: images with "
        "the trigger that go to the label; RA: those that keep their class."
    )
    if attacked is not None:
        console.print("Relearned: ASR after training on a few stamped images among clean ones.")
    console.print()
    for attempt in result.attempts:
        loss = attempt.accuracy_loss
        kept = "" if loss is None else f"it loses {100 * loss.number:.1f} points ({_points(loss)} at 95 %)"
        console.print(f"- {attempt.method}: {escape(attempt.reason or kept)}")
    word = result.outcome or (REMOVED if result.removed else NOT_REMOVED)
    colour = {REMOVED: "green", UNSETTLED: "yellow", NOT_REMOVED: "red"}[word]
    console.print(f"[bold {colour}]{sign(tone(word), 'terminal')}[/] {escape(result.summary)}")
    print_files(console, files)
    console.print(f"Done in {seconds:.0f} s.")


def _points(loss: "Estimate") -> str:
    """Return the interval of a loss in points."""
    return " to ".join("?" if end is None else f"{100 * end:.1f}" for end in (loss.low, loss.high))


def _rates(attempt: "RepairAttempt", when: Literal["before", "after"]) -> list[str]:
    """Rates on one side of the repair, the true trigger's last where it is known."""
    rates = [attempt.clean_accuracy, attempt.asr, attempt.robust_accuracy]
    if attempt.true_trigger_asr is not None:
        rates.append(attempt.true_trigger_asr)
    return [f"{getattr(rate, when):.4f}" for rate in rates]
