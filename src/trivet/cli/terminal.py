"""Terminal output during and after a command."""

import ctypes
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from trivet.audit import Progress
from trivet.verdict import Tone, sign
from trivet.wording import escapes, inert, json_text, one_line

__all__ = [
    "figures_table",
    "keep_freed_memory",
    "marked",
    "path_text",
    "print_card",
    "print_files",
    "print_json",
    "print_text",
    "report_progress",
    "results_console",
    "set_threads",
    "verdict_text",
]

if TYPE_CHECKING:
    from trivet.findings.summary import LegSummary, Line, Summary

#: Seconds between lines of a step that goes on, off a terminal.
_LINE_EVERY = 2.0
#: Characters of a step's name, and of a path.
_STEP, _PATH = 200, 4_096


def results_console() -> Console:
    """Return the console of standard output; it honours NO_COLOR and plain pipes."""
    # Names contain colons, which must not become emoji.
    console = _Results(highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False)
    console.push_render_hook(_Inert())
    return console


class _Results(Console):
    """Shows tabs and controls, which Rich would expand and drop, and leaves a reader that left to `main`."""

    def render_str(self, text: str, **settings: Any) -> Text:
        return super().render_str(inert(text), **settings)

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 - called while the error is handled


def print_text(text: str, escape: Callable[[str], str] | None) -> None:
    """Print a document to standard output, inert; `escape` writes a character otherwise in its format.

    None prints it as it is: commands to a CI system, in which what others wrote is escaped already.
    """
    sys.stdout.write(text if escape is None else inert(text, escape))


def print_files(console: Console, files: Iterable[Path]) -> None:
    """Print the paths of files, a line each, which a terminal can open with a click."""
    for path in files:
        console.print(f"[link={path.resolve().as_uri()}]{path_text(path)}[/link]")


def path_text(path: Path | str) -> str:
    """Return a path as markup, in one line."""
    return escape(one_line(path, limit=_PATH))


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document to standard output."""
    sys.stdout.write(json_text(document))


def figures_table(*headings: str, names: int = 1) -> Table:
    """Return a table whose first columns hold names and the others figures, to the right; markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        if place < names:  # where there is too little room names are folded, and nothing is cut
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(heading, justify="right", no_wrap=True)
    return table


@contextmanager
def report_progress() -> Generator[Progress]:
    """Yield a progress callback: bars on a terminal, a log line a step elsewhere."""
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
        rich_progress.TextColumn("{task.description}", markup=False),
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
                tasks[key] = latest = bars.add_task(
                    inert(f"{leg}: {one_line(step, limit=_STEP)}"), total=None
                )
            if share is not None:
                bars.update(tasks[key], total=1, completed=share)

        yield progress


def _log_lines() -> Progress:
    start = monotonic()
    # When each step had its last line, and how many tenths of it were done.
    seen: dict[tuple[str, str], tuple[float, int]] = {}

    def progress(leg: str, step: str, share: float | None) -> None:
        now, tenths = monotonic(), int(10 * (share or 0) + 1e-9)
        last, said = seen.get((leg, step), (None, 0))
        if last is not None and (tenths <= said or now - last < _LINE_EVERY or tenths == 10):  # noqa: PLR2004
            return
        seen[leg, step] = now, tenths
        done = f", {tenths}0%" if last is not None else ""
        sys.stderr.write(inert(f"[{now - start:6.1f} s] {leg}: {one_line(step, limit=_STEP)}{done}\n"))

    return progress


