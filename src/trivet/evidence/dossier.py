"""A finished audit as evidence reads it: record, manifest and findings, with the bytes that were read."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from trivet.audited import Network, network_of
from trivet.errors import DataError, RecordError, UsageError
from trivet.evidence.figures import Figure, figures_of
from trivet.findings import Finding
from trivet.findings.formats import read_findings
from trivet.record import (
    DECISIONS,
    MANIFEST,
    METRICS,
    TRIGGERS,
    WEIGHTS,
    as_json,
    load_record,
    refuse_unfinished,
)
from trivet.wording import first_line, one_line
from trivet.work.bounded import read_bounded

__all__ = [
    "FINDINGS",
    "RECORD_FILES",
    "About",
    "Dossier",
    "Source",
    "json_bytes",
    "read_dossier",
    "sha256_of",
    "text_bytes",
]

FINDINGS: Final = "findings.json"
#: Files of an audit that evidence rests on, with what each may take.
RECORD_FILES: Final[Mapping[str, int]] = {METRICS: 64 * 2**20, MANIFEST: 2**20, FINDINGS: 16 * 2**20}
#: Of a text that the user gives about the model.
MOST_CHARACTERS: Final = 500
DIGEST_CHARACTERS: Final = 64
MOST_FILES: Final = 10_000
#: No audit takes a year.
MOST_SECONDS: Final = 366 * 86_400


@dataclass(frozen=True)
class About:
    """Facts about the model that an audit does not measure.

    Attributes
    ----------
    supplier
        Who supplies the model.
    model_version
        Its version; None for the digest of its weights.
    released
        The day of its release, such as ``2026-11-30``.
    download
        Where it can be had, a URI; None for one by digest.
    """

    supplier: str | None = None
    model_version: str | None = None
    released: str | None = None
    download: str | None = None

    def __post_init__(self) -> None:
        """Refuse what the formats cannot hold."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and (not value.strip() or one_line(value, limit=MOST_CHARACTERS) != value):
                raise UsageError(
                    f"--{field.name.replace('_', '-')} is {one_line(value)!r}; expected a text on one line, "
                    f"of at most {MOST_CHARACTERS} characters."
                )
        if self.released is not None:
            try:
                day = date.fromisoformat(self.released)
            except ValueError:
                day = None
            if day is None or day.isoformat() != self.released:
                raise UsageError(
                    f"--released is {one_line(self.released)}; expected a day such as 2026-11-30."
                )
        scheme, colon, rest = (self.download or "x:x").partition(":")
        if not (colon and rest and scheme.isascii() and scheme.isalnum()) or " " in rest:
            raise UsageError(f"--download is {one_line(self.download)}; expected a URI such as https://...")


