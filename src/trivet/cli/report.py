"""``trivet report``: everything drawn again from the record alone."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trivet.cli.outputs import draw, prepare_folder
from trivet.cli.terminal import print_json, report_progress, results_console
from trivet.record import load_record, load_triggers


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
    prepare_folder(out)
    with report_progress() as progress:
        progress("report", "figures, PDF and page", None)
        drawn = draw(record, triggers, out)
    if json:
        print_json({"files": [str(path) for path in drawn.files], "pdf_engine": drawn.pdf_engine})
    else:
        console = results_console()
        for path in drawn.files[:4]:
            console.print(str(path))
    return 0
