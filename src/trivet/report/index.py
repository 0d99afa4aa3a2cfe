"""Index page of many audits: verdicts over time, and links to their reports."""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from trivet.audited import verdicts_of
from trivet.comparison import Headline, headline_of, read_audit, value_text
from trivet.errors import DataError, RecordError, ReportError, UsageError
from trivet.findings.formats import read_findings
from trivet.findings.summary import summary_of, utc_text
from trivet.record import METRICS
from trivet.report.text.values import escape_html
from trivet.report.verdicts import HEADINGS
from trivet.verdict import LEGS, TONES, Tone, sign, tone
from trivet.wording import describe_error, first_line, one_line
from trivet.work.bounded import FOLDER, read_bounded, require_path
from trivet.work.result_files import make_folder, write_text

__all__ = [
    "FoundAudit",
    "Point",
    "Word",
    "find_audits",
    "history_rows",
    "index_page",
    "small_line",
    "trend_sections",
    "write_index",
]

#: Of a small line of a measurement.
WIDTH: Final = 132
HEIGHT: Final = 30
#: Room around the line for its marks.
ROOM: Final = 5
#: Of a line whose values are all the same, and which so has no height of its own.
_FLAT: Final = 1.0


@dataclass(frozen=True)
class Point:
    """A measurement of one audit, its interval where there is one, and which audit it is of."""

    when: str
    value: float
    low: float | None = None
    high: float | None = None


