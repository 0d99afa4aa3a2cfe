"""A finished audit as a tracker of experiments takes it: metrics, tags, a table of findings, and files."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trivet.audit import Audit
from trivet.audited import has_study, verdicts_of
from trivet.errors import DataError
from trivet.evidence.dossier import FINDINGS, About, Dossier, read_dossier, text_bytes
from trivet.findings import Finding, counts, findings_of
from trivet.findings.summary import summary_of
from trivet.place import find, parse, spread
from trivet.policy import SHORT_NAMES, measure
from trivet.ratios import is_infinite
from trivet.record import MANIFEST, METRICS, AuditRecord, as_json, load_record, to_text
from trivet.result import Result
from trivet.wording import first_line, one_line
from trivet.work.bounded import read_bounded

__all__ = ["COLUMNS", "TABLE", "Entries", "Logged", "entries_of"]

#: Before every name, which trackers show as a section of its own.
PREFIX: Final = "trivet"
#: Measurements of the headline that no requirement names in short, by a name of the same kind.
_MORE: Final[Mapping[str, str]] = {
    "privacy.noise_deviation": "privacy.plan.recommended.typical_deviation",
    "privacy.training_epsilon": "privacy.training.guarantees.*.epsilon",
    "privacy.training_noise_multiplier": "privacy.training.guarantees.*.noise_multiplier",
    "fairness.model_accuracy": "fairness.comparison.models.*.accuracy",
    "fairness.model_disparate_impact": "fairness.comparison.models.*.disparate_impact",
}
#: Lists of a record, and the field that names an item of one.
_NAMED: Final[Mapping[str, str]] = {
    "attributes": "name",
    "groups": "group",
    "attacks": "attack",
    "mechanisms": "name",
    "code": "name",
    "guarantees": "sampling",
    "models": "name",
}
#: What MLflow refuses in a name, or takes for a folder, with the spaces around it.
_ILLEGAL: Final = re.compile(r" *[^\w. -]+ *")
NAME_CHARACTERS: Final = 60
DIGEST_CHARACTERS: Final = 8
#: More than an audit of a few hundred groups has; some trackers draw a chart for each.
MOST_FIGURES: Final = 2_000
MOST_DIGESTS: Final = 50
VALUE_CHARACTERS: Final = 500
#: What is kept beside the numbers; no file of an audit holds rows of the data.
REPORTS: Final[Mapping[str, int]] = {
    "report.html": 64 * 2**20,
    "report.pdf": 64 * 2**20,
    "findings.md": 16 * 2**20,
}
#: Of the findings, as a table.
COLUMNS: Final = ("level", "leg", "title", "subject", "value", "low", "high", "required", "message", "action")
TABLE: Final = "findings_table.json"


@dataclass(frozen=True, eq=False)
class Entries:
    """One audit, as a tracker takes it.

    Attributes
    ----------
    title
        Of the audit, on one line.
    metrics
        The headline by name: ``trivet/fairness/disparate_impact/gender/Female``, and of what has an interval
        ``trivet/fairness/disparate_impact_low/gender/Female`` and ``..._high/...``. The first names are those
        by which a policy requires; what could not be measured is not there.
    left_out
        How many measurements are not among them, as there are too many.
    tags
        Gate, verdicts, digests of what was audited, version and seed, by name.
    rows
        The findings, with the columns of `COLUMNS`.
    files
        Report, record, manifest and findings by name, as they stand in the folder.
    """

    title: str
    metrics: Mapping[str, float]
    left_out: int
    tags: Mapping[str, str]
    rows: tuple[tuple[str | float | None, ...], ...]
    files: Mapping[str, bytes]


@dataclass(frozen=True, repr=False)
class Logged(Result, head=("run", "where", "metrics", "left_out", "files")):
    """An audit in a tracker.

    Attributes
    ----------
    run
        The run's name in the tracker, by which it is found again.
    where
        Address of the tracker or of the run.
    metrics
        How many numbers were logged, ends of intervals included.
    left_out
        How many measurements are in ``metrics.json`` alone, as there are too many.
    files
        Names of the files that were kept.
    """

    run: str
    where: str
    metrics: int
    left_out: int
    files: tuple[str, ...]


def entries_of(audit: str | Path | AuditRecord | Audit) -> Entries:
    """Return what a tracker is given of a finished audit.

    Parameters
    ----------
    audit
        Output folder of ``trivet run``; or a record, which has no report, no policy and no digests of data.

    Raises
    ------
    RecordError, DataError
        The folder has no record, or one of its files is damaged or a symbolic link.
    """
    dossier, reports = _read(audit)
    metrics, left_out = _metrics(dossier)
    return Entries(
        dossier.title,
        metrics,
        left_out,
        _tags(dossier),
        tuple(map(_row, dossier.findings)),
        {**reports, **dossier.files},
    )


def _read(audit: str | Path | AuditRecord | Audit) -> tuple[Dossier, dict[str, bytes]]:
    """Return a dossier, and the report's files by name."""
    if isinstance(audit, Audit):
        audit = audit.record
    if isinstance(audit, AuditRecord):
        return _bare(audit), {}
    folder = Path(audit)
    if any((folder / name).exists() for name in (MANIFEST, FINDINGS)):
        dossier = read_dossier(folder, About(), links=False)
    else:  # as trivet.run leaves one
        dossier = _bare(load_record(folder, links=False))
    return dossier, dict(_reports(folder))


