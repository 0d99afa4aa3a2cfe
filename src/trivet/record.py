"""All results of one audit: ``metrics.json``, its schema, and the triggers beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trivet.effects.results import EffectMatrix
from trivet.errors import RecordError
from trivet.fairness.own_results import OwnFairness
from trivet.fairness.results import FairnessStudy
from trivet.privacy.own_results import OwnPrivacy
from trivet.privacy.results import PrivacyStudy
from trivet.security.own_results import OwnSecurity
from trivet.security.results import SecurityStudy
from trivet.work.result_files import remove_result, write_text, write_whole

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "METRICS",
    "SCHEMA_VERSION",
    "STRIP_PIXELS",
    "STRIP_STAMPED",
    "AuditInfo",
    "AuditRecord",
    "Triggers",
    "as_json",
    "json_schema",
    "load_record",
    "load_triggers",
    "save_record",
    "to_text",
]

#: Raised when a place of ``metrics.json`` moves or changes its meaning.
SCHEMA_VERSION = 1
METRICS = "metrics.json"
TRIGGERS = "triggers.safetensors"

#: Trigger arrays by name, float32 in [0, 1]: of the study ``published.mask`` and ``corrected.mask``,
#: shape (labels, 1, height, width), and ``published.pattern`` and ``corrected.pattern``, shape
#: (labels, channels, height, width); of a network of one's own ``scan.mask`` and ``scan.pattern``. Where
#: a label is suspected, ``strip.pixels`` has the images of the strip, (n, channels, height, width), and of
#: a network of one's own ``strip.stamped`` has them with the trigger.
Triggers = Mapping[str, NDArray[np.float32]]
STRIP_PIXELS = "strip.pixels"
STRIP_STAMPED = "strip.stamped"
TRIGGER_NAMES = ("corrected.mask", "corrected.pattern", "published.mask", "published.pattern")
OWN_TRIGGER_NAMES = ("scan.mask", "scan.pattern")


@dataclass(frozen=True)
class AuditInfo:
    """What was asked for."""

    title: str
    seed: int


@dataclass(frozen=True)
class AuditRecord:
    """Everything that an audit measured; a leg that was not audited is None.

    A leg is its study, or what was found out of a system of one's own without the study. `effects` is what
    remedies of one leg do to the others, where that was measured.
    """

    schema_version: int
    audit: AuditInfo
    security: SecurityStudy | OwnSecurity | None
    privacy: PrivacyStudy | OwnPrivacy | None
    fairness: FairnessStudy | OwnFairness | None
    effects: EffectMatrix | None = None


@cache
def _adapter() -> "TypeAdapter[AuditRecord]":
    from pydantic import TypeAdapter  # noqa: PLC0415 - the types alone should cost nothing

    return TypeAdapter(AuditRecord)


def as_json(record: AuditRecord) -> dict[str, Any]:
    """Return the record as plain JSON values."""
    return _adapter().dump_python(record, mode="json")


def to_text(record: AuditRecord) -> str:
    """Return the content of ``metrics.json``: the same text for the same record, always.

    Raises
    ------
    RecordError
        If a measurement is NaN or infinite; what could not be measured must be None.
    """
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


def save_record(record: AuditRecord, triggers: Triggers, folder: Path) -> tuple[Path, ...]:
    """Write ``metrics.json`` and, where there are triggers, ``triggers.safetensors``, each whole.

    Returns
    -------
    tuple of Path
        The files written.
    """
    metrics = folder / METRICS
    write_text(metrics, to_text(record))
    arrays = folder / TRIGGERS
    if not triggers:
        remove_result(arrays)
        return (metrics,)
    import safetensors.numpy  # noqa: PLC0415 - a record without triggers needs none of it

    write_whole(
        arrays, safetensors.numpy.save({name: np.ascontiguousarray(triggers[name]) for name in triggers})
    )
    return metrics, arrays


def load_record(folder: Path) -> AuditRecord:
    """Read ``metrics.json`` back.

    Raises
    ------
    RecordError
        If the file is missing, of another version, or not a record.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - see _adapter

    path = folder / METRICS
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError as error:
        raise RecordError(
            f"there is no {METRICS} in {folder}; expected the output folder of `trivet run`."
        ) from error
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} cannot be read as JSON: {error}.") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise RecordError(
            f"{path} has schema version {version!r}; this trivet reads version {SCHEMA_VERSION}. "
            "Run the audit again."
        )
    try:
        return _adapter().validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        steps = map(str, first["loc"])
        place = ".".join(step for step in steps if not step[:1].isupper())  # those are of types
        raise RecordError(
            f"{path} is not a record: {error.error_count()} places are wrong, the first is {place}: "
            f"{first['msg']}."
        ) from error


def load_triggers(folder: Path) -> Triggers:
    """Read ``triggers.safetensors`` back; an empty mapping where the audit had none.

    Raises
    ------
    RecordError
        If the file is damaged or lacks an array.
    """
    import safetensors  # noqa: PLC0415 - see save_record
    import safetensors.numpy  # noqa: PLC0415

    path = folder / TRIGGERS
    if not path.exists():
        return {}
    try:
        arrays = safetensors.numpy.load(path.read_bytes())
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise RecordError(f"{path} cannot be read: {error}. Run the audit again.") from error
    expected = OWN_TRIGGER_NAMES if arrays.keys() & set(OWN_TRIGGER_NAMES) else TRIGGER_NAMES
    if missing := [name for name in expected if name not in arrays]:
        raise RecordError(f"{path} lacks {', '.join(missing)}. Run the audit again.")
    return arrays


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
