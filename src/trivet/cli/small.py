"""Small commands: report, card, view, init, schema, and the zoo of networks to try detectors on."""

import os
import webbrowser
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from time import perf_counter
from typing import Final

from rich.markup import escape

from trivet.cli.commands import command_of_commands
from trivet.cli.options import Json, RandomSeed, Workers, command
from trivet.cli.outputs import draw, prepare_folder, refuse_foreign
from trivet.cli.terminal import (
    keep_freed_memory,
    path_text,
    print_files,
    print_json,
    print_text,
    report_progress,
    results_console,
)
from trivet.comparison.audits import read_manifest
from trivet.errors import DataError, UsageError
from trivet.findings import Finding, findings_of
from trivet.findings.formats import kept_findings
from trivet.findings.summary import made_of
from trivet.record import (
    METRICS,
    REPORT_FILES,
    AuditRecord,
    as_json,
    json_schema,
    load_record,
    load_triggers,
    refuse_unfinished,
)
from trivet.security.settings import Recipe, ReferenceOptions
from trivet.wording import as_entity, one_line
from trivet.work.bounded import FOLDER, require_path
from trivet.work.result_files import write_new, write_text

__all__ = ["card", "view", "zoo"]


@command
def report(out: Path, /, *, json: Json = False) -> int:
    """Draw figures, macros and report again; no model and no data are needed.

    Parameters
    ----------
    out
        The folder of an audit, with metrics.json and triggers.safetensors.
    """
    refuse_unfinished(out)
    record, triggers = load_record(out), load_triggers(out)
    findings = _findings(out, record)
    prepare_folder(out, METRICS, *REPORT_FILES)
    with report_progress() as progress:
        progress("report", "figures, PDF and page", None)
        drawn = draw(record, triggers, out, findings=findings, made=made_of(read_manifest(out)))
    if json:
        print_json({"files": [str(path) for path in drawn.files], "pdf_engine": drawn.pdf_engine})
    else:
        print_files(results_console(), drawn.files[:4])
    return 0


def _findings(out: Path, record: AuditRecord) -> tuple[Finding, ...]:
    """Return the findings of the audit, which know its policy, or else those of the record alone."""
    kept = kept_findings(out)
    return findings_of(as_json(record)) if kept is None else kept


@command
def schema(*, json: bool = False) -> int:  # noqa: ARG001 - always JSON
    """Print the JSON Schema of metrics.json.

    Parameters
    ----------
    json
        Accepted by every command; the schema is JSON anyway.
    """
    print_json(json_schema())
    return 0


@command
def init(
    path: Path = Path("audit.toml"),
    /,
    *,
    own: bool = False,
    json: Json = False,
) -> int:
    """Write a commented audit.toml that describes the built-in study, or a system of your own.

    Parameters
    ----------
    path
        Where to write it; an existing file is left alone.
    own
        Describe a system of your own, audited without the study around it.
    """
    template = "own-audit.toml" if own else "audit.toml"
    write_new(path, (files("trivet.cli") / template).read_bytes())
    if json:
        print_json({"file": str(path)})
    else:
        shown = path_text(path)
        results_console().print(f"Wrote {shown}. Edit it, then: trivet run {shown}")
    return 0


@command
def card(
    audit: Path,
    /,
    *,
    name: str | None = None,
    source: str | None = None,
    out: Path | None = None,
    json: Json = False,
) -> int:
    """Write a model card with the audit's numbers, for a README.md on the Hugging Face Hub.

    Parameters
    ----------
    audit
        Output folder of `trivet run`.
    name
        Name of the model, such as user/model; that of the checkpoint or of the predictions by default.
    source
        Address at which the audit can be read, which the Hub links from each result.
    out
        File to write; without it the card is printed.
    """
    from trivet.comparison import read_audit  # noqa: PLC0415 - SciPy is heavy
    from trivet.report.card import model_card  # noqa: PLC0415 - as above

    text = model_card(read_audit(audit), name=name, source=source)
    if out is not None:
        refuse_foreign([out])
        write_text(out, text)
    if json:
        print_json({"card": text, "file": None if out is None else str(out)})
    elif out is None:
        print_text(text, as_entity)
    else:
        print_files(results_console(), [out])
    return 0


REPORT: Final = "report.html"
#: Pages of the commands for one leg and of a comparison, in the order in which one is chosen.
PAGES: Final = (
    REPORT,
    "compare.html",
    "repair.html",
    "scan.html",
    "fairness.html",
    "mechanism.html",
    "membership.html",
    "code.html",
    "plan.html",
    "training.html",
)
INDEX: Final = "index.html"


@command
def view(
    place: Path,
    /,
    *,
    browser: bool = True,
    out: Path | None = None,
    json: Json = False,
) -> int:
    """Open a report in the browser; of a folder of audits, write an index of all and open that.

    Parameters
    ----------
    place
        Output folder of a command, or a folder with such folders in it.
    browser
        Whether to open the page; its path is printed either way.
    out
        File or folder for the index, in the place of index.html in the folder.
    """
    advice = "name the output folder of a command"
    require_path(place, "folder", wanted=FOLDER, error=DataError, advice=advice)
    page = next((place / name for name in PAGES if (place / name).is_file()), None)
    if page is None and (place / METRICS).is_file():
        raise DataError(f"{place} has a record and no {REPORT}; `trivet report {place}` draws it.")
    if page is not None and out is not None:
        raise UsageError(f"--out is for the index of many audits, and {page} is one report.")
    document = {"page": str(page)}
    unread: list[str] = []
    if page is None:
        page, document, unread = _index(place, out)
    opened = browser and webbrowser.open(page.resolve().as_uri())
    if json:
        print_json({**document, "opened": opened})
        return 0
    console = results_console()
    for line in unread:
        console.print(f"[yellow]?[/] {escape(line)}")
    print_files(console, [page])
    if browser and not opened:
        console.print("No browser could be opened; open the file yourself.")
    return 0


