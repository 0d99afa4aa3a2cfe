"""``trivet init``: a commented audit.toml to start from."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from trivet.cli.terminal import print_json, results_console
from trivet.work.result_files import write_new


def init(
    path: Path = Path("audit.toml"),
    /,
    *,
    own: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write a commented audit.toml that describes the built-in study, or a system of your own.

    Parameters
    ----------
    path
        Where to write it; an existing file is left alone.
    own
        Describe a system of your own, audited without the study around it.
    json
        Print one JSON document to standard output, and nothing else there.
    """
    template = "own-audit.toml" if own else "audit.toml"
    write_new(path, (files("trivet.cli") / template).read_bytes())
    if json:
        print_json({"file": str(path)})
    else:
        results_console().print(escape(f"Wrote {path}. Edit it, then: trivet run {path}"))
    return 0