@dataclass(frozen=True)
class Source:
    """One file that was audited or that configured the audit, by name and SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True, eq=False)
class Dossier:
    """Everything that evidence says, and nothing else.

    Attributes
    ----------
    record
        The record as plain JSON values.
    manifest
        What ``manifest.json`` holds.
    findings
        Of ``findings.json``.
    files
        The bytes of the three, by name.
    about
        What the user says about the model.
    """

    record: Mapping[str, Any]
    manifest: Mapping[str, Any]
    findings: tuple[Finding, ...]
    files: Mapping[str, bytes]
    about: About

    @cached_property
    def title(self) -> str:
        """Title of the audit."""
        return one_line(self.record["audit"]["title"], limit=MOST_CHARACTERS)

    @cached_property
    def started(self) -> datetime:
        """When the audit began, in UTC."""
        return _started(self.manifest)

    @property
    def days(self) -> tuple[date, ...]:
        """The days, in UTC, on which the findings can have been made."""
        seconds = self.manifest.get("seconds")
        taken = seconds.get("all") if isinstance(seconds, Mapping) else 0
        known = taken if isinstance(taken, int | float) and 0 <= taken <= MOST_SECONDS else 0
        ended = self.started + timedelta(seconds=known)
        return tuple(dict.fromkeys((self.started.date(), ended.date())))

    @property
    def timestamp(self) -> str:
        """When the audit began, as ``2026-11-30T06:34:06Z``."""
        return self.started.strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def version(self) -> str:
        """The trivet that ran the audit."""
        return _text(self.manifest.get("trivet")) or "unknown"

    @cached_property
    def invocation(self) -> Mapping[str, Any]:
        """Command, configuration and options; empty in manifests of earlier versions."""
        found = self.manifest.get("invocation")
        return found if isinstance(found, Mapping) else {}

    @property
    def command(self) -> str:
        """The command that ran the audit; empty where the manifest does not have it."""
        return _text(self.invocation.get("command"))

    @cached_property
    def configuration(self) -> Source | None:
        """The audit.toml; None without one."""
        found = self.invocation.get("config")
        if not isinstance(found, Mapping):
            return None
        name, digest = found.get("name"), str(found.get("sha256"))
        return Source(_text(name), digest) if _is_digest(digest) and isinstance(name, str) else None

    @cached_property
    def places(self) -> Mapping[str, str]:
        """SHA-256 of every file that the audit read, by its place."""
        return _digests(self.manifest.get("files"))

    @cached_property
    def arrays(self) -> Mapping[str, str]:
        """SHA-256 of each file of arrays beside the record, by its name."""
        found = _digests(self.manifest.get("arrays"))
        kept = {} if (digest := self.record["decisions"]) is None else {DECISIONS: digest}
        return {name: found[name] for name in (TRIGGERS, WEIGHTS, DECISIONS) if name in found} | kept

    @cached_property
    def network(self) -> Network | None:
        """The network that was audited."""
        return network_of(self.record)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Weights, data and finished audits that were audited, each digest once."""
        found: dict[str, Source] = {}
        if self.network is not None:
            checkpoint = self.network.checkpoint
            found[checkpoint["sha256"]] = Source(
                one_line(checkpoint["name"], limit=MOST_CHARACTERS), checkpoint["sha256"]
            )
        named = [*self.places.items()]
        named += [(Path(name).name, digest) for name, digest in _digests(self.manifest.get("inputs")).items()]
        for name, digest in named:
            found.setdefault(digest, Source(one_line(name, limit=MOST_CHARACTERS), digest))
        return tuple(each for each in found.values() if _is_digest(each.sha256))

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Headlines and groups, with their intervals."""
        return figures_of(self.record)

    @property
    def record_sha256(self) -> str:
        """Digest of ``metrics.json``."""
        return sha256_of(self.files[METRICS])

    @cached_property
    def subject(self) -> str:
        """Name of what was audited."""
        if self.network is not None:
            return one_line(self.network.checkpoint["name"], limit=MOST_CHARACTERS)
        privacy, fairness = self.record["privacy"] or {}, self.record["fairness"] or {}
        if fairness.get("audit") is not None:
            audit = fairness["audit"]
            return one_line(f"{audit['prediction']} on {audit['data']}", limit=MOST_CHARACTERS)
        if privacy.get("membership") is not None:
            return one_line(privacy["membership"]["model"], limit=MOST_CHARACTERS)
        return self.title

    def at(self, level: str) -> tuple[Finding, ...]:
        """Return the findings at a level."""
        return tuple(each for each in self.findings if each.level == level)

    @property
    def result(self) -> str:
        """``FAILED`` with a breach, ``WARNED`` with a warning, else ``PASSED``."""
        return "FAILED" if self.at("breach") else "WARNED" if self.at("warning") else "PASSED"

    def about_json(self) -> dict[str, str]:
        """Return what the user says about the model, as plain values."""
        return {name: value for name, value in asdict(self.about).items() if value is not None}


def read_dossier(folder: Path, about: About, *, links: bool = True) -> Dossier:
    """Read a finished audit.

    Raises
    ------
    RecordError
        There is no record, or it is damaged.
    DataError
        There are no manifest and findings beside it, or they are damaged.
    """
    refuse_unfinished(folder)
    files = {name: _read(folder / name, most, links=links) for name, most in RECORD_FILES.items()}
    record = as_json(load_record(folder, links=links))
    try:
        manifest = json.loads(files[MANIFEST])
    except (ValueError, RecursionError) as error:
        raise DataError(f"{folder / MANIFEST} cannot be read as JSON: {first_line(error)}.") from error
    if not isinstance(manifest, dict):
        raise DataError(f"{folder / MANIFEST} is not a manifest; expected that of `trivet run`.")
    _started(manifest)
    try:
        findings = read_findings(files[FINDINGS].decode("utf-8")).findings
    except (ValueError, RecursionError) as error:
        raise DataError(f"{folder / FINDINGS} is not a list of findings: {first_line(error)}.") from error
    return Dossier(record, manifest, findings, files, about)


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Return the content of a JSON file of evidence: one spelling for one document."""
    return text_bytes(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def text_bytes(text: str) -> bytes:
    """Return a text as UTF-8; half a character as its escape."""
    return text.encode("utf-8", "backslashreplace")


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _read(path: Path, most: int, *, links: bool) -> bytes:
    shown = one_line(path, limit=MOST_CHARACTERS)
    if not links and path.is_symlink():
        raise DataError(f"{shown} is a symbolic link; expected the file itself.")
    try:
        return read_bounded(path, most)
    except FileNotFoundError as error:
        kind = RecordError if path.name == METRICS else DataError
        raise kind(
            f"there is no {path.name} in {one_line(path.parent, limit=MOST_CHARACTERS)}; expected the output "
            "folder of `trivet run`."
        ) from error
    except OSError as error:
        raise DataError(f"{shown} cannot be read: {error.strerror or first_line(error)}.") from error


def _started(manifest: Mapping[str, Any]) -> datetime:
    text = manifest.get("started")
    try:
        return datetime.fromisoformat(text if isinstance(text, str) else "").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{MANIFEST} does not say when the audit began; expected that of `trivet run`."
        ) from error


def _digests(found: Any) -> Mapping[str, str]:
    if not isinstance(found, Mapping):
        return {}
    return {name: value for name, value in list(found.items())[:MOST_FILES] if _is_digest(value)}


def _is_digest(value: Any) -> bool:
    return (
        isinstance(value, str)
        and len(value) == DIGEST_CHARACTERS
        and all(each in "0123456789abcdef" for each in value)
    )


def _text(value: Any) -> str:
    return one_line(value, limit=MOST_CHARACTERS) if isinstance(value, str) else ""
