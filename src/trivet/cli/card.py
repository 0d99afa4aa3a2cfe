"""``trivet card``: what a model card says of an audit."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trivet.cli.foreign_files import refuse_foreign
from trivet.cli.terminal import print_files, print_json, print_text, results_console
from trivet.wording import as_entity
from trivet.work.result_files import write_text

__all__ = ["card"]


def card(
    audit: Path, /, *, out: Path | None = None, json: Annotated[bool, Parameter(negative="")] = False
) -> int:
    """Write a model card with the audit's numbers, for a README.md on the Hugging Face Hub.

    Parameters
    ----------
    audit
        Output folder of `trivet run`.
    out
        File to write; without it the card is printed.
    json
        Print one JSON document to standard output, and nothing else there.
    """
    from trivet.comparison import read_audit  # noqa: PLC0415 - SciPy is heavy
    from trivet.report.card import model_card  # noqa: PLC0415 - as above

    text = model_card(read_audit(audit))
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
