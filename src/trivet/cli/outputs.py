"""Output files of the commands, checked for writability before the work starts."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trivet.cli.foreign_files import refuse_foreign
from trivet.cli.plain_matplotlib import ignore_matplotlibrc
from trivet.findings import FINDINGS_FILES, Finding
from trivet.manifest import MANIFEST
from trivet.record import METRICS, TRIGGERS, AuditRecord, Triggers, as_json
from trivet.work.result_files import make_folder, make_subfolder, remove_result, write_whole

__all__ = [
    "RECORD_FILES",
    "REPORT_FILES",
    "SCAN_FILES",
    "SUMMARY",
    "WEIGHTS",
    "Drawn",
    "draw",
    "prepare_folder",
    "save_weights",
]

FIGURES = "figures"
WEIGHTS = "repaired.safetensors"
SUMMARY = "summary.json"
SCAN_FILES = ("scan.html", "scan.json", "scan-triggers.safetensors")
REPORT_FILES = ("report.html", "report.pdf", "report.tex", "macros.tex")
RECORD_FILES = (METRICS, TRIGGERS, WEIGHTS, MANIFEST, *FINDINGS_FILES)


@dataclass(frozen=True)
class Drawn:
    """Files drawn from a record, and the engine that set the PDF."""

    files: tuple[Path, ...]
    pdf_engine: str


def prepare_folder(folder: Path, *names: str) -> None:
    """Make the output folder, and make sure before hours of work that it can be written.

    Parameters
    ----------
    folder
        Receives the files.
    names
        Of the files that are written there; pictures have a folder of their own.

    Raises
    ------
    UsageError
        If it cannot be written, or files of these names are there that trivet did not write.
    """
    make_folder(folder)
    refuse_foreign([folder / name for name in names])


def save_weights(weights: Mapping[str, NDArray[Any]], folder: Path) -> tuple[Path, ...]:
    """Write a repaired network's weights, or take away those of an earlier audit.

    Parameters
    ----------
    weights
        By name; empty where no network was repaired.
    folder
        Receives ``repaired.safetensors``.

    Returns
    -------
    tuple of Path
        The file, where there is one.
    """
    path = folder / WEIGHTS
    if not weights:
        remove_result(path)
        return ()
    import safetensors.numpy  # noqa: PLC0415 - only a repair needs it

    write_whole(path, safetensors.numpy.save(dict(weights)))
    return (path,)


def draw(record: AuditRecord, triggers: Triggers, out: Path, *, findings: Sequence[Finding]) -> Drawn:
    """Draw figures, macros and the report from the record alone, with its findings, into `out`."""
    from trivet.report import write_report  # noqa: PLC0415 - matplotlib and pandoc, only when drawing
    from trivet.report.figures import alt_texts, save_figures  # noqa: PLC0415

    # A fresh interpreter each: forking after PyTorch has started its threads can hang.
    with ProcessPoolExecutor(
        os.cpu_count(), mp_context=get_context("spawn"), initializer=ignore_matplotlibrc
    ) as executor:
        figures = save_figures(record, triggers, make_subfolder(out, FIGURES), executor=executor)
    report = write_report(as_json(record), out / FIGURES, out, alt=alt_texts(record), findings=findings)
    return Drawn((report.pdf, report.html, report.tex, report.macros, *figures), report.engine)
