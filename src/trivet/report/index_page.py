"""Index page of many audits: verdicts over time, and links to their reports."""

import base64
import hashlib
import os
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import quote

from trivet.errors import ReportError, UsageError
from trivet.report.escape import escape_html
from trivet.report.found_audits import LEGS, Found, FoundAudit, Word
from trivet.report.history import history_rows
from trivet.report.verdicts import HEADINGS, ICONS
from trivet.wording import one_line
from trivet.work.result_files import make_folder, write_text

__all__ = ["INDEX", "index_page", "write_index"]

INDEX: Final = "index.html"
#: By which an index is known again, so that no other page is ever written over.
GENERATOR: Final = '<meta name="generator" content="trivet view">'
#: How verdicts are sorted; -1 where there is none.
_RANKS: Final = {"note": 0, "good": 0, "unsure": 1, "bad": 2}
#: Bytes of a page in which its generator is looked for.
HEAD_BYTES: Final = 4096


def write_index(found: Found, folder: str | Path, page: str | Path) -> Path:
    """Write the index of a folder."""
    folder, page = Path(folder), Path(page)
    try:
        if os.path.lexists(page) and (page.is_symlink() or not page.is_file() or not _is_index(page)):
            raise UsageError(f"{page} exists and is not an index of audits; name another file with --out.")
        make_folder(page.parent)
        away = os.path.relpath(folder.resolve(), page.parent.resolve())
        write_text(page, index_page(found, name=folder.resolve().name, away=away))
    except OSError as error:
        raise ReportError(
            f"the index cannot be written to {page}: {error.strerror}. Name another with --out."
        ) from error
    return page


def index_page(found: Found, *, name: str, away: str = ".") -> str:
    """Return the page as one document that opens offline."""
    assets = files("trivet.report") / "assets"
    style, more, script, template = (
        assets.joinpath(each).read_text(encoding="utf-8")
        for each in ("page.css", "index.css", "index.js", "index.html")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    title = escape_html(f"Audits in {one_line(name)}")
    parts = {
        "GENERATOR": GENERATOR,
        "DIGEST": digest,
        "TITLE": title,
        "STYLE": style + more,
        "SCRIPT": script,
        "SUMMARY": _summary(found),
        "HISTORY": "\n".join(history_rows(found.audits)),
        "AUDITS": "\n".join(_row(audit, away) for audit in found.audits),
        "DAMAGED": "\n".join(_damaged(found)),
    }
    # One pass: what stands in a part is never taken for the name of another.
    first, *others = template.split("@@")
    return first + "".join(parts[each] if number % 2 == 0 else each for number, each in enumerate(others))


def _summary(found: Found) -> str:
    count = len(found.audits)
    text = f"{count} audit{'s'[: count != 1]}, the latest first."
    return f"{text} The history has a mark an audit, from the earliest to the latest."


def _row(audit: FoundAudit, away: str) -> str:
    cells = [f'<td><span class="title">{escape_html(audit.title)}</span></td>']
    cells.append(f'<td class="date">{escape_html(audit.started or "")}</td>')
    cells += [_verdicts(leg, [word for word in audit.words if word.leg == leg]) for leg in LEGS]
    shown = escape_html(one_line(audit.folder.as_posix(), limit=200))
    if audit.page is not None:
        shown = f'<a href="{_address(away, audit)}">{shown}</a>'
    else:
        shown = f'{shown} <span class="faint">(no page)</span>'
    return f"<tr>{''.join(cells)}<td>{shown}</td></tr>"


def _verdicts(leg: str, words: Sequence[Word]) -> str:
    worst = max((_RANKS[word.tone] for word in words), default=-1)
    shown = "<br>".join(
        f'<span class="{word.tone}"><span class="mark" aria-hidden="true">{ICONS[word.tone]}</span> '
        f'<span class="word">{escape_html(word.word)}</span></span>'
        for word in words
    )
    return f'<td data-label="{HEADINGS[leg]}" data-rank="{worst}"><span>{shown}</span></td>'


def _address(away: str, audit: FoundAudit) -> str:
    """Return the relative address of an audit's page; no name in it can be a scheme."""
    place = Path(away) / audit.folder / (audit.page or "")
    return escape_html(f"./{quote(os.fsencode(place))}")


def _damaged(found: Found) -> Iterator[str]:
    if not found.damaged:
        return
    yield f"<h2>What cannot be read ({len(found.damaged)})</h2>"
    yield "<ul>"
    for each in found.damaged:
        place = escape_html(one_line((each.folder / each.file).as_posix(), limit=200))
        yield f"<li><code>{place}</code>: {escape_html(one_line(each.why, limit=300))}</li>"
    yield "</ul>"


def _is_index(page: Path) -> bool:
    with page.open("rb") as stream:
        return GENERATOR.encode() in stream.read(HEAD_BYTES)
