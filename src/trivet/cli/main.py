"""Which command is meant, and with what exit code does it end?"""

import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError

from trivet.errors import TrivetError, UsageError

__all__ = ["main"]

HELP = """Audit a machine-learning system on three legs: security, privacy and fairness.

Exit codes: 0 done and nothing found or breached; 1 a backdoor suspected, a repair that failed, a
mechanism that violates its claim, a model that is exposed, a group that is treated otherwise, a verdict
or a headline measurement that got worse, or a requirement of [policy] breached; 2 usage or
configuration; 3 it could not be done.
"""
INTERRUPTED = 130

app = App(
    name="trivet",
    help=HELP,
    version=lambda: version("trivet"),
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # main says that it was interrupted
)
app.command("trivet.cli.run:run", name="run", help="Run an audit and write its record and report.")
app.command("trivet.cli.scan:scan", name="scan", help="Scan a checkpoint, or many, for a backdoor.")
app.command("trivet.cli.repair:repair", name="repair", help="Remove a backdoor from a checkpoint.")
app.command("trivet.cli.zoo:zoo", name="zoo", help="Train small networks, clean and attacked in known ways.")
app.command(
    "trivet.cli.privacy:privacy",
    name="privacy",
    help="Plan noise, release answers under a budget, audit mechanisms and models.",
)
app.command(
    "trivet.cli.fairness:fairness", name="fairness", help="Audit predictions, or fit and compare mitigations."
)
app.command("trivet.cli.gate:gate", name="gate", help="Judge a finished audit again, without running it.")
app.command(
    "trivet.cli.compare:compare",
    name="compare",
    help="Compare two audits: what changed, and what of it is more than noise.",
)
app.command("trivet.cli.card:card", name="card", help="Write a model card with an audit's numbers.")
app.command("trivet.cli.view:view", name="view", help="Open a report, or one page of all audits in a folder.")
app.command("trivet.cli.report:report", name="report", help="Draw the report again from the record alone.")
app.command("trivet.cli.init:init", name="init", help="Write a commented audit.toml to start from.")
app.command("trivet.cli.schema:schema", name="schema", help="Print the JSON Schema of metrics.json.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Parameters
    ----------
    arguments
        What follows ``trivet``; those of the process where None.
    """
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(tokens, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        code = _complain(UsageError(f"{error} See `trivet --help`."), tokens)
    except TrivetError as error:
        code = _complain(error, tokens)
    except KeyboardInterrupt:
        print("trivet: interrupted", file=sys.stderr)  # noqa: T201 - the command line talks
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has left: nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _complain(error: TrivetError, tokens: Sequence[str]) -> int:
    """Say what went wrong: for people on standard error, for machines as JSON."""
    print(f"trivet: {error}", file=sys.stderr)  # noqa: T201 - the command line talks
    if "--json" in tokens:
        document = {
            "error": {"kind": type(error).__name__, "message": str(error), "exit_code": error.exit_code}
        }
        print(json.dumps(document, ensure_ascii=False))  # noqa: T201
    return error.exit_code
