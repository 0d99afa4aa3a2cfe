"""``trivet report``: everything drawn again from the record alone."""

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from trivet.cli.outputs import REPORT_FILES, draw, prepare_folder
from trivet.cli.terminal import print_files, print_json, report_progress, results_console
from trivet.findings import Finding, findings_of
from trivet.findings.documents import read_findings
from trivet.record import METRICS, AuditRecord, as_json, load_record, load_triggers
from trivet.work.bounded_files import read_bounded

FINDINGS: Final = "findings.json"
#: More than the findings of ten thousand groups take.
MOST_BYTES: Final = 16 * 2**20


def report(out: Path, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Draw figures, macros and report again; no model and no data are needed.

    Parameters
    ----------
    out
        The folder of an audit, with metrics.json and triggers.safetensors.
    json
        Print one JSON document to standard output, and nothing else there.
    """
    record, triggers = load_record(out), load_triggers(out)
    findings = _findings(out, record)
    prepare_folder(out, METRICS, *REPORT_FILES)
    with report_progress() as progress:
        progress("report", "figures, PDF and page", None)
        drawn = draw(record, triggers, out, findings=findings)
    if json:
        print_json({"files": [str(path) for path in drawn.files], "pdf_engine": drawn.pdf_engine})
    else:
        print_files(results_console(), drawn.files[:4])
    return 0


def _findings(out: Path, record: AuditRecord) -> tuple[Finding, ...]:
    """Return the findings of the audit, which know its policy, or else those of the record alone."""
    try:
        return read_findings(read_bounded(out / FINDINGS, MOST_BYTES).decode("utf-8")).findings
    except (OSError, ValueError, RecursionError):
        return findings_of(as_json(record))
