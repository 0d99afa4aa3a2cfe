"""All results of one audit: ``metrics.json``, its schema, and the triggers beside it."""

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import distributions, version
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from trivet.audited import complaint_about, verdicts_of
from trivet.effects.results import EffectMatrix
from trivet.errors import DataError, RecordError, import_extra
from trivet.estimate import Estimate
from trivet.fairness.auditing.results import FairnessAudit, FairnessComparison, SameRows
from trivet.privacy.code.results import CodeAudit
from trivet.privacy.mechanism.results import MechanismAudit
from trivet.privacy.membership.results import MembershipAudit
from trivet.privacy.planning.results import Plan
from trivet.privacy.planning.training import TrainingPlan
from trivet.result import Result
from trivet.security.scanning.results import SecurityAudit
from trivet.study.fairness_results import PublishedFairness
from trivet.study.privacy import PublishedPrivacy
from trivet.wording import first_line, one_line
from trivet.work.bounded import read_bounded
from trivet.work.result_files import remove_result, write_text, write_whole

__all__ = [
    "MANIFEST",
    "METRICS",
    "SCHEMA_VERSION",
    "STRIP_PIXELS",
    "AuditInfo",
    "AuditRecord",
    "PrivacyLeg",
    "Triggers",
    "arrays_bytes",
    "as_json",
    "json_schema",
    "load_record",
    "load_triggers",
    "make_manifest",
    "read_decisions",
    "read_fairness_audits",
    "read_privacy_audits",
    "save_arrays",
    "save_manifest",
    "save_record",
    "to_text",
]

if TYPE_CHECKING:
    from pydantic import TypeAdapter

#: Raised when a place of ``metrics.json`` moves or changes its meaning.
SCHEMA_VERSION = 3
#: A record of ten thousand groups takes less; so do the triggers of a thousand labels.
MOST_BYTES: Final = 64 * 2**20
#: Of a name in a table of verdicts.
NAME_CHARACTERS: Final = 40
MOST_TRIGGER_BYTES: Final = 2**30
#: No measurement and no count is larger.
LARGEST: Final = 1e300
LARGEST_COUNT: Final = 2**62
METRICS = "metrics.json"
TRIGGERS = "triggers.safetensors"
#: Decisions on the rows of a table, which a later audit of the same rows is paired by.
DECISIONS = "decisions.safetensors"
#: A bit for each of a hundred million rows, and more.
MOST_DECISION_BYTES: Final = 2**24
#: Drawn from the record.
REPORT_FILES: Final = ("report.html", "report.pdf", "report.tex", "macros.tex")
#: Weights of a repaired network.
WEIGHTS = "repaired.safetensors"

#: Trigger arrays by name, float32 in [0, 1]: ``scan.mask``, shape (labels, 1, height, width), and
#: ``scan.pattern``, shape (labels, channels, height, width); with the built-in study ``published.mask`` and
#: ``published.pattern`` likewise. Where a label is suspected, ``strip.pixels`` has the images of the strip
#: without the trigger, (n, channels, height, width).
Triggers = Mapping[str, NDArray[np.float32]]
STRIP_PIXELS = "strip.pixels"
TRIGGER_NAMES = ("scan.mask", "scan.pattern")


@dataclass(frozen=True)
class AuditInfo:
    """Title and seed of an audit."""

    title: str
    seed: int


@dataclass(frozen=True)
class PrivacyLeg:
    """Results of the privacy leg.

    Attributes
    ----------
    plan
        The noise of the queries, with its curves; None where none were named.
    mechanisms, membership, code
        Finished audits of mechanisms, of a model and of code; empty and None without.
    published
        The published exercises of the built-in study; None without it.
    training
        The noise of private training, with its curves; None where none was described.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    plan: Plan | None = None
    mechanisms: tuple[MechanismAudit, ...] = ()
    membership: MembershipAudit | None = None
    published: PublishedPrivacy | None = None
    training: TrainingPlan | None = None
    code: tuple[CodeAudit, ...] = ()


@dataclass(frozen=True)
class FairnessLeg:
    """Fairness of an audit.

    Attributes
    ----------
    audit
        Of the predictions; where there are none and mitigations are compared, of the model without any.
    comparison
        Of mitigations; None where there is none.
    published
        The published models of the built-in study; None without it.
    paired
        How a baseline decided on the same rows; None without a baseline, or where its rows are others.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    audit: FairnessAudit | None = None
    comparison: FairnessComparison | None = None
    published: PublishedFairness | None = None
    paired: SameRows | None = None


