"""Output of the commands: one run with its files, which are checked for writability before the work."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from trivet.audit import Progress
from trivet.cli.main import ignore_matplotlibrc
from trivet.cli.terminal import print_files, print_json, report_progress, results_console
from trivet.errors import UsageError
from trivet.findings import FINDINGS_FILES, Finding
from trivet.findings.summary import Made
from trivet.record import DECISIONS, MANIFEST, METRICS, TRIGGERS, WEIGHTS, AuditRecord, Triggers, as_json
from trivet.wording import one_line
from trivet.work.bounded import read_bounded
from trivet.work.result_files import make_folder, make_subfolder

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "RECORD_FILES",
    "SCAN_FILES",
    "SUMMARY",
    "carry_out",
    "draw",
    "prepare_folder",
    "refuse_foreign",
]

#: What stands in a file of trivet's, by its name or by its ending.
_MARKS: Final[Mapping[str, bytes]] = MappingProxyType(
    {
        ".html": b'<a class="skip" href="#evidence">Skip to the evidence</a>',
        ".tex": b"from the record",
        "metrics.json": b'"schema_version"',
        "manifest.json": b'"pdf_engine"',
        "findings.json": b'"findings_version"',
        "findings.md": b"## trivet: ",
        "findings.sarif": b'"name": "trivet"',
        "findings.junit.xml": b"<testsuites ",
        "scan.json": b'"suspected_label"',
        "summary.json": b'"models"',
        "reference.json": b'"conditions"',
        "repair.json": b'"held_out_images"',
        "fairness.json": b'"four_fifths"',
        "ll144.json": b'"smallest_share"',
        "ll144.csv": b"race_ethnicity",
        "watch.json": b'"first_alarm"',
        "inferred.json": b'"error_rates"',
        "plan.json": b'"adjacency"',
        "spending.json": b'"adjacency"',
        "training.json": b'"sampling_rate"',
        "mechanism.json": b'"epsilon_lower"',
        "code.json": b'"epsilon_seen"',
        "membership.json": b'"non_members"',
        "exposed-rows.json": b'"fdr"',
        "comparison.json": b'"regressions"',
        "evidence.json": b'"evidence_version"',
        "test-result.json": b"https://in-toto.io/Statement/v1",
        "test-result.dsse.json": b'"payloadType"',
        "bom.cdx.json": b'"name": "trivet"',
        "model.spdx3.json": b"spdxdocs/trivet-",
        "annex-iv.md": b"# Testing part of the technical documentation",
        "annex-iv.html": b'content="trivet evidence"',
        "evidence.sig": b'"dsseEnvelope"',
        "weights.sig": b'"dsseEnvelope"',
        "SHA256SUMS": b"  evidence.json\n",
        ".md": b"\ntags:\n- trivet\n",
        ".json": b'"clean_accuracy"',
    }
)
_MOST_BYTES: Final = 64 * 2**20
_MOST_CHARACTERS: Final = 500


def refuse_foreign(paths: Iterable[Path]) -> None:
    """Refuse to replace files of which nothing shows that trivet wrote them."""
    there = [path for path in paths if os.path.lexists(path)]
    marked = [path for path in there if _mark_of(path) is not None]
    ours = [path for path in marked if _bears_mark(path)]
    foreign = [path for path in there if path not in ours and (path in marked or not ours)]
    if foreign:
        raise UsageError(
            f"{one_line(foreign[0], limit=_MOST_CHARACTERS)} is there, and trivet did not write it; it was "
            "left alone. Move it away, or choose another place with --out."
        )


def _mark_of(path: Path) -> bytes | None:
    return _MARKS.get(path.name, _MARKS.get(path.suffix))


def _bears_mark(path: Path) -> bool:
    mark = _mark_of(path)
    try:
        return mark is not None and mark in read_bounded(path, _MOST_BYTES)
    except OSError:
        return False


FIGURES = "figures"
SUMMARY = "summary.json"
SCAN_FILES = ("scan.html", "scan.json", "scan-triggers.safetensors")
#: So many are drawn here before another process has loaded matplotlib.
FEW_FIGURES: Final = 12
RECORD_FILES = (METRICS, TRIGGERS, WEIGHTS, DECISIONS, MANIFEST, *FINDINGS_FILES)


@dataclass(frozen=True)
class Drawn:
    """Files drawn from a record, and the engine that set the PDF."""

    files: tuple[Path, ...]
    pdf_engine: str


def prepare_folder(folder: Path, *names: str) -> None:
    """Make the output folder, and make sure before hours of work that it can be written."""
    make_folder(folder)
    refuse_foreign([folder / name for name in names])


_Found = TypeVar("_Found", bound=Any)


def carry_out(
    work: Callable[[Progress], _Found],
    show: Callable[[_Found, "Console"], None],
    write: str | Callable[[_Found, Path], tuple[Path, ...]],
    *,
    leg: str,
    files: tuple[str, ...],
    out: Path | None,
    json: bool,
    drawn: str = "pictures and page",
    document: Callable[[_Found], dict[str, Any]] = asdict,
    timed: Callable[[_Found], str] | None = None,
) -> _Found:
    """Work, write and print the result.

    `write` is what writes it, or the name of its page in `trivet.report.pages`. `timed` says what was worked
    on, and the seconds that it took are printed behind it.
    """
    if out is not None:
        prepare_folder(out, *files)
    started = perf_counter()
    with report_progress() as progress:
        found = work(progress)
        written: tuple[Path, ...] = ()
        if out is not None:
            progress(leg, drawn, None)
            written = _write_page(write, found, out) if isinstance(write, str) else write(found, out)
    seconds = perf_counter() - started
    if json:
        took = {} if timed is None else {"seconds": seconds}
        print_json({**document(found), **took, "files": list(map(str, written))})
        return found
    console = results_console()
    show(found, console)
    print_files(console, written)
    if timed is not None:
        console.print(f"{timed(found)} {seconds:.1f} s.")
    return found


def _write_page(name: str, found: Any, out: Path) -> tuple[Path, ...]:
    from trivet.report import pages  # noqa: PLC0415 - draws, so it is heavy

    return pages.write_with_result(getattr(pages, name), found, out)


def draw(
    record: AuditRecord, triggers: Triggers, out: Path, *, findings: Sequence[Finding], made: Made
) -> Drawn:
    """Draw figures, macros and the report from the record alone, with its findings, into `out`."""
    from trivet.report import write_report  # noqa: PLC0415 - matplotlib and pandoc, only when drawing
    from trivet.report.figures import available, pictures, save_figures  # noqa: PLC0415

    folder = make_subfolder(out, FIGURES)
    if len(available(record)) <= FEW_FIGURES:
        figures = save_figures(record, triggers, folder)
    else:
        # A fresh interpreter each: forking after PyTorch has started its threads can hang.
        with ProcessPoolExecutor(
            os.cpu_count(), mp_context=get_context("spawn"), initializer=ignore_matplotlibrc
        ) as executor:
            figures = save_figures(record, triggers, folder, executor=executor)
    report = write_report(
        as_json(record), out / FIGURES, out, pictures=pictures(record), findings=findings, made=made
    )
    return Drawn((report.pdf, report.html, report.tex, report.macros, *figures), report.engine)
