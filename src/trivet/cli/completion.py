"""``trivet completion``: what lets a shell complete commands and options."""

import sys
from typing import Literal

from trivet.cli.options import Json, command
from trivet.cli.terminal import print_json

__all__ = ["completion"]


@command
def completion(shell: Literal["bash", "zsh", "fish"], /, *, json: Json = False) -> int:
    """Print a script for a shell, with the commands and options of this version.

    Parameters
    ----------
    shell
        The shell that reads it.
    """
    from trivet.cli.main import app  # noqa: PLC0415 - it imports this

    script = app.generate_completion(shell=shell)
    if json:
        print_json({"shell": shell, "script": script})
    else:
        sys.stdout.write(script)
    return 0