@dataclass(frozen=True, repr=False)
class AuditRecord(Result, head=("audit.title", "audit.seed", "schema_version")):
    """Everything that an audit measured; a leg that was not audited is None.

    `effects` is what remedies of one leg do to the others, where that was measured. `decisions` is the
    SHA-256 of ``decisions.safetensors``; None where no decisions were kept.
    """

    schema_version: int
    audit: AuditInfo
    security: SecurityAudit | None
    privacy: PrivacyLeg | None
    fairness: FairnessLeg | None
    effects: EffectMatrix | None = None
    decisions: str | None = None

    def _cells(self, most: int) -> tuple[tuple[str, ...], list[list[str]], int]:
        """Return the verdicts, one a row."""
        found = verdicts_of(as_json(self))
        rows = [
            [each.leg, each.part, one_line(each.name, limit=NAME_CHARACTERS) or "-", one_line(each.word)]
            for each in found[:most]
        ]
        return ("leg", "part", "name", "verdict"), rows, len(found) - len(rows)

    def to_frame(self) -> Any:
        """Return every number as a row of a pandas.DataFrame: ``place``, ``value``, and of an estimate more.

        An estimate is one row, with the columns ``low``, ``high``, ``level``, ``method`` and ``reason``. A
        place is that of `trivet.place`, as requirements of a policy name it.

        Raises
        ------
        UsageError
            If pandas is not installed.
        """
        pandas = import_extra("pandas", "to_frame")
        columns = ("place", *_ESTIMATE)
        return pandas.DataFrame(list(_numbers(as_json(self), "")), columns=columns)


_ESTIMATE: Final = tuple(each.name for each in fields(Estimate))