def _bare(record: AuditRecord) -> Dossier:
    plain = as_json(record)
    return Dossier(plain, {}, findings_of(plain), {METRICS: text_bytes(to_text(record))}, About())


def _reports(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name, most in REPORTS.items():
        path = folder / name
        shown = one_line(path, limit=VALUE_CHARACTERS)
        if path.is_symlink():
            raise DataError(f"{shown} is a symbolic link; expected the file itself.")
        try:
            yield name, read_bounded(path, most)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DataError(f"{shown} cannot be read: {error.strerror or first_line(error)}.") from error


def _metrics(dossier: Dossier) -> tuple[dict[str, float], int]:
    """Return the numbers of the headline by name, and how many measurements are left out."""
    figures = {each.place: (each.value, each.low, each.high) for each in dossier.figures}
    found: dict[str, tuple[float | None, ...]] = {}
    for short, pattern in _headline(dossier.record):
        place, items = _located(dossier.record, pattern)
        plain = find(dossier.record, place) if short in _MORE else None
        figure = figures.get(place, (plain if isinstance(plain, int | float) else None,))
        if figure[0] is not None and not is_infinite(figure[0]):
            found[_unused("/".join((*short.split("."), *items)), found)] = figure
    kept = list(found.items())[:MOST_FIGURES]
    metrics: dict[str, float] = {}
    for name, figure in kept:
        leg, what, *items = name.split("/")
        for ending, value in zip(("", "_low", "_high"), figure, strict=False):
            if value is not None:
                metrics["/".join((PREFIX, leg, f"{what}{ending}", *items))] = float(value)
    return metrics, len(found) - len(kept)


def _headline(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the short name and the place of every measurement of the headline."""
    for short in SHORT_NAMES:
        for each in measure(record, short):
            if each.value is not None:
                yield short, each.place.removesuffix(".value")
    for short, pattern in _MORE.items():
        for place in spread(record, pattern):
            if find(record, place) is not None:
                yield short, place


def _located(record: Mapping[str, Any], place: str) -> tuple[str, list[str]]:
    """Return a place with every item by its index, and the names of the items that have one."""
    here: Any = record
    steps: list[str] = []
    items: list[str] = []
    inside = ""
    for step in parse(place):
        around, here = here, find(here, step.name)
        steps.append(step.name)
        if isinstance(around, list) and inside in _NAMED:
            items.append(legal(str(here[_NAMED[inside]])))
        if step.item is not None:
            chosen = find({step.name: here}, f"{step.name}[{step.item}]")
            steps.append(str(next(index for index, each in enumerate(here) if each is chosen)))
            here = chosen
        inside = step.name
    return ".".join(steps), items


def legal(name: str) -> str:
    """Write a name with what every tracker takes, and the beginning of its digest where that loses some."""
    written = _ILLEGAL.sub("_", name).strip("_. ")[:NAME_CHARACTERS]
    if written and written == name:
        return written
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_CHARACTERS]
    return f"{written}_{digest}".lstrip("_")


def _unused(name: str, used: Mapping[str, Any]) -> str:
    """Return a name that none before it has: two mechanisms can have the same."""
    free, number = name, 1
    while free in used:
        number += 1
        free = f"{name}-{number}"
    return free


def _tags(dossier: Dossier) -> dict[str, str]:
    record = dossier.record
    summary = summary_of(record, dossier.findings)
    tags = {f"{PREFIX}.gate": summary.word.lower(), f"{PREFIX}.against": _value(summary.against)}
    for level, number in counts(dossier.findings).items():
        tags[f"{PREFIX}.findings.{level}"] = str(number)
    for part in verdicts_of(record):
        named = f"/{legal(part.name)}" if part.name else ""
        tags[_unused(f"{PREFIX}.verdict/{part.leg}/{part.part}{named}", tags)] = _value(part.word)
    tags[f"{PREFIX}.title"] = dossier.title
    tags[f"{PREFIX}.subject"] = _value(dossier.subject)
    tags[f"{PREFIX}.study"] = "yes" if has_study(record) else "no"
    tags[f"{PREFIX}.version"] = dossier.version
    tags[f"{PREFIX}.seed"] = str(record["audit"]["seed"])
    if isinstance(started := dossier.manifest.get("started"), str):
        tags[f"{PREFIX}.started"] = _value(started)
    tags[f"{PREFIX}.sha256/{legal(METRICS)}"] = dossier.record_sha256
    for source in dossier.sources[:MOST_DIGESTS]:
        tags[_unused(f"{PREFIX}.sha256/{legal(source.name)}", tags)] = source.sha256
    if len(dossier.sources) > MOST_DIGESTS:
        tags[f"{PREFIX}.sha256.more"] = str(len(dossier.sources) - MOST_DIGESTS)
    return tags


def _value(text: str) -> str:
    return one_line(text, limit=VALUE_CHARACTERS)


def _row(finding: Finding) -> tuple[str | float | None, ...]:
    value = finding.value if finding.value is None else str(finding.value)
    named = {name: getattr(finding, name) for name in COLUMNS}
    return tuple({**named, "value": value}.values())
