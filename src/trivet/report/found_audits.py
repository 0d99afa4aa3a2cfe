"""Finished audits in a folder and its subfolders."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from trivet.audited import LEGS, verdict_tone, verdicts_of
from trivet.comparison import read_audit
from trivet.errors import DataError, RecordError
from trivet.record import METRICS
from trivet.wording import one_line, reason, told
from trivet.work.bounded_files import read_bounded

__all__ = ["LEGS", "Damaged", "Found", "FoundAudit", "Word", "find_audits"]

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
    tone: str
    word: str


@dataclass(frozen=True)
class FoundAudit:
    """One finished audit."""

    folder: Path
    title: str
    started: str | None
    words: tuple[Word, ...]
    page: str | None


@dataclass(frozen=True)
class Damaged:
    """A result that cannot be read, and why."""

    folder: Path
    file: str
    why: str


@dataclass(frozen=True)
class Found:
    """All audits of a folder, the latest first, and what cannot be read."""

    audits: tuple[FoundAudit, ...]
    damaged: tuple[Damaged, ...]


def find_audits(folder: str | Path) -> Found:
    """Look for the results of ``trivet run`` and of the commands for one leg, in a folder and below it.

    Symbolic links are not followed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; name one that has results of trivet in it.")
    audits: list[FoundAudit] = []
    damaged: list[Damaged] = []
    for place, files in _folders(folder):
        for name, read in _READERS.items():
            if name in files:
                try:
                    audits.append(read(folder / place, place, files))
                except Exception as error:  # noqa: BLE001 - an untrusted file costs its own row alone
                    said = str(error) if isinstance(error, RecordError | DataError) else told(error)
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
        _utc(audit.noted("started")),
        tuple(words),
        REPORT if REPORT in files else None,
    )


def _reader(
    file: str, leg: str, title: str, name: Sequence[str], verdict: Sequence[str]
) -> Callable[[Path, Path, frozenset[str]], FoundAudit]:
    """Return what reads the result file of one command: its title and its verdict."""

    def read(folder: Path, place: Path, files: frozenset[str]) -> FoundAudit:
        path = folder / file
        try:
            content = json.loads(read_bounded(path, MOST_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            why = getattr(error, "strerror", None) or reason(error)
            raise DataError(f"{file} cannot be read as JSON: {why}.") from error
        word = _at(content, verdict)
        pages = (f"{path.stem}.html", *([REPAIR] if path.stem == "scan" else []))
        page = next((page for page in pages if page in files), None)
        subject = one_line(_at(content, name), limit=200)
        return FoundAudit(
            place,
            f"{title} {subject}",
            None,
            (Word(leg, verdict_tone(word), one_line(word)),),
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
    "membership.json": _reader("membership.json", "privacy", "Membership in", ("model",), ("verdict",)),
}


def _utc(started: str | None) -> str | None:
    """Return a manifest's time in UTC, None where it is none."""
    try:
        moment = datetime.fromisoformat(started or "")
    except ValueError:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment.tzinfo else None
