"""Report of a record: LaTeX, macros, PDF and page, from one document."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trivet.audited import has_study
from trivet.errors import ReportError
from trivet.findings import Finding
from trivet.findings.summary import Made, Summary, summary_of
from trivet.report.facts import run_page_facts as page_facts
from trivet.report.text import tree
from trivet.report.text.document import (
    Pictures,
    check_figures,
    check_macros,
    make_document,
    read_prose,
    read_templates,
)
from trivet.report.verdicts import verdicts
from trivet.report.write.html import html_page
from trivet.report.write.pdf import Engine, write_pdf
from trivet.report.write.tex import macros_source, tex_source
from trivet.verdict import LEGS
from trivet.work.result_files import make_folder, write_text

#: Folders of the prose about the user's own plans and audits.
OWN = ("security", "privacy", "fairness", "effects")


@dataclass(frozen=True)
class ReportFiles:
    """Files of the report, and the engine of its PDF (latex or typst)."""

    tex: Path
    macros: Path
    pdf: Path
    html: Path
    engine: Engine


def write_report(
    record: Mapping[str, Any],
    figures: str | Path,
    out: str | Path,
    *,
    engine: Engine | None = None,
    templates: Sequence[str | Path] | None = None,
    pictures: Pictures | None = None,
    findings: Sequence[Finding] = (),
    made: Made | None = None,
) -> ReportFiles:
    """Write ``report.tex``, ``macros.tex``, ``report.pdf`` and ``report.html`` into `out`.

    Two runs with the same record and figures write the same bytes.

    Parameters
    ----------
    record
        The record as plain JSON values.
    figures
        Folder of the figures, each as SVG, PDF and PNG; best inside `out`, since ``report.tex``
        refers to it.
    out
        Folder that receives the report; made if it is missing.
    engine
        Forces the engine of the PDF; see `trivet.report.write.pdf.write_pdf`.
    templates
        Folders of the prose; their files are taken in the order of their names. None takes those that
        belong to the record: of the built-in study, or of an audit of the user's system without it.
    pictures
        What `trivet.report.figures.pictures` says of each figure, by its name; without it a figure's caption
        stands for its description.
    findings
        Of the record; page and paper open with them.
    made
        By which trivet and when the audit was made; None where nothing says so.

    Raises
    ------
    ReportError
        The prose names what does not exist, a figure is missing or blank, or an engine failed.
    UsageError
        If `out` cannot be written.
    """
    figures, out = Path(figures), Path(out)
    if templates is None:
        prose = read_prose("study" if has_study(record) else "own", *OWN)
    else:
        prose = read_templates(*map(Path, templates))
    facts = page_facts(record, findings)
    document = make_document(facts, prose, pictures=pictures, whole=False)
    names = [node.name for node in tree.figures_of(document.blocks)]
    macros = macros_source(document.values)
    summary = _summary(record, findings, made)
    tex = tex_source(document, Path(os.path.relpath(figures, out)).as_posix(), summary)
    if complaints := [*check_figures(figures, names), *check_macros(tex, macros)]:
        raise ReportError("; ".join(complaints))
    page = html_page(document, summary, figures, record=facts)
    files = {name: out / name for name in ("report.tex", "macros.tex", "report.pdf", "report.html")}
    make_folder(out)
    write_text(files["macros.tex"], macros)
    write_text(files["report.tex"], tex)
    write_text(files["report.html"], page)
    used = write_pdf(document, figures, files["report.pdf"], engine=engine, summary=summary)
    return ReportFiles(
        files["report.tex"], files["macros.tex"], files["report.pdf"], files["report.html"], engine=used
    )


def _summary(record: Mapping[str, Any], findings: Sequence[Finding], made: Made | None) -> Summary:
    """Summarise an audit; without findings each leg says itself why its verdict is what it is."""
    summary = summary_of(record, findings, made)
    if findings:
        return summary
    told = verdicts({**{leg: record.get(leg) for leg in LEGS}, **record})
    legs = [
        replace(leg, reason=" ".join(each.text for each in told if each.leg == leg.leg))
        for leg in summary.legs
    ]
    return replace(summary, legs=tuple(legs))
