"""What is shown while a command works, and when it is done."""

import json
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console
from rich.markup import escape

from trivet.audit import Progress

__all__ = ["print_files", "print_json", "report_progress", "results_console"]


def results_console() -> Console:
    """Return the console of standard output; it honours NO_COLOR and plain pipes."""
    # Names of strangers hold colons: they are no emoji.
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False)


def print_files(console: Console, files: Iterable[Path]) -> None:
    """Print the paths of files, which a terminal can open with a click."""
    for path in files:
        console.print(f"[link={path.resolve().as_uri()}]{escape(str(path))}[/link]")


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document to standard output."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def report_progress() -> Generator[Progress]:
    """Yield a progress callback: bars on a terminal, a log line a step elsewhere.

    Both go to standard error, so that standard output holds results only.
    """
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        with _bars(console) as progress:
            yield progress
    else:
        yield _log_lines()


@contextmanager
def _bars(console: Console) -> Generator[Progress]:
    from rich import progress as rich_progress  # noqa: PLC0415 - only a terminal needs it

    columns = (
        rich_progress.SpinnerColumn(),
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.TimeElapsedColumn(),
    )
    with rich_progress.Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[tuple[str, str], rich_progress.TaskID] = {}
        latest: rich_progress.TaskID | None = None

        def progress(leg: str, step: str, share: float | None) -> None:
            nonlocal latest
            key = (leg, step)
            if key not in tasks:
                if latest is not None:
                    bars.update(latest, total=1, completed=1)
                tasks[key] = latest = bars.add_task(f"{leg}: {step}", total=None)
            if share is not None:
                bars.update(tasks[key], total=1, completed=share)

        yield progress


def _log_lines() -> Progress:
    start = monotonic()
    seen: set[tuple[str, str]] = set()

    def progress(leg: str, step: str, _share: float | None) -> None:
        if (leg, step) not in seen:
            seen.add((leg, step))
            sys.stderr.write(f"[{monotonic() - start:6.1f} s] {leg}: {step}\n")

    return progress
