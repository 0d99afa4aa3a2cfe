"""Command-line entry point: dispatch to the commands, and exit codes."""

import os
import select
import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Final, NoReturn

from cyclopts import App, CycloptsError, Group, MissingArgumentError

from trivet.cli.commands import COMMANDS, GROUPS, add_command
from trivet.errors import TrivetError, UsageError, missing_extra
from trivet.wording import describe_error, inert, json_text, one_line, quote

__all__ = ["ignore_matplotlibrc", "main"]


def ignore_matplotlibrc() -> None:
    """Let this process import matplotlib with its own defaults, now or later."""
    if "matplotlib" not in sys.modules and not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds matplotlib once, and lets it be executed where its own defaults are."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "matplotlib":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None or not spec.submodule_search_locations:
            return spec
        execute, defaults = spec.loader.exec_module, Path(spec.submodule_search_locations[0]) / "mpl-data"

        def execute_there(module: ModuleType) -> None:
            here = None
            with suppress(OSError):  # the working folder is gone
                here = Path.cwd()
                os.chdir(defaults)
            try:
                execute(module)
            finally:
                if here is not None:
                    os.chdir(here)

        spec.loader.exec_module = execute_there
        return spec


HELP = """Audit a machine-learning system on three legs: security, privacy and fairness."""
CODES: Final = """
Exit codes: 0 done and nothing found or breached; 1 a backdoor suspected, a repair that failed, a
mechanism or code that violates its claim, a model that is exposed, a group that is treated otherwise, a
verdict or a headline measurement that got worse, or a requirement of [policy] breached; 2 usage or
configuration; 3 it could not be done.
"""
INTERRUPTED: Final = 130
#: As a process ends that writes to a pipe without a reader: 128 and the number of SIGPIPE.
NO_READER: Final = 141
#: Of an error, which is one line.
MOST_CHARACTERS: Final = 5_000
#: Set to anything, the traceback of an unexpected error stands on standard error as well.
TRACEBACK: Final = "TRIVET_TRACEBACK"
PACKAGE: Final = Path(__file__).parents[1]

app = App(
    name="trivet",
    help=HELP,
    help_epilogue=CODES,
    version=lambda: version("trivet"),
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # main says that it was interrupted
)
_options: Final = Group("Options", sort_key=99)
for _flag in ("--help", "--version"):
    app[_flag].group = (_options,)
for _order, (_title, _example, _names) in enumerate(GROUPS):
    _group = Group(_title, help=f"Example: {_example}", sort_key=_order)
    for _name in _names:
        add_command(app, _name, group=_group)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):  # names of files may hold what no encoding has
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    ignore_matplotlibrc()
    code = NO_READER
    try:
        with _no_silent_end():
            code = _run(tokens)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("trivet: interrupted", file=sys.stderr)  # noqa: T201 - the command line talks
        code = INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - whatever it is, it must not pass for a verdict
        code = _ended_by(error, tokens, code)
    sys.exit(code)


@contextmanager
def _no_silent_end() -> Generator[None]:
    """Let ``os._exit``, called by a user's code in this process, be an error like ``sys.exit``."""
    # It would end the command without a result, and with the exit code of a verdict.
    leave, process = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != process:  # a forked child leaves in this way
            leave(status)
        raise SystemExit(status)

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave


def _run(tokens: Sequence[str]) -> int:
    """Run the command that is meant; a refusal is said, and its exit code returned."""
    try:
        code = app(tokens, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _complain(UsageError(f"{_refusal(error)} {_next(error)}"), tokens)
    except ModuleNotFoundError as error:
        missing = missing_extra(error, f"trivet {tokens[0]}" if tokens else "trivet")
        if missing is None:
            raise
        return _complain(missing, tokens)
    except TrivetError as error:
        return _complain(error, tokens)
    return code if isinstance(code, int) else 0


def _refusal(error: CycloptsError) -> str:
    """Say what the parser refuses; of an option that was not given, that it is missing."""
    absent = isinstance(error, MissingArgumentError) and error.keyword is None
    return str(error).replace("requires an argument", "is missing; give it") if absent else str(error)


def _next(error: CycloptsError) -> str:
    """Return what to type next: an example where something is missing, and the help."""
    words = " ".join(error.command_chain or ())
    own = " ".join(filter(None, ("trivet", words, "--help")))
    examples = COMMANDS[words].examples if words in COMMANDS else ()
    if isinstance(error, MissingArgumentError) and examples:
        return f"Such as: {examples[0][1]}. See `{own}`."
    return f"See `{own}`."


def _complain(error: TrivetError, tokens: Sequence[str]) -> int:
    """Say what went wrong: for people on standard error, for machines as JSON."""
    print(inert(f"trivet: {one_line(error, limit=MOST_CHARACTERS)}"), file=sys.stderr)  # noqa: T201 - the command line talks
    if "--json" in tokens:
        document = {
            "error": {"kind": type(error).__name__, "message": str(error), "exit_code": error.exit_code}
        }
        sys.stdout.write(json_text(document))
    return error.exit_code


def _ended_by(error: BaseException, tokens: Sequence[str], code: int) -> int:
    """Return the exit code for what no command expected: 3, or `code` where standard output has no reader."""
    by_rich = isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError)
    if by_rich or (isinstance(error, BrokenPipeError) and _reader_left()):
        _drop_output()
        return code
    try:
        if os.environ.get(TRACEBACK):
            traceback.print_exception(error)
        _complain(TrivetError(_unexpected(error)), tokens)
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - a full disk, or no memory for a sentence
        _drop_output()
    return TrivetError.exit_code


def _drop_output() -> None:
    """Let what is still to be written go nowhere: Python would fail over it once more at the end."""
    with suppress(AttributeError, OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unexpected(error: BaseException) -> str:
    """Say in one line what ended a command, and how to report it."""
    if isinstance(error, MemoryError):
        return "memory ran out; give it more, or a smaller input."
    if isinstance(error, SystemExit):
        return (
            f"code that trivet called ended the process ({describe_error(error)}); it has to return instead."
        )
    if isinstance(error, OSError) and error.filename is not None:  # the system's answer about a file
        said = one_line(error.strerror or describe_error(error))
        return f"{quote(str(error.filename))}: {said}; check the path."
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(PACKAGE)]
    place = f" at {Path(own[-1].filename).relative_to(PACKAGE.parent)}:{own[-1].lineno}" if own else ""
    return (
        f"an unexpected error{place}: {describe_error(error)}. This is a fault in trivet: set "
        f"{TRACEBACK}=1, run the same command again, and report what it prints."
    )


def _reader_left() -> bool:
    """Tell whether nothing reads standard output any more; True where the system cannot say."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (AttributeError, OSError, ValueError):
        return True