def _numbers(value: Any, place: str) -> Iterator[dict[str, Any]]:
    """Yield every number below a place of a record, an estimate as a whole."""
    if isinstance(value, dict):
        if value.keys() >= set(_ESTIMATE):
            yield {"place": place, **{name: value[name] for name in _ESTIMATE}}
            value = {name: each for name, each in value.items() if name not in _ESTIMATE}
        for name, each in value.items():
            yield from _numbers(each, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _numbers(each, f"{place}.{index}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield {"place": place, "value": value}


@cache
def _adapter() -> "TypeAdapter[AuditRecord]":
    from pydantic import TypeAdapter  # noqa: PLC0415 - the types alone should cost nothing

    return TypeAdapter(AuditRecord)


def as_json(record: AuditRecord) -> dict[str, Any]:
    """Return the record as plain JSON values."""
    return _adapter().dump_python(record, mode="json")


def to_text(record: AuditRecord) -> str:
    """Return the content of ``metrics.json``: the same text for the same record, always."""
    try:
        return json.dumps(as_json(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError as error:
        raise RecordError(
            "the record holds a number that is not finite, which JSON cannot hold; this is a mistake in "
            "trivet, please report it with your audit.toml"
        ) from error


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``metrics.json`` (draft 2020-12)."""
    schema = _adapter().json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "The record of a trivet audit",
    }


def save_record(record: AuditRecord, triggers: Triggers, folder: str | Path) -> tuple[Path, ...]:
    """Write ``metrics.json`` and, where there are triggers, ``triggers.safetensors``, each whole."""
    folder = Path(folder)
    metrics = folder / METRICS
    write_text(metrics, to_text(record))
    return metrics, *save_arrays(triggers, folder / TRIGGERS)


def save_arrays(arrays: Mapping[str, NDArray[Any]], path: Path) -> tuple[Path, ...]:
    """Write arrays beside the record, or take away those of an earlier audit."""
    if not arrays:
        remove_result(path)
        return ()
    write_whole(path, arrays_bytes(arrays))
    return (path,)


def arrays_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the content of a file of arrays: the same bytes for the same arrays, always."""
    import safetensors.numpy  # noqa: PLC0415 - only some audits have any

    return safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def read_decisions(folder: str | Path, digest: str | None, *, links: bool = True) -> bytes | None:
    """Return the decisions beside a record that has their digest; None where there are none.

    Raises
    ------
    RecordError
        They are not those that the audit wrote.
    """
    path = Path(folder) / DECISIONS
    if digest is None or not path.exists() or (not links and path.is_symlink()):
        return None
    try:
        content = read_bounded(path, MOST_DECISION_BYTES)
        found = hashlib.sha256(content).hexdigest()
        why = "" if found == digest else f"its SHA-256 is {found}, and the record has {one_line(digest)}"
    except OSError as error:
        content, why = None, error.strerror or first_line(error)
    if why:
        raise RecordError(
            f"{one_line(path, limit=500)} is not what the audit wrote: {why}. Put the audit's own file back, "
            "or remove it: later audits are then not paired with this one row by row."
        )
    return content


#: Folder of the finished parts of a run, which goes when the run ends.
RUNNING: Final = ".parts"


def refuse_unfinished(folder: str | Path) -> None:
    """Refuse a record beside which another run was begun: it would be judged in the place of that run's.

    Raises
    ------
    RecordError
        A run that writes to the folder goes on, or did not end.
    """
    folder = Path(folder)
    if (folder / RUNNING).is_dir() and (folder / METRICS).exists():
        raise RecordError(
            f"a run that writes to {one_line(folder, limit=500)} goes on or did not end, so {METRICS} there "
            "can be of an earlier one. Run the audit again; to judge this record all the same, remove "
            f"{one_line(folder / RUNNING, limit=500)}."
        )


def load_record(folder: str | Path, *, links: bool = True) -> AuditRecord:
    """Read ``metrics.json`` back, and compare the digest of the decisions beside it."""
    from pydantic import ValidationError  # noqa: PLC0415 - see _adapter

    path = Path(folder) / METRICS
    try:
        if not links and path.is_symlink():
            raise RecordError(f"{path} is a symbolic link; expected the record itself.")
        text = read_bounded(path, MOST_BYTES).decode("utf-8")
        content = json.loads(text, parse_constant=_refuse_constant)
    except FileNotFoundError as error:
        raise RecordError(
            f"there is no {METRICS} in {folder}; expected the output folder of `trivet run`."
        ) from error
    except RecursionError as error:
        raise RecordError(f"{path} is nested too deeply for a record of an audit.") from error
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror or first_line(error)}.") from error
    except ValueError as error:
        raise RecordError(f"{path} cannot be read as JSON: {first_line(error)}.") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise RecordError(
            f"{path} has schema version {one_line(version)}; this trivet reads version {SCHEMA_VERSION}. "
            "Run the audit again."
        )
    if not _are_plain(content):
        raise RecordError(f"{path} has a number that is not finite, or too large for any measurement.")
    try:
        record = _adapter().validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        steps = map(str, first["loc"])
        place = ".".join(step for step in steps if not step[:1].isupper())  # those are of types
        raise RecordError(
            f"{path} is not a record: {error.error_count()} places are wrong, the first is "
            f"{one_line(place, limit=200)}: {one_line(first['msg'], limit=200)}."
        ) from error
    if complaint := complaint_about(as_json(record)):
        raise RecordError(f"{path} is not a record: {complaint}.")
    read_decisions(folder, record.decisions, links=links)  # a baseline and evidence rest on both
    return record


def load_triggers(folder: str | Path) -> Triggers:
    """Read ``triggers.safetensors`` back; an empty mapping where the audit had none."""
    import safetensors  # noqa: PLC0415 - see save_record
    import safetensors.numpy  # noqa: PLC0415

    path = Path(folder) / TRIGGERS
    try:
        arrays = safetensors.numpy.load(read_bounded(path, MOST_TRIGGER_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RecordError(
            f"{path} cannot be read: {error.strerror or first_line(error)}. Run the audit again."
        ) from error
    except Exception as error:  # an untrusted file can make the library fail in any way
        raise RecordError(f"{path} cannot be read: {first_line(error)}. Run the audit again.") from error
    if missing := [name for name in TRIGGER_NAMES if name not in arrays]:
        raise RecordError(f"{path} lacks {', '.join(missing)}. Run the audit again.")
    return arrays


def _are_plain(value: Any) -> bool:
    """Tell whether all numbers of a document are such as can be reckoned with."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            waiting += here.values()
        elif isinstance(here, list):
            waiting += here
        elif isinstance(here, float):
            if not abs(here) <= LARGEST:
                return False
        elif isinstance(here, int) and abs(here) > LARGEST_COUNT:
            return False
    return True


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


#: More than an audit of ten thousand groups takes.
EARLIER_MOST_BYTES: Final = 16 * 2**20
_Audit = TypeVar("_Audit")


@dataclass(frozen=True)
class PrivacyAudits:
    """Finished audits of mechanisms, of a model and of code, and the digests of their files by name."""

    mechanisms: tuple[MechanismAudit, ...]
    membership: MembershipAudit | None
    code: tuple[CodeAudit, ...]
    inputs: dict[str, str]


@dataclass(frozen=True)
class FairnessAudits:
    """A finished audit of predictions and a comparison of mitigations, and the digests of their files."""

    audit: FairnessAudit | None
    comparison: FairnessComparison | None
    inputs: dict[str, str]


def read_privacy_audits(paths: Sequence[str | Path]) -> PrivacyAudits:
    """Read what ``trivet privacy audit-mechanism``, ``audit-model`` and ``audit-code`` wrote."""
    found, inputs = _read_all(
        paths,
        MechanismAudit | MembershipAudit | CodeAudit,
        "the mechanism.json of `trivet privacy audit-mechanism`, the membership.json of `trivet privacy "
        "audit-model` or the code.json of `trivet privacy audit-code`",
    )
    mechanisms = tuple(audit for audit in found if isinstance(audit, MechanismAudit))
    models = [audit for audit in found if isinstance(audit, MembershipAudit)]
    code = tuple(audit for audit in found if isinstance(audit, CodeAudit))
    return PrivacyAudits(mechanisms, _only(models, "audits of models"), code, inputs)


def read_fairness_audits(paths: Sequence[str | Path]) -> FairnessAudits:
    """Read what ``trivet fairness --out`` wrote."""
    found, inputs = _read_all(
        paths,
        FairnessAudit | FairnessComparison,
        "the fairness.json of `trivet fairness` on predictions or mitigations (amounts, rankings, several "
        "classes and a watch have no place in a run)",
    )
    audits = [audit for audit in found if isinstance(audit, FairnessAudit)]
    comparisons = [audit for audit in found if isinstance(audit, FairnessComparison)]
    return FairnessAudits(
        _only(audits, "audits of predictions"), _only(comparisons, "comparisons of mitigations"), inputs
    )


def _read_all(paths: Sequence[str | Path], kinds: Any, expected: str) -> tuple[list[Any], dict[str, str]]:
    """Read each file as one of `kinds`, a union of dataclasses; give them and their digests by name."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - only finished audits need it

    adapter = TypeAdapter(kinds)
    found: list[Any] = []
    inputs: dict[str, str] = {}
    for path in paths:
        content = _read(path)
        try:
            found.append(adapter.validate_json(content, extra="forbid"))
        except (ValidationError, RecursionError) as error:
            raise DataError(
                f"{path} is not a finished audit that a run takes in; expected {expected}, by this version."
            ) from error
        inputs[str(path)] = hashlib.sha256(content).hexdigest()
    return found, inputs


def _only(found: Sequence[_Audit], what: str) -> _Audit | None:
    if len(found) > 1:
        raise DataError(f"{len(found)} {what} are named; a report has room for one, leave one only.")
    return found[0] if found else None


def _read(path: str | Path) -> bytes:
    try:
        return read_bounded(path, EARLIER_MOST_BYTES)
    except OSError as error:
        raise DataError(
            f"the audit {one_line(path, limit=500)} cannot be read: {error.strerror}. Name another file."
        ) from error


MANIFEST = "manifest.json"

#: The libraries that numbers come from, where they are installed.
LIBRARIES = (
    "dp-accounting",
    "duckdb",
    "matplotlib",
    "numpy",
    "pypandoc_binary",
    "scikit-learn",
    "scipy",
    "torch",
    "typst",
)


def make_manifest(
    *,
    inputs: Mapping[str, str],
    seconds: Mapping[str, float],
    pdf_engine: str,
    started: datetime,
    origin: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, object]:
    """Return the manifest of a run that began at `started`; `origin` has its invocation and its files."""
    return {
        "trivet": version("trivet"),
        "started": started.astimezone(UTC).isoformat(timespec="seconds"),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "inputs": dict(inputs),
        "pdf_engine": pdf_engine,
        "python": platform.python_version(),
        "libraries": {
            name: found.version for name in LIBRARIES for found in islice(distributions(name=name), 1)
        },
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        **origin,
    }


def save_manifest(manifest: Mapping[str, object], folder: str | Path) -> Path:
    """Write ``manifest.json``."""
    return write_text(Path(folder) / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