def _index(place: Path, out: Path | None) -> tuple[Path, dict[str, object], list[str]]:
    from trivet.report.index import (  # noqa: PLC0415 - only where requested
        find_audits,
        write_index,
    )

    with report_progress() as progress:
        progress("view", "reading audits", None)
        found = find_audits(place)
        if not found.audits:
            unread = f" {len(found.damaged)} cannot be read." if found.damaged else ""
            raise DataError(f"there is no audit in {place} or below it.{unread} `trivet run` makes one.")
        page = write_index(found, place, _page(place, out))
    damaged = [
        {"file": (each.folder / each.file).as_posix(), "why": one_line(each.why, limit=300)}
        for each in found.damaged
    ]
    unread = [f"{one_line(each['file'])} was left out: {each['why']}" for each in damaged]
    return page, {"page": str(page), "audits": len(found.audits), "damaged": damaged}, unread


def _page(place: Path, out: Path | None) -> Path:
    if out is None:
        return place / INDEX
    return out if out.suffix == ".html" and not out.is_dir() else out / INDEX


zoo = command_of_commands("zoo")


@command
def train(*, recipe: Recipe, device: str = "cpu", out: Path = Path("zoo"), json: Json = False) -> int:
    """Train one network from the embedded data; write its weights and its recipe.

    Parameters
    ----------
    device
        Where it is trained: cpu, cuda, cuda:1, mps or auto.
    out
        Folder for the files.
    """
    from trivet import security  # noqa: PLC0415 - PyTorch is heavy

    name = f"{recipe.architecture}-{recipe.attack}-{recipe.seed}"
    prepare_folder(out, f"{name}.json", f"{name}.safetensors")
    keep_freed_memory()
    started = perf_counter()
    with report_progress() as progress:
        specimen = security.train_specimen(
            recipe,
            device=device,
            progress=lambda share: progress("zoo", f"training {recipe.architecture}, {recipe.attack}", share),
        )
    files = security.save_specimen(specimen, out / f"{name}.safetensors")
    seconds = perf_counter() - started
    if json:
        print_json(
            {
                "files": [str(path) for path in files],
                "clean_accuracy": specimen.clean_accuracy,
                "attack_success_rate": specimen.attack_success_rate,
                "seconds": seconds,
            }
        )
    else:
        console = results_console()
        success = specimen.attack_success_rate
        asr = "" if success is None else f", attack success rate {success:.4f}"
        console.print(f"clean accuracy {specimen.clean_accuracy:.4f}{asr} ({seconds:.0f} s)")
        print_files(console, files)
    return 0


@command
def reference(
    *,
    options: ReferenceOptions,
    out: Path = Path("reference"),
    clean: Path | None = None,
    workers: Workers = None,
    seed: RandomSeed = 0,
    json: Json = False,
) -> int:
    """Train clean networks and scan them, so that `trivet scan --reference` can rank a score among theirs.

    Give the images and the profile of the scans that it is for. A call that was stopped goes on where it was.

    Parameters
    ----------
    out
        Folder for the networks, their scans and reference.json.
    clean
        Take the clean checkpoints in this folder, and train none.
    workers
        Processes, one a core by default; each trains or scans one network at a time with one thread.
    seed
        Of the scans; the networks are trained with the seeds from 1 on.
    """
    from trivet.security.references import make_reference  # noqa: PLC0415 - PyTorch is heavy
    from trivet.security.scanning.reference import REFERENCE, SMALLEST  # noqa: PLC0415 - as above

    prepare_folder(out, REFERENCE)
    keep_freed_memory()
    started = perf_counter()
    with report_progress() as progress:
        made = make_reference(
            options,
            out,
            clean=clean,
            seed=seed,
            workers=workers or os.cpu_count() or 1,
            initializer=keep_freed_memory,
            progress=lambda step, share: progress("reference", step, share),
        )
    seconds, found = perf_counter() - started, made.reference
    if json:
        print_json(
            {
                "file": str(made.file),
                "networks": len(found.scores),
                "clean_accuracy": found.accuracy,
                "scores": found.scores,
                "left_out": [asdict(row) for row in made.failed],
                "copies": made.copies,
                "reused": {"trained": made.reused[0], "scanned": made.reused[1]},
                "seconds": seconds,
            }
        )
        return 0
    console = results_console()
    low, high = found.accuracy
    console.print(
        f"{len(found.scores)} clean networks, clean accuracy {low:.4f} to {high:.4f}; "
        f"scores {min(found.scores):.2f} to {max(found.scores):.2f} ({seconds:.0f} s)"
    )
    for row in made.failed:
        console.print(escape(f"! {row.file} was left out: {row.failure.message if row.failure else ''}"))
    if made.copies:
        console.print(f"! {made.copies} left out: copies of other networks, each of which counts once")
    if len(found.scores) < SMALLEST:
        console.print(f"! fewer than {SMALLEST}: a scan shows its rank, and its verdict stays uncalibrated")
    print_files(console, [made.file])
    return 0
