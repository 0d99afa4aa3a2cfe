"""``trivet card``: what a model card says of an audit."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trivet.cli.terminal import print_files, print_json, results_console
from trivet.errors import UsageError

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
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"the card cannot be written to {out}: {error.strerror}. Name another file."
            ) from error
    if json:
        print_json({"card": text, "file": None if out is None else str(out)})
    elif out is None:
        sys.stdout.write(text)
    else:
        print_files(results_console(), [out])
    return 0