class _Inert(RenderHook):
    """Lets all that a console prints pass through `_InertText`."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_InertText(each) for each in renderables]


class _InertText:
    """Output of another renderable, after line breaks and columns are set, without control characters."""

    def __init__(self, shown: ConsoleRenderable) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        segments = list(console.render(self._shown, options))
        found = escapes("".join(segment.text for segment in segments if not segment.control))
        place = 0
        for segment in segments:
            if segment.control:
                yield segment
                continue
            text = "".join(found.get(place + index, letter) for index, letter in enumerate(segment.text))
            place += len(segment.text)
            yield Segment(text, segment.style)


_COLOURS: Final[Mapping[Tone, str]] = {"good": "green", "unsure": "yellow", "bad": "red", "note": "cyan"}


def marked(tone: Tone, text: str, *, bold: bool = False) -> str:
    """Return a text with the sign of a tone, in its colour, as markup."""
    return f"[{'bold ' if bold else ''}{_COLOURS[tone]}]{sign(tone, 'terminal')} {escape(text)}[/]"


def verdict_text(tone: Tone, word: str, *, on: str) -> str:
    """Return a verdict and what it is on, as markup."""
    return f"{sign(tone, 'terminal')} {escape(on)}: [bold {_COLOURS[tone]}]{escape(word)}[/]"


#: Lines of a card, and columns: a terminal's are 80 by 24 where nobody made it larger.
CARD_LINES: Final = 25
CARD_COLUMNS: Final = 100
_LEG: Final = 10
#: Lines of all legs, from which on each part of them has one only.
LEG_LINES: Final = 10


def print_card(console: Console, summary: "Summary", *, more_in: str = "findings.md") -> None:
    """Print the card of an audit: its outcome, what was audited, and the most serious findings.

    Parameters
    ----------
    console
        Where to.
    summary
        Content of the card.
    more_in
        Where the findings are for which there is no room.
    """
    width = min(console.width, CARD_COLUMNS)
    lines = [marked(summary.tone, f"{summary.word}  {one_line(summary.title, limit=width)}", bold=True)]
    for text in filter(None, (summary.against, summary.counted, summary.provenance)):
        lines += _wrapped(text, width, "  ")
    lines.append("")
    legs = [line for leg in summary.legs for line in _leg_lines(leg, width)]
    if len(legs) > LEG_LINES:
        legs = [line for leg in summary.legs for line in _leg_lines(leg, width, brief=True)]
    lines += legs
    room = CARD_LINES - len(lines) - 2
    found: list[str] = []
    shown = 0
    for line in summary.lines:
        next_ones = _finding_lines(line, width)
        if len(found) + len(next_ones) > room:
            break
        found += next_ones
        shown += 1
    if found:
        lines += ["", *found]
    if more := len(summary.lines) - shown:
        lines.append(f"and {more} more{f' in {more_in}' if more_in else ''}")
    for each in lines:
        console.print(each)


def _leg_lines(leg: "LegSummary", width: int, *, brief: bool = False) -> list[str]:
    """Return a line with the verdict of a leg, and what was audited below it: in brief, a line a part."""
    head = f"{leg.heading.lower():<{_LEG}}{marked(leg.tone, leg.word, bold=True)}"
    texts = [one_line(text, limit=width - _LEG) for text in leg.texts] if brief else leg.texts
    return [head, *(line for text in texts for line in _wrapped(text, width, " " * _LEG))]


def _finding_lines(line: "Line", width: int) -> list[str]:
    """Return a finding in one line, in two or more where that is too short."""
    head = f"{sign(line.tone, 'terminal')} {line.finding.level:<8}"
    told = line.told
    told += f"; required: {line.required}" if line.required else ""
    first, *rest = wrap(told, width - len(head), break_on_hyphens=False) or [""]
    begin = f"[{_COLOURS[line.tone]}]{head}[/]{escape(first)}"
    return [begin, *(f"{' ' * len(head)}{escape(each)}" for each in rest)]


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    lines = wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return [escape(line) for line in lines]


# Parameters of mallopt(3), as in glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
GIBIBYTE = 2**30
#: The most that an older glibc takes for M_MMAP_THRESHOLD.
OLD_LIMIT = 32 * 2**20


def keep_freed_memory() -> bool:
    """Tell glibc to reuse freed blocks, in the whole process; say whether it took it."""
    # A step of optimisation frees the megabytes that the next one takes: each would be unmapped between.
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    taken = mallopt(M_MMAP_THRESHOLD, GIBIBYTE) or mallopt(M_MMAP_THRESHOLD, OLD_LIMIT)
    return bool(taken and mallopt(M_TRIM_THRESHOLD, GIBIBYTE))


def set_threads(threads: int | None) -> None:
    """Set the number of threads; None leaves one a core."""
    if threads is None:
        return
    import torch  # noqa: PLC0415 - heavy

    torch.set_num_threads(threads)