def small_line(points: Sequence[Point]) -> str:
    """Draw measurements, the earliest first, as a small line of SVG with all values in words.

    The axis reaches from the least to the greatest value or end of an interval; nothing begins at zero.
    """
    ends = [end for point in points for end in (point.value, point.low, point.high) if end is not None]
    low, span = min(ends), max(ends) - min(ends)

    def across(number: int) -> float:
        return ROOM + (WIDTH - 2 * ROOM) * (number / (len(points) - 1) if len(points) > 1 else 1)

    def down(value: float) -> float:
        share = (value - low) / span if span else _FLAT / 2
        return HEIGHT - ROOM - (HEIGHT - 2 * ROOM) * share

    places = [(across(number), down(point.value)) for number, point in enumerate(points)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = "".join(
        f"<g><title>{escape_html(_point_told(point))}</title>"
        f'<circle class="{"last" if number == len(points) - 1 else "point"}" cx="{x:.1f}" cy="{y:.1f}" '
        f'r="{3 if number == len(points) - 1 else 2}"/></g>'
        for number, (point, (x, y)) in enumerate(zip(points, places, strict=True))
    )
    told = escape_html("; ".join(map(_point_told, points)))
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    bars = "".join(_bars(points, across, down))
    begin = f'<svg class="trend" role="img" aria-label="{told}" {size}>'
    return f'{begin}{bars}<polyline points="{line}"/>{marks}</svg>'


def _bars(
    points: Sequence[Point], across: Callable[[int], float], down: Callable[[float], float]
) -> Iterator[str]:
    for number, point in enumerate(points):
        if point.low is not None and point.high is not None:
            x = across(number)
            yield f'<path d="M{x:.1f} {down(point.low):.1f}V{down(point.high):.1f}"/>'


def _point_told(point: Point) -> str:
    return f"{point.when}: {value_text(point.value)}"


#: Beside a record: what was found in it.
FINDINGS: Final = "findings.json"
GATE: Final = "gate"
#: Folders below the first; deeper ones are not looked into.
DEPTH: Final = 8
MOST_FOLDERS: Final = 20_000
MOST_BYTES: Final = 16 * 2**20
REPORT: Final = "report.html"
#: A repair has the data of its scan, and this page in the place of the scan's.
REPAIR: Final = "repair.html"


@dataclass(frozen=True)
class Word:
    """One verdict: on which leg, how it is to be taken (good, unsure, bad, note), and what it says."""

    leg: str
    tone: Tone
    word: str


@dataclass(frozen=True)
class FoundAudit:
    """One finished audit; `gate` says whether its policy lets it pass, None where no findings say so."""

    folder: Path
    title: str
    started: str | None
    words: tuple[Word, ...]
    page: str | None
    gate: Word | None = None
    headline: tuple[Headline, ...] = ()


@dataclass(frozen=True)
class Damaged:
    """A result that cannot be read, and why."""

    folder: Path
    file: str
    why: str


#: What marks the evidence of an audit, which in the audit's own folder does not count again.
_EVIDENCE: Final = "evidence.json"


@dataclass(frozen=True)
class Found:
    """All audits of a folder, the latest first, and what cannot be read."""

    audits: tuple[FoundAudit, ...]
    damaged: tuple[Damaged, ...]


def find_audits(folder: str | Path) -> Found:
    """Look for the results of ``trivet run`` and of the commands for one leg, in a folder and below it."""
    advice = "name one that has results of trivet in it"
    folder = require_path(Path(folder), "folder", wanted=FOLDER, error=DataError, advice=advice)
    audits: list[FoundAudit] = []
    damaged: list[Damaged] = []
    runs: set[Path] = set()
    for place, names in _folders(folder):
        if METRICS in names:
            runs.add(place)
        for name, read in _READERS.items():
            if name in names and not (_EVIDENCE in names and place.parent in runs):
                try:
                    audits.append(read(folder / place, place, names))
                except Exception as error:  # noqa: BLE001 - an untrusted file costs its own row alone
                    said = str(error) if isinstance(error, RecordError | DataError) else describe_error(error)
                    damaged.append(Damaged(place, name, said.replace(f"{folder / place}{os.sep}", "")))
    audits.sort(key=lambda audit: (audit.started is not None, audit.started or "", str(audit.folder)))
    return Found(tuple(reversed(audits)), tuple(damaged))


def _folders(top: Path) -> Iterator[tuple[Path, frozenset[str]]]:
    """Yield each folder below `top`, relative to it, with the names of its files, in order."""
    waiting = [Path()]
    for _ in range(MOST_FOLDERS):
        if not waiting:
            return
        place = waiting.pop()
        try:
            with os.scandir(top / place) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if place == Path():
                raise DataError(f"the folder {top} cannot be listed: {error.strerror}.") from error
            continue
        yield place, frozenset(entry.name for entry in listed if entry.is_file(follow_symlinks=False))
        if len(place.parts) < DEPTH:
            inner = [place / entry.name for entry in listed if entry.is_dir(follow_symlinks=False)]
            waiting += reversed(inner)


def _read_run(folder: Path, place: Path, files: frozenset[str]) -> FoundAudit:
    audit = read_audit(folder, links=False)
    words = [Word(each.leg, each.tone, one_line(each.word)) for each in verdicts_of(audit.record)]
    return FoundAudit(
        place,
        one_line(audit.record["audit"]["title"], limit=200),
        utc_text(audit.noted("started")),
        tuple(words),
        REPORT if REPORT in files else None,
        _gate(folder / FINDINGS, audit.record) if FINDINGS in files else None,
        headline_of(audit.record),
    )


def _gate(path: Path, record: Mapping[str, Any]) -> Word:
    """Read of an audit's findings what its policy says of it, in the words of its card."""
    try:
        found = read_findings(read_bounded(path, MOST_BYTES).decode("utf-8")).findings
    except (OSError, ValueError, RecursionError):
        return Word(GATE, "unsure", "UNREADABLE")
    summary = summary_of(record, found)
    return Word(GATE, summary.tone, summary.word)


def _reader(
    file: str, leg: str, title: str, name: Sequence[str], verdict: Sequence[str]
) -> Callable[[Path, Path, frozenset[str]], FoundAudit]:
    """Return what reads the result file of one command: its title and its verdict."""

    def read(folder: Path, place: Path, files: frozenset[str]) -> FoundAudit:
        path = folder / file
        try:
            content = json.loads(read_bounded(path, MOST_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            why = getattr(error, "strerror", None) or first_line(error)
            raise DataError(f"{file} cannot be read as JSON: {why}.") from error
        word = _at(content, verdict)
        pages = (f"{path.stem}.html", *([REPAIR] if path.stem == "scan" else []))
        page = next((page for page in pages if page in files), None)
        subject = one_line(_at(content, name), limit=200)
        return FoundAudit(
            place,
            f"{title} {subject}",
            None,
            (Word(leg, tone(word), one_line(word)),),
            page,
        )

    return read


def _at(content: Any, names: Sequence[str]) -> str:
    here = content
    for name in names:
        if not isinstance(here, Mapping) or name not in here:
            raise DataError(f"there is no {'.'.join(names)}; expected the result of a trivet command.")
        here = here[name]
    if not isinstance(here, str):
        raise DataError(f"{'.'.join(names)} is not text; expected the result of a trivet command.")
    return here


def _read_fairness(folder: Path, place: Path, files: frozenset[str]) -> FoundAudit:
    """Read an audit of predictions, or the baseline of a comparison of mitigations."""
    try:
        return _reader(_FAIRNESS, "fairness", "Fairness of", ("data",), ("verdict",))(folder, place, files)
    except DataError:
        names = ("baseline", "data"), ("baseline", "verdict")
        return _reader(_FAIRNESS, "fairness", "Mitigations on", *names)(folder, place, files)


_FAIRNESS: Final = "fairness.json"
_READERS: Final[Mapping[str, Callable[[Path, Path, frozenset[str]], FoundAudit]]] = {
    METRICS: _read_run,
    "scan.json": _reader("scan.json", "security", "Scan of", ("checkpoint", "name"), ("verdict",)),
    _FAIRNESS: _read_fairness,
    "mechanism.json": _reader("mechanism.json", "privacy", "Mechanism", ("name",), ("verdict",)),
    "code.json": _reader("code.json", "privacy", "Code", ("name",), ("verdict",)),
    "membership.json": _reader("membership.json", "privacy", "Membership in", ("model",), ("verdict",)),
}


#: Of what an index tells: the gate, then the legs.
_COLUMNS: Final = {GATE: "Gate", **{leg: HEADINGS[leg] for leg in LEGS}}
#: Measurements of one title that have a line, and characters of a measurement's name.
MOST_TRENDS: Final = 60
NAME: Final = 120
#: Characters of a date without its time.
DATE: Final = 10
#: Marks of a line, the latest; earlier ones are in the table.
MOST_MARKS: Final = 24
STEP: Final = 16
SIDE: Final = 11
#: A circle, a hollow square and a diamond, around the origin: no meaning rests on colour alone.
_SHAPES: Final = {
    "good": '<circle r="5"/>',
    "unsure": '<rect x="-4" y="-4" width="8" height="8"/>',
    "bad": '<path d="M0-6.5 6.5 0 0 6.5-6.5 0z"/>',
}


def _systems(audits: Sequence[FoundAudit]) -> Iterator[tuple[str, list[FoundAudit]]]:
    """Yield the audits of each title, the earliest first, by title."""
    by_title = sorted(audits, key=lambda audit: audit.title)  # stable: the latest first within a title
    for title, group in groupby(by_title, key=lambda audit: audit.title):
        yield title, list(reversed(list(group)))


def history_rows(audits: Sequence[FoundAudit]) -> Iterator[str]:
    """Yield a row of HTML for each title, by name."""
    for title, line in _systems(audits):
        marks = "".join(f'<td data-label="{name}">{_line(line, leg)}</td>' for leg, name in _COLUMNS.items())
        count = f'<td class="right" data-label="Audits">{len(line)}</td>'
        yield f'<tr><th scope="row">{escape_html(title)}</th>{count}{marks}</tr>'


def trend_sections(audits: Sequence[FoundAudit]) -> Iterator[str]:
    """Yield a part of HTML for each title whose measurements are of several audits."""
    for title, line in _systems(audits):
        rows = "\n".join(_trend_rows(line))
        if rows:
            name = escape_html(title)
            yield (
                f"<h3>{name}</h3>\n"
                f'<div class="scroll" tabindex="0" role="region" aria-label="Trends of {name}">\n'
                f'<table class="trends">\n{_TREND_HEAD}\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>'
            )


_TREND_HEAD: Final = (
    '<thead><tr><th scope="col">Measurement</th><th scope="col">Over time</th>'
    '<th scope="col" class="right">First</th><th scope="col" class="right">Latest</th></tr></thead>'
)


def _trend_rows(audits: Sequence[FoundAudit]) -> Iterator[str]:
    points: dict[str, list[Point]] = {}
    titles: dict[str, str] = {}
    for audit in audits[-MOST_MARKS:]:
        for each in audit.headline:
            titles[each.place] = each.title
            points.setdefault(each.place, []).append(Point(_when(audit), each.value, each.low, each.high))
    for place, line in list(points.items())[:MOST_TRENDS]:
        if len(line) > 1:
            first, latest = (
                f'<td class="right" data-label="{name}"><span>{value_text(point.value)} '
                f'<span class="faint date">{escape_html(point.when[:DATE])}</span></span></td>'
                for name, point in (("First", line[0]), ("Latest", line[-1]))
            )
            name = escape_html(one_line(titles[place], limit=NAME))
            drawn = f'<td data-label="Over time">{small_line(line)}</td>'
            yield f'<tr><th scope="row">{name}</th>{drawn}{first}{latest}</tr>'


def _line(audits: Sequence[FoundAudit], leg: str) -> str:
    judged = [(audit, word) for audit in audits if (word := _worst(audit, leg)) is not None]
    if not judged:
        some = leg == GATE or any(word.leg == leg for audit in audits for word in audit.words)
        why = "no verdict" if some else "not audited"
        return f'<span class="faint">{why}</span>'
    shown = judged[-MOST_MARKS:]
    width = STEP * len(shown)
    told = escape_html("; ".join(_told(audit, word) for audit, word in shown))
    marks = "".join(
        f'<g class="{word.tone}" transform="translate({STEP * number + STEP // 2} {SIDE})">'
        f"<title>{escape_html(_told(audit, word))}</title>{_SHAPES[word.tone]}</g>"
        for number, (audit, word) in enumerate(shown)
    )
    size = f'width="{width}" height="{2 * SIDE}" viewBox="0 0 {width} {2 * SIDE}"'
    more = len(judged) - len(shown)
    before = f'<span class="faint">{more} earlier </span>' if more else ""
    return f'{before}<svg class="marks" role="img" aria-label="{told}" {size}>{marks}</svg>'


def _worst(audit: FoundAudit, leg: str) -> Word | None:
    of_all = (*audit.words, *([audit.gate] if audit.gate is not None else []))
    words = [word for word in of_all if word.leg == leg and word.tone in TONES]
    return max(words, key=lambda word: TONES.index(word.tone), default=None)


def _told(audit: FoundAudit, word: Word) -> str:
    return f"{_when(audit)}: {word.word}"


def _when(audit: FoundAudit) -> str:
    return audit.started or one_line(audit.folder.as_posix(), limit=NAME)


#: By which an index is known again, so that no other page is ever written over.
GENERATOR: Final = '<meta name="generator" content="trivet view">'
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
        "TRENDS": _trends(found.audits),
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


def _trends(audits: Sequence[FoundAudit]) -> str:
    sections = "\n".join(trend_sections(audits))
    return f'<h2 id="trends">Measurements over time</h2>\n{sections}' if sections else ""


def _row(audit: FoundAudit, away: str) -> str:
    cells = [f'<td><span class="title">{escape_html(audit.title)}</span></td>']
    cells.append(f'<td class="date" data-label="Begun">{escape_html(audit.started or "")}</td>')
    cells.append(_verdicts(GATE, [audit.gate] if audit.gate is not None else []))
    cells += [_verdicts(leg, [word for word in audit.words if word.leg == leg]) for leg in LEGS]
    shown = escape_html(one_line(audit.folder.as_posix(), limit=200))
    if audit.page is not None:
        shown = f'<a href="{_address(away, audit)}">{shown}</a>'
    else:
        shown = f'{shown} <span class="faint">(no page)</span>'
    return f"<tr>{''.join(cells)}<td>{shown}</td></tr>"


def _verdicts(leg: str, words: Sequence[Word]) -> str:
    # How the column is sorted: -1 where there is no verdict.
    worst = max((TONES.index("good" if word.tone == "note" else word.tone) for word in words), default=-1)
    shown = "<br>".join(
        f'<span class="{word.tone}"><span class="mark" aria-hidden="true">{sign(word.tone, "page")}</span> '
        f'<span class="word">{escape_html(word.word)}</span></span>'
        for word in words
    )
    return f'<td data-label="{_COLUMNS[leg]}" data-rank="{worst}"><span>{shown}</span></td>'


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
