"""PDF of a document: by LaTeX where it is installed, else by Typst."""

import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal, TypeAlias

from trivet.errors import ReportError
from trivet.findings.summary import Summary
from trivet.report.text import tree
from trivet.report.text.document import Document
from trivet.report.write.tex import macros_source, tex_source
from trivet.report.write.typst import typst_source
from trivet.wording import first_line, inert, one_line
from trivet.work.bounded import read_bounded
from trivet.work.result_files import make_subfolder, write_text, write_whole

Engine: TypeAlias = Literal["latex", "typst"]

_log = logging.getLogger(__name__)
_FIGURES = "figures"
#: Of a figure as PDF.
_MOST_BYTES = 2**28
#: Of what an engine says.
_MOST_CHARACTERS = 500
_LATEX_SECONDS = 300
_LATEXMK = (
    "latexmk",
    "-norc",
    "-pdf",
    "-interaction=nonstopmode",
    "-halt-on-error",
    "-latexoption=-no-shell-escape",
)


def write_pdf(
    document: Document, summary: Summary | None, figures: Path, target: Path, *, engine: Engine | None = None
) -> Engine:
    """Write `target`, the same bytes each time, and tell which engine made it."""
    with tempfile.TemporaryDirectory(prefix="trivet-") as scratch:
        folder = Path(scratch)
        drawn = make_subfolder(folder, _FIGURES)
        for node in tree.figures_of(document.blocks):
            _copy(figures / f"{node.name}.pdf", drawn)
        if engine == "latex" or (engine is None and latex_installed()):
            try:
                write_whole(target, _by_latex(document, summary, folder))
            except ReportError as error:
                if engine == "latex":
                    raise
                _log.warning(
                    "LaTeX is installed but failed, so Typst sets the PDF: %s", inert(first_line(error))
                )
            else:
                return "latex"
        write_whole(target, _by_typst(document, summary, folder))
        return "typst"


def _copy(figure: Path, folder: Path) -> None:
    try:
        content = read_bounded(figure, _MOST_BYTES)
    except OSError as error:
        raise ReportError(f"the figure {figure} cannot be read: {error.strerror}. Draw it again.") from error
    write_whole(folder / figure.name, content)


def latex_installed() -> bool:
    """Tell whether latexmk and IEEEtran are there."""
    if shutil.which("latexmk") is None or (finder := shutil.which("kpsewhich")) is None:
        return False
    found = subprocess.run([finder, "IEEEtran.cls"], capture_output=True, check=False, text=True)  # noqa: S603
    return bool(found.stdout.strip())


def _by_latex(document: Document, summary: Summary | None, folder: Path) -> bytes:
    write_text(folder / "macros.tex", macros_source(document.values))
    write_text(folder / "report.tex", tex_source(document, _FIGURES, summary))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1", "max_print_line": "1000"}
    try:
        done = subprocess.run(  # noqa: S603 (a fixed command; what it reads has every text escaped)
            [*_LATEXMK, "report.tex"],
            cwd=folder,
            env=environment,
            capture_output=True,
            check=False,
            timeout=_LATEX_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReportError(f"latexmk did not run to its end: {error}") from error
    log = folder / "report.log"
    said = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    if wrong := [line for line in said if line.startswith("!") or "undefined references" in line]:
        raise ReportError(f"LaTeX could not set report.tex: {one_line(wrong[0], limit=_MOST_CHARACTERS)}")
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it does not say why"]
        raise ReportError(f"latexmk ended with status {done.returncode}: {last[0]}")
    return (folder / "report.pdf").read_bytes()


def _by_typst(document: Document, summary: Summary | None, folder: Path) -> bytes:
    import matplotlib as mpl  # noqa: PLC0415 (heavy, and only a report needs it)
    import typst  # noqa: PLC0415 (heavy, and only a report needs it)

    source = folder / "report.typ"
    write_text(source, typst_source(document, _FIGURES, summary))
    try:
        pdf, warnings = typst.compile_with_warnings(
            source,
            root=folder,
            font_paths=[Path(mpl.get_data_path()) / "fonts" / "ttf"],  # STIX
            ignore_system_fonts=True,
            timestamp=0,
        )
    except typst.TypstError as error:
        said = one_line(error.diagnostic or error.message, limit=_MOST_CHARACTERS)
        raise ReportError(f"Typst could not set the report: {said}") from error
    if warnings:
        listed = "; ".join(warning.message for warning in warnings)
        raise ReportError(f"Typst warned while it set the report, which counts as an error: {listed}")
    return pdf
