"""``trivet view``: a report in the browser, or one page of all audits in a folder."""

import webbrowser
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.markup import escape

from trivet.cli.terminal import print_files, print_json, report_progress, results_console
from trivet.errors import DataError, UsageError
from trivet.record import METRICS
from trivet.wording import one_line

__all__ = ["view"]

REPORT: Final = "report.html"
#: Pages of the commands for one leg and of a comparison, in the order in which one is chosen.
PAGES: Final = (
    REPORT,
    "compare.html",
    "repair.html",
    "scan.html",
    "fairness.html",
    "mechanism.html",
    "membership.html",
    "plan.html",
)
INDEX: Final = "index.html"


def view(
    place: Path,
    /,
    *,
    browser: bool = True,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Open a report in the browser; of a folder of audits, write an index of all and open that.

    Parameters
    ----------
    place
        Output folder of a command, or a folder with such folders in it.
    browser
        Whether to open the page; its path is printed either way.
    out
        File or folder for the index, in the place of index.html in the folder.
    json
        Print one JSON document to standard output, and nothing else there.
    """
    if not place.is_dir():
        raise DataError(f"there is no folder {place}; name the output folder of a command.")
    page = next((place / name for name in PAGES if (place / name).is_file()), None)
    if page is None and (place / METRICS).is_file():
        raise DataError(f"{place} has a record and no {REPORT}; `trivet report {place}` draws it.")
    if page is not None and out is not None:
        raise UsageError(f"--out is for the index of many audits, and {page} is one report.")
    document = {"page": str(page)}
    unread: list[str] = []
    if page is None:
        page, document, unread = _index(place, out)
    opened = browser and webbrowser.open(page.resolve().as_uri())
    if json:
        print_json({**document, "opened": opened})
        return 0
    console = results_console()
    for line in unread:
        console.print(f"[yellow]?[/] {escape(line)}")
    print_files(console, [page])
    if browser and not opened:
        console.print("No browser could be opened; open the file yourself.")
    return 0


def _index(place: Path, out: Path | None) -> tuple[Path, dict[str, object], list[str]]:
    from trivet.report.found_audits import find_audits  # noqa: PLC0415 - SciPy and Pydantic are heavy
    from trivet.report.index_page import write_index  # noqa: PLC0415 - as above

    with report_progress() as progress:
        progress("view", "reading audits", None)
        found = find_audits(place)
        if not found.audits:
            unread = f" {len(found.damaged)} cannot be read." if found.damaged else ""
            raise DataError(f"there is no audit in {place} or below it.{unread} `trivet run` makes one.")
        page = write_index(found, place, _page(place, out))
    damaged = [
        {"file": (each.folder / each.file).as_posix(), "why": one_line(each.why, limit=300)}
        for each in found.damaged
    ]
    unread = [f"{one_line(each['file'])} was left out: {each['why']}" for each in damaged]
    return page, {"page": str(page), "audits": len(found.audits), "damaged": damaged}, unread


def _page(place: Path, out: Path | None) -> Path:
    if out is None:
        return place / INDEX
    return out if out.suffix == ".html" and not out.is_dir() else out / INDEX
