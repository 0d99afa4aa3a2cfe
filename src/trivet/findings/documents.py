"""Findings as JSON, for other tools, with the schema of that."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from trivet.findings.finding import Finding, Level, counts
from trivet.findings.origin import Origin
from trivet.wording import one_line

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["FindingsDocument", "findings_json", "findings_schema", "read_findings"]

#: Raised when a field moves or changes its meaning.
FINDINGS_VERSION = 1


@dataclass(frozen=True)
class FindingsDocument:
    """The content of ``findings.json``.

    Attributes
    ----------
    findings_version
        Of this layout.
    trivet
        Version that found it.
    title
        Of the audit.
    record, config
        Paths of ``metrics.json`` and of audit.toml; the second is None without one.
    counts
        Findings by level.
    findings
        In order: requirements, then each leg, then the corrections.
    """

    findings_version: int
    trivet: str
    title: str
    record: str
    config: str | None
    counts: dict[Level, int]
    findings: tuple[Finding, ...]


def findings_json(findings: Sequence[Finding], origin: Origin | None = None) -> str:
    """Return the content of ``findings.json``: the same text for the same findings, always."""
    origin = origin or Origin()
    document = FindingsDocument(
        findings_version=FINDINGS_VERSION,
        trivet=version("trivet"),
        title=one_line(origin.title, limit=200),
        record=one_line(origin.record, limit=1_000),
        config=None if origin.config is None else one_line(origin.config, limit=1_000),
        counts=counts(findings),
        findings=tuple(findings),
    )
    return json.dumps(asdict(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_findings(text: str) -> FindingsDocument:
    """Read the content of ``findings.json`` back."""
    return _adapter().validate_json(text)


def findings_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``findings.json`` (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_adapter().json_schema(mode="serialization"),
        "title": "The findings of a trivet audit",
    }


@cache
def _adapter() -> "TypeAdapter[FindingsDocument]":
    from pydantic import TypeAdapter  # noqa: PLC0415 - writing needs none of it

    return TypeAdapter(FindingsDocument)
